"""The alarm engine: reports and time in, records and a deadline out.

A step looks only at alarms whose inputs left their band or whose deadline came, suppressions first,
then by priority; what the budget does not reach waits for the next step and sees newer inputs.
Durable state (`book`) changes only by emitting a record and applying it, so that folding the records
again gives the same state. Values, bands and pending delays are not durable: after a restart they
come from the plant again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alarms.agenda import Agenda, Due, Unit
from alarms.annunciator import Annunciator, Settings
from alarms.book import Book
from alarms.check import problems
from alarms.explain import explain
from alarms.gates import NOTHING, Backlog, Flags, TagGates, Tags, plain
from alarms.layout import TagNames, build
from alarms.lifecycle import Facts, NotAllowedError, State, displayed
from alarms.limits import Gate, Sight
from alarms.model import SEVERITY, Alarm, Condition, Telling, Told, parts
from alarms.operations import Code, Deed, Filter, Operation, Refusal, decide, denied
from alarms.point import Point
from alarms.records import Kind, Record, Recorded
from alarms.shelving import ENDS, Cover, Endings, hold_of, longest_s
from alarms.snapshot import of_data, to_data
from alarms.suppression import FirstOutGroup, Suppression, Suppressor

Now = tuple[float, float, int]  # plant seconds, monotonic seconds, UTC nanoseconds
Image = tuple[NDArray[np.float64], NDArray[np.uint32]]  # value, status: by tag index
UNLIMITED: Final = 1 << 60
CALLS_PER_LOOK: Final = 4  # putting a unit on the agenda costs a fraction of a look at it
FEWEST: Final = 64
DEFAULTS: Final = Settings()


@dataclass(frozen=True, slots=True)
class Step:
    """What one step decided. evaluated: looks taken of the budget; waiting: looks left for the next."""

    records: tuple[Record, ...]
    due: Due
    evaluated: int = 0
    waiting: int = 0
    refused: tuple[Refusal, ...] = ()

    @property
    def announcements(self) -> tuple[Record, ...]:
        return tuple(record for record in self.records if record.announce)


class AlarmEngine:
    """size: number of tags (the length of the image). tags: their (name, unit) by index, for sentences."""

    def __init__(
        self,
        alarms: Sequence[Alarm],
        suppressions: Sequence[Suppression] = (),
        groups: Sequence[FirstOutGroup] = (),
        *,
        size: int,
        tags: Sequence[tuple[str, str]] = (),
        settings: Settings = DEFAULTS,
    ) -> None:
        wrong = problems(alarms, suppressions, groups, size)
        if wrong:
            raise ValueError("; ".join(wrong))
        self.size = size
        self.book = Book()
        self.names = TagNames(tags)
        self.suppressions = {one.name: one for one in suppressions}
        self.groups = {one.name: one for one in groups}
        self.points, self.suppressors = build(alarms, suppressions, groups)
        self._agenda = Agenda([*self.suppressors.values(), *self.points.values()])
        self._gates = TagGates(size)
        for condition in [rule.condition for rule in alarms] + [rule.condition for rule in suppressions]:
            self._gates.watch_ages(condition)
        self._backlog = Backlog(size)
        self._readers: dict[int, list[tuple[Gate, Unit]]] = {}
        self._first = np.zeros(size, np.bool_)  # tags read by what must be looked at before the rest
        self.settings = settings
        self._annunciator = Annunciator(self.book, self.names, self.suppressions, self.groups, settings)
        self._endings = Endings()
        self._closing: dict[str, float] = {}
        self._ages: tuple[TagGates, list[tuple[int, int]]] | None = None
        self._carried: set[str] = set()
        self._started = False
        self._told: dict[str, Telling] = {}
        self._listeners: dict[str, list[Unit]] = {}
        for unit, condition in self._conditions():
            for part in parts(condition):
                if isinstance(part, Told):
                    self._listeners.setdefault(part.fact, []).append(unit)

    def _conditions(self) -> Iterator[tuple[Unit, Condition]]:
        for point in self.points.values():
            if point.alarm.enabled:
                yield point, point.alarm.condition
        for suppressor in self.suppressors.values():
            yield suppressor, suppressor.rule.condition

    def tell(self, fact: str, telling: Telling | None) -> None:
        """What somebody else has decided, between two steps; None: it is over."""
        if self._told.get(fact) == telling:
            return
        if telling is None:
            del self._told[fact]
        else:
            self._told[fact] = telling
        for unit in self._listeners.get(fact, ()):
            self._agenda.put(unit)

    # --- restoring -----------------------------------------------------------------------------

    def restore(self, records: Iterable[Recorded]) -> int:
        """Folds what the journal kept. Returns how many records did not fit what came before them
        (a journal whose beginning was lost); they are passed over."""
        odd = 0
        for record in records:
            try:
                self.book.apply(record)
            except NotAllowedError:
                odd += 1
        return odd

    def _start(self, now: Now, sight: Sight) -> None:
        """The first step: the book is complete, the clocks are known."""
        self._started = True
        self._connect(sight)
        self._endings.start(self.book, now[1], now[2])
        if self._ages is None:  # not a change of configuration: another process
            self._annunciator.restart()
        for name, suppressor in self.suppressors.items():
            since_ns = self.book.suppressions.get(name)
            suppressor.prime(since_ns is not None, 0.0 if since_ns is None else (now[2] - since_ns) / 1e9)
        for alarm, point in self.points.items():
            facts = self.book.of(alarm)
            if facts.announced_utc_ns:
                point.announced_s = now[1] - (now[2] - facts.announced_utc_ns) / 1e9
            if alarm in self._carried:
                continue
            worse = any(self.book.of(other.alarm.id).active for other in point.worse)
            point.prime(facts.active or (point.alarm.exclusive and worse))
            if alarm in self.book.memories:
                point.watch.recall(self.book.memories[alarm], sight)
        self._configure()

    def _connect(self, sight: Sight) -> None:
        """Gates to tags, tags to readers; everything enabled is to be looked at once."""
        units: list[Point | Suppressor] = [*self.suppressors.values(), *self.points.values()]
        for unit in units:
            if isinstance(unit, Point) and not unit.alarm.enabled:
                continue
            self._gates.add(unit.watch.gates)
            for gate in unit.watch.gates:
                self._readers.setdefault(gate.tag, []).append((gate, unit))
            if isinstance(unit, Suppressor) or unit.followers or unit.group or unit.alarm.priority == 1:
                self._first[list(unit.tags)] = True
            self._agenda.put(unit)
        self._gates.start(sight.status, sight.mono_s)
        if self._ages is not None:
            self._gates.carry(*self._ages)

    def _configure(self) -> None:
        """Records which alarms came and went with the configuration; what no longer fits is ended."""
        book, emit = self.book, self._annunciator.emit
        added = [alarm for alarm in self.points if alarm not in book.known]
        removed = [alarm for alarm in book.known if alarm not in self.points]
        for alarm in added:
            self.points[alarm].fresh = True
        if added or removed:
            text = f"alarm rules: {len(added)} added, {len(removed)} removed"
            emit(Kind.CONFIGURED, "alarms", text, SEVERITY[3], {"added": added, "removed": removed})
        for name in [name for name in book.suppressions if name not in self.suppressions]:
            emit(Kind.SUPPRESSION_ENDED, name, "suppression removed", SEVERITY[3], {"by": "configuration"})
        for group in [group for group in book.incidents if group not in self.groups]:
            self._close(group)
        for point in self.points.values():
            facts = book.of(point.alarm.id)
            for cover in Cover:
                if hold_of(facts, cover) is not None and not longest_s(cover, point.alarm.priority):
                    self._end(point, cover, "configuration")

    # --- the step ------------------------------------------------------------------------------

    def step(self, now: Now, changed: ArrayLike, read: Image, budget: int = UNLIMITED) -> Step:
        """changed: indices of the tags reported since the last step (a tag once); read: the image.

        budget: how many looks may be taken. A step that leaves some waiting asks to be called at once.
        """
        plant_s, mono_s, utc_ns = now
        values, status = read
        sight = self._sight(now, values, status)
        self._annunciator.begin(plant_s, mono_s, utc_ns)
        if not self._started:
            self._start(now, sight)
        most = max(FEWEST, CALLS_PER_LOOK * budget)
        reported = np.asarray(changed, dtype=np.intp)
        passing = self._gates.passing(reported, values, status, mono_s) if len(reported) else NOTHING
        self._call(passing, sight, most)
        self._agenda.ripen(plant_s, mono_s, most)
        for ending in self._endings.ripe(self.book, mono_s, utc_ns):
            self._end(self.points.get(ending.alarm), ending.cover, "expiry", ending.alarm)
        self._close_incidents(plant_s)
        evaluated = self._work(sight, budget)
        self._close_incidents(plant_s)
        return Step(tuple(self._annunciator.records), self._due(now), evaluated, self._waiting)

    def _call(self, passing: tuple[Tags, Flags], sight: Sight, most: int) -> None:
        """Puts on the agenda who reads these tags; of a great many, what comes first in rank comes now."""
        tags, flags = passing
        backlog = self._backlog
        if backlog or len(tags) > most:
            first = self._first[tags]
            self._summon(tags[first], flags[first], sight)
            backlog.add(tags[~first], flags[~first])
            tags, flags = backlog.take(most)
        self._summon(tags, flags, sight)

    def _summon(self, tags: Tags, flags: Flags, sight: Sight) -> None:
        """Of the conditions of a tag that left its band, only those whose own gate it left are looked at."""
        readers, values, agenda = self._readers, sight.values, self._agenda
        for tag, status_changed in zip(tags.tolist(), flags.tolist(), strict=True):
            value = values[tag]
            for gate, unit in readers.get(tag, ()):
                if status_changed or not gate.lo < value < gate.hi:
                    agenda.put(unit)

    def _sight(self, now: Now, values: NDArray[np.float64], status: NDArray[np.uint32]) -> Sight:
        gates = self._gates
        return Sight(
            plain(values),
            plain(status),
            *now,
            plain(gates.reported_s),
            plain(gates.moved_s),
            self.book.active,
            self._told,
        )

    def _work(self, sight: Sight, budget: int) -> int:
        agenda, touched = self._agenda, set[int]()
        evaluated = 0
        while evaluated < budget and (unit := agenda.take()) is not None:
            evaluated += 1
            if isinstance(unit, Point):
                self._alarm(unit, sight)
            else:
                assert isinstance(unit, Suppressor)
                self._suppress(unit, sight)
            agenda.schedule(unit)
            touched.update(unit.tags)
        self._gates.refresh(touched)
        return evaluated

    @property
    def _waiting(self) -> int:
        return self._agenda.waiting + len(self._backlog)

    def _due(self, now: Now) -> Due:
        if self._waiting:
            return Due(now[0], now[1])
        due = self._agenda.next()
        mono_s = min(due.mono_s, self._endings.next_s())
        if self.book.flood_since_utc_ns:
            mono_s = min(mono_s, self._annunciator.flood.ends_s())
        return Due(min(due.plant_s, min(self._closing.values(), default=inf)), mono_s)

    # --- one alarm -----------------------------------------------------------------------------

    def _alarm(self, point: Point, sight: Sight) -> None:
        alarm = point.alarm.id
        out = point.look(sight)
        if point.watch.news:
            point.watch.news = False
            data = {"memory": point.watch.memory()}
            self._annunciator.emit(Kind.MEMORY, alarm, "counted", SEVERITY[3], data)
        if point.alarm.exclusive:
            self._settle(point.ladder, sight)
        elif out != (alarm in self.book.active):
            self._turn(point, sight, out)
        if alarm in self.book.retained:
            self._annunciator.attend(point, sight)

    def _settle(self, ladder: Sequence[Point], sight: Sight) -> None:
        """Of an exclusive tag and side only the worst is active."""
        worse = False
        before = {point.alarm.id for point in ladder if point.alarm.id in self.book.active}
        better = False
        for point in ladder:
            active = point.delay.out and not worse
            was = point.alarm.id in before
            if active and not was:
                self._turn(point, sight, True, better=better)
            elif was and not active:
                self._turn(point, sight, False, absorbed=worse)
                better = not worse
            worse = worse or active

    def _turn(
        self, point: Point, sight: Sight, active: bool, *, better: bool = False, absorbed: bool = False
    ) -> None:
        if active:
            self._annunciator.raised(point, sight, better=better)
        else:
            self._annunciator.returned(point, sight, absorbed=absorbed)
        for unit in point.followers:
            self._agenda.put(unit)

    # --- suppression and incidents ---------------------------------------------------------------

    def _suppress(self, suppressor: Suppressor, sight: Sight) -> None:
        rule, book = suppressor.rule, self.book
        standing = suppressor.stands(sight)
        if standing == (rule.name in book.suppressions):
            return
        kind, verb = (
            (Kind.SUPPRESSION_BEGAN, "suppressed") if standing else (Kind.SUPPRESSION_ENDED, "speak again")
        )
        data = {"of": rule.of.value, "members": len(rule.members)}
        text = f"{rule.text or rule.name}: {len(rule.members)} alarms {verb}"
        self._annunciator.emit(kind, rule.name, text, SEVERITY[3], data)
        if not standing:
            self._recall(rule.members)

    def _recall(self, members: Iterable[str]) -> None:
        """Those of the members that stand are looked at again: they may have to speak now."""
        retained, points = self.book.retained, self.points
        for alarm in members:
            if alarm in retained and alarm in points and points[alarm].alarm.enabled:
                self._agenda.put(points[alarm])

    def _close_incidents(self, plant_s: float) -> None:
        """An incident is over when its first-out has been gone for the length of its window."""
        for group, incident in list(self.book.incidents.items()):
            if self.book.of(incident.first).standing:
                self._closing.pop(group, None)
            elif plant_s >= self._closing.setdefault(group, plant_s + self.groups[group].window_s):
                self._close(group)

    def _close(self, group: str) -> None:
        incident = self.book.incidents[group]
        self._closing.pop(group, None)
        data = {"incident": incident.id, "first": incident.first, "members": list(incident.members)}
        text = f"incident of {incident.first} over, {len(incident.members) - 1} consequences"
        self._annunciator.emit(Kind.INCIDENT_CLOSED, group, text, SEVERITY[3], data)
        self._recall(incident.members)

    # --- people --------------------------------------------------------------------------------

    def operate(self, now: Now, operation: Operation) -> Step:
        """What a person does, to one alarm, several, or all that fit a filter; each refusal says why."""
        self._annunciator.begin(*now)
        refusal = denied(operation)
        if refusal is not None:
            return Step((), self._due(now), refused=(refusal,))
        refused: list[Refusal] = []
        for alarm in self._targets(operation.targets):
            point = self.points.get(alarm)
            if point is None:
                refused.append(Refusal(alarm, Code.UNKNOWN_ALARM, f"there is no alarm {alarm}"))
                continue
            decision = decide(operation, point.alarm, self.book.of(alarm), now[2])
            if isinstance(decision, Refusal):
                refused.append(decision)
            else:
                self._carry_out(point, decision, now)
        records = tuple(self._annunciator.records)
        return Step(records, self._due(now), waiting=self._waiting, refused=tuple(refused))

    def _targets(self, targets: tuple[str, ...] | Filter) -> Sequence[str]:
        if not isinstance(targets, Filter):
            return targets
        of = self.book.of
        return [
            alarm
            for alarm, point in self.points.items()
            if targets.fits(point.alarm, of(alarm), self.shown(alarm))
        ]

    def _carry_out(self, point: Point, deed: Deed, now: Now) -> None:
        alarm = point.alarm.id
        self._annunciator.emit(deed.kind, alarm, deed.text, SEVERITY[point.alarm.priority], deed.data)
        for cover in Cover:
            hold = hold_of(self.book.of(alarm), cover)
            if hold is not None:
                self._endings.add(alarm, cover, hold, now[1], now[2])
        self._recall((alarm,))

    def _end(self, point: Point | None, cover: Cover, by: str, alarm: str = "") -> None:
        """A cover ends without a person."""
        alarm = point.alarm.id if point else alarm
        data = {"by": by, "user": "", "reason": ""}
        severity = SEVERITY[point.alarm.priority if point else 3]
        self._annunciator.emit(ENDS[cover], alarm, f"{cover} ended by {by}", severity, data)
        self._recall((alarm,))

    # --- a change of the configuration -----------------------------------------------------------

    def adopt(self, old: AlarmEngine) -> None:
        """Goes on where an engine with the former rules left off, before the first step.

        Facts are kept by alarm id, whatever was edited. A condition that is the same, on the same tags,
        keeps its pending delays too; another starts to look anew, from the alarm's present state.
        """
        assert not self._started, "rules are built beside the old ones and swapped, never changed"
        self.book = old.book
        self._annunciator.adopt(old._annunciator)
        self._closing = {group: at for group, at in old._closing.items() if group in self.groups}
        there = {old.names.name(tag): tag for tag in range(old.size)}
        named = [(there.get(self.names.name(tag), -1), tag) for tag in range(self.size)]
        self._ages = old._gates, [(before, tag) for before, tag in named if before >= 0]
        moved = {before for before, tag in named if before != tag}
        for alarm, point in self.points.items():
            before = old.points.get(alarm)
            if before is None:
                continue
            point.fresh, point.covered = before.fresh, before.covered
            if point.same_look(before) and not {gate.tag for gate in before.watch.gates} & moved:
                point.watch, point.delay, point.verdict = before.watch, before.delay, before.verdict
                self._carried.add(alarm)

    # --- questions -------------------------------------------------------------------------------

    def facts(self, alarm: str) -> Facts:
        return self.book.of(alarm)

    def suppressed_by(self, alarm: str) -> str:
        """The state, parent or link that suppresses the alarm by design, in words; '' when none does."""
        return self._annunciator.suppressed_by(self.points[alarm])

    def shown(self, alarm: str) -> State:
        """The displayed state."""
        point = self.points[alarm]
        by_design = bool(self._annunciator.suppressed_by(point))
        return displayed(self.book.of(alarm), suppressed_by_design=by_design, enabled=point.alarm.enabled)

    def explain(self, alarm: str, now: Now, read: Image) -> str:
        """Why the alarm is (not) active, in one sentence, on the values of `read`."""
        sight = self._sight(now, *read)
        point = self.points[alarm]
        return explain(point, self.book.of(alarm), self.suppressed_by(alarm), sight, self.names)

    def event(self, event: str) -> tuple[str, str] | None:
        """(alarm, branch id or '') that an event id still waits in, for Acknowledge by EventId."""
        for alarm in self.book.retained:
            facts = self.book.of(alarm)
            if event in facts.events:
                return alarm, ""
            for branch in facts.branches:
                if event in branch.events:
                    return alarm, branch.id
        return None

    # --- snapshots -------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The durable state as JSON-able data; `load` it, then `restore` what was recorded after it."""
        return to_data(self.book)

    def load(self, snapshot: Mapping[str, Any]) -> None:
        assert not self._started, "a snapshot is the state to start from"
        self.book = self._annunciator.book = of_data(snapshot)
