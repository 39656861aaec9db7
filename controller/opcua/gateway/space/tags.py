"""Tags as variables with the properties of OPC 10000-8: range, unit, states. Made from a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua

from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.engineering import unit_information
from controller.opcua.gateway.space.layout import PLC, Layout
from controller.opcua.gateway.space.names import PLANT, of_plant, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import (
    HISTORY,
    READ,
    SEMANTIC_CHANGE,
    WRITE,
    Value,
    VariableNode,
)
from controller.opcua.gateway.space.parts import COMPONENT, PROPERTY, TYPE_OF, property_node
from controller.opcua.gateway.space.tag_types import tag_type
from controller.opcua.gateway.values import Values
from controller.plant.plant import Plant
from controller.plant.tags import Derived, Tag

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
ORGANIZES: Final = standard(_ID.Organizes)
EVENT_SOURCE: Final = standard(_ID.HasEventSource)

# The properties of each variable type that a tag is shown as (OPC 10000-8, 5.3).
PROPERTIES: Final = {
    _ID.AnalogUnitRangeType: ("EURange", "InstrumentRange", "EngineeringUnits"),
    _ID.TwoStateDiscreteType: ("TrueState", "FalseState"),
    _ID.MultiStateDiscreteType: ("EnumStrings",),
    _ID.MultiStateValueDiscreteType: ("EnumValues", "ValueAsText"),
    _ID.DataItemType: (),
}
DEFINITION: Final = "Definition"  # where the value comes from


class TagNodes:
    """Tag nodes and their properties. Values have no cost here: they come from `Values` when read."""

    def __init__(self, plant: Plant, layout: Layout, values: Values) -> None:
        self._plant = plant
        self._layout = layout
        self._values = values
        self._command_words = {command.word for command in plant.commands}

    def find(self, head: str, rest: Sequence[str]) -> Node | None:
        """The tag named `head`, or its property."""
        index = self._plant.index.get(head)
        if index is None:
            return None
        tag = self._plant.tags[index]
        if not rest:
            return self._tag(tag)
        return self._property(tag, rest[0]) if len(rest) == 1 else None

    def _tag(self, tag: Tag) -> VariableNode:
        kind = tag_type(tag)
        node = of_plant(tag.name)
        parent = self._layout.parent_of(tag.index)
        hangs = ORGANIZES if self._layout.equipment_of(tag.index) is None else COMPONENT
        links = [
            Reference(TYPE_OF, standard(kind.variable)),
            Reference(hangs, of_plant(parent), forward=False),
            Reference(EVENT_SOURCE, of_plant(parent), forward=False),
            *(Reference(PROPERTY, of_plant(f"{tag.name}/{name}")) for name in self._properties(tag)),
        ]
        if tag.plc is not None:
            plc = self._plant.plcs[tag.plc].name
            links.append(Reference(ORGANIZES, of_plant(f"{PLC}/{plc}"), forward=False))
        is_word = tag.index in self._command_words
        return VariableNode(
            id=node,
            browse_name=ua.QualifiedName(tag.name, PLANT),
            type_definition=standard(kind.variable),
            links=links,
            description=tag.text,
            value=self._value_of(tag.index),
            data_type=standard(kind.data_type),
            access=READ | HISTORY | (WRITE if is_word else 0),
            writer="operator" if is_word else None,
            sampling_ms=100.0,
            historizing=True,
            tag=tag.index,
        )

    def _value_of(self, index: int) -> Value:
        def read(_: Caller) -> ua.DataValue:
            return self._values.data_value(index)

        return read

    def _properties(self, tag: Tag) -> tuple[str, ...]:
        return (*PROPERTIES[tag_type(tag).variable], DEFINITION)

    def _property(self, tag: Tag, name: str) -> VariableNode | None:
        if name not in self._properties(tag):
            return None
        node, owner = of_plant(f"{tag.name}/{name}"), of_plant(tag.name)
        if name == "ValueAsText":
            return self._value_as_text(tag, node, owner)
        value, kind, data_type = self._fixed(tag, name)
        made = property_node(node, name, value, kind, owner, data_type)
        if name != DEFINITION:
            made.access |= SEMANTIC_CHANGE
        return made

    def _fixed(self, tag: Tag, name: str) -> tuple[Any, ua.VariantType, int | None]:
        """(value, built-in type, data type where it is another)."""
        states = dict(tag.states)
        found: tuple[Any, ua.VariantType, int | None]
        match name:
            case "EURange" | "InstrumentRange":
                spread = ua.Range(ua.Double(tag.low), ua.Double(tag.high))
                found = spread, _V.ExtensionObject, _ID.Range
            case "EngineeringUnits":
                found = unit_information(tag.unit), _V.ExtensionObject, _ID.EUInformation
            case "TrueState" | "FalseState":
                text = states.get(int(name == "TrueState"), str(name == "TrueState").lower())
                found = ua.LocalizedText(text), _V.LocalizedText, None
            case "EnumStrings":
                found = [ua.LocalizedText(text) for text in states.values()], _V.LocalizedText, None
            case "EnumValues":
                rows = [ua.EnumValueType(ua.Int64(n), ua.LocalizedText(text)) for n, text in states.items()]
                found = rows, _V.ExtensionObject, _ID.EnumValueType
            case _:
                found = definition(self._plant, tag), _V.String, None
        return found

    def _value_as_text(self, tag: Tag, node: ua.NodeId, owner: ua.NodeId) -> VariableNode:
        made = property_node(node, "ValueAsText", ua.LocalizedText(""), _V.LocalizedText, owner)
        states = dict(tag.states)

        def read(_: Caller) -> ua.DataValue:
            value = self._values.data_value(tag.index)
            number = value.Value.Value if value.Value is not None else None
            text = "" if number is None else states.get(number, str(number))
            value.Value = ua.Variant(ua.LocalizedText(text), _V.LocalizedText)
            return value

        made.value = read
        return made


def definition(plant: Plant, tag: Tag) -> str:
    """Where it comes from, in words a person can follow: the PLC's node, or the expression."""
    if isinstance(tag.source, Derived):
        return tag.source.expression
    source = tag.source
    bit = "" if source.bit is None else f", bit {source.bit}"
    element = "" if source.element is None else f", element {source.element}"
    scaled = (
        "" if (source.scale, source.offset) == (1.0, 0.0) else f", x {source.scale:g} + {source.offset:g}"
    )
    return f"{plant.plcs[source.plc].name}: {source.namespace} {source.identifier}{element}{bit}{scaled}"
