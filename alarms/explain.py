"""Why an alarm is (not) active, in one sentence: value, limit, delay left, who covered it, quality."""

from __future__ import annotations

from math import isnan

from alarms.annunciator import clock_time, covered_by_people
from alarms.lifecycle import Facts
from alarms.limits import Names, Sight
from alarms.limits.quality import spoken_status
from alarms.point import Point
from alarms.signal import Tri, is_good


def explain(point: Point, facts: Facts, suppressed_by: str, sight: Sight, names: Names) -> str:
    """One sentence; its clauses are parted by semicolons, the most important first."""
    clauses = [_headline(point, facts, sight, names)]
    clauses += _pending(point, sight)
    clauses += _signals(point, sight, names)
    clauses += _people(facts)
    cover = covered_by_people(facts)
    if cover:
        clauses.append(cover)
    if facts.consequence:
        clauses.append("kept beneath the first-out of its incident as a consequence")
    if suppressed_by:
        clauses.append(f"suppressed by design: {suppressed_by}")
    worse = next((other.alarm.id for other in point.worse if other.delay.out), None)
    if worse and point.delay.out:
        verb = "is active in its place" if point.alarm.exclusive else "speaks for it"
        clauses.append(f"the worse {worse} {verb}")
    return "; ".join(clauses) + "."


def _headline(point: Point, facts: Facts, sight: Sight, names: Names) -> str:
    alarm = point.alarm
    if not alarm.enabled:
        return f"{alarm.id} is disabled in the configuration"
    said = point.watch.say(sight, names)
    if facts.active:
        since = f"since {clock_time(facts.raised_utc_ns)}"
        if point.verdict is Tri.UNKNOWN:
            return f"{alarm.id} stays active {since}, because its condition cannot be judged now"
        return f"{alarm.id} is active {since}: {said}"
    if facts.latched:
        return f"{alarm.id} is not active any more ({said}), but latched until somebody resets it"
    if point.verdict is Tri.UNKNOWN:
        return f"{alarm.id} is not active, and its condition cannot be judged now"
    return f"{alarm.id} is not active: {said}"


def _pending(point: Point, sight: Sight) -> list[str]:
    delay = point.delay
    left_s = delay.left_s(point.clock_s(sight))
    if left_s is None:
        return []
    total_s, what = (delay.off_s, "off-delay") if delay.out else (delay.on_s, "on-delay")
    stopped = ", stopped while the condition is unknown" if point.verdict is Tri.UNKNOWN else ""
    return [f"{left_s:.1f} s of the {what} of {total_s:g} s are left{stopped}"]


def _signals(point: Point, sight: Sight, names: Names) -> list[str]:
    """The tags whose quality matters."""
    said = []
    for tag in point.tags:
        status = sight.status[tag]
        if not is_good(status):
            said.append(f"{names.name(tag)} is {spoken_status(status)}")
        elif isnan(sight.values[tag]):
            said.append(f"{names.name(tag)} has no value")
    return said


def _people(facts: Facts) -> list[str]:
    said = []
    if not facts.acknowledged:
        said.append("not acknowledged")
    elif facts.acknowledged_by and facts.standing:
        said.append(f"acknowledged by {facts.acknowledged_by} at {clock_time(facts.acknowledged_utc_ns)}")
    if not facts.confirmed:
        said.append("not confirmed")
    waiting = len(facts.branches)
    if waiting:
        said.append(f"{waiting} earlier activation{'s' if waiting > 1 else ''} wait for acknowledgement")
    if facts.comment.text:
        said.append(f"comment by {facts.comment.user}: {facts.comment.text}")
    return said
