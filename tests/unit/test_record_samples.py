"""Samples in their stored form: every bit comes back, and damage is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from controller.record.errors import Damaged
from controller.record.samples import Samples, TextSample, decode, encode, encode_texts, joined

T0 = 1_767_574_800_000_000_000
COLUMNS = ("tags", "values", "status", "time_ns", "flags", "original_ns")


def same(left: Samples, right: Samples) -> bool:
    return left.texts == right.texts and all(
        getattr(left, name).dtype == getattr(right, name).dtype
        and getattr(left, name).tobytes() == getattr(right, name).tobytes()
        for name in COLUMNS
    )


@st.composite
def blocks(draw: st.DrawFn) -> Samples:
    """Awkward on purpose: any bits in a value (signalling NaNs too), any time, any status."""
    n = draw(st.integers(0, 40))
    kinds = draw(st.tuples(st.sampled_from([300, 2**32 - 1]), st.sampled_from([0, 3, 2**32 - 1])))
    short = draw(st.booleans())
    values = draw(hnp.arrays(np.float64, n, elements=st.floats(width=32 if short else 64)))
    if draw(st.booleans()):
        values = draw(hnp.arrays(np.uint64, n)).view(np.float64)
    step = draw(st.sampled_from([1, 100, 1_000_000, 250_000_000]))
    deltas = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 1_000)))
    times = draw(st.one_of(st.just(T0 + step * deltas), hnp.arrays(np.int64, n)))
    flags = draw(hnp.arrays(np.uint8, n, elements=st.sampled_from([0, 0, 0, 1, 2, 3])))
    return Samples(
        draw(hnp.arrays(np.uint32, n, elements=st.integers(0, kinds[0]))),
        values,
        draw(hnp.arrays(np.uint32, n, elements=st.integers(0, kinds[1]))),
        times,
        flags,
        np.where(flags > 0, times - 7, 0),
    )


@given(blocks())
def test_every_bit_comes_back(rows: Samples) -> None:
    assert same(decode(encode(rows)), rows)


@settings(max_examples=30)
@given(st.lists(blocks(), min_size=1, max_size=3))
def test_joined_blocks_are_their_rows_in_order(parts: list[Samples]) -> None:
    whole = joined(parts)
    for name in COLUMNS:
        parted = b"".join(getattr(part, name).tobytes() for part in parts)
        assert getattr(whole, name).tobytes() == parted


@given(st.lists(st.tuples(st.integers(0, 9), st.text(), st.integers(0, 2**32 - 1), st.integers(0, 2**62))))
def test_texts_come_back(rows: list[tuple[int, str, int, int]]) -> None:
    texts = tuple(TextSample(*row) for row in rows)
    tags, values, status, source, flags, original = (
        np.empty(0, kind) for kind in ("u4", "f8", "u4", "i8", "u1", "i8")
    )
    empty = Samples(tags, values, status, source, flags, original, texts)
    assert decode(encode(empty), encode_texts(texts)).texts == texts


def thousand(values: np.ndarray, times: np.ndarray) -> Samples:
    n = len(values)
    zeros = np.zeros(n, np.int64)
    tags = np.arange(n, dtype=np.uint32) % 200
    return Samples(tags, values, zeros.astype(np.uint32), times, zeros.astype(np.uint8), zeros)


def test_a_good_float_with_a_plc_time_costs_less_than_ten_bytes() -> None:
    values = np.random.default_rng(1).normal(50, 9, 1000).astype(np.float32).astype(np.float64)
    one_scan = np.full(1000, T0, np.int64)
    ticks = T0 + np.arange(1000, dtype=np.int64) * 12_345_600
    assert len(encode(thousand(values, one_scan))) < 6.1 * 1000
    assert len(encode(thousand(values, ticks // 1_000_000 * 1_000_000))) < 8.1 * 1000
    assert len(encode(thousand(values, ticks))) < 10.1 * 1000


def test_a_single_changed_bit_is_noticed_wherever_it_is() -> None:
    blob = encode(thousand(np.linspace(0, 1, 20), np.full(20, T0, np.int64)))
    for place in range(len(blob)):
        broken = bytearray(blob)
        broken[place] ^= 0x10
        with pytest.raises(Damaged):
            decode(bytes(broken))
    for length in range(len(blob)):
        with pytest.raises(Damaged):
            decode(blob[:length])


def test_a_broken_text_blob_is_noticed() -> None:
    blob = encode(thousand(np.zeros(0), np.zeros(0, np.int64)))
    with pytest.raises(Damaged, match="text blob"):
        decode(blob, b"\x91\x92\x01")
