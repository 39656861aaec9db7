"""A control room for stories: instruments that read something, a clock, an operator, and what was heard.

`Room.reads` is a report from the plant, `wait` lets time pass and steps at every deadline the engine
asks for. Every record is kept, so that a story can end with a restart and compare.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from alarms.annunciator import Settings
from alarms.book import Book
from alarms.engine import UNLIMITED, AlarmEngine, Step
from alarms.lifecycle import Facts, State
from alarms.model import Alarm, Condition, Level, Side
from alarms.operations import Action, Filter, Operation, Refusal
from alarms.records import Record
from alarms.signal import BAD_NO_COMMUNICATION, BAD_WAITING_FOR_INITIAL_DATA, GOOD
from alarms.suppression import FirstOutGroup, Suppression

START_NS = 1_767_600_000_000_000_000
CALM = Settings(flood_begins=1_000)  # stories that are not about floods
HOUR = 3600.0


class Tags:
    """Tag names in order; `tags['LT-201']` is an index."""

    def __init__(self, *named: tuple[str, str] | str) -> None:
        self.listed = [(one, "") if isinstance(one, str) else one for one in named]
        self._index = {name: place for place, (name, _) in enumerate(self.listed)}

    def __getitem__(self, name: str) -> int:
        return self._index[name]

    def __len__(self) -> int:
        return len(self.listed)


class Room:
    def __init__(
        self,
        tags: Tags,
        alarms: Sequence[Alarm],
        suppressions: Sequence[Suppression] = (),
        groups: Sequence[FirstOutGroup] = (),
        settings: Settings = CALM,
        **values: float,
    ) -> None:
        """values: what the instruments read before the first step (LT_201 for LT-201); others have none."""
        self.tags = tags
        self.values = np.full(len(tags), np.nan)
        self.status = np.full(len(tags), BAD_WAITING_FOR_INITIAL_DATA, np.uint32)
        self.plant_s, self.mono_s, self.utc_ns = 0.0, 1000.0, START_NS
        self.speed = 1.0
        self.records: list[Record] = []
        self.refused: tuple[Refusal, ...] = ()
        self.evaluated = 0
        self.settings = settings
        self.engine = AlarmEngine(
            alarms, suppressions, groups, size=len(tags), tags=tags.listed, settings=settings
        )
        for name, value in values.items():
            tag = tags[name.replace("_", "-")]
            self.values[tag], self.status[tag] = value, GOOD
        self.last = self.step()

    @property
    def now(self) -> tuple[float, float, int]:
        return self.plant_s, self.mono_s, self.utc_ns

    def step(self, changed: Sequence[int] = (), budget: int = UNLIMITED) -> Step:
        self.last = self.engine.step(self.now, changed, (self.values, self.status), budget)
        return self._kept(self.last)

    def _kept(self, step: Step) -> Step:
        self.records += step.records
        self.evaluated += step.evaluated
        return step

    def reads(self, name: str, value: float | None = None, status: int = GOOD) -> Step:
        """One tag reports; value None keeps the last one (a change of quality alone)."""
        tag = self.tags[name]
        if value is not None:
            self.values[tag] = value
        self.status[tag] = status
        return self.step([tag])

    def all_read(self, status: int = GOOD, **values: float) -> Step:
        """Several tags in one notification."""
        changed = [self.tags[name.replace("_", "-")] for name in values]
        self.values[changed], self.status[changed] = list(values.values()), status
        return self.step(changed)

    def link_lost(self, *names: str) -> Step:
        changed = [self.tags[name] for name in names]
        self.status[changed] = BAD_NO_COMMUNICATION
        return self.step(changed)

    def link_back(self, *names: str) -> Step:
        changed = [self.tags[name] for name in names]
        self.status[changed] = GOOD
        return self.step(changed)

    def wait(self, seconds: float) -> None:
        """Wall seconds pass (times `speed` for the plant), with a step at every deadline."""
        end_s = self.mono_s + seconds
        while True:
            due = self.last.due
            left_s = min((due.plant_s - self.plant_s) / self.speed, due.mono_s - self.mono_s)
            self._pass(min(max(left_s, 0.0), end_s - self.mono_s))
            self.step()
            if self.mono_s >= end_s and not self.last.waiting:
                return

    def _pass(self, seconds: float) -> None:
        due = self.last.due
        self.mono_s += seconds
        self.plant_s += seconds * self.speed
        self.utc_ns += round(seconds * 1e9)
        # A deadline is met exactly, not missed by a rounding error of the two clocks.
        if abs(due.plant_s - self.plant_s) < 1e-6:
            self.plant_s = due.plant_s
        if abs(due.mono_s - self.mono_s) < 1e-6:
            self.mono_s = due.mono_s

    # --- people ---------------------------------------------------------------------------------

    def does(
        self,
        action: Action,
        target: str | tuple[str, ...] | Filter,
        *,
        role: str = "operator",
        user: str = "ito",
        reason: str = "",
        for_s: float | None = None,
        event: str = "",
    ) -> str:
        """'' when it was accepted, else the first refusal's code."""
        targets = (target,) if isinstance(target, str) else target
        asked = Operation(action, user, role, targets, reason, for_s, event)
        answer = self._kept(self.engine.operate(self.now, asked))
        self.refused = answer.refused
        self.step()
        return str(answer.refused[0].code) if answer.refused else ""

    def acknowledges(self, target: str) -> str:
        return self.does(Action.ACKNOWLEDGE, target)

    # --- what is seen and heard -------------------------------------------------------------------

    def facts(self, alarm: str) -> Facts:
        return self.engine.facts(alarm)

    def shown(self, alarm: str) -> State:
        return self.engine.shown(alarm)

    def heard(self) -> list[str]:
        """What has been announced since the last call: 'LT-201.HH first'."""
        new = [f"{record.source} {record.announce}" for record in self.records if record.announce]
        fresh = new[self._heard :]
        self._heard = len(new)
        return fresh

    _heard = 0

    def kinds(self, source: str = "") -> list[str]:
        return [str(record.kind) for record in self.records if source in {"", record.source}]

    def explained(self, alarm: str) -> str:
        return self.engine.explain(alarm, self.now, (self.values, self.status))

    # --- restart ------------------------------------------------------------------------------------

    def folded(self) -> Book:
        """The book that a new process would fold from the journal, which keeps JSON."""
        book = Book()
        book.restore(from_json(record) for record in self.records)
        return book

    def restarted(self, alarms: Sequence[Alarm] | None = None, down_s: float = 10.0, **values: float) -> Room:
        """A new process with the same journal, down_s later; the plant is read again."""
        engine = self.engine
        rules = [point.alarm for point in engine.points.values()] if alarms is None else alarms
        room = Room.__new__(Room)
        room.tags, room.settings, room.speed = self.tags, self.settings, self.speed
        room.values, room.status = self.values.copy(), self.status.copy()
        room.plant_s, room.mono_s = 0.0, 5.0
        room.utc_ns = self.utc_ns + round(down_s * 1e9)
        room.records, room.refused, room.evaluated = [], (), 0
        room.engine = AlarmEngine(
            rules,
            list(engine.suppressions.values()),
            list(engine.groups.values()),
            size=len(self.tags),
            tags=self.tags.listed,
            settings=self.settings,
        )
        assert room.engine.restore(from_json(record) for record in self.records) == 0
        for name, value in values.items():
            room.values[self.tags[name.replace("_", "-")]] = value
        room.step()
        room.records = [*self.records, *room.records]
        room._heard = sum(record.announce is not None for record in self.records)
        return room


