"""What is wrong with a set of alarm rules, all of it at once; the loader adds file and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from alarms.layout import waits_for
from alarms.limits import watch
from alarms.limits.level import limit_tags
from alarms.model import (
    LEVELS,
    Alarm,
    All,
    AnyOf,
    Condition,
    Count,
    Curve,
    Deviation,
    Discrepancy,
    Level,
    Rate,
    Side,
    Standing,
    Vote,
    parts,
)
from alarms.suppression import FirstOutGroup, Of, Suppression


def problems(
    alarms: Sequence[Alarm], suppressions: Sequence[Suppression], groups: Sequence[FirstOutGroup], size: int
) -> list[str]:
    """One sentence each, beginning with the alarm, suppression or group it is about. Empty: all is well."""
    by_id = {alarm.id: alarm for alarm in alarms}
    found = [f"{one}: the id is used {count} times" for one, count in _doubles(alarm.id for alarm in alarms)]
    for alarm in alarms:
        found += [f"{alarm.id}: {text}" for text in _alarm(alarm, by_id, size)]
    found += _ladder(alarms)
    found += _loops(by_id)
    found += [
        f"{one}: the name is used {count} times" for one, count in _doubles(s.name for s in suppressions)
    ]
    for suppression in suppressions:
        found += [f"{suppression.name}: {text}" for text in _suppression(suppression, by_id, size)]
    for group in groups:
        members = [alarm for stage in group.stages for alarm in stage]
        found += [f"{group.name}: there is no alarm {one}" for one in members if one not in by_id]
        found += [f"{group.name}: window_s must be positive"] if group.window_s <= 0 else []
    everyone = (alarm for group in groups for stage in group.stages for alarm in stage)
    found += [f"{one}: stands in {count} places of first-out groups" for one, count in _doubles(everyone)]
    return found


def _doubles(names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in Counter(names).items() if count > 1]


def _alarm(alarm: Alarm, by_id: dict[str, Alarm], size: int) -> Iterator[str]:
    if alarm.priority not in {1, 2, 3}:
        yield f"priority {alarm.priority} is none of 1, 2, 3"
    for name in ("on_delay_s", "off_delay_s"):
        if getattr(alarm, name) < 0:
            yield f"{name} is negative"
    if alarm.realarm_s is not None and alarm.realarm_s <= 0:
        yield "realarm_s must be positive; leave it out for none"
    yield from _condition(alarm.condition, by_id, size)


def _condition(condition: Condition, by_id: dict[str, Alarm], size: int) -> Iterator[str]:
    for part in parts(condition):
        if isinstance(part, Standing):
            if part.alarm not in by_id:
                yield f"there is no alarm {part.alarm}"
        elif isinstance(part, All | AnyOf | Vote) and not part.terms:
            yield "a combination without terms"
        elif isinstance(part, Deviation) and isinstance(part.reference, Curve):
            if len(part.reference.points) < 2 or not _rising(part.reference.points):
                yield "a reference curve needs two points or more, in order of time"
        elif isinstance(part, Discrepancy) and part.open_switch is None and part.closed_switch is None:
            yield "a discrepancy needs at least one limit switch"
        if isinstance(part, Rate | Count) and part.window_s <= 0:
            yield "window_s must be positive"
        if getattr(part, "deadband", 0.0) < 0:
            yield "the deadband is negative"
        if isinstance(part, Vote) and not 1 <= part.needed <= len(part.terms):
            yield f"{part.needed} out of {len(part.terms)} cannot be"
    bad = [gate.tag for gate in watch(condition).gates if not 0 <= gate.tag < size]
    if bad:
        yield f"there is no tag number {bad[0]}"


def _rising(points: tuple[tuple[float, float], ...]) -> bool:
    return all(earlier[0] < later[0] for earlier, later in pairwise(points))


def _ladder(alarms: Sequence[Alarm]) -> Iterator[str]:
    """LL < L < H < HH on one tag, as far as the limits are fixed; exclusive holds for a whole side."""
    levels: dict[int, dict[str, Alarm]] = {}
    for alarm in alarms:
        if isinstance(alarm.condition, Level) and alarm.level in LEVELS:
            same = levels.setdefault(alarm.condition.tag, {})
            if alarm.level in same:
                yield f"{alarm.id}: {same[alarm.level].id} is the same level of the same tag"
            same[alarm.level] = alarm
            side = Side.LOW if alarm.level in {"L", "LL"} else Side.HIGH
            if alarm.condition.side is not side:
                yield f"{alarm.id}: level {alarm.level} is not on the {alarm.condition.side} side"
    for same in levels.values():
        present = [same[level] for level in ("LL", "L", "H", "HH") if level in same]
        for lower, upper in pairwise(present):
            low, high = (one.condition.limit for one in (lower, upper) if isinstance(one.condition, Level))
            if not limit_tags(low) and not limit_tags(high) and not low < high:  # type: ignore[operator]
                yield f"{upper.id}: its limit {high} is not above that of {lower.id}, {low}"
        for milder, worse in (("L", "LL"), ("H", "HH")):
            if milder in same and worse in same and same[milder].exclusive != same[worse].exclusive:
                yield f"{same[worse].id}: exclusive must be the same as for {same[milder].id}"


def _loops(by_id: dict[str, Alarm]) -> Iterator[str]:
    """An alarm that asks, over others, whether it stands itself."""
    for start, alarm in by_id.items():
        seen: set[str] = set()
        ahead = waits_for(alarm.condition)
        while ahead:
            name = ahead.pop()
            if name == start:
                yield f"{start}: its condition depends on itself"
                break
            if name in by_id and name not in seen:
                seen.add(name)
                ahead += waits_for(by_id[name].condition)


def _suppression(rule: Suppression, by_id: dict[str, Alarm], size: int) -> Iterator[str]:
    for alarm in rule.members:
        if alarm not in by_id:
            yield f"there is no alarm {alarm}"
        elif by_id[alarm].priority == 1 and rule.of is not Of.LINK:
            yield f"{alarm} has priority 1 and is never suppressed"
    for name in ("entry_s", "exit_s", "unknown_s"):
        if getattr(rule, name) < 0:
            yield f"{name} is negative"
    if rule.at_most_s is not None and rule.at_most_s <= 0:
        yield "at_most_s must be positive; leave it out for no end"
    yield from _condition(rule.condition, by_id, size)
    if set(waits_for(rule.condition)) & set(rule.members):
        yield "an alarm cannot be its own parent"
