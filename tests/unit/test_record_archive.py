"""The archive rule: what is kept of what comes, against a rule written row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.effects import Values
from controller.core.inputs import Batch
from controller.plant.tags import Archive as Rule
from controller.plant.tags import Derived, Kind, Tag
from controller.record.archive import HELD_NS, Archive
from controller.record.samples import MISPLACED, REPLACED, Samples, TextSample

T0 = 1_767_574_800_000_000_000
S = 1_000_000_000
DEADBANDS = [0.0, 0.5, 2.0]
LONGEST_S = 60.0


def tag(index: int, deadband: float) -> Tag:
    rule = Rule(deadband, LONGEST_S)
    return Tag(index, f"T-{index}", "", Kind.ANALOG, "", "", 0, 1, Derived("0", (), ()), archive=rule)


TAGS = [tag(index, deadband) for index, deadband in enumerate(DEADBANDS)]
Row = tuple[int, float, int, int]  # tag, value, status, time


def batch(rows: list[Row], texts: tuple[tuple[int, str, int, int], ...] = ()) -> Values:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Values(
        Batch(
            0,
            np.array(columns[0], np.int32),
            np.array(columns[1], np.float64),
            np.array(columns[2], np.uint32),
            np.array(columns[3], np.int64),
            texts,
        )
    )


def kept(archive: Archive, rows: list[Row], second: float) -> list[Row]:
    found = archive.keep(batch(rows), T0 + int(second * S)).batch
    columns = (found.tags.tolist(), found.values.tolist(), found.status.tolist(), found.source_ns.tolist())
    return list(zip(*columns, strict=True))


def row(number: int, value: float, second: float, status: int = 0) -> Row:
    return (number, value, status, T0 + int(second * S))


def test_the_first_value_and_every_change_of_at_least_the_deadband_are_kept() -> None:
    archive = Archive(TAGS)
    assert kept(archive, [row(1, 10.0, 0)], 0) == [row(1, 10.0, 0)]
    assert kept(archive, [row(1, 10.4, 1), row(1, 10.5, 2), row(1, 10.7, 3)], 3) == [row(1, 10.5, 2)]
    assert kept(archive, [row(0, 1.0, 4), row(0, 1.0, 5), row(0, 1.0001, 6)], 6) == [
        row(0, 1.0, 4),
        row(0, 1.0001, 6),
    ]
    assert (archive.kept, archive.dropped) == (4, 3)


def test_a_change_of_quality_is_kept_whatever_the_value() -> None:
    archive = Archive(TAGS)
    kept(archive, [row(2, 10.0, 0)], 0)
    assert kept(archive, [row(2, 10.0, 1, 0x80000000)], 1) == [row(2, 10.0, 1, 0x80000000)]
    assert kept(archive, [row(2, 10.0, 2, 0x80000000)], 2) == []
    assert kept(archive, [row(2, 10.1, 3)], 3) == [row(2, 10.1, 3)]


def test_a_value_that_becomes_or_stays_nan_is_kept_once() -> None:
    archive = Archive(TAGS)
    values = [1.0, math.nan, math.nan, 1.0]
    found = kept(archive, [row(2, value, second) for second, value in enumerate(values)], 3)
    assert [second for *_, second in found] == [T0, T0 + S, T0 + 3 * S]


def test_a_small_change_is_put_off_but_never_longer_than_the_interval() -> None:
    archive = Archive(TAGS)
    kept(archive, [row(1, 10.0, 0)], 0)
    assert kept(archive, [row(1, 10.3, 5)], 5) == []
    assert kept(archive, [], 59) == []
    assert kept(archive, [], 61) == [row(1, 10.3, 5)]
    assert kept(archive, [], 200) == []
    assert (archive.kept, archive.dropped) == (2, 0)


def test_an_unchanged_value_is_kept_again_when_it_comes_after_the_interval() -> None:
    archive = Archive(TAGS)
    kept(archive, [row(2, 10.0, 0)], 0)
    assert kept(archive, [row(2, 10.0, 59)], 59) == []
    assert kept(archive, [row(2, 10.0, 60)], 60) == [row(2, 10.0, 60)]


def test_a_value_without_a_source_time_gets_the_receive_time_and_says_so() -> None:
    found = Archive(TAGS).keep(batch([(0, 1.0, 0, 0)]), T0 + 5)
    assert found.batch.source_ns.tolist() == [T0 + 5]
    assert found.flags.tolist() == [REPLACED]
    assert found.original_ns.tolist() == [0]


def test_times_rise_strictly_per_tag_and_the_time_as_it_came_is_kept() -> None:
    archive = Archive(TAGS)
    found = archive.keep(batch([row(0, 1, 1), row(0, 2, 1), row(0, 3, 0.5), row(1, 9, 1)]), T0 + S)
    assert (found.batch.source_ns - T0 - S).tolist() == [0, 1, 2, 0]
    assert found.flags.tolist() == [0, MISPLACED, MISPLACED, 0]
    assert found.original_ns.tolist() == [0, T0 + S, T0 + S // 2, 0]


def test_a_clock_set_back_by_an_hour_does_not_stop_the_trend() -> None:
    archive = Archive(TAGS)
    kept(archive, [row(0, 1.0, 3600)], 3600)
    assert kept(archive, [row(0, 2.0, 1)], 1) == [row(0, 2.0, 1)]
    assert kept(archive, [row(0, 3.0, 2)], 2) == [row(0, 3.0, 2)]


def newest(rows: list[Row], texts: tuple[TextSample, ...] = ()) -> Samples:
    tags, values, status, times = (np.array(column) for column in zip(*rows, strict=True))
    none = np.zeros(len(rows), np.int64)
    return Samples(
        tags.astype(np.uint32), values, status.astype(np.uint32), times, none.astype(np.uint8), none, texts
    )


def resumed() -> Archive:
    """After a restart. The journal's numbers are the indices and ten; 77 is a tag that is gone."""
    archive = Archive(TAGS)
    text = TextSample(10, "a", 0, T0)
    archive.resume([10, 11, 12], newest([row(10, 1.0, 1), row(11, 10.0, 1), row(77, 5.0, 1)], (text,)))
    return archive


