"""Raw numbers of a PLC and engineering values: scale, offset, bits, sentinels, two-word numbers. Pure.

Boundaries: `from_raw` takes what OPC UA delivered (already the element, where the tag names one; the
sequence of words, where it has two) and never raises for a number; what it cannot use is Bad.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from alarms.signal import BAD_OUT_OF_RANGE, BAD_SENSOR_FAILURE, GOOD
from controller.plant.tags import NodeSource, Raw, Tag

BITS: Final = {
    Raw.SBYTE: 8,
    Raw.BYTE: 8,
    Raw.INT16: 16,
    Raw.UINT16: 16,
    Raw.INT32: 32,
    Raw.UINT32: 32,
    Raw.INT64: 64,
    Raw.UINT64: 64,
}
SIGNED: Final = frozenset((Raw.SBYTE, Raw.INT16, Raw.INT32, Raw.INT64))
FLOATS: Final = frozenset((Raw.FLOAT, Raw.DOUBLE))
SENTINEL_TOLERANCE: Final = 1e-6  # relative; a Float sentinel such as -99.9 arrives as -99.90000153

EXACT_MAX: Final = 1 << 30

Number = int | float | bool


class Factors(NamedTuple):
    """value = raw * times / per + offset, of numbers or whole arrays.

    A scale is a decimal in the plant's files: 29 at 0.1 is 29 / 10 = 2.9, but 29 * 0.1 = 2.9000000000000004.
    """

    times: float
    per: float
    offset: float


def factors(source: NodeSource) -> Factors:
    """A Boolean has no scale, but may be true at 0."""
    if source.raw is Raw.BOOLEAN:
        return Factors(1.0, 1.0, 0.0) if source.active_when else Factors(-1.0, 1.0, 1.0)
    return Factors(*_ratio(source.scale), source.offset)


@lru_cache(maxsize=256)
def _ratio(scale: float) -> tuple[float, float]:
    """The scale as a quotient of whole numbers; itself where they are too large to stay exact."""
    exact = Fraction(repr(scale))
    few = max(abs(exact.numerator), exact.denominator) < EXACT_MAX
    return (float(exact.numerator), float(exact.denominator)) if few else (scale, 1.0)


def raw_bounds(raw: Raw, words: int = 1) -> tuple[float, float] | None:
    """Smallest and largest raw number, None for floats, booleans and texts."""
    if raw not in BITS:
        return None
    bits = BITS[raw] * words
    return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if raw in SIGNED else (0.0, 2.0**bits - 1)


def from_raw(tag: Tag, raw: Number | str | Sequence[int]) -> tuple[float | str, int]:
    """The value in the tag's unit, and its StatusCode: Bad for a sentinel, NaN or infinity."""
    source = _source(tag)
    if isinstance(raw, str):
        return (raw, GOOD) if source.raw is Raw.STRING else (math.nan, BAD_OUT_OF_RANGE)
    number = raw if isinstance(raw, int | float) else joined(source, raw)
    if not math.isfinite(number):
        return math.nan, BAD_OUT_OF_RANGE
    if any(math.isclose(number, sentinel, rel_tol=SENTINEL_TOLERANCE) for sentinel in source.sentinels):
        return math.nan, BAD_SENSOR_FAILURE
    if source.bit is not None:
        return float((int(number) >> source.bit & 1) == source.active_when), GOOD
    if source.raw is Raw.BOOLEAN:
        return float(bool(number) == bool(source.active_when)), GOOD
    times, per, offset = factors(source)
    return number * times / per + offset, GOOD


def to_raw(tag: Tag, value: float | str) -> int | float | bool | str:
    """The raw number for the node, of its exact Python type; ValueError when it does not fit.

    A bit tag gives its word with this bit alone; whoever writes bits must merge them.
    """
    source = _source(tag)
    if isinstance(value, str) or source.raw is Raw.STRING:
        if not isinstance(value, str) or source.raw is not Raw.STRING:
            raise ValueError(f"{tag.name}: {value!r} does not fit a {source.raw.value}")
        return value
    if not math.isfinite(value):
        raise ValueError(f"{tag.name}: {value} is not a finite number")
    if source.bit is not None:
        return int(bool(value) == bool(source.active_when)) << source.bit
    if source.raw is Raw.BOOLEAN:
        return bool(value) == bool(source.active_when)
    raw = (value - source.offset) / source.scale
    bounds = raw_bounds(source.raw, source.words)
    if bounds is None:
        return raw
    if not bounds[0] - 0.5 <= raw <= bounds[1] + 0.5:
        raise ValueError(f"{tag.name}: {value:g} {tag.unit} does not fit {source.raw.value}")
    return int(min(max(round(raw), int(bounds[0])), int(bounds[1])))


def joined(source: NodeSource, words: Sequence[int]) -> int:
    """Two 16-bit words as one number, signed if the words are."""
    first, second = (int(word) & 0xFFFF for word in words[:2])
    number = second << 16 | first if source.low_word_first else first << 16 | second
    return number - (1 << 32) if source.raw in SIGNED and number >= 1 << 31 else number


def split(source: NodeSource, number: int) -> tuple[int, int]:
    """One number as two 16-bit words in the order of the array."""
    low, high = number & 0xFFFF, number >> 16 & 0xFFFF
    if source.raw in SIGNED:
        low, high = (word - 0x10000 if word >= 0x8000 else word for word in (low, high))
    return (low, high) if source.low_word_first else (high, low)


def _source(tag: Tag) -> NodeSource:
    assert isinstance(tag.source, NodeSource), f"{tag.name} is computed by the service; it has no raw value"
    return tag.source
