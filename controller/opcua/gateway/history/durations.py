"""Aggregates by time: what stands between the values counts (Part 13, 5.4.3.6 and following)."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.opcua.gateway.history.bounds import interpolated, simple
from controller.opcua.gateway.history.intervals import Question
from controller.opcua.gateway.history.quality import (
    BAD_NO_DATA,
    CALCULATED,
    PARTIAL,
    SUBNORMAL,
    Mask,
    Points,
    Times,
    points,
)

_S_NS: Final = 1e9
_MS_NS: Final = 1e6


def interpolative(q: Question) -> Points:
    """The value at each interval's start."""
    return interpolated(q.rows, q.kinds, q.setup, q.intervals.start, stepped=q.setup.stepped)


def time_average(q: Question) -> Points:
    """The mean of the line through the usable values; sloped, whatever the tag is (Part 13, 5.4.3.6)."""
    usable = np.flatnonzero(q.kinds.usable)
    if not len(usable):
        return _nothing(q)
    times = q.rows.time_ns[usable]
    low = np.maximum(q.intervals.low, times[0])
    cuts = _cuts(q, times)
    cuts = cuts[cuts >= times[0]]
    at = interpolated(q.rows, q.kinds, q.setup, cuts, stepped=False)
    width_s = np.diff(cuts) / _S_NS
    areas = (at.values[:-1] + at.values[1:]) / 2 * width_s
    area = np.bincount(_interval_of(q, cuts[:-1]), areas, len(q.intervals))
    span_s = (q.intervals.high - low) / _S_NS
    known = q.any_data & (span_s > 0)
    mean = np.divide(area, span_s, out=np.full(len(area), np.nan), where=known)
    return _told(q, mean, _clean(q, usable), known)


def total(q: Question) -> Points:
    """The time average times the interval's seconds."""
    mean = time_average(q)
    width_s = (q.intervals.high - q.intervals.low) / _S_NS
    return mean._replace(values=mean.values * width_s)


def duration_good(q: Question) -> Points:
    """Milliseconds in which the value was Good."""
    return _always_good(q, _regions(q).sum(lambda r: r.good) / _MS_NS)


def duration_bad(q: Question) -> Points:
    """Milliseconds in which the value was Bad, or was not there yet."""
    return _always_good(q, (_regions(q).sum(lambda r: r.bad) + _before_data_ns(q)) / _MS_NS)


def percent_good(q: Question) -> Points:
    """Of the interval, as far as there is data by now (0 to 100)."""
    return _percent(q, duration_good(q))


def percent_bad(q: Question) -> Points:
    return _percent(q, duration_bad(q))


def duration_in_zero(q: Question) -> Points:
    """Milliseconds in which the value was Good and zero."""
    return _in_state(q, lambda r: r.good & (r.values == 0))


def duration_in_nonzero(q: Question) -> Points:
    """Milliseconds in which the value was Good and not zero: running hours of a machine."""
    return _in_state(q, lambda r: r.good & (r.values != 0))


class _Regions(NamedTuple):
    """Stretches of one quality: from one value, or an interval's start, to the next. of: their interval."""

    of: NDArray[np.int64]
    width_ns: Times
    values: NDArray[np.float64]
    good: Mask
    bad: Mask
    intervals: int

    def sum(self, chosen: Any) -> NDArray[np.float64]:
        weights = np.where(chosen(self), self.width_ns, 0).astype(np.float64)
        return np.asarray(np.bincount(self.of, weights, self.intervals), np.float64)


def _regions(q: Question) -> _Regions:
    """Regions have the quality of their start: a value's own, or that of the simple bound."""
    if not len(q.rows):
        empty = np.empty(0, np.int64)
        return _Regions(empty, empty, empty.astype(np.float64), empty > 0, empty > 0, len(q.intervals))
    begin, end = q.rows.time_ns[0], q.rows.time_ns[-1] + q.setup.resolution_ns
    cuts = _cuts(q, q.rows.time_ns)
    starts, width_ns = cuts[:-1], np.clip(cuts[1:], begin, end) - np.clip(cuts[:-1], begin, end)
    at = simple(q.rows, q.kinds, q.setup, starts)
    severity = at.status >> 30
    bad = ~at.given | (severity >= 2) | ((severity == 1) & q.setup.uncertain_is_bad)
    return _Regions(_interval_of(q, starts), width_ns, at.values, severity == 0, bad, len(q.intervals))


def _cuts(q: Question, times: Times) -> Times:
    """The intervals' edges and the times between them, in order, each once."""
    edges = np.append(q.intervals.low, q.intervals.high[-1:])
    inside = times[(times > edges[0]) & (times < edges[-1])]
    cuts: Times = np.unique(np.concatenate((edges, inside)))
    return cuts


def _interval_of(q: Question, starts: Times) -> NDArray[np.int64]:
    return np.searchsorted(q.intervals.low, starts, "right") - 1


def _clean(q: Question, usable: NDArray[np.int64]) -> Mask:
    """Intervals in which no value, the ones that bound it included, was anything but Good."""
    times = q.rows.time_ns[usable]
    before = np.searchsorted(times, q.intervals.low, "right") - 1
    after = np.searchsorted(times, q.intervals.high, "left")
    bounded = (before >= 0) & (after < len(times))
    first = usable[np.maximum(before, 0)]
    last = usable[np.minimum(after, len(times) - 1)]
    spoilt = np.concatenate(([0], np.cumsum(~q.kinds.good)))
    clean: Mask = bounded & (spoilt[last + 1] - spoilt[first] == 0)
    return clean


def _before_data_ns(q: Question) -> NDArray[np.float64]:
    if not len(q.rows):
        return np.zeros(len(q.intervals))
    missing: NDArray[np.int64] = np.maximum(q.rows.time_ns[0] - q.intervals.low, 0)
    return missing.astype(np.float64)


def _percent(q: Question, duration_ms: Points) -> Points:
    if not len(q.rows):
        return duration_ms
    end = np.minimum(q.intervals.high, q.rows.time_ns[-1] + q.setup.resolution_ns)
    width_ms = np.maximum(end - q.intervals.low, 1) / _MS_NS
    return duration_ms._replace(values=duration_ms.values * 100 / width_ms)


def _in_state(q: Question, chosen: Any) -> Points:
    regions = _regions(q)
    width_ns = q.intervals.high - q.intervals.low
    clean = np.bincount(regions.of, regions.width_ns * regions.good, len(q.intervals)) >= width_ns
    return _told(q, regions.sum(chosen) / _MS_NS, clean, q.any_data)


def _always_good(q: Question, values: NDArray[np.float64]) -> Points:
    return _told(q, values, np.ones(len(q.intervals), np.bool_), q.any_data)


def _told(q: Question, values: NDArray[np.float64], clean: Mask, known: Mask) -> Points:
    if not len(q.rows):
        return _nothing(q)
    status = np.where(clean, CALCULATED, SUBNORMAL | CALCULATED)
    status = np.where(q.partial, status | PARTIAL, status)
    return points(q.intervals.start, values, np.where(known, status, BAD_NO_DATA), known)


def _nothing(q: Question) -> Points:
    return points(q.intervals.start, np.nan, BAD_NO_DATA, given=False)
