"""Delays and deadbands computed from what was recorded: how many alarms each would have saved, and
whether a warning before a real trip would have been missed or come later.

A suggestion is numbers for a person who decides; nothing here changes a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Final, NamedTuple

from alarms.comparison import beyond
from alarms.limits import Delay
from alarms.metrics import SECOND_NS, Activation
from alarms.model import Side
from alarms.signal import Tri

DELAYS_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
DEADBANDS: Final = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  # in multiples of the noise
WARNING_S: Final = 1800.0  # an alarm within this time before a trip, and standing at it, warned of it
ENOUGH: Final = 0.8  # the smallest setting that saves this share of what the largest would save


class Period(NamedTuple):
    """An activation in seconds; returned_s is inf while it stands."""

    raised_s: float
    returned_s: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """setting: 'on_delay_s', 'off_delay_s' or 'deadband'. later_s: by how much the latest kept warning
    of a trip would have come later. warned, missed: trips the alarm warned of, and would not have."""

    alarm: str
    setting: str
    value: float
    before: int
    after: int
    warned: int
    missed: int
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
    """What longer delays would have made of recorded activations: the additional time is applied."""
    merged: list[Period] = []
    for one in found:
        if merged and one.raised_s - merged[-1].returned_s < off_delay_s:
            merged[-1] = Period(merged[-1].raised_s, one.returned_s)
        else:
            merged.append(one)
    return [
        Period(one.raised_s + on_delay_s, one.returned_s + off_delay_s)
        for one in merged
        if one.returned_s - one.raised_s >= on_delay_s
    ]


def replay(
    samples: Sequence[tuple[float, float]],
    side: Side,
    limit: float,
    deadband: float,
    on_delay_s: float = 0.0,
    off_delay_s: float = 0.0,
) -> list[Period]:
    """The activations that a level alarm makes of recorded (second, value) samples."""
    delay, out, since_s = Delay(on_delay_s, off_delay_s), False, 0.0
    found: list[Period] = []
    op = ">=" if side is Side.HIGH else "<="
    ends = [later for later, _ in samples[1:]] + [inf]
    for (time_s, value), end_s in zip(samples, ends, strict=True):
        out = beyond(op, limit, deadband, value, out)
        verdict, at_s = Tri.of(out), time_s
        while at_s < end_s:  # at the sample, then at the deadline if it comes before the next sample
            was = delay.out
            if delay.feed(verdict, at_s) != was:
                if was:
                    found.append(Period(since_s, at_s))
                since_s = at_s
            at_s = delay.due_s
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
) -> Suggestion:
    were, are = _warned(before, trips_s), _warned(after, trips_s)
    later_s = max((are[trip] - were[trip] for trip in were if trip in are), default=0.0)
    missed = sum(trip not in are for trip in were)
    return Suggestion(alarm, setting, value, len(before), len(after), len(were), missed, max(0.0, later_s))


def _best(candidates: Sequence[Suggestion]) -> Suggestion | None:
    """The smallest setting that saves enough and misses no warning; None when none saves anything."""
    allowed = [one for one in candidates if one.missed == 0 and one.saved > 0]
    if not allowed:
        return None
    enough = ENOUGH * max(one.saved for one in allowed)
    return next(one for one in allowed if one.saved >= enough)


def suggest_on_delay(alarm: str, found: Sequence[Period], trips_s: Sequence[float] = ()) -> Suggestion | None:
    """A longer on-delay against fleeting alarms; the value is in addition to the present delay."""
    return _best(
        [
            _compared(alarm, "on_delay_s", delay_s, found, delayed(found, delay_s, 0.0), trips_s)
            for delay_s in DELAYS_S
        ]
    )


def suggest_off_delay(
    alarm: str, found: Sequence[Period], trips_s: Sequence[float] = ()
) -> Suggestion | None:
    """A longer off-delay against chattering; it costs no warning time."""
    return _best(
        [
            _compared(alarm, "off_delay_s", delay_s, found, delayed(found, 0.0, delay_s), trips_s)
            for delay_s in DELAYS_S
        ]
    )


def noise(samples: Sequence[tuple[float, float]]) -> float:
    """The scatter from one sample to the next: the median step, which a real change hardly moves."""
    steps = sorted(abs(later - earlier) for (_, earlier), (_, later) in pairwise(samples))
    return steps[len(steps) // 2] if steps else 0.0


def suggest_deadband(
    alarm: str,
    samples: Sequence[tuple[float, float]],
    side: Side,
    limit: float,
    deadband: float,
    delays_s: tuple[float, float] = (0.0, 0.0),
    trips_s: Sequence[float] = (),
) -> Suggestion | None:
    """A deadband of some multiple of the signal's own noise, larger than the present one."""
    before = replay(samples, side, limit, deadband, *delays_s)
    scatter = noise(samples)
    return _best(
        [
            _compared(
                alarm,
                "deadband",
                times * scatter,
                before,
                replay(samples, side, limit, times * scatter, *delays_s),
                trips_s,
            )
            for times in DEADBANDS
            if times * scatter > deadband
        ]
    )
