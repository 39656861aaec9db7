"""PublishResponse, RepublishResponse, ReadResponse, field by field (Part 4, 5.14.5, 5.14.6, 5.11.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from controller.opcua.decoding.extent import (
    after,
    after_diagnostic_info,
    after_extension_object,
    after_node_id,
    after_text,
    byte_at,
    count_at,
    int32_at,
    malformed,
)
from controller.opcua.decoding.items import Items, decode_items

# Numeric NodeIds of the binary encodings (Part 6, A.3).
_READ_RESPONSE: Final = 634
_DATA_CHANGE_NOTIFICATION: Final = 811
_STATUS_CHANGE_NOTIFICATION: Final = 820
_PUBLISH_RESPONSE: Final = 829
_REPUBLISH_RESPONSE: Final = 835

# No diagnostics, no texts (an empty or a null table), no extension: nearly every header ends like this.
_PLAIN_HEADER_ENDS: Final = (b"\0\0\0\0\0\0\0\0", b"\0\xff\xff\xff\xff\0\0\0")


@dataclass(frozen=True, slots=True)
class Published:
    """One NotificationMessage. A keep-alive has no notifications and the sequence number to come next.

    available: what the server still holds for Republish. acknowledged: its answers to our acknowledgements.
    status_change: the subscription itself ended or moved, with this status.
    """

    subscription: int
    sequence: int
    available: tuple[int, ...] = ()
    more: bool = False
    notifications: int = 0
    items: tuple[Items, ...] = ()
    status_change: int | None = None
    acknowledged: tuple[int, ...] = ()

    @property
    def is_keepalive(self) -> bool:
        return self.notifications == 0


def decode_publish(data: bytes) -> Published:
    at = _after_header(data, _PUBLISH_RESPONSE)
    subscription = _uint32(data, at)
    available, at = _uint32_array(data, at + 4)
    more = bool(byte_at(data, at))
    sequence, notifications, items, status_change, at = _notification_message(data, at + 1)
    acknowledged, at = _uint32_array(data, at)
    _after_diagnostics(data, at)
    return Published(
        subscription, sequence, available, more, notifications, items, status_change, acknowledged
    )


def decode_republish(data: bytes, subscription: int) -> Published:
    """The message asked for. Some servers answer with an empty one instead of BadMessageNotAvailable."""
    at = _after_header(data, _REPUBLISH_RESPONSE)
    sequence, notifications, items, status_change, _ = _notification_message(data, at)
    return Published(
        subscription, sequence, notifications=notifications, items=items, status_change=status_change
    )


def decode_read(data: bytes) -> Items:
    """Values in the order in which they were asked for, handles 0, 1, 2..."""
    at = _after_header(data, _READ_RESPONSE)
    count = count_at(data, at)
    items, at = decode_items(data, at + 4, count, with_handles=False)
    _after_diagnostics(data, at)
    return items


def _uint32(data: bytes, at: int) -> int:
    return int32_at(data, at) & 0xFFFFFFFF


def _uint32_array(data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    count = count_at(data, at)
    end = after(data, at + 4, 4 * count)
    return struct.unpack_from(f"<{count}I", data, at + 4), end


def _after_diagnostics(data: bytes, at: int) -> int:
    count = count_at(data, at)
    at += 4
    for _ in range(count):
        at = after_diagnostic_info(data, at)
    return at


def _number_of(data: bytes, at: int) -> int:
    """The number of a NodeId of namespace 0; -1 for any other."""
    form = byte_at(data, at)
    if form == 0:
        return byte_at(data, at + 1)
    if form == 1 and byte_at(data, at + 1) == 0:
        return int.from_bytes(data[at + 2 : at + 4], "little")
    if form == 2 and data[at + 1 : at + 3] == b"\0\0":
        return int.from_bytes(data[at + 3 : at + 7], "little")
    return -1


def _after_header(data: bytes, expected: int) -> int:
    """Behind the type and the ResponseHeader: time, handle, result, diagnostics, string table, extension."""
    if _number_of(data, 0) != expected:
        raise malformed(f"a message of another type than {expected}", 0)
    if data[0] == 1 and data[20:28] in _PLAIN_HEADER_ENDS:
        return 28
    at = after(data, after_node_id(data, 0), 16)
    at = after_diagnostic_info(data, at)
    strings = count_at(data, at)
    at += 4
    for _ in range(strings):
        at = after_text(data, at)
    return after_extension_object(data, at)


def _notification_message(data: bytes, at: int) -> tuple[int, int, tuple[Items, ...], int | None, int]:
    sequence = _uint32(data, at)
    at = after(data, at + 4, 8)  # the publish time says nothing that source times do not say better
    count = count_at(data, at)
    at += 4
    items: list[Items] = []
    status_change: int | None = None
    for _ in range(count):
        number = _number_of(data, at)
        start = after_node_id(data, at) + 1
        at = after_extension_object(data, at)
        body = data[start + 4 : at]
        if number == _DATA_CHANGE_NOTIFICATION:
            items.append(_data_changes(body))
        elif number == _STATUS_CHANGE_NOTIFICATION:
            status_change = _uint32(body, 0)
    return sequence, count, tuple(items), status_change, at


def _data_changes(body: bytes) -> Items:
    """Items, then diagnostics, which must be there in full though nobody reads them."""
    count = count_at(body, 0)
    items, at = decode_items(body, 4, count)
    if _after_diagnostics(body, at) > len(body):
        raise malformed("the notification ends early", at)
    return items
