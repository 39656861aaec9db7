"""What clients browse to learn about history: each tag's configuration, the server's capabilities and limits.

Part 11, 5.2.3 (HistoricalDataConfigurationType) and 5.4 (HistoryServerCapabilities); Part 13, 4.2.1.2 and
4.4. A tag's configuration is 'HA Configuration' below the tag, made when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from asyncua import ua

from controller.opcua.gateway.history.aggregates import AGGREGATES
from controller.opcua.gateway.history.quality import Setup
from controller.opcua.gateway.history.reads import is_stepped
from controller.opcua.gateway.settings import Limits
from controller.opcua.gateway.space.names import PLANT, of_plant, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import ObjectNode, data_value
from controller.opcua.gateway.space.parts import COMPONENT, PROPERTY, TYPE_OF, property_node
from controller.opcua.gateway.space.standard import Live, StandardNodes
from controller.opcua.gateway.space.tags import ORGANIZES, definition
from controller.plant.plant import Plant
from controller.plant.tags import Tag

_O: Final = ua.ObjectIds
_V: Final = ua.VariantType
CONFIGURATION: Final = "HA Configuration"
_DEFAULTS: Final = "AggregateConfiguration"
_FUNCTIONS: Final = "AggregateFunctions"
_HAS_CONFIGURATION: Final = standard(_O.HasHistoricalConfiguration)
_DATA_NODES: Final = _O.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData
_EVENT_NODES: Final = _O.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadEvents
# Folders in which the server itself lists its aggregates.
_LISTS: Final = frozenset(
    {
        standard(_O.HistoryServerCapabilities_AggregateFunctions),
        standard(_O.Server_ServerCapabilities_AggregateFunctions),
    }
)
_Property = tuple[Any, ua.VariantType, int | None]  # value, built-in type, data type when it is another


class HistoryNodes:
    """The provider of configurations, and of the lists of aggregates."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def find(self, node_id: ua.NodeId) -> Node | None:
        if node_id.NamespaceIndex != PLANT or not isinstance(node_id.Identifier, str):
            return None
        name, _, path = node_id.Identifier.partition(f"/{CONFIGURATION}")
        index = self._plant.index.get(name)
        if index is None or not node_id.Identifier.startswith(f"{name}/{CONFIGURATION}"):
            return None
        return self._below(self._plant.tags[index], path)

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        if node_id in _LISTS:
            return _functions()
        if node_id.NamespaceIndex == PLANT and node_id.Identifier in self._plant.index:
            return [Reference(_HAS_CONFIGURATION, of_plant(f"{node_id.Identifier}/{CONFIGURATION}"))]
        return ()

    def _below(self, tag: Tag, path: str) -> Node | None:
        own = f"{tag.name}/{CONFIGURATION}"
        node, owner = of_plant(f"{own}{path}"), of_plant(own)
        match path.split("/"):
            case [""]:
                return _configuration(node, tag, self._properties(tag))
            case ["", part] if part == _DEFAULTS:
                links = [Reference(PROPERTY, of_plant(f"{own}/{_DEFAULTS}/{name}")) for name in _defaults()]
                return _object(node, _DEFAULTS, _O.AggregateConfigurationType, owner, links)
            case ["", part] if part == _FUNCTIONS:
                return _object(node, _FUNCTIONS, _O.FolderType, owner, _functions())
            case ["", name]:
                return _property(node, name, self._properties(tag), owner)
            case ["", part, name] if part == _DEFAULTS:
                return _property(node, name, _defaults(), of_plant(f"{own}/{_DEFAULTS}"))
        return None

    def _properties(self, tag: Tag) -> dict[str, _Property]:
        return {
            "Stepped": (is_stepped(tag), _V.Boolean, None),
            "Definition": (definition(self._plant, tag), _V.String, None),
            "MaxTimeInterval": (tag.archive.max_interval_s * 1000, _V.Double, _O.Duration),
            "ExceptionDeviation": (tag.archive.deadband, _V.Double, None),
            "ExceptionDeviationFormat": (
                int(ua.ExceptionDeviationFormat.AbsoluteValue),
                _V.Int32,
                _O.ExceptionDeviationFormat,
            ),
            "ServerTimestampSupported": (False, _V.Boolean, None),
        }


