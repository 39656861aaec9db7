"""Rate of change over a window of plant seconds."""

from __future__ import annotations

from collections import deque
from math import inf

from alarms.comparison import beyond
from alarms.limits.level import off
from alarms.limits.watch import Gate, Names, Sight, Watch, spoken, usable
from alarms.model import Rate
from alarms.signal import Tri

SLOTS = 64  # samples kept per window: times are exact to 1/64 of it


class RateWatch(Watch):
    """Compares the value with the one a window ago, holding samples between changes.

    Until a whole window has been seen the verdict is unknown, unless the change is large enough
    already. A value that was not usable starts the window again: a step across a gap is not a rate.
    """

    __slots__ = ("_change", "_out", "_rule", "_samples")

    def __init__(self, rule: Rate) -> None:
        super().__init__(Gate(rule.tag))
        self._rule = rule
        self._samples: deque[tuple[float, float]] = deque()
        self._out = False
        self._change = 0.0

    def prime(self, active: bool) -> None:
        self._out = active

    def look(self, sight: Sight) -> Tri:
        rule, samples, now_s = self._rule, self._samples, sight.plant_s
        value = sight.values[rule.tag]
        self.due_plant_s = inf
        if not usable(sight.status[rule.tag], value, rule.hold_uncertain):
            samples.clear()
            return Tri.UNKNOWN
        self._take(now_s, value)
        while len(samples) > 1 and samples[1][0] + rule.window_s <= now_s:
            samples.popleft()
        start_s, start = samples[0]
        filled = start_s + rule.window_s <= now_s
        self._change = (value - start) / rule.window_s * rule.per_s
        out = beyond(">=", rule.limit, rule.deadband, off(self._change, rule.direction), self._out)
        if not filled:
            self.due_plant_s = start_s + rule.window_s
            if not out:
                return Tri.UNKNOWN
        elif len(samples) > 1:
            self.due_plant_s = samples[1][0] + rule.window_s
        self._out = out
        return Tri.of(out)

    def _take(self, now_s: float, value: float) -> None:
        samples = self._samples
        if not samples:
            samples.append((now_s, value))
        elif samples[-1][1] != value:
            # Within one slot the newest value stands for the slot; the first sample is the reference.
            if len(samples) > 1 and now_s - samples[-1][0] < self._rule.window_s / SLOTS:
                samples[-1] = (samples[-1][0], value)
            else:
                samples.append((now_s, value))

    def say(self, sight: Sight, names: Names) -> str:  # noqa: ARG002
        rule = self._rule
        unit = f"{names.unit(rule.tag)} per {spoken(rule.per_s)} s".lstrip()
        which = "reaches" if off(self._change, rule.direction) >= rule.limit else "is within"
        return f"the change of {spoken(self._change, unit)} {which} the allowed {spoken(rule.limit, unit)}"
