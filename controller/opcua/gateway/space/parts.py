"""Our object types: what their instances have, said once for types, instances and the NodeSet export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from asyncua import ua

from controller.opcua.gateway.space.names import PLANT, TYPES, of_types, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import (
    NOTIFIES,
    MethodNode,
    ObjectNode,
    TypeNode,
    VariableNode,
    Work,
)

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
COMPONENT: Final = standard(_ID.HasComponent)
PROPERTY: Final = standard(_ID.HasProperty)
SUBTYPE: Final = standard(_ID.HasSubtype)
TYPE_OF: Final = standard(_ID.HasTypeDefinition)
RULE: Final = standard(_ID.HasModellingRule)
MANDATORY: Final = standard(_ID.ModellingRule_Mandatory)
OPTIONAL: Final = standard(_ID.ModellingRule_Optional)


@dataclass(frozen=True, slots=True)
class Variable:
    """A component variable or property. states: its texts 0, 1, .. (MultiStateDiscreteType, UInt32)."""

    name: str
    kind: ua.VariantType
    text: str
    states: tuple[str, ...] = ()
    fixed: bool = False  # a property: configured, does not change while the gateway runs
    array: bool = False
    optional: bool = False
    duration: bool = False  # Double of milliseconds

    @property
    def type_definition(self) -> ua.NodeId:
        if self.fixed:
            return standard(_ID.PropertyType)
        return standard(_ID.MultiStateDiscreteType if self.states else _ID.BaseDataVariableType)

    @property
    def data_type(self) -> ua.NodeId:
        return standard(_ID.Duration if self.duration else int(self.kind))


@dataclass(frozen=True, slots=True)
class Method:
    """A method. inputs: (name, built-in type, what it means). role: the least that may call it."""

    name: str
    text: str
    inputs: tuple[tuple[str, ua.VariantType, str], ...] = ()
    role: str = "operator"
    optional: bool = False


Part = Variable | Method


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object type of ours. objects: its component objects by name. notifier: tells events."""

    name: str
    text: str
    parts: tuple[Part, ...] = ()
    objects: tuple[tuple[str, ObjectType], ...] = ()
    notifier: bool = False
    base: int = _ID.BaseObjectType

    @property
    def id(self) -> ua.NodeId:
        return of_types(self.name)


@dataclass(frozen=True, slots=True)
class Instance:
    """One object by its type: where values and methods' work come from, and what is absent of optional parts.

    value(part name) -> DataValue. more: parts beside the type's (a command's words).
    """

    type: ObjectType
    path: str
    name: str
    value: Callable[[str], ua.DataValue]
    work: Callable[[str], Work | None]
    text: str = ""
    description: str = ""
    absent: frozenset[str] = frozenset()
    more: tuple[Part, ...] = ()
    parent: Reference | None = None  # inverse, from here up
    links: tuple[Reference, ...] = ()
    namespace: int = PLANT  # of its own name; its parts have those of the type

    def parts(self) -> Iterator[Part]:
        for part in (*self.type.parts, *self.more):
            if part.name not in self.absent:
                yield part

    def objects(self) -> Iterator[tuple[str, ObjectType]]:
        return ((name, kind) for name, kind in self.type.objects if name not in self.absent)


Make = Callable[[str], ua.NodeId]  # a path -> its node id in the right namespace


def find(instance: Instance, rest: Sequence[str], make: Make) -> Node | None:
    """The node at the path below the instance: [] itself, ['State'], ['Reset', 'InputArguments']."""
    if not rest:
        return _object(instance, make)
    for name, kind in instance.objects():
        if name == rest[0]:
            return find(_component(instance, name, kind, make), rest[1:], make)
    part = next((one for one in instance.parts() if one.name == rest[0]), None)
    if isinstance(part, Variable):
        return _variable(instance, part, rest[1:], make)
    if isinstance(part, Method):
        return _method(instance, part, rest[1:], make)
    return None


def _object(instance: Instance, make: Make) -> ObjectNode:
    return ObjectNode(
        id=make(instance.path),
        browse_name=ua.QualifiedName(instance.name, instance.namespace),
        type_definition=instance.type.id,
        links=[Reference(TYPE_OF, instance.type.id), *_up(instance), *_down(instance, make), *instance.links],
        text=instance.text,
        description=instance.description,
        event_notifier=NOTIFIES if instance.type.notifier else 0,
    )


def _up(instance: Instance) -> list[Reference]:
    return [] if instance.parent is None else [instance.parent]


def _down(instance: Instance, make: Make) -> Iterator[Reference]:
    for part in instance.parts():
        kind = PROPERTY if isinstance(part, Variable) and part.fixed else COMPONENT
        yield Reference(kind, make(f"{instance.path}/{part.name}"))
    for name, _ in instance.objects():
        yield Reference(COMPONENT, make(f"{instance.path}/{name}"))


def _component(instance: Instance, name: str, kind: ObjectType, make: Make) -> Instance:
    return replace(
        instance,
        type=kind,
        path=f"{instance.path}/{name}",
        name=name,
        value=lambda part: instance.value(f"{name}/{part}"),
        work=lambda part: instance.work(f"{name}/{part}"),
        text="",
        description=kind.text,
        absent=frozenset(path.partition("/")[2] for path in instance.absent if path.startswith(f"{name}/")),
        more=(),
        parent=Reference(COMPONENT, make(instance.path), forward=False),
        links=(),
        namespace=TYPES,
    )