def _configuration(node: ua.NodeId, tag: Tag, properties: dict[str, _Property]) -> ObjectNode:
    own = f"{tag.name}/{CONFIGURATION}"
    return ObjectNode(
        id=node,
        browse_name=ua.QualifiedName(CONFIGURATION, 0),
        type_definition=standard(_O.HistoricalDataConfigurationType),
        description=f"How {tag.name} is recorded.",
        links=[
            Reference(TYPE_OF, standard(_O.HistoricalDataConfigurationType)),
            Reference(_HAS_CONFIGURATION, of_plant(tag.name), forward=False),
            Reference(COMPONENT, of_plant(f"{own}/{_DEFAULTS}")),
            Reference(COMPONENT, of_plant(f"{own}/{_FUNCTIONS}")),
            *(Reference(PROPERTY, of_plant(f"{own}/{name}")) for name in properties),
        ],
    )


def _object(
    node: ua.NodeId, name: str, kind: int, owner: ua.NodeId, links: Sequence[Reference]
) -> ObjectNode:
    above = [Reference(TYPE_OF, standard(kind)), Reference(COMPONENT, owner, forward=False)]
    return ObjectNode(
        id=node,
        browse_name=ua.QualifiedName(name, 0),
        type_definition=standard(kind),
        links=[*above, *links],
    )


def _property(node: ua.NodeId, name: str, known: dict[str, _Property], owner: ua.NodeId) -> Node | None:
    if name not in known:
        return None
    value, kind, data_type = known[name]
    return property_node(node, name, value, kind, owner, data_type)


@cache
def _functions() -> list[Reference]:
    return [Reference(ORGANIZES, standard(number)) for number in AGGREGATES]


@cache
def _defaults() -> dict[str, _Property]:
    """What a client gets that leaves the configuration to the server."""
    usual = Setup()
    return {
        "TreatUncertainAsBad": (usual.uncertain_is_bad, _V.Boolean, None),
        "PercentDataBad": (usual.percent_bad, _V.Byte, None),
        "PercentDataGood": (usual.percent_good, _V.Byte, None),
        "UseSlopedExtrapolation": (usual.sloped_extrapolation, _V.Boolean, None),
    }


def bind(nodes: StandardNodes, limits: Limits) -> None:
    """The values of the server's own history nodes: that reading is all there is, and how much at a time."""
    numbers = {
        _O.HistoryServerCapabilities_MaxReturnDataValues: limits.values_per_history_read,
        _O.HistoryServerCapabilities_MaxReturnEventValues: limits.events_per_history_read,
        _DATA_NODES: limits.nodes_per_history_read,
        _EVENT_NODES: limits.nodes_per_history_read,
        _O.Server_ServerCapabilities_MaxHistoryContinuationPoints: limits.continuation_points,
    }
    flags = {
        _O.HistoryServerCapabilities_AccessHistoryDataCapability: True,
        _O.HistoryServerCapabilities_AccessHistoryEventsCapability: True,
        _O.HistoryServerCapabilities_ServerTimestampSupported: False,
        **dict.fromkeys(_NO_CHANGES, False),
    }
    for number, value in numbers.items():
        kind = _V.UInt16 if number == _O.Server_ServerCapabilities_MaxHistoryContinuationPoints else _V.UInt32
        nodes.bind(number, _fixed(value, kind))
    for number, flag in flags.items():
        nodes.bind(number, _fixed(flag, _V.Boolean))
    for name, (value, kind, _) in _defaults().items():
        nodes.bind(getattr(_O, f"HAConfiguration_AggregateConfiguration_{name}"), _fixed(value, kind))
    nodes.bind(_O.HAConfiguration_Stepped, _fixed(Setup().stepped, _V.Boolean))


_NO_CHANGES: Final = (
    _O.HistoryServerCapabilities_InsertDataCapability,
    _O.HistoryServerCapabilities_ReplaceDataCapability,
    _O.HistoryServerCapabilities_UpdateDataCapability,
    _O.HistoryServerCapabilities_DeleteRawCapability,
    _O.HistoryServerCapabilities_DeleteAtTimeCapability,
    _O.HistoryServerCapabilities_InsertEventCapability,
    _O.HistoryServerCapabilities_ReplaceEventCapability,
    _O.HistoryServerCapabilities_UpdateEventCapability,
    _O.HistoryServerCapabilities_DeleteEventCapability,
    _O.HistoryServerCapabilities_InsertAnnotationCapability,
)


def _fixed(value: Any, kind: ua.VariantType) -> Live:
    told = data_value(value, kind)
    return lambda _: told
