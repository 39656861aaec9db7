"""Where the fields of one DataValue with a scalar number stand (OPC UA Part 6, 5.2.2.17 and 5.2.2.16).

A DataValue is an encoding mask and, each only if its bit is set, in this order: value (a Variant),
status, source time, source picoseconds, server time, server picoseconds. A Variant that holds a
scalar of a fixed-size type is its type number and the number. So mask and type fix every offset.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

HAS_VALUE: Final = 0x01
HAS_STATUS: Final = 0x02
HAS_SOURCE_TIME: Final = 0x04
HAS_SERVER_TIME: Final = 0x08
HAS_SOURCE_PICOSECONDS: Final = 0x10
HAS_SERVER_PICOSECONDS: Final = 0x20

# Built-in type number -> (struct code, size). Boolean is read as a byte: any byte but 0 is true.
NUMBERS: Final[dict[int, tuple[str, int]]] = {
    1: ("B", 1),
    2: ("b", 1),
    3: ("B", 1),
    4: ("h", 2),
    5: ("H", 2),
    6: ("i", 4),
    7: ("I", 4),
    8: ("q", 8),
    9: ("Q", 8),
    10: ("f", 4),
    11: ("d", 8),
}
BOOLEAN: Final = 1
STRING: Final = 12


class Layout(NamedTuple):
    """Byte layout of one item; value, status and source_time are positions in the unpacked tuple."""

    size: int
    unpack: struct.Struct
    dtype: np.dtype[Any]
    value: int | None
    status: int | None
    source_time: int | None
    is_boolean: bool
    has_handle: bool


@cache
def layout_of(mask: int, type_number: int, with_handle: bool) -> Layout | None:
    """The layout of an item with this mask and Variant byte; None when it has no fixed size."""
    names, codes = (["handle", "mask"], ["I", "B"]) if with_handle else (["mask"], ["B"])
    if mask & HAS_VALUE:
        if type_number not in NUMBERS:
            return None
        names += ["type", "value"]
        codes += ["B", NUMBERS[type_number][0]]
    for bit, name, code in (
        (HAS_STATUS, "status", "I"),
        (HAS_SOURCE_TIME, "source_time", "q"),
        (HAS_SOURCE_PICOSECONDS, "source_picoseconds", "H"),
        (HAS_SERVER_TIME, "server_time", "q"),
        (HAS_SERVER_PICOSECONDS, "server_picoseconds", "H"),
    ):
        if mask & bit:
            names.append(name)
            codes.append(code)
    unpack = struct.Struct("<" + "".join(codes))
    dtype = np.dtype({"names": names, "formats": ["<" + code for code in codes]})
    assert dtype.itemsize == unpack.size, "numpy packs the fields as struct does"

    def at(name: str) -> int | None:
        return names.index(name) if name in names else None

    return Layout(
        size=unpack.size,
        unpack=unpack,
        dtype=dtype,
        value=at("value"),
        status=at("status"),
        source_time=at("source_time"),
        is_boolean=bool(mask & HAS_VALUE) and type_number == BOOLEAN,
        has_handle=with_handle,
    )
