"""Five thousand alarms that come and go together for a minute: what it costs an interlock, and what is kept.

The whole service runs in a process of its own (`python -m tests.bench.storm DATA ENDPOINT`): link, core with
5,000 alarms, journal, flight recorder, feed. The peer of each line is the same service under the same load of
values without the storm, in the same run.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from alarms.model import Alarm, Level, Side
from controller import runtime
from controller.app import Options, run_core
from controller.doors.commands import ask
from controller.plant.plant import Plant
from controller.record.reader import Reader, Where
from tests.bench import Table
from tests.bench.client import load_plant
from tests.bench.ingest import ROOT, Server, percentile
from tests.bench.load_server import SWING

ITEMS = 5_000
PERIOD_MS = 1000.0
FAST_MS = 10.0
LOST_MS = 1000.0


def stormy() -> Plant:
    """One alarm a tag, no delay: all of them turn with every cycle."""
    plant = load_plant(ITEMS, PERIOD_MS, FAST_MS)
    alarms = tuple(
        Alarm(f"{tag.name}.H", Level(tag.index, Side.HIGH, SWING / 2), 3, tag.name, "H", area="load")
        for tag in plant.tags
        if tag.name[1:].isdigit()
    )
    return dataclasses.replace(plant, alarms=alarms)


def run(quick: bool) -> Table:
    times = 40 if quick else 160  # a minute is about 150
    table = Table(
        title=f"storm: {ITEMS:,} alarms come or go together, once a second",
        peer="the same service and values, no alarm crosses its limit",
        load=f"{ITEMS:,} Floats x 1/s; {times} trips in each part, publishing {FAST_MS:g} ms",
    )
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        os.environ["HELOOP_RUNTIME"] = str(Path(folder) / "runtime")
        data = Path(folder) / "data"
        service = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.storm", data, server.endpoint], cwd=ROOT
        )
        try:
            while server.ask("trip 1")[0] >= LOST_MS:
                pass
            server.ask("trip 10")
            calm, quiet = server.ask(f"trip {times}"), status(data)
            server.ask("swing 1")
            wild, stormed = server.ask(f"trip {times}"), status(data)
            cycles = server.ask("swing 0")
            server.ask("trip 8")  # three cycles and more: all stand at 0 again
        finally:
            service.terminate()
            service.wait(10)
        turns = Counter(turned(data))
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        target = "difference <= 2 ms" if name == "p99" else ""
        ours, theirs = percentile(wild, share), percentile(calm, share)
        table.add(f"reaction, {name}", ours, theirs, "ms", better="less", target=target)
    for name in ("evaluate_ms_p99", "evaluate_ms_max", "step_ms_p99"):
        target = "<= 2 ms" if name == "evaluate_ms_p99" else ""
        table.add(name, stormed["loop"][name], quiet["loop"][name], "ms", better="less", target=target)
    # The last cycle ends the storm: what it left standing returns, and is a turn as well.
    raised = ITEMS * ((cycles + 1) // 2)
    table.add("alarms raised, journalled", turns["alarm.raised"], None, "", target=f"{raised:,}")
    table.add("alarms returned, journalled", turns["alarm.returned"], None, "", target=f"{raised:,}")
    table.notes.append(f"{cycles} cycles; evaluate: the last 2,000 slices")
    return table


def status(data: Path) -> dict[str, Any]:
    place = runtime.of(data)
    found: dict[str, Any] = ask(place.commands, {"query": "status"})["data"]
    return found


def turned(data: Path) -> list[str]:
    with Reader(data) as reader:
        found = Where(kinds=("alarm.raised", "alarm.returned"))
        return [event.kind for event in reader.events(where=found) if event.source.startswith("T")]


def main() -> None:
    logging.disable(logging.CRITICAL)
    data, endpoint = Path(sys.argv[1]), sys.argv[2]
    asyncio.run(run_core(stormy(), Options(data=data, endpoints={"P": endpoint}), lambda: None))


if __name__ == "__main__":
    main()
