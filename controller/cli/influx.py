"""For the record in InfluxDB: prepare the database, send again, compare."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli.ask import data_of
from controller.cli.options import DataOption, PlantArgument, fail
from controller.cli.records import time_ns

influx = typer.Typer(no_args_is_help=True, help="The record in InfluxDB: prepare it, send again, compare.")
FromOption = Annotated[str, typer.Option("--from", help="ISO time, UTC unless it says otherwise.")]
ToOption = Annotated[str, typer.Option("--to", help="ISO time, exclusive.")]


def settings_or_fail(plant: Any) -> Any:
    from controller.followers.influx.settings import BadSettings, settings_of

    try:
        return settings_of(plant)
    except BadSettings as error:
        fail(str(error), 2)


@influx.command("setup")
def setup(plant: PlantArgument) -> None:
    """Make database, retention and hourly means; run again it changes nothing."""
    from controller.cli.configure import load_plant
    from controller.followers.influx.queries import NotAnswered
    from controller.followers.influx.setup import set_up

    settings = settings_or_fail(load_plant(plant))
    try:
        for sentence in asyncio.run(set_up(settings)):
            typer.echo(sentence)
    except NotAnswered as error:
        fail(str(error))


@influx.command("backfill")
def backfill(plant: PlantArgument, from_: FromOption, to: ToOption = "", data: DataOption = None) -> None:
    """Send a span of the journal once more; what is there already stays as it is."""
    from controller.cli.configure import load_plant
    from controller.record.errors import RecordError

    checked = load_plant(plant)
    settings = settings_or_fail(checked)
    span = (time_ns(from_, 0), time_ns(to, time.time_ns()))
    try:
        points, parked = asyncio.run(_send_again(checked, settings, data_of(data), span))
    except RecordError as error:
        fail(str(error))
    typer.echo(f"{points} points sent again")
    for one in parked[:20]:
        typer.echo(f"refused: {one.reason}: {one.line}", err=True)
    if parked:
        fail(f"{len(parked)} lines were refused")


async def _send_again(plant: Any, settings: Any, place: Path, span: tuple[int, int]) -> tuple[int, list[Any]]:
    from controller.followers.influx.again import send_again
    from controller.followers.influx.sending import Sending
    from controller.followers.influx.targets import target

    sink = target(settings)
    sending = Sending(sink, Aloud(), batch=settings.batch)
    try:
        parked = await send_again(plant, place, sending, settings.heartbeat_s, span)
    finally:
        await sink.close()
    return sending.meters.points, parked


class Aloud:
    """Tells a person at the terminal what the service would tell the core."""

    def trouble(self, kind: str, answer: Any, since_s: float) -> None:
        del since_s
        typer.echo(f"{kind.removeprefix('follower.')}: {answer}; trying again", err=True)

    def fine(self) -> None: ...

    def parked(self, one: Any) -> None: ...


@influx.command("verify")
def verify(plant: PlantArgument, from_: FromOption = "", to: ToOption = "", data: DataOption = None) -> None:
    """Compare every row of the journal with the database: counts and checksums per tag, and the heads."""
    from controller.cli.configure import load_plant
    from controller.followers.influx.queries import NotAnswered
    from controller.followers.place import read_place
    from controller.record.errors import RecordError

    checked = load_plant(plant)
    settings = settings_or_fail(checked)
    place = data_of(data)
    try:
        known = read_place(place, "influx")
        if known is None:
            fail("no follower 'influx' has sent anything of this journal yet: heloop follow influx PLANT")
        span = _span(place, time_ns(from_, 0), time_ns(to, 2**62))
        found = asyncio.run(_compare(checked, settings, place, span, known))
        heads = asyncio.run(heads_of(checked, settings, place))
        lost = _lost(place, heads)
    except (RecordError, NotAnswered) as error:
        fail(str(error))
    for sentence in lost:
        typer.echo(sentence, err=True)
    _tell(found)
    if lost:
        fail(f"{len(lost)} of {len(heads)} heads do not agree: the journal was cut or changed")
    typer.echo(f"{len(heads)} heads agree")


async def heads_of(plant: Any, settings: Any, place: Path) -> Any:
    """The journal's heads that the database has. Raises NotAnswered, RecordError."""
    from controller.followers.influx.heads import stored_heads
    from controller.followers.influx.queries import Queries
    from controller.record.reader import Reader

    with Reader(place) as reader:
        journal = str(reader.meta("id"))
    async with Queries(settings) as queries:
        found = await stored_heads(plant.name, journal, queries)
    if found.others:
        typer.echo(f"{found.others} heads are of other journals of this plant", err=True)
    return found.heads


def _lost(place: Path, heads: Any) -> list[str]:
    from controller.record.heads import lost
    from controller.record.reader import Reader

    with Reader(place) as reader:
        return list(lost(reader, heads))


def _span(place: Path, from_ns: int, to_ns: int) -> tuple[int, int]:
    """No wider than what the journal holds."""
    from controller.record.reader import Reader

    with Reader(place) as reader:
        held = reader.span()
    return (max(from_ns, held[0]), min(to_ns, held[1])) if held else (0, 0)


async def _compare(
    plant: Any, settings: Any, place: Path, span: tuple[int, int], known: Any
) -> dict[str, Any]:
    from controller.followers.influx.queries import Queries
    from controller.followers.influx.verify import compare

    async with Queries(settings) as queries:
        return await compare(plant, place, queries, span, *known)


def _tell(found: dict[str, Any]) -> None:
    wrong = {tag: one for tag, one in found.items() if not one.agrees}
    for tag, one in wrong.items():
        at = datetime.fromtimestamp((one.first_wrong_ns or 0) / 1e9, UTC).isoformat(timespec="seconds")
        typer.echo(
            f"{tag}: {one.rows} rows, {one.missing} missing, {one.different} different, {one.extra} that the "
            f"journal does not have; first at {at}; checksums {one.checksum} and {one.stored_checksum}",
            err=True,
        )
    rows, parked = (sum(getattr(one, name) for one in found.values()) for name in ("rows", "parked"))
    if wrong:
        fail(f"{len(wrong)} of {len(found)} series do not agree; heloop influx backfill sends them again")
    typer.echo(f"{len(found)} series agree: {rows} rows, 0 missing, 0 doubled; {parked} parked")


def register(app: typer.Typer) -> None:
    from controller.cli import parked, recording  # noqa: F401 - they add themselves

    app.add_typer(influx, name="influx")
