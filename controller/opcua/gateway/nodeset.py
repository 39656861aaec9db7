"""The plant's nodes as a NodeSet2 file (OPC 10000-6, Annex F): for clients that are configured offline.

Values that are configured go along (ranges, units, texts, arguments); those of tags do not. Conditions are
not part of it: an alarm client finds them by their events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as Xml

from asyncua import ua

from controller import __version__
from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.session import NOBODY
from controller.opcua.gateway.space.names import PLANT, TYPES, TYPES_URI, plant_uri, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import ObjectNode, TypeNode, VariableNode
from controller.opcua.gateway.space.parts import TYPE_OF, TypeNodes
from controller.opcua.gateway.space.plant import PlantNodes
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.space.types import OWN_TYPES
from controller.opcua.gateway.values import Values
from controller.plant.plant import Plant

SET: Final = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"
TYPES_XSD: Final = "http://opcfoundation.org/UA/2008/02/Types.xsd"
STANDARD: Final = "http://opcfoundation.org/UA/"
STANDARD_DATED: Final = "2022-11-01T00:00:00Z"  # of 1.05.02, whose types are used
DATED: Final = "2026-01-01T00:00:00Z"  # fixed, so that the same plant gives the same file
_INDEX: Final = {0: 0, PLANT: 1, TYPES: 2}  # of the file, in the order of its NamespaceUris
_NODE: Final = {
    ua.NodeClass.Object: "UAObject",
    ua.NodeClass.Variable: "UAVariable",
    ua.NodeClass.Method: "UAMethod",
    ua.NodeClass.ObjectType: "UAObjectType",
}
_V: Final = ua.VariantType
PROPERTY_TYPE: Final = standard(ua.ObjectIds.PropertyType)


def nodeset_of(plant: Plant) -> str:
    """The file's text."""
    values = Values(plant)
    nodes = PlantNodes(plant, values, Picture(Orders(Path()), values))
    types = TypeNodes(OWN_TYPES)
    space = Space(plant, [StandardNodes(), nodes, types])
    Xml.register_namespace("", SET)
    Xml.register_namespace("uax", TYPES_XSD)
    root = Xml.Element(f"{{{SET}}}UANodeSet")
    uris = _child(root, "NamespaceUris")
    for uri in (plant_uri(plant), TYPES_URI):
        _child(uris, "Uri", uri)
    models = _child(root, "Models")
    own = _child(models, "Model", ModelUri=plant_uri(plant), Version=__version__, PublicationDate=DATED)
    _child(own, "RequiredModel", ModelUri=STANDARD, Version="1.05.02", PublicationDate=STANDARD_DATED)
    _child(models, "Model", ModelUri=TYPES_URI, Version=__version__, PublicationDate=DATED)
    for node_id in (*_below(space, types), *nodes.walk()):
        node = space.find(node_id)
        assert node is not None, "it has just been walked over"
        root.append(_node(space, node))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _below(space: Space, types: TypeNodes) -> Iterator[ua.NodeId]:
    """The types, and what is declared below them."""
    waiting = list(types.ids())
    seen = set(waiting)
    while waiting:
        node_id = waiting.pop(0)
        yield node_id
        for reference in space.references(node_id):
            target = reference.target
            if reference.forward and target.NamespaceIndex == TYPES and target not in seen:
                seen.add(target)
                waiting.append(target)


# --- nodes -----------------------------------------------------------------------------------------


def _node(space: Space, node: Node) -> Xml.Element:
    made = Xml.Element(f"{{{SET}}}{_NODE[node.node_class]}")
    made.set("NodeId", _id(node.id))
    index = _INDEX[node.browse_name.NamespaceIndex]
    made.set("BrowseName", f"{index}:{node.browse_name.Name}" if index else str(node.browse_name.Name))
    if isinstance(node, ObjectNode) and node.event_notifier:
        made.set("EventNotifier", str(node.event_notifier))
    if isinstance(node, VariableNode):
        _of_variable(made, node)
    if isinstance(node, TypeNode) and node.abstract:
        made.set("IsAbstract", "true")
    _child(made, "DisplayName", str(node.display_name().Text))
    description = getattr(node, "description", "")
    if description:
        _child(made, "Description", description)
    references = _child(made, "References")
    for reference in space.references(node.id):
        _reference(references, reference)
    if isinstance(node, VariableNode) and isinstance(node.value, ua.Variant) and node.value.Value is not None:
        _value(_child(made, "Value"), node.value)
    elif isinstance(node, VariableNode) and Reference(TYPE_OF, PROPERTY_TYPE) in node.links:
        held = node.data_value(NOBODY)
        if held.Value is not None and held.Value.Value is not None and not isinstance(node.tag, int):
            _value(_child(made, "Value"), held.Value)
    return made


