"""Which OPC UA type a tag is shown as: its variable type, data type, and how a number becomes a value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from asyncua import ua

from controller.plant.tags import Kind, NodeSource, Raw, Tag

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
_RAW: Final = {
    Raw.BOOLEAN: _V.Boolean,
    Raw.SBYTE: _V.SByte,
    Raw.BYTE: _V.Byte,
    Raw.INT16: _V.Int16,
    Raw.UINT16: _V.UInt16,
    Raw.INT32: _V.Int32,
    Raw.UINT32: _V.UInt32,
    Raw.INT64: _V.Int64,
    Raw.UINT64: _V.UInt64,
    Raw.FLOAT: _V.Double,
    Raw.DOUBLE: _V.Double,
    Raw.STRING: _V.String,
}
# The range of each integer type: a value outside is sent as the nearest, with status Uncertain.
RANGES: Final = {
    _V.SByte: (-(2**7), 2**7 - 1),
    _V.Byte: (0, 2**8 - 1),
    _V.Int16: (-(2**15), 2**15 - 1),
    _V.UInt16: (0, 2**16 - 1),
    _V.Int32: (-(2**31), 2**31 - 1),
    _V.UInt32: (0, 2**32 - 1),
    _V.Int64: (-(2**63), 2**63 - 1),
    _V.UInt64: (0, 2**64 - 1),
}


@dataclass(frozen=True, slots=True)
class TagType:
    """variable: i= of the variable type (OPC 10000-8). kind: the built-in type, also its data type."""

    variable: int
    kind: ua.VariantType

    @property
    def data_type(self) -> int:
        return int(self.kind)  # the ids of built-in data types are those of the types (OPC 10000-6, 5.1.2)


@cache
def tag_type(tag: Tag) -> TagType:
    """Analogue values in engineering units are Double whatever the PLC counts in."""
    match tag.kind:
        case Kind.DISCRETE:
            return TagType(_ID.TwoStateDiscreteType, _V.Boolean)
        case Kind.STATE if _from_zero(tag):
            return TagType(_ID.MultiStateDiscreteType, _V.UInt32)
        case Kind.STATE:
            return TagType(_ID.MultiStateValueDiscreteType, _V.Int32)
        case Kind.TEXT:
            return TagType(_ID.DataItemType, _V.String)
        case Kind.COUNTER | Kind.WORD if not tag.unit:
            return TagType(
                _ID.DataItemType, _whole(tag.source) if isinstance(tag.source, NodeSource) else _V.Double
            )
        case _:
            return TagType(_ID.AnalogUnitRangeType, _V.Double)


def _from_zero(tag: Tag) -> bool:
    """MultiStateDiscreteType numbers its texts 0, 1, 2 .. without a gap (OPC 10000-8, 5.3.3.3)."""
    return bool(tag.states) and [number for number, _ in tag.states] == list(range(len(tag.states)))


def _whole(source: NodeSource) -> ua.VariantType:
    if source.scale != 1.0 or source.offset != 0.0:
        return _V.Double
    if source.bit is not None:
        return _V.Boolean
    return _V.UInt32 if source.words == 2 else _RAW[source.raw]
