"""Conditions and alarm groups in the address space, made when somebody asks for them.

`LT-201.HH` is the condition, `LT-201.HH/AckedState/Id` what it shows, `LT-201.HH/Acknowledge` a method of
its own. All of it follows from the fields of a notification and from what the types declare for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from asyncua import ua

from controller.opcua.gateway.conditions.conditions import Conditions
from controller.opcua.gateway.conditions.methods import GROUPS, METHODS, call
from controller.opcua.gateway.conditions.shapes import Shape, Shapes
from controller.opcua.gateway.conditions.snapshot import Form
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.names import PLANT, of_plant, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import MethodNode, ObjectNode, VariableNode, Work

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session

_O: Final = ua.ObjectIds
_TYPE_OF: Final = standard(_O.HasTypeDefinition)
_COMPONENT: Final = standard(_O.HasComponent)
_PROPERTY: Final = standard(_O.HasProperty)
_ORGANIZES: Final = standard(_O.Organizes)
_CONDITION: Final = standard(_O.HasCondition)
_MEMBER: Final = standard(_O.AlarmGroupMember)
_SUPPRESSES: Final = standard(_O.HasAlarmSuppressionGroup)
ALARMS: Final = "Alarms"
GROUPS_FOLDER: Final = "AlarmGroups"
ARGUMENTS: Final = {"InputArguments": "inputs", "OutputArguments": "outputs"}


class Group:
    """A suppression or a first-out group. kind: its type."""

    def __init__(self, name: str, text: str, members: Sequence[str], *, suppresses: bool) -> None:
        self.name = name
        self.text = text
        self.members = members
        self.suppresses = suppresses

    @property
    def type(self) -> ua.NodeId:
        return standard(_O.AlarmSuppressionGroupType if self.suppresses else _O.AlarmGroupType)


class ConditionNodes:
    """The provider. root: the object under which the folders Alarms and AlarmGroups stand.

    areas: name -> text. groups: by name.
    """

    def __init__(
        self,
        conditions: Conditions,
        shapes: Shapes,
        areas: Mapping[str, str],
        groups: Mapping[str, Group],
        root: ua.NodeId,
    ) -> None:
        self._conditions = conditions
        self._shapes = shapes
        self._areas = areas
        self._groups = groups
        self._root = root
        self._children: dict[tuple[ua.NodeId, tuple[str, ...]], dict[str, list[str]]] = {}
        self._by_source: dict[ua.NodeId, list[str]] = {}
        self._by_area: dict[str, list[str]] = {area: [] for area in areas}
        for alarm, form in conditions.forms.items():
            self._by_source.setdefault(form.source, []).append(alarm)
            self._by_area.setdefault(form.alarm.area or ALARMS, []).append(alarm)

    # --- the provider --------------------------------------------------------------------------

    def find(self, node_id: ua.NodeId) -> Node | None:
        if node_id.NamespaceIndex != PLANT or not isinstance(node_id.Identifier, str):
            return None
        head, _, path = node_id.Identifier.partition("/")
        form = self._conditions.forms.get(head)
        if form is not None:
            return self._below(form, path) if path else self._condition(form)
        if head == ALARMS:
            return self._folder(node_id, path)
        return self._group_node(path) if head == GROUPS_FOLDER else None

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        added = [Reference(_CONDITION, of_plant(alarm)) for alarm in self._by_source.get(node_id, ())]
        if node_id == self._root:
            added += [Reference(_ORGANIZES, of_plant(name)) for name in (ALARMS, GROUPS_FOLDER)]
        return added

    # --- folders and groups --------------------------------------------------------------------

    def _folder(self, node_id: ua.NodeId, area: str) -> Node | None:
        if area and area not in self._by_area:
            return None
        if area:
            inside = [of_plant(alarm) for alarm in self._by_area[area]]
            parent, name, text = of_plant(ALARMS), area, self._areas.get(area, area)
        else:
            inside = [of_plant(f"{ALARMS}/{one}") for one in self._by_area if self._by_area[one]]
            parent, name, text = self._root, ALARMS, ALARMS
        return _object(node_id, name, standard(_O.FolderType), parent, _ORGANIZES, inside, text)

    def _group_node(self, name: str) -> Node | None:
        folder = of_plant(GROUPS_FOLDER)
        if not name:
            inside = [of_plant(f"{GROUPS_FOLDER}/{one}") for one in self._groups]
            return _object(
                folder, GROUPS_FOLDER, standard(_O.FolderType), self._root, _ORGANIZES, inside, "Alarm groups"
            )
        group = self._groups.get(name)
        if group is None:
            return None
        members = [Reference(_MEMBER, of_plant(alarm)) for alarm in group.members]
        return ObjectNode(
            id=of_plant(f"{GROUPS_FOLDER}/{name}"),
            browse_name=ua.QualifiedName(name, PLANT),
            text=group.text or name,
            type_definition=group.type,
            links=[
                Reference(_TYPE_OF, group.type),
                Reference(_ORGANIZES, folder, forward=False),
                *members,
            ],
        )

    # --- conditions ----------------------------------------------------------------------------

    def _condition(self, form: Form) -> Node:
        alarm = form.alarm
        children = [
            Reference(shape.reference, of_plant(f"{alarm.id}/{name}"))
            for name in self._tree(form)[""]
            if (shape := self._shapes.of(form.kind.id, name)) is not None
        ]
        groups = [self._groups[name] for name in self._conditions.groups(alarm.id)]
        return ObjectNode(
            id=of_plant(alarm.id),
            browse_name=ua.QualifiedName(alarm.id, PLANT),
            text=alarm.id,
            description=alarm.text,
            type_definition=form.kind.id,
            links=[
                Reference(_TYPE_OF, form.kind.id),
                Reference(_CONDITION, form.source, forward=False),
                Reference(_ORGANIZES, of_plant(f"{ALARMS}/{alarm.area or ALARMS}"), forward=False),
                *children,
                *(Reference(_MEMBER, _group_id(one), forward=False) for one in groups),
                *(Reference(_SUPPRESSES, _group_id(one)) for one in groups if one.suppresses),
            ],
        )

    def _tree(self, form: Form) -> dict[str, list[str]]:
        """Parent path -> names below it; the same for all alarms of one kind."""
        key = (form.kind.id, (*form.paths, *form.methods))
        known = self._children.get(key)
        if known is None:
            tree: dict[str, list[str]] = {"": []}
            for path in (*form.paths, *form.methods):
                parts = path.split("/")
                for depth, name in enumerate(parts):
                    inside = tree.setdefault("/".join(parts[:depth]), [])
                    if name not in inside:
                        inside.append(name)
            known = self._children[key] = tree
        return known

    def _below(self, form: Form, path: str) -> Node | None:
        head, _, last = path.rpartition("/")
        if last in ARGUMENTS and head in form.methods:
            return _arguments(form, head, last)
        if last not in self._tree(form).get(head, ()):
            return None
        shape = self._shapes.of(form.kind.id, path)
        if shape is None:
            return None
        links = self._links(form, path, shape)
        name = ua.QualifiedName(shape.name, 0)
        node_id = of_plant(f"{form.alarm.id}/{path}")
        match shape.node_class:
            case ua.NodeClass.Method:
                return _method(form, path, shape, links)
            case ua.NodeClass.Object:
                return ObjectNode(
                    id=node_id, browse_name=name, type_definition=shape.type_definition, links=links
                )
            case _:
                return VariableNode(
                    id=node_id,
                    browse_name=name,
                    type_definition=shape.type_definition,
                    links=links,
                    value=_Reads(self._conditions, form.alarm.id, path),
                    data_type=shape.data_type or standard(_O.BaseDataType),
                    rank=shape.rank,
                )

    def _links(self, form: Form, path: str, shape: Shape) -> list[Reference]:
        alarm = form.alarm.id
        parent = path.rpartition("/")[0]
        links = [
            Reference(shape.reference, of_plant(f"{alarm}/{parent}" if parent else alarm), forward=False)
        ]
        if shape.type_definition is not None:
            links.append(Reference(_TYPE_OF, shape.type_definition))
        for name in self._tree(form).get(path, ()):
            child = self._shapes.of(form.kind.id, f"{path}/{name}")
            if child is not None:
                links.append(Reference(child.reference, of_plant(f"{alarm}/{path}/{name}")))
        return links


class _Reads:
    """A variable's value: what the condition's last notification said there."""

    __slots__ = ("_alarm", "_conditions", "_path")

    def __init__(self, conditions: Conditions, alarm: str, path: str) -> None:
        self._conditions = conditions
        self._alarm = alarm
        self._path = path

    def __call__(self, _: Caller) -> ua.DataValue:
        fields = self._conditions.fields(self._alarm)
        time = fields["Time"].Value
        return ua.DataValue(fields.get(self._path, ua.Variant()), SourceTimestamp=time)


def _object(
    node_id: ua.NodeId,
    name: str,
    kind: ua.NodeId,
    parent: ua.NodeId,
    reference: ua.NodeId,
    inside: Sequence[ua.NodeId],
    text: str,
) -> ObjectNode:
    return ObjectNode(
        id=node_id,
        browse_name=ua.QualifiedName(name, PLANT),
        text=text,
        type_definition=kind,
        links=[
            Reference(_TYPE_OF, kind),
            Reference(reference, parent, forward=False),
            *(Reference(reference, one) for one in inside),
        ],
    )


def _group_id(group: Group) -> ua.NodeId:
    return of_plant(f"{GROUPS_FOLDER}/{group.name}")


def _method(form: Form, path: str, shape: Shape, links: list[Reference]) -> MethodNode:
    own = of_plant(f"{form.alarm.id}/{path}")
    described = [name for name, field in ARGUMENTS.items() if getattr(shape, field)]
    arguments = [Reference(_PROPERTY, of_plant(f"{form.alarm.id}/{path}/{name}")) for name in described]
    return MethodNode(
        id=own,
        browse_name=ua.QualifiedName(shape.name, 0),
        links=[*links, *arguments],
        inputs=shape.inputs,
        outputs=shape.outputs,
        caller_role="viewer" if path == GROUPS else METHODS[path].role,
        work=_work(form.alarm.id, path),
    )


def _work(alarm: str, path: str) -> Work:
    async def work(gateway: Gateway, session: Session, inputs: Sequence[ua.Variant]) -> Sequence[ua.Variant]:
        return await call(gateway, session, alarm, path, inputs)

    return work


def _arguments(form: Form, path: str, name: str) -> Node | None:
    arguments: tuple[ua.Argument, ...] = getattr(form.methods[path], ARGUMENTS[name])
    if not arguments:
        return None
    method = of_plant(f"{form.alarm.id}/{path}")
    return VariableNode(
        id=of_plant(f"{form.alarm.id}/{path}/{name}"),
        browse_name=ua.QualifiedName(name, 0),
        type_definition=standard(_O.PropertyType),
        links=[
            Reference(_PROPERTY, method, forward=False),
            Reference(_TYPE_OF, standard(_O.PropertyType)),
        ],
        value=ua.Variant(list(arguments), ua.VariantType.ExtensionObject, is_array=True),
        data_type=standard(_O.Argument),
        rank=1,
        dimensions=[len(arguments)],
    )
