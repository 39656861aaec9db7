"""What each namespace of ours is, below Server.Namespaces (Part 5, 6.3.13): for clients that keep copies.

The plant's version is that of its texts, so a client sees that its copy of the tree is old.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua

from controller import __version__
from controller.opcua.gateway.space.names import APPLICATION, PLANT, TYPES, TYPES_URI, plant_uri, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import ObjectNode, VariableNode
from controller.opcua.gateway.space.parts import COMPONENT, PROPERTY, TYPE_OF, property_node
from controller.plant.plant import Plant

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
NAMESPACES: Final = standard(_ID.Server_Namespaces)
_TYPE: Final = standard(_ID.NamespaceMetadataType)
_BY_STRING: Final = 1  # IdType
_HEAD: Final = "Namespace"
# name -> built-in type, data type where it is another
_PROPERTIES: Final[dict[str, tuple[ua.VariantType, int | None]]] = {
    "NamespaceUri": (_V.String, None),
    "NamespaceVersion": (_V.String, None),
    "NamespacePublicationDate": (_V.DateTime, None),
    "IsNamespaceSubset": (_V.Boolean, None),
    "StaticNodeIdTypes": (_V.Int32, _ID.IdType),
    "StaticNumericNodeIdRange": (_V.String, _ID.NumericRange),
    "StaticStringNodeIdPattern": (_V.String, None),
}


class NamespaceNodes:
    """The provider of their metadata objects, which are the server's own (namespace 1)."""

    def __init__(self, plant: Plant) -> None:
        version = plant.text_hash[:16]
        self._known = {
            "plant": (PLANT, plant_uri(plant), version),
            "types": (TYPES, TYPES_URI, __version__),
        }

    def find(self, node_id: ua.NodeId) -> Node | None:
        if node_id.NamespaceIndex != APPLICATION or not isinstance(node_id.Identifier, str):
            return None
        head, _, rest = node_id.Identifier.partition("/")
        name, slash, part = rest.partition("/")
        if head != _HEAD or name not in self._known:
            return None
        if not slash:
            return self._object(name)
        return self._property(name, part) if part in _PROPERTIES else None

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        if node_id == NAMESPACES:
            return [Reference(COMPONENT, _id(name)) for name in self._known]
        return ()

    def _object(self, name: str) -> ObjectNode:
        index, uri, _ = self._known[name]
        return ObjectNode(
            id=_id(name),
            browse_name=ua.QualifiedName(uri, index),
            type_definition=_TYPE,
            links=[
                Reference(TYPE_OF, _TYPE),
                Reference(COMPONENT, NAMESPACES, forward=False),
                *(Reference(PROPERTY, _id(f"{name}/{part}")) for part in _PROPERTIES),
            ],
        )

    def _property(self, name: str, part: str) -> VariableNode:
        _, uri, version = self._known[name]
        values: dict[str, Any] = {
            "NamespaceUri": uri,
            "NamespaceVersion": version,
            "NamespacePublicationDate": None,
            "IsNamespaceSubset": False,
            "StaticNodeIdTypes": [_BY_STRING],
            "StaticNumericNodeIdRange": [],
            "StaticStringNodeIdPattern": "",
        }
        kind, data_type = _PROPERTIES[part]
        value = values[part]
        made = property_node(_id(f"{name}/{part}"), part, value, _V.Null, _id(name), data_type or int(kind))
        if value is not None:
            made.value = ua.Variant(value, kind, is_array=isinstance(value, list))
        return made


def _id(path: str) -> ua.NodeId:
    return ua.NodeId(ua.String(f"{_HEAD}/{path}"), ua.Int16(APPLICATION))