def test_what_a_plc_sends_again_after_a_restart_is_no_second_row() -> None:
    archive = resumed()
    assert kept(archive, [row(0, 1.0, 1), row(1, 10.0, 1), row(2, 3.0, 1)], 5) == [row(2, 3.0, 1)]
    assert kept(archive, [row(1, 10.3, 6), row(1, 10.6, 7)], 7) == [row(1, 10.6, 7)]
    texts = ((0, "a", 0, T0), (0, "b", 0, T0), (0, "b", 0, T0 + 5))
    assert archive.keep(batch([], texts), T0).batch.texts == ((0, "b", 0, T0 + 1),)


def test_the_first_value_after_a_restart_is_kept_and_overwrites_none() -> None:
    found = resumed().keep(batch([row(0, 1.0, 1, 0x80000000), row(1, 10.1, 1), row(2, 1.0, 1)]), T0 + 5 * S)
    assert (found.batch.source_ns - T0 - S).tolist() == [1, 1, 0]
    assert found.flags.tolist() == [MISPLACED, MISPLACED, 0]
    assert kept(resumed(), [row(0, 1.0, 9)], 9) == [row(0, 1.0, 9)]
    first = resumed().keep(batch([], ((0, "a", 1, T0), (1, "a", 0, T0))), T0).batch.texts
    assert first == ((0, "a", 1, T0 + 1), (1, "a", 0, T0))
    later = resumed().keep(batch([], ((0, "a", 0, T0 + 1),)), T0).batch.texts
    assert later == ((0, "a", 0, T0 + 1),)


def test_texts_are_kept_when_they_change() -> None:
    archive = Archive(TAGS)
    texts = (
        (0, "a", 0, T0),
        (0, "a", 0, T0 + 1),
        (0, "b", 0, T0 + 1),
        (0, "b", 0, T0 + int(LONGEST_S * S) + 2),
    )
    found = archive.keep(batch([], texts), T0).batch.texts
    assert [(text, time_ns - T0) for _, text, _, time_ns in found] == [("a", 0), ("b", 1), ("b", 60 * S + 2)]


@dataclass
class RowByRow:
    """The rule as one would write it for one tag, without arrays."""

    deadband: float
    last: Row | None = None
    late: Row | None = None
    out: list[Row] = field(default_factory=list)

    def feed(self, given: Row) -> None:
        last = self.last
        if last is None:
            self.keep(given)
            return
        change = abs(given[1] - last[1])
        if (
            given[2] != last[2]
            or (change >= self.deadband and change > 0)
            or given[3] - last[3] >= LONGEST_S * S
        ):
            self.keep(given)
        elif change > 0:
            self.late = given
        else:
            self.late = None

    def look(self, utc_ns: int) -> None:
        if self.late is not None and self.last is not None and utc_ns - self.last[3] >= LONGEST_S * S:
            number, value, _, time_ns = self.late
            self.keep((number, value, self.last[2], max(time_ns, self.last[3] + 1)))

    def keep(self, given: Row) -> None:
        number, value, status, time_ns = given
        if self.last is not None and 0 <= self.last[3] - time_ns <= HELD_NS:
            time_ns = self.last[3] + 1
        self.last, self.late = (number, value, status, time_ns), None
        self.out.append(self.last)


rows = st.tuples(
    st.integers(0, len(TAGS) - 1),
    st.integers(-4, 4).map(lambda quarter: quarter / 4),
    st.sampled_from([0, 0, 0, 0x80000000]),
    st.integers(-3, 3),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.lists(rows, max_size=12), st.integers(1, 40)), max_size=25))
def test_whole_batches_keep_what_the_rule_row_by_row_keeps(story: list[tuple[list[Row], int]]) -> None:
    archive = Archive(TAGS)
    naive = {tag.index: RowByRow(tag.archive.deadband) for tag in TAGS}
    utc_ns = T0
    found: dict[int, list[Row]] = {tag.index: [] for tag in TAGS}
    given_rows = 0
    for offered, pause_s in story:
        utc_ns += pause_s * S
        come = [(number, value, status, utc_ns + second * S) for number, value, status, second in offered]
        given_rows += len(come)
        for one in naive.values():
            one.look(utc_ns)
        for given_row in come:
            naive[given_row[0]].feed(given_row)
        for kept_row in kept(archive, come, (utc_ns - T0) / S):
            found[kept_row[0]].append(kept_row)
    assert found == {number: one.out for number, one in naive.items()}
    assert archive.kept == sum(map(len, found.values()))
    assert archive.kept + archive.dropped == given_rows
    for tag_rows in found.values():
        times = [time_ns for *_, time_ns in tag_rows]
        assert all(sooner < later for sooner, later in pairwise(times))
