"""Conditions at work: one watch per kind of limit. A plain object with a small memory, asked only when
its gate or its deadline says so. In: the image and the time. Out: true, false or unknown."""

from __future__ import annotations

from typing import assert_never

from alarms.limits.combine import CountWatch, HeldWatch, NotWatch, StandingWatch, ToldWatch, VoteWatch
from alarms.limits.curve import CurveWatch
from alarms.limits.discrete import BitWatch, DiscrepancyWatch, DiscreteWatch
from alarms.limits.level import DifferenceWatch, LevelWatch
from alarms.limits.quality import AgeWatch, QualityWatch
from alarms.limits.rate import RateWatch
from alarms.limits.watch import Delay, Gate, Names, Sight, Watch
from alarms.model import (
    All,
    AnyOf,
    Bit,
    Condition,
    Count,
    Curve,
    Deviation,
    Discrepancy,
    Discrete,
    Frozen,
    Held,
    Level,
    Not,
    Quality,
    Rate,
    Skew,
    Stale,
    Standing,
    Told,
    Vote,
)

__all__ = ["Delay", "Gate", "Names", "Sight", "Watch", "watch"]


def watch(condition: Condition) -> Watch:  # noqa: PLR0911, PLR0912, C901 - one line per kind of condition
    """The condition as an object with memory."""
    match condition:
        case Level():
            return LevelWatch(condition)
        case Rate():
            return RateWatch(condition)
        case Deviation(reference=Curve()):
            return CurveWatch(condition)
        case Deviation() | Skew():
            return DifferenceWatch(condition)
        case Discrete():
            return DiscreteWatch(condition)
        case Bit():
            return BitWatch(condition)
        case Discrepancy():
            return DiscrepancyWatch(condition)
        case Quality():
            return QualityWatch(condition)
        case Stale() | Frozen():
            return AgeWatch(condition)
        case Count():
            return CountWatch(condition, watch(condition.condition))
        case All(terms):
            return VoteWatch(len(terms), [watch(term) for term in terms])
        case AnyOf(terms):
            return VoteWatch(1, [watch(term) for term in terms])
        case Vote(needed, terms):
            return VoteWatch(needed, [watch(term) for term in terms])
        case Not(term):
            return NotWatch(watch(term))
        case Held(term):
            return HeldWatch(condition, watch(term))
        case Standing():
            return StandingWatch(condition)
        case Told():
            return ToldWatch(condition)
        case _:
            assert_never(condition)
