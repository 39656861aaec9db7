"""How the alarms stand to each other: ladders of one tag, parents and children, stages of a cascade."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from alarms.agenda import Unit
from alarms.model import LEVELS, Alarm, Condition, Level, Side, Standing, parts
from alarms.point import Point
from alarms.suppression import FirstOutGroup, Of, Suppression, Suppressor


class TagNames:
    """(name, unit) by tag index; a tag without an entry is called by its number."""

    def __init__(self, tags: Sequence[tuple[str, str]]) -> None:
        self._tags = tags

    def name(self, tag: int) -> str:
        return self._tags[tag][0] if tag < len(self._tags) else f"tag {tag}"

    def unit(self, tag: int) -> str:
        return self._tags[tag][1] if tag < len(self._tags) else ""


def waits_for(condition: Condition) -> list[str]:
    """The alarms a condition asks after."""
    return [part.alarm for part in parts(condition) if isinstance(part, Standing)]


def build(
    alarms: Sequence[Alarm], suppressions: Sequence[Suppression], groups: Sequence[FirstOutGroup]
) -> tuple[dict[str, Point], dict[str, Suppressor]]:
    """The units at work, connected. Worse alarms of a tag come first, so that they speak for the milder."""
    ordered = sorted(alarms, key=lambda alarm: -LEVELS.index(alarm.level) if alarm.level in LEVELS else 0)
    points = {alarm.id: Point(alarm) for alarm in ordered}
    suppressors = {rule.name: Suppressor(rule) for rule in suppressions}
    for group in groups:
        for stage, members in enumerate(group.stages):
            for alarm in members:
                points[alarm].group, points[alarm].stage = group.name, stage
    for rule in suppressions:
        for alarm in rule.members:
            if not _holds_by_itself(points[alarm], rule):
                points[alarm].suppressors = (*points[alarm].suppressors, rule.name)
    followers: list[tuple[str, Unit]] = [
        (alarm, point) for point in points.values() for alarm in waits_for(point.alarm.condition)
    ]
    followers += [(alarm, one) for one in suppressors.values() for alarm in waits_for(one.rule.condition)]
    for alarm, follower in followers:
        points[alarm].followers.append(follower)
    _ladders(points.values())
    _rank(points, groups, {alarm for alarm, _ in followers})
    return points, suppressors


def _holds_by_itself(point: Point, rule: Suppression) -> bool:
    """A priority 1 process alarm needs no cover while its link is down, its values being unknown; without
    one it speaks the moment the link is back, not when the last sensor has settled."""
    return rule.of is Of.LINK and point.alarm.priority == 1 and not point.wall


def _ladders(points: Iterable[Point]) -> None:
    found: dict[tuple[int, Side], list[Point]] = defaultdict(list)
    for point in points:
        condition = point.alarm.condition
        if isinstance(condition, Level) and point.alarm.level in LEVELS and point.alarm.enabled:
            found[condition.tag, condition.side].append(point)
    for members in found.values():
        ladder = sorted(members, key=lambda point: -LEVELS.index(point.alarm.level))
        for place, point in enumerate(ladder):
            point.ladder = tuple(ladder)
            point.worse, point.milder = tuple(ladder[:place]), tuple(ladder[place + 1 :])


def _rank(points: dict[str, Point], groups: Sequence[FirstOutGroup], parents: set[str]) -> None:
    """0 suppressions; then what explains others, by stage; then the rest by priority."""
    depth = max([1, *(len(group.stages) - 1 for group in groups)])
    last = {group.name: len(group.stages) - 1 for group in groups}
    for point in points.values():
        if point.group and point.stage < last[point.group]:
            point.rank = 1 + point.stage
        elif point.alarm.id in parents:
            point.rank = 1
        else:
            ladder = point.ladder or (point,)
            point.rank = depth + min(one.alarm.priority for one in ladder)
