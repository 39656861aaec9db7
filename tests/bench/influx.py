"""The way into InfluxDB: making lines, and catching up after an outage, beside influxdb-client and a batcher.

Both sides send the same rows to the same influxd in the same run. The batcher does what Telegraf does:
5,000 lines a request, one after the other, from lines in memory; ours reads the journal and makes them, while
live rows keep coming in.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from controller.followers.influx.follower import behind, follow_influx
from controller.followers.influx.lines import Lines
from controller.plant.plant import Plant
from controller.plant.tags import Kind
from controller.record.reader import Reader, TagName
from controller.record.samples import Samples
from tests.bench import Table
from tests.influxd import Influxd
from tests.journalled import T0, S, Writing, plant_of

BATCH = 5_000
TAGS = 2_000
PEER_ROWS = 250_000


def run(quick: bool) -> Table:
    import influxdb_client

    table = Table(
        "InfluxDB follower",
        f"influxdb-client {influxdb_client.__version__}",
        f"{TAGS:,} tags like the university plant's, each once a second, influxd 1.6.7 on this machine",
    )
    _build(table, 20_000 if quick else 100_000)
    with tempfile.TemporaryDirectory() as folder, Influxd(Path(folder) / "influx") as server:
        _catch_up(table, Path(folder), server, 60 if quick else 600)
    return table


def _build(table: Table, count: int) -> None:
    from influxdb_client.client.write.point import Point
    from influxdb_client.domain.write_precision import WritePrecision

    names = {1: TagName("LT-201", "%", "analog")}
    lines = Lines(plant_of("university"))
    lines.know(names)
    values = np.round(np.random.default_rng(1).normal(50, 5, count), 3)
    times = T0 + np.arange(count) * S
    nothing = np.zeros(count, np.int64)
    rows = Samples(
        np.ones(count, np.uint32), values, nothing.astype(np.uint32), times, nothing.astype(np.uint8), nothing
    )
    pairs = list(zip(values.tolist(), times.tolist(), strict=True))

    def peer() -> None:
        for value, at in pairs:
            tagged = Point("sample").tag("area", "bag").tag("plant", "university")  # type: ignore[no-untyped-call]
            tagged = tagged.tag("plc", "R").tag("tag", "LT-201").tag("unit", "%")
            told = tagged.field("value", value).field("quality", 0).time(at, WritePrecision.NS)
            told.to_line_protocol()

    ours_us = min(_cpu_s(lambda: lines.rows(rows)) for _ in range(5)) / count * 1e6
    peer_us = _cpu_s(peer) / count * 1e6
    table.add("a line, CPU", ours_us, peer_us, "us", better="less", target=">= 10x")


def _cpu_s(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def _catch_up(table: Table, folder: Path, server: Influxd, outage_s: int) -> None:
    plant = _large(plant_of("university"), TAGS)
    writing = Writing(folder / "data", plant)
    writing.scan(outage_s)
    texts = _as_lines(writing, PEER_ROWS)
    for database in ("test", "client", "batcher", "batcher2"):
        server.query(f"CREATE DATABASE {database}")
    batcher_s = [_batcher(server, texts, "batcher")]
    ours_s, live_s = asyncio.run(_ours(writing, server))
    batcher_s.append(_batcher(server, texts, "batcher2"))
    client_s = _client(server, texts)
    rows = TAGS * (outage_s + live_s)
    for database, sent in (("test", rows), ("client", len(texts)), ("batcher", len(texts))):
        stored = server.values('SELECT count("quality"), count("held") FROM "sample"', database)
        kept = stored[0][1] - (stored[0][2] or 0) if stored and len(stored[0]) > 2 else 0
        table.notes.append(f"{database}: {kept:,} of {sent:,} rows stored")
    writing.close()
    pace = rows / ours_s
    table.add("catch-up beside the client's batching API", pace, len(texts) / client_s, "rows/s")
    table.add("catch-up beside a Telegraf-style batcher", pace, len(texts) / min(batcher_s), "rows/s")
    table.add(f"times real time at {TAGS:,} tags x 1 Hz", pace / TAGS, None, "x", target=">= 20x")
    table.notes.append(
        f"an outage of {outage_s} s was caught up in {ours_s:.1f} s, while {live_s} s of live rows came in"
    )


def _large(plant: Plant, count: int) -> Plant:
    """The plant's tags again and again, under new names, until there are so many with numbers."""
    numeric = [tag for tag in plant.tags if tag.kind is not Kind.TEXT]
    more = [
        replace(
            numeric[n % len(numeric)], index=len(plant.tags) + n, name=f"{numeric[n % len(numeric)].name}-{n}"
        )
        for n in range(count - len(numeric))
    ]
    tags = (*plant.tags, *more)
    return replace(plant, tags=tags, index={tag.name: tag.index for tag in tags})


def _as_lines(writing: Writing, count: int) -> list[str]:
    """The first of the journal's rows."""
    lines = Lines(writing.plant)
    found: list[str] = []
    after = 0
    with Reader(writing.data) as reader:
        lines.know(reader.tags())
        while len(found) < count and (blocks := reader.blocks(after)):
            after = blocks[-1].id
            found += [text for block in blocks for text in lines.rows(block.samples)]
    return found[:count]


async def _ours(writing: Writing, server: Influxd) -> tuple[float, int]:
    """(s until all is stored and the place saved, up to 1 s later; s of live rows meanwhile)."""
    started_s = time.perf_counter()
    task = asyncio.create_task(follow_influx(writing.plant, server.settings(), writing.data))
    live_s = 0
    while behind(writing.data)["blocks_behind"]:
        await asyncio.sleep(0.05)
        if time.perf_counter() - started_s >= live_s + 1:
            await asyncio.to_thread(writing.scan, 1)
            live_s += 1
    lasted_s = time.perf_counter() - started_s
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return lasted_s, live_s


def _batcher(server: Influxd, texts: list[str], database: str) -> float:
    started_s = time.perf_counter()
    for first in range(0, len(texts), BATCH):
        data = "\n".join(texts[first : first + BATCH]).encode()
        request = urllib.request.Request(f"{server.url}/write?db={database}&precision=ns", data=data)
        urllib.request.urlopen(request, timeout=60).close()
    return time.perf_counter() - started_s


def _client(server: Influxd, texts: list[str]) -> float:
    """Its batching API writes to /api/v2/write, which 1.6.7 has not: its requests are turned into /write."""
    from influxdb_client.client.influxdb_client import InfluxDBClient
    from influxdb_client.client.write_api import WriteApi, WriteOptions

    with InfluxDBClient(url=server.url, token="", org="-", timeout=60_000) as client:
        started_s = time.perf_counter()
        api: WriteApi = client.write_api(WriteOptions(batch_size=BATCH, flush_interval=1_000))
        api._write_service.post_write = _to_version_1(server)  # type: ignore[method-assign]
        for text in texts:
            api.write("client", "-", text)
        api.close()  # type: ignore[no-untyped-call]
        return time.perf_counter() - started_s


def _to_version_1(server: Influxd) -> Callable[..., object]:
    def post(**asked: object) -> object:
        body = asked["body"]
        assert isinstance(body, bytes)
        request = urllib.request.Request(f"{server.url}/write?db=client&precision=ns", data=body)
        urllib.request.urlopen(request, timeout=60).close()
        return None, 204, {}

    return post
