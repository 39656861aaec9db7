"""Followers of the journal as processes of their own: which there are, and what each needs to start."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from controller.cli.options import (
    DataOption,
    LogFormatOption,
    PlantArgument,
    PortBaseOption,
    VerboseOption,
    fail,
)

FOLLOWERS = ("influx", "notify")


def follow(
    name: Annotated[str, typer.Argument(metavar="NAME", help="influx or notify.")],
    plant: PlantArgument,
    data: DataOption = None,
    port_base: PortBaseOption = 4840,
    demo_users: Annotated[bool, typer.Option("--demo-users", hidden=True)] = False,
    log_format: LogFormatOption = "text",
    verbose: VerboseOption = False,
) -> None:
    """One follower alone: sends the journal on, from where it was (one systemd unit)."""
    from controller.cli.configure import load_plant
    from controller.cli.logs import set_up
    from controller.cli.serve import default_data, until_stopped
    from controller.record.errors import RecordError

    set_up(log_format, verbose)
    check_followers([name])
    checked = load_plant(plant)
    settings = settings_or_fail(name, checked)
    place = data or default_data(checked.name)
    wrong: tuple[type[Exception], ...] = (RecordError,)
    if name == "influx":
        from controller.followers.influx.follower import follow_influx

        work: Any = follow_influx(checked, settings, place)
    else:
        from controller.followers.notify.follower import follow_notify
        from controller.followers.notify.links import SecretError

        wrong = (RecordError, SecretError)
        work = follow_notify(checked, settings, place, port=port_base + 1, demo=demo_users)
    try:
        asyncio.run(until_stopped(work))
    except* wrong as error:
        fail(str(_first(error)))


def check_followers(names: list[str]) -> None:
    if unknown := [name for name in names if name not in FOLLOWERS]:
        fail(f"there is no follower {', '.join(unknown)}; there are: {', '.join(FOLLOWERS)}", 2)


def settings_or_fail(name: str, plant: Any) -> Any:
    """What the follower is set to; ends the program with 2 when that does not go together."""
    if name == "influx":
        from controller.cli.influx import settings_or_fail as settings_of_influx

        return settings_of_influx(plant)
    from controller.cli.notify import settings_or_fail as settings_of_notify

    return settings_of_notify(plant)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


def register(app: typer.Typer) -> None:
    app.command()(follow)
