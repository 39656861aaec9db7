"""Nodes straight into asyncua's address space: without its per-node services, and quick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData

from controller.opcua.plc.wire import node_id

READ: Final = 1 << ua.AccessLevel.CurrentRead
READ_WRITE: Final = READ | 1 << ua.AccessLevel.CurrentWrite

_A: Final = ua.AttributeIds
_V: Final = ua.VariantType


def add_object(
    space: AddressSpace,
    node: ua.NodeId,
    parent: ua.NodeId | None,
    name: str,
    type_id: int,
    namespace: int = 0,
) -> None:
    """An object or folder: organised by the Objects folder and other folders, else a component."""
    values = {_A.EventNotifier: ua.Variant(0, _V.Byte)}
    data = _node(space, node, ua.QualifiedName(name, namespace), ua.NodeClass.Object, "", values)
    _typed(space, data, type_id)
    if parent is not None:
        folder = parent.NamespaceIndex == 0 and parent.Identifier != ua.ObjectIds.Server
        reference = ua.ObjectIds.Organizes if folder else ua.ObjectIds.HasComponent
        _refer(space[parent], data, reference, type_id)


def add_type(
    space: AddressSpace,
    node: ua.NodeId,
    parent: ua.NodeId,
    name: str,
    node_class: ua.NodeClass,
    reference: int,
) -> None:
    """A type node under its super-type (HasSubtype) or its folder (Organizes)."""
    values = {_A.IsAbstract: ua.Variant(False, _V.Boolean)}
    if node_class is ua.NodeClass.ReferenceType:
        values[_A.Symmetric] = ua.Variant(False, _V.Boolean)
        values[_A.InverseName] = ua.Variant(ua.LocalizedText(), _V.LocalizedText)
    data = _node(space, node, ua.QualifiedName(name, 0), node_class, "", values)
    _refer(space[parent], data, reference, None)


def add_variable(
    space: AddressSpace,
    node: ua.NodeId,
    parent: ua.NodeId,
    name: str,
    value: ua.Variant,
    data_type: int,
    *,
    text: str = "",
    access: int = READ,
    sampling_ms: float = 0.0,
    is_property: bool = False,
) -> AttributeValue:
    """A variable or property; returns the holder of its value."""
    values = {
        _A.Value: value,
        _A.DataType: ua.Variant(node_id(data_type), _V.NodeId),
        _A.ValueRank: ua.Variant(1 if value.is_array else -1, _V.Int32),
        _A.AccessLevel: ua.Variant(access, _V.Byte),
        _A.UserAccessLevel: ua.Variant(access, _V.Byte),
        _A.MinimumSamplingInterval: ua.Variant(sampling_ms, _V.Double),
        _A.Historizing: ua.Variant(False, _V.Boolean),
    }
    if value.is_array:
        values[_A.ArrayDimensions] = ua.Variant([len(value.Value)], _V.UInt32)
    browse = ua.QualifiedName(name, node.NamespaceIndex)
    data = _node(space, node, browse, ua.NodeClass.Variable, text, values)
    type_id = ua.ObjectIds.PropertyType if is_property else ua.ObjectIds.BaseDataVariableType
    _typed(space, data, type_id)
    reference = ua.ObjectIds.HasProperty if is_property else ua.ObjectIds.HasComponent
    _refer(space[parent], data, reference, type_id)
    return data.attributes[_A.Value]


def remove(space: AddressSpace, node: ua.NodeId) -> None:
    """Takes a node out; whoever monitors it must have been told before."""
    data = space[node]
    for attribute in data.attributes.values():
        for handle in list(attribute.datachange_callbacks):
            space.delete_datachange_callback(handle)
    for reference in data.references:
        other = space.get(reference.NodeId)
        if other is not None:
            other.references = [r for r in other.references if r.NodeId != node]
    del space[node]


def _node(
    space: AddressSpace,
    node: ua.NodeId,
    browse: ua.QualifiedName,
    node_class: ua.NodeClass,
    text: str,
    values: Mapping[ua.AttributeIds, ua.Variant],
) -> NodeData:
    data = NodeData(node)
    common: dict[ua.AttributeIds, ua.Variant] = {
        _A.NodeId: ua.Variant(node, _V.NodeId),
        _A.NodeClass: ua.Variant(int(node_class), _V.Int32),
        _A.BrowseName: ua.Variant(browse, _V.QualifiedName),
        _A.DisplayName: ua.Variant(ua.LocalizedText(browse.Name), _V.LocalizedText),
        _A.Description: ua.Variant(ua.LocalizedText(text), _V.LocalizedText),
        _A.WriteMask: ua.Variant(0, _V.UInt32),
        _A.UserWriteMask: ua.Variant(0, _V.UInt32),
    }
    for attribute, variant in (common | dict(values)).items():
        data.attributes[attribute] = AttributeValue(ua.DataValue(variant))
    space[node] = data
    return data


def _value(data: NodeData, attribute: ua.AttributeIds) -> Any:
    held = data.attributes[attribute].value
    assert held is not None
    assert held.Value is not None
    return held.Value.Value


def _refer(parent: NodeData, child: NodeData, reference: int, type_id: int | None) -> None:
    """Parent to child, and back."""
    definition = ua.NodeId() if type_id is None else node_id(type_id)
    parent.references.append(_reference(child, reference, definition, forward=True))
    child.references.append(_reference(parent, reference, ua.NodeId(), forward=False))


def _typed(space: AddressSpace, data: NodeData, type_id: int) -> None:
    target = space.get(node_id(type_id))
    reference = ua.ReferenceDescription(
        ReferenceTypeId=node_id(ua.ObjectIds.HasTypeDefinition),
        IsForward=True,
        NodeId=node_id(type_id),
        BrowseName=_value(target, _A.BrowseName) if target else ua.QualifiedName(ua.ObjectIdNames[type_id]),
    )
    data.references.append(reference)


def _reference(
    target: NodeData, kind: int, definition: ua.NodeId, *, forward: bool
) -> ua.ReferenceDescription:
    return ua.ReferenceDescription(
        ReferenceTypeId=node_id(kind),
        IsForward=forward,
        NodeId=target.nodeid,
        BrowseName=_value(target, _A.BrowseName),
        DisplayName=_value(target, _A.DisplayName),
        NodeClass=ua.NodeClass(_value(target, _A.NodeClass)),
        TypeDefinition=definition,
    )
