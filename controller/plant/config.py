"""A plant's folder of YAML as one frozen Plant, or everything that is wrong with it at once.

The only I/O of this room. Order: read all files, check each block by its model, build tags, then what
refers to tags, then what only the whole shows. Each stage goes on after an error, and what is broken
is not reported a second time by those who refer to it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from controller.plant.build.alarm_rules import build_rules
from controller.plant.build.annunciator import build_annunciator
from controller.plant.build.commands import build_command, build_handshake, build_permissives
from controller.plant.build.conditions import Conditions
from controller.plant.build.derived import build_derived
from controller.plant.build.interlocks import build_interlocks
from controller.plant.build.mimic import build_mimic
from controller.plant.build.notification import build_notification
from controller.plant.build.plcs import build_plcs
from controller.plant.build.service_alarms import add_service
from controller.plant.build.sinks import build_influx
from controller.plant.build.suppressions import build_groups, build_suppressions, check_rules
from controller.plant.build.tags import NodesSeen, build_tag
from controller.plant.build.trip_alarms import add_trips
from controller.plant.checks import check_circles, check_unused, check_words, fast_tags, verdict_inputs
from controller.plant.document import Document, Place
from controller.plant.draft import (
    Draft,
    Item,
    read_alarms,
    read_interlocks,
    read_mimic,
    read_plant,
    read_plc,
    read_routes,
)
from controller.plant.parse import read_document
from controller.plant.plant import Interlock, Permissive, Plant, Plc
from controller.plant.problems import Problem, Problems, did_you_mean
from controller.plant.schema.plantfile import PlantHead
from controller.plant.sinks import Influx
from controller.plant.tags import Tag
from controller.plant.twins import check_twins

PLANT_FILE = "plant.yaml"
INTERLOCK_FILE = "interlocks.yaml"
ALARM_FILE = "alarms.yaml"
MIMIC_FILE = "mimic.yaml"
ROUTE_FILE = "routes.yaml"
_NAME_LINE = re.compile(r"^ *- +name: *['\"]?([\w.-]+)", re.MULTILINE)


class PlantNotFound(LookupError):
    """There is no such plant; the message lists those that exist."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """plant is None when there are errors. counts: what the files hold, also then."""

    plant: Plant | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    counts: dict[str, int] = field(default_factory=dict)


def find_plant(name_or_path: str) -> Path:
    """The folder of a plant: a path to it (or to its plant.yaml), else the name of one that comes along."""
    path = Path(name_or_path)
    if path.name == PLANT_FILE and path.is_file():
        path = path.parent
    if (path / PLANT_FILE).is_file():
        return path
    package = Path(__file__).resolve().parent.parent
    shelves = [package.parent / "plc_maps", package / "maps"]
    for shelf in shelves:
        if (shelf / name_or_path / PLANT_FILE).is_file() and name_or_path == path.name:
            return _shortest(shelf / name_or_path)
    known = sorted({found.parent.name for shelf in shelves for found in shelf.glob(f"*/{PLANT_FILE}")})
    message = f"no plant {name_or_path!r}: no folder with a {PLANT_FILE}, and none of {', '.join(known)}"
    raise PlantNotFound(message + did_you_mean(name_or_path, known))


def _shortest(path: Path) -> Path:
    """Relative to where we are, when it is below: messages are then short enough to read."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def load(folder: Path, now: datetime | None = None, *, thorough: bool = True) -> Loaded:
    """Reads, checks and builds the plant in `folder`; never raises for what the files say.

    now: from when on calendars count and holes in a rota are told of. thorough: False leaves out what
    needs the chat library, for those who send no messages.
    """
    problems = Problems()
    draft = Draft(problems, folder, now or datetime.now(UTC), thorough)
    digest = hashlib.sha256()
    _read(folder, draft, digest)
    plant = _build(draft, digest.hexdigest())
    errors = tuple(sorted(set(problems.errors)))
    return Loaded(None if errors else plant, errors, tuple(sorted(set(problems.warnings))), draft.counts)


