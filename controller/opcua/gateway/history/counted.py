"""Aggregates by values: only what was recorded counts, however long it stood (Part 13, 5.4.3.5 ff.)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.opcua.gateway.history.intervals import Question
from controller.opcua.gateway.history.quality import (
    BAD,
    BAD_NO_DATA,
    CALCULATED,
    MULTIPLE,
    PARTIAL,
    SUBNORMAL,
    Mask,
    Points,
    points,
)


def average(q: Question) -> Points:
    """The mean of the Good values."""
    good = q.per_interval(q.kinds.good)
    total = q.per_interval(q.kinds.good, q.rows.values)
    mean = np.divide(total, good, out=np.full(len(good), np.nan), where=good > 0)
    share = _by_share(q)
    answer = _told(q, mean, share | CALCULATED, (good > 0) & (share != BAD), partial=False)
    answer.status[(good > 0) & (share == BAD)] = BAD
    return answer


def count(q: Question) -> Points:
    """How many Good values there are; Bad when all are."""
    status = _by_share(q)
    given = q.any_data & (status != BAD)
    told = np.where(status == BAD, BAD, status | CALCULATED)
    answer = _told(q, q.per_interval(q.kinds.good), told, given)
    answer.status[q.any_data & ~given] = BAD
    return answer


def minimum(q: Question) -> Points:
    return _extreme(q, _extremes(q, largest=False))


def maximum(q: Question) -> Points:
    return _extreme(q, _extremes(q, largest=True))


def minimum_actual_time(q: Question) -> Points:
    """With the time of the value itself, the oldest when there are several."""
    return _at_its_time(q, _extremes(q, largest=False))


def maximum_actual_time(q: Question) -> Points:
    return _at_its_time(q, _extremes(q, largest=True))


def spread(q: Question) -> Points:
    """The Range aggregate: largest Good value minus smallest."""
    low, high = _extremes(q, largest=False), _extremes(q, largest=True)
    status = np.where(q.per_interval(q.kinds.bad) > 0, SUBNORMAL, 0) | CALCULATED
    return _told(q, high.values - low.values, status, low.any)


def start(q: Question) -> Points:
    """The first value of each interval, of whatever quality, with its own time."""
    return _recorded(q, q.after - 1 if q.intervals.backward else q.first)


def end(q: Question) -> Points:
    """The last value of each interval."""
    return _recorded(q, q.first if q.intervals.backward else q.after - 1)


def delta(q: Question) -> Points:
    """The last Good value minus the first."""
    good = np.flatnonzero(q.kinds.good)
    if not len(good):
        return points(q.intervals.start, np.nan, BAD_NO_DATA, given=False)
    begin = np.searchsorted(good, q.first, "left")
    finish = np.searchsorted(good, q.after, "left") - 1
    given = finish >= begin
    last = len(good) - 1
    first_good, last_good = good[np.clip(begin, 0, last)], good[np.clip(finish, 0, last)]
    skipped = (first_good != q.first) | (last_good != q.after - 1)
    status = np.where(skipped, SUBNORMAL, 0) | CALCULATED
    return _told(q, q.rows.values[last_good] - q.rows.values[first_good], status, given)


def variance_sample(q: Question) -> Points:
    """Of the Good values, with n - 1; 0 for a single one."""
    return _variance(q, 1)


def variance_population(q: Question) -> Points:
    return _variance(q, 0)


def deviation_sample(q: Question) -> Points:
    """The standard deviation of the Good values, with n - 1; 0 for a single one."""
    return _root(_variance(q, 1))


def deviation_population(q: Question) -> Points:
    return _root(_variance(q, 0))


class _Extremes(NamedTuple):
    """any: there is a Good value; place: the row of the oldest extreme; passed: an uncertain one beats it."""

    values: NDArray[np.float64]
    any: Mask
    place: NDArray[np.int64]
    several: Mask
    at_start: Mask
    passed: Mask


def _extremes(q: Question, *, largest: bool) -> _Extremes:
    """Minimum is the maximum of the negated values."""
    sign = 1.0 if largest else -1.0
    best = _largest(q, q.kinds.good, sign)
    uncertain = _largest(q, q.kinds.uncertain, sign)
    of = np.maximum(q.of, 0)
    hit = (
        q.kinds.good & (q.of >= 0) & (sign * q.rows.values == best[of]) if len(q.intervals) else q.kinds.good
    )
    places = np.flatnonzero(hit)
    place = np.zeros(len(q.intervals), np.int64)
    place[q.of[places[::-1]]] = places[::-1]
    at_start = np.zeros(len(q.intervals), np.bool_)
    at_start[q.of[places[q.rows.time_ns[places] == q.intervals.start[q.of[places]]]]] = True
    any_good = np.isfinite(best) | (q.per_interval(q.kinds.good) > 0)
    several = np.bincount(q.of[places], minlength=len(q.intervals)) > 1
    return _Extremes(sign * best, any_good, place, several, at_start, uncertain > best)


def _largest(q: Question, chosen: Mask, sign: float) -> NDArray[np.float64]:
    """-inf where there is none."""
    found = np.full(len(q.intervals), -np.inf)
    places = np.flatnonzero(chosen & (q.of >= 0))
    if len(places):
        of = q.of[places]
        heads = np.flatnonzero(np.diff(of, prepend=-1))
        found[of[heads]] = np.maximum.reduceat(sign * q.rows.values[places], heads)
    return found


def _extreme(q: Question, found: _Extremes) -> Points:
    spoilt = (q.per_interval(q.kinds.bad) > 0) | found.passed
    raw = found.at_start & ~spoilt
    status = np.where(spoilt, SUBNORMAL, 0) | np.where(raw, 0, CALCULATED)
    status |= np.where(found.several, MULTIPLE, 0)
    return _told(q, found.values, status, found.any)


def _at_its_time(q: Question, found: _Extremes) -> Points:
    spoilt = (q.per_interval(q.kinds.bad) > 0) | found.passed
    status = np.where(spoilt, SUBNORMAL, 0) | np.where(found.several, MULTIPLE, 0)
    answer = _told(q, found.values, status, found.any)
    if len(q.rows):
        answer.time_ns[:] = np.where(found.any, q.rows.time_ns[found.place], answer.time_ns)
    return answer


def _recorded(q: Question, place: Any) -> Points:
    given = q.after > q.first
    if not given.any():
        return points(q.intervals.start, np.nan, BAD_NO_DATA, given=False)
    place = np.where(given, place, 0)
    status = q.rows.status[place].astype(np.int64)
    bad = status >> 30 >= 2
    told = np.where(~bad & q.partial, status | PARTIAL, status)
    return points(
        np.where(given, q.rows.time_ns[place], q.intervals.start),
        q.rows.values[place],
        np.where(given, told, BAD_NO_DATA),
        given & ~bad,
    )


def _variance(q: Question, less: int) -> Points:
    good = q.per_interval(q.kinds.good)
    mean = average(q).values
    from_mean = (
        np.where(q.of >= 0, q.rows.values - mean[np.maximum(q.of, 0)], 0.0) if len(mean) else q.rows.values
    )
    squares = q.per_interval(q.kinds.good, from_mean**2)
    values = np.divide(squares, good - less, out=np.zeros(len(good)), where=good > less)
    skipped = q.after - q.first > good
    return _told(q, values, np.where(skipped, SUBNORMAL, 0) | CALCULATED, good > 0)


def _root(answer: Points) -> Points:
    return answer._replace(values=np.sqrt(answer.values))


def _by_share(q: Question) -> NDArray[np.int64]:
    """Good, Bad or Uncertain by how many of the values are (Part 13, 5.4.3.2.3)."""
    good, bad = q.per_interval(q.kinds.good), q.per_interval(q.kinds.bad)
    uncertain = q.per_interval(q.kinds.usable & ~q.kinds.good)
    counted = np.maximum(good + bad + uncertain, 1)
    nothing = good + bad + uncertain == 0
    enough = (100 * (good + uncertain) >= q.setup.percent_good * counted) & (uncertain == 0)
    spoilt = (100 * bad >= q.setup.percent_bad * counted) & (bad > 0)
    return np.where(nothing | enough, 0, np.where(spoilt, BAD, SUBNORMAL))


def _told(q: Question, values: Any, status: Any, given: Mask, *, partial: bool = True) -> Points:
    if not len(q.rows):
        return points(q.intervals.start, np.nan, BAD_NO_DATA, given=False)
    if partial:
        # The bits of a DataValue come with the first of them.
        status = np.where(q.partial, status | PARTIAL, status)
    return points(q.intervals.start, values, np.where(given, status, BAD_NO_DATA), given)
