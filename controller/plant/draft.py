"""What has been read so far: every block with its place, and the names that others may refer to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from controller.plant.document import Document, Place
from controller.plant.plant import Command, Interlock
from controller.plant.problems import Problems
from controller.plant.schema.alarmfile import (
    AlarmEntry,
    AlarmFile,
    AnnunciatorEntry,
    ClassEntry,
    FirstOutEntry,
    SuppressionEntry,
)
from controller.plant.schema.fields import Model
from controller.plant.schema.interlockfile import InterlockEntry, InterlockFile
from controller.plant.schema.mimicfile import MimicFile
from controller.plant.schema.plantfile import Area, DerivedEntry, PermissiveEntry, PlantFile, PlantHead
from controller.plant.schema.plcfile import CommandEntry, PlcFile, PlcHead, TagEntry
from controller.plant.schema.routefile import (
    PersonEntry,
    RoomEntry,
    RotaEntry,
    RouteEntry,
    RouteFile,
    RouteHead,
    TimesEntry,
)
from controller.plant.tags import Tag
from controller.plant.validate import validated

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Item(Generic[M]):
    """A checked block, where it stands, and the PLC whose file it is in (-1: none)."""

    entry: M
    place: Place
    plc: int = -1


@dataclass(slots=True)
class Draft:
    """The plant while it is being put together.

    tags, commands: built so far, by name. declared: every name in the files and its place, of broken
    blocks too, so that one mistake is reported once. counts: blocks as written, for the summary.
    folder, now: where it is read from, and when. beside: calendars that routes.yaml names, as they are.
    thorough: chats that stand in the file are shown to Apprise, which takes 2 s and 50 MB to load.
    """

    problems: Problems
    folder: Path = Path()
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    thorough: bool = True
    plant: Item[PlantHead] | None = None
    areas: list[Item[Area]] = field(default_factory=list)
    plcs: list[Item[PlcHead]] = field(default_factory=list)
    tag_items: list[Item[TagEntry]] = field(default_factory=list)
    command_items: list[Item[CommandEntry]] = field(default_factory=list)
    permissive_items: list[Item[PermissiveEntry]] = field(default_factory=list)
    derived_items: list[Item[DerivedEntry]] = field(default_factory=list)
    interlock_items: list[Item[InterlockEntry]] = field(default_factory=list)
    alarm_items: list[Item[AlarmEntry]] = field(default_factory=list)
    class_items: list[Item[ClassEntry]] = field(default_factory=list)
    suppression_items: list[Item[SuppressionEntry]] = field(default_factory=list)
    first_out_items: list[Item[FirstOutEntry]] = field(default_factory=list)
    annunciator: Item[AnnunciatorEntry] | None = None
    mimic: Item[MimicFile] | None = None
    routes: Item[RouteHead] | None = None
    people_items: list[Item[PersonEntry]] = field(default_factory=list)
    room_items: list[Item[RoomEntry]] = field(default_factory=list)
    times_items: list[Item[TimesEntry]] = field(default_factory=list)
    rota_items: list[Item[RotaEntry]] = field(default_factory=list)
    route_items: list[Item[RouteEntry]] = field(default_factory=list)
    beside: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    interlocks: list[Interlock] = field(default_factory=list)
    declared: dict[str, dict[str, Place]] = field(default_factory=dict)  # 'tag' | 'command' | ...
    incomplete: bool = False
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("tags", "plcs", "interlocks", "alarms"), 0)
    )

    def unknown(self, place: Place, message: str) -> None:
        """Reports a name that nothing has, unless a file is missing in which it may stand."""
        if not self.incomplete:
            self.problems.error(place, message)

    def names(self, kind: str) -> dict[str, Place]:
        return self.declared.setdefault(kind, {})


def read_plant(document: Document, draft: Draft) -> None:
    """plant.yaml into the draft."""
    place = document.top
    if not _has_key(place, "plant", draft.problems):
        return
    _known_keys(place, PlantFile, draft.problems)
    head = validated(PlantHead, place, draft.problems, without=_other_keys(place, PlantHead))
    draft.plant = Item(head, place) if head else None
    draft.areas = _items(Area, place / "areas", draft, "area")
    draft.permissive_items = _items(PermissiveEntry, place / "permissives", draft, "permissive")
    draft.derived_items = _items(DerivedEntry, place / "derived", draft, "tag")
    _count_tags(draft, place / "derived")


def read_plc(document: Document, draft: Draft) -> None:
    """One PLC file into the draft."""
    place = document.top
    draft.counts["plcs"] += 1
    if not _has_key(place, "plc", draft.problems):
        return
    _known_keys(place, PlcFile, draft.problems)
    index = len(draft.plcs)
    head = validated(PlcHead, place, draft.problems, without=_other_keys(place, PlcHead))
    if head is not None:
        draft.plcs.append(Item(head, place, index))
    index = index if head is not None else -1
    draft.tag_items += _items(TagEntry, place / "tags", draft, "tag", index)
    draft.command_items += _items(CommandEntry, place / "commands", draft, "command", index)
    _count_tags(draft, place / "tags")


def read_interlocks(document: Document, draft: Draft) -> None:
    """interlocks.yaml into the draft."""
    place = document.top
    if not _has_key(place, "interlocks", draft.problems):
        return
    _known_keys(place, InterlockFile, draft.problems)
    draft.interlock_items = _items(InterlockEntry, place / "interlocks", draft, "interlock")
    entries = (place / "interlocks").value
    draft.counts["interlocks"] += len(entries) if isinstance(entries, list) else 0


def read_alarms(document: Document, draft: Draft) -> None:
    """alarms.yaml into the draft."""
    place = document.top
    if not _has_key(place, "alarms", draft.problems):
        return
    _known_keys(place, AlarmFile, draft.problems)
    draft.alarm_items = _items(AlarmEntry, place / "alarms", draft, "alarm")
    draft.class_items = _items(ClassEntry, place / "classes", draft, "class")
    draft.suppression_items = _items(SuppressionEntry, place / "suppressions", draft, "suppression")
    draft.first_out_items = _items(FirstOutEntry, place / "first_out", draft, "first-out group")
    if "annunciator" in place.value:
        at = place / "annunciator"
        entry = validated(AnnunciatorEntry, at, draft.problems)
        draft.annunciator = Item(entry, at) if entry is not None else None
    entries = (place / "alarms").value
    draft.counts["alarms"] += len(entries) if isinstance(entries, list) else 0


def read_mimic(document: Document, draft: Draft) -> None:
    """mimic.yaml into the draft."""
    place = document.top
    if _has_key(place, "mimic", draft.problems):
        entry = validated(MimicFile, place, draft.problems)
        draft.mimic = Item(entry, place) if entry is not None else None


def read_routes(document: Document, draft: Draft) -> None:
    """routes.yaml into the draft. People, rooms and rotas share their names: a step may name each."""
    place = document.top
    if not _has_key(place, "routes", draft.problems):
        return
    _known_keys(place, RouteFile, draft.problems)
    head = validated(RouteHead, place, draft.problems, without=_other_keys(place, RouteHead))
    draft.routes = Item(head, place) if head is not None else None
    draft.people_items = _items(PersonEntry, place / "people", draft, "name")
    draft.room_items = _items(RoomEntry, place / "rooms", draft, "name")
    draft.times_items = _items(TimesEntry, place / "times", draft, "times")
    draft.rota_items = _items(RotaEntry, place / "rotas", draft, "name")
    draft.route_items = _items(RouteEntry, place / "routes", draft, "route")


def _has_key(place: Place, key: str, problems: Problems) -> bool:
    if place.value is None:
        return False  # not readable, and reported
    if isinstance(place.value, dict) and key in place.value:
        return True
    if (key,) not in place.document.keys:
        problems.error(place, f"the file must have `{key}:`")
    return False


def _known_keys(place: Place, model: type[Model], problems: Problems) -> None:
    """Unknown keys at the top, which the head's own validation does not see."""
    unknown = set(place.value) - {f.alias or name for name, f in model.model_fields.items()}
    validated_keys = {key: place.value[key] for key in place.value if key in unknown}
    for key in validated_keys:
        allowed = ", ".join(sorted(model.model_fields))
        problems.error(place / key, f"unknown key `{key}`; allowed here: {allowed}", key=True)