def _read(folder: Path, draft: Draft, digest: hashlib._Hash) -> None:
    def document(name: str) -> Document | None:
        raw = _bytes(folder, name, draft.problems)
        if raw is None:
            return None
        digest.update(f"{name}\0{len(raw)}\0".encode() + raw)
        return read_document(str(folder / name), name, raw, draft.problems)

    main = document(PLANT_FILE)
    if main is None:
        return
    read_plant(main, draft)
    names = (main.top / "plcs").value
    for number, name in enumerate(names if isinstance(names, list) else ()):
        place = main.top / "plcs" / number
        if not isinstance(name, str):
            continue
        if Path(name).name != name or not name.endswith(".yaml"):
            draft.problems.error(
                place, f"'{name}' is no file of this folder; write a name such as plc_r.yaml"
            )
        elif name in names[:number]:
            draft.problems.error(place, f"{name} is listed twice; keep one")
        elif not (folder / name).is_file():
            draft.incomplete = True
            draft.problems.error(place, f"there is no file {name} beside {PLANT_FILE}")
        elif (found := document(name)) is not None:
            read_plc(found, draft)
            _declare_unread(found, folder, draft)
    _warn_of_strays(folder, main, draft)
    _read_beside(document, draft, digest)


def _read_beside(document: Callable[[str], Document | None], draft: Draft, digest: hashlib._Hash) -> None:
    """The files that a plant need not have."""
    for name, read in (
        (INTERLOCK_FILE, read_interlocks),
        (ALARM_FILE, read_alarms),
        (MIMIC_FILE, read_mimic),
        (ROUTE_FILE, read_routes),
    ):
        if (draft.folder / name).is_file() and (found := document(name)) is not None:
            read(found, draft)
    if draft.routes is not None:
        _read_calendars(draft.routes.place.document, draft, digest)


def _calendars_named(routes: Any) -> list[tuple[tuple[str | int, ...], str]]:
    """Calendar files that routes.yaml (as plain data) names, and where."""
    if not isinstance(routes, dict):
        return []
    holidays, rotas = routes.get("holidays"), routes.get("rotas")
    blocks: list[tuple[tuple[str | int, ...], Any]] = [(("holidays",), holidays)]
    blocks += [
        (("rotas", number), one) for number, one in enumerate(rotas if isinstance(rotas, list) else ())
    ]
    return [
        ((*path, "calendar"), block["calendar"])
        for path, block in blocks
        if isinstance(block, dict) and isinstance(block.get("calendar"), str)
    ]


def _read_calendars(routes: Document, draft: Draft, digest: hashlib._Hash) -> None:
    for path, name in _calendars_named(routes.root):
        place = Place(routes, path)
        if Path(name).name != name or not name.endswith(".ics"):
            draft.problems.error(place, f"'{name}' is no file of this folder; write a name such as duty.ics")
        elif not (draft.folder / name).is_file():
            draft.problems.error(place, f"there is no file {name} beside {ROUTE_FILE}")
        elif name not in draft.beside and (raw := _bytes(draft.folder, name, draft.problems)) is not None:
            digest.update(f"{name}\0{len(raw)}\0".encode() + raw)
            draft.beside[name] = raw


def _warn_of_strays(folder: Path, main: Document, draft: Draft) -> None:
    """A PLC file that nobody lists is probably forgotten."""
    listed = (main.top / "plcs").value
    for path in sorted(folder.glob("plc_*.yaml")):
        if not isinstance(listed, list) or path.name not in listed:
            draft.problems.warn(
                main.top / "plcs", f"{path.name} is not listed here; add or delete it", key=True
            )


def _declare_unread(document: Document, folder: Path, draft: Draft) -> None:
    """Names in a file that could not be parsed: who refers to them makes no mistake."""
    if document.root is None:
        for name in _NAME_LINE.findall(
            (folder / document.name).read_text(encoding="utf-8", errors="replace")
        ):
            draft.names("command" if name.endswith(".CMD") else "tag").setdefault(name, document.top)


def _bytes(folder: Path, name: str, problems: Problems) -> bytes | None:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        problems.errors.append(Problem(str(folder / name), 1, 1, f"cannot be read: {error.strerror}"))
        return None


