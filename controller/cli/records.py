"""For whoever has to know what happened: the journal's proof, exports, history, recordings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.options import fail

if TYPE_CHECKING:
    from controller.record.chain import Head

journal = typer.Typer(no_args_is_help=True, help="The journal: prove it, export it, set a damaged one aside.")
DataDirectory = Annotated[
    Path, typer.Option("--data", envvar="HELOOP_DATA", exists=True, file_okay=False, help="Data directory.")
]


@journal.command("verify")
def verify(
    data: DataDirectory,
    head: Annotated[
        list[str] | None, typer.Option("--head", help="NUMBER:HASH that was sent out, to be found again.")
    ] = None,
    against: Annotated[str, typer.Option("--against", help="influx: with all heads that it was sent.")] = "",
    plant: Annotated[str, typer.Option("--plant", help="Plant, if not the one of the journal.")] = "",
) -> None:
    """Prove that the journal is what was written: hash chain, anchors, every sample, the file itself."""
    from controller.record.chain import Head as Sent
    from controller.record.errors import RecordError
    from controller.record.verify import verify as prove

    try:
        heads = [*(Sent.parse(text) for text in head or ()), *_sent_to(against, data, plant)]
        verdict = prove(data, heads, progress=_progress("verified"))
    except (RecordError, ValueError) as error:
        fail(str(error))
    for remark in verdict.remarks:
        typer.echo(remark)
    for problem in verdict.problems:
        typer.echo(str(problem), err=True)
    if not verdict.good:
        fail(f"{len(verdict.problems)} problems in {data}")
    typer.echo(
        f"good: {verdict.events} events, {verdict.rows} rows in {verdict.blocks} blocks, head {verdict.head}"
        f"{f', {len(heads)} heads that were sent out agree' if heads else ''}"
    )


def _sent_to(against: str, data: Path, plant: str) -> Sequence[Head]:
    """The heads that a database has of this journal."""
    from controller.cli.configure import load_plant
    from controller.cli.influx import heads_of, settings_or_fail
    from controller.followers.influx.queries import NotAnswered
    from controller.record.reader import Reader

    if not against:
        return ()
    if against != "influx":
        fail(f"--against {against}: there is influx", 2)
    with Reader(data) as reader:
        checked = load_plant(plant or str(reader.meta("plant")))
    try:
        return asyncio.run(heads_of(checked, settings_or_fail(checked), data))
    except NotAnswered as error:
        fail(str(error))


@journal.command("export")
def export(
    data: DataDirectory,
    form: Annotated[
        str, typer.Option("--format", help="csv, parquet or line (InfluxDB line protocol).")
    ] = "csv",
    events: Annotated[bool, typer.Option("--events", help="The events instead of the samples.")] = False,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Only this tag (repeat it).")] = None,
    from_: Annotated[str, typer.Option("--from", help="ISO time, UTC unless it says otherwise.")] = "",
    to: Annotated[str, typer.Option("--to", help="ISO time, exclusive.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="File; default: standard output.")] = None,
) -> None:
    """Write samples or events in a form that other programs read."""
    from controller.record.errors import RecordError
    from controller.record.export import FORMS, export_events, export_samples
    from controller.record.reader import Where

    if form not in FORMS:
        fail(f"--format {form}: there are {', '.join(FORMS)}", 2)
    from_ns, to_ns = time_ns(from_, 0), time_ns(to, 2**62)
    try:
        if events:
            where = Where(from_ns=from_ns, to_ns=to_ns)
            count = export_events(data, out, form, where=where, progress=_share("exported"))
        else:
            count = export_samples(
                data, out, form, tags=tag, from_ns=from_ns, to_ns=to_ns, progress=_share("exported")
            )
    except RecordError as error:
        fail(str(error))
    typer.echo(f"{count} {'events' if events else 'rows'}{f' in {out}' if out else ''}", err=True)


@journal.command("set-aside")
def set_aside(data: DataDirectory) -> None:
    """Rename a damaged journal so that the service can start with a new one; nothing is deleted."""
    from controller.record.aside import set_aside as move
    from controller.record.errors import RecordError

    try:
        for path in move(data):
            typer.echo(f"kept as {path}")
    except RecordError as error:
        fail(str(error))


def compact(
    data: DataDirectory,
    keep_days: Annotated[float | None, typer.Option("--keep-days", help="Drop older history.")] = None,
) -> None:
    """Fold the journal's samples into history.db (a process of its own; the service runs it each hour)."""
    from controller.record.compaction import compact as fold
    from controller.record.errors import RecordError

    try:
        done = fold(data, keep_days=keep_days)
    except RecordError as error:
        fail(str(error))
    typer.echo(f"history is up to block {done.upto}")


def replay(
    recording: Annotated[
        Path, typer.Argument(exists=True, help="Data directory, recording folder or segment.")
    ],
) -> None:
    """Make the recorded decisions again and compare them with the journal, byte for byte."""
    from controller.record.errors import RecordError
    from controller.record.tables import FILE
    from controller.replay import NotReplayable
    from controller.replay import replay as again

    try:
        outcome = again(recording, recording if (recording / FILE).exists() else None)
    except (RecordError, NotReplayable) as error:
        fail(str(error))
    typer.echo(
        f"{outcome.steps} steps, {outcome.events} events, {outcome.compared} compared with the journal, "
        f"{outcome.holes} holes; recorded by heloop {', '.join(outcome.software)}"
    )
    if outcome.difference:
        fail(f"decided differently:\n{outcome.difference}")


def time_ns(text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"'{text}' is no time; write 2026-10-31T14:00", 2)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e9)


def _progress(what: str) -> Callable[[int, int], None]:
    def show(done: int, of: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} {done} of {of} ")

    return show


def _share(what: str) -> Callable[[int, float], None]:
    def show(done: int, share: float) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} {done}, {share:.0%} ")

    return show


def register(app: typer.Typer) -> None:
    app.add_typer(journal, name="journal")
    app.command()(compact)
    app.command()(replay)
