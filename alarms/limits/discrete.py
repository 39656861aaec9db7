"""Discrete and state tags, single bits of words, and valves that do not follow their command."""

from __future__ import annotations

from math import isnan

from alarms.limits.watch import Delay, Gate, Names, Sight, Watch, spoken, usable
from alarms.model import Bit, Discrepancy, Discrete
from alarms.signal import Tri, any_of


class DiscreteWatch(Watch):
    __slots__ = ("_rule", "_values")

    def __init__(self, rule: Discrete) -> None:
        super().__init__(Gate(rule.tag))
        self._rule = rule
        self._values = frozenset(float(value) for value in rule.values)

    def look(self, sight: Sight) -> Tri:
        rule, value = self._rule, sight.values[self._rule.tag]
        self.gates[0].only(value)
        if not usable(sight.status[rule.tag], value, rule.hold_uncertain):
            return Tri.UNKNOWN
        return Tri.of((value in self._values) != rule.off_normal)

    def say(self, sight: Sight, names: Names) -> str:
        rule = self._rule
        listed = " or ".join(spoken(value) for value in rule.values)
        wanted = f"{'other than ' if rule.off_normal else ''}{listed}"
        return f"{names.name(rule.tag)} is {spoken(sight.values[rule.tag])}, alarm at {wanted}"


class BitWatch(Watch):
    """Other bits of the same word change often; they pass the gate and change nothing."""

    __slots__ = ("_rule",)

    def __init__(self, rule: Bit) -> None:
        super().__init__(Gate(rule.tag))
        self._rule = rule

    def look(self, sight: Sight) -> Tri:
        rule, value = self._rule, sight.values[self._rule.tag]
        self.gates[0].only(value)
        if not usable(sight.status[rule.tag], value, rule.hold_uncertain):
            return Tri.UNKNOWN
        return Tri.of(int(value) >> rule.bit & 1 == rule.active_when)

    def say(self, sight: Sight, names: Names) -> str:
        rule, value = self._rule, sight.values[self._rule.tag]
        bit = "not known" if isnan(value) else int(value) >> rule.bit & 1
        return f"bit {rule.bit} of {names.name(rule.tag)} is {bit}, alarm at {rule.active_when}"


class DiscrepancyWatch(Watch):
    """A new command starts the allowed time again: the valve is on its way."""

    __slots__ = ("_commanded", "_delay", "_rule")

    def __init__(self, rule: Discrepancy) -> None:
        tags = (rule.command, rule.open_switch, rule.closed_switch)
        super().__init__(*(Gate(tag) for tag in tags if tag is not None))
        self._rule = rule
        self._delay = Delay(rule.within_s, 0.0)
        self._commanded: bool | None = None

    def prime(self, active: bool) -> None:
        self._delay.prime(active)

    def look(self, sight: Sight) -> Tri:
        rule = self._rule
        for gate in self.gates:
            gate.only(sight.values[gate.tag])
        command = _on(sight, rule.command, rule.open_value)
        if command is Tri.UNKNOWN:
            off = Tri.UNKNOWN
        else:
            opened = command is Tri.TRUE
            if opened is not self._commanded and self._commanded is not None:
                self._delay.prime(False)
            self._commanded = opened
            terms = (
                [_on(sight, rule.open_switch, 1 if not opened else 0)] if rule.open_switch is not None else []
            )
            if rule.closed_switch is not None:
                terms.append(_on(sight, rule.closed_switch, 1 if opened else 0))
            off = any_of(terms)
        out = self._delay.feed(off, sight.plant_s)
        self.due_plant_s = self._delay.due_s
        return off if off is Tri.UNKNOWN else Tri.of(out)

    def say(self, sight: Sight, names: Names) -> str:
        rule = self._rule
        if self._commanded is None:
            return f"the command {names.name(rule.command)} is not known"
        switches = ", ".join(
            f"{names.name(tag)} = {spoken(sight.values[tag])}"
            for tag in (rule.open_switch, rule.closed_switch)
            if tag is not None
        )
        left_s = self._delay.left_s(sight.plant_s)
        wait = "" if left_s is None else f", {left_s:.1f} s of {rule.within_s:g} s left"
        verdict = "against the command" if self._delay.out or left_s is not None else "as commanded"
        return f"commanded {'open' if self._commanded else 'shut'}: {switches}, {verdict}{wait}"


def _on(sight: Sight, tag: int | None, wanted: int) -> Tri:
    assert tag is not None
    value = sight.values[tag]
    return Tri.of(value == wanted) if usable(sight.status[tag], value, False) else Tri.UNKNOWN
