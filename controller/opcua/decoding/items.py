"""Arrays of MonitoredItemNotification or DataValue -> struct of arrays.

Lanes, each exact:
- uniform: the first item's mask and type give a size S; when mask and type are the same at every
  multiple of S then, by induction, item k starts at k*S, and one numpy view reads all of them;
- mixed: one walk finds where each item starts and which layout it has; each layout is one gather;
- few: one struct call per item costs less than either;
- unusual (texts, arrays, structures): bounded by `extent`, decoded by asyncua, handed over as Python
  objects beside the arrays.
"""

from __future__ import annotations

import struct
from math import nan
from typing import Any, Final, NamedTuple

import numpy as np
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary
from asyncua.ua.uaerrors import UaError
from numpy.typing import NDArray

from controller.opcua.decoding.extent import after_data_value, after_variant, byte_at, malformed
from controller.opcua.decoding.layout import HAS_SOURCE_TIME, HAS_STATUS, HAS_VALUE, Layout, layout_of
from controller.opcua.status import BAD_DECODING_ERROR

# DateTime counts 100 ns since 1601 (Part 6, 5.2.2.5). int64 nanoseconds since 1970 reach from 1677 to 2262;
# a time outside, and 0 = "no time", becomes 0.
_TICKS_1970: Final = 116_444_736_000_000_000
_TICKS_REACH: Final = (2**63 - 1) // 100
_NUMPY_FROM: Final = 16  # items; below, the fixed cost of numpy is more than struct takes

# What asyncua's decoder may raise on bytes that are well bounded but mean nothing (an unknown enumeration).
_UNDECODABLE = (UaError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error)


class Other(NamedTuple):
    """One item that is no scalar number: `value` as asyncua decodes it (None when undecodable).

    at: how many items of the arrays came before it, so that the order within a node is known.
    """

    at: int
    handle: int
    value: Any
    status: int
    source_ns: int
    kind: int


class Items(NamedTuple):
    """The scalar numbers of one notification, in order; a null is NaN.

    kinds: the Variant's type byte, 0 = null. status: as sent. source_ns: 0 = none given.
    """

    handles: NDArray[np.uint32]
    values: NDArray[np.float64]
    status: NDArray[np.uint32]
    source_ns: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    others: tuple[Other, ...] = ()

    @property
    def total(self) -> int:
        return len(self.handles) + len(self.others)


