"""A method's input arguments against what it declares (Part 4, 5.12.2.4): how many, of which types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncua import ua

from controller.opcua.gateway.services import Fault

_Codes: Final = ua.StatusCodes
_V: Final = ua.VariantType
# Types derived from a built-in one (Part 5, 12) as they occur in arguments of standard methods.
_DERIVED: Final = {
    ua.ObjectIds.Duration: _V.Double,
    ua.ObjectIds.IntegerId: _V.UInt32,
    ua.ObjectIds.Counter: _V.UInt32,
    ua.ObjectIds.UtcTime: _V.DateTime,
    ua.ObjectIds.LocaleId: _V.String,
    ua.ObjectIds.NumericRange: _V.String,
    ua.ObjectIds.ContinuationPoint: _V.ByteString,
    ua.ObjectIds.ApplicationInstanceCertificate: _V.ByteString,
}
# A null stands for 'nothing given' where the type has one (Part 6, 5.1.2).
_NULLABLE: Final = frozenset({_V.String, _V.ByteString, _V.LocalizedText, _V.NodeId, _V.DateTime})


def built_in(data_type: ua.NodeId) -> ua.VariantType | None:
    """The encoding of an argument's type; None: anything."""
    number = data_type.Identifier
    if data_type.NamespaceIndex != 0 or not isinstance(number, int) or number == ua.ObjectIds.BaseDataType:
        return None
    if number in _DERIVED:
        return _DERIVED[number]
    return _V(number) if 1 <= number <= 25 else None


def check(declared: Sequence[ua.Argument], given: Sequence[ua.Variant], result: ua.CallMethodResult) -> None:
    """Raises Fault for arguments that do not fit; which of them is in the result's InputArgumentResults."""
    if len(given) < len(declared):
        raise Fault(_Codes.BadArgumentsMissing, f"{len(declared)} arguments are wanted, {len(given)} given")
    if len(given) > len(declared):
        raise Fault(_Codes.BadTooManyArguments, f"{len(declared)} arguments are wanted, {len(given)} given")
    codes = [
        _Codes.Good if _fits(one, variant) else _Codes.BadTypeMismatch
        for one, variant in zip(declared, given, strict=True)
    ]
    if any(codes):
        result.InputArgumentResults = [ua.StatusCode(ua.UInt32(code)) for code in codes]
        wrong = ", ".join(str(one.Name) for one, code in zip(declared, codes, strict=True) if code)
        raise Fault(_Codes.BadInvalidArgument, f"of another type than declared: {wrong}")


def _fits(declared: ua.Argument, given: ua.Variant) -> bool:
    wanted = built_in(declared.DataType)
    if wanted is None:
        return True
    if given.VariantType is _V.Null or (given.Value is None and not given.is_array):
        return wanted in _NULLABLE and declared.ValueRank < 0
    return given.VariantType is wanted and given.is_array == (declared.ValueRank >= 0)
