"""A part of an array or text by its NumericRange (Part 4, 7.27)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from asyncua import ua
from asyncua.ua import StatusCodes

from controller.opcua.gateway.services import Fault

_RANGE: Final = re.compile(r"(\d{1,9})(?::(\d{1,9}))?\Z")


def parsed(text: str) -> list[slice]:
    """'3', '2:5', '0:1,2'. Raises Fault(BadIndexRangeInvalid)."""
    parts = []
    for one in text.split(","):
        match = _RANGE.match(one)
        low = int(match[1]) if match else 0
        high = int(match[2]) if match and match[2] else low
        if match is None or (match[2] and high <= low):
            raise Fault(StatusCodes.BadIndexRangeInvalid)
        parts.append(slice(low, high + 1))
    return parts


def part_of(value: ua.DataValue, text: str) -> ua.DataValue:
    """The value with the elements in the range, as many as there are. Raises Fault."""
    parts = parsed(text)
    variant = value.Value
    if variant is None or not isinstance(variant.Value, list | tuple | str | bytes):
        raise Fault(StatusCodes.BadIndexRangeNoData)
    chosen = _taken(variant.Value, parts)
    return replace(value, Value=ua.Variant(chosen, variant.VariantType))


def _taken(value: Any, parts: list[slice]) -> Any:
    if not isinstance(value, list | tuple | str | bytes):
        raise Fault(StatusCodes.BadIndexRangeNoData)
    chosen = value[parts[0]]
    if not chosen:
        raise Fault(StatusCodes.BadIndexRangeNoData)
    return [_taken(one, parts[1:]) for one in chosen] if len(parts) > 1 else chosen
