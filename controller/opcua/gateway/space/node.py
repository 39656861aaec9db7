"""A node as the services see it, whoever makes it (Part 3, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from asyncua import ua

from controller.opcua.gateway.session import Caller


class Reference(NamedTuple):
    """A reference of the node it was asked of. forward False: the target refers to the node."""

    type: ua.NodeId
    target: ua.NodeId
    forward: bool = True


class Node(Protocol):
    """One node. Cheap to make and to throw away; equal ids are the same node."""

    @property
    def id(self) -> ua.NodeId: ...
    @property
    def node_class(self) -> ua.NodeClass: ...
    @property
    def browse_name(self) -> ua.QualifiedName: ...
    @property
    def type_definition(self) -> ua.NodeId | None: ...

    def display_name(self) -> ua.LocalizedText: ...

    def references(self) -> Sequence[Reference]:
        """In both directions, without those that other providers add (Space.references has all)."""

    def attribute(self, attribute: ua.AttributeIds, caller: Caller) -> ua.DataValue:
        """The attribute for this caller; BadAttributeIdInvalid as its status when the node has none such."""


class Provider(Protocol):
    """Makes the nodes of one kind."""

    def find(self, node_id: ua.NodeId) -> Node | None: ...

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        """What this provider hangs onto nodes of others, such as the plant below Objects."""
