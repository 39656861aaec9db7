"""The View service set (OPC 10000-4, 5.9): Browse, BrowseNext, paths to node ids, registered nodes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

from asyncua import ua

from controller.opcua.gateway.services import Fault, Services, in_turns
from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.space import Space

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Caller, Session

_Codes: Final = ua.StatusCodes
_M: Final = ua.BrowseResultMask
_HELD: Final = "browse"  # continuation points of a session, by their bytes
_REFERENCE_TYPE: Final = ua.NodeClass.ReferenceType
HIERARCHICAL: Final = standard(ua.ObjectIds.HierarchicalReferences)
PATH_MAX: Final = 64  # elements of one browse path
TARGETS_MAX: Final = 1_000  # of one browse path

_Points = dict[bytes, tuple[list[Reference], int, int]]  # what is left, how many at a time, result mask


# --- browse ----------------------------------------------------------------------------------------


async def browse(gateway: Gateway, session: Session, request: ua.BrowseRequest) -> ua.BrowseResponse:
    """OPC 10000-4, 5.9.2."""
    asked = request.Parameters
    if not asked.View.ViewId.is_null():
        raise Fault(_Codes.BadViewIdUnknown, "there are no views")
    if not asked.NodesToBrowse:
        raise Fault(_Codes.BadNothingToDo, "no node to browse")
    limits = gateway.settings.limits
    if len(asked.NodesToBrowse) > limits.nodes_per_browse:
        raise Fault(_Codes.BadTooManyOperations, "too many nodes in one request")
    most = asked.RequestedMaxReferencesPerNode or limits.browse_references
    most = min(most, limits.browse_references)
    results, left = [], limits.browse_references_in_all
    async for one in in_turns(asked.NodesToBrowse):
        result = _browse(gateway, session, one, most, left)
        left -= len(result.References)
        results.append(result)
    return ua.BrowseResponse(Results=results)


def _browse(
    gateway: Gateway, session: Session, one: ua.BrowseDescription, most: int, left: int
) -> ua.BrowseResult:
    space = gateway.space
    if space.seen(one.NodeId, session.caller) is None:
        return _failed(_Codes.BadNodeIdUnknown)
    if one.BrowseDirection not in {
        ua.BrowseDirection.Forward,
        ua.BrowseDirection.Inverse,
        ua.BrowseDirection.Both,
    }:
        return _failed(_Codes.BadBrowseDirectionInvalid)
    if not one.ReferenceTypeId.is_null():
        kind = space.find(one.ReferenceTypeId)
        if kind is None or kind.node_class is not _REFERENCE_TYPE:
            return _failed(_Codes.BadReferenceTypeIdInvalid)
    found = list(_wanted(space, session.caller, one))
    return _page(gateway, session, found, most, int(one.ResultMask), left)


def _wanted(space: Space, caller: Caller, one: ua.BrowseDescription) -> Iterator[Reference]:
    """References in the direction, of the type, to the node classes that were asked for.

    None leads to what is hidden from the caller.
    """
    any_type = one.ReferenceTypeId.is_null()
    for reference in space.references(one.NodeId):
        if one.BrowseDirection is not ua.BrowseDirection.Both and reference.forward != (
            one.BrowseDirection is ua.BrowseDirection.Forward
        ):
            continue
        if not any_type and not _is(space, reference.type, one.ReferenceTypeId, bool(one.IncludeSubtypes)):
            continue
        if space.hides(reference.target, caller):
            continue
        if one.NodeClassMask:
            target = space.find(reference.target)
            if target is None or not int(target.node_class) & one.NodeClassMask:
                continue
        yield reference


def _is(space: Space, kind: ua.NodeId, wanted: ua.NodeId, subtypes: bool) -> bool:
    return kind == wanted or (subtypes and space.is_subtype(kind, wanted))


def _page(
    gateway: Gateway, session: Session, found: list[Reference], most: int, mask: int, room: int = 1_000_000
) -> ua.BrowseResult:
    """The first `most`; a continuation point for the rest, if there is room for one.

    room: references that the whole answer may still have.
    """
    result = ua.BrowseResult()
    first = min(most, room)
    left = found[first:]
    if left:
        points: _Points = session.held.setdefault(_HELD, {})
        if len(points) >= gateway.settings.limits.continuation_points:
            return _failed(_Codes.BadNoContinuationPoints)
        point = secrets.token_bytes(16)
        points[point] = (left, most, mask)
        result.ContinuationPoint = ua.ByteString(point)
    described = (_described(gateway.space, reference, mask) for reference in found[:first])
    result.References = [one for one in described if one is not None]
    return result


def _described(space: Space, reference: Reference, mask: int) -> ua.ReferenceDescription | None:
    """With the fields of the mask (OPC 10000-4, 5.9.2.2); None when the target has gone."""
    node = space.find(reference.target)
    if node is None:
        return None
    one = ua.ReferenceDescription()
    one.NodeId = _expanded(node.id)
    if mask & _M.ReferenceTypeId:
        one.ReferenceTypeId = reference.type
    if mask & _M.IsForward:
        one.IsForward = cast("ua.Boolean", reference.forward)
    one.NodeClass = node.node_class if mask & _M.NodeClass else ua.NodeClass.Unspecified
    if mask & _M.BrowseName:
        one.BrowseName = node.browse_name
    if mask & _M.DisplayName:
        one.DisplayName = node.display_name()
    if mask & _M.TypeDefinition and node.type_definition is not None:
        one.TypeDefinition = _expanded(node.type_definition)
    return one


def _expanded(node_id: ua.NodeId) -> ua.ExpandedNodeId:
    return ua.ExpandedNodeId(node_id.Identifier, node_id.NamespaceIndex)


def _failed(code: int) -> ua.BrowseResult:
    return ua.BrowseResult(StatusCode=ua.StatusCode(ua.UInt32(code)))


async def browse_next(
    gateway: Gateway, session: Session, request: ua.BrowseNextRequest
) -> ua.BrowseNextResponse:
    """OPC 10000-4, 5.9.3: each point is good once, for this session."""
    asked = request.Parameters
    if not asked.ContinuationPoints:
        raise Fault(_Codes.BadNothingToDo, "no continuation point")
    if len(asked.ContinuationPoints) > gateway.settings.limits.nodes_per_browse:
        raise Fault(_Codes.BadTooManyOperations, "too many continuation points")
    points: _Points = session.held.setdefault(_HELD, {})
    results = []
    for point in asked.ContinuationPoints:
        held = points.pop(bytes(point or b""), None)
        if held is None:
            results.append(_failed(_Codes.BadContinuationPointInvalid))
        elif asked.ReleaseContinuationPoints:
            results.append(ua.BrowseResult())
        else:
            results.append(_page(gateway, session, *held))
    return ua.BrowseNextResponse(Parameters=ua.BrowseNextResult(Results=results))


# --- paths -----------------------------------------------------------------------------------------


async def translate(
    gateway: Gateway, session: Session, request: ua.TranslateBrowsePathsToNodeIdsRequest
) -> ua.TranslateBrowsePathsToNodeIdsResponse:
    """OPC 10000-4, 5.9.4."""
    asked = request.Parameters.BrowsePaths
    if not asked:
        raise Fault(_Codes.BadNothingToDo, "no browse path")
    if len(asked) > gateway.settings.limits.nodes_per_translate:
        raise Fault(_Codes.BadTooManyOperations, "too many browse paths in one request")
    results = []
    async for one in in_turns(asked):
        result = ua.BrowsePathResult()
        try:
            targets = _targets(gateway.space, session.caller, one)
        except Fault as fault:
            result.StatusCode = ua.StatusCode(ua.UInt32(fault.code))
        else:
            result.Targets = [
                ua.BrowsePathTarget(_expanded(target), ua.Index(0xFFFFFFFF)) for target in targets
            ]
        results.append(result)
    return ua.TranslateBrowsePathsToNodeIdsResponse(Results=results)


def _targets(space: Space, caller: Caller, path: ua.BrowsePath) -> list[ua.NodeId]:
    """Raises Fault with the path's StatusCode."""
    elements = path.RelativePath.Elements or []
    if space.seen(path.StartingNode, caller) is None:
        raise Fault(_Codes.BadNodeIdUnknown)
    if not elements:
        raise Fault(_Codes.BadNothingToDo)
    if len(elements) > PATH_MAX:
        raise Fault(_Codes.BadQueryTooComplex)
    if any(not element.TargetName.Name for element in elements):
        raise Fault(_Codes.BadBrowseNameInvalid)
    at = [path.StartingNode]
    for element in elements:
        at = list(dict.fromkeys(target for node in at for target in _step(space, caller, node, element)))
        if len(at) > TARGETS_MAX:
            raise Fault(_Codes.BadTooManyMatches)
    if not at:
        raise Fault(_Codes.BadNoMatch)
    return at