def from_json(record: Record) -> Record:
    """As it comes back from the journal."""
    return Record(
        str(record.kind),
        record.source,
        record.text,
        record.utc_ns,
        record.plant_s,
        record.severity,
        json.loads(json.dumps(record.data, allow_nan=False)),
    )


def alarm(id: str, condition: Condition, priority: int = 3, **rest: object) -> Alarm:  # noqa: A002
    source, _, level = id.partition(".")
    return Alarm(id, condition, priority, source, level, **rest)


def high(tag: int, limit: float, deadband: float = 0.0) -> Level:
    return Level(tag, Side.HIGH, limit, deadband)


def low(tag: int, limit: float, deadband: float = 0.0) -> Level:
    return Level(tag, Side.LOW, limit, deadband)


def bag(
    *, latching: bool = False, exclusive: bool = False, confirm: bool = False, delay_s: float = 5.0
) -> Room:
    """The gas bag of the university plant: LT-201 with L 15, H 90, HH 95 %, deadband 1, delay 5 s."""
    tags = Tags(("LT-201", "%"), ("PT-204", "mbarg"))
    common = {"on_delay_s": delay_s, "exclusive": exclusive}
    level = tags["LT-201"]
    rules = [
        alarm(
            "LT-201.HH", high(level, 95, 1), 1, text="bag full", latching=latching, confirm=confirm, **common
        ),
        alarm("LT-201.H", high(level, 90, 1), 3, text="bag level", **common),
        alarm("LT-201.L", low(level, 15, 1), 3, text="bag level", **common),
    ]
    return Room(tags, rules, LT_201=53.0, PT_204=5.0)