def _build(draft: Draft, text_hash: str) -> Plant | None:
    """Everything from the draft; the plant only counts when no error came up."""
    nodes = NodesSeen({}, {})
    for plc in range(-1, len(draft.plcs)):
        for tag_item in draft.tag_items:
            if tag_item.plc == plc and tag_item.entry.name not in draft.tags:
                tag = build_tag(tag_item, draft)
                nodes.claim(tag.name, tag.source, tag_item.place / "node", draft)  # type: ignore[arg-type]
                draft.tags[tag.name] = tag
        for command_item in draft.command_items:
            if command_item.plc == plc and command_item.entry.name not in draft.tags:
                build_handshake(command_item, draft, nodes)
    build_derived(draft)
    plain = Conditions(draft, {})
    for command_item in draft.command_items:
        if command_item.entry.name not in draft.commands:
            build_command(command_item, draft, plain)
    permissives = build_permissives(draft)
    order = {item.entry.name: i for i, item in reversed(list(enumerate(draft.interlock_items)))}
    interlocks = draft.interlocks = build_interlocks(draft, permissives, Conditions(draft, order))
    plcs = build_plcs(draft)
    check_words(interlocks, draft)
    check_circles(interlocks, draft)
    check_unused(interlocks, permissives, draft)
    check_twins(interlocks, draft)
    mimic = build_mimic(draft)
    alarms = _alarms(draft, plcs, fast_tags(interlocks, draft.commands.values(), list(draft.tags.values())))
    if draft.plant is None:
        return None
    _check_timezone(draft.plant, draft.problems)
    plant = _plant(draft.plant.entry, draft, plcs, permissives, interlocks, text_hash)
    notification = build_notification(draft, {alarm.id: alarm for alarm in alarms["alarms"]})
    return replace(plant, mimic=mimic, notification=notification, **alarms)


def _alarms(draft: Draft, plcs: list[Plc], watched: set[int]) -> dict[str, Any]:
    """The alarm system as fields of the plant."""
    rules = build_rules(draft, plcs, watched)
    add_trips(draft, draft.interlocks, rules)
    add_service(draft, rules)
    suppressions = build_suppressions(draft, rules, plcs)
    groups = build_groups(draft, rules)
    check_rules(draft, rules, suppressions, groups)
    return {
        "alarms": tuple(rules.alarms.values()),
        "suppressions": suppressions,
        "first_out_groups": groups,
        "annunciator": build_annunciator(draft),
    }


def _plant(
    head: PlantHead,
    draft: Draft,
    plcs: list[Plc],
    permissives: list[Permissive],
    interlocks: list[Interlock],
    text_hash: str,
) -> Plant:
    tags: list[Tag] = list(draft.tags.values())
    fast = fast_tags(interlocks, draft.commands.values(), tags) | verdict_inputs(tags)
    return Plant(
        name=head.plant,
        text=head.text,
        timezone=head.timezone,
        simulator=head.simulator,
        link_grace_s=head.link_grace_s,
        areas=tuple((area.entry.name, area.entry.text) for area in draft.areas),
        plcs=tuple(plcs),
        tags=tuple(replace(tag, fast=True) if tag.index in fast else tag for tag in tags),
        commands=tuple(draft.commands.values()),
        permissives=tuple(permissives),
        interlocks=tuple(interlocks),
        text_hash=text_hash,
        index={tag.name: tag.index for tag in tags},
        influx=_influx(draft),
    )


def _influx(draft: Draft) -> Influx | None:
    assert draft.plant is not None, "asked for only when plant.yaml could be read"
    return build_influx(draft.plant.entry.influx, draft.plant.place / "influx", draft.problems)


def _check_timezone(item: Item[PlantHead], problems: Problems) -> None:
    """Only where the machine has a time zone database at all."""
    try:
        ZoneInfo(item.entry.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if known:
            hint = did_you_mean(item.entry.timezone, known) or "; write one such as Asia/Tokyo"
            problems.error(item.place / "timezone", f"unknown time zone '{item.entry.timezone}'{hint}")
