"""What other rules would have made of what was recorded: the present and the changed plant, side by side.

Both cores get the same archived samples in the order of their times, so that they differ by their
rules alone. An archive holds what changed, not every report: PLC counters are made to move while their
link was up, and rules about reports themselves (stale, frozen) are counted as not decidable. No write
leaves; an effect check sees what the plant really did then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import numpy as np

from alarms.metrics import floods
from alarms.model import Alarm, Condition, Frozen, Stale, Standing, parts
from controller.core.clock import Now
from controller.core.core import Core
from controller.core.effects import Event
from controller.core.inputs import Batch, Input, LinkDown, LinkUp
from controller.plant.plant import Plant
from controller.plant.tags import Derived, NodeSource

UNLIMITED: Final = 1 << 40
SECOND_NS: Final = 1_000_000_000
SAME_TRIP_NS: Final = 60 * SECOND_NS
QUIET_MAX: Final = 3600


class Point(NamedTuple):
    """One archived value."""

    time_ns: int
    tag: str
    value: float
    status: int


@dataclass(slots=True)
class Outcome:
    """What one set of rules made of the samples. alarms: announced; quiet: raised, but not announced
    (suppressed, spoken for by a worse one, grouped in a flood). not_decidable: alarms that an archive
    cannot judge."""

    alarms: Counter[str] = field(default_factory=Counter)
    quiet: Counter[str] = field(default_factory=Counter)
    floods: int = 0
    trips: list[tuple[str, int]] = field(default_factory=list)
    not_decidable: int = 0

    @property
    def suppressed(self) -> int:
        return self.quiet.total()

    @property
    def raised(self) -> int:
        return sum(self.alarms.values())


@dataclass(frozen=True, slots=True)
class Comparison:
    """missed: recorded trips (interlock, utc_ns) that the changed rules would not have made."""

    present: Outcome
    changed: Outcome
    recorded: int
    missed: tuple[tuple[str, int], ...]


def compare(
    present: Plant, changed: Plant, points: Sequence[Point], events: Sequence[Any], speed: float = 1.0
) -> Comparison:
    """points in the order of their times; events: the journal's of the same span."""
    outages = _outages(events)
    one, other = (rerun(plant, points, outages, speed) for plant in (present, changed))
    recorded = [(event.source, event.utc_ns) for event in events if event.kind == "interlock.tripped"]
    missed = tuple(trip for trip in recorded if not _made(trip, other.trips))
    return Comparison(one, other, len(recorded), missed)


def _made(trip: tuple[str, int], trips: Iterable[tuple[str, int]]) -> bool:
    return any(name == trip[0] and abs(at_ns - trip[1]) <= SAME_TRIP_NS for name, at_ns in trips)


def rerun(
    plant: Plant, points: Sequence[Point], outages: Sequence[tuple[str, int, int]], speed: float
) -> Outcome:
    """One core over all points, by plant seconds of recorded time."""
    decidable, outcome = _decidable(plant)
    if not points:
        return outcome
    core = Core(decidable, 1)
    step_ns = max(1, round(SECOND_NS / speed))
    start_ns = points[0].time_ns // step_ns * step_ns
    found: list[Event] = []
    lives = _Lives(decidable, outages)
    for utc_ns, batch in _steps(points, step_ns):
        since_s = (utc_ns - start_ns) / 1e9
        now = Now(since_s * speed, since_s, utc_ns)
        inputs = [*lives.at(utc_ns), *_batches(decidable, batch)]
        for step in (core.protect(now, inputs), core.evaluate(now, inputs, UNLIMITED)):
            found += [effect for effect in step.effects if isinstance(effect, Event)]
    _count(outcome, found)
    return outcome


def _decidable(plant: Plant) -> tuple[Plant, Outcome]:
    """The plant without what only a live link can judge."""
    tags = tuple(replace(tag, stale_after_s=None, frozen_after_s=None) for tag in plant.tags)
    plcs = tuple(replace(plc, alive_after_s=1e9, heartbeat=None, epoch=None) for plc in plant.plcs)
    left_out = _not_decidable(plant.alarms)
    kept = tuple(
        replace(one, members=members)
        for one in plant.suppressions
        if (members := tuple(name for name in one.members if name not in left_out))
        and not _needs(one.condition, left_out)
    )
    groups = tuple(
        replace(
            group,
            stages=tuple(tuple(name for name in stage if name not in left_out) for stage in group.stages),
        )
        for group in plant.first_out_groups
    )
    judged = tuple(alarm for alarm in plant.alarms if alarm.id not in left_out)
    whole = replace(plant, tags=tags, plcs=plcs, alarms=judged, suppressions=kept, first_out_groups=groups)
    return whole, Outcome(not_decidable=len(left_out))


