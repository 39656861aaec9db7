"""Where an encoded value ends, found without decoding it: no byte sequence can make the decoder run away.

Each function takes the bytes and a position and returns the position behind the value (Part 6, 5.2.2),
or raises. Counts are checked against the bytes that are left before anything loops over them, and
nesting is limited, as 5.1.10 asks of decoders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from asyncua.ua.uaerrors import UaStructParsingError

from controller.opcua.decoding import layout

NESTING_MAX: Final = 16

_FIXED: Final[dict[int, int]] = {number: size for number, (_, size) in layout.NUMBERS.items()} | {
    13: 8,  # DateTime
    14: 16,  # Guid
    19: 4,  # StatusCode
}
# String, ByteString, XmlElement; the numbers from 26 on are reserved and read as ByteStrings.
_LENGTH_PREFIXED: Final = frozenset({12, 15, 16, *range(26, 64)})
_NODE_ID_SIZES: Final = {0: 2, 1: 4, 2: 7, 4: 19}
_NODE_ID_TEXT: Final = frozenset({3, 5})


def malformed(what: str, at: int) -> UaStructParsingError:
    return UaStructParsingError(f"{what} at byte {at}")


def byte_at(data: bytes, at: int) -> int:
    if at >= len(data):
        raise malformed("the message ends early", at)
    return data[at]


def int32_at(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise malformed("the message ends early", at)
    return int.from_bytes(data[at : at + 4], "little", signed=True)


def after(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise malformed("the message ends early", at)
    return at + size


def after_text(data: bytes, at: int) -> int:
    """String, ByteString: a length (-1 = null) and that many bytes."""
    length = int32_at(data, at)
    if length < -1:
        raise malformed(f"a length of {length}", at)
    return after(data, at + 4, max(length, 0))


def count_at(data: bytes, at: int) -> int:
    """The element count of an array; a null array counts 0. Each element takes at least one byte."""
    count = int32_at(data, at)
    if count < -1 or count > len(data) - at - 4:
        raise malformed(f"an array of {count} elements", at)
    return max(count, 0)


def after_node_id(data: bytes, at: int) -> int:
    """NodeId, ExpandedNodeId: bits 7 and 6 of the first byte announce a namespace URI and a server index."""
    kind = byte_at(data, at)
    form = kind & 0x3F
    if form in _NODE_ID_TEXT:
        end = after_text(data, after(data, at, 3))
    elif form in _NODE_ID_SIZES:
        end = after(data, at, _NODE_ID_SIZES[form])
    else:
        raise malformed(f"a NodeId of form {form}", at)
    if kind & 0x80:
        end = after_text(data, end)
    return after(data, end, 4) if kind & 0x40 else end


def after_extension_object(data: bytes, at: int) -> int:
    at = after_node_id(data, at)
    has_body = byte_at(data, at)
    return after_text(data, at + 1) if has_body & 0x01 or has_body & 0x02 else at + 1


def after_diagnostic_info(data: bytes, at: int, depth: int = 0) -> int:
    """A mask, up to four Int32, a text, a status and another DiagnosticInfo inside (5.2.2.12)."""
    if depth > NESTING_MAX:
        raise malformed("nesting without end", at)
    mask = byte_at(data, at)
    at = after(data, at + 1, 4 * (mask & 0x0F).bit_count())
    if mask & 0x10:
        at = after_text(data, at)
    if mask & 0x20:
        at = after(data, at, 4)
    return after_diagnostic_info(data, at, depth + 1) if mask & 0x40 else at


def after_data_value(data: bytes, at: int, depth: int = 0) -> int:
    mask = byte_at(data, at)
    at += 1
    if mask & layout.HAS_VALUE:
        at = after_variant(data, at, depth + 1)
    return after(data, at, _size_behind_value(mask))


def _size_behind_value(mask: int) -> int:
    size = 4 if mask & layout.HAS_STATUS else 0
    size += 8 * (mask & (layout.HAS_SOURCE_TIME | layout.HAS_SERVER_TIME)).bit_count()
    return size + 2 * (mask & (layout.HAS_SOURCE_PICOSECONDS | layout.HAS_SERVER_PICOSECONDS)).bit_count()


def after_variant(data: bytes, at: int, depth: int = 0) -> int:
    """Bit 7: an array; bit 6: its dimensions follow; the rest is the type number."""
    if depth > NESTING_MAX:
        raise malformed("nesting without end", at)
    encoding = byte_at(data, at)
    number = encoding & 0x3F
    at += 1
    if not encoding & 0x80:
        at = _after_scalar(data, at, number, depth)
    elif number in _FIXED:
        count = count_at(data, at)
        at = after(data, at + 4, count * _FIXED[number])
    else:
        count = count_at(data, at)
        if number == 0 and count:
            raise malformed("an array of nulls", at)
        at += 4
        for _ in range(count):
            at = _after_scalar(data, at, number, depth)
    return after(data, at + 4, 4 * count_at(data, at)) if encoding & 0x40 else at


def _after_scalar(data: bytes, at: int, number: int, depth: int) -> int:
    if number in _FIXED:
        return after(data, at, _FIXED[number])
    if number in _LENGTH_PREFIXED:
        return after_text(data, at)
    if number in _NESTED:
        return _NESTED[number](data, at, depth + 1)
    return _PLAIN[number](data, at)


def _after_qualified_name(data: bytes, at: int) -> int:
    return after_text(data, after(data, at, 2))


def _after_localized_text(data: bytes, at: int) -> int:
    mask = byte_at(data, at)
    at += 1
    for bit in (0x01, 0x02):
        if mask & bit:
            at = after_text(data, at)
    return at


_PLAIN: Final[dict[int, Callable[[bytes, int], int]]] = {
    0: lambda _, at: at,
    17: after_node_id,
    18: after_node_id,  # ExpandedNodeId
    20: _after_qualified_name,
    21: _after_localized_text,
    22: after_extension_object,
}
_NESTED: Final[dict[int, Callable[[bytes, int, int], int]]] = {
    23: after_data_value,
    24: after_variant,
    25: after_diagnostic_info,
}