def filetime_to_ns(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """100 ns since 1601 -> ns since 1970, in integers; 0 where the result would not fit."""
    if len(ticks) == 0:
        return ticks
    low, high = _TICKS_1970 - _TICKS_REACH, _TICKS_1970 + _TICKS_REACH
    if low <= ticks.min() and ticks.max() <= high:
        return np.asarray((ticks - _TICKS_1970) * 100)
    fits = (low <= ticks) & (ticks <= high)
    return np.where(fits, (np.where(fits, ticks, _TICKS_1970) - _TICKS_1970) * 100, 0)


def _ns(ticks: int) -> int:
    """The same for one time."""
    return (ticks - _TICKS_1970) * 100 if abs(ticks - _TICKS_1970) <= _TICKS_REACH else 0


def decode_items(data: bytes, at: int, count: int, with_handles: bool = True) -> tuple[Items, int]:
    """Items from `at` on and the position behind them. Without handles they are numbered from 0."""
    if count < _NUMPY_FROM:
        return _few(data, at, count, with_handles)
    return _uniform(data, at, count, with_handles) or _mixed(data, at, count, with_handles)


def _few(data: bytes, at: int, count: int, with_handles: bool) -> tuple[Items, int]:
    """A handful of items, one struct call each."""
    handles: list[int] = []
    values: list[float] = []
    statuses: list[int] = []
    times: list[int] = []
    kinds: list[int] = []
    others: list[Other] = []
    prefix = 4 if with_handles else 0
    for index in range(count):
        mask = byte_at(data, at + prefix)
        kind = byte_at(data, at + prefix + 1) if mask & HAS_VALUE else 0
        layout = layout_of(mask & 0x3F, kind, with_handles)
        if layout is None:
            handle = int.from_bytes(data[at : at + 4], "little") if with_handles else index
            other, at = _other(data, at + prefix, len(handles), handle)
            others.append(other)
            continue
        if at + layout.size > len(data):
            raise malformed("the message ends early", at)
        fields = layout.unpack.unpack_from(data, at)
        at += layout.size
        handles.append(fields[0] if with_handles else index)
        value = nan if layout.value is None else fields[layout.value]
        values.append(value != 0 if layout.is_boolean else value)
        statuses.append(0 if layout.status is None else fields[layout.status])
        times.append(0 if layout.source_time is None else _ns(fields[layout.source_time]))
        kinds.append(kind)
    items = Items(
        handles=np.array(handles, np.uint32),
        values=np.array(values, np.float64),
        status=np.array(statuses, np.uint32),
        source_ns=np.array(times, np.int64),
        kinds=np.array(kinds, np.uint8),
        others=tuple(others),
    )
    return items, at


def _mixed(data: bytes, at: int, count: int, with_handles: bool) -> tuple[Items, int]:
    """Many items of several layouts."""
    groups, others, end = _walk(data, at, count, with_handles)
    length = count - len(others)
    items = Items(
        handles=np.empty(length, np.uint32),
        values=np.full(length, nan),
        status=np.zeros(length, np.uint32),
        source_ns=np.zeros(length, np.int64),
        kinds=np.empty(length, np.uint8),
        others=tuple(others),
    )
    for group in groups.values():
        group.gather(data, items)
    return items._replace(source_ns=filetime_to_ns(items.source_ns)), end


class _Group:
    """The items of one layout in a mixed message: their rows in the result and where they start."""

    __slots__ = ("kind", "layout", "names", "rows", "size", "starts")

    def __init__(self, layout: Layout, kind: int) -> None:
        self.layout = layout
        self.size = layout.size
        self.kind = kind
        self.rows: list[int] = []
        self.starts: list[int] = []
        self.names: list[int] = []  # the position in the message, for items without a handle

    def gather(self, data: bytes, items: Items) -> None:
        """All items of the group by one gather of their bytes."""
        places = np.array(self.starts)[:, None] + np.arange(self.size)
        fields = np.frombuffer(data, np.uint8)[places].view(self.layout.dtype)[:, 0]
        rows = np.array(self.rows)
        items.handles[rows] = fields["handle"] if self.layout.has_handle else self.names
        items.kinds[rows] = self.kind
        if self.layout.value is not None:
            items.values[rows] = fields["value"] != 0 if self.layout.is_boolean else fields["value"]
        if self.layout.status is not None:
            items.status[rows] = fields["status"]
        if self.layout.source_time is not None:
            items.source_ns[rows] = fields["source_time"]


def _walk(data: bytes, at: int, count: int, with_handles: bool) -> tuple[dict[int, _Group], list[Other], int]:
    """Where each item starts, by layout; items without a fixed size are decoded on the way."""
    groups: dict[int, _Group] = {}
    others: list[Other] = []
    prefix = 4 if with_handles else 0
    try:
        for index in range(count):
            mask = data[at + prefix]
            key = mask | data[at + prefix + 1] << 8 if mask & HAS_VALUE else mask
            group = groups.get(key)
            if group is None:
                layout = layout_of(mask & 0x3F, key >> 8, with_handles)
                if layout is None:
                    handle = int.from_bytes(data[at : at + 4], "little") if with_handles else index
                    other, at = _other(data, at + prefix, index - len(others), handle)
                    others.append(other)
                    continue
                group = groups[key] = _Group(layout, key >> 8)
            group.rows.append(index - len(others))
            group.starts.append(at)
            group.names.append(index)
            at += group.size
    except IndexError:
        raise malformed("the message ends early", at) from None
    if at > len(data):
        raise malformed("the message ends early", at)
    return groups, others, at


def _uniform(data: bytes, at: int, count: int, with_handles: bool) -> tuple[Items, int] | None:
    """All items if they have one layout, else None. Nothing is assumed that the comparison does not prove."""
    first = at + 4 if with_handles else at
    mask = byte_at(data, first)
    kind = byte_at(data, first + 1) if mask & HAS_VALUE else 0
    layout = layout_of(mask & 0x3F, kind, with_handles)
    if layout is None or at + count * layout.size > len(data):
        return None
    rows = np.frombuffer(data, layout.dtype, count, at)
    if not (rows["mask"] == mask).all() or (mask & HAS_VALUE and not (rows["type"] == kind).all()):
        return None
    items = Items(
        handles=rows["handle"].astype(np.uint32) if with_handles else np.arange(count, dtype=np.uint32),
        values=_values_of(rows, layout),
        status=rows["status"].astype(np.uint32) if mask & HAS_STATUS else np.zeros(count, np.uint32),
        source_ns=filetime_to_ns(rows["source_time"].astype(np.int64))
        if mask & HAS_SOURCE_TIME
        else np.zeros(count, np.int64),
        kinds=np.broadcast_to(np.uint8(kind), count),
    )
    return items, at + count * layout.size


def _values_of(rows: NDArray[Any], layout: Layout) -> NDArray[np.float64]:
    if layout.value is None:
        return np.full(len(rows), nan)
    return (rows["value"] != 0 if layout.is_boolean else rows["value"]).astype(np.float64)


def _other(data: bytes, at: int, before: int, handle: int) -> tuple[Other, int]:
    """A DataValue whose Variant has no fixed size. Only its value costs a Python object."""
    end = after_data_value(data, at)
    mask, kind = data[at], data[at + 1]
    behind_value = after_variant(data, at + 1)
    status, ticks, position = 0, 0, behind_value
    if mask & HAS_STATUS:
        status = int.from_bytes(data[position : position + 4], "little")
        position += 4
    if mask & HAS_SOURCE_TIME:
        ticks = int.from_bytes(data[position : position + 8], "little", signed=True)
    try:
        value = variant_from_binary(Buffer(data[at + 1 : behind_value])).Value
    except _UNDECODABLE:
        value, status = None, BAD_DECODING_ERROR
    return Other(before, handle, value, status, _ns(ticks), kind), end
