"""One measuring channel: what it reads, how well, and how late.

Accuracy is an expanded uncertainty (k = 2): `u` in the tag's unit or `u_rel` of the reading. Of the
standard uncertainty u/2, 0.8 is constant for an instrument (drawn by seed) and 0.6 is noise that
changes every plant second; together they make the whole (0.8² + 0.6² = 1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import Final

SYSTEMATIC: Final = 0.8
RANDOM: Final = 0.6
Getter = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Spec:
    """A tag of the instrument list. noise: extra random standard deviation in the tag's unit.

    tau_s, dead_s: first-order lag and dead time (sample lines). calibrated_h: hour of the day at which
    the analyser is calibrated for five minutes with a status of its own.
    """

    name: str
    read: Getter
    low: float
    high: float
    u: float = 0.0
    u_rel: float = 0.0
    noise: float = 0.0
    tau_s: float = 0.0
    dead_s: float = 0.0
    calibrated_h: float | None = None


class Delayed:
    """Dead time, then a first-order lag, started at the steady state."""

    __slots__ = ("_age", "_dt_s", "_line", "_share", "dead_s", "tau_s", "value")

    def __init__(self, value: float, dead_s: float, tau_s: float) -> None:
        self.value = value
        self.dead_s = dead_s
        self.tau_s = tau_s
        self._line: deque[tuple[float, float]] = deque([(0.0, value)])
        self._age = 0.0
        self._dt_s = 0.0
        self._share = 0.0  # of the way that the lag goes in one step of _dt_s

    def step(self, truth: float, dt_s: float) -> float:
        if self.dead_s > 0.0:
            line = self._line
            self._age += dt_s
            line.append((self._age, truth))
            horizon = self._age - self.dead_s + 1e-9
            while len(line) > 1 and line[1][0] <= horizon:
                line.popleft()
            truth = line[0][1]
        if self.tau_s > 0.0:
            if dt_s != self._dt_s:
                self._dt_s, self._share = dt_s, 1.0 - exp(-dt_s / self.tau_s)
            self.value += (truth - self.value) * self._share
            if -1e-9 < self.value < 1e-9:
                self.value = 0.0
        else:
            self.value = truth
        return self.value


class Channel:
    """A Spec with the errors of one particular instrument."""

    __slots__ = ("bias", "delayed", "gain", "high", "low", "name", "noise", "noise_rel", "read")

    def __init__(self, spec: Spec, error: float) -> None:
        """error: standard normal, the instrument's own constant share of its uncertainty."""
        self.name = spec.name
        self.read = spec.read
        self.low, self.high = spec.low, spec.high
        self.bias = 0.5 * SYSTEMATIC * spec.u * error
        self.gain = 1.0 + 0.5 * SYSTEMATIC * spec.u_rel * error
        self.noise = (spec.noise**2 + (0.5 * RANDOM * spec.u) ** 2) ** 0.5
        self.noise_rel = 0.5 * RANDOM * spec.u_rel
        delayed = spec.tau_s > 0.0 or spec.dead_s > 0.0
        self.delayed = Delayed(spec.read(), spec.dead_s, spec.tau_s) if delayed else None