def _step(
    space: Space, caller: Caller, node_id: ua.NodeId, element: ua.RelativePathElement
) -> Iterator[ua.NodeId]:
    """The targets of one element: a null reference type is any hierarchical one."""
    given = element.ReferenceTypeId
    wanted, subtypes = (HIERARCHICAL, True) if given.is_null() else (given, bool(element.IncludeSubtypes))
    for reference in space.references(node_id):
        if reference.forward == bool(element.IsInverse) or not _is(space, reference.type, wanted, subtypes):
            continue
        target: Node | None = space.seen(reference.target, caller)
        if target is not None and target.browse_name == element.TargetName:
            yield target.id


# --- registered nodes ------------------------------------------------------------------------------


async def register(
    gateway: Gateway, session: Session, request: ua.RegisterNodesRequest
) -> ua.RegisterNodesResponse:
    """OPC 10000-4, 5.9.5. Node ids are cheap here as they are: the same come back."""
    del session
    asked = request.Parameters.NodesToRegister
    _bounded(gateway, len(asked or []))
    return ua.RegisterNodesResponse(Parameters=ua.RegisterNodesResult(RegisteredNodeIds=list(asked)))


async def unregister(
    gateway: Gateway, session: Session, request: ua.UnregisterNodesRequest
) -> ua.UnregisterNodesResponse:
    """OPC 10000-4, 5.9.6."""
    del session
    _bounded(gateway, len(request.Parameters.NodesToUnregister or []))
    return ua.UnregisterNodesResponse()


def _bounded(gateway: Gateway, count: int) -> None:
    if not count:
        raise Fault(_Codes.BadNothingToDo, "no node")
    if count > gateway.settings.limits.nodes_per_register:
        raise Fault(_Codes.BadTooManyOperations, "too many nodes in one request")


SERVICES: Services = {
    ua.BrowseRequest: browse,
    ua.BrowseNextRequest: browse_next,
    ua.TranslateBrowsePathsToNodeIdsRequest: translate,
    ua.RegisterNodesRequest: register,
    ua.UnregisterNodesRequest: unregister,
}
