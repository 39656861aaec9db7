"""Core, plant and clock in one process: no sockets, no disk, no wall time. Same seed, same bytes.

Each step moves the plant by `step_s` plant seconds, hands what its instruments then show to the core
as a link would (raw and back, only what changed, first a whole confirmed picture), and gives the
core's writes to the PLCs at once. Wall time is plant time here: everything is simulated time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any, Final, Protocol

import numpy as np

from alarms.signal import BAD_NO_COMMUNICATION, BAD_SENSOR_FAILURE, GOOD
from controller.core.clock import Now
from controller.core.core import Core
from controller.core.effects import Effect, Event, Reconnect, Reply, Values, Write
from controller.core.inputs import Batch, Input, LinkDown, LinkUp, Request, WriteDone
from controller.plant.plant import Plant
from controller.plant.scaling import from_raw, to_raw
from controller.plant.tags import Tag
from controller.record.archive import Archive

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
    shown: dict[int, tuple[float | str, int]] = field(default_factory=dict)


class World:
    """step() until time is over; events, writes and counters are then all there is to know."""

    def __init__(self, plant: Plant, machine: Machine, *, step_s: float = STEP_S, epoch: int = 1) -> None:
        self.plant = plant
        self.machine = machine
        self.core = Core(plant, epoch)
        self.step_s = step_s
        self.plant_s = 0.0
        self.events: list[Event] = []
        self.writes: list[tuple[float, Write]] = []
        self.replies: list[Reply] = []
        self.changes = 0
        self.archive = Archive(plant.tags)
        self.on_write: Callable[[Write], None] | None = None
        self._lines = [_Line() for _ in plant.plcs]
        self._waiting: list[Input] = []

    @property
    def now(self) -> Now:
        return Now(self.plant_s, self.plant_s, START_UTC_NS + round(self.plant_s * 1e9))

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
        self.machine.advance(self.step_s, self.step_s)
        self.plant_s = round(self.plant_s + self.step_s, 6)

    def _received(self, plc: int, line: _Line) -> list[Input]:
        computer = self.machine.computer(plc)
        if not computer.online or computer.restarts != line.restarts:
            line.restarts = computer.restarts
            was_up, line.up = line.up, False
            line.up_at_s = self.plant_s + CONNECT_S
            return [LinkDown(plc, "the connection was lost")] if was_up else []
        if not line.up:
            if line.up_at_s is None or self.plant_s < line.up_at_s:
                return []
            line.up = True
            line.shown.clear()
            return [*self._news(plc, line, computer), LinkUp(plc)]
        return [] if computer.frozen else self._news(plc, line, computer)

    def _news(self, plc: int, line: _Line, computer: Computer) -> list[Input]:
        """What changed since it was last shown, as the PLC's raw values tell it."""
        tags: list[int] = []
        values: list[float] = []
        status: list[int] = []
        texts: list[tuple[int, str, int, int]] = []
        source_ns = self.now.utc_ns + round(computer.clock_offset_s * 1e9)
        shown = line.shown
        for tag, value, code in self.machine.readings(plc):
            if shown.get(tag) == (value, code):
                continue
            shown[tag] = (value, code)
            if isinstance(value, str):
                texts.append((tag, value, code, source_ns))
                continue
            number, quality = _through_raw(self.plant.tags[tag], value)
            tags.append(tag)
            values.append(number)
            status.append(code if code != GOOD else quality)
        if not tags and not texts:
            return []
        self.changes += len(tags) + len(texts)
        line.changes += len(tags) + len(texts)
        return [
            Batch(
                plc,
                np.array(tags, np.int32),
                np.array(values, np.float64),
                np.array(status, np.uint32),
                np.full(len(tags), source_ns, np.int64),
                tuple(texts),
            )
        ]

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write():
                    self._write(effect)
                case Event():
                    self.events.append(effect)
                case Values():
                    self.archive.keep(effect, self.now.utc_ns)
                case Reply():
                    self.replies.append(effect)
                case Reconnect():
                    line = self._lines[effect.plc]
                    if line.up:
                        line.up, line.up_at_s = False, self.plant_s + CONNECT_S
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


def _through_raw(tag: Tag, value: float) -> tuple[float, int]:
    """The value as it is after the PLC's integer and its scale: the core never sees more than that."""
    if not isfinite(value):
        return nan, BAD_SENSOR_FAILURE
    back, quality = from_raw(tag, to_raw(tag, value))
    assert not isinstance(back, str), "numbers stay numbers"
    return back, quality
