"""`heloop influx parked`: what the database refused for good, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import pwd
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli.ask import data_of
from controller.cli.influx import Aloud, influx, settings_or_fail
from controller.cli.options import DataOption, PlantArgument, fail

NAME = "influx"


@influx.command("parked")
def parked(
    plant: PlantArgument,
    again: Annotated[
        bool, typer.Option("--send-again", help="What is stored now is parked no more.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Give them up; the journal still has them.")] = False,
    data: DataOption = None,
) -> None:
    """Show the lines that the database refused for good, by reason; send them again, or drop them."""
    from controller.cli.configure import load_plant
    from controller.followers.influx.parked import drop_parked
    from controller.followers.place import read_dead
    from controller.record.errors import RecordError

    if again and drop:
        fail("--send-again and --drop do not go together", 2)
    settings = settings_or_fail(load_plant(plant))
    place = data_of(data)
    try:
        dead = read_dead(place, NAME)
        if again:
            stored, left = asyncio.run(_send(settings, place))
            typer.echo(f"{stored} lines are stored")
            _cleared(place, stored, "sent again", left)
        elif drop:
            drop_parked(place, NAME, dead)
            typer.echo(f"{len(dead)} lines are dropped; `heloop influx backfill` can send their times again")
            _cleared(place, len(dead), "dropped", read_dead(place, NAME))
        else:
            _show(dead)
    except (RecordError, sqlite3.Error) as error:
        fail(str(error))


async def _send(settings: Any, place: Path) -> tuple[int, list[Any]]:
    from controller.followers.influx.parked import send_parked
    from controller.followers.influx.sending import Sending
    from controller.followers.influx.targets import target

    sink = target(settings)
    try:
        return await send_parked(place, NAME, Sending(sink, Aloud(), batch=settings.batch))
    finally:
        await sink.close()


def _cleared(place: Path, lines: int, how: str, left: list[Any]) -> None:
    from controller.followers.influx.parked import tell_unparked

    if left:
        _show(left)
        fail(f"{len(left)} lines are refused still")
    if not asyncio.run(tell_unparked(place, NAME, lines, how, pwd.getpwuid(os.getuid()).pw_name)):
        fail("the service does not run: say this again when it does, heloop.PARKED stands until then")


def _show(dead: list[Any]) -> None:
    """By reason, the commonest first, each with its newest line."""
    newest = {one.reason: one for one in dead}
    for reason, count in Counter(one.reason for one in dead).most_common(20):
        one = newest[reason]
        at = datetime.fromtimestamp(one.utc_ns / 1e9, UTC).isoformat(timespec="seconds")
        typer.echo(f"{count} lines, the last at {at}: {reason}\n    {one.line}")
    typer.echo(f"{len(dead)} lines are parked")
