"""Delays and deadbands computed from what was recorded: how many alarms each would have saved, and
whether a warning before a real trip would have been missed or come later.

A suggestion is numbers for a person who decides; nothing here changes a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alarms.comparison import beyond
from alarms.limits import Delay
from alarms.metrics import SECOND_NS, Activation
from alarms.model import Side
from alarms.signal import Tri

DELAYS_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
DEADBANDS: Final = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  # in multiples of the noise
WARNING_S: Final = 1800.0  # an alarm within this time before a trip, and standing at it, warned of it
WORTH: Final = 0.2  # of the alarms that came; what saves less is not worth a change
ENOUGH: Final = 0.8  # the smallest setting that saves this share of what the largest would save


class Period(NamedTuple):
    """An activation in seconds; returned_s is inf while it stands."""

    raised_s: float
    returned_s: float


class Level(NamedTuple):
    """A level alarm and its recorded samples: rows of (second, value), oldest first."""

    samples: ArrayLike
    side: Side
    limit: float
    deadband: float = 0.0
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0

    def activations(
        self, *, deadband: float | None = None, on_s: float = 0.0, off_s: float = 0.0
    ) -> list[Period]:
        """What it would have made of them with another deadband, or with longer delays."""
        width = self.deadband if deadband is None else deadband
        turns = _turns(self.samples, self.side, self.limit, width)
        return replay(turns, self.side, self.limit, width, self.on_delay_s + on_s, self.off_delay_s + off_s)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """setting: 'on_delay_s', 'off_delay_s' or 'deadband'. later_s: by how much the latest kept warning
    of a trip would have come later. warned: trips the alarm warned of; missed: those of them (seconds)
    that it would not have warned of."""

    alarm: str
    setting: str
    value: float
    before: int
    after: int
    warned: int
    missed: tuple[float, ...]
    later_s: float

    @property
    def saved(self) -> int:
        return self.before - self.after


def periods(activations: Iterable[Activation], alarm: str) -> list[Period]:
    """The activations of one alarm, in seconds since 1970."""
    return [
        Period(one.raised_ns / SECOND_NS, inf if one.returned_ns is None else one.returned_ns / SECOND_NS)
        for one in activations
        if one.alarm == alarm
    ]


def delayed(found: Sequence[Period], on_delay_s: float, off_delay_s: float) -> list[Period]:
    """What longer delays would have made of recorded activations: the additional time is applied.

    Where samples are there a replay is exact; here what was too short to be an activation is not known.
    """
    merged: list[Period] = []
    for one in found:
        if merged and one.raised_s - merged[-1].returned_s <= off_delay_s > 0.0:
            merged[-1] = Period(merged[-1].raised_s, one.returned_s)
        else:
            merged.append(one)
    return [
        Period(one.raised_s + on_delay_s, one.returned_s + off_delay_s)
        for one in merged
        if one.returned_s - one.raised_s > on_delay_s
    ]


def replay(
    samples: Sequence[tuple[float, float]],
    side: Side,
    limit: float,
    deadband: float,
    on_delay_s: float = 0.0,
    off_delay_s: float = 0.0,
) -> list[Period]:
    """The activations that a level alarm makes of recorded (second, value) samples, until the last one."""
    delay, out, since_s = Delay(on_delay_s, off_delay_s), False, 0.0
    found: list[Period] = []
    op = ">=" if side is Side.HIGH else "<="
    ends = [later for later, _ in samples[1:]] + [-inf]
    for (time_s, value), end_s in zip(samples, ends, strict=True):
        out = beyond(op, limit, deadband, value, out)
        verdict, at_s = Tri.of(out), time_s
        while True:  # at the sample, then at the deadline if it comes before the next sample
            was = delay.out
            if delay.feed(verdict, at_s) != was:
                if was:
                    found.append(Period(since_s, at_s))
                since_s = at_s
            at_s = delay.due_s
            if at_s >= end_s:
                break
    if delay.out:
        found.append(Period(since_s, inf))
    return found


def _warned(found: Sequence[Period], trips_s: Sequence[float]) -> dict[float, float]:
    """trip -> when the alarm had warned of it."""
    warned: dict[float, float] = {}
    for trip_s in trips_s:
        for one in found:
            if one.raised_s <= trip_s <= one.returned_s and trip_s - one.raised_s <= WARNING_S:
                warned[trip_s] = one.raised_s
    return warned


def _compared(
    alarm: str,
    setting: str,
    value: float,
    before: Sequence[Period],
    after: Sequence[Period],
    trips_s: Sequence[float],
    hidden: Sequence[Period] = (),
) -> Suggestion:
    """hidden: when the alarm was suppressed or shelved anyway; what comes then is no alarm saved."""
    were, are = _warned(before, trips_s), _warned(after, trips_s)
    later_s = max((are[trip] - were[trip] for trip in were if trip in are), default=0.0)
    missed = tuple(trip for trip in were if trip not in are)
    came, would = (sum(not _within(one.raised_s, hidden) for one in found) for found in (before, after))
    return Suggestion(alarm, setting, value, came, would, len(were), missed, max(0.0, later_s))


def _within(at_s: float, spans: Sequence[Period]) -> bool:
    return any(one.raised_s <= at_s < one.returned_s for one in spans)


def best(candidates: Sequence[Suggestion]) -> Suggestion | None:
    """The smallest setting that saves enough and misses no warning; None when none saves anything."""
    allowed = [one for one in candidates if not one.missed and one.saved > WORTH * one.before]
    if not allowed:
        return None
    enough = ENOUGH * max(one.saved for one in allowed)
    return next(one for one in allowed if one.saved >= enough)


def refused(candidates: Sequence[Suggestion]) -> Suggestion | None:
    """The smallest setting that would have saved more than any that is allowed, and missed a warning."""
    allowed = max((one.saved for one in candidates if not one.missed), default=0)
    more = [one for one in candidates if one.missed and one.saved > allowed + WORTH * one.before]
    return next(iter(more), None)


def on_delays(
    alarm: str,
    found: Sequence[Period] | Level,
    trips_s: Sequence[float] = (),
    hidden: Sequence[Period] = (),
) -> list[Suggestion]:
    """Longer on-delays against fleeting alarms; the values are in addition to the present delay."""
    before = found.activations() if isinstance(found, Level) else found
    return [
        _compared(alarm, "on_delay_s", delay_s, before, after, trips_s, hidden)
        for delay_s in DELAYS_S
        for after in [
            found.activations(on_s=delay_s) if isinstance(found, Level) else delayed(found, delay_s, 0.0)
        ]
    ]


def off_delays(
    alarm: str,
    found: Sequence[Period] | Level,
    trips_s: Sequence[float] = (),
    hidden: Sequence[Period] = (),
) -> list[Suggestion]:
    """Longer off-delays against chattering; they cost no warning time."""
    before = found.activations() if isinstance(found, Level) else found
    return [
        _compared(alarm, "off_delay_s", delay_s, before, after, trips_s, hidden)
        for delay_s in DELAYS_S
        for after in [
            found.activations(off_s=delay_s) if isinstance(found, Level) else delayed(found, 0.0, delay_s)
        ]
    ]


def noise(samples: ArrayLike) -> float:
    """The scatter from one sample to the next: the median step, which a real change hardly moves."""
    values = _columns(samples)[:, 1]
    return float(np.median(np.abs(np.diff(values)))) if len(values) > 1 else 0.0


def _turns(samples: ArrayLike, side: Side, limit: float, deadband: float) -> list[tuple[float, float]]:
    """The samples that can turn the alarm: a month of them is long, and most only move within a band."""
    rows = _columns(samples)
    if not len(rows):
        return []
    values = rows[:, 1]
    if side is Side.HIGH:
        out, back = values >= limit, values < limit - deadband
    else:
        out, back = values <= limit, values > limit + deadband
    band = out.astype(np.int8) - back
    kept = np.r_[True, band[1:] != band[:-1]]
    kept[-1] = True  # until then it is known to stand
    return [(float(at_s), float(value)) for at_s, value in rows[kept]]


def _columns(samples: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(samples, np.float64).reshape(-1, 2)


def deadbands(
    alarm: str, level: Level, trips_s: Sequence[float] = (), hidden: Sequence[Period] = ()
) -> list[Suggestion]:
    """Deadbands of some multiple of the signal's own noise, larger than the present one."""
    before, scatter = level.activations(), noise(level.samples)
    return [
        _compared(alarm, "deadband", width, before, level.activations(deadband=width), trips_s, hidden)
        for times in DEADBANDS
        if (width := times * scatter) > level.deadband
    ]