def _variable(instance: Instance, part: Variable, rest: Sequence[str], make: Make) -> VariableNode | None:
    path = f"{instance.path}/{part.name}"
    if rest == ["EnumStrings"] and part.states:
        texts = [ua.LocalizedText(text) for text in part.states]
        return property_node(make(f"{path}/EnumStrings"), "EnumStrings", texts, _V.LocalizedText, make(path))
    if rest:
        return None
    links = [
        Reference(TYPE_OF, part.type_definition),
        Reference(PROPERTY if part.fixed else COMPONENT, make(instance.path), forward=False),
    ]
    if part.states:
        links.append(Reference(PROPERTY, make(f"{path}/EnumStrings")))
    return VariableNode(
        id=make(path),
        browse_name=ua.QualifiedName(part.name, PLANT if part in instance.more else TYPES),
        type_definition=part.type_definition,
        links=links,
        description=part.text,
        value=lambda _: instance.value(part.name),
        data_type=part.data_type,
        rank=1 if part.array else -1,
        sampling_ms=0.0 if part.fixed else 1000.0,
    )


def _method(instance: Instance, part: Method, rest: Sequence[str], make: Make) -> Node | None:
    path = f"{instance.path}/{part.name}"
    inputs = [argument(name, kind, text) for name, kind, text in part.inputs]
    if rest == ["InputArguments"] and inputs:
        return property_node(
            make(f"{path}/InputArguments"),
            "InputArguments",
            inputs,
            _V.ExtensionObject,
            make(path),
            _ID.Argument,
        )
    if rest:
        return None
    links = [Reference(COMPONENT, make(instance.path), forward=False)]
    if inputs:
        links.append(Reference(PROPERTY, make(f"{path}/InputArguments")))
    return MethodNode(
        id=make(path),
        browse_name=ua.QualifiedName(part.name, PLANT if part in instance.more else TYPES),
        links=links,
        description=part.text,
        inputs=inputs,
        caller_role=part.role,
        work=instance.work(part.name),
    )


def argument(name: str, kind: ua.VariantType, text: str) -> ua.Argument:
    return ua.Argument(
        ua.String(name), standard(int(kind)), ua.Int32(-1), [], ua.LocalizedText(ua.String(text))
    )


def property_node(
    node: ua.NodeId,
    name: str,
    value: Any,
    kind: ua.VariantType,
    owner: ua.NodeId,
    data_type: int | None = None,
) -> VariableNode:
    """A standard property with a fixed value; an array when the value is a list."""
    number = int(kind) if data_type is None else data_type
    return VariableNode(
        id=node,
        browse_name=ua.QualifiedName(name, 0),
        type_definition=standard(_ID.PropertyType),
        links=[
            Reference(TYPE_OF, standard(_ID.PropertyType)),
            Reference(PROPERTY, owner, forward=False),
        ],
        value=ua.Variant(value, kind),
        data_type=standard(number),
        rank=1 if isinstance(value, list) else -1,
        dimensions=[len(value)] if isinstance(value, list) else [],
    )


class TypeNodes:
    """The provider of the types themselves, with their parts as instance declarations."""

    def __init__(self, types: Sequence[ObjectType]) -> None:
        self._types = {kind.name: kind for kind in types}

    def find(self, node_id: ua.NodeId) -> Node | None:
        if node_id.NamespaceIndex != TYPES or not isinstance(node_id.Identifier, str):
            return None
        head, *rest = node_id.Identifier.split("/")
        kind = self._types.get(head)
        if kind is None:
            return None
        declared = _declared(kind)
        if not rest:
            return self._type(kind, declared)
        node = find(declared, rest, of_types)
        return None if node is None else _ruled(node, kind, rest)

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        return [
            Reference(SUBTYPE, kind.id) for kind in self._types.values() if standard(kind.base) == node_id
        ]

    def _type(self, kind: ObjectType, declared: Instance) -> TypeNode:
        return TypeNode(
            id=kind.id,
            browse_name=ua.QualifiedName(kind.name, TYPES),
            description=kind.text,
            links=[Reference(SUBTYPE, standard(kind.base), forward=False), *_down(declared, of_types)],
        )

    def ids(self) -> Iterator[ua.NodeId]:
        return (kind.id for kind in self._types.values())


def _declared(kind: ObjectType) -> Instance:
    null = ua.DataValue(ua.Variant())
    return Instance(kind, kind.name, kind.name, value=lambda _: null, work=lambda _: None, namespace=TYPES)


def _ruled(node: Node, kind: ObjectType, rest: Sequence[str]) -> Node:
    """Its modelling rule: how an instance is to have it."""
    optional = len(rest) == 1 and any(part.name == rest[0] and part.optional for part in kind.parts)
    if isinstance(node, ObjectNode | VariableNode | MethodNode):
        node.links = [*node.links, Reference(RULE, OPTIONAL if optional else MANDATORY)]
    return node
