"""The plant's texts have changed and the core runs the new ones: the gateway follows, its clients stay.

The core says with its feed which version it runs. That one is looked for in the plant's folder, then among
the texts that the recorder keeps beside its recordings; without it no value is shown, since its range or unit
might be another. Sessions and subscriptions go on: items follow their nodes, values whose meaning is another
now carry the SemanticsChanged bit once, and events tell what came, went and changed (Part 3, 9.32 and 9.33).
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import structlog
from asyncua import ua

from controller.opcua.gateway.conditions.cursor import Cursor
from controller.opcua.gateway.conditions.refresh import required
from controller.opcua.gateway.conditions.snapshot import VT, at, text
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.history.chronicle import Chronicle
from controller.opcua.gateway.parts import Parts, parts_of
from controller.opcua.gateway.server import Gateway
from controller.opcua.gateway.space.changes import Change, model_changes, semantic_changes
from controller.opcua.gateway.space.names import of_plant, standard
from controller.opcua.gateway.space.tag_types import tag_type
from controller.plant import config
from controller.plant.plant import Plant
from controller.record.recording import FOLDER, texts_file

EVENT_CHANGES_MAX: Final = 500  # of one event; a plant that is all new takes several
SEVERITY: Final = 200
SERVER: Final = standard(ua.ObjectIds.Server)
Piece = TypeVar("Piece")
FindPlant = Callable[[str], Plant | None]  # the plant of a version, if its texts are here; reads files
log = structlog.get_logger()


def finder(folder: Path, data: Path) -> FindPlant:
    """Looks in the plant's own folder, then among the texts kept beside the recordings."""

    def find(version: str) -> Plant | None:
        plant = config.load(folder).plant
        if plant is not None and plant.text_hash == version:
            return plant
        try:
            texts = msgspec.json.decode(zlib.decompress(texts_file(data / FOLDER, version).read_bytes()))
        except (OSError, zlib.error, msgspec.DecodeError):
            return None
        with tempfile.TemporaryDirectory(prefix="heloop-plant-") as made:
            for name, kept in dict(texts).items():
                (Path(made) / Path(str(name)).name).write_text(str(kept), encoding="utf-8")
            plant = config.load(Path(made)).plant
        return plant if plant is not None and plant.text_hash == version else None

    return find


class Reload:
    """Turns a gateway to another version of its plant; one at a time, as the feed is one."""

    def __init__(self, gateway: Gateway, parts: Parts, cursor: Cursor, find: FindPlant) -> None:
        self._gateway = gateway
        self._parts = parts
        self._cursor = cursor
        self._find = find

    async def turn_to(self, version: str) -> bool:
        """Whether that version is served now. Its nodes are made in a thread, so nobody waits."""
        made = await asyncio.to_thread(self._make, version)
        if made is None:
            return False
        plant, parts, model, semantic = made
        old = self._gateway.plant.text_hash
        self._turn(plant, parts, {of_plant(name) for name in semantic})
        for event in _events(plant, model, semantic):
            self._gateway.subscriptions.deliver(event)
        self._gateway.subscriptions.deliver(required(time.time_ns()))
        log.warning(
            "the plant has changed",
            **{"from": old[:12]},
            to=version[:12],
            nodes=len(model),
            meanings=len(semantic),
        )
        return True

    def _make(self, version: str) -> tuple[Plant, Parts, list[Change], list[str]] | None:
        gateway, old = self._gateway, self._parts
        plant = self._find(version)
        if plant is None or plant.name != gateway.plant.name:
            return None
        parts = parts_of(plant, gateway.settings, gateway.values, old.picture, old.standard, old.sessions)
        model = model_changes(gateway.space, parts.space)
        return plant, parts, model, semantic_changes(gateway.plant, plant)

    def _turn(self, plant: Plant, parts: Parts, changed: set[ua.NodeId]) -> None:
        """In one turn of the loop, so nobody sees half of it."""
        gateway, conditions, story = self._gateway, parts.made.conditions, parts.made.story
        conditions.succeed(gateway.conditions)
        gateway.plant, gateway.space, gateway.conditions = plant, parts.space, conditions
        gateway.histories.turn_to(Chronicle(conditions, story))
        self._cursor.turn_to(conditions, story)
        gateway.subscriptions.turn_to(parts.space, lambda: gateway.values.turn_to(plant), changed)
        self._parts = parts


def _events(plant: Plant, model: Sequence[Change], semantic: Sequence[str]) -> Iterator[PlantEvent]:
    for some in _pieces(model):
        structures = [
            ua.ModelChangeStructureDataType(Affected=one.node, AffectedType=one.type, Verb=ua.Byte(one.verbs))
            for one in some
        ]
        words = f"{len(some)} nodes came, went or were hung elsewhere"
        yield _event(ua.ObjectIds.GeneralModelChangeEventType, words, structures)
    for names in _pieces(semantic):
        rows = [(name, plant.tags[plant.index[name]]) for name in names]
        changes = [
            ua.SemanticChangeStructureDataType(
                Affected=of_plant(name), AffectedType=standard(tag_type(tag).variable)
            )
            for name, tag in rows
        ]
        words = f"range, unit or states changed: {', '.join(names[:5])}{' ..' if len(names) > 5 else ''}"
        yield _event(ua.ObjectIds.SemanticChangeEventType, words, changes)


def _event(kind: int, words: str, changes: Sequence[object]) -> PlantEvent:
    now = at(time.time_ns())
    fields = {
        "EventId": ua.Variant(secrets.token_bytes(16), VT.ByteString),
        "EventType": ua.Variant(standard(kind), VT.NodeId),
        "SourceNode": ua.Variant(SERVER, VT.NodeId),
        "SourceName": ua.Variant("Server", VT.String),
        "Time": now,
        "ReceiveTime": now,
        "Message": text(words),
        "Severity": ua.Variant(SEVERITY, VT.UInt16),
        "Changes": ua.Variant(list(changes), VT.ExtensionObject),
    }
    return PlantEvent(standard(kind), fields, frozenset({SERVER}))


def _pieces(all_of_them: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    for start in range(0, len(all_of_them), EVENT_CHANGES_MAX):
        yield all_of_them[start : start + EVENT_CHANGES_MAX]
