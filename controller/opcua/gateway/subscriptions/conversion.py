"""Values in a filter and how one type becomes another (Part 4, 7.7.3: precedence and conversion tables).

A NULL is None. What cannot be converted is None too; nothing here raises.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from asyncua import ua

BOOLEAN, SBYTE, BYTE, INT16, UINT16, INT32, UINT32, INT64, UINT64, FLOAT, DOUBLE = range(1, 12)
STRING, DATE_TIME, GUID, BYTE_STRING = 12, 13, 14, 15
NODE_ID, EXPANDED_NODE_ID, STATUS_CODE, QUALIFIED_NAME, LOCALIZED_TEXT = 17, 18, 19, 20, 21


class Term(NamedTuple):
    """A value with the number of its built-in type. StatusCodes and enumerations are their numbers."""

    kind: int
    value: Any


# The first comes first: of two operands the later one in this list is converted to the earlier one's type.
_FIRST_NUMBERS: Final = (DOUBLE, FLOAT, INT64, UINT64, INT32, UINT32, STATUS_CODE, INT16, UINT16, SBYTE, BYTE)
_THEN: Final = (BOOLEAN, GUID, STRING, EXPANDED_NODE_ID, NODE_ID, LOCALIZED_TEXT, QUALIFIED_NAME)
_PRECEDENCE: Final = {kind: rank for rank, kind in enumerate((*_FIRST_NUMBERS, *_THEN))}
INTEGERS: Final = {
    SBYTE: (-(2**7), 2**7 - 1),
    BYTE: (0, 2**8 - 1),
    INT16: (-(2**15), 2**15 - 1),
    UINT16: (0, 2**16 - 1),
    INT32: (-(2**31), 2**31 - 1),
    UINT32: (0, 2**32 - 1),
    INT64: (-(2**63), 2**63 - 1),
    UINT64: (0, 2**64 - 1),
}
ORDERED: Final = frozenset({*INTEGERS, FLOAT, DOUBLE, DATE_TIME})
_NUMBERS: Final = frozenset({*INTEGERS, FLOAT, DOUBLE})

# What converts by itself; everything else in _CONVERTIBLE needs a Cast.
_IMPLICIT: Final[dict[int, frozenset[int]]] = {
    BOOLEAN: _NUMBERS,
    BYTE: _NUMBERS,
    SBYTE: _NUMBERS - {BYTE},
    INT16: frozenset({DOUBLE, FLOAT, INT32, INT64, UINT32, UINT64}),
    UINT16: frozenset({DOUBLE, FLOAT, INT16, INT32, INT64, STATUS_CODE, UINT32, UINT64}),
    INT32: frozenset({DOUBLE, FLOAT, INT64, UINT64}),
    UINT32: frozenset({DOUBLE, FLOAT, INT32, INT64, STATUS_CODE, UINT64}),
    INT64: frozenset({DOUBLE, FLOAT}),
    UINT64: frozenset({DOUBLE, FLOAT, INT64}),
    FLOAT: frozenset({DOUBLE}),
    STATUS_CODE: frozenset({INT32, INT64, UINT32, UINT64}),
    STRING: _NUMBERS | {BOOLEAN, GUID},
    EXPANDED_NODE_ID: frozenset({STRING}),
    NODE_ID: frozenset({EXPANDED_NODE_ID, STRING}),
    LOCALIZED_TEXT: frozenset({STRING}),
    QUALIFIED_NAME: frozenset({STRING, LOCALIZED_TEXT}),
}
_BY_CAST: Final[dict[int, frozenset[int]]] = {
    BOOLEAN: frozenset({STRING}),
    BYTE_STRING: frozenset({GUID}),
    DATE_TIME: frozenset({STRING}),
    EXPANDED_NODE_ID: frozenset({NODE_ID}),
    GUID: frozenset({BYTE_STRING, STRING}),
    STATUS_CODE: frozenset({UINT16}),
    STRING: frozenset({DATE_TIME, EXPANDED_NODE_ID, NODE_ID, LOCALIZED_TEXT, QUALIFIED_NAME}),
    INT32: frozenset({STATUS_CODE}),
    INT64: frozenset({STATUS_CODE}),
    UINT64: frozenset({STATUS_CODE}),
}


def term_of(variant: ua.Variant) -> Term | None:
    """A null Variant, a null text and a null NodeId are NULL."""
    value = variant.Value
    if value is None:
        return None
    kind = variant.VariantType.value
    if isinstance(value, list | tuple):
        return Term(kind, tuple(value)) if value else None
    if kind == STATUS_CODE and isinstance(value, ua.StatusCode):
        value = int(value.value)
    elif kind == INT32:
        value = int(value)
    elif kind == LOCALIZED_TEXT and value.Text is None:
        return None
    return Term(kind, value)


def common(one: Term, other: Term) -> tuple[Term, Term] | None:
    """Both in one type, by implicit conversion; None where there is none such or the value does not fit."""
    if one.kind == other.kind:
        return one, other
    if isinstance(one.value, tuple) or isinstance(other.value, tuple):
        return None
    ranks = _PRECEDENCE.get(one.kind), _PRECEDENCE.get(other.kind)
    if ranks[0] is None or ranks[1] is None:
        return None
    if ranks[0] < ranks[1]:
        converted = implicitly(other, one.kind)
        return None if converted is None else (one, converted)
    converted = implicitly(one, other.kind)
    return None if converted is None else (converted, other)


def implicitly(term: Term, kind: int) -> Term | None:
    if term.kind == kind:
        return term
    if isinstance(term.value, tuple) or kind not in _IMPLICIT.get(term.kind, ()):
        return None
    return _convert(term, kind)


def cast(term: Term, kind: int) -> Term | None:
    """As the Cast operator: implicit or explicit."""
    if term.kind == kind:
        return term
    allowed = kind in _IMPLICIT.get(term.kind, ()) or kind in _BY_CAST.get(term.kind, ())
    if term.kind in _NUMBERS:
        allowed = allowed or kind in _NUMBERS or kind in {BOOLEAN, STRING}
    return _convert(term, kind) if allowed and not isinstance(term.value, tuple) else None


def _convert(term: Term, kind: int) -> Term | None:
    makers = _MAKERS.get(kind)
    value = None
    if makers is not None:
        with suppress(ValueError, OverflowError, struct.error, ua.UaError):
            value = makers(term)
    return None if value is None else Term(kind, value)


def _integer(kind: int) -> Callable[[Term], int | None]:
    low, high = INTEGERS[kind]

    def make(term: Term) -> int | None:
        if term.kind == STATUS_CODE and kind == UINT16:
            return int(term.value) >> 16  # the code without its information bits
        value = _number(term)
        whole = math.floor(value + 0.5) if isinstance(value, float) else value
        return whole if low <= whole <= high else None

    return make


def _number(term: Term) -> int | float:
    """NaN and infinities raise where an integer is made of them, by floor."""
    if term.kind != STRING:
        return int(term.value) if term.kind == BOOLEAN else term.value
    text = term.value.strip()
    try:
        return int(text)
    except ValueError:
        return float(text)


def _boolean(term: Term) -> bool | None:
    if term.kind == STRING:
        return {"true": True, "1": True, "false": False, "0": False}.get(term.value.strip().lower())
    return bool(_number(term))


def _float(term: Term) -> float:
    rounded: float = struct.unpack("<f", struct.pack("<f", float(_number(term))))[0]
    return rounded


def _string(term: Term) -> str | None:
    value = term.value
    if term.kind == BOOLEAN:
        return "true" if value else "false"
    if term.kind == DATE_TIME:
        return str(value.astimezone(UTC).isoformat().replace("+00:00", "Z"))
    if term.kind == LOCALIZED_TEXT:
        return str(value.Text)
    if term.kind == QUALIFIED_NAME:
        return str(value.Name) if value.NamespaceIndex == 0 else f"{value.NamespaceIndex}:{value.Name}"
    return str(value.to_string()) if isinstance(value, ua.NodeId) else str(value)


def _date_time(term: Term) -> datetime:
    at = datetime.fromisoformat(term.value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _guid(term: Term) -> UUID:
    return UUID(bytes_le=term.value) if term.kind == BYTE_STRING else UUID(term.value)


def _node_id(term: Term) -> ua.NodeId | None:
    if term.kind == STRING:
        return ua.NodeId.from_string(term.value)
    value = term.value
    if getattr(value, "ServerIndex", 0) or getattr(value, "NamespaceUri", None):
        return None  # of another server, or of a namespace without an index here
    return ua.NodeId(value.Identifier, value.NamespaceIndex)


def _expanded(term: Term) -> ua.NodeId:
    value = ua.NodeId.from_string(term.value) if term.kind == STRING else term.value
    return ua.ExpandedNodeId(value.Identifier, value.NamespaceIndex)


def _status(term: Term) -> int | None:
    value = int(term.value)
    if term.kind == UINT16:
        return value << 16
    return value & 0xFFFFFFFF if -(2**31) <= value < 2**32 else None


_MAKERS: Final[dict[int, Callable[[Term], Any]]] = {kind: _integer(kind) for kind in INTEGERS} | {
    BOOLEAN: _boolean,
    FLOAT: _float,
    DOUBLE: lambda term: float(_number(term)),
    STRING: _string,
    DATE_TIME: _date_time,
    GUID: _guid,
    BYTE_STRING: lambda term: term.value.bytes_le,
    NODE_ID: _node_id,
    EXPANDED_NODE_ID: _expanded,
    STATUS_CODE: _status,
    LOCALIZED_TEXT: lambda term: ua.LocalizedText(term.value if term.kind == STRING else term.value.Name),
    QUALIFIED_NAME: lambda term: ua.QualifiedName(term.value, 0),
}
