"""What all commands share: durations, the plant argument, where the service is, how to fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?\s*")


def duration_s(text: str) -> float:
    """'90', '90s', '10m', '2h', '1d', '1h30m' in seconds. Raises typer.BadParameter."""
    position, total_s = 0, 0.0
    while position < len(text):
        match = _DURATION.match(text, position)
        if match is None or not match.group(1):
            raise typer.BadParameter(f"'{text}' is no duration; write 60s, 10m, 2h or 1h30m")
        total_s += float(match.group(1)) * _UNITS_S[match.group(2) or "s"]
        position = match.end()
    if not text.strip():
        raise typer.BadParameter("an empty duration; write 60s, 10m, 2h or 1h30m")
    return total_s


def fail(text: str, code: int = FAILED) -> NoReturn:
    """One line on standard error, and the exit code of the contract (1 failed, 2 wrong use)."""
    typer.echo(f"heloop: {text}", err=True)
    raise typer.Exit(code)


PlantArgument = Annotated[
    str,
    typer.Argument(metavar="PLANT", help="A plant's name (university, cryocooler, tutorial) or its folder."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="HELOOP_DATA", help="Data directory of the service; default: the one running here."
    ),
]
PortBaseOption = Annotated[
    int,
    typer.Option(
        "--port-base",
        envvar="HELOOP_PORT_BASE",
        min=1024,
        max=65000,
        help="OPC UA server N, console N+1, simulated PLCs from N+2.",
    ),
]
LogFormatOption = Annotated[
    str, typer.Option("--log-format", envvar="HELOOP_LOG_FORMAT", help="text or json, on standard error.")
]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", envvar="HELOOP_VERBOSE", help="Say more.")]
SpeedOption = Annotated[
    float, typer.Option("--speed", envvar="HELOOP_SPEED", min=0.1, max=600, help="Plant seconds per second.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", envvar="HELOOP_SEED", help="Same seed, same noise and faults.")
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option("--fault", help="Fault at a plant time: F4@10m (repeat it, or separate by commas)."),
]
ReportOption = Annotated[Path | None, typer.Option("--report", help="Write the report (JSON) to this file.")]
UserOption = Annotated[
    str | None,
    typer.Option("--user", envvar="HELOOP_USER", help="Your name, where several share one account."),
]
RoleOption = Annotated[
    str | None,
    typer.Option("--role", help="Act in a lower role than your account has (viewer, operator, ...)."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the journal.")]
