"""The Attribute service set (OPC 10000-4, 5.11): Read and Write. History is a module of its own.

Nothing but a command's word can be written, and a write of it is a request to the core: it is refused
or accepted there, with a reason, and recorded with the person's name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from controller.opcua.gateway.conditions.story import WRITTEN
from controller.opcua.gateway.index_range import parse, sliced
from controller.opcua.gateway.services import Fault, Services, in_turns
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.nodes import VariableNode, bad
from controller.plant.plant import Command

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session

_A: Final = ua.AttributeIds
_Codes: Final = ua.StatusCodes
_T: Final = ua.TimestampsToReturn
ADDITIONAL_INFO: Final = 0x80  # of an operation, in RequestHeader.ReturnDiagnostics
BINARY: Final = "Default Binary"


# --- read ------------------------------------------------------------------------------------------


async def read(gateway: Gateway, session: Session, request: ua.ReadRequest) -> ua.ReadResponse:
    """OPC 10000-4, 5.11.2. MaxAge does not matter: the newest value is always at hand."""
    asked = request.Parameters
    if not asked.NodesToRead:
        raise Fault(_Codes.BadNothingToDo, "no node to read")
    if len(asked.NodesToRead) > gateway.settings.limits.nodes_per_read:
        raise Fault(_Codes.BadTooManyOperations, "too many nodes in one request")
    if not asked.MaxAge >= 0 or not isfinite(asked.MaxAge):
        raise Fault(_Codes.BadMaxAgeInvalid, "MaxAge is 0 or more")
    if asked.TimestampsToReturn not in {_T.Source, _T.Server, _T.Both, _T.Neither}:
        raise Fault(_Codes.BadTimestampsToReturnInvalid, "unknown TimestampsToReturn")
    now = datetime.now(UTC)
    results = [
        _stamped(read_one(gateway, session.caller, one), one.AttributeId, asked.TimestampsToReturn, now)
        async for one in in_turns(asked.NodesToRead)
    ]
    return ua.ReadResponse(Results=results)


def read_one(gateway: Gateway, caller: Caller, one: ua.ReadValueId) -> ua.DataValue:
    """One attribute as this caller may see it, with the times it has."""
    if not _A.NodeId <= one.AttributeId <= _A.AccessLevelEx:
        return bad(_Codes.BadAttributeIdInvalid)
    encoding = one.DataEncoding.Name if one.DataEncoding is not None else None
    if encoding and (encoding != BINARY or one.DataEncoding.NamespaceIndex != 0):
        return bad(_Codes.BadDataEncodingUnsupported)
    node = gateway.space.seen(one.NodeId, caller)
    if node is None:
        return bad(_Codes.BadNodeIdUnknown)
    if encoding and one.AttributeId != _A.Value:
        return bad(_Codes.BadDataEncodingInvalid)
    found = node.attribute(ua.AttributeIds(one.AttributeId), caller)
    if encoding and found.Value is not None and found.Value.VariantType is not ua.VariantType.ExtensionObject:
        return bad(_Codes.BadDataEncodingInvalid)
    return _part(found, one.IndexRange) if one.IndexRange else found


def _part(value: ua.DataValue, index_range: str) -> ua.DataValue:
    try:
        if not value.StatusCode.is_good() and value.Value.Value is None:  # type: ignore[union-attr]
            parse(index_range)
            return value
        return dataclasses.replace(value, Value=sliced(value.Value, index_range))  # type: ignore[arg-type]
    except Fault as fault:
        return bad(fault.code)


def _stamped(
    value: ua.DataValue, attribute: int, wanted: ua.TimestampsToReturn, now: datetime
) -> ua.DataValue:
    """A copy with the times that were asked for; only values have a source time."""
    source = value.SourceTimestamp if attribute == _A.Value and wanted in {_T.Source, _T.Both} else None
    server: Any = (value.ServerTimestamp or now) if wanted in {_T.Server, _T.Both} else None
    return ua.DataValue(value.Value, value.StatusCode, source, server)


# --- write -----------------------------------------------------------------------------------------


async def write(gateway: Gateway, session: Session, request: ua.WriteRequest) -> ua.WriteResponse:
    """OPC 10000-4, 5.11.4. One after another: the order of commands is the client's."""
    asked = request.Parameters.NodesToWrite
    if not asked:
        raise Fault(_Codes.BadNothingToDo, "nothing to write")
    if len(asked) > gateway.settings.limits.nodes_per_write:
        raise Fault(_Codes.BadTooManyOperations, "too many nodes in one request")
    codes, said = [], []
    entry = request.RequestHeader.AuditEntryId or ""
    for one in asked:
        code, why = 0, ""
        try:
            await _write(gateway, session, one, entry)
        except Fault as fault:
            code, why = fault.code, str(fault)
            if not isinstance(fault, Recorded):
                gateway.audit.write(session, one, _known(gateway, one), code, why, entry)
        codes.append(ua.StatusCode(ua.UInt32(code)))
        said.append(why)
    response = ua.WriteResponse(Results=codes)
    if request.RequestHeader.ReturnDiagnostics & ADDITIONAL_INFO and any(said):
        response.DiagnosticInfos = [_diagnostic(why) for why in said]
    return response


