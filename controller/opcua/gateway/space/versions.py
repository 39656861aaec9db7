"""NodeVersion of the objects that others hang on, for clients that keep a copy of the tree (Part 3, 5.5.1).

It changes when a reference of the object comes or goes, and with nothing else: it is a digest of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from asyncua import ua

from controller.opcua.gateway.space import layout as at
from controller.opcua.gateway.space.names import PLANT, of_plant
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import VariableNode, data_value
from controller.opcua.gateway.space.parts import PROPERTY, property_node
from controller.opcua.gateway.space.space import Space

NAME: Final = "NodeVersion"
_V: Final = ua.VariantType
_FOLDERS: Final = frozenset(
    {at.ROOT, at.AREAS, at.PLCS, at.INTERLOCKS, at.COMMANDS, at.PERMISSIVES, "Alarms", "AlarmGroups"}
)
_KINDS: Final = frozenset({at.AREA, at.EQUIPMENT, at.PLC, "Alarms"})


class VersionNodes:
    """The provider of the property; to be added to the space last."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def find(self, node_id: ua.NodeId) -> Node | None:
        if node_id.NamespaceIndex != PLANT or not isinstance(node_id.Identifier, str):
            return None
        path, _, name = node_id.Identifier.rpartition("/")
        if name != NAME or not _has_version(path) or self._space.find(of_plant(path)) is None:
            return None
        return self._property(node_id, of_plant(path))

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        path = node_id.Identifier
        if node_id.NamespaceIndex == PLANT and isinstance(path, str) and _has_version(path):
            return [Reference(PROPERTY, of_plant(f"{path}/{NAME}"))]
        return ()

    def _property(self, node: ua.NodeId, owner: ua.NodeId) -> VariableNode:
        made = property_node(node, NAME, "", _V.String, owner)
        made.value = lambda _: data_value(self._version(owner), _V.String)
        return made

    def _version(self, owner: ua.NodeId) -> str:
        found = (
            f"{one.type.to_string()} {one.target.to_string()} {one.forward}"
            for one in self._space.references(owner)
        )
        return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()[:16]


def _has_version(path: str) -> bool:
    kind, slash, name = path.partition("/")
    return path in _FOLDERS or bool(kind in _KINDS and slash and name and "/" not in name)
