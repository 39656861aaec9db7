"""StatusCodes of history: their severity, the historian's information bits, and how a tag is aggregated.

Part 13, 5.3 (StatusCodes of aggregates) and 4.2.1.2 (AggregateConfigurationType); bits of Part 4, 7.39.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.record.chunks import Rows

BAD: Final = 0x80000000
BAD_NO_DATA: Final = 0x809B0000
BAD_BOUND_NOT_FOUND: Final = 0x80D70000
SUBNORMAL: Final = 0x40A40000  # UncertainDataSubNormal
GOOD_NO_DATA: Final = 0x00A50000

# Bits 10-11 = 01 say that bits 0-4 are the historian's. Raw is the absence of the first two.
CALCULATED: Final = 0x401
INTERPOLATED: Final = 0x402
PARTIAL: Final = 0x404
MULTIPLE: Final = 0x410
_SEVERITY: Final = 30
# The finest step of time that OPC UA knows; the last value stands for that long (Part 13, 3.1.3).
TICK_NS: Final = 100

Times = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Setup:
    """How a tag's values are put together. percent_*: 0..100; stepped: a value stands until the next."""

    stepped: bool = False
    uncertain_is_bad: bool = True
    percent_bad: int = 100
    percent_good: int = 100
    sloped_extrapolation: bool = False
    resolution_ns: int = TICK_NS

    def possible(self) -> bool:
        """Part 13, 4.2.1.2: PercentDataGood >= 100 - PercentDataBad, else one value could be both or none."""
        if not (0 <= self.percent_bad <= 100 and 0 <= self.percent_good <= 100):
            return False
        return self.percent_good >= 100 - self.percent_bad


class Points(NamedTuple):
    """Values of an answer. given: where the value is told at all; elsewhere it is null."""

    time_ns: Times
    values: NDArray[np.float64]
    status: NDArray[np.uint32]
    given: Mask

    def backward(self) -> Points:
        return Points(self.time_ns[::-1], self.values[::-1], self.status[::-1], self.given[::-1])


def points(time_ns: Any, values: Any, status: Any, given: Any = True) -> Points:
    """With scalars spread over all of time_ns."""
    n = len(time_ns)
    return Points(
        np.asarray(time_ns, np.int64),
        np.array(np.broadcast_to(values, n), np.float64),
        np.array(np.broadcast_to(status, n), np.uint32),
        np.array(np.broadcast_to(given, n), np.bool_),
    )


class Kinds(NamedTuple):
    """Which rows are what. usable: may be calculated with (good, and uncertain unless that counts as bad)."""

    good: Mask
    uncertain: Mask
    bad: Mask
    usable: Mask


def kinds(rows: Rows, setup: Setup) -> Kinds:
    """A number that is none (NaN) is as bad as its being Bad."""
    severity = rows.status >> _SEVERITY
    broken = np.isnan(rows.values) | (severity >= 2)
    good = (severity == 0) & ~broken
    uncertain = (severity == 1) & ~broken
    if setup.uncertain_is_bad:
        return Kinds(good, uncertain, ~good, good)
    return Kinds(good, uncertain, broken, good | uncertain)


def is_good(status: int) -> bool:
    return status >> _SEVERITY == 0


def is_bad(status: int) -> bool:
    return status >> _SEVERITY >= 2
