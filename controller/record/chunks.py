"""One tag's rows of an hour, packed for years: 2 to 3 bytes a row for a live analogue.

Columns are put into the narrowest exact form, their bytes shuffled (all first bytes, then all
second bytes) and deflated together. Values that are decimals of a short integer (a scaled PLC word)
are kept as that integer, when that gives back every bit.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.record.errors import Damaged

VERSION: Final = 1
_HEAD: Final = struct.Struct("<BBBBBBHIIIqqI")
_UNITS: Final = (1_000_000, 100, 1)
_STEPS: Final = 0  # times as steps from one to the next
_STEPS_OF_STEPS: Final = 1  # as changes of the step: a tag that reports at a steady pace
_FLOAT32: Final = 100
_FLOAT64: Final = 101
_DECIMALS: Final = range(5)  # form 0..4: k * 10^-d; form 10..14: k / 10^d, which can differ in the last bit
_DIVIDED: Final = 10
_PROBE: Final = 16
_NARROW: Final = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"), np.dtype("<u8"))


class Rows(NamedTuple):
    """One tag's rows in the order of their times. original_ns is 0 where nothing was replaced."""

    time_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    status: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    original_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time_ns)

    def where(self, chosen: NDArray[Any] | slice) -> Rows:
        return Rows(
            self.time_ns[chosen],
            self.values[chosen],
            self.status[chosen],
            self.flags[chosen],
            self.original_ns[chosen],
        )


def no_rows() -> Rows:
    return Rows(
        np.empty(0, np.int64),
        np.empty(0, np.float64),
        np.empty(0, np.uint32),
        np.empty(0, np.uint8),
        np.empty(0, np.int64),
    )


def together(parts: list[Rows]) -> Rows:
    """In their order."""
    if len(parts) < 2:
        return parts[0] if parts else no_rows()
    return Rows(
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.flags for part in parts]),
        np.concatenate([part.original_ns for part in parts]),
    )


def pack(rows: Rows) -> bytes:
    """`unpack` gives the rows back bit for bit. Times must not fall."""
    unit, mode, first, steps = _packed_times(rows.time_ns)
    form, values = _packed_values(rows.values)
    bad = np.flatnonzero(rows.status).astype("<u4")
    flagged = np.flatnonzero(rows.flags).astype("<u4")
    original = rows.original_ns[flagged].astype("<i8")
    columns = (steps, values, bad, rows.status[bad].astype("<u4"), flagged, rows.flags[flagged], original)
    body = zlib.compress(b"".join(_shuffled(column) for column in columns), 1)
    base_ns = int(rows.time_ns[0]) if len(rows) else 0
    widths = (steps.itemsize, form, values.itemsize)
    counts = (len(rows), len(bad), len(flagged), base_ns, first)
    return _HEAD.pack(VERSION, unit, mode, *widths, 0, *counts, zlib.crc32(body)) + body


def unpack(blob: bytes) -> Rows:
    """Raises Damaged when the blob is not as it was packed."""
    if len(blob) < _HEAD.size:
        raise Damaged(f"a history chunk of {len(blob)} bytes is too short")
    version, unit, mode, step_width, form, width, _, n, bad, flagged, base_ns, first, check = (
        _HEAD.unpack_from(blob)
    )
    packed = memoryview(blob)[_HEAD.size :]
    if version != VERSION or zlib.crc32(packed) != check:
        raise Damaged("a history chunk has changed since it was written (its checksum does not fit)")
    body = _Body(zlib.decompress(packed))
    steps = body.take(f"<u{step_width}", max(0, n - 1 - mode))
    time_ns = _unpacked_times(steps, n, mode, _UNITS[unit], base_ns, first)
    values = _unpacked_values(form, body.take(f"<f{width}" if form >= _FLOAT32 else f"<u{width}", n))
    status = np.zeros(n, np.uint32)
    places = body.take("<u4", bad)
    status[places] = body.take("<u4", bad)
    flags, original_ns = np.zeros(n, np.uint8), np.zeros(n, np.int64)
    places = body.take("<u4", flagged)
    flags[places] = body.take("<u1", flagged)
    original_ns[places] = body.take("<i8", flagged)
    return Rows(time_ns, values, status, flags, original_ns)