def _not_decidable(alarms: Sequence[Alarm]) -> set[str]:
    """Alarms about reports themselves, and those that build on them."""
    found = {
        alarm.id
        for alarm in alarms
        if any(isinstance(part, Stale | Frozen) for part in parts(alarm.condition))
    }
    while more := {one.id for one in alarms if one.id not in found and _needs(one.condition, found)}:
        found |= more
    return found


def _needs(condition: Condition, alarms: set[str]) -> bool:
    return any(isinstance(part, Standing) and part.alarm in alarms for part in parts(condition))


def _outages(events: Iterable[Any]) -> list[tuple[str, int, int]]:
    """(PLC, from, to) between link.lost and link.restored."""
    lost: dict[str, int] = {}
    found: list[tuple[str, int, int]] = []
    for event in events:
        if event.kind == "link.lost":
            lost.setdefault(event.source, event.utc_ns)
        elif event.kind == "link.restored" and event.source in lost:
            found.append((event.source, lost.pop(event.source), event.utc_ns))
    return found + [(plc, from_ns, 1 << 62) for plc, from_ns in lost.items()]


class _Lives:
    """Makes every PLC live as its link did then: its counter moves, or its link is down."""

    def __init__(self, plant: Plant, outages: Sequence[tuple[str, int, int]]) -> None:
        self._plant = plant
        self._outages = outages
        self._up: dict[int, bool] = {}
        self._count = 0

    def at(self, utc_ns: int) -> Iterator[Input]:
        self._count += 1
        for plc in self._plant.plcs:
            up = not any(name == plc.name and a <= utc_ns < b for name, a, b in self._outages)
            was = self._up.get(plc.index)
            self._up[plc.index] = up
            if not up:
                if was:
                    yield LinkDown(plc.index, "the link was lost then")
                continue
            if not was:
                yield LinkUp(plc.index)
            yield _batch(plc.index, [plc.alive], [float(self._count % 65536)], [0], [utc_ns])


def _steps(points: Sequence[Point], step_ns: int) -> Iterator[tuple[int, list[Point]]]:
    """(end of the step, its points); quiet steps come too, since deadlines pass in them, up to an hour's."""
    batch: list[Point] = []
    step = points[0].time_ns // step_ns
    for point in points:
        here = point.time_ns // step_ns
        if here != step:
            yield (step + 1) * step_ns, batch
            yield from (((quiet + 1) * step_ns, []) for quiet in range(step + 1, min(here, step + QUIET_MAX)))
            batch, step = [], here
        batch.append(point)
    yield (step + 1) * step_ns, batch


def _batches(plant: Plant, points: Sequence[Point]) -> Iterator[Batch]:
    """Points of tags that the plant has and that come from a PLC; the derived are computed again."""
    by_plc: dict[int, list[tuple[int, Point]]] = {}
    for point in points:
        index = plant.index.get(point.tag)
        source = None if index is None else plant.tags[index].source
        if index is None or source is None or isinstance(source, Derived):
            continue
        assert isinstance(source, NodeSource), "what is not computed comes from a node"
        if index != plant.plcs[source.plc].alive:
            by_plc.setdefault(source.plc, []).append((index, point))
    for plc, rows in by_plc.items():
        yield _batch(
            plc,
            [index for index, _ in rows],
            [point.value for _, point in rows],
            [point.status for _, point in rows],
            [point.time_ns for _, point in rows],
        )


def _batch(plc: int, tags: list[int], values: list[float], status: list[int], times_ns: list[int]) -> Batch:
    return Batch(
        plc,
        np.array(tags, np.int32),
        np.array(values, np.float64),
        np.array(status, np.uint32),
        np.array(times_ns, np.int64),
    )


def _count(outcome: Outcome, events: Iterable[Event]) -> None:
    times: list[int] = []
    for event in events:
        if event.kind == "interlock.tripped":
            outcome.trips.append((event.source, event.utc_ns))
        elif event.kind == "alarm.raised":
            if "withheld" in event.data:
                outcome.quiet[event.source] += 1
            else:
                outcome.alarms[event.source] += 1
                times.append(event.utc_ns)
    outcome.floods = len(floods(times))