def _diagnostic(why: str) -> ua.DiagnosticInfo:
    return ua.DiagnosticInfo(AdditionalInfo=ua.String(why)) if why else ua.DiagnosticInfo()


class Recorded(Fault):
    """The core refused it and has written that down, from where it is told as an audit event."""


def _known(gateway: Gateway, one: ua.WriteValue) -> ua.Variant:
    """The value that was to be overwritten; null where there is none."""
    node = gateway.space.find(one.NodeId)
    if one.AttributeId != _A.Value or not isinstance(node, VariableNode) or node.tag is None:
        return ua.Variant()
    return gateway.values.data_value(node.tag).Value or ua.Variant()


async def _write(gateway: Gateway, session: Session, one: ua.WriteValue, entry: str) -> None:
    """Raises Fault with the reason. What reaches the core is recorded there, with old and new value."""
    node = gateway.space.seen(one.NodeId, session.caller)
    if node is None:
        raise Fault(_Codes.BadNodeIdUnknown, "there is no such node")
    if not _A.NodeId <= one.AttributeId <= _A.AccessLevelEx:
        raise Fault(_Codes.BadAttributeIdInvalid, "there is no such attribute")
    if one.AttributeId != _A.Value:
        held = node.attribute(ua.AttributeIds(one.AttributeId), session.caller)
        missing = held.StatusCode is not None and held.StatusCode.value == _Codes.BadAttributeIdInvalid
        raise Fault(
            _Codes.BadAttributeIdInvalid if missing else _Codes.BadNotWritable, "attributes are not writable"
        )
    if not isinstance(node, VariableNode) or node.writer is None or node.tag is None:
        is_variable = node.node_class is ua.NodeClass.Variable
        code = _Codes.BadNotWritable if is_variable else _Codes.BadAttributeIdInvalid
        raise Fault(code, "only commands can be written; set-points and limits cannot")
    if not session.caller.may(node.writer):
        raise Fault(_Codes.BadUserAccessDenied, f"commands take the role {node.writer} or higher")
    word = _word(gateway.plant.commands, node, one)
    command = next(each for each in gateway.plant.commands if each.word == node.tag)
    reply = await gateway.orders.request(
        session.caller,
        "command",
        command.name,
        {"word": word, "audit": entry, WRITTEN: _written(gateway, one)},
        "written by an OPC UA client",
    )
    if not reply.accepted:
        kind = Recorded if reply.journal_seq else Fault
        raise kind(reply.code, reply.reason)


def _written(gateway: Gateway, one: ua.WriteValue) -> list[Any]:
    """Built-in type, old and new value, for the journal."""
    new = one.Value.Value
    assert new is not None, "checked by its word"
    return [int(new.VariantType), _known(gateway, one).Value, new.Value]


def _word(commands: Sequence[Command], node: VariableNode, one: ua.WriteValue) -> str:
    """The command's word that the value means. Raises Fault."""
    given = one.Value
    if one.IndexRange:
        parse(one.IndexRange)
        raise Fault(_Codes.BadIndexRangeNoData, "the value is no array")
    if given.SourceTimestamp is not None or given.ServerTimestamp is not None:
        raise Fault(_Codes.BadWriteNotSupported, "a command is written without times")
    if given.StatusCode is not None and given.StatusCode.value != 0:
        raise Fault(_Codes.BadWriteNotSupported, "a command is written without a status")
    variant = given.Value
    if variant is None or variant.is_array or int(variant.VariantType) != node.data_type.Identifier:
        raise Fault(_Codes.BadTypeMismatch, "a command is written with the data type of its node")
    words = next(each.words for each in commands if each.word == node.tag)
    found = next((word.name for word in words if word.value == variant.Value), None)
    if found is None:
        named = ", ".join(f"{word.value} {word.name}" for word in words)
        raise Fault(_Codes.BadOutOfRange, f"{variant.Value} is no word of it; there are {named}")
    return found


SERVICES: Services = {ua.ReadRequest: read, ua.WriteRequest: write}
