"""Aggregates against a naive reference: one interval, one value at a time, from the text of Part 13."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.opcua.gateway.history.aggregates import AGGREGATES, processed
from controller.opcua.gateway.history.intervals import count, divided
from controller.opcua.gateway.history.quality import (
    BAD,
    BAD_NO_DATA,
    CALCULATED,
    INTERPOLATED,
    MULTIPLE,
    PARTIAL,
    SUBNORMAL,
    Setup,
)
from controller.record.chunks import Rows

BASE = 1_767_574_800_000_000_000
MS = 1_000_000
UNCERTAIN = 0x40900000
NAMES = {aggregate.name: aggregate for aggregate in AGGREGATES.values()}


class Row(NamedTuple):
    at: int
    value: float
    status: int


class Span(NamedTuple):
    """[low, high), or (low, high] when time flows backward."""

    low: int
    high: int
    whole: bool
    backward: bool

    def holds(self, row: Row) -> bool:
        return self.low < row.at <= self.high if self.backward else self.low <= row.at < self.high

    @property
    def start(self) -> int:
        return self.high if self.backward else self.low


class Answer(NamedTuple):
    at: int
    value: float | None
    status: int


class Naive:
    """Everything by looking through all rows again."""

    def __init__(self, rows: list[Row], setup: Setup) -> None:
        self.rows = rows
        self.setup = setup

    def good(self, row: Row) -> bool:
        return row.status >> 30 == 0

    def usable(self, row: Row) -> bool:
        return self.good(row) or (row.status >> 30 == 1 and not self.setup.uncertain_is_bad)

    def bad(self, row: Row) -> bool:
        return not self.usable(row)

    def inside(self, span: Span) -> list[Row]:
        return [row for row in self.rows if span.holds(row)]

    def has_data(self, span: Span) -> bool:
        begin, end = self.rows[0].at, self.rows[-1].at
        if span.backward:
            return span.high >= begin and span.low < end
        return span.high > begin and span.low <= end

    def partial(self, span: Span) -> int:
        short = span.low < self.rows[0].at or span.high > self.rows[-1].at or not span.whole
        return PARTIAL if short else 0

    def bound(self, at: int, *, stepped: bool) -> tuple[Fraction, int] | None:
        """Interpolated: from the nearest usable rows."""
        before = [row for row in self.rows if row.at <= at and self.usable(row)]
        after = [row for row in self.rows if row.at > at and self.usable(row)]
        if not before:
            return None
        left = before[-1]
        if left.at == at:
            return Fraction(left.value), left.status
        if stepped:
            newest = [row for row in self.rows if row.at <= at][-1]
            sound = self.good(left) and newest is left and newest is not self.rows[-1]
            return Fraction(left.value), INTERPOLATED | (0 if sound else SUBNORMAL)
        if not after:
            if self.setup.sloped_extrapolation and len(before) > 1:
                return line(before[-2], left, at), SUBNORMAL | INTERPOLATED
            return Fraction(left.value), SUBNORMAL | INTERPOLATED
        right = after[0]
        between = [row for row in self.rows if left.at < row.at < right.at]
        sound = self.good(left) and self.good(right) and not between
        return line(left, right, at), INTERPOLATED | (0 if sound else SUBNORMAL)

    def simple_kind(self, at: int) -> str:
        """Quality of the stretch that begins here: 'good', 'uncertain' or 'bad'."""
        before = [row for row in self.rows if row.at <= at]
        if not before or self.bad(before[-1]):
            return "bad"
        if before[-1].at == at or self.setup.stepped:
            return (
                "good"
                if self.good(before[-1]) and (before[-1].at == at or at < self.rows[-1].at)
                else self.as_set()
            )
        after = [row for row in self.rows if row.at > at]
        sound = self.good(before[-1]) and after and self.good(after[0])
        return "good" if sound else self.as_set()

    def simple_value(self, at: int) -> float:
        """What a stretch that begins here begins with: on the line between its neighbours, if sloped."""
        before = [row for row in self.rows if row.at <= at][-1]
        after = [row for row in self.rows if row.at > at]
        if before.at == at or self.setup.stepped or not after:
            return before.value
        return float(line(before, after[0], at))

    def as_set(self) -> str:
        return "bad" if self.setup.uncertain_is_bad else "uncertain"


def line(left: Row, right: Row, at: int) -> Fraction:
    share = Fraction(at - left.at, right.at - left.at)
    return Fraction(left.value) + (Fraction(right.value) - Fraction(left.value)) * share


def nothing(span: Span) -> Answer:
    return Answer(span.start, None, BAD_NO_DATA)


def interpolative(naive: Naive, span: Span) -> Answer:
    found = naive.bound(span.start, stepped=naive.setup.stepped)
    return nothing(span) if found is None else Answer(span.start, float(found[0]), found[1])


def time_average(naive: Naive, span: Span) -> Answer:
    usable = [row for row in naive.rows if naive.usable(row)]
    if not usable or not naive.has_data(span) or span.high <= usable[0].at:
        return nothing(span)
    low = max(span.low, usable[0].at)
    cuts = sorted({low, span.high, *(row.at for row in usable if low < row.at < span.high)})
    area = Fraction(0)
    for left, right in pairwise(cuts):
        one, other = naive.bound(left, stepped=False), naive.bound(right, stepped=False)
        assert one is not None
        assert other is not None
        area += (one[0] + other[0]) / 2 * (right - left)
    before = [row for row in usable if row.at <= span.low]
    after = [row for row in usable if row.at >= span.high]
    sound = bool(before and after) and all(
        naive.good(row) for row in naive.rows if before[-1].at <= row.at <= after[0].at
    )
    status = CALCULATED | naive.partial(span) | (0 if sound else SUBNORMAL)
    return Answer(span.start, float(area / (span.high - low)), status)


def total(naive: Naive, span: Span) -> Answer:
    mean = time_average(naive, span)
    if mean.value is None:
        return mean
    return mean._replace(value=mean.value * (span.high - span.low) / 1e9)


def by_share(naive: Naive, rows: list[Row]) -> int:
    if not rows:
        return 0
    bad = sum(naive.bad(row) for row in rows)
    doubtful = any(naive.usable(row) and not naive.good(row) for row in rows)
    if 100 * (len(rows) - bad) >= naive.setup.percent_good * len(rows) and not doubtful:
        return 0
    return BAD if bad and 100 * bad >= naive.setup.percent_bad * len(rows) else SUBNORMAL


def average(naive: Naive, span: Span) -> Answer:
    rows = naive.inside(span)
    good = [row.value for row in rows if naive.good(row)]
    if not good:
        return nothing(span)
    status = by_share(naive, rows)
    if status == BAD:
        return Answer(span.start, None, BAD)
    return Answer(span.start, math.fsum(good) / len(good), status | CALCULATED)


def counted(naive: Naive, span: Span) -> Answer:
    if not naive.has_data(span):
        return nothing(span)
    rows = naive.inside(span)
    status = by_share(naive, rows)
    if status == BAD:
        return Answer(span.start, None, BAD)
    number = sum(naive.good(row) for row in rows)
    return Answer(span.start, number, status | CALCULATED | naive.partial(span))


def extreme(best: Callable[..., float], *, own_time: bool) -> Callable[[Naive, Span], Answer]:
    def find(naive: Naive, span: Span) -> Answer:
        rows = naive.inside(span)
        good = [row for row in rows if naive.good(row)]
        if not good:
            return nothing(span)
        value = best(row.value for row in good)
        holders = [row for row in good if row.value == value]
        uncertain = [row.value for row in rows if naive.usable(row) and not naive.good(row)]
        spoilt = any(naive.bad(row) for row in rows) or best([value, *uncertain]) != value
        status = naive.partial(span) | (SUBNORMAL if spoilt else 0) | (MULTIPLE if len(holders) > 1 else 0)
        if own_time:
            return Answer(holders[0].at, value, status)
        raw = any(row.at == span.start for row in holders) and not spoilt
        return Answer(span.start, value, status | (0 if raw else CALCULATED))

    return find


def spread(naive: Naive, span: Span) -> Answer:
    rows = naive.inside(span)
    good = [row.value for row in rows if naive.good(row)]
    if not good:
        return nothing(span)
    spoilt = any(naive.bad(row) for row in rows)
    return Answer(
        span.start, max(good) - min(good), CALCULATED | naive.partial(span) | (SUBNORMAL if spoilt else 0)
    )


def edge(naive: Naive, span: Span, *, last: bool) -> Answer:
    rows = naive.inside(span)
    if not rows:
        return nothing(span)
    row = rows[-1 if last != span.backward else 0]
    if row.status >> 30 >= 2:
        return Answer(row.at, None, row.status)
    return Answer(row.at, row.value, row.status | naive.partial(span))


def delta(naive: Naive, span: Span) -> Answer:
    rows = naive.inside(span)
    good = [row for row in rows if naive.good(row)]
    if not good:
        return nothing(span)
    skipped = good[0] is not rows[0] or good[-1] is not rows[-1]
    status = CALCULATED | naive.partial(span) | (SUBNORMAL if skipped else 0)
    return Answer(span.start, good[-1].value - good[0].value, status)


def stretches(naive: Naive, span: Span) -> list[tuple[str, float, int]]:
    """(quality, value, ns) from the first row on, until the last has stood for a tick."""
    begin, end = naive.rows[0].at, naive.rows[-1].at + naive.setup.resolution_ns
    low, high = max(span.low, begin), min(span.high, end)
    cuts = sorted({low, high, *(row.at for row in naive.rows if low < row.at < high)})
    found = []
    for left, right in pairwise(cuts):
        found.append((naive.simple_kind(left), naive.simple_value(left), right - left))
    return found if low < high else []


def duration(kind: str, share: bool) -> Callable[[Naive, Span], Answer]:
    def find(naive: Naive, span: Span) -> Answer:
        if not naive.has_data(span):
            return nothing(span)
        width = sum(ns for its, _, ns in stretches(naive, span) if its == kind)
        if kind == "bad":
            width += max(0, naive.rows[0].at - span.low)
        value = width / 1e6
        if share:
            end = min(span.high, naive.rows[-1].at + naive.setup.resolution_ns)
            value = value * 100 / (max(end - span.low, 1) / 1e6)
        return Answer(span.start, value, CALCULATED | naive.partial(span))

    return find


def in_state(*, zero: bool) -> Callable[[Naive, Span], Answer]:
    def find(naive: Naive, span: Span) -> Answer:
        if not naive.has_data(span):
            return nothing(span)
        good = [(value, ns) for its, value, ns in stretches(naive, span) if its == "good"]
        width = sum(ns for value, ns in good if (value == 0) == zero)
        sound = sum(ns for _, ns in good) >= span.high - span.low
        return Answer(span.start, width / 1e6, CALCULATED | naive.partial(span) | (0 if sound else SUBNORMAL))

    return find


def variance(less: int, *, root: bool) -> Callable[[Naive, Span], Answer]:
    def find(naive: Naive, span: Span) -> Answer:
        rows = naive.inside(span)
        good = [Fraction(row.value) for row in rows if naive.good(row)]
        if not good:
            return nothing(span)
        mean = sum(good) / len(good)
        value = (
            float(sum((one - mean) ** 2 for one in good) / (len(good) - less)) if len(good) > less else 0.0
        )
        status = CALCULATED | naive.partial(span) | (SUBNORMAL if len(good) < len(rows) else 0)
        return Answer(span.start, math.sqrt(value) if root else value, status)

    return find


REFERENCE: dict[str, Callable[[Naive, Span], Answer]] = {
    "Interpolative": interpolative,
    "Average": average,
    "TimeAverage": time_average,
    "Total": total,
    "Minimum": extreme(min, own_time=False),
    "Maximum": extreme(max, own_time=False),
    "MinimumActualTime": extreme(min, own_time=True),
    "MaximumActualTime": extreme(max, own_time=True),
    "Range": spread,
    "Count": counted,
    "Start": lambda naive, span: edge(naive, span, last=False),
    "End": lambda naive, span: edge(naive, span, last=True),
    "Delta": delta,
    "DurationGood": duration("good", share=False),
    "DurationBad": duration("bad", share=False),
    "PercentGood": duration("good", share=True),
    "PercentBad": duration("bad", share=True),
    "DurationInStateZero": in_state(zero=True),
    "DurationInStateNonZero": in_state(zero=False),
    "StandardDeviationSample": variance(1, root=True),
    "StandardDeviationPopulation": variance(0, root=True),
    "VarianceSample": variance(1, root=False),
    "VariancePopulation": variance(0, root=False),
}


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    gaps = draw(st.lists(st.sampled_from([1, 2, 3, 5, 10, 17]), max_size=14))
    at = draw(st.integers(-20, 20))
    found = []
    for gap in gaps:
        status = draw(st.sampled_from([0, 0, 0, 0, UNCERTAIN, BAD, 0x808C0000]))
        found.append(Row(BASE + at * MS, draw(st.sampled_from([0.0, 1.0, 2.5, -3.0, 70.25])), status))
        at += gap
    return found


SETUPS = st.builds(
    Setup,
    stepped=st.booleans(),
    uncertain_is_bad=st.booleans(),
    percent_bad=st.sampled_from([100, 50, 30]),
    percent_good=st.sampled_from([100, 70]),
    sloped_extrapolation=st.booleans(),
)


def spans_of(start: int, end: int, width: int) -> list[Span]:
    found, width = [], width or abs(end - start)
    for number in range(-(-abs(end - start) // width)):
        near, far = number * width, min((number + 1) * width, abs(end - start))
        if end < start:
            found.append(Span(start - far, start - near, far - near == width, backward=True))
        else:
            found.append(Span(start + near, start + far, far - near == width, backward=False))
    return found


@pytest.mark.parametrize("name", sorted(REFERENCE))
@given(
    rows=histories(),
    setup=SETUPS,
    start=st.integers(-25, 60),
    length=st.integers(1, 60),
    width=st.sampled_from([0, 4, 7, 16, 100]),
    backward=st.booleans(),
)
def test_every_aggregate_is_what_the_text_says(
    name: str, rows: list[Row], setup: Setup, start: int, length: int, width: int, backward: bool
) -> None:
    near, far = BASE + start * MS, BASE + (start + length) * MS
    ends = (far, near) if backward else (near, far)
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    held = Rows(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.float64),
        np.array(columns[2], np.uint32),
        np.zeros(len(rows), np.uint8),
        np.zeros(len(rows), np.int64),
    )
    answer = processed(NAMES[name], held, divided(*ends, width, 0, 1000), setup)
    naive = Naive(rows, setup)
    spans = spans_of(*ends, width * MS)
    expected = [REFERENCE[name](naive, span) if rows else nothing(span) for span in spans]
    assert count(*ends, width) == len(expected)
    for told, (time_ns, value, status, given_) in zip(expected, zip(*answer, strict=True), strict=True):
        assert (int(time_ns) - BASE, hex(status), bool(given_)) == (
            told.at - BASE,
            hex(told.status),
            told.value is not None,
        )
        assert told.value is None or value == pytest.approx(told.value, rel=1e-9, abs=1e-9)


@given(st.integers(1, 500), st.integers(1, 40), st.integers(1, 60), st.booleans())
def test_pages_of_intervals_are_the_whole(length: int, width: int, page: int, backward: bool) -> None:
    ends = (BASE + length * MS, BASE) if backward else (BASE, BASE + length * MS)
    whole = divided(*ends, width, 0, 10**6)
    pages = [divided(*ends, width, first, page) for first in range(0, len(whole), page)]
    starts = [one.start[::-1] if backward else one.start for one in pages]
    assert np.concatenate(starts).tolist() == (whole.start[::-1] if backward else whole.start).tolist()
