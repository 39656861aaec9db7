"""Operands of filters: which field of the event is meant, and whether the client may name it so (7.7.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from asyncua import ua
from asyncua.ua import StatusCodes

from controller.opcua.gateway.space.node import Reference
from controller.opcua.gateway.subscriptions.conversion import Term
from controller.opcua.gateway.subscriptions.subject import CONDITION_ID, Subject, Types
from controller.opcua.plc.wire import node_id

BASE_EVENT_TYPE: Final = node_id(ua.ObjectIds.BaseEventType)
_HAS_SUBTYPE: Final = node_id(ua.ObjectIds.HasSubtype)
_HIERARCHICAL: Final = node_id(ua.ObjectIds.HierarchicalReferences)
_LAST_ATTRIBUTE: Final = 27
_PATH_MAX: Final = 10  # the deepest field of the standard, a shelving transition's, has 3
_NOWHERE: Final = "\0"  # the path of a field that no event has: always null


class Named(Protocol):
    @property
    def browse_name(self) -> ua.QualifiedName: ...
    @property
    def node_class(self) -> ua.NodeClass: ...


class TypeSpace(Types, Protocol):
    """The part of Space that says which fields a type has."""

    def find(self, node_id: ua.NodeId, /) -> Named | None: ...
    def references(self, node_id: ua.NodeId, /) -> Sequence[Reference]: ...


class Field(NamedTuple):
    """A SimpleAttributeOperand made ready. type None: of any event."""

    type: ua.NodeId | None
    path: str

    def term(self, subject: Subject) -> Term | None:
        return subject.term(self.path) if self.type is None or subject.is_of(self.type) else None

    def encoded(self, subject: Subject) -> bytes:
        here = self.type is None or subject.is_of(self.type)
        return subject.encoded(self.path if here else _NOWHERE)


def path_of(names: Sequence[ua.QualifiedName]) -> str:
    """'AckedState/Id'; names of other namespaces carry its index."""
    return "/".join(
        str(name.Name) if name.NamespaceIndex == 0 else f"{name.NamespaceIndex}:{name.Name}" for name in names
    )


def field_of(operand: ua.SimpleAttributeOperand, space: TypeSpace) -> tuple[Field, int]:
    """The field and the StatusCode of the operand; where that is bad the field is always null."""
    code = _form(operand)
    type_ = operand.TypeDefinitionId
    any_type = type_.is_null() or type_ == BASE_EVENT_TYPE
    if not code and not any_type:
        code = _in_type(type_, operand.BrowsePath, space)
    if code:
        return Field(None, _NOWHERE), code
    if operand.AttributeId == ua.AttributeIds.NodeId:
        path = _NOWHERE if operand.BrowsePath else CONDITION_ID
    else:
        path = path_of(operand.BrowsePath) if operand.AttributeId == ua.AttributeIds.Value else _NOWHERE
    return Field(None if any_type else type_, path), StatusCodes.Good


def _form(operand: ua.SimpleAttributeOperand) -> int:
    if not 1 <= operand.AttributeId <= _LAST_ATTRIBUTE:
        return StatusCodes.BadAttributeIdInvalid
    if not operand.BrowsePath and operand.AttributeId == ua.AttributeIds.Value:
        return StatusCodes.BadAttributeIdInvalid  # an event is an object: it has no value
    if len(operand.BrowsePath) > _PATH_MAX or any(not name.Name for name in operand.BrowsePath):
        return StatusCodes.BadBrowseNameInvalid
    if operand.IndexRange:
        return StatusCodes.BadIndexRangeInvalid  # no event here has an array to take a part of
    return StatusCodes.Good


def _in_type(type_: ua.NodeId, path: Sequence[ua.QualifiedName], space: TypeSpace) -> int:
    """Whether events of this type have the field: by the declarations of the type and its supertypes."""
    if not space.is_subtype(type_, BASE_EVENT_TYPE):
        return StatusCodes.BadTypeDefinitionInvalid
    if not path:
        return StatusCodes.Good
    owner: ua.NodeId | None = type_
    while owner is not None:
        if _declared(owner, path, space):
            return StatusCodes.Good
        owner = next(
            (to for kind, to, on in space.references(owner) if kind == _HAS_SUBTYPE and not on), None
        )
    return StatusCodes.BadNodeIdUnknown


def _declared(owner: ua.NodeId, path: Sequence[ua.QualifiedName], space: TypeSpace) -> bool:
    nodes = [owner]
    for name in path:
        nodes = [child for node in nodes for child in _children(node, name, space)]
    return bool(nodes)


def _children(parent: ua.NodeId, name: ua.QualifiedName, space: TypeSpace) -> list[ua.NodeId]:
    found = []
    for kind, target, forward in space.references(parent):
        if not forward or kind == _HAS_SUBTYPE or not space.is_subtype(kind, _HIERARCHICAL):
            continue
        node = space.find(target)
        if node is not None and node.browse_name == name:
            found.append(target)
    return found
