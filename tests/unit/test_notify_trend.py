"""The trend picture: of a journal that was really written, and of data that nobody expects."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from matplotlib.image import imread

from alarms.signal import BAD_SENSOR_FAILURE, UNCERTAIN
from controller.followers.notify.trend import drawn, trend
from controller.record.chunks import Rows
from tests.journalled import T0, S, Writing
from tests.unit.notify_messages import university

MINUTE = 60 * S
HOUR = 60 * MINUTE
LT = university().tag("LT-201")


Point = tuple[float, float, int]


def rows(points: list[Point]) -> Rows:
    """(seconds since T0, value, status)"""
    zeros = np.zeros(len(points), np.int64)
    return Rows(
        np.array([T0 + int(at * S) for at, _, _ in points], np.int64),
        np.array([value for _, value, _ in points], np.float64),
        np.array([status for _, _, status in points], np.uint32),
        zeros.astype(np.uint8),
        zeros,
    )


def share(png: bytes, colour: tuple[int, int, int], box: Sequence[float] = (0, 0, 1, 1)) -> float:
    """How much of a part (left, top, right, bottom) has about this colour."""
    picture = imread(io.BytesIO(png), format="png")[:, :, :3] * 255
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    part = picture[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
    return float((np.abs(part - np.array(colour)).max(axis=2) < 8).mean())


LINE, GAP, P1 = (0x1F, 0x4F, 0x82), (0xDF, 0xE2, 0xE7), (0xB3, 0x00, 0x1B)


def test_the_hour_of_a_tag_is_read_from_the_journal_and_drawn(tmp_path: Path) -> None:
    writing = Writing(tmp_path, university())
    for minute in range(60):
        writing.utc_ns = T0 + minute * MINUTE
        done = writing.rows([LT.index], [60.0 + minute * 0.6])
    done.result(30)
    writing.journal.close()
    picture = trend(tmp_path, university(), "LT-201", T0 + HOUR, T0 + 58 * MINUTE)
    assert picture is not None
    assert picture.low == 60.0
    assert picture.last == pytest.approx(95.4)
    assert picture.png.startswith(b"\x89PNG\r\n")
    assert len(picture.png) < 60_000
    assert struct.unpack(">II", picture.png[16:24]) == (833, 340)
    assert share(picture.png, LINE) > 0.003
    assert share(picture.png, P1) > 0.002, "the limit, and when it began"


def test_there_is_no_picture_without_data(tmp_path: Path) -> None:
    assert trend(tmp_path, university(), "LT-201", T0) is None, "no journal yet"
    Writing(tmp_path, university()).journal.close()
    assert trend(tmp_path, university(), "LT-201", T0) is None
    assert trend(tmp_path, university(), "NOBODY", T0) is None
    words = next(tag.name for tag in university().tags if tag.kind.value in {"word", "text"})
    assert trend(tmp_path, university(), words, T0) is None
    assert drawn(rows([(0, 5.0, BAD_SENSOR_FAILURE)]), university(), LT, (T0, T0 + HOUR), until_ns=T0) is None


def test_where_no_value_was_good_the_line_has_a_gap() -> None:
    points = [(minute * 60.0, 50.0, 0) for minute in range(60)]
    whole = drawn(rows(points), university(), LT, (T0, T0 + HOUR), until_ns=T0 + HOUR)
    for status in (BAD_SENSOR_FAILURE, UNCERTAIN):
        broken = [(at, value, status if 1200 <= at < 2400 else 0) for at, value, _ in points]
        picture = drawn(rows(broken), university(), LT, (T0, T0 + HOUR), until_ns=T0 + HOUR)
        assert whole is not None
        assert picture is not None
        middle = (0.42, 0.2, 0.55, 0.8)
        assert share(whole.png, LINE, middle) > 0.005
        assert share(picture.png, LINE, middle) == 0
        assert share(picture.png, GAP, middle) > 0.6
        assert share(whole.png, GAP, middle) < 0.05, "only the grid"


def test_a_steady_value_is_no_gap_but_a_service_that_was_off_is() -> None:
    steady = rows([(0.0, 50.0, 0), (3_000.0, 50.0, 0)])
    span = (T0, T0 + HOUR)
    middle = (0.42, 0.2, 0.55, 0.8)
    held = drawn(steady, university(), LT, span, until_ns=T0 + HOUR)
    off = drawn(steady, university(), LT, span, until_ns=T0 + HOUR, stops=[(T0 + 600 * S, T0 + 3_000 * S)])
    assert held is not None
    assert off is not None
    assert share(held.png, LINE, middle) > 0.005
    assert share(off.png, LINE, middle) == 0
    assert share(off.png, GAP, middle) > 0.6


ODD = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 1e308, -1e308, 1e-308, 5e14, float("nan"), 1e15, 42.0]),
)


@examples(max_examples=25)
@given(
    st.lists(
        st.tuples(st.floats(-4_000, 4_000), ODD, st.sampled_from([0, 0, 0, BAD_SENSOR_FAILURE])), max_size=30
    ),
    st.integers(-HOUR, 2 * HOUR),
    st.floats(1e-12, 1e12),
)
def test_no_data_whatever_is_too_odd(
    points: list[tuple[float, float, int]], raised: int, high: float
) -> None:
    tag = replace(LT, high=high, unit="液面$%", name="LT-液面$")
    by_time = sorted({at: (at, value, status) for at, value, status in points}.values())
    picture = drawn(
        rows(by_time), university(), tag, (T0, T0 + HOUR), until_ns=T0 + HOUR, raised_ns=T0 + raised
    )
    if picture is not None:
        assert np.isfinite([picture.low, picture.high, picture.last]).all()


def test_an_hour_at_ten_values_a_second_loses_no_peak() -> None:
    points = [(number / 10, 50.0, 0) for number in range(36_000)]
    points[17_777] = (1777.7, 90.0, 0)
    picture = drawn(rows(points), university(), LT, (T0, T0 + HOUR), until_ns=T0 + HOUR)
    assert picture is not None
    assert picture.high == 90.0
    assert share(picture.png, LINE, (0.4, 0.2, 0.6, 0.55)) > 0, "the peak is drawn"
