"""Makes standard.jsonl, the standard nodes (OPC 10000-5) as the gateway reads them: one line a node.

asyncua carries the standard nodes as Python calls that take 4 s and 40 MB to run. `make generate` runs
them once and writes what they leave behind; a test checks that the file is that of the pinned version.
What this server does not do (PubSub, certificate push, roles at run time) is left out, so that
nobody finds a method that is never answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData, NodeManagementService
from asyncua.server.standard_address_space import standard_address_space
from asyncua.ua.ua_binary import variant_to_binary

from controller.opcua.gateway.space.nodes import NOTIFIES

_A: Final = ua.AttributeIds
_ID: Final = ua.ObjectIds

# Instances that are left out, with all below them.
UNSERVED: Final = (
    _ID.OpcUa_BinarySchema,  # type dictionaries: deprecated since 1.04, 1.1 MB
    _ID.OpcUa_XmlSchema,
    _ID.Aliases,
    _ID.Dictionaries,
    _ID.Locations,
    _ID.Quantities,
    _ID.Resources,
    _ID.ServerLog,
    _ID.ServerConfiguration,
    _ID.PublishSubscribe,
    _ID.DefaultHEConfiguration,
    _ID.Server_UrisVersion,
    _ID.Server_EstimatedReturnTime,
    _ID.Server_LocalTime,
    _ID.Server_SetSubscriptionDurable,
    _ID.Server_RequestServerStateChange,
)
# Objects of which the methods are left out.
NO_METHODS: Final = (_ID.Server_ServerCapabilities_RoleSet,)

# asyncua takes every type of these two classes for abstract; these are (OPC 10000-3 and -5).
ABSTRACT: Final = (
    *("References", "NonHierarchicalReferences", "HierarchicalReferences", "HasChild", "Aggregates"),
    *("BaseVariableType", "ServerVendorCapabilityType", "VectorType", "CartesianCoordinatesType"),
    *("OrientationType", "FrameType", "BitFieldType", "DiscreteItemType", "ArrayItemType"),
)
_CLAIMED: Final = (ua.NodeClass.VariableType, ua.NodeClass.ReferenceType)

_AGGREGATES: Final = frozenset({_ID.HasProperty, _ID.HasComponent, _ID.HasOrderedComponent})
_BELOW: Final = _AGGREGATES | {_ID.Organizes}
# A type's or rule's users are many, and nobody browses to them.
_ONE_WAY: Final = frozenset({_ID.HasTypeDefinition, _ID.HasModellingRule})

# attribute -> (key, value that is not written)
PLAIN: Final = {
    _A.DataType: ("d", None),
    _A.ValueRank: ("r", -1),
    _A.ArrayDimensions: ("D", None),
    _A.AccessLevel: ("a", 1),
    _A.EventNotifier: ("n", 0),
    _A.IsAbstract: ("b", False),
    _A.Symmetric: ("s", False),
    _A.Executable: ("x", True),
}


def standard_lines() -> str:
    """The file's text."""
    space = AddressSpace()
    standard_address_space.fill_address_space(NodeManagementService(space))  # type: ignore[no-untyped-call]
    nodes = {int(node.Identifier): space[node] for node in space.keys()}  # noqa: SIM118 - no mapping
    for root in NO_METHODS:
        below = [number for number in _subtree(nodes, root) if _is_method(nodes[number])]
        for number in below:
            _remove(nodes, number)
    for root in UNSERVED:
        _remove(nodes, root)
    links = _links(nodes)
    return "".join(
        json.dumps(_row(number, nodes[number], links[number]), ensure_ascii=False, separators=(",", ":"))
        + "\n"
        for number in sorted(nodes)
    )


def _subtree(nodes: dict[int, NodeData], root: int) -> Iterator[int]:
    yield root
    for reference in nodes[root].references:
        target = int(reference.NodeId.Identifier)
        if reference.IsForward and int(reference.ReferenceTypeId.Identifier) in _BELOW and target in nodes:
            yield from _subtree(nodes, target)


def _remove(nodes: dict[int, NodeData], root: int) -> None:
    for number in list(_subtree(nodes, root)) if root in nodes else ():
        nodes.pop(number, None)


def _is_method(data: NodeData) -> bool:
    return bool(_attribute(data, _A.NodeClass) == ua.NodeClass.Method)


def _links(nodes: dict[int, NodeData]) -> dict[int, list[list[int]]]:
    """[reference type, target] of each node, the target negative for an inverse one; both ends know."""
    links: dict[int, dict[tuple[int, int], None]] = {number: {} for number in nodes}
    for number, data in nodes.items():
        for reference in data.references:
            kind, target = int(reference.ReferenceTypeId.Identifier), int(reference.NodeId.Identifier)
            if target not in nodes:
                continue
            source, end = (number, target) if reference.IsForward else (target, number)
            links[source][kind, end] = None
            if kind not in _ONE_WAY:
                links[end][kind, -source] = None
    return {number: [list(link) for link in found] for number, found in links.items()}


def _row(number: int, data: NodeData, links: list[list[int]]) -> list[Any]:
    name = _attribute(data, _A.BrowseName).Name
    more: dict[str, Any] = {}
    for attribute, (key, default) in PLAIN.items():
        value = _attribute(data, attribute)
        value = int(value.Identifier) if isinstance(value, ua.NodeId) else value
        if value not in (None, default, []):
            more[key] = int(value) if isinstance(value, ua.ValueRank) else value
    if number == _ID.Server:
        more["n"] = NOTIFIES
    if _attribute(data, _A.NodeClass) in _CLAIMED and name not in ABSTRACT:
        more.pop("b", None)
    for attribute, key in ((_A.Description, "t"), (_A.DisplayName, "l"), (_A.InverseName, "i")):
        text = getattr(_attribute(data, attribute), "Text", None)
        if text and (key, text) != ("l", name):
            more[key] = text
    variant = _variant(data, _A.Value)
    if variant is not None and variant.Value is not None:
        more["v"] = variant_to_binary(variant).hex()
    return [number, int(_attribute(data, _A.NodeClass)), name, links, more]


def _variant(data: NodeData, attribute: ua.AttributeIds) -> ua.Variant | None:
    held = data.attributes.get(attribute)
    return None if held is None or held.value is None else held.value.Value


def _attribute(data: NodeData, attribute: ua.AttributeIds) -> Any:
    variant = _variant(data, attribute)
    return None if variant is None else variant.Value
