"""Deviation from a reference curve that runs since an operating state was entered (a cool-down)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import inf
from typing import Any

from alarms.comparison import beyond
from alarms.limits.level import off
from alarms.limits.watch import Gate, Names, Sight, Watch, spoken, usable
from alarms.model import Curve, Deviation, Direction
from alarms.signal import Tri

STEP_S = 0.1  # the least time between two looks at a moving curve: rounding must not make it stand still


def on_curve(points: tuple[tuple[float, float], ...], x_s: float) -> float:
    """The curve at x_s: straight between its points, flat outside."""
    if x_s <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x_s < x1:
            return y0 + (y1 - y0) * (x_s - x0) / (x1 - x0)
    return points[-1][1]


def crossings(points: tuple[tuple[float, float], ...], level: float, after_s: float) -> Iterator[float]:
    """Where the curve passes `level` after after_s."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x1 > after_s and y0 != y1 and min(y0, y1) <= level <= max(y0, y1):
            x_s = x0 + (x1 - x0) * (level - y0) / (y1 - y0)
            if x_s > after_s:
                yield x_s


class CurveWatch(Watch):
    """The moment the state was entered is remembered across a restart.

    A service that first starts in the middle of the state takes its own start for it: late, hence mild.
    """

    __slots__ = ("_curve", "_origin_s", "_origin_utc_ns", "_out", "_rule")

    def __init__(self, rule: Deviation) -> None:
        assert isinstance(rule.reference, Curve), "a set-point tag has a watch of its own"
        self._rule, self._curve = rule, rule.reference
        super().__init__(Gate(rule.tag), Gate(self._curve.state_tag))
        self._origin_s: float | None = None
        self._origin_utc_ns = 0
        self._out = False

    def prime(self, active: bool) -> None:
        self._out = active

    def memory(self) -> dict[str, Any]:
        return {"since_utc_ns": self._origin_utc_ns}

    def recall(self, memory: Mapping[str, Any], sight: Sight) -> None:
        self._origin_utc_ns = int(memory.get("since_utc_ns", 0))
        if self._origin_utc_ns:
            self._origin_s = sight.plant_s - (sight.utc_ns - self._origin_utc_ns) / 1e9

    def _began(self, sight: Sight) -> bool | None:
        """Whether the curve runs; None = the state is not known."""
        curve, state = self._curve, sight.values[self._curve.state_tag]
        self.gates[1].only(state)
        if not usable(sight.status[curve.state_tag], state, False):
            return None
        if state not in curve.states:
            if self._origin_s is not None:
                self._origin_s, self._origin_utc_ns, self.news = None, 0, True
            return False
        if self._origin_s is None:
            self._origin_s, self._origin_utc_ns, self.news = sight.plant_s, sight.utc_ns, True
        return True

    def _due(self, sight: Sight) -> float | None:
        """What the value should be now."""
        if self._origin_s is None:
            return None
        return on_curve(self._curve.points, sight.plant_s - self._origin_s - self._curve.late_s)

    def look(self, sight: Sight) -> Tri:
        rule, value = self._rule, sight.values[self._rule.tag]
        self.due_plant_s = inf
        began = self._began(sight)
        if began is False:
            self._out = False
            self.gates[0].shut()
            return Tri.FALSE
        expected = self._due(sight)
        if (
            began is None
            or expected is None
            or not usable(sight.status[rule.tag], value, rule.hold_uncertain)
        ):
            self.gates[0].idle(value)
            return Tri.UNKNOWN
        self._out = beyond(">=", rule.limit, rule.deadband, off(value - expected, rule.direction), self._out)
        self.gates[0].only(value)
        self.due_plant_s = self._next_crossing(sight, value)
        return Tri.of(self._out)

    def _next_crossing(self, sight: Sight, value: float) -> float:
        rule, curve = self._rule, self._curve
        assert self._origin_s is not None
        apart = rule.limit - rule.deadband if self._out else rule.limit
        levels = {Direction.UP: (value - apart,), Direction.DOWN: (value + apart,)}.get(
            rule.direction, (value - apart, value + apart)
        )
        start_s = self._origin_s + curve.late_s
        found = [x_s for level in levels for x_s in crossings(curve.points, level, sight.plant_s - start_s)]
        return max(start_s + min(found), sight.plant_s + STEP_S) if found else inf

    def say(self, sight: Sight, names: Names) -> str:
        rule, expected = self._rule, self._due(sight)
        if expected is None:
            return f"the reference curve of {names.name(rule.tag)} does not run in this state"
        unit, value = names.unit(rule.tag), sight.values[rule.tag]
        which = "beyond" if off(value - expected, rule.direction) >= rule.limit else "within"
        return (
            f"{spoken(value, unit)} against {spoken(expected, unit)} on the reference curve is "
            f"{which} the allowed {spoken(rule.limit, unit)}"
        )
