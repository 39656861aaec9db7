"""Five thousand alarms that toggle at once, each second for a minute, beside an interlock that trips.

The loop of the service with its journal, intent ring and budget; links that answer at once. What is
measured is the time from a value in the inbox to the write of the trip that it causes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alarms.annunciator import Settings
from alarms.model import Alarm, Level, Side
from controller.core.core import Core
from controller.core.effects import Write
from controller.core.inputs import Batch, LinkUp, WriteDone
from controller.doors.feed import Feed
from controller.loop import Clock, Inbox, Loop
from controller.plant.plant import CommandEffect, Compare, Plant
from controller.record.intents import IntentRing
from controller.record.journal import Journal
from controller.record.reader import Reader, Where
from tests.bench import Table
from tests.bench.ingest import percentile
from tests.unit.plants import Draft, valve

ALARMS = 5_000
SECONDS, QUICK_S = 60, 5
PAUSE_S = (0.02, 0.06)
SWITCH_S = 0.0005  # as in the service: threads hand the interpreter back


def plant() -> Plant:
    """One tag and one alarm each; S-1 shuts XV-1 while T is above 10, and resets itself."""
    draft = Draft()
    plc = draft.plc("L")
    trip = draft.tag("T", plc)
    command = valve(draft, "XV-1", plc)
    draft.interlock("S-1", Compare(trip, ">", 10.0), [CommandEffect(command, "shut")], latch=False)
    tags = [draft.tag(f"A-{number}", plc) for number in range(ALARMS)]
    alarms = tuple(Alarm(f"A-{n}.H", Level(tag, Side.HIGH, 90.0), 3, f"A-{n}") for n, tag in enumerate(tags))
    return replace(draft.build(), alarms=alarms, annunciator=Settings(flood_begins=10))


@dataclass
class Plc:
    """Obeys at once, and notes when each trip's write came."""

    plant: Plant
    inbox: Inbox
    counter: int = 0
    asked_s: float = 0.0
    reactions_ms: list[float] | None = None

    def say(self, **values: float) -> None:
        self.tell([self.plant.index[name.replace("_", "-", 1)] for name in values], list(values.values()))

    def tell(self, tags: list[int], values: list[float]) -> None:
        size = len(tags)
        times = np.full(size, time.time_ns(), np.int64)
        self.inbox.put(
            Batch(0, np.array(tags, np.int32), np.array(values, np.float64), np.zeros(size, np.uint32), times)
        )

    def beat(self) -> None:
        self.counter += 1
        self.tell([self.plant.plcs[0].alive], [float(self.counter % 65536)])

    def write(self, write: Write) -> None:
        if not write.intent:
            return
        if self.reactions_ms is not None:
            self.reactions_ms.append((time.perf_counter() - self.asked_s) * 1e3)
        command = self.plant.commands[0]
        shut = self.plant.index["XV-1.ZSC"]
        self.inbox.put(WriteDone(write.intent, 0))
        sequence = float(write.context["sequence"])
        self.tell([command.echo, command.result, shut], [sequence, 1.0, 1.0])

    def reconnect(self, reason: str) -> None:
        raise AssertionError(f"the PLC is here: {reason}")


@asynccontextmanager
async def service(data: Path) -> AsyncIterator[tuple[Plc, Loop]]:
    made, inbox = plant(), Inbox()
    plc = Plc(made, inbox)
    with contextlib.ExitStack() as stack:
        journal = Journal.open(data, made.name, made.tags)
        stack.callback(journal.close, 60.0)
        intents = stack.enter_context(IntentRing.open(data / "intents"))
        loop = Loop(
            core=Core(made, 1),
            clock=Clock(),
            inbox=inbox,
            links={0: plc},
            plcs=["L"],
            journal=journal,
            intents=intents,
            recorder=None,
            feed=Feed(made, list),
        )
        task = asyncio.create_task(loop.run())
        names = made.tags
        plc.tell([tag.index for tag in names], [1.0 if tag.name == "L.REMOTE" else 0.0 for tag in names])
        plc.beat()
        inbox.put(LinkUp(0))
        plc.beat()
        await loop.ready.wait()
        try:
            yield plc, loop
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass
class Minute:
    """reactions, slices of evaluate: ms. toggles: of all alarms; decided: events of the core."""

    reactions: list[float]
    slices: list[float]
    toggles: int
    decided: int


