"""The answers to Publish and Republish, put together from parts that are bytes already (Part 6, 5.2).

asyncua's codec takes 15 us for one MonitoredItemNotification; here one costs a join. What it would have
written, byte for byte, is what these functions write: a test compares the two.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from asyncua import ua

from controller.opcua.decoding.layout import HAS_SERVER_TIME, HAS_SOURCE_TIME, HAS_STATUS
from controller.opcua.gateway.services import Encoded
from controller.opcua.status import OVERFLOW

SEMANTICS_CHANGED: Final = 0x4000
_NODE_ID: Final = struct.Struct("<BBH")  # the four-byte form
_UINT32: Final = struct.Struct("<I")
_INT32: Final = struct.Struct("<i")
_INT64: Final = struct.Struct("<q")
_COUNT_0: Final = _INT32.pack(0)
_RESPONSE_HEADER: Final = struct.Struct("<qII")
# No diagnostics, no strings, no additional header (a null NodeId and "no body").
_HEADER_END: Final = b"\x00" + _COUNT_0 + b"\x00\x00\x00"
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_BOTH_TIMES: Final = HAS_SOURCE_TIME | HAS_SERVER_TIME


def _type_id(number: int) -> bytes:
    return _NODE_ID.pack(1, 0, number)


_PUBLISH_RESPONSE: Final = _type_id(829)
_REPUBLISH_RESPONSE: Final = _type_id(835)
_DATA_CHANGE: Final = _type_id(811) + b"\x01"
_STATUS_CHANGE: Final = _type_id(820) + b"\x01"
_EVENTS: Final = _type_id(916) + b"\x01"


def handle_bytes(client_handle: int) -> bytes:
    return _UINT32.pack(client_handle)


def ticks(at: datetime) -> int:
    """DateTime: 100 ns since 1601."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10_000_000 + since.microseconds * 10


def _header(kind: bytes, request_handle: int, at: int, result: int = 0) -> bytes:
    return kind + _RESPONSE_HEADER.pack(at, request_handle, result) + _HEADER_END


def _uint32s(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<i{len(numbers)}I", len(numbers), *numbers)


def _extension(head: bytes, body: bytes) -> bytes:
    return head + _INT32.pack(len(body)) + body


def data_change(handles_and_values: Sequence[bytes], count: int) -> bytes:
    """A DataChangeNotification of `count` items: their client handles and DataValues in turn."""
    return _extension(_DATA_CHANGE, b"".join((_INT32.pack(count), *handles_and_values, _COUNT_0)))


def event_list(handles_and_fields: Sequence[bytes], count: int) -> bytes:
    """An EventNotificationList: client handles and `event_fields` in turn."""
    return _extension(_EVENTS, b"".join((_INT32.pack(count), *handles_and_fields)))


def status_change(status: int) -> bytes:
    return _extension(_STATUS_CHANGE, _UINT32.pack(status) + b"\x00")


def event_fields(variants: Sequence[bytes]) -> bytes:
    return _INT32.pack(len(variants)) + b"".join(variants)


def notification_message(sequence: int, at: int, notifications: Sequence[bytes]) -> bytes:
    """at: the publish time in ticks. No notifications: a keep-alive."""
    head = _UINT32.pack(sequence) + _INT64.pack(at) + _INT32.pack(len(notifications))
    return head + b"".join(notifications)


def publish_response(
    request_handle: int,
    at: int,
    subscription: int,
    available: Sequence[int],
    more: bool,
    message: bytes,
    results: Sequence[int],
) -> Encoded:
    """results: the StatusCodes of the request's acknowledgements."""
    return Encoded(
        b"".join(
            (
                _header(_PUBLISH_RESPONSE, request_handle, at),
                _UINT32.pack(subscription),
                _uint32s(available),
                b"\x01" if more else b"\x00",
                message,
                _uint32s(results),
                _COUNT_0,
            )
        )
    )


def republish_response(request_handle: int, at: int, message: bytes) -> Encoded:
    return Encoded(_header(_REPUBLISH_RESPONSE, request_handle, at) + message)


def times_size(data_value: bytes) -> int:
    """How many bytes at its end are timestamps. The gateway never writes picoseconds."""
    return 8 * (data_value[0] & _BOTH_TIMES).bit_count()


def without_times(data_value: bytes) -> bytes:
    """Mask, value and status: what a change of value or status changes."""
    size = times_size(data_value)
    return data_value[: len(data_value) - size] if size else data_value


def with_times(data_value: bytes, wanted: ua.TimestampsToReturn) -> bytes:
    """The same DataValue with the timestamps this client asked for and no others."""
    mask = data_value[0]
    has_source, has_server = mask & HAS_SOURCE_TIME, mask & HAS_SERVER_TIME
    keep_source = has_source and wanted in {ua.TimestampsToReturn.Source, ua.TimestampsToReturn.Both}
    keep_server = has_server and wanted in {ua.TimestampsToReturn.Server, ua.TimestampsToReturn.Both}
    if bool(keep_source) == bool(has_source) and bool(keep_server) == bool(has_server):
        return data_value
    end = len(data_value) - times_size(data_value)
    times = data_value[end:]
    kept = times[:8] if keep_source else b""
    if keep_server:
        kept += times[-8:]
    head = (mask & ~_BOTH_TIMES) | (HAS_SOURCE_TIME if keep_source else 0)
    head |= HAS_SERVER_TIME if keep_server else 0
    return bytes((head,)) + data_value[1:end] + kept


def _flagged(data_value: bytes, bits: int) -> bytes:
    """The same with these bits in its status too."""
    mask = data_value[0]
    end = len(data_value) - times_size(data_value)
    if not mask & HAS_STATUS:
        return bytes((mask | HAS_STATUS,)) + data_value[1:end] + _UINT32.pack(bits) + data_value[end:]
    (status,) = _UINT32.unpack_from(data_value, end - 4)
    return data_value[: end - 4] + _UINT32.pack(status | bits) + data_value[end:]


def overflowed(data_value: bytes) -> bytes:
    """The same with the overflow bit in its status: values next to this one were lost (7.39.1)."""
    return _flagged(data_value, OVERFLOW)


def semantics_changed(data_value: bytes) -> bytes:
    """The same with the SemanticsChanged bit: its range, unit or states are to be read again (7.39.1)."""
    return _flagged(data_value, SEMANTICS_CHANGED)


def in_place_of(lost: bytes, data_value: bytes) -> bytes:
    """The value after one that is not sent: that meanings changed must not be lost with it."""
    if lost[0] & HAS_STATUS and status_of(lost) & SEMANTICS_CHANGED:
        return semantics_changed(data_value)
    return data_value


def status_of(data_value: bytes) -> int:
    """Its StatusCode; one that is not sent is Good."""
    if not data_value[0] & HAS_STATUS:
        return 0
    (status,) = _UINT32.unpack_from(data_value, len(data_value) - times_size(data_value) - 4)
    return int(status)
