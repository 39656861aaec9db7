"""An object for each session below SessionsDiagnosticsSummary (Part 5, 6.3.4 and 6.3.5), made when asked for.

The id of the object is the SessionId (Part 4, 5.7.2: by it a client finds its session's diagnostics), the
BrowseName the session's name. Who may not see a session's rows in the arrays does not see its object. No
ModelChangeEvents tell of them: nodes without NodeVersion trigger none (Part 3, 9.32.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from asyncua import ua

from controller.opcua.gateway import diagnostics
from controller.opcua.gateway.session import NOBODY, Caller, Session
from controller.opcua.gateway.space.names import APPLICATION, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import ObjectNode, VariableNode
from controller.opcua.gateway.space.parts import COMPONENT, TYPE_OF
from controller.opcua.gateway.space.standard import StandardNode, StandardNodes

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
_A: Final = ua.AttributeIds
SUMMARY: Final = standard(_ID.Server_ServerDiagnostics_SessionsDiagnosticsSummary)
_TYPE: Final = standard(_ID.SessionDiagnosticsObjectType)
_HEAD: Final = "Session"
_SECURITY: Final = "SessionSecurityDiagnostics"
_BUILT_IN_MAX: Final = 25  # ids of data types up to here are those of the built-in types
# How values of the other data types are written.
_WRITTEN: Final = {
    _ID.LocaleId: _V.String,
    _ID.Duration: _V.Double,
    _ID.UtcTime: _V.DateTime,
    _ID.MessageSecurityMode: _V.Int32,
}


class _Part(NamedTuple):
    """A component of every such object, or of its component."""

    name: ua.QualifiedName
    type_definition: ua.NodeId
    data_type: ua.NodeId
    rank: int

    @property
    def kind(self) -> ua.VariantType:
        number = int(self.data_type.Identifier)
        return _V(number) if number <= _BUILT_IN_MAX else _WRITTEN.get(number, _V.ExtensionObject)


class SessionNodes:
    """The provider of them. gateway: set before the port is open; until then there are no sessions."""

    def __init__(self, nodes: StandardNodes) -> None:
        self.gateway: Gateway | None = None
        self._parts = dict(_declared(nodes, _TYPE))

    def find(self, node_id: ua.NodeId) -> Node | None:
        session, path = self._place(node_id)
        if session is None:
            return None
        if not path:
            return self._object(session)
        return self._variable(session, path) if path in self._parts else None

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        if node_id == SUMMARY and self.gateway is not None:
            return [Reference(COMPONENT, session.id) for session in diagnostics.active(self.gateway)]
        return ()

    def hides(self, node_id: ua.NodeId, caller: Caller) -> bool:
        """Whether it is of a session that this caller is not shown."""
        session, _ = self._place(node_id)
        return session is not None and not diagnostics.may_see(caller, session.caller)

    def _place(self, node_id: ua.NodeId) -> tuple[Session | None, str]:
        """Whose node it is, and its path below the session's object."""
        if node_id.NamespaceIndex != APPLICATION or self.gateway is None:
            return None, ""
        number, path = _split(node_id.Identifier)
        if number is None:
            return None, ""
        there = diagnostics.active(self.gateway)
        return next((one for one in there if one.id.Identifier == number), None), path

    # --- nodes ---------------------------------------------------------------------------------

    def _object(self, session: Session) -> ObjectNode:
        return ObjectNode(
            id=session.id,
            browse_name=ua.QualifiedName(session.name, APPLICATION),
            type_definition=_TYPE,
            links=[
                Reference(TYPE_OF, _TYPE),
                Reference(COMPONENT, SUMMARY, forward=False),
                *self._below(session, ""),
            ],
        )

    def _variable(self, session: Session, path: str) -> VariableNode:
        part, owner = self._parts[path], path.rpartition("/")[0]
        return VariableNode(
            id=_id(session, path),
            browse_name=part.name,
            type_definition=part.type_definition,
            links=[
                Reference(TYPE_OF, part.type_definition),
                Reference(COMPONENT, _id(session, owner), forward=False),
                *self._below(session, path),
            ],
            value=lambda _: diagnostics.present(self._value(session, path), part.kind),
            data_type=part.data_type,
            rank=part.rank,
            reader=diagnostics.SEES_SECURITY if path.startswith(_SECURITY) else None,
            secret=path.startswith(_SECURITY),
        )

    def _below(self, session: Session, owner: str) -> Iterator[Reference]:
        for path in self._parts:
            if path.rpartition("/")[0] == owner:
                yield Reference(COMPONENT, _id(session, path))

    def _value(self, session: Session, path: str) -> Any:
        assert self.gateway is not None, "there is a session"
        whole, _, field = path.partition("/")
        if whole == _SECURITY:
            return diagnostics.security_fields(session)[field] if field else diagnostics.security_row(session)
        if whole == "SessionDiagnostics":
            row = diagnostics.session_row(self.gateway, session)
            return getattr(row, field) if field else row
        return [diagnostics.subscription_row(one) for one in self.gateway.subscriptions.own(session)]


def _declared(nodes: StandardNodes, owner: ua.NodeId, above: str = "") -> Iterator[tuple[str, _Part]]:
    """The components of a standard type by their paths, those of components too."""
    for reference in _found(nodes, owner).references():
        if reference.forward and reference.type == COMPONENT:
            node = _found(nodes, reference.target)
            path = f"{above}{node.browse_name.Name}"
            assert node.type_definition is not None, "it is an instance declaration"
            data_type, rank = _says(node, _A.DataType), _says(node, _A.ValueRank)
            yield path, _Part(node.browse_name, node.type_definition, data_type, rank)
            yield from _declared(nodes, node.id, f"{path}/")


def _found(nodes: StandardNodes, node_id: ua.NodeId) -> StandardNode:
    node = nodes.find(node_id)
    assert node is not None, "the standard's types are complete"
    return node


def _says(node: StandardNode, attribute: ua.AttributeIds) -> Any:
    value = node.attribute(attribute, NOBODY).Value
    assert value is not None, "components are variables"
    return value.Value


def _split(identifier: Any) -> tuple[UUID | None, str]:
    """The number of a session and the path below its object; None for what is no such id."""
    if isinstance(identifier, UUID):
        return identifier, ""
    if not isinstance(identifier, str):
        return None, ""
    head, _, rest = identifier.partition("/")
    written, _, path = rest.partition("/")
    if head != _HEAD or not path:
        return None, ""
    try:
        number = UUID(written)
    except ValueError:
        return None, ""
    return (number, path) if str(number) == written else (None, "")


def _id(session: Session, path: str) -> ua.NodeId:
    if not path:
        return session.id
    return ua.NodeId(ua.String(f"{_HEAD}/{session.id.Identifier!s}/{path}"), ua.Int16(APPLICATION))
