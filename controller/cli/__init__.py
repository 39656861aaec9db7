"""The command line: a contract that scripts outside the repository rely on.

In: arguments, HELOOP_* variables. Out: text for people (or JSON where asked), exit codes 0 done,
1 what you asked failed, 2 wrong use or configuration. Each module holds the commands of one kind
of user; heavy rooms are imported when a command runs, so that `--help` is instant.
"""

from __future__ import annotations

from typing import Annotated

import typer

from controller import __version__
from controller.cli import (
    alarms,
    certs,
    configure,
    connect,
    follow,
    gateway,
    influx,
    notify,
    operate,
    records,
    reports,
    serve,
    simulate,
    users,
)

app = typer.Typer(
    name="heloop",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Control room for helium recovery and liquefaction plants. Supervisory; never the safety function.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"heloop {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Talk to the service on this machine by its command socket.")
    ] = True,
) -> None:
    """Options before the command."""


MODULES = (
    *(configure, serve, gateway, simulate, operate, alarms, records),
    *(reports, connect, certs, users, follow, influx, notify),
)
for module in MODULES:
    module.register(app)


def main() -> None:
    """The command `heloop`."""
    app()