async def minute(data: Path, seconds: int, *, storm: bool) -> Minute:
    draw, toggles = random.Random(1), 0
    async with service(data) as (plc, loop):
        tags = [plc.plant.index[f"A-{number}"] for number in range(ALARMS)]
        plc.reactions_ms = []
        loop.meters.evaluate_s.clear()
        over_s = time.monotonic() + seconds
        next_s = time.monotonic()
        while (now_s := time.monotonic()) < over_s:
            if now_s >= next_s:
                next_s += 1.0
                plc.beat()
                if storm:
                    toggles += 1
                    plc.tell(tags, [99.0 if toggles % 2 else 0.0] * ALARMS)
            await asyncio.sleep(draw.uniform(*PAUSE_S))
            plc.asked_s = time.perf_counter()
            plc.say(T=11.0)
            await asyncio.sleep(draw.uniform(*PAUSE_S))
            plc.say(T=1.0)
            plc.tell([plc.plant.index["XV-1.ZSC"]], [0.0])
        slices = [one * 1e3 for one in loop.meters.evaluate_s]
        last = LinkUp(0)
        await loop.settle(last, 60.0)
        await asyncio.sleep(1.0)  # the last slices of the last toggle
        await loop.settle(last, 60.0)
        decided = loop.meters.events
    return Minute(plc.reactions_ms, slices, toggles * ALARMS, decided)


def journalled(data: Path, *kinds: str) -> int:
    with Reader(data) as reader:
        return sum(entry.source != "journal" for entry in reader.events(where=Where(kinds=kinds)))


def run(quick: bool) -> Table:
    seconds = QUICK_S if quick else SECONDS
    table = Table(
        "alarm storm beside a trip",
        "the same loop without the storm, same run",
        f"{ALARMS:,} alarms toggle at once each second for {seconds} s; a trip every 80 ms",
    )
    sys.setswitchinterval(SWITCH_S)
    with tempfile.TemporaryDirectory() as calm, tempfile.TemporaryDirectory() as stormy:
        gc.collect()
        gc.freeze()
        still = asyncio.run(minute(Path(calm), seconds, storm=False))
        found = asyncio.run(minute(Path(stormy), seconds, storm=True))
        gc.unfreeze()
        kept = journalled(Path(stormy))
        turned = journalled(Path(stormy), "alarm.raised", "alarm.returned")
    for share, text in ((0.5, "p50"), (0.99, "p99"), (1.0, "max")):
        ours, theirs = percentile(found.reactions, share), percentile(still.reactions, share)
        table.add(f"value in the inbox -> write, {text}", ours, theirs, "ms", better="less")
    more = percentile(found.reactions, 0.99) - percentile(still.reactions, 0.99)
    table.add("p99 with the storm less p99 without", more, None, "ms", better="less", target="<= 2 ms")
    for share, text in ((0.5, "p50"), (0.99, "p99")):
        ours, theirs = percentile(found.slices, share), percentile(still.slices, share)
        table.add(f"slice of evaluate, {text}", ours, theirs, "ms", better="less", target="<= 2 ms")
    table.add("decided events that are in the journal", kept, None, "", target=f"{found.decided:,}")
    table.add("alarm transitions of the toggles", turned, None, "", target=f"{found.toggles:,}")
    table.notes.append(f"{len(found.reactions)} trips in the storm, {len(still.reactions)} without")
    table.notes.append(f"journalled {kept:,} of {found.decided:,} events; {turned:,} transitions")
    table.notes.append("an alarm that still waits for its look when its tag toggles again has not turned")
    return table
