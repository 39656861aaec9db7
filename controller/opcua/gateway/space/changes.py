"""What differs between two versions of a plant, as Part 3 tells it: nodes and references, and meanings.

Pure. Told of are the things a plant is made of (tags, equipment, alarms ..), not the parts they all have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from asyncua import ua

from controller.opcua.gateway.space import layout as at
from controller.opcua.gateway.space.layout import Layout
from controller.opcua.gateway.space.names import of_plant
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.tag_types import tag_type
from controller.plant.plant import Plant
from controller.plant.tags import Tag

# Verbs of a ModelChangeStructureDataType (Part 5, 12.16).
ADDED: Final = 1
DELETED: Final = 2
REFERENCE_ADDED: Final = 4
REFERENCE_DELETED: Final = 8
DATA_TYPE_CHANGED: Final = 16


class Change(NamedTuple):
    """node: what changed; type: its type, null when it has none; verbs: ADDED .. as bits."""

    node: ua.NodeId
    type: ua.NodeId
    verbs: int


def model_changes(old: Space, new: Space) -> list[Change]:
    """Nodes that came and went, and those that others were hung on or taken off; by id."""
    before, after = _places(old.plant), _places(new.plant)
    verbs: dict[str, int] = {}

    def happened(path: str, verb: int) -> None:
        verbs[path] = verbs.get(path, 0) | verb

    for path in after.keys() - before.keys():
        happened(path, ADDED)
    for path in before.keys() - after.keys():
        happened(path, DELETED)
    nothing: frozenset[str] = frozenset()
    for path in before.keys() | after.keys():
        was, now = before.get(path, nothing), after.get(path, nothing)
        for parent in now - was:
            happened(parent, REFERENCE_ADDED)
        for parent in was - now:
            happened(parent, REFERENCE_DELETED)
    for tag in _retyped(old.plant, new.plant):
        happened(tag, DATA_TYPE_CHANGED)
    for path, told in verbs.items():  # of a node that is new or gone nothing else is told
        verbs[path] = told & (ADDED | DELETED) or told
    return [Change(of_plant(path), _type_of(old, new, path), verbs[path]) for path in sorted(verbs)]


def semantic_changes(old: Plant, new: Plant) -> list[str]:
    """Names of the tags whose values mean something else now: other range, unit or states (Part 8, 5.2)."""
    both = [(old.tags[old.index[tag.name]], tag) for tag in new.tags if tag.name in old.index]
    return [now.name for was, now in both if _meaning(was) != _meaning(now)]


def _meaning(tag: Tag) -> tuple[object, ...]:
    return tag_type(tag), tag.low, tag.high, tag.unit, tuple(tag.states)


def _retyped(old: Plant, new: Plant) -> list[str]:
    both = [(old.tags[old.index[tag.name]], tag) for tag in new.tags if tag.name in old.index]
    return [now.name for was, now in both if tag_type(was).data_type != tag_type(now).data_type]


def _type_of(old: Space, new: Space, path: str) -> ua.NodeId:
    node = new.find(of_plant(path)) or old.find(of_plant(path))
    found = None if node is None else node.type_definition
    return ua.NodeId() if found is None else found


def _places(plant: Plant) -> Mapping[str, frozenset[str]]:
    """The path of each thing -> what it hangs on."""
    layout = Layout.of(plant)
    found = {f"{at.AREA}/{name}": {at.AREAS} for name in dict(plant.areas)}
    for name in layout.groups:
        found[f"{at.EQUIPMENT}/{name}"] = {f"{at.AREA}/{layout.area_of_equipment(name)}"}
    found |= {f"{at.PLC}/{plc.name}": {at.PLCS} for plc in plant.plcs}
    found |= {f"{at.INTERLOCK}/{one.name}": {at.INTERLOCKS} for one in plant.interlocks}
    found |= {f"{at.COMMAND}/{one.name}": {at.COMMANDS} for one in plant.commands}
    found |= {f"{at.PERMISSIVE}/{one.name}": {at.PERMISSIVES} for one in plant.permissives}
    for tag in plant.tags:
        found[tag.name] = {layout.parent_of(tag.index)}
        if tag.plc is not None:
            found[tag.name].add(f"{at.PLC}/{plant.plcs[tag.plc].name}")
    for alarm in plant.alarms:
        found[alarm.id] = {f"Alarms/{alarm.area or 'Alarms'}"}
    return {path: frozenset(parents) for path, parents in found.items()}
