"""Raw numbers and engineering values: whatever goes out comes back, and broken sensors are Bad."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.signal import BAD_OUT_OF_RANGE, BAD_SENSOR_FAILURE, GOOD
from controller.plant.scaling import factors, from_raw, joined, raw_bounds, split, to_raw
from controller.plant.tags import Kind, NodeSource, Raw, Tag


def tag(raw: Raw, kind: Kind = Kind.ANALOG, **source: Any) -> Tag:
    node = NodeSource(plc=0, namespace="urn:x", identifier="s=X", raw=raw, **source)
    return Tag(0, "X-1", "x", kind, "", "", 0.0, 1.0, node)


def test_the_bag_level_comes_as_tenths() -> None:
    level = tag(Raw.INT16, scale=0.1, sentinels=(32767.0,))

    value, status = from_raw(level, 534)
    assert value == pytest.approx(53.4)
    assert status == GOOD
    assert to_raw(level, 53.4) == 534
    assert type(to_raw(level, 53.4)) is int


def test_a_sentinel_is_a_broken_sensor_and_never_a_number() -> None:
    value, status = from_raw(tag(Raw.INT16, scale=0.1, sentinels=(32767.0,)), 32767)
    assert math.isnan(value)
    assert status == BAD_SENSOR_FAILURE
    single_precision = -99.90000152587890625
    assert from_raw(tag(Raw.FLOAT, sentinels=(-99.9,)), single_precision)[1] == BAD_SENSOR_FAILURE
    assert from_raw(tag(Raw.FLOAT, sentinels=(-99.9,)), -99.8)[1] == GOOD


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_bad(raw: float) -> None:
    assert from_raw(tag(Raw.FLOAT), raw)[1] == BAD_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("word", "active_when", "value"), [(0b1000, 1, 1), (0b0111, 1, 0), (0b1000, 0, 0), (0, 0, 1)]
)
def test_a_bit_has_a_polarity_of_its_own(word: int, active_when: int, value: float) -> None:
    bit = tag(Raw.UINT16, Kind.DISCRETE, bit=3, active_when=active_when)
    assert from_raw(bit, word) == (value, GOOD)


@pytest.mark.parametrize(
    ("active_when", "raw", "value"), [(1, True, 1), (1, False, 0), (0, True, 0), (0, False, 1)]
)
def test_so_has_a_boolean(active_when: int, raw: bool, value: float) -> None:
    switch = tag(Raw.BOOLEAN, Kind.DISCRETE, active_when=active_when)
    assert from_raw(switch, raw) == (value, GOOD)
    assert to_raw(switch, value) is raw


def test_the_sign_bit_of_a_signed_word_can_be_read() -> None:
    assert from_raw(tag(Raw.INT16, Kind.DISCRETE, bit=15), -32768) == (1.0, GOOD)


def test_a_text_stays_a_text() -> None:
    container = tag(Raw.STRING, Kind.TEXT)
    assert from_raw(container, "D-17") == ("D-17", GOOD)
    assert to_raw(container, "D-17") == "D-17"
    with pytest.raises(ValueError, match="does not fit"):
        to_raw(container, 1.0)
    assert from_raw(tag(Raw.INT16), "17")[1] == BAD_OUT_OF_RANGE


@pytest.mark.parametrize("value", [-0.1, 655.36, math.nan, math.inf])
def test_what_does_not_fit_the_node_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="X-1"):
        to_raw(tag(Raw.UINT16, scale=0.01), value)


@pytest.mark.parametrize(("low_word_first", "words"), [(True, [0x0002, 0x0001]), (False, [0x0001, 0x0002])])
def test_a_long_number_in_two_words_has_a_word_order(low_word_first: bool, words: list[int]) -> None:
    counter = tag(Raw.UINT16, Kind.COUNTER, element=0, words=2, low_word_first=low_word_first)
    assert from_raw(counter, words) == (65538.0, GOOD)


INTEGERS = [raw for raw in Raw if raw_bounds(raw) is not None and "64" not in raw.value]


@settings(deadline=None)
@given(
    st.sampled_from(INTEGERS),
    st.sampled_from([1.0, 0.1, 0.01, -0.01, 10.0, 0.001, 1 / 3]),
    st.sampled_from([0.0, -273.15, 100.0]),
    st.data(),
)
def test_a_whole_number_comes_back_exactly(
    raw: Raw, scale: float, offset: float, data: st.DataObject
) -> None:
    bounds = raw_bounds(raw)
    assert bounds is not None
    number = data.draw(st.integers(int(bounds[0]), int(bounds[1])))
    scaled = tag(raw, scale=scale, offset=offset)

    value, status = from_raw(scaled, number)

    assert status == GOOD
    assert to_raw(scaled, value) == number


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.sampled_from([1.0, 0.1, -2.5]), st.sampled_from([0.0, -273.15]))
def test_a_float_comes_back_within_rounding(value: float, scale: float, offset: float) -> None:
    scaled = tag(Raw.DOUBLE, scale=scale, offset=offset)
    raw = to_raw(scaled, value)
    assert isinstance(raw, float)
    assert from_raw(scaled, raw)[0] == pytest.approx(value, abs=1e-6)


@settings(deadline=None)
@given(st.sampled_from([Raw.INT16, Raw.UINT16]), st.booleans(), st.data())
def test_two_words_come_back_exactly(raw: Raw, low_word_first: bool, data: st.DataObject) -> None:
    source = NodeSource(0, "", "s=X", raw, element=0, words=2, low_word_first=low_word_first)
    bounds = raw_bounds(raw, 2)
    assert bounds is not None
    number = data.draw(st.integers(int(bounds[0]), int(bounds[1])))

    words = split(source, number)

    single = raw_bounds(raw)
    assert single is not None
    assert all(single[0] <= word <= single[1] for word in words)
    assert joined(source, words) == number


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("active_when", [0, 1])
def test_the_factors_of_a_boolean_turn_it_round_where_0_is_active(raw: bool, active_when: int) -> None:
    times, per, offset = factors(NodeSource(0, "", "s=X", Raw.BOOLEAN, active_when=active_when))
    assert raw * times / per + offset == from_raw(tag(Raw.BOOLEAN, active_when=active_when), raw)[0]


@given(st.integers(-32768, 32767), st.integers(1, 99_999), st.integers(0, 6))
def test_a_value_is_the_decimal_that_people_would_write(raw: int, digits: int, places: int) -> None:
    scale = Decimal(digits).scaleb(-places)
    value, _ = from_raw(tag(Raw.INT16, scale=float(scale)), raw)
    assert value == float(raw * scale)


def test_a_scale_of_many_digits_is_taken_as_it_is() -> None:
    assert from_raw(tag(Raw.INT16, scale=math.pi), 100)[0] == 100 * math.pi
