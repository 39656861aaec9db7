"""History reads on a real journal, partly folded into the history: the same rows in whatever pages."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import extensionobject_from_binary, extensionobject_to_binary
from hypothesis import given
from hypothesis import strategies as st

from controller.core.clock import Now
from controller.opcua.gateway.history import raw, reads, wire
from controller.opcua.gateway.history.aggregates import AGGREGATES
from controller.opcua.gateway.history.history import Histories, Wanted
from controller.opcua.gateway.history.quality import SUBNORMAL, Setup
from controller.opcua.gateway.history.reads import AtTimeRead, ProcessedRead, RawRead, Read
from controller.opcua.gateway.history.records import UNENDING, Records
from controller.opcua.gateway.session import Session
from controller.record.compaction import compact
from controller.record.history import FILE, HOUR_NS, History
from controller.record.journal import Journal
from controller.record.waiting import Limits
from tests.unit.record_rows import T0, TAGS, S, values

FOLDED, TAIL = 300, 40  # minutes
LEVEL, PRESSURE, STATE, TEXT = TAGS
NAMES = {aggregate.name: aggregate for aggregate in AGGREGATES.values()}
FAR_S = 1e9
NO_EVENTS: Any = None
GOOD, BAD = 0, 0x80000000


def append(journal: Journal, minute: int) -> None:
    rows = [(0, minute + third / 10, GOOD, minute * 60_000 + third * 20_000) for third in range(3)]
    rows += [(1, -minute, BAD if minute % 50 == 7 else GOOD, minute * 60_000)] if minute < 330 else []
    rows += [(2, minute // 100, GOOD, minute * 60_000)] if minute % 100 == 0 else []
    texts = ((3, f"batch {minute}", GOOD, T0 + minute * 60 * S),) if minute % 10 == 0 else ()
    journal.append([], [values(*rows, texts=texts)], Now(0, 0, T0 + minute * 60 * S)).result(60)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """340 minutes: LT-201 every 20 s, PT-303 each minute until 330, XS-301 three times, DS-1 every 10 min."""
    directory = tmp_path_factory.mktemp("data")
    journal = Journal.open(directory, "tutorial", TAGS, archived=False, limits=Limits(batch_s=0.001))
    for minute in range(FOLDED):
        append(journal, minute)
    compact(directory)
    for minute in range(FOLDED, FOLDED + TAIL):
        append(journal, minute)
    journal.close()
    return directory


def all_rows(minutes: int = FOLDED + TAIL) -> list[int]:
    return [T0 + (minute * 60 + third * 20) * S for minute in range(minutes) for third in range(3)]


def pages(data: Path, read: Read, limit: int = 1000, deadline_s: float = FAR_S) -> tuple[int, list[Any]]:
    """(status of the first page, the DataValues of all)"""
    position, found, first = None, [], None
    with History(data) as history:
        for _ in range(3000):
            answer = read.page(history, position, limit, deadline_s)
            assert answer.data is not None
            told = extensionobject_from_binary(Buffer(extensionobject_to_binary(answer.data))).DataValues
            assert len(told) <= limit
            found += told
            first = answer.status if first is None else first
            position = answer.position
            if not answer.more:
                return first, found
    raise AssertionError("no end")


def times_of(found: list[Any]) -> list[int]:
    return [wire.nanoseconds(value.SourceTimestamp) or 0 for value in found]


@given(
    start=st.integers(-30, 350 * 60),
    length=st.integers(0, 350 * 60),
    most=st.integers(1, 2000),
    late=st.booleans(),
)
def test_rows_come_from_wherever_they_are(data: Path, start: int, length: int, most: int, late: bool) -> None:
    low, high = T0 + start * S, T0 + (start + length) * S
    expected = [at for at in all_rows() if low <= at < high]
    with History(data) as history:
        records = Records(history, LEVEL.name, 0.0 if late else FAR_S)
        forward, backward = records.forward(low, high, most), records.backward(low, high, most)
    some = forward.rows.time_ns.tolist()
    assert some == expected[: len(some)]
    assert len(some) == min(most, len(expected)) or late
    assert [at for at in expected if at < forward.reached_ns] == some
    some = backward.rows.time_ns.tolist()
    assert some == expected[len(expected) - len(some) :]
    assert len(some) == min(most, len(expected)) or late
    assert [at for at in expected if at >= backward.reached_ns] == some


def test_bounds_are_found_over_any_gap(data: Path) -> None:
    with History(data) as history:
        records = Records(history, STATE.name, FAR_S)
        every = lambda rows: np.ones(len(rows), np.bool_)  # noqa: E731
        assert records.before(T0 + 10**6 * S, every).values.tolist()[-1] == 3
        assert records.before(T0 + 99 * 60 * S, every).values.tolist() == [0]
        assert records.after(T0 + 101 * 60 * S, every).values.tolist() == [2]
        assert len(records.after(T0 + 301 * 60 * S, every)) == 0
        assert len(records.before(T0, every)) == 0


@pytest.mark.parametrize("limit", [1, 7, 100, 5000])
@pytest.mark.parametrize("deadline_s", [0.0, FAR_S], ids=["late", "in time"])
def test_raw_pages_join_without_a_gap_or_a_double(data: Path, limit: int, deadline_s: float) -> None:
    if limit == 1:
        what = raw.wanted(T0 + 290 * 60 * S, T0 + 310 * 60 * S, 0, bounds=False, modified=False)
        expected = [at for at in all_rows() if 290 * 60 * S <= at - T0 < 310 * 60 * S]
    else:
        what = raw.wanted(T0 + UNENDING // 2, T0, 0, bounds=False, modified=False)
        expected = all_rows()[:0:-1]
    assert what is not None
    _, found = pages(data, RawRead(LEVEL, what), limit, deadline_s)
    assert times_of(found) == expected


def test_texts_states_and_bad_values_are_told_as_what_they_are(data: Path) -> None:
    what = raw.wanted(T0, T0 + 25 * 60 * S, 0, bounds=False, modified=False)
    assert what is not None
    _, found = pages(data, RawRead(TEXT, what))
    assert [value.Value.Value for value in found] == ["batch 0", "batch 10", "batch 20"]
    _, found = pages(data, RawRead(PRESSURE, what))
    assert (found[7].Value.Value, found[7].StatusCode.value) == (-7.0, BAD)
    _, found = pages(data, RawRead(STATE, what))
    assert found[0].Value.VariantType in {ua.VariantType.Int32, ua.VariantType.UInt32}


def test_nothing_is_good_no_data(data: Path) -> None:
    what = raw.wanted(T0 - 1000 * S, T0 - 500 * S, 0, bounds=False, modified=False)
    assert what is not None
    assert pages(data, RawRead(LEVEL, what)) == (ua.StatusCodes.GoodNoData, [])


def test_a_tag_that_never_reported_has_no_data(data: Path) -> None:
    what = raw.wanted(T0, T0 + HOUR_NS, 0, bounds=False, modified=False)
    assert what is not None
    unknown = replace(TAGS[0], name="NEW-1")
    assert pages(data, RawRead(unknown, what)) == (ua.StatusCodes.GoodNoData, [])


@pytest.mark.parametrize("limit", [3, 1000])
@pytest.mark.parametrize("backward", [False, True])
def test_processed_pages_are_one_answer(data: Path, limit: int, backward: bool) -> None:
    ends = (T0 + 340 * 60 * S, T0) if backward else (T0, T0 + 340 * 60 * S)
    read = ProcessedRead(LEVEL, *ends, 600_000, NAMES["Average"], Setup())
    _, found = pages(data, read, limit)
    assert len(found) == 34
    means = [value.Value.Value for value in (found[::-1] if backward else found)]
    rows = [minute + third / 10 for minute in range(340) for third in range(3)]
    shift = 1 if backward else 0  # backward, an interval has its late bound and not its early one
    expected = [np.mean(rows[30 * n + shift : 30 * (n + 1) + shift]) for n in range(34)]
    assert means == pytest.approx(expected)


def test_the_newest_value_stands_as_long_as_the_journal_is_written(data: Path) -> None:
    """XS-301 last changed at minute 300; the journal goes on until 339, then nobody knows."""
    read = ProcessedRead(
        STATE,
        T0 + 300 * 60 * S,
        T0 + 360 * 60 * S,
        600_000,
        NAMES["DurationInStateNonZero"],
        Setup(stepped=True),
    )
    _, found = pages(data, read)
    assert [value.Value.Value for value in found[:3]] == [600_000.0] * 3
    assert found[3].Value.Value == pytest.approx(540_000, abs=1)
    assert [value.StatusCode.value for value in found[4:]] == [ua.StatusCodes.BadNoData] * 2
    counts = ProcessedRead(
        STATE, T0 + 290 * 60 * S, T0 + 360 * 60 * S, 0, NAMES["Count"], Setup(stepped=True)
    )
    assert [value.Value.Value for value in pages(data, counts)[1]] == [1]


def test_times_are_answered_in_the_order_they_were_asked_for(data: Path) -> None:
    minutes = [335.5, 0.0, 120.05, 7.0, 7.5, -1.0, 400.0]
    times = tuple(T0 + round(minute * 60) * S for minute in minutes)
    _, found = pages(data, AtTimeRead(PRESSURE, times, simple_bounds=False), limit=3)
    assert times_of(found) == list(times)
    told = [(value.Value.Value if value.Value else None, value.StatusCode.value) for value in found]
    assert told[0] == (-329.0, 0x402)  # PT-303 has stood since minute 329
    assert told[1] == (0.0, GOOD)
    assert told[2] == (pytest.approx(-120.05), 0x402)
    assert told[3] == (pytest.approx(-7.0), SUBNORMAL | 0x402)  # it was Bad: from its neighbours
    assert told[4] == (pytest.approx(-7.5), SUBNORMAL | 0x402)
    assert told[5] == (None, ua.StatusCodes.BadNoData)
    assert told[6] == (-329.0, SUBNORMAL | 0x402)  # the journal does not reach so far
    _, found = pages(data, AtTimeRead(PRESSURE, times[3:5], simple_bounds=True))
    assert [value.StatusCode.value for value in found] == [ua.StatusCodes.BadNoData] * 2


def test_a_text_has_no_average(data: Path) -> None:
    read = ProcessedRead(TEXT, T0, T0 + HOUR_NS, 0, NAMES["Average"], Setup(stepped=True))
    with History(data) as history, pytest.raises(reads.Refused) as refused:
        read.page(history, None, 10, FAR_S)
    assert refused.value.code == ua.StatusCodes.BadAggregateInvalidInputs
    last = ProcessedRead(TEXT, T0, T0 + HOUR_NS, 0, NAMES["End"], Setup(stepped=True))
    assert [value.Value.Value for value in pages(data, last)[1]] == ["batch 50"]


def test_an_interval_of_too_many_rows_is_refused_and_shorter_ones_are_not(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "ROWS_MAX", 100)
    minutes = ProcessedRead(LEVEL, T0, T0 + 340 * 60 * S, 60_000, NAMES["Count"], Setup())
    assert [value.Value.Value for value in pages(data, minutes)[1]] == [3] * 340
    whole = ProcessedRead(LEVEL, T0, T0 + 340 * 60 * S, 0, NAMES["Count"], Setup())
    with History(data) as history, pytest.raises(reads.Refused) as refused:
        whole.page(history, None, 10, FAR_S)
    assert refused.value.code == ua.StatusCodes.BadTimeout


async def test_without_a_journal_nothing_can_be_read(tmp_path: Path) -> None:
    histories = Histories(tmp_path, NO_EVENTS)
    session = Session(ua.NodeId(), "", 0.0)
    what = raw.wanted(T0, T0 + 1, 0, bounds=False, modified=False)
    assert what is not None
    answers = await histories.pages(session, [Wanted(ua.NodeId(), RawRead(LEVEL, what))], 10)
    assert [answer.status for answer in answers] == [ua.StatusCodes.BadResourceUnavailable]
    histories.close()


async def test_a_damaged_chunk_is_one_nodes_trouble(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / FILE) as db:
        db.execute("UPDATE chunks SET data=x'00' WHERE tag=(SELECT id FROM tags WHERE name='LT-201')")
    db.close()
    histories = Histories(tmp_path / "copy", NO_EVENTS)
    what = raw.wanted(T0, T0 + HOUR_NS, 0, bounds=False, modified=False)
    assert what is not None
    wanted = [Wanted(ua.NodeId(), RawRead(tag, what)) for tag in (LEVEL, PRESSURE)]
    answers = await histories.pages(Session(ua.NodeId(), "", 0.0), wanted, 10)
    assert [answer.status for answer in answers] == [ua.StatusCodes.BadResourceUnavailable, GOOD]
    histories.close()
