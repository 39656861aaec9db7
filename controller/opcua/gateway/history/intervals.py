"""The intervals that a span of time is divided into, and which rows fall into which (Part 13, 5.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from controller.opcua.gateway.history.quality import Kinds, Mask, Setup, Times, kinds
from controller.record.chunks import Rows

_MS_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Intervals:
    """Contiguous intervals, ascending. backward: time flows from the last to the first, as was asked for.

    The bound an interval starts with belongs to it, the other does not: [low, high) when time flows
    forward, (low, high] when it flows backward. whole: False where the span did not hold a whole one.
    """

    low: Times
    high: Times
    whole: Mask
    backward: bool = False

    def __len__(self) -> int:
        return len(self.low)

    @property
    def start(self) -> Times:
        """The time stamps: where each interval starts, in the direction of the flow."""
        return self.high if self.backward else self.low


def count(start_ns: int, end_ns: int, interval_ms: float) -> int:
    """How many intervals a span holds, the last partial one included; one when interval_ms is 0."""
    width_ns = round(interval_ms * _MS_NS)
    return -(-abs(end_ns - start_ns) // width_ns) if width_ns > 0 else 1


def divided(start_ns: int, end_ns: int, interval_ms: float, first: int, limit: int) -> Intervals:
    """`limit` intervals from the number `first` on, counted from start_ns towards end_ns."""
    backward = end_ns < start_ns
    width_ns = round(interval_ms * _MS_NS) or abs(end_ns - start_ns)
    numbers = np.arange(first, min(first + limit, count(start_ns, end_ns, interval_ms)), dtype=np.int64)
    near, far = numbers * width_ns, np.minimum((numbers + 1) * width_ns, abs(end_ns - start_ns))
    whole = far - near == width_ns
    if backward:
        return Intervals((start_ns - far)[::-1], (start_ns - near)[::-1], whole[::-1], backward=True)
    return Intervals(start_ns + near, start_ns + far, whole)


@dataclass(frozen=True, slots=True)
class Question:
    """Rows, ascending, and the intervals that are asked for.

    rows reach far enough beyond both ends for a bound to be found; when they end earlier, the data does.
    of: each row's interval, or -1. first, after: each interval's rows are rows[first:after].
    """

    rows: Rows
    intervals: Intervals
    setup: Setup
    kinds: Kinds
    of: NDArray[np.int64]
    first: NDArray[np.int64]
    after: NDArray[np.int64]

    def per_interval(self, chosen: Mask, weights: Any = None) -> NDArray[Any]:
        """How many of the chosen rows each interval has, or the sum of their weights."""
        inside = chosen & (self.of >= 0)
        taken = None if weights is None else weights[inside]
        return np.bincount(self.of[inside], taken, len(self.intervals))

    @property
    def any_data(self) -> Mask:
        """Intervals that do not lie wholly before the first or after the last row."""
        if not len(self.rows):
            return np.zeros(len(self.intervals), np.bool_)
        begin, end = self.rows.time_ns[0], self.rows.time_ns[-1]
        forward: Mask = (self.intervals.high > begin) & (self.intervals.low <= end)
        backward: Mask = (self.intervals.high >= begin) & (self.intervals.low < end)
        return backward if self.intervals.backward else forward

    @property
    def partial(self) -> Mask:
        """Intervals that the data or the span does not fill (Part 13, 5.3.3.2)."""
        begin, end = self.rows.time_ns[0], self.rows.time_ns[-1]
        partial: Mask = (self.intervals.low < begin) | (self.intervals.high > end) | ~self.intervals.whole
        return partial


def question(rows: Rows, intervals: Intervals, setup: Setup, *, standing: bool = False) -> Question:
    """standing: the last row only says that the value before it still stands; it is in no interval."""
    side: Any = "right" if intervals.backward else "left"
    held = rows.time_ns[: len(rows) - standing]
    first = np.searchsorted(held, intervals.low, side)
    after = np.searchsorted(held, intervals.high, side)
    of = np.full(len(rows), -1, np.int64)
    if len(intervals) and len(rows):
        inside = slice(int(first[0]), int(after[-1]))
        of[inside] = np.repeat(np.arange(len(intervals)), after - first)
    return Question(rows, intervals, setup, kinds(rows, setup), of, first, after)
