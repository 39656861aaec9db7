"""Alarms from the shell: what stands, why, and what a named person does about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli.ask import locate, query, request
from controller.cli.options import (
    DataOption,
    PlantArgument,
    ReasonOption,
    RoleOption,
    UserOption,
    duration_s,
    fail,
)

alarms = typer.Typer(no_args_is_help=True, help="Alarms: list, explain, acknowledge, shelve, history.")
Alarm = Annotated[str, typer.Argument(help="Alarm, e.g. LT-201.HH; with * and ? several, e.g. 'LT-201.*'.")]


@alarms.command("list")
def list_(
    name: Annotated[str, typer.Argument(help="Alarm or pattern, e.g. 'LT-*'; default: all.")] = "*",
    data: DataOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every alarm, not only what stands.")] = False,
    area: Annotated[str, typer.Option("--area", help="Only this area, e.g. purifier.")] = "",
    priority: Annotated[
        list[int] | None, typer.Option("--priority", min=1, max=3, help="Only these (repeat it).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """What stands or waits for somebody, worst first; times are UTC."""
    wanted = {"id": name, "area": area, "priorities": priority or [1, 2, 3]}
    rows: list[dict[str, Any]] = query(data, "alarms", everything=everything, filter=wanted)
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    from controller.cli.alarm_text import list_text, width

    fits = "" if name == "*" and not area and not priority else " that fits"
    typer.echo(list_text(rows, width()) or f"no alarm{fits} stands, none waits to be acknowledged")


@alarms.command("show")
def show(name: Alarm, data: DataOption = None) -> None:
    """One alarm: why it is (not) active, and what to do about it."""
    from controller.cli.alarm_text import show_text, width

    typer.echo(show_text(query(data, "alarm", name=name), width()))


def _target(name: str) -> tuple[str, dict[str, Any]]:
    """A pattern means all alarms that fit. A name is that of an alarm, also when there is none."""
    return (name, {"filter": {"id": name}}) if set(name) & set("*?") else (name, {"alarm": True})


@alarms.command("ack")
def ack(
    name: Alarm,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Acknowledge: you have seen it and take care of it."""
    target, args = _target(name)
    request(data, "acknowledge", target, reason=reason, user=user, role=role, args=args)


@alarms.command("shelve")
def shelve(
    name: Alarm,
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 8h. Left out: once.")] = "",
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Put it aside for a while (P2 at most 1 h, P3 at most 8 h, P1 never), or until it returns."""
    target, args = _target(name)
    if for_:
        args["for_s"] = duration_s(for_)
    action = "shelve" if for_ else "shelve_once"
    request(data, action, target, reason=reason, user=user, role=role, args=args)


@alarms.command("unshelve")
def unshelve(
    name: Alarm,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Take it back from the shelf."""
    target, args = _target(name)
    request(data, "unshelve", target, reason=reason, user=user, role=role, args=args)


@alarms.command("comment")
def comment(
    name: Alarm,
    text: Annotated[str, typer.Argument(help="What others should know.")],
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Write a comment to it."""
    target, args = _target(name)
    request(data, "comment", target, reason=text, user=user, role=role, args=args)


@alarms.command("reset")
def reset(
    name: Alarm,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Clear a latched alarm whose condition has gone."""
    target, args = _target(name)
    request(data, "reset", target, reason=reason, user=user, role=role, args=args)


@alarms.command("confirm")
def confirm(
    name: Alarm,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """The second step after acknowledging, where an alarm asks for it: it has been dealt with."""
    target, args = _target(name)
    request(data, "confirm", target, reason=reason, user=user, role=role, args=args)


@alarms.command("silence")
def silence(
    name: Alarm,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Stop the sound until it speaks again; it stays unacknowledged."""
    target, args = _target(name)
    request(data, "silence", target, reason=reason, user=user, role=role, args=args)


@alarms.command("out-of-service")
def out_of_service(
    name: Alarm,
    for_: Annotated[str, typer.Option("--for", help="How long: 8h, 3d; at most 30 d.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the journal.")],
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Take it away while its instrument is being worked on (supervisor; never priority 1)."""
    target, args = _target(name)
    args["for_s"] = duration_s(for_)
    request(data, "remove_from_service", target, reason=reason, user=user, role=role, args=args)


@alarms.command("in-service")
def in_service(
    name: Alarm,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Bring it back into service before its time is over."""
    target, args = _target(name)
    request(data, "return_to_service", target, reason=reason, user=user, role=role, args=args)


@alarms.command("history")
def history(
    name: Annotated[str, typer.Argument(help="Alarm, or a pattern; default: all.")] = "*",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Newest so many.")] = 50,
    data: DataOption = None,
) -> None:
    """What happened to it, newest first, from the journal; times are UTC."""
    from fnmatch import fnmatchcase

    from controller.cli.alarm_text import history_line, width
    from controller.record.errors import RecordError
    from controller.record.reader import Reader, Where

    try:
        with Reader(data_of(data)) as reader:
            found = reader.newest_events(20 * limit, Where(kinds=("alarm.*",)))
    except RecordError as error:
        fail(str(error))
    entries = [one for one in found if fnmatchcase(one.source, name)][:limit]
    for entry in entries:
        typer.echo(history_line(entry, width()))
    if not entries:
        typer.echo(f"nothing is recorded of {name}; `heloop alarms list --all` shows every alarm", err=True)


def data_of(data: Path | None) -> Path:
    """The data directory as given, or that of the only service that runs here."""
    if data is not None:
        return data
    about = locate(None).about()
    assert about is not None, "located because it runs"
    return Path(about["data"])


@alarms.command("table")
def table(
    plant: PlantArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder for the HTML and CSV.")] = Path(),
) -> None:
    """Write the alarm master table (rationalisation) as HTML and CSV."""
    from controller.alarm_table import alarm_table_csv, alarm_table_html
    from controller.cli.configure import load_plant

    checked = load_plant(plant)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("html", alarm_table_html(checked)), ("csv", alarm_table_csv(checked))):
        target = out / f"{checked.name}-alarms.{name}"
        target.write_text(text, encoding="utf-8")
        typer.echo(str(target))


def register(app: typer.Typer) -> None:
    app.add_typer(alarms, name="alarms")
