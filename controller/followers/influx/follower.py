"""The InfluxDB follower: pages of the journal become lines, in order, and lines are sent until stored."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgspec

from controller import runtime
from controller.followers.core_socket import CoreAway, CoreSocket
from controller.followers.follow import Page, follow
from controller.followers.influx.heads import head_line
from controller.followers.influx.held import OFFSET_NS, Held
from controller.followers.influx.lines import Lines
from controller.followers.influx.recording import Recording
from controller.followers.influx.sending import Sending
from controller.followers.influx.service import core_lines, follower_line
from controller.followers.influx.story import Story
from controller.followers.influx.targets import target
from controller.followers.influx.telling import Telling
from controller.followers.place import Cursor, Parked, dead_count, read_cursor, read_dead
from controller.plant.plant import Plant
from controller.plant.sinks import Influx
from controller.record.chain import Entry
from controller.record.errors import RecordError
from controller.record.heads import Heads, SentHead
from controller.record.reader import Reader

NAME: Final = "influx"
STATE_FORMAT: Final = 1
SERVICE_S: Final = 10.0


class Points:
    """Pages as lines. The same pages give the same lines, wherever one begins."""

    def __init__(self, plant: Plant, heartbeat_s: float) -> None:
        self.lines = Lines(plant)
        self.held = Held(heartbeat_s)
        self.story = Story(plant)
        self.heads = Heads()
        self._plant = plant.name

    def of(self, page: Page) -> Iterator[Sequence[str]]:
        """In pieces, a block each. Events come before the blocks that were written after them."""
        self.lines.know(page.names)
        events = iter(page.events)
        event = next(events, None)
        for run, block in page.blocks:
            found: list[str] = []
            while event is not None and event.seq <= block.seq:
                found += self._event(event, page.journal)
                event = next(events, None)
            found += self._kept(self.heads.time(block.last_ns), page.journal)
            found += self._full_periods(block.first_ns)
            found += self.lines.rows(block.samples, run)
            self.held.take(block.samples, block.last_ns)
            yield found
        while event is not None:
            yield list(self._event(event, page.journal))
            event = next(events, None)

    def _event(self, event: Entry, journal: str) -> Iterator[str]:
        yield from self._kept(self.heads.event(event), journal)
        yield from self.story.take(event)

    def _kept(self, heads: Iterable[SentHead], journal: str) -> Iterator[str]:
        for sent in heads:
            yield head_line(self._plant, journal, sent)

    def _full_periods(self, first_ns: int) -> Iterator[str]:
        for at_ns, rows in self.held.due(first_ns):
            yield from self.lines.rows(rows, held=True)
            yield from self.story.held(at_ns + OFFSET_NS)

    def dump(self) -> bytes:
        kept = {"format": STATE_FORMAT, "held": self.held.dump(), "story": self.story.dump()}
        kept["heads"] = self.heads.dump()
        return msgspec.msgpack.encode(kept)

    def load(self, state: bytes) -> None:
        """State of another format is left: what it remembered comes again with the next changes."""
        kept = msgspec.msgpack.decode(state)
        if kept.get("format") == STATE_FORMAT:
            self.held.load(kept["held"])
            self.story.load(kept["story"])
            if "heads" in kept:
                self.heads.load(kept["heads"])


class InfluxSink:
    """A `Sink`. What the service says of itself goes along with the next page."""

    def __init__(self, points: Points, sending: Sending) -> None:
        self.points, self.sending = points, sending
        self.service: list[str] = []  # the newest only, as it must not grow while the sink is away
        self.recording: list[str] = []
        self.behind_ns = 0

    async def take(self, page: Page) -> Sequence[Parked]:
        self.behind_ns = page.behind_ns
        own = [*self.recording, *self.service]
        self.recording, self.service = [], []
        parked = await self.sending.send(itertools.chain(self.points.of(page), (own,)))
        self.behind_ns = 0
        return parked

    def take_ledger(self, lines: list[str]) -> None:
        """They go along with the next page."""
        self.recording = lines

    def state(self) -> bytes:
        return self.points.dump()

    def load(self, state: bytes) -> None:
        self.points.load(state)


async def follow_influx(plant: Plant, settings: Influx, data: Path) -> None:
    """Runs until cancelled. Raises InUse, Damaged."""
    core = CoreSocket(runtime.of(data).commands)
    telling = Telling(NAME, f"InfluxDB at {settings.url}", core)
    sink = target(settings)
    sending = Sending(sink, telling, batch=settings.batch, dead=lambda: dead_count(data, NAME))
    follower = InfluxSink(Points(plant, settings.heartbeat_s), sending)
    try:
        async with asyncio.TaskGroup() as tasks:
            telling.standing(read_dead(data, NAME))
            tasks.create_task(telling.run(), name="telling")
            tasks.create_task(_tell_of_the_service(plant, data, follower, core), name="service")
            tasks.create_task(Recording(plant, data, NAME, follower.take_ledger).run(), name="recording")
            await follow(NAME, data, follower, core)
    finally:
        await sink.close()


async def _tell_of_the_service(plant: Plant, data: Path, follower: InfluxSink, core: CoreSocket) -> None:
    while True:
        at_ns = time.time_ns()
        lines: list[str] = []
        with contextlib.suppress(CoreAway):  # its missing points are what an outside watchdog waits for
            lines += core_lines(plant.name, await core.status(), at_ns)
        lag_s = (at_ns - follower.behind_ns) / 1e9 if follower.behind_ns else 0.0
        counts = {**asdict(follower.sending.meters), **behind(data), "dead": dead_count(data, NAME)}
        follower.service = [*lines, follower_line(plant.name, NAME, counts, lag_s, at_ns)]
        await asyncio.sleep(SERVICE_S)


def behind(data: Path) -> dict[str, int]:
    """How many blocks and events of the journal are not saved as sent."""
    known = read_cursor(data, NAME)
    try:
        with Reader(data) as reader:
            cursor = known if known and known.journal == reader.meta("id") else Cursor("")
            blocks, events = reader.last_block() - cursor.samples, reader.head().seq - cursor.events
    except RecordError:
        return {"blocks_behind": 0, "events_behind": 0}
    return {"blocks_behind": max(0, blocks), "events_behind": max(0, events)}
