"""routes.yaml as a whole, and what only all of it shows: whom nobody names, holes in a rota."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from alarms.model import Alarm
from alarms.rota import SECOND_NS
from alarms.routes import Recipient, Routes
from controller.plant.build.people import build_recipients, check_names
from controller.plant.build.rotas import build_rotas
from controller.plant.build.routes import RouteTree
from controller.plant.build.times import build_holidays, build_times, timezone_of
from controller.plant.build.ways import Ways, between
from controller.plant.draft import Draft
from controller.plant.duty import first_holes
from controller.plant.notification import Notification
from controller.plant.schema.routefile import RouteEntry

UNDELIVERABLE_S: Final = (10.0, 86_400.0)


def build_notification(draft: Draft, alarms: Mapping[str, Alarm]) -> Notification | None:
    """None when the plant has no routes.yaml. alarms: as far as they could be built."""
    if draft.routes is None:
        return None
    entry, place = draft.routes.entry, draft.routes.place
    others = any(one.file != place.document.file for one in draft.problems.errors)
    ways = Ways(draft)
    recipients = build_recipients(draft, ways.references)
    rotas = build_rotas(draft)
    tree = RouteTree(draft, recipients, rotas, None if others else alarms)  # a name may be in what is broken
    at = place / "undeliverable_after"
    routes = Routes(
        timezone=timezone_of(draft),
        recipients=recipients,
        routes=tree.build(),
        rotas=rotas,
        times=build_times(draft),
        holidays=build_holidays(draft),
        trouble=tuple(entry.trouble),
        undeliverable_after_s=between(
            at, entry.undeliverable_after, UNDELIVERABLE_S, "10 s and 1 d", draft.problems
        ),
    )
    check_names(entry.trouble, place / "trouble", draft, rotas=False)
    notification = Notification(
        routes,
        mail=ways.mail(),
        broker=ways.broker(),
        page=ways.page(),
        heartbeat=ways.heartbeat(),
        test=ways.test(),
        templates=_templates(draft),
        references=tuple(ways.references),  # of all of the above
    )
    if not draft.problems.errors:
        tree.check(routes)
        _check_trouble(recipients, draft)
        _check_holes(routes, draft)
        _check_idle(draft)
    return notification


def _templates(draft: Draft) -> str:
    """A folder that is missing is only told of: a recording of the plant has its files without it."""
    assert draft.routes is not None, "there is a routes.yaml"
    name, place = draft.routes.entry.templates, draft.routes.place / "templates"
    if not name:
        return ""
    if Path(name).name != name:
        draft.problems.error(place, f"'{name}' is no folder beside routes.yaml; write its name alone")
    elif not (draft.folder / name).is_dir():
        draft.problems.warn(
            place, f"there is no folder {name} beside routes.yaml: notification will not start"
        )
    return str((draft.folder / name).resolve())


# --- the whole ---------------------------------------------------------------------------------


def _check_trouble(recipients: Iterable[Recipient], draft: Draft) -> None:
    """A way that does not deliver is told by another: somebody has to have one."""
    assert draft.routes is not None, "there is a routes.yaml"
    entry, place = draft.routes.entry, draft.routes.place
    ways = {address.way for one in recipients if one.name in entry.trouble for address in one.addresses}
    if not entry.trouble:
        draft.problems.warn(place, "nobody is told when a way does not deliver; add `trouble:`, with names")
    elif len(ways) < 2 and entry.heartbeat is None:
        message = f"all are told by {min(ways)}: when that fails nobody hears; add another, or `heartbeat:`"
        draft.problems.warn(place / "trouble", message)


def _check_holes(routes: Routes, draft: Draft) -> None:
    now_ns = int(draft.now.timestamp()) * SECOND_NS
    places = {item.entry.name: item.place for item in draft.rota_items}
    fix = "add a shift or a cover, or `hole_ok:` if that is meant"
    for name, hole in first_holes(routes, now_ns).items():
        draft.problems.warn(places[name], f"{hole.text}; {fix}")


def _check_idle(draft: Draft) -> None:
    """People, rooms, rotas and times that nothing names are probably forgotten."""
    assert draft.routes is not None, "there is a routes.yaml"
    entry = draft.routes.entry
    routes = list(_all(item.entry for item in draft.route_items))
    steps = [step for route in routes for step in route.steps]
    shifts = [shift for item in draft.rota_items for shift in item.entry.shifts]
    covers = [cover for item in draft.rota_items for cover in item.entry.covers]
    turns = [turn for shift in shifts for turn in shift.turns or ()]
    named = {name for step in steps for name in step.to} | set(entry.trouble)
    named |= {name for shift in shifts for name in shift.people or ()}
    named |= {name for cover in covers for name in cover.people}
    named |= {name for turn in turns for name in ([turn] if isinstance(turn, str) else turn)}
    named |= set(entry.test.to) if entry.test is not None else set()
    of_calendar = any(item.entry.calendar for item in draft.rota_items)  # names people as the year goes by
    for name, at in draft.names("name").items():
        if name not in named and not (of_calendar and at.path[0] == "people"):
            draft.problems.warn(at, "no step names it, so nobody is told by it")
    used = {shift.times for shift in shifts} | {step.times for step in steps}
    used |= {route.quiet for route in routes} | {item.entry.hole_ok for item in draft.rota_items}
    used |= {item.entry.otherwise for item in draft.times_items}
    for times in draft.times_items:
        if times.entry.name not in used:
            draft.problems.warn(times.place, "nothing names these times")


def _all(routes: Iterable[RouteEntry]) -> Iterator[RouteEntry]:
    for route in routes:
        yield route
        yield from _all(route.routes)