def _other_keys(place: Place, head: type[Model]) -> set[str]:
    """Everything but the head's own keys: lists of blocks, and what was reported as unknown."""
    return set(place.value) - {f.alias or name for name, f in head.model_fields.items()}


def _items(model: type[M], place: Place, draft: Draft, kind: str, plc: int = -1) -> list[Item[M]]:
    """Each block of a list validated by itself; duplicates and misplaced names are reported."""
    found: list[Item[M]] = []
    blocks = place.value
    if blocks is None:
        return found
    if not isinstance(blocks, list):
        draft.problems.error(place, f"`{place.path[-1]}` must be a list, one `- name:` for each", key=True)
        return found
    for number, block in enumerate(blocks):
        at = place / number
        name = block.get("name") if isinstance(block, dict) else None
        if isinstance(block, dict) and "name" in block and next(iter(block)) != "name":
            draft.problems.error(
                at / "name", "write `name:` first, so that a search for it lands on the block", key=True
            )
        if isinstance(name, str):
            _declare(name, at, draft, kind)
        entry = validated(model, at, draft.problems)
        if entry is not None:
            found.append(Item(entry, at, plc))
    return found


def _declare(name: str, place: Place, draft: Draft, kind: str) -> None:
    """A command is a tag too: its word. Everything else has a name space of its own."""
    for other in ("tag", "command") if kind in ("tag", "command") else (kind,):
        if first := draft.names(other).get(name):
            where = f"{first.document.name} line {first.position()[0]}"
            draft.problems.error(
                place / "name",
                f"duplicate {kind}: {name} is taken in {where}; rename or remove one",
            )
            return
    draft.names(kind)[name] = place


def _count_tags(draft: Draft, place: Place) -> None:
    blocks = place.value if isinstance(place.value, list) else []
    draft.counts["tags"] += len(blocks)
    for block in blocks:
        alarms = block.get("alarms") if isinstance(block, dict) else None
        draft.counts["alarms"] += len(alarms) if isinstance(alarms, dict) else 0
