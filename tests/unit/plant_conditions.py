"""A control room whose alarms are told as conditions: what a client would be notified of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from asyncua import ua

from alarms.book import Book
from alarms.model import Alarm
from alarms.records import Record
from alarms.snapshot import of_data, to_data
from alarms.suppression import Suppression
from controller.opcua.gateway.conditions.conditions import Conditions
from controller.opcua.gateway.conditions.snapshot import Form
from controller.opcua.gateway.conditions.types import kind_of
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.space.names import of_plant
from controller.record.chain import Entry
from tests.unit.control_room import Room, from_json


def entries(records: Iterable[Record]) -> list[Entry]:
    """As the journal keeps them: numbered, as JSON, each with a hash."""
    kept = []
    for seq, record in enumerate(records, start=1):
        read = from_json(record)
        digest = hashlib.sha256(f"{seq}{read.kind}{read.source}".encode()).digest()
        kept.append(
            Entry(
                seq,
                str(read.kind),
                read.source,
                read.text,
                read.utc_ns,
                read.plant_s,
                read.severity,
                read.data,
                digest,
            )
        )
    return kept


def plain(event: PlantEvent) -> dict[str, Any]:
    """The event's fields as Python values."""
    return {path: value_of(variant) for path, variant in event.fields.items()}


def value_of(variant: ua.Variant) -> Any:
    value = variant.Value
    return value.Text if isinstance(value, ua.LocalizedText) else value


class Desk:
    """The conditions of a room, at a client's desk. `hears` folds what is new and returns it."""

    def __init__(self, room: Room, suppressions: Sequence[Suppression] = ()) -> None:
        self.room = room
        rules = [point.alarm for point in room.engine.points.values()]
        self.suppressions = {one.name: (one.text, one.members) for one in suppressions}
        self.conditions = self._conditions(rules)
        self.told: list[PlantEvent] = []
        self.hears()

    def _conditions(self, rules: Iterable[Alarm]) -> Conditions:
        names = [name for name, _ in self.room.tags.listed]
        forms = {
            rule.id: Form(
                rule,
                kind_of(rule),
                of_plant(rule.source or names[0]),
                lambda tag: of_plant(names[tag]),
                of_plant,
                self._reads,
            )
            for rule in rules
        }
        return Conditions(
            forms,
            self.suppressions,
            lambda rule: frozenset({of_plant(rule.source), ua.NodeId(ua.Int32(ua.ObjectIds.Server))}),
            of_plant,
            lambda: self.room.utc_ns,
        )

    def _reads(self, tag: int) -> float | None:
        return float(self.room.values[tag]) if self.room.status[tag] == 0 else None

    def hears(self) -> list[dict[str, Any]]:
        """What was notified since the last time."""
        before = len(self.told)
        for entry in entries(self.room.records):
            self.told += self.conditions.apply(entry)
        return [plain(event) for event in self.told[before:]]

    def restart(self, seq: int = 0) -> Desk:
        """Another process with the same journal, whose newest snapshot has the events up to `seq` in it."""
        other = Desk.__new__(Desk)
        other.room, other.suppressions, other.told = self.room, self.suppressions, []
        other.conditions = other._conditions(point.alarm for point in self.room.engine.points.values())
        kept = entries(self.room.records)
        book = of_data(to_data(_folded(kept[:seq])))
        other.conditions.become(other.conditions.fresh(to_data(book) if seq else None, seq))
        for entry in kept[seq:]:
            other.conditions.fold(entry)
        wanted = other.conditions.unrecalled()
        for entry in reversed(kept[:seq]):
            if entry.source in wanted:
                other.conditions.recall(entry)
        return other

    def refreshed(self) -> list[dict[str, Any]]:
        return [plain(event) for event in self.conditions.retained()]

    def event(self, place: int = -1) -> bytes:
        """The id of one of the events told."""
        return bytes(self.told[place].fields["EventId"].Value)


def _folded(kept: Iterable[Entry]) -> Book:
    book = Book()
    book.restore(kept)
    return book