def _packed_times(time_ns: NDArray[np.int64]) -> tuple[int, int, int, NDArray[Any]]:
    """(unit code, mode, first step, steps)"""
    steps = np.diff(time_ns)
    assert not len(steps) or int(steps.min()) >= 0, "times fall"
    code = next(code for code, unit in enumerate(_UNITS) if not (steps % unit).any())
    steps //= _UNITS[code]
    changes = np.diff(steps)
    if len(changes) and 2 * np.count_nonzero(changes) < len(changes):
        return code, _STEPS_OF_STEPS, int(steps[0]), _narrow(_zigzag(changes))
    return code, _STEPS, 0, _narrow(steps.view(np.uint64))


def _unpacked_times(
    steps: NDArray[Any], n: int, mode: int, unit: int, base_ns: int, first: int
) -> NDArray[np.int64]:
    time_ns = np.empty(n, np.int64)
    if n == 0:
        return time_ns
    time_ns[0] = 0
    if mode == _STEPS_OF_STEPS:
        changes = np.concatenate((np.array([first], np.int64), _unzigzag(steps.astype(np.uint64))))
        np.cumsum(np.cumsum(changes), out=time_ns[1:])
    else:
        np.cumsum(steps.astype(np.int64), out=time_ns[1:])
    return time_ns * unit + base_ns


def _packed_values(values: NDArray[np.float64]) -> tuple[int, NDArray[Any]]:
    """(form, column): the changes of a short integer where that is exact, else floats as short as exact."""
    for decimals in _DECIMALS:
        for form in (decimals, decimals + _DIVIDED):
            if len(_whole(values[:_PROBE], form)) and len(whole := _whole(values, form)):
                return form, _narrow(_zigzag(np.diff(whole, prepend=np.int64(0))))
    with np.errstate(over="ignore", invalid="ignore"):
        short = values.astype("<f4")
        if _same_bits(short.astype(np.float64), values):
            return _FLOAT32, short
    return _FLOAT64, values.astype("<f8")


def _unpacked_values(form: int, column: NDArray[Any]) -> NDArray[np.float64]:
    if form >= _FLOAT32:
        return column.astype(np.float64)
    return _scaled(np.cumsum(_unzigzag(column.astype(np.uint64))), form)


def _whole(values: NDArray[np.float64], form: int) -> NDArray[np.int64]:
    """The integers that `form` turns into exactly these values; empty when there are none."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.rint(values * 10.0 ** (form % _DIVIDED))
        if not (np.abs(near) < 2**40).all():
            return np.empty(0, np.int64)
        whole = near.astype(np.int64)
    return whole if _same_bits(_scaled(whole, form), values) else np.empty(0, np.int64)


def _scaled(whole: NDArray[np.int64], form: int) -> NDArray[np.float64]:
    power = (
        np.float64(10.0 ** -(form % _DIVIDED)) if form < _DIVIDED else np.float64(10.0 ** (form - _DIVIDED))
    )
    return whole / power if form >= _DIVIDED else whole * power


def _same_bits(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    return bool((left.view(np.uint64) == right.view(np.uint64)).all())


def _zigzag(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Small numbers of either sign become small numbers."""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _unzigzag(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)


def _narrow(numbers: NDArray[np.uint64]) -> NDArray[Any]:
    top = int(numbers.max()) if len(numbers) else 0
    return numbers.astype(next(kind for kind in _NARROW if top < 256**kind.itemsize))


def _shuffled(column: NDArray[Any]) -> bytes:
    """First bytes first: bytes that hardly change come together, and deflate to nothing."""
    return column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes()


class _Body:
    """Walks through the unpacked columns."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, kind: str, count: int) -> NDArray[Any]:
        width = np.dtype(kind).itemsize
        planes = np.frombuffer(self._body, np.uint8, count * width, self._at).reshape(width, count)
        self._at += count * width
        return np.ascontiguousarray(planes.T).reshape(-1).view(kind)
