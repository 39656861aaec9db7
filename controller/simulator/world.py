"""Core, plant and clock in one process: no sockets, no disk, no wall time. Same seed, same bytes.

Each step moves the plant by `step_s` plant seconds, hands what its instruments then show to the core
as a link would (raw and back, only what changed, first a whole confirmed picture), and gives the
core's writes to the PLCs at once. Wall time is simulated time too, and begins with the connecting of the
links; plant seconds begin when every PLC is alive, as in a run with sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from alarms.signal import BAD_NO_COMMUNICATION, GOOD
from controller.core.clock import Now
from controller.core.core import Core
from controller.core.effects import Effect, Event, Reconnect, Reply, Values, Write
from controller.core.inputs import Batch, Input, LinkDown, LinkUp, Request, WriteDone
from controller.plant.plant import Plant
from controller.record.archive import Archive
from controller.simulator.screen import Screen

START_UTC_NS: Final = 1_767_574_800_000_000_000  # 2026-01-05T01:00Z, a Monday, 10:00 in Japan
STEP_S: Final = 0.5
CONNECT_S: Final = 1.0
BUDGET: Final = 2**31


class Computer(Protocol):
    """The state of a PLC's computer: on, frozen behind a gateway, its clock, how often it came up."""

    @property
    def online(self) -> bool: ...
    @property
    def frozen(self) -> bool: ...
    @property
    def clock_offset_s(self) -> float: ...
    @property
    def restarts(self) -> int: ...


class Machine(Protocol):
    """The simulated plant, as the world steps it."""

    def advance(self, plant_s: float, wall_s: float) -> None: ...
    def readings(self, plc: int) -> Any: ...
    def write(self, plc: int, fields: Sequence[tuple[int, float]]) -> None: ...
    def computer(self, plc: int) -> Computer: ...


@dataclass(slots=True)
class _Line:
    """What a link would remember of one PLC."""

    up_at_s: float | None = 0.0
    up: bool = False
    restarts: int = 0
    changes: int = 0
    screen: Screen | None = None


class World:
    """step() until time is over; events, writes and counters are then all there is to know.

    archive: count the rows that a journal would keep (`samples` of a report); costs a tenth of the time.
    """

    def __init__(
        self,
        plant: Plant,
        machine: Machine,
        *,
        step_s: float = STEP_S,
        epoch: int = 1,
        archive: bool = False,
    ) -> None:
        self.plant = plant
        self.machine = machine
        self.core = Core(plant, epoch)
        self.step_s = step_s
        self.plant_s = 0.0
        self.mono_s = 0.0
        self.events: list[Event] = []
        self.writes: list[tuple[float, Write]] = []
        self.replies: list[Reply] = []
        self.changes = 0
        self.archive = Archive(plant.tags) if archive else None
        self.on_write: Callable[[Write], None] | None = None
        self._lines = [_Line() for _ in plant.plcs]
        self._waiting: list[Input] = []
        self._kept: list[Values] = []

    @property
    def samples(self) -> int:
        """Rows that a journal would have kept so far; 0 without an archive."""
        return 0 if self.archive is None else self.archive.kept

    @property
    def now(self) -> Now:
        return Now(self.plant_s, self.mono_s, START_UTC_NS + round(self.mono_s * 1e9))

    def run(self, until_s: float, progress: Callable[[float], None] | None = None) -> None:
        """progress is told the plant second, about once per simulated minute."""
        told = 0
        while self.plant_s < until_s:
            self.step()
            if progress is not None and int(self.plant_s // 60) > told:
                told = int(self.plant_s // 60)
                progress(self.plant_s)

    def links(self) -> list[dict[str, Any]]:
        """One row per PLC, as the report lists them."""
        return [
            {"plc": plc.name, "up": line.up, "changes": line.changes, "overflows": 0, "gaps": 0}
            for plc, line in zip(self.plant.plcs, self._lines, strict=True)
        ]

    def ask(self, request: Request) -> None:
        """A person's request, decided in the next step."""
        self._waiting.append(request)

    def step(self) -> None:
        inputs = self._waiting
        self._waiting = []
        for plc, line in enumerate(self._lines):
            inputs.extend(self._received(plc, line))
        now = self.now
        protected = self.core.protect(now, inputs)
        self._carry_out(protected.effects)
        evaluated = self.core.evaluate(now, inputs, BUDGET)
        self._carry_out(evaluated.effects)
        if self.archive is not None and self._kept:
            self.archive.keep(_together(self._kept), now.utc_ns)
            self._kept = []
        plant_s = self.step_s if self.core.ready else 0.0
        self.machine.advance(plant_s, self.step_s)
        self.plant_s = round(self.plant_s + plant_s, 6)
        self.mono_s = round(self.mono_s + self.step_s, 6)

    def _received(self, plc: int, line: _Line) -> list[Input]:
        computer = self.machine.computer(plc)
        if not computer.online or computer.restarts != line.restarts:
            line.restarts = computer.restarts
            was_up, line.up = line.up, False
            line.up_at_s = self.mono_s + CONNECT_S
            return [LinkDown(plc, "the connection was lost")] if was_up else []
        if not line.up:
            if line.up_at_s is None or self.mono_s < line.up_at_s:
                return []
            line.up = True
            if line.screen is not None:
                line.screen.forget()
            return [*self._news(plc, line, computer), LinkUp(plc)]
        return [] if computer.frozen else self._news(plc, line, computer)

    def _news(self, plc: int, line: _Line, computer: Computer) -> list[Input]:
        rows = self.machine.readings(plc)
        if line.screen is None:
            line.screen = Screen(self.plant, plc, rows)
        batch = line.screen.news(rows, self.now.utc_ns + round(computer.clock_offset_s * 1e9))
        if batch is None:
            return []
        count = len(batch.tags) + len(batch.texts)
        self.changes += count
        line.changes += count
        return [batch]

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write():
                    self._write(effect)
                case Event():
                    self.events.append(effect)
                case Values():
                    if self.archive is not None:
                        self._kept.append(effect)
                case Reply():
                    self.replies.append(effect)
                case Reconnect():
                    line = self._lines[effect.plc]
                    if line.up:
                        line.up, line.up_at_s = False, self.mono_s + CONNECT_S
                        self._waiting.append(LinkDown(effect.plc, effect.reason))

    def _write(self, write: Write) -> None:
        if write.intent:
            self.writes.append((self.plant_s, write))
        if self.on_write is not None:
            self.on_write(write)
        if self._lines[write.plc].up:
            self.machine.write(write.plc, write.fields)
            self._waiting.append(WriteDone(write.intent, GOOD))
        else:
            self._waiting.append(WriteDone(write.intent, BAD_NO_COMMUNICATION))


def _together(kept: Sequence[Values]) -> Values:
    """All that went into the image in one step, as one."""
    batches = [one.batch for one in kept]
    batch = Batch(
        batches[0].plc,
        np.concatenate([one.tags for one in batches]),
        np.concatenate([one.values for one in batches]),
        np.concatenate([one.status for one in batches]),
        np.concatenate([one.source_ns for one in batches]),
        tuple(text for one in batches for text in one.texts),
    )
    flags = np.concatenate([one.flags for one in kept])
    return Values(batch, flags, np.concatenate([one.original_ns for one in kept]))
