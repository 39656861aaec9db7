"""Engineering units -> the raw number a node holds, in the node's own type."""

from __future__ import annotations

import math
from typing import Final

from controller.plant.tags import NodeSource, Raw

_INTEGERS: Final[dict[Raw, tuple[int, int]]] = {
    Raw.SBYTE: (-(2**7), 2**7 - 1),
    Raw.BYTE: (0, 2**8 - 1),
    Raw.INT16: (-(2**15), 2**15 - 1),
    Raw.UINT16: (0, 2**16 - 1),
    Raw.INT32: (-(2**31), 2**31 - 1),
    Raw.UINT32: (0, 2**32 - 1),
    Raw.INT64: (-(2**63), 2**63 - 1),
    Raw.UINT64: (0, 2**64 - 1),
}


def to_raw(source: NodeSource, value: float) -> bool | int | float:
    """(value - offset) / scale, rounded for integers. ValueError: the node cannot hold it."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written")
    if source.raw is Raw.BOOLEAN:
        return value != 0
    if source.raw is Raw.STRING:
        raise ValueError("a number cannot be written to a text")
    raw = (value - source.offset) / source.scale
    if source.raw not in _INTEGERS:
        return raw
    low, high = _INTEGERS[source.raw]
    whole = round(raw)
    if not low <= whole <= high:
        raise ValueError(f"{whole} does not fit {source.raw.value}")
    return whole
