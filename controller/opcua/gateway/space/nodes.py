"""Nodes as values: what providers return from `find`, made when asked for and thrown away after."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from controller.core.roles import LADDER
from controller.opcua.gateway.security.roles import may_see_roles, permissions, permissions_of
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.node import Reference

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session

_A: Final = ua.AttributeIds
_V: Final = ua.VariantType
READ: Final = 1
WRITE: Final = 2
HISTORY: Final = 4
SEMANTIC_CHANGE: Final = 16  # the property says what a value means, and a change of it is told as an event
NOTIFIES: Final = 1 | HISTORY  # an EventNotifier that can be subscribed to, and read of old
ENCRYPTION_REQUIRED: Final = 2  # AccessRestrictions (Part 3, 8.56)
NO_ATTRIBUTE: Final = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadAttributeIdInvalid)))

# A value, or how to get it for a caller (some are shown to some only).
Value = ua.Variant | Callable[[Caller], ua.DataValue]
Attributes = dict[ua.AttributeIds, Callable[[], ua.DataValue]]
# A method's work: (gateway, session, inputs of the declared types) -> outputs. A Fault is its StatusCode.
Work = Callable[["Gateway", "Session", Sequence[ua.Variant]], Awaitable[Sequence[ua.Variant]]]


def data_value(value: Any, kind: ua.VariantType) -> ua.DataValue:
    """A Good value; None is a null."""
    return ua.DataValue(ua.Variant() if value is None else ua.Variant(value, kind))


def bad(code: int) -> ua.DataValue:
    return ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(code)))


@dataclass(slots=True, kw_only=True)
class PlainNode(ABC):
    """What every node has. links: without those other providers add. text: the display name, if another."""

    id: ua.NodeId
    browse_name: ua.QualifiedName
    links: Sequence[Reference] = ()
    text: str = ""
    description: str = ""
    type_definition: ua.NodeId | None = None

    @property
    @abstractmethod
    def node_class(self) -> ua.NodeClass: ...

    def display_name(self) -> ua.LocalizedText:
        return ua.LocalizedText(self.text or self.browse_name.Name)

    def references(self) -> Sequence[Reference]:
        return self.links

    def attribute(self, attribute: ua.AttributeIds, caller: Caller) -> ua.DataValue:
        """Everything but the value is Good and without a time, as it does not change."""
        found = self.attributes(caller).get(attribute)
        return NO_ATTRIBUTE if found is None else found()

    def permissions(self) -> list[ua.RolePermissionType]:
        """What each well-known role may do with it (Part 3, 5.2.9)."""
        return permissions()

    def _role_permissions(self, caller: Caller) -> ua.DataValue:
        if not may_see_roles(caller):
            return bad(ua.StatusCodes.BadUserAccessDenied)
        return data_value(self.permissions(), _V.ExtensionObject)

    def attributes(self, caller: Caller) -> Attributes:
        """How to make each attribute; node classes add theirs."""
        described = {_A.Description: lambda: data_value(ua.LocalizedText(self.description), _V.LocalizedText)}
        return {
            _A.NodeId: lambda: data_value(self.id, _V.NodeId),
            _A.NodeClass: lambda: data_value(int(self.node_class), _V.Int32),
            _A.BrowseName: lambda: data_value(self.browse_name, _V.QualifiedName),
            _A.DisplayName: lambda: data_value(self.display_name(), _V.LocalizedText),
            _A.WriteMask: lambda: data_value(0, _V.UInt32),
            _A.UserWriteMask: lambda: data_value(0, _V.UInt32),
            _A.RolePermissions: lambda: self._role_permissions(caller),
            _A.UserRolePermissions: lambda: data_value(
                permissions_of(caller, self.permissions()), _V.ExtensionObject
            ),
            **(described if self.description else {}),
        }


@dataclass(slots=True, kw_only=True)
class ObjectNode(PlainNode):
    """event_notifier: bit 0 events can be subscribed to here, bit 2 their history can be read."""

    event_notifier: int = 0

    @property
    def node_class(self) -> ua.NodeClass:
        return ua.NodeClass.Object

    def attributes(self, caller: Caller) -> Attributes:
        common = PlainNode.attributes(self, caller)
        return {**common, _A.EventNotifier: lambda: data_value(self.event_notifier, _V.Byte)}


@dataclass(slots=True, kw_only=True)
class VariableNode(PlainNode):
    """A variable or property. tag: its tag's index, when its value is a tag's.

    reader: the least role that may read its value, None when everybody may. secret: over encrypted channels
    only. writer: the least role that may write it, None when nobody may; the core decides in the end.
    """

    value: Value
    data_type: ua.NodeId
    rank: int = -1
    dimensions: Sequence[int] = ()
    access: int = READ
    reader: str | None = None
    secret: bool = False
    writer: str | None = None
    sampling_ms: float = 0.0
    historizing: bool = False
    tag: int | None = None

    @property
    def node_class(self) -> ua.NodeClass:
        return ua.NodeClass.Variable

    def permissions(self) -> list[ua.RolePermissionType]:
        return permissions(
            reading=self.reader or LADDER[0], writing=self.writer, history=bool(self.access & HISTORY)
        )

    def data_value(self, caller: Caller) -> ua.DataValue:
        if self.reader is not None and not caller.may(self.reader):
            return bad(ua.StatusCodes.BadUserAccessDenied)
        if self.secret and not caller.encrypted:
            return bad(ua.StatusCodes.BadSecurityModeInsufficient)
        return ua.DataValue(self.value) if isinstance(self.value, ua.Variant) else self.value(caller)

    def user_access(self, caller: Caller) -> int:
        may_read = self.reader is None or caller.may(self.reader)
        may_write = self.writer is not None and caller.may(self.writer)
        return self.access & ~(0 if may_read else READ) & ~(0 if may_write else WRITE)

    def attribute(self, attribute: ua.AttributeIds, caller: Caller) -> ua.DataValue:
        if attribute == _A.Value:  # by far the most asked for
            return self.data_value(caller)
        return PlainNode.attribute(self, attribute, caller)

    def attributes(self, caller: Caller) -> Attributes:
        sizes = {_A.ArrayDimensions: lambda: data_value(list(self.dimensions) or [0] * self.rank, _V.UInt32)}
        return {
            **PlainNode.attributes(self, caller),
            _A.DataType: lambda: data_value(self.data_type, _V.NodeId),
            _A.ValueRank: lambda: data_value(self.rank, _V.Int32),
            _A.AccessLevel: lambda: data_value(self.access, _V.Byte),
            _A.UserAccessLevel: lambda: data_value(self.user_access(caller), _V.Byte),
            _A.AccessLevelEx: lambda: data_value(self.access, _V.UInt32),
            _A.AccessRestrictions: lambda: (
                data_value(ENCRYPTION_REQUIRED, _V.UInt16) if self.secret else NO_ATTRIBUTE
            ),
            _A.MinimumSamplingInterval: lambda: data_value(self.sampling_ms, _V.Double),
            _A.Historizing: lambda: data_value(self.historizing, _V.Boolean),
            **(sizes if self.rank > 0 else {}),
        }


@dataclass(slots=True, kw_only=True)
class MethodNode(PlainNode):
    """A method of an object. inputs, outputs: its arguments, which it also shows as properties.

    caller_role: the least role that may call it. work None: a declaration of a type, not callable.
    """

    inputs: Sequence[ua.Argument] = ()
    outputs: Sequence[ua.Argument] = ()
    caller_role: str = "operator"
    work: Work | None = field(default=None, compare=False)

    @property
    def node_class(self) -> ua.NodeClass:
        return ua.NodeClass.Method

    def permissions(self) -> list[ua.RolePermissionType]:
        return permissions(calling=None if self.work is None else self.caller_role)

    def executable(self, caller: Caller) -> bool:
        return self.work is not None and caller.may(self.caller_role)

    def attributes(self, caller: Caller) -> Attributes:
        return {
            **PlainNode.attributes(self, caller),
            _A.Executable: lambda: data_value(True, _V.Boolean),
            _A.UserExecutable: lambda: data_value(self.executable(caller), _V.Boolean),
        }


@dataclass(slots=True, kw_only=True)
class TypeNode(PlainNode):
    """A type of ours. data_type, rank: of a variable type."""

    kind: ua.NodeClass = ua.NodeClass.ObjectType
    abstract: bool = False
    data_type: ua.NodeId | None = None

    @property
    def node_class(self) -> ua.NodeClass:
        return self.kind

    def attributes(self, caller: Caller) -> Attributes:
        found: Attributes = {
            **PlainNode.attributes(self, caller),
            _A.IsAbstract: lambda: data_value(self.abstract, _V.Boolean),
        }
        if self.data_type is not None:
            found[_A.DataType] = lambda: data_value(self.data_type, _V.NodeId)
            found[_A.ValueRank] = lambda: data_value(-1, _V.Int32)
        return found
