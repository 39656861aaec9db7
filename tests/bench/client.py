"""One OPC UA client in a process of its own, measured from inside.

`python -m tests.bench.client KIND ENDPOINT ITEMS NORMAL_MS FAST_MS WARM_S FOR_S`. KIND: ours (the link alone)
and asyncua answer a TRIGGER by an ECHO, service (all of it) by a command. ITEMS load nodes are monitored as
well. After WARM_S it counts for FOR_S and prints one line of JSON: changes, cpu_s, wall_s, lags_ms (of the
last item of each notification).
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncua import Client, ua

from controller.app import Options, run_core
from controller.core.effects import Write
from controller.core.inputs import Batch, Input, LinkUp
from controller.opcua.link import Link
from controller.plant.plant import (
    By,
    Cause,
    Command,
    CommandEffect,
    Interlock,
    Origin,
    Plant,
    Plc,
    Reset,
    ResetBy,
    State,
    Unknown,
    Word,
)
from controller.plant.tags import Kind, NodeSource, Raw, Tag
from tests.bench.load_server import NODES, URI

FAST = frozenset(("TRIGGER", "CMD_ECHO", "CMD_RESULT"))


@dataclass
class Meter:
    """Counts while it runs."""

    changes: int = 0
    lags_ms: list[float] = field(default_factory=list)
    running: bool = False

    def lag(self, source_s: float) -> None:
        if self.running:
            self.lags_ms.append((time.time() - source_s) * 1e3)

    async def measure(self, warm_s: float, for_s: float) -> dict[str, Any]:
        await asyncio.sleep(warm_s)
        gc.freeze()
        self.changes, self.lags_ms, self.running = 0, [], True
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        await asyncio.sleep(for_s)
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        return {"changes": self.changes, "cpu_s": cpu_s, "wall_s": wall_s, "lags_ms": self.lags_ms}


def load_plant(items: int, normal_ms: float, fast_ms: float) -> Plant:
    """ITEMS Float tags, ECHO to be written, and an interlock that answers TRIGGER = 1 by a command."""
    rows = [(name, Raw(kind.name), name in FAST) for name, kind in NODES.items()]
    rows += [(f"T{number}", Raw.FLOAT, False) for number in range(items)]
    tags = tuple(
        Tag(at, name, name, Kind.ANALOG, "", "", 0, 1, NodeSource(0, URI, f"s={name}", raw), fast=fast)
        for at, (name, raw, fast) in enumerate(rows)
    )
    plc = Plc(0, "P", "", "", (URI,), 0, 1e9, None, None, None, fast_ms, normal_ms, 1e9)
    index = {tag.name: tag.index for tag in tags}
    stop = Command(
        index=0,
        name="C.CMD",
        text="",
        plc=0,
        word=index["WORD"],
        sequence=index["SEQUENCE"],
        epoch=index["EPOCH"],
        echo=index["CMD_ECHO"],
        result=index["CMD_RESULT"],
        words=(Word("stop", 2, Origin.AUTOMATIC, None, 5.0),),
    )
    trip = Interlock(
        index=0,
        name="S-1",
        text="TRIGGER",
        kind="trip",
        by=By.SERVICE,
        causes=(Cause("TRIGGER", "", State(index["TRIGGER"], (1,))),),
        needed=1,
        effects=(CommandEffect(0, "stop"),),
        latch=False,
        reset=Reset(ResetBy.AUTOMATIC),
        on_unknown=Unknown.HOLD,
        unknown_delay_s=30,
        bypass=None,
    )
    return Plant("load", "", "UTC", "turbine", 30, (), (plc,), tags, (stop,), (), (trip,), "", index)


async def ours(
    endpoint: str, items: int, normal_ms: float, fast_ms: float, times: tuple[float, float]
) -> Any:
    """The link, with everything it does to a value, and an echo where the core would decide."""
    meter = Meter()
    up = asyncio.Event()
    plant = load_plant(items, normal_ms, fast_ms)
    echo = plant.index["ECHO"]
    link: Link

    def deliver(item: Input) -> None:
        if isinstance(item, Batch):
            if link.is_up and 0 in item.tags[:2]:
                value = float(item.values[item.tags == 0][-1])
                link.write(Write(0, 1, ((echo, value),), time.monotonic() + 1))
            meter.changes += len(item.tags)
            if len(item.tags) > len(NODES):
                meter.lag(item.source_ns[-1] / 1e9)
        elif isinstance(item, LinkUp):
            up.set()

    link = Link(plant.plcs[0], plant, endpoint, deliver)
    running = asyncio.create_task(link.run())
    await up.wait()
    result = await meter.measure(*times)
    running.cancel()
    await asyncio.wait([running])
    return result


async def bare_asyncua(
    endpoint: str, items: int, normal_ms: float, fast_ms: float, times: tuple[float, float]
) -> Any:
    """What a user writes with asyncua: a handler that is called for each change; sampling 0, queue 10."""
    meter = Meter()
    # With its usual watchdog of 1 s a saturated asyncua client gives itself up, and counts nothing.
    client = Client(endpoint, timeout=60, watchdog_intervall=60)
    await client.connect()
    index = await client.get_namespace_index(URI)
    nodes = [client.get_node(ua.NodeId(f"T{number}", index)) for number in range(items)]
    echo = client.get_node(ua.NodeId("ECHO", index))
    last = nodes[-1].nodeid if nodes else None

    class Values:
        def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
            meter.changes += 1
            if node.nodeid is last:
                meter.lag(data.monitored_item.Value.SourceTimestamp.timestamp())

    class Trigger:
        async def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
            if value:
                await echo.write_value(ua.DataValue(ua.Variant(value, ua.VariantType.UInt32)))

    if items:
        subscription = await client.create_subscription(normal_ms, Values())
        for start in range(0, items, 1000):
            await subscription.subscribe_data_change(
                nodes[start : start + 1000], queuesize=10, sampling_interval=ua.Double(0)
            )
    fast = await client.create_subscription(fast_ms, Trigger())
    trigger = client.get_node(ua.NodeId("TRIGGER", index))
    await fast.subscribe_data_change(trigger, queuesize=10, sampling_interval=ua.Double(0))
    return await meter.measure(*times)


async def service(
    endpoint: str, items: int, normal_ms: float, fast_ms: float, times: tuple[float, float]
) -> Any:
    """The service as it runs in a plant: link, core, journal, flight recorder, intents, feed.

    In the data directory that HELOOP_BENCH_DATA names, where others look for it; else in one of its own.
    """
    with tempfile.TemporaryDirectory() as own:
        folder = os.environ.get("HELOOP_BENCH_DATA", own)
        os.environ["HELOOP_RUNTIME"] = str(Path(folder) / "runtime")
        options = Options(data=Path(folder), endpoints={"P": endpoint})
        running = asyncio.create_task(run_core(load_plant(items, normal_ms, fast_ms), options, lambda: None))
        result = await Meter().measure(*times)
        running.cancel()
        await asyncio.wait([running])
    return result


async def main() -> None:
    logging.disable(logging.CRITICAL)
    kind, endpoint, *numbers = sys.argv[1:]
    items, normal_ms, fast_ms, warm_s, for_s = (float(number) for number in numbers)
    result = await {"ours": ours, "asyncua": bare_asyncua, "service": service}[kind](
        endpoint, int(items), normal_ms, fast_ms, (warm_s, for_s)
    )
    print(json.dumps(result), flush=True)
    os._exit(0)  # a saturated client would take long to end


if __name__ == "__main__":
    asyncio.run(main())
