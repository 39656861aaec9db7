"""The Call service (Part 4, 5.12.2): finds the method, checks its arguments, lets it do its work.

Methods of one object are called in the order of the request, those of several at the same time. A refusal
comes back as the StatusCode of its operation; its sentence as diagnostic information, if that was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from asyncua import ua

from controller.opcua.gateway.arguments import check
from controller.opcua.gateway.conditions import methods as of_conditions
from controller.opcua.gateway.conditions.refreshing import REFRESHES, refresh
from controller.opcua.gateway.server_methods import SERVER, WORK
from controller.opcua.gateway.services import Fault, Services
from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.node import Node
from controller.opcua.gateway.space.nodes import MethodNode

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Caller, Session

_Codes: Final = ua.StatusCodes
_O: Final = ua.ObjectIds
_COMPONENT: Final = standard(_O.HasComponent)
_CONDITION_TYPE: Final = standard(_O.ConditionType)
AT_ONCE: Final = 8  # of one request: the core takes them in one step, and others are let in between
ADDITIONAL_INFO: Final = 0x80  # of an operation, in RequestHeader.ReturnDiagnostics (Part 4, 7.34)


class Outcome(NamedTuple):
    """Of one method. why: the sentence of a refusal."""

    result: ua.CallMethodResult
    why: str = ""


async def call(gateway: Gateway, session: Session, request: ua.CallRequest) -> ua.CallResponse:
    """Part 4, 5.12.2."""
    asked = request.Parameters.MethodsToCall or []
    if not asked:
        raise Fault(_Codes.BadNothingToDo, "no method to call")
    if len(asked) > gateway.settings.limits.nodes_per_method_call:
        raise Fault(_Codes.BadTooManyOperations, "too many methods in one request")
    audit = request.RequestHeader.AuditEntryId or ""
    by_object: dict[ua.NodeId, list[int]] = {}
    for place, one in enumerate(asked):
        by_object.setdefault(one.ObjectId, []).append(place)
    outcomes: dict[int, Outcome] = {}

    few = asyncio.Semaphore(AT_ONCE)

    async def in_order(places: Sequence[int]) -> None:
        for place in places:
            async with few:
                outcomes[place] = await _called(gateway, session, asked[place], audit)

    async with asyncio.TaskGroup() as tasks:
        for places in by_object.values():
            tasks.create_task(in_order(places))
    response = ua.CallResponse(Results=[outcomes[place].result for place in range(len(asked))])
    if request.RequestHeader.ReturnDiagnostics & ADDITIONAL_INFO:
        said = [outcomes[place].why for place in range(len(asked))]
        if any(said):
            response.DiagnosticInfos = [_diagnostic(why) for why in said]
    return response


def _diagnostic(why: str) -> ua.DiagnosticInfo:
    return ua.DiagnosticInfo(AdditionalInfo=ua.String(why)) if why else ua.DiagnosticInfo()


async def _called(gateway: Gateway, session: Session, one: ua.CallMethodRequest, audit: str) -> Outcome:
    inputs = one.InputArguments or []
    result = ua.CallMethodResult()
    try:
        outputs = await _work(gateway, session, one, inputs, result, audit)
    except Fault as fault:
        result.StatusCode = ua.StatusCode(ua.UInt32(fault.code))
        return Outcome(result, str(fault))
    result.OutputArguments = list(outputs)
    return Outcome(result)


async def _work(
    gateway: Gateway,
    session: Session,
    one: ua.CallMethodRequest,
    inputs: Sequence[ua.Variant],
    result: ua.CallMethodResult,
    audit: str,
) -> Sequence[ua.Variant]:
    """What the method returns. Raises Fault; what is wrong with single arguments is put into the result."""
    if one.ObjectId.is_null():
        raise Fault(_Codes.BadNodeIdInvalid, "no object")
    if one.MethodId in REFRESHES:
        if one.ObjectId != _CONDITION_TYPE:
            raise Fault(_Codes.BadMethodInvalid, "a refresh is called on ConditionType")
        check(gateway.conditions.shapes.inputs_of(one.MethodId), inputs, result)
        return await refresh(gateway, session, [each.Value for each in inputs])
    if one.ObjectId == SERVER and one.MethodId in WORK:
        check(gateway.conditions.shapes.inputs_of(one.MethodId), inputs, result)
        return await WORK[one.MethodId](gateway, session, inputs)
    found = of_conditions.path_of(gateway, one.ObjectId, one.MethodId)
    if found is not None:
        alarm, path = found
        form = gateway.conditions.forms[alarm]
        check(form.methods[path].inputs, inputs, result)
        return await of_conditions.call(gateway, session, alarm, path, inputs, audit)
    node = _method_node(gateway, session.caller, one.ObjectId, one.MethodId)
    assert node.work is not None, "it is callable"
    check(node.inputs, inputs, result)
    if not session.caller.may(node.caller_role):
        raise Fault(_Codes.BadUserAccessDenied, f"{node.browse_name.Name} takes {node.caller_role} or higher")
    return await node.work(gateway, session, inputs)


def _method_node(gateway: Gateway, caller: Caller, object_id: ua.NodeId, method_id: ua.NodeId) -> MethodNode:
    """The object's own method, also by the id that its type declares (Part 4, 5.12.2.2)."""
    space = gateway.space
    owner = space.seen(object_id, caller)
    if owner is None:
        raise Fault(_Codes.BadNodeIdUnknown, "there is no such object")
    if owner.node_class not in {ua.NodeClass.Object, ua.NodeClass.ObjectType}:
        raise Fault(_Codes.BadNodeClassInvalid, "methods are called on objects")
    of_type = owner.node_class is ua.NodeClass.ObjectType
    if of_type:  # the methods of its supertypes are its own (Part 3, 6.3.3)
        above = (object_id, *space.supertypes(object_id))
        targets = [target for one in above for target in space.children(one, _COMPONENT)]
    else:
        targets = space.children(object_id, _COMPONENT)
    own = {target: space.find(target) for target in targets}
    if method_id in own:
        return _callable(own[method_id], of_type=of_type)
    declared = space.find(method_id)
    if declared is not None and declared.node_class is ua.NodeClass.Method:
        name = declared.browse_name
        for node in own.values():
            is_it = node is not None and node.browse_name == name and _declares(gateway, owner, method_id)
            if is_it:
                return _callable(node, of_type=of_type)
    raise Fault(_Codes.BadMethodInvalid, "the object has no such method")


def _declares(gateway: Gateway, owner: Node, method_id: ua.NodeId) -> bool:
    """Whether the object's type, or one above it, has the method."""
    kind = owner.type_definition
    if kind is None:
        return False
    space = gateway.space
    return any(method_id in space.children(one, _COMPONENT) for one in (kind, *space.supertypes(kind)))


def _callable(node: Node | None, *, of_type: bool) -> MethodNode:
    if of_type:
        raise Fault(_Codes.BadNodeIdInvalid, "a method is called on an object, not on its type")
    if isinstance(node, MethodNode) and node.work is not None:
        return node
    is_method = node is not None and node.node_class is ua.NodeClass.Method
    code = _Codes.BadNotImplemented if is_method else _Codes.BadMethodInvalid
    raise Fault(code, "this server does not have the method")


SERVICES: Services = {ua.CallRequest: call}
