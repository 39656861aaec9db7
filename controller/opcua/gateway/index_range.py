"""NumericRange (OPC 10000-4, 7.27): which elements of an array, or which characters, are meant."""

from __future__ import annotations

import re
from typing import Any, Final

from asyncua import ua

from controller.opcua.gateway.services import Fault

_Codes: Final = ua.StatusCodes
_ONE: Final = re.compile(r"(\d{1,10})(?::(\d{1,10}))?")
DIMENSIONS_MAX: Final = 8


def parse(text: str) -> list[tuple[int, int]]:
    """'2' -> [(2, 2)], '0:3,1' -> [(0, 3), (1, 1)]. Raises Fault (BadIndexRangeInvalid)."""
    found = []
    parts = text.split(",")
    if len(parts) > DIMENSIONS_MAX:
        raise Fault(_Codes.BadIndexRangeInvalid, "too many dimensions")
    for part in parts:
        match = _ONE.fullmatch(part)
        if match is None or (match[2] is not None and int(match[2]) <= int(match[1])):
            raise Fault(_Codes.BadIndexRangeInvalid, f"'{text}' is no index range")
        low = int(match[1])
        found.append((low, low if match[2] is None else int(match[2])))
    return found


def sliced(variant: ua.Variant, text: str) -> ua.Variant:
    """The part of the value. Raises Fault: BadIndexRangeInvalid, BadIndexRangeNoData."""
    ranges = parse(text)
    value: Any = variant.Value
    if value is None or variant.Dimensions:
        raise Fault(_Codes.BadIndexRangeNoData, "nothing at this index")
    inner = ranges
    if isinstance(value, list):
        value, inner = _cut(value, ranges[0]), ranges[1:]
        if inner:
            value = [_text(one, inner) for one in value]
    else:
        value = _text(value, inner)
    return ua.Variant(value, variant.VariantType, is_array=isinstance(value, list))


def _text(value: Any, ranges: list[tuple[int, int]]) -> Any:
    """Of a string or byte string; other scalars have no elements."""
    if not isinstance(value, str | bytes) or len(ranges) != 1:
        raise Fault(_Codes.BadIndexRangeNoData, "the value is no array")
    return _cut(value, ranges[0])


def _cut(value: Any, span: tuple[int, int]) -> Any:
    """What there is between the two, both included; at least one element."""
    part = value[span[0] : span[1] + 1]
    if not part:
        raise Fault(_Codes.BadIndexRangeNoData, "nothing at this index")
    return part
