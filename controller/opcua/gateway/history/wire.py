"""Points as encoded HistoryData: thousands of values at a time, without an object for each (Part 6, 5.2.2).

All DataValues of an answer have one layout, so that a page is one numpy array; only nulls and texts, which
have none, are put together piece by piece.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from controller.opcua.gateway.history.quality import Points, Times
from controller.opcua.gateway.space.tag_types import RANGES

_V: Final = ua.VariantType
_KINDS: Final[dict[ua.VariantType, str]] = {
    _V.Boolean: "?",
    _V.SByte: "i1",
    _V.Byte: "u1",
    _V.Int16: "<i2",
    _V.UInt16: "<u2",
    _V.Int32: "<i4",
    _V.UInt32: "<u4",
    _V.Int64: "<i8",
    _V.UInt64: "<u8",
    _V.Double: "<f8",
}
_VALUE, _STATUS, _SOURCE = 0x01, 0x02, 0x04
_FILETIME_OF_EPOCH: Final = 116_444_736_000_000_000  # 100 ns since 1601 (Part 6, 5.2.2.5)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# 1601-01-01 is the DateTime that says "none" (Part 6, 5.2.2.5); 9999-12-31 is the largest, "unending".
_NO_TIME_NS: Final = -11_644_473_600 * 10**9
_LATEST_NS: Final = 253_402_214_400 * 10**9
_COUNT: Final = struct.Struct("<i")
_NULL: Final = struct.Struct("<BIq")
_TEXT_HEAD: Final = struct.Struct("<BBi")
_TEXT_TAIL: Final = struct.Struct("<Iq")


def nanoseconds(time: datetime | None) -> int | None:
    """Since 1970, UTC; None where the client named no time."""
    if time is None:
        return None
    time_ns = (time.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1000
    return None if time_ns <= _NO_TIME_NS else min(time_ns, _LATEST_NS)


def history_data(points: Points, kind: ua.VariantType, texts: Sequence[str] = ()) -> ua.ExtensionObject:
    """HistoryData. texts: what a text tag's values number."""
    return _extension(ua.ObjectIds.HistoryData_Encoding_DefaultBinary, _values(points, kind, texts))


def modified_data(
    points: Points, modified_ns: Times, user: str, kind: ua.VariantType, texts: Sequence[str] = ()
) -> ua.ExtensionObject:
    """HistoryModifiedData: each value as it came, with when and by whom it was replaced."""
    name = user.encode()
    replaced = int(ua.HistoryUpdateType.Replace)
    infos = [
        struct.pack("<qii", filetime, replaced, len(name)) + name
        for filetime in _filetimes(modified_ns).tolist()
    ]
    body = _values(points, kind, texts) + _COUNT.pack(len(infos)) + b"".join(infos)
    return _extension(ua.ObjectIds.HistoryModifiedData_Encoding_DefaultBinary, body)


def event_data(field_lists: Sequence[bytes]) -> ua.ExtensionObject:
    """HistoryEvent. field_lists: each event's selected fields, an encoded array of Variants."""
    body = _COUNT.pack(len(field_lists)) + b"".join(field_lists)
    return _extension(ua.ObjectIds.HistoryEvent_Encoding_DefaultBinary, body)


def _extension(encoding: int, body: bytes) -> ua.ExtensionObject:
    made = ua.ExtensionObject(ua.NodeId(ua.Int32(encoding)), ua.ByteString(body))
    # "has a body": asyncua sets it only when it encodes the body itself, and has no way to ask for it.
    object.__setattr__(made, "Encoding", 1)
    return made


def _values(points: Points, kind: ua.VariantType, texts: Sequence[str]) -> bytes:
    """DataValue[]."""
    count = _COUNT.pack(len(points.time_ns))
    if kind is _V.String:
        return count + b"".join(_text_values(points, texts))
    layout = np.dtype(
        [("mask", "u1"), ("type", "u1"), ("value", _KINDS[kind]), ("status", "<u4"), ("time", "<i8")]
    )
    made = np.empty(len(points.time_ns), layout)
    made["mask"] = _VALUE | _STATUS | _SOURCE
    made["type"] = int(kind)
    made["value"] = _fitting(points.values, points.given, kind)
    made["status"] = points.status
    made["time"] = _filetimes(points.time_ns)
    whole = made.tobytes()
    if points.given.all():
        return count + whole
    return count + b"".join(_with_nulls(points, whole, layout.itemsize, made["time"]))


def _with_nulls(points: Points, whole: bytes, size: int, filetimes: NDArray[Any]) -> list[bytes]:
    """Runs of values with the nulls between them."""
    parts = []
    done = 0
    for place in np.flatnonzero(~points.given).tolist():
        parts.append(whole[done * size : place * size])
        parts.append(_NULL.pack(_STATUS | _SOURCE, int(points.status[place]), int(filetimes[place])))
        done = place + 1
    parts.append(whole[done * size :])
    return parts


def _text_values(points: Points, texts: Sequence[str]) -> list[bytes]:
    parts = []
    columns = (_filetimes(points.time_ns), points.values, points.status, points.given)
    for filetime, number, status, given in zip(*(column.tolist() for column in columns), strict=True):
        if not given:
            parts.append(_NULL.pack(_STATUS | _SOURCE, status, filetime))
            continue
        text = texts[int(number)].encode()
        head = _TEXT_HEAD.pack(_VALUE | _STATUS | _SOURCE, int(_V.String), len(text))
        parts.append(head + text + _TEXT_TAIL.pack(status, filetime))
    return parts


def _fitting(values: NDArray[np.float64], given: NDArray[np.bool_], kind: ua.VariantType) -> NDArray[Any]:
    """In the tag's type; what does not fit becomes the nearest that does, as in live values."""
    if kind is _V.Double:
        return values
    known = np.where(given & ~np.isnan(values), values, 0.0)
    if kind is _V.Boolean:
        return np.asarray(known != 0.0)
    low, high = RANGES[kind]
    whole = np.rint(known)
    fitting: NDArray[Any] = np.where(whole >= high, low, whole).astype(_KINDS[kind])
    fitting[whole >= high] = high
    fitting[whole <= low] = low
    return fitting


def _filetimes(time_ns: Times) -> Times:
    return time_ns // 100 + _FILETIME_OF_EPOCH
