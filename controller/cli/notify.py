"""For whoever is told of alarms: the rota, who would be told, a test, what was sent."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from controller import runtime
from controller.cli.ask import data_of
from controller.cli.options import DONE, FAILED, DataOption, PlantArgument, fail

if TYPE_CHECKING:
    from alarms.routes import Recipient, Routes
    from controller.plant.notification import Notification
    from controller.plant.plant import Plant

notify = typer.Typer(
    no_args_is_help=True, help="Who is told of alarms: the rota, who would be told, a test, what was sent."
)
PlantOrRunning = Annotated[
    str, typer.Argument(metavar="[PLANT]", help="A plant's name or folder; default: the one running here.")
]


@notify.command("rota")
def rota(
    plant: PlantArgument,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far ahead.")] = 14,
) -> None:
    """Who is on duty, day by day; exit code 1 when at some time nobody is. Needs no service, no secrets."""
    from rich.console import Console

    from controller.cli.notify_text import rota_table
    from controller.plant.duty import rotas_in_use

    routes = _routes_of(_plant(plant))
    if not routes.rotas:
        fail("routes.yaml has no rota: its steps name people and rooms alone")
    now_ns = time.time_ns() // (60 * 10**9) * 60 * 10**9
    console, holes = Console(highlight=False), 0
    for one in routes.rotas:
        table, found = rota_table(routes, one, now_ns, days)
        console.print(table)
        holes += found if one in rotas_in_use(routes) else 0
    if holes:
        times = "once" if holes == 1 else f"{holes} times"
        fail(f"nobody is on duty {times} within {days} days")
    raise typer.Exit(DONE)


@notify.command("explain")
def explain(
    alarm: Annotated[str, typer.Argument(metavar="ALARM", help="Such as LT-201.HH.")],
    plant: PlantOrRunning = "",
    at: Annotated[
        str,
        typer.Option("--at", help="When it is raised: 2026-12-25 23:00 of the plant's clock. Default: now."),
    ] = "",
) -> None:
    """Who would be told of an alarm if nobody answered: when, by which address, and why not."""
    from alarms.routing import plan
    from controller.cli.alarm_text import width, wrapped
    from controller.cli.notify_text import plan_text
    from controller.plant.problems import did_you_mean

    checked = _plant(plant)
    routes = _routes_of(checked)
    known = {one.id: one for one in checked.alarms}
    if alarm not in known:
        own = ", ".join(one for one in known if one.startswith(f"{alarm}."))
        hint = f"; {alarm} has {own}" if own else did_you_mean(alarm, known)
        fail(f"there is no alarm {alarm}{hint}")
    found = plan(routes, known[alarm], _instant_ns(at, routes))
    typer.echo(wrapped(plan_text(routes, known[alarm], found), width()))


@notify.command("test")
def send_test(
    to: Annotated[str, typer.Option("--to", help="A person, a room, or a rota: who is on duty now.")],
    plant: PlantOrRunning = "",
) -> None:
    """Send a real test message by every address of somebody, and say what each server answered."""
    from controller.cli.notify_text import tried_line
    from controller.followers.notify.trial import try_all
    from controller.followers.notify.words import TemplateError

    checked = _plant(plant)
    settings = _notification_of(checked)
    failed = 0
    try:
        for recipient in _recipients(settings.routes, to):
            for tried in asyncio.run(try_all(checked, settings, recipient)):
                typer.echo(tried_line(tried))
                failed += not tried.ok
    except TemplateError as error:
        fail(str(error), 2)
    raise typer.Exit(FAILED if failed else DONE)


@notify.command("log")
def log(
    data: DataOption = None,
    lines: Annotated[int, typer.Option("--lines", min=1, max=100_000, help="So many, the newest last.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """What was sent to whom, and what became of it."""
    from controller.cli.alarm_text import width
    from controller.cli.notify_text import logged_line
    from controller.followers.notify import place
    from controller.record.errors import RecordError

    try:
        rows = place.log(data_of(data), lines)
    except RecordError as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in reversed(rows)], ensure_ascii=False))
        return
    for row in reversed(rows):
        typer.echo(logged_line(row, width()))
    if not rows:
        typer.echo("nobody was told of anything yet")


# --- what they share -----------------------------------------------------------------------------


def settings_or_fail(plant: Plant) -> Notification:
    """What the follower starts with: every secret is there, every template can be filled in."""
    from controller.followers.notify.samples import check_templates
    from controller.followers.notify.settings import BadSettings, settings_of
    from controller.followers.notify.templates import Templates
    from controller.followers.notify.words import TemplateError

    try:
        settings = settings_of(plant)
        check_templates(Templates(settings.templates), plant)
    except (BadSettings, TemplateError) as error:
        fail(str(error), 2)
    return settings


def _plant(name: str) -> Plant:
    """The plant of this name, or of the service that runs here."""
    from controller.cli.configure import load_plant

    if name:
        return load_plant(name)
    try:
        about = runtime.locate(None).about()
    except runtime.NotFound as error:
        fail(f"{error}; or name the plant", 2)
    folder = str((about or {}).get("folder", ""))
    if not folder:
        fail("the service that runs here does not say where its plant is; name the plant", 2)
    return load_plant(folder)


def _notification_of(plant: Plant) -> Notification:
    if plant.notification is None:
        fail(f"plant {plant.name} has no routes.yaml, so nobody is told of its alarms")
    return plant.notification


def _routes_of(plant: Plant) -> Routes:
    return _notification_of(plant).routes


def _recipients(routes: Routes, name: str) -> list[Recipient]:
    """The person or room of this name, or who has this rota's duty now."""
    from alarms.routing import people_of, recipient_named, rota_named
    from controller.plant.problems import did_you_mean

    known = [one.name for one in routes.recipients] + [one.name for one in routes.rotas]
    if name not in known:
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        fail(f"there is no person, room or rota {name}{hint}")
    people = [person for person, _ in people_of(routes, (name,), time.time_ns())]
    if not people:
        fail(f"nobody is on duty now in rota {name}")
    if rota_named(routes, name) is not None:
        typer.echo(f"{name}: {', '.join(people)}")
    return [one for person in people if (one := recipient_named(routes, person)) is not None]


def _instant_ns(text: str, routes: Routes) -> int:
    if not text:
        return time.time_ns()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--at '{text}': write 2026-12-25 23:00, the plant's clock", 2)
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(routes.timezone))
    return int(at.astimezone(UTC).timestamp()) * 10**9


def register(app: typer.Typer) -> None:
    app.add_typer(notify, name="notify")
