"""Line protocol: every trap of InfluxDB that was found by trying, and equal input gives equal lines."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.followers.influx.held import OFFSET_NS, Held
from controller.followers.influx.lines import Lines, body, key, line, quoted, shift_ns, tag_text
from controller.record.reader import TagName
from controller.record.samples import Samples, TextSample
from tests.journalled import T0, S, plant_of

NAMES = {
    1: TagName("LT-201", "%", "analog"),
    2: TagName("LSLL-202", "", "discrete"),
    3: TagName("GONE-1", "mbar g", "analog"),
    4: TagName("DS-1", "", "text"),
}


@pytest.fixture(scope="module")
def lines() -> Lines:
    made = Lines(plant_of("university"))
    made.know(NAMES)
    return made


def rows(*given: tuple[int, float, int, int], texts: tuple[TextSample, ...] = ()) -> Samples:
    """(tag, value, status, ns after T0)"""
    columns = list(zip(*given, strict=True)) or [(), (), (), ()]
    n = len(given)
    return Samples(
        np.array(columns[0], np.uint32),
        np.array(columns[1], np.float64),
        np.array(columns[2], np.uint32),
        np.array([T0 + at for at in columns[3]], np.int64),
        np.zeros(n, np.uint8),
        np.zeros(n, np.int64),
        texts,
    )


def test_a_row_is_a_point_with_its_place_in_the_plant(lines: Lines) -> None:
    assert lines.rows(rows((1, 42.5, 0, 7))) == [
        f"sample,area=bag,plant=university,plc=R,tag=LT-201,unit=% value=42.5,quality=0i {T0 + 7}"
    ]


def test_a_number_is_always_a_float_so_that_the_type_never_conflicts(lines: Lines) -> None:
    for value in (0.0, -0.0, 7.0, 1e300, 5e-324, 1e16, -1e-7):
        found = re.search(r"value=([^,]+),", lines.rows(rows((1, value, 0, 0)))[0])
        assert found is not None
        assert not found[1].endswith("i")
        assert float(found[1]) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_leaves_its_quality_and_no_value(lines: Lines, value: float) -> None:
    assert lines.rows(rows((1, value, 0x80050000, 1)))[0].split(" ")[1] == "quality=2147811328i"
    assert "value" not in lines.rows(rows((1, value, 0, 1)))[0]


def test_a_bad_value_is_not_shown_but_an_uncertain_one_is(lines: Lines) -> None:
    bad, uncertain = (lines.rows(rows((1, 5.0, status, 0)))[0] for status in (0x80000000, 0x40000000))
    assert " quality=2147483648i " in bad
    assert "value=5.0,quality=1073741824i" in uncertain


def test_a_discrete_tag_has_the_name_of_its_state_and_a_number_where_there_is_none(lines: Lines) -> None:
    empty, other = lines.rows(rows((2, 0.0, 0, 0), (2, 5.0, 0, 1)))
    assert 'value=0.0,state="empty",quality=0i' in empty
    assert 'value=5.0,state="5",quality=0i' in other


def test_a_tag_that_the_plant_has_no_more_keeps_its_name_and_unit(lines: Lines) -> None:
    assert lines.rows(rows((3, 1.0, 0, 0)))[0].startswith(
        "sample,plant=university,tag=GONE-1,unit=mbar\\ g value"
    )


def test_texts_with_quotes_backslashes_and_broken_characters_are_whole(lines: Lines) -> None:
    sample = TextSample(4, 'say "a\\b"\nand on\ud800', 0, T0)
    made = lines.rows(rows(texts=(sample,)))
    assert made == [f'sample,plant=university,tag=DS-1 text="say \\"a\\\\b\\"\nand on\ud800",quality=0i {T0}']
    assert body(made).decode().endswith(f'and on?",quality=0i {T0}')


def test_a_trailing_backslash_does_not_swallow_what_follows() -> None:
    assert key("m", {"a": "x\\", "b": "y z", "c": "", "d": "k=v,w"}) == "m,a=x/,b=y\\ z,d=k\\=v\\,w"
    assert not tag_text("\\").endswith("\\")


@given(st.text(max_size=30))
def test_no_text_can_leave_its_quotes(text: str) -> None:
    shown = quoted(text)
    assert shown[0] == shown[-1] == '"'
    inner = re.sub(r'\\[\\"]', "", shown[1:-1])
    assert '"' not in inner
    assert "\\" not in inner


@given(st.text(min_size=1, max_size=30))
def test_no_tag_can_end_the_series(text: str) -> None:
    shown = re.sub(r"\\[,= ]", "", tag_text(text))
    assert not set(shown) & set(",= \n\\")


def test_integers_and_floats_keep_their_kind() -> None:
    assert line("m", {"i": 1, "f": 1.0, "s": "1"}, 5) == 'm i=1i,f=1.0,s="1" 5'


def test_a_clock_that_was_set_back_overwrites_nothing(lines: Lines) -> None:
    assert shift_ns(0) == 0
    shifts = [shift_ns(run) for run in range(31)]
    assert len(set(shifts)) == len(shifts)
    assert max(shifts) < 100  # below a tick of OPC UA's clock
    again = lines.rows(rows((1, 1.0, 0, 0)), run=1)[0]
    assert again.endswith(f" {T0 + 60}")


def test_what_stands_still_is_written_again_each_full_period_and_only_then(lines: Lines) -> None:
    held = Held(60.0)
    minute = T0 // (60 * S) * 60 * S
    held.take(rows((1, 5.0, 0, 0), texts=(TextSample(4, "x", 0, T0),)), minute)
    for second in range(1, 120):
        held.take(rows((2, 1.0, 0, second * S)), minute + second * S)
        assert not list(held.due(minute + second * S + 1)) or second >= 60
    ((at_ns, found),) = held.due(minute + 120 * S)
    assert at_ns == minute + 120 * S
    assert lines.rows(found, held=True) == [
        "sample,area=bag,plant=university,plc=R,tag=LT-201,unit=% "
        f"value=5.0,quality=0i,held=1i {at_ns + OFFSET_NS}",
        f'sample,plant=university,tag=DS-1 text="x",quality=0i,held=1i {at_ns + OFFSET_NS}',
    ]


def test_nothing_is_held_through_a_time_in_which_the_service_did_not_run() -> None:
    held = Held(60.0)
    held.take(rows((1, 5.0, 0, 0)), T0)
    assert list(held.due(T0 + 600 * S)) == []


def test_a_full_period_that_ends_within_a_block_is_written_with_the_next() -> None:
    held = Held(60.0)
    minute = T0 // (60 * S) * 60 * S
    held.take(rows((1, 5.0, 0, 0)), minute)
    for start in range(1, 58, 8):
        assert list(held.due(minute + start * S)) == []
        held.take(rows((2, 1.0, 0, start * S)), minute + (start + 7) * S)
    assert [at_ns for at_ns, _ in held.due(minute + 65 * S)] == [minute + 60 * S]


def test_what_is_held_survives_a_restart_bit_for_bit() -> None:
    held, again = Held(60.0), Held(60.0)
    held.take(rows((1, math.nan, 0x80050000, 0), (3, 2.5, 0, 5), texts=(TextSample(4, "x", 0, T0),)), T0)
    again.load(held.dump())
    assert again.dump() == held.dump()
