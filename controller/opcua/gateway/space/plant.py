"""The plant's nodes: areas, equipment, PLCs, tags, interlocks, commands, permissives and the service.

None is stored. A node id is a path ('PT-303', 'PT-303/EURange', 'Interlock/I-01/Bypass/Request'), its first
part says what it is, and a template says what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final

from asyncua import ua

from controller import __version__
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.space import layout as at
from controller.opcua.gateway.space import types
from controller.opcua.gateway.space.layout import Layout
from controller.opcua.gateway.space.names import PLANT, of_plant, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import ObjectNode, data_value
from controller.opcua.gateway.space.parts import COMPONENT, TYPE_OF, Instance, ObjectType, find
from controller.opcua.gateway.space.people import command_work, interlock_work, word_methods
from controller.opcua.gateway.space.tags import EVENT_SOURCE, ORGANIZES, TagNodes
from controller.opcua.gateway.space.wording import interlock_facts, permissive_guards
from controller.opcua.gateway.values import Values
from controller.plant.plant import CheckedEffect, Plant

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
NOTIFIER: Final = standard(_ID.HasNotifier)
OBJECTS: Final = standard(_ID.ObjectsFolder)
SERVER: Final = standard(_ID.Server)
FOLDER: Final = standard(_ID.FolderType)
_FOLDERS: Final = {
    at.AREAS: "The plant by area.",
    at.PLCS: "The controllers and the links to them.",
    at.INTERLOCKS: "Cause and effect.",
    at.COMMANDS: "What an operator may ask the machines to do.",
    at.PERMISSIVES: "Permissions that interlocks withhold.",
}


class PlantNodes:
    """The provider of the plant's namespace, but for conditions."""

    def __init__(self, plant: Plant, values: Values, picture: Picture) -> None:
        self._plant = plant
        self._picture = picture
        self._layout = Layout.of(plant)
        self._tags = TagNodes(plant, self._layout, values)
        self._areas = dict(plant.areas)
        self._plcs = {plc.name: plc for plc in plant.plcs}
        self._interlocks = {one.name: one for one in plant.interlocks}
        self._commands = {one.name: one for one in plant.commands}
        self._permissives = {one.name: one for one in plant.permissives}
        self._single: dict[str, Callable[[], Instance]] = {at.ROOT: self._root, at.SERVICE: self._service}
        self._kinds: dict[str, tuple[Container[str], Callable[[str], Instance]]] = {
            at.AREA: (self._areas, self._area),
            at.EQUIPMENT: (self._layout.groups, self._equipment),
            at.PLC: (self._plcs, self._plc),
            at.INTERLOCK: (self._interlocks, self._interlock),
            at.COMMAND: (self._commands, self._command),
            at.PERMISSIVE: (self._permissives, self._permissive),
        }

    # --- provider ------------------------------------------------------------------------------

    def find(self, node_id: ua.NodeId) -> Node | None:
        if node_id.NamespaceIndex != PLANT or not isinstance(node_id.Identifier, str):
            return None
        head, *rest = node_id.Identifier.split("/")
        tag = self._tags.find(head, rest)
        if tag is not None:
            return tag
        if head in _FOLDERS and not rest:
            return self._folder(head)
        instance, below = self._instance(head, rest)
        return None if instance is None else find(instance, below, of_plant)

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        if node_id == OBJECTS:
            return [Reference(ORGANIZES, of_plant(at.ROOT))]
        if node_id == SERVER:
            return [Reference(NOTIFIER, of_plant(at.ROOT))]
        return ()

    def walk(self) -> Iterator[ua.NodeId]:
        """Every node of the plant, top down: for the NodeSet export and for tests."""
        waiting, seen = [of_plant(at.ROOT)], {of_plant(at.ROOT)}
        while waiting:
            node_id = waiting.pop()
            node = self.find(node_id)
            if node is None:
                continue
            yield node_id
            below = [r.target for r in node.references() if r.forward and r.target.NamespaceIndex == PLANT]
            fresh = [target for target in dict.fromkeys(below) if target not in seen]
            seen.update(fresh)
            waiting.extend(reversed(fresh))

    # --- what there is -------------------------------------------------------------------------

    def _instance(self, head: str, rest: list[str]) -> tuple[Instance | None, list[str]]:
        """The object that a path names, and what is left of the path."""
        if head in self._single:
            return self._single[head](), rest
        name, below = (rest[0], rest[1:]) if rest else ("", [])
        known, make = self._kinds.get(head, ((), self._area))
        return (make(name) if name in known else None), below

    def _root(self) -> Instance:
        folders = [Reference(COMPONENT, of_plant(path)) for path in (*_FOLDERS, at.SERVICE)]
        notifiers = [
            *(f"{at.AREA}/{name}" for name in self._areas),
            *(f"{at.PLC}/{name}" for name in self._plcs),
            *(f"{at.INTERLOCK}/{name}" for name in self._interlocks),
        ]
        return _plain(
            types.PLANT,
            at.ROOT,
            self._plant.name,
            description=self._plant.text,
            parent=Reference(ORGANIZES, OBJECTS, forward=False),
            links=(
                Reference(NOTIFIER, SERVER, forward=False),
                *folders,
                *(Reference(NOTIFIER, of_plant(path)) for path in notifiers),
            ),
        )

    def _folder(self, name: str) -> ObjectNode:
        below = {
            at.AREAS: [f"{at.AREA}/{one}" for one in self._areas],
            at.PLCS: [f"{at.PLC}/{one}" for one in self._plcs],
            at.INTERLOCKS: [f"{at.INTERLOCK}/{one}" for one in self._interlocks],
            at.COMMANDS: [f"{at.COMMAND}/{one}" for one in self._commands],
            at.PERMISSIVES: [f"{at.PERMISSIVE}/{one}" for one in self._permissives],
        }[name]
        return ObjectNode(
            id=of_plant(name),
            browse_name=ua.QualifiedName(name, PLANT),
            type_definition=FOLDER,
            description=_FOLDERS[name],
            links=[
                Reference(TYPE_OF, FOLDER),
                Reference(COMPONENT, of_plant(at.ROOT), forward=False),
                *(Reference(ORGANIZES, of_plant(path)) for path in below),
            ],
        )

    def _area(self, name: str) -> Instance:
        equipment = self._layout.equipment_by_area.get(name, [])
        alone = [self._plant.tags[index].name for index in self._layout.alone_by_area.get(name, [])]
        return _plain(
            types.AREA,
            f"{at.AREA}/{name}",
            name,
            description=self._areas[name],
            parent=Reference(ORGANIZES, of_plant(at.AREAS), forward=False),
            links=(
                Reference(NOTIFIER, of_plant(at.ROOT), forward=False),
                *(Reference(ORGANIZES, of_plant(f"{at.EQUIPMENT}/{one}")) for one in equipment),
                *(Reference(EVENT_SOURCE, of_plant(f"{at.EQUIPMENT}/{one}")) for one in equipment),
                *(Reference(ORGANIZES, of_plant(one)) for one in alone),
                *(Reference(EVENT_SOURCE, of_plant(one)) for one in alone),
            ),
        )

    def _equipment(self, name: str) -> Instance:
        tags = [self._plant.tags[index] for index in self._layout.groups[name]]
        area = of_plant(f"{at.AREA}/{self._layout.area_of_equipment(name)}")
        commands = self._layout.commands_by_equipment.get(name, [])
        return _plain(
            types.EQUIPMENT,
            f"{at.EQUIPMENT}/{name}",
            name,
            description=tags[0].text,
            parent=Reference(ORGANIZES, area, forward=False),
            links=(
                Reference(EVENT_SOURCE, area, forward=False),
                *(Reference(COMPONENT, of_plant(tag.name)) for tag in tags),
                *(Reference(EVENT_SOURCE, of_plant(tag.name)) for tag in tags),
                *(Reference(ORGANIZES, of_plant(f"{at.COMMAND}/{one}")) for one in commands),
            ),
        )

    def _plc(self, name: str) -> Instance:
        plc = self._plcs[name]
        tags = [self._plant.tags[index].name for index in self._layout.tags_by_plc.get(plc.index, [])]

        def value(part: str) -> ua.DataValue:
            if part == "Endpoint":
                return data_value(plc.endpoint, _V.String)
            return self._picture.plc(name, part)

        return Instance(
            types.PLC,
            f"{at.PLC}/{name}",
            name,
            value=value,
            work=lambda _: None,
            description=plc.text,
            parent=Reference(ORGANIZES, of_plant(at.PLCS), forward=False),
            links=(
                Reference(NOTIFIER, of_plant(at.ROOT), forward=False),
                *(Reference(ORGANIZES, of_plant(tag)) for tag in tags),
            ),
        )

    def _interlock(self, name: str) -> Instance:
        rule = self._interlocks[name]
        facts = interlock_facts(self._plant, rule)
        absent = set() if rule.bypass is not None else {"Bypass"}
        if not any(isinstance(effect, CheckedEffect) for effect in rule.effects):
            absent.add("EffectCheck")
        return Instance(
            types.INTERLOCK,
            f"{at.INTERLOCK}/{rule.name}",
            rule.name,
            value=lambda part: facts[part] if part in facts else self._picture.interlock(rule.name, part),
            work=lambda method: interlock_work(rule, method),
            description=rule.text,
            absent=frozenset(absent),
            parent=Reference(ORGANIZES, of_plant(at.INTERLOCKS), forward=False),
            links=(Reference(NOTIFIER, of_plant(at.ROOT), forward=False),),
        )

    def _command(self, name: str) -> Instance:
        command = self._commands[name]
        words = data_value([word.name for word in command.words], _V.String)
        equipment = self._layout.equipment_of(command.word)
        links = (
            []
            if equipment is None
            else [Reference(ORGANIZES, of_plant(f"{at.EQUIPMENT}/{equipment}"), False)]
        )
        return Instance(
            types.COMMAND,
            f"{at.COMMAND}/{command.name}",
            command.name,
            value=lambda part: words if part == "Words" else self._picture.command(command.name, part),
            work=lambda method: command_work(command, method),
            description=command.text,
            more=word_methods(command),
            parent=Reference(ORGANIZES, of_plant(at.COMMANDS), forward=False),
            links=tuple(links),
        )

    def _permissive(self, name: str) -> Instance:
        one = self._permissives[name]
        guards = permissive_guards(self._plant, one)
        return Instance(
            types.PERMISSIVE,
            f"{at.PERMISSIVE}/{one.name}",
            one.name,
            value=lambda part: guards if part == "Guards" else self._picture.permissive(one.name, part),
            work=lambda _: None,
            description=one.text,
            parent=Reference(ORGANIZES, of_plant(at.PERMISSIVES), forward=False),
        )

    def _service(self) -> Instance:
        fixed = {
            "Version": data_value(__version__, _V.String),
            "PlantHash": data_value(self._plant.text_hash, _V.String),
        }
        return Instance(
            types.SERVICE,
            at.SERVICE,
            at.SERVICE,
            value=lambda part: fixed[part] if part in fixed else self._picture.service(part),
            work=lambda _: None,
            parent=Reference(COMPONENT, of_plant(at.ROOT), forward=False),
        )


def _plain(
    kind: ObjectType,
    path: str,
    name: str,
    *,
    description: str,
    parent: Reference,
    links: tuple[Reference, ...],
) -> Instance:
    """An object whose type has no parts."""
    null = ua.DataValue(ua.Variant())
    return Instance(
        kind,
        path,
        name,
        value=lambda _: null,
        work=lambda _: None,
        description=description,
        parent=parent,
        links=links,
    )
