"""A plant's conditions put together: forms of its alarms, groups, nodes and the other events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asyncua import ua

from alarms.model import Alarm
from controller.opcua.gateway.conditions.conditions import Conditions
from controller.opcua.gateway.conditions.methods import GROUPS, METHODS
from controller.opcua.gateway.conditions.nodes import GROUPS_FOLDER, ConditionNodes, Group
from controller.opcua.gateway.conditions.notifiers import SERVER, Notifiers
from controller.opcua.gateway.conditions.shapes import Shape, Shapes
from controller.opcua.gateway.conditions.snapshot import Form
from controller.opcua.gateway.conditions.story import Story
from controller.opcua.gateway.conditions.types import Kind, Reading, kind_of
from controller.opcua.gateway.space import layout as at
from controller.opcua.gateway.space.names import of_plant
from controller.opcua.gateway.space.space import Space
from controller.plant.plant import Plant

_LATCHED: Final = frozenset({"Reset", "Reset2"})


@dataclass(frozen=True, slots=True)
class Made:
    """What `make` made. nodes: to be added to the space."""

    conditions: Conditions
    nodes: ConditionNodes
    story: Story


def make(plant: Plant, space: Space, read: Reading, server: str, certificate: bytes = b"") -> Made:
    """space: with the nodes of the plant in it already. read: a tag's present value, None unless Good.

    server: the application URI, for audit events. certificate: the application's own, DER.
    """
    shapes, notifiers = Shapes(space), Notifiers(space)

    sources = _sources(plant)

    def source_node(name: str) -> ua.NodeId:
        return sources.get(name, SERVER)

    def node_of(tag: int) -> ua.NodeId:
        return of_plant(plant.tags[tag].name)

    forms = {}
    for alarm in plant.alarms:
        kind = kind_of(alarm, plant.tags)
        methods = _methods(alarm, kind, shapes)
        source = source_node(alarm.source)
        forms[alarm.id] = Form(alarm, kind, source, node_of, of_plant, read, methods, certificate)
    groups = _groups(plant)
    memberships: dict[str, list[str]] = {}
    for group in groups.values():
        for alarm_id in group.members:
            memberships.setdefault(alarm_id, []).append(group.name)
    conditions = Conditions(
        forms,
        {one.name: (one.text, one.members) for one in plant.suppressions},
        lambda alarm: notifiers.of(forms[alarm.id].source),
        of_plant,
        time.time_ns,
        shapes,
        memberships,
    )
    nodes = ConditionNodes(conditions, shapes, dict(plant.areas), groups, of_plant(at.ROOT))
    story = Story(frozenset(forms), source_node, notifiers.of, server)
    return Made(conditions, nodes, story)


def _sources(plant: Plant) -> dict[str, ua.NodeId]:
    """Names that journal events have as their source -> nodes; a tag's name is the tag first of all."""
    paths = {one.name: f"{GROUPS_FOLDER}/{one.name}" for one in plant.suppressions}
    paths |= {group.name: f"{GROUPS_FOLDER}/{group.name}" for group in plant.first_out_groups}
    paths |= {one.name: f"{at.PERMISSIVE}/{one.name}" for one in plant.permissives}
    paths |= {one.name: f"{at.COMMAND}/{one.name}" for one in plant.commands}
    paths |= {one.name: f"{at.INTERLOCK}/{one.name}" for one in plant.interlocks}
    paths |= {plc.name: f"{at.PLC}/{plc.name}" for plc in plant.plcs}
    paths |= {alarm.id: alarm.id for alarm in plant.alarms}
    paths |= {tag.name: tag.name for tag in plant.tags}
    paths["heloop"] = at.SERVICE
    return {name: of_plant(path) for name, path in paths.items()}


def _methods(alarm: Alarm, kind: Kind, shapes: Shapes) -> Mapping[str, Shape]:
    """Those that the alarm has: a reset only where something latches."""
    found = {}
    for path in (*METHODS, GROUPS):
        if path in _LATCHED and not alarm.latching:
            continue
        shape = shapes.of(kind.id, path)
        assert shape is not None, f"the standard declares {path} for {kind.type}"
        found[path] = shape
    return found


def _groups(plant: Plant) -> dict[str, Group]:
    """Suppressions and first-out groups; a member that the plant does not have is left out."""
    known = {alarm.id for alarm in plant.alarms}
    found = {}
    for one in plant.suppressions:
        members = [alarm for alarm in one.members if alarm in known]
        found[one.name] = Group(one.name, one.text, members, suppresses=True)
    for group in plant.first_out_groups:
        members = [alarm for stage in group.stages for alarm in stage if alarm in known]
        found[group.name] = Group(group.name, group.text, members, suppresses=False)
    return found