def _of_variable(made: Xml.Element, node: VariableNode) -> None:
    made.set("DataType", _id(node.data_type))
    if node.rank != -1:
        made.set("ValueRank", str(node.rank))
    if node.dimensions:
        made.set("ArrayDimensions", ",".join(str(one) for one in node.dimensions))
    if node.access != 1:
        made.set("AccessLevel", str(node.access))
    if node.historizing:
        made.set("Historizing", "true")


def _reference(parent: Xml.Element, reference: Reference) -> None:
    made = _child(parent, "Reference", _id(reference.target), ReferenceType=_id(reference.type))
    if not reference.forward:
        made.set("IsForward", "false")


def _id(node_id: ua.NodeId) -> str:
    letter = "i" if isinstance(node_id.Identifier, int) else "s"
    index = _INDEX[node_id.NamespaceIndex]
    name = f"{letter}={node_id.Identifier!s}"
    return f"ns={index};{name}" if index else name


def _child(parent: Xml.Element, name: str, text: str = "", **attributes: str) -> Xml.Element:
    made = Xml.SubElement(parent, f"{{{SET}}}{name}", attributes)
    made.text = text or None
    return made


# --- values (OPC 10000-6, 5.3) ---------------------------------------------------------------------


def _value(parent: Xml.Element, variant: ua.Variant) -> None:
    kind = variant.VariantType.name
    if isinstance(variant.Value, list):
        many = _typed(parent, f"ListOf{kind}")
        for one in variant.Value:
            _scalar(many, variant.VariantType, one)
    else:
        _scalar(parent, variant.VariantType, variant.Value)


def _scalar(parent: Xml.Element, kind: ua.VariantType, value: Any) -> None:
    made = _typed(parent, kind.name)
    if kind is _V.ExtensionObject:
        _structure(made, value)
    elif kind is _V.LocalizedText:
        _typed(made, "Text", str(value.Text or ""))
    elif kind is _V.Boolean:
        made.text = str(value).lower()
    else:
        made.text = str(value)


def _structure(parent: Xml.Element, value: Any) -> None:
    encoding = getattr(ua.ObjectIds, f"{type(value).__name__}_Encoding_DefaultXml")
    _typed(_typed(parent, "TypeId"), "Identifier", f"i={int(encoding)}")
    body = _typed(_typed(parent, "Body"), type(value).__name__)
    for name, write in _FIELDS[type(value)].items():
        write(_typed(body, name), getattr(value, name))


def _plain(made: Xml.Element, value: Any) -> None:
    made.text = str(value)


def _localized(made: Xml.Element, value: ua.LocalizedText) -> None:
    _typed(made, "Text", str(value.Text or ""))


def _identifier(made: Xml.Element, value: ua.NodeId) -> None:
    _typed(made, "Identifier", _id(value))


def _empty(made: Xml.Element, value: Any) -> None:
    del made, value


_FIELDS: Final[dict[type, dict[str, Callable[[Xml.Element, Any], None]]]] = {
    ua.Range: {"Low": _plain, "High": _plain},
    ua.EUInformation: {
        "NamespaceUri": _plain,
        "UnitId": _plain,
        "DisplayName": _localized,
        "Description": _localized,
    },
    ua.EnumValueType: {"Value": _plain, "DisplayName": _localized, "Description": _localized},
    ua.Argument: {
        "Name": _plain,
        "DataType": _identifier,
        "ValueRank": _plain,
        "ArrayDimensions": _empty,
        "Description": _localized,
    },
}


def _typed(parent: Xml.Element, name: str, text: str = "") -> Xml.Element:
    made = Xml.SubElement(parent, f"{{{TYPES_XSD}}}{name}")
    made.text = text or None
    return made
