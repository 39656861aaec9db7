"""Level, deviation from a set-point tag, and clock skew: one value beyond one limit, with a deadband."""

from __future__ import annotations

from math import inf, isnan, nan, nextafter

from alarms.comparison import beyond
from alarms.limits.watch import Gate, Names, Sight, Watch, spoken, usable
from alarms.model import ByState, Deviation, Direction, FromTag, Level, Limit, Side, Skew
from alarms.signal import Tri


def limit_tags(limit: Limit) -> tuple[int, ...]:
    """The tags a limit depends on."""
    if isinstance(limit, FromTag):
        return (limit.tag,)
    if isinstance(limit, ByState):
        inner = [case for _, case in limit.cases] + [limit.otherwise]
        return (limit.tag, *(one.tag for one in inner if isinstance(one, FromTag)))
    return ()


def present_limit(limit: Limit | None, sight: Sight) -> float | None:
    """The limit now: None = no alarm in this state, NaN = not known because its tag is not usable."""
    if isinstance(limit, ByState):
        state = sight.values[limit.tag]
        if not usable(sight.status[limit.tag], state, False):
            return nan
        chosen = next((case for value, case in limit.cases if value == state), limit.otherwise)
        return present_limit(chosen, sight)
    if isinstance(limit, FromTag):
        value = sight.values[limit.tag]
        return value + limit.offset if usable(sight.status[limit.tag], value, False) else nan
    return limit


class LevelWatch(Watch):
    """The gate's edge is the limit while the verdict is false, the limit less the deadband while true."""

    __slots__ = ("_fixed", "_limit_gates", "_out", "_rule")

    def __init__(self, rule: Level) -> None:
        self._limit_gates = tuple(Gate(tag) for tag in limit_tags(rule.limit))
        super().__init__(Gate(rule.tag), *self._limit_gates)
        self._rule = rule
        self._fixed = not self._limit_gates
        self._out = False

    def prime(self, active: bool) -> None:
        self._out = active

    def look(self, sight: Sight) -> Tri:
        rule, gate = self._rule, self.gates[0]
        value = sight.values[rule.tag]
        limit = rule.limit if self._fixed else self._variable(sight)
        if limit is None:
            self._out = False
            gate.shut()
            return Tri.FALSE
        assert isinstance(limit, float | int)
        if isnan(limit) or not usable(sight.status[rule.tag], value, rule.hold_uncertain):
            gate.idle(value)
            return Tri.UNKNOWN
        if rule.side is Side.HIGH:
            self._out = beyond(">=", limit, rule.deadband, value, self._out)
            gate.lo, gate.hi = (nextafter(limit - rule.deadband, -inf), inf) if self._out else (-inf, limit)
        else:
            self._out = beyond("<=", limit, rule.deadband, value, self._out)
            gate.lo, gate.hi = (-inf, nextafter(limit + rule.deadband, inf)) if self._out else (limit, inf)
        return Tri.TRUE if self._out else Tri.FALSE

    def _variable(self, sight: Sight) -> float | None:
        for gate in self._limit_gates:
            gate.only(sight.values[gate.tag])
        return present_limit(self._rule.limit, sight)

    def say(self, sight: Sight, names: Names) -> str:
        rule = self._rule
        unit = names.unit(rule.tag)
        value = spoken(sight.values[rule.tag], unit)
        limit = present_limit(rule.limit, sight)
        if limit is None:
            return f"{names.name(rule.tag)} has no limit in this operating state"
        if isnan(limit):
            return f"the limit for {names.name(rule.tag)} is not known"
        high = rule.side is Side.HIGH
        if beyond(">=" if high else "<=", limit, 0.0, sight.values[rule.tag], False):
            return f"{value} is {'at or above' if high else 'at or below'} the limit {spoken(limit, unit)}"
        if self._out:
            back = spoken(limit - rule.deadband if high else limit + rule.deadband, unit)
            return f"{value} is not yet {'below' if high else 'above'} {back} (limit with deadband)"
        return f"{value} is {'below' if high else 'above'} the limit {spoken(limit, unit)}"


class DifferenceWatch(Watch):
    """A difference (value less set-point, or a clock's skew) reaches a limit in the direction named."""

    __slots__ = ("_deadband", "_direction", "_hold_uncertain", "_limit", "_out", "_reference", "_tag")

    def __init__(self, rule: Deviation | Skew) -> None:
        self._tag = rule.tag
        self._limit, self._deadband = rule.limit, rule.deadband
        self._direction, self._reference, self._hold_uncertain = Direction.EITHER, None, False
        if isinstance(rule, Deviation):
            assert isinstance(rule.reference, FromTag), "a curve has a watch of its own"
            self._direction, self._reference = rule.direction, rule.reference
            self._hold_uncertain = rule.hold_uncertain
            super().__init__(Gate(rule.tag), Gate(rule.reference.tag))
        else:
            super().__init__(Gate(rule.tag))
        self._out = False

    def prime(self, active: bool) -> None:
        self._out = active

    def _aim(self, sight: Sight) -> float | None:
        aim = 0.0 if self._reference is None else present_limit(self._reference, sight)
        return None if aim is None or isnan(aim) else aim

    def look(self, sight: Sight) -> Tri:
        value, gate = sight.values[self._tag], self.gates[0]
        for other in self.gates[1:]:
            other.only(sight.values[other.tag])
        aim = self._aim(sight)
        if aim is None or not usable(sight.status[self._tag], value, self._hold_uncertain):
            gate.idle(value)
            return Tri.UNKNOWN
        self._out = beyond(">=", self._limit, self._deadband, off(value - aim, self._direction), self._out)
        if self._out:  # back inside is one interval; outside may be two, so every report passes
            gate.open()
        else:
            gate.lo = aim - self._limit if self._direction is not Direction.UP else -inf
            gate.hi = aim + self._limit if self._direction is not Direction.DOWN else inf
        return Tri.of(self._out)

    def say(self, sight: Sight, names: Names) -> str:
        unit, aim = names.unit(self._tag), self._aim(sight)
        if aim is None:
            return f"the set-point of {names.name(self._tag)} is not known"
        value = sight.values[self._tag]
        by = off(value - aim, self._direction)
        which = "beyond" if by >= self._limit else "within"
        what = f"{spoken(aim, unit)} by {spoken(value - aim, unit)}"
        return f"{spoken(value, unit)} is off {what}, {which} the allowed {spoken(self._limit, unit)}"


def off(difference: float, direction: Direction) -> float:
    """How far off in the direction that counts."""
    if direction is Direction.UP:
        return difference
    return -difference if direction is Direction.DOWN else abs(difference)
