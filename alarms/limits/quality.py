"""What is wrong with a signal rather than with the process: its quality, its age, its stillness.

These never read a value as a measurement, so they have no unknown of their own: a Bad value is what
they are about. Only a link that is down, or that has not spoken yet, leaves stale and frozen unknown:
one alarm for the link says all there is to say.
"""

from __future__ import annotations

from math import inf
from typing import Final

from alarms.limits.watch import Gate, Names, Sight, Watch
from alarms.model import Frozen, Quality, Stale
from alarms.signal import (
    BAD_CONFIGURATION_ERROR,
    BAD_NO_COMMUNICATION,
    BAD_NO_DATA,
    BAD_NODE_ID_UNKNOWN,
    BAD_OUT_OF_RANGE,
    BAD_SENSOR_FAILURE,
    BAD_TIMEOUT,
    BAD_WAITING_FOR_INITIAL_DATA,
    UNCERTAIN_LAST_USABLE,
    Tri,
    is_bad,
    is_good,
    is_uncertain,
)

CODE_MASK: Final = 0xFFFF0000  # the lower half holds info bits (Part 4, 7.39.1)
SILENT: Final = {BAD_NO_COMMUNICATION, BAD_WAITING_FOR_INITIAL_DATA}
WORDS: Final = {
    UNCERTAIN_LAST_USABLE: "last usable value",
    BAD_TIMEOUT: "no report in time",
    BAD_NO_COMMUNICATION: "no communication",
    BAD_WAITING_FOR_INITIAL_DATA: "waiting for the first value",
    BAD_NODE_ID_UNKNOWN: "the PLC does not know the node",
    BAD_CONFIGURATION_ERROR: "configuration error",
    BAD_SENSOR_FAILURE: "sensor failure",
    BAD_NO_DATA: "no data",
    BAD_OUT_OF_RANGE: "out of range",
}


def spoken_status(status: int) -> str:
    """A StatusCode in words, with its number when it is not a common one."""
    severity = "Good" if is_good(status) else "Uncertain" if is_uncertain(status) else "Bad"
    code = status & CODE_MASK
    if code in {0, 0x40000000, 0x80000000}:
        return severity
    return f"{severity} ({WORDS.get(code, f'0x{code:08X}')})"


class QualityWatch(Watch):
    __slots__ = ("_rule",)

    def __init__(self, rule: Quality) -> None:
        super().__init__(Gate(rule.tag))
        self.gates[0].shut()
        self._rule = rule

    def look(self, sight: Sight) -> Tri:
        rule, status = self._rule, sight.status[self._rule.tag]
        if rule.codes:
            return Tri.of(status & CODE_MASK in rule.codes)
        return Tri.of(is_bad(status) or (rule.uncertain and not is_good(status)))

    def say(self, sight: Sight, names: Names) -> str:
        return f"{names.name(self._rule.tag)} is {spoken_status(sight.status[self._rule.tag])}"


class AgeWatch(Watch):
    """Stale: no report; frozen: no movement. The age counts wall seconds and needs no report to grow."""

    __slots__ = ("_rule",)

    def __init__(self, rule: Stale | Frozen) -> None:
        super().__init__(Gate(rule.tag))
        self._rule = rule

    def _since_s(self, sight: Sight) -> float:
        ages = sight.reported_s if isinstance(self._rule, Stale) else sight.moved_s
        return ages[self._rule.tag]

    def look(self, sight: Sight) -> Tri:
        rule, gate = self._rule, self.gates[0]
        status = sight.status[rule.tag] & CODE_MASK
        gate.shut()
        due_s = self._since_s(sight) + rule.after_s
        # The deadline stands while it runs: reports push it back without a look, the look at it finds out.
        self.due_mono_s = due_s if due_s > sight.mono_s else inf
        if status in rule.codes:
            gate.open()
            return Tri.TRUE
        if status in SILENT:
            return Tri.UNKNOWN
        if sight.mono_s < due_s:
            return Tri.FALSE
        gate.open()  # the first report ends it, whatever it says
        return Tri.TRUE

    def say(self, sight: Sight, names: Names) -> str:
        rule = self._rule
        age = f"{sight.mono_s - self._since_s(sight):.0f} s"
        what = "has not reported for" if isinstance(rule, Stale) else "has not moved for"
        status = sight.status[rule.tag]
        quality = "" if is_good(status) else f", {spoken_status(status)}"
        return f"{names.name(rule.tag)} {what} {age}, allowed {rule.after_s:g} s{quality}"
