"""For the operator: what stands, why, and what a named person asks the core to do."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from controller.cli.ask import query, request
from controller.cli.options import DataOption, ReasonOption, RoleOption, UserOption, duration_s

JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable.")]
Target = Annotated[str, typer.Argument(help="Interlock, e.g. S-05.")]


def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Links, lag, queues, interlocks that stand, bypasses."""
    state = query(data, "status")
    if as_json:
        typer.echo(json.dumps(state, ensure_ascii=False))
        return
    from controller.cli.tables import status_text

    typer.echo(status_text(state))


def explain(
    name: Annotated[str, typer.Argument(help="Tag, alarm, interlock or command.")], data: DataOption = None
) -> None:
    """Why is this (not) active, in a sentence."""
    from controller.cli.alarm_text import width, wrapped

    typer.echo(wrapped(query(data, "explain", name=name), width()))


def reset(
    target: Target,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Ask to reset a latched interlock; refused with the reason while its reset condition does not hold."""
    request(data, "reset", target, reason=reason, user=user, role=role)


def acknowledge(
    target: Target,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Say that you have seen a trip, and with it its alarm; it stays latched until it is reset."""
    request(data, "acknowledge", target, reason=reason, user=user, role=role)


def command(
    target: Annotated[str, typer.Argument(help="Command, e.g. C-301.CMD.")],
    word: Annotated[str, typer.Argument(help="Its word, e.g. stop.")],
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Ask a PLC for a stop, a start or a reset; the PLC and the standing trips decide."""
    request(data, "command", target, reason=reason, user=user, role=role, args={"word": word})


bypass = typer.Typer(no_args_is_help=True, help="Take an interlock out of action for a while, and back in.")


@bypass.command("request")
def bypass_request(
    target: Target,
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 2h.")],
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Ask for a bypass; where two persons are needed it waits 10 min for the second."""
    args = {"for_s": duration_s(for_)}
    request(data, "bypass", target, reason=reason, user=user, role=role, args=args)


@bypass.command("confirm")
def bypass_confirm(
    target: Target,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Confirm another person's bypass, from a session of your own."""
    request(data, "confirm_bypass", target, reason=reason, user=user, role=role)


@bypass.command("remove")
def bypass_remove(
    target: Target,
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Put the interlock back in action now."""
    request(data, "unbypass", target, reason=reason, user=user, role=role)


@bypass.command("inhibit-check")
def inhibit_check(
    target: Annotated[str, typer.Argument(help="Mirrored interlock, e.g. I-14.")],
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 2h.")],
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Mute the effect check of an interlock that the PLC enforces; the PLC is not touched."""
    args = {"for_s": duration_s(for_)}
    request(data, "inhibit_check", target, reason=reason, user=user, role=role, args=args)


@bypass.command("allow-check")
def allow_check(
    target: Annotated[str, typer.Argument(help="Mirrored interlock, e.g. I-14.")],
    reason: ReasonOption = "",
    data: DataOption = None,
    user: UserOption = None,
    role: RoleOption = None,
) -> None:
    """Let the effect check of a mirrored interlock speak again."""
    request(data, "allow_check", target, reason=reason, user=user, role=role)


@bypass.command("list")
def bypass_list(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Who has bypassed what, why and until when."""
    rows: list[dict[str, Any]] = query(data, "status")["bypasses"]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    from controller.cli.tables import bypass_text

    typer.echo(bypass_text(rows))


def register(app: typer.Typer) -> None:
    for function in (status, explain, reset, acknowledge, command):
        app.command()(function)
    app.add_typer(bypass, name="bypass")
