"""What it costs to serve history, beside asyncua's own: HistorySQLite, a table per node, a row per value.

Both hold the same day of the same tag; ours among 50 others, with all but the last hour folded in, as hourly
compaction leaves it. 'Served' is from the request to the bytes of the answers, all pages of them; 'over the
wire' is with asyncua's client against each server, channel without security. asyncua has no processed reads:
there a client reads the day and averages by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from asyncua import Client, Server, ua
from asyncua.server.history_sql import HistorySQLite
from asyncua.ua.ua_binary import struct_to_binary, variant_to_binary

from controller.core.clock import Now
from controller.core.effects import Values as Rows
from controller.core.inputs import Batch
from controller.opcua.gateway import attributes
from controller.opcua.gateway.conditions.making import make
from controller.opcua.gateway.history import history, raw
from controller.opcua.gateway.history.aggregates import AGGREGATES
from controller.opcua.gateway.history.chronicle import Chronicle
from controller.opcua.gateway.history.history import Histories, Wanted
from controller.opcua.gateway.history.quality import Setup
from controller.opcua.gateway.history.reads import ProcessedRead, RawRead, Read
from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.space.names import of_plant
from controller.opcua.gateway.space.plant import PlantNodes
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.values import Values
from controller.plant.plant import Plant
from controller.record.compaction import compact
from controller.record.journal import Journal
from controller.record.waiting import Limits
from tests.bench import Table
from tests.system.gateway_rig import bare, settings, tutorial

T0 = 1_767_574_800_000_000_000
S = 1_000_000_000
START = datetime.fromtimestamp(T0 / 1e9, UTC)
PERIOD_S = 5
TAGS = 50
PAGE = 10_000
NAME = "T-25"


@dataclass(frozen=True, slots=True)
class Day:
    """hours of it; values: of the tag that is read."""

    plant: Plant
    hours: int
    values: np.ndarray

    @property
    def end(self) -> datetime:
        return START + timedelta(hours=self.hours)

    @property
    def end_ns(self) -> int:
        return T0 + self.hours * 3600 * S


def made(hours: int) -> Day:
    whole = tutorial()
    tags = tuple(replace(whole.tags[0], index=n, name=f"T-{n}", alarms=()) for n in range(TAGS))
    names = {tag.name: tag.index for tag in tags}
    plant = replace(
        whole, tags=tags, index=names, commands=(), permissives=(), interlocks=(), alarms=(),
        suppressions=(), first_out_groups=(),
    )  # fmt: skip
    walk = np.cumsum(np.random.default_rng(1).normal(0, 0.05, hours * 3600 // PERIOD_S)) + 50
    return Day(plant, hours, walk)


def record(day: Day, directory: Path) -> None:
    journal = Journal.open(directory, "bench", day.plant.tags, archived=False, limits=Limits(batch_s=0.0))
    a_minute = 60 // PERIOD_S
    for minute in range(day.hours * 60):
        if minute == (day.hours - 1) * 60:
            compact(directory)
        steps = np.repeat(np.arange(minute * a_minute, (minute + 1) * a_minute), TAGS)
        tags = np.tile(np.arange(TAGS, dtype=np.int32), a_minute)
        time_ns = T0 + steps * PERIOD_S * S
        batch = Batch(0, tags, day.values[steps], np.zeros(len(steps), np.uint32), time_ns)
        journal.append([], [Rows(batch)], Now(0, 0, int(time_ns[-1]))).result()
    journal.close()


async def record_peer(day: Day, path: Path, node: ua.NodeId) -> HistorySQLite:
    peer = HistorySQLite(str(path), 10 * PAGE)  # one page: over the wire its second one never comes
    await peer.init()
    await peer.new_historized_node(node, None)
    rows = []
    for step, value in enumerate(day.values.tolist()):
        # A microsecond more, since it cannot read back a whole second that knows its time zone.
        at = START + timedelta(seconds=step * PERIOD_S, microseconds=1)
        blob = variant_to_binary(ua.Variant(value, ua.VariantType.Double))
        rows.append((at, at, 0, str(value), "Double", blob))
    db = sqlite3.connect(path)
    table = peer._get_table_name(node)
    db.executemany(f'INSERT INTO "{table}" VALUES (NULL, ?, ?, ?, ?, ?, ?)', rows)
    db.commit()
    db.close()
    return peer


async def served(histories: Histories, read: Read) -> int:
    """All pages, encoded as they are sent; how many bytes."""
    session, position, size = Session(ua.NodeId(), "", 0.0), None, 0
    while True:
        (answer,) = await histories.pages(session, [Wanted(ua.NodeId(), read, position)], PAGE)
        response = ua.HistoryReadResponse()
        result = ua.HistoryReadResult()
        result.HistoryData = answer.data
        response.Results = [result]
        size += len(struct_to_binary(response))
        position = answer.position
        if not answer.more:
            return size


async def read_of_peer(peer: HistorySQLite, node: ua.NodeId, day: Day) -> list[ua.DataValue]:
    found: list[ua.DataValue] = []
    start: datetime | None = START
    while start is not None:
        page, goes_on = await peer.read_node_history(node, start, day.end, 0)
        found += page
        start = None if goes_on is None else goes_on.replace(tzinfo=UTC)
    return found


async def served_by_peer(peer: HistorySQLite, node: ua.NodeId, day: Day) -> int:
    values = await read_of_peer(peer, node, day)
    size = 0
    for first in range(0, len(values), PAGE):
        response = ua.HistoryReadResponse()
        result = ua.HistoryReadResult()
        result.HistoryData = ua.HistoryData(values[first : first + PAGE])
        response.Results = [result]
        size += len(struct_to_binary(response))
    return size


async def averaged_by_hand(peer: HistorySQLite, node: ua.NodeId, day: Day) -> int:
    values = [value.Value.Value for value in await read_of_peer(peer, node, day)]
    per_minute = 60 // PERIOD_S
    return len(
        np.array(values)[: len(values) // per_minute * per_minute].reshape(-1, per_minute).mean(axis=1)
    )


async def fastest_ms(act: Callable[[], Awaitable[Any]], times: int = 5) -> float:
    found = []
    for _ in range(times):
        started_s = time.perf_counter()
        await act()
        found.append(time.perf_counter() - started_s)
    return min(found) * 1e3


async def standstill_ms(act: Callable[[], Awaitable[Any]]) -> float:
    """The longest that nothing else had a turn on the loop meanwhile."""
    longest, done = 0.0, False

    async def watch() -> None:
        nonlocal longest
        last_s = time.perf_counter()
        while not done:
            await asyncio.sleep(0)
            longest, last_s = max(longest, time.perf_counter() - last_s), time.perf_counter()

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await act()
    done = True
    await watching
    return longest * 1e3


async def compare(table: Table, day: Day, scratch: Path) -> None:
    record(day, scratch / "data")
    # It names its tables after node ids, and refuses its own names for those that are strings.
    peers_node = ua.NodeId(ua.Int32(25), ua.Int16(2))
    peer = await record_peer(day, scratch / "peer.db", peers_node)
    space = Space(day.plant, [StandardNodes()])
    conditions = make(day.plant, space, lambda _: None, "")
    histories = Histories(scratch / "data", Chronicle(conditions.conditions, conditions.story))
    tag = day.plant.tag(NAME)
    what = raw.wanted(T0, day.end_ns, 0, bounds=False, modified=False)
    assert what is not None
    whole = RawRead(tag, what)
    averages = ProcessedRead(tag, T0, day.end_ns, 60_000, AGGREGATES[2342], Setup())
    weighted = ProcessedRead(tag, T0, day.end_ns, 60_000, AGGREGATES[2343], Setup())

    mine, theirs = await served(histories, whole), await served_by_peer(peer, peers_node, day)
    table.notes.append(f"{len(day.values):,} values: {mine:,} bytes of answers; peer {theirs:,}")
    ours = partial(served, histories)
    raw_peer = partial(served_by_peer, peer, peers_node, day)
    by_hand = partial(averaged_by_hand, peer, peers_node, day)
    peer_ms, hand_ms = await fastest_ms(raw_peer), await fastest_ms(by_hand)
    table.add("served: raw", await fastest_ms(partial(ours, whole)), peer_ms, "ms", better="less")
    table.add(
        "served: averages a minute", await fastest_ms(partial(ours, averages)), hand_ms, "ms", better="less"
    )
    table.add(
        "served: time averages a minute", await fastest_ms(partial(ours, weighted)), None, "ms", better="less"
    )
    still = await standstill_ms(partial(ours, whole))
    table.add("loop stands still: raw", still, await standstill_ms(raw_peer), "ms", better="less")
    await over_the_wire(table, day, histories, peer, peers_node)
    histories.close()
    await peer.stop()


async def over_the_wire(
    table: Table, day: Day, histories: Histories, peer: HistorySQLite, peers_node: ua.NodeId
) -> None:
    values = Values(day.plant)
    orders = Orders(Path("no.sock"))
    space = Space(day.plant, [StandardNodes(), PlantNodes(day.plant, values, Picture(orders, values))])
    parts = {"plant": day.plant, "space": space, "values": values, "histories": histories}
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0")
    server.iserver.history_manager.set_storage(peer)
    folder = await server.nodes.objects.add_folder(ua.NodeId("folder", 2), "2:folder")
    await folder.add_variable(peers_node, f"2:{NAME}", 0.0)
    async with server, bare(settings(), [history.SERVICES, attributes.SERVICES], **parts) as rig:
        port = server.bserver._server.sockets[0].getsockname()[1]
        figures = []
        for url, node in ((rig.url, of_plant(NAME)), (f"opc.tcp://127.0.0.1:{port}", peers_node)):
            async with Client(url, timeout=60, watchdog_intervall=60) as client:
                reads = client.get_node(node)
                one = partial(reads.read_raw_history, START, day.end, return_bounds=False)
                assert len(await one()) >= len(day.values)
                figures.append(await fastest_ms(one, 3))
    table.add("over the wire: raw", figures[0], figures[1], "ms", better="less")


def run(quick: bool) -> Table:
    day = made(4 if quick else 24)
    table = Table(
        "History over OPC UA",
        "asyncua's HistorySQLite",
        f"{day.hours} h of one tag at {PERIOD_S} s, of {TAGS} recorded, {PAGE:,} values a page",
    )
    with tempfile.TemporaryDirectory(prefix="heloop-bench-") as folder:
        asyncio.run(compare(table, day, Path(folder)))
    return table
