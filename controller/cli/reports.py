"""Reports and trials of rules: how the alarm system did, and what changed rules would have made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli.alarms import data_of
from controller.cli.configure import load_plant
from controller.cli.options import DataOption, PlantArgument, fail
from controller.cli.records import time_ns

report = typer.Typer(no_args_is_help=True, help="Reports one can print.")


@report.command("alarms")
def alarms(
    month: Annotated[str, typer.Option("--month", help="YYYY-MM, UTC.")],
    data: DataOption = None,
    plant: Annotated[str, typer.Option("--plant", help="Plant, if not the one of the journal.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="File; default: PLANT-alarms-MONTH.html.")] = None,
) -> None:
    """How the alarm system did in a month, against its targets, with suggestions for the bad actors."""
    import numpy as np

    from alarms.signal import BAD
    from controller.alarm_report import alarm_report_html
    from controller.record.errors import RecordError
    from controller.record.history import History
    from controller.record.reader import Reader, Where

    from_ns, to_ns = _month(month)
    place = data_of(data)
    try:
        with Reader(place) as reader, History(place) as history:
            checked = load_plant(plant or str(reader.meta("plant")))
            where = Where(kinds=("alarm.*", "interlock.tripped"), to_ns=to_ns)
            events = list(reader.events(where=where))
            known = set(history.names())

            def samples(tag: str) -> Any:
                if tag not in known:
                    return np.empty((0, 2))
                rows = history.query(tag, from_ns, to_ns).rows
                usable = (rows.status < BAD) & ~np.isnan(rows.values)
                return np.column_stack((rows.time_ns[usable] / 1e9, rows.values[usable]))

            started = reader.newest_events(1, Where(kinds=("service.started",), to_ns=to_ns))
            speed = float(started[0].data.get("speed", 1.0)) if started else 1.0
            text = alarm_report_html(checked, events, from_ns, to_ns, samples, speed)
    except RecordError as error:
        fail(str(error))
    target = out or Path(f"{checked.name}-alarms-{month}.html")
    target.write_text(text, encoding="utf-8")
    typer.echo(str(target))


def _month(text: str) -> tuple[int, int]:
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        fail(f"--month {text}: write YYYY-MM, for example 2026-10", 2)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    end = min(following, datetime.now(UTC))  # a month that is not over is judged by what there is of it
    if end <= first:
        fail(f"--month {text} has not begun", 2)
    return int(first.timestamp()) * 10**9, int(end.timestamp() * 1e9)


def backtest(
    plant: PlantArgument,
    from_: Annotated[str, typer.Option("--from", help="ISO time, UTC unless it says otherwise.")] = "",
    to: Annotated[str, typer.Option("--to", help="ISO time, exclusive.")] = "",
    data: DataOption = None,
    present: Annotated[
        str, typer.Option("--present", help="Plant to compare with; default: as recorded.")
    ] = "",
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", exists=True, help="Samples from an InfluxDB export: line protocol, or *.csv."
        ),
    ] = None,
) -> None:
    """Run PLANT's rules over recorded samples beside the present ones: alarms, floods, trips, missed."""
    from controller.backtest import compare
    from controller.record.errors import RecordError

    recorded: tuple[list[Any], Any, float]
    changed = load_plant(plant)
    from_ns, to_ns = time_ns(from_, 0), time_ns(to, 2**62)
    if export is not None and present and data is None:  # from elsewhere: no journal tells of its trips
        place, recorded = None, ([], load_plant(present), 1.0)
    else:
        place = data_of(data)
        try:
            recorded = _recorded(place, present, from_ns, to_ns)
        except RecordError as error:
            fail(str(error))
    events, now, speed = recorded
    points = _points(place, export, from_ns, to_ns)
    if not points:
        fail("nothing was recorded in that span")
    typer.echo(f"{len(points)} samples, {len(events)} events", err=True)
    _tell(compare(now, changed, points, events, speed))


def _recorded(place: Path, present: str, from_ns: int, to_ns: int) -> tuple[list[Any], Any, float]:
    """The journal's events of the span, the plant as it was, and how fast it ran."""
    from controller.record.reader import Reader, Where

    with Reader(place) as reader:
        now = load_plant(present) if present else _recorded_plant(place, str(reader.meta("plant")))
        events = list(reader.events(where=Where(from_ns=from_ns, to_ns=to_ns)))
        started = reader.newest_events(1, Where(kinds=("service.started",)))
    return events, now, float(started[0].data.get("speed", 1.0)) if started else 1.0


def _points(place: Path | None, export: Path | None, from_ns: int, to_ns: int) -> list[Any]:
    from controller.backtest import Point, points_of_csv, points_of_lines
    from controller.record.errors import RecordError
    from controller.record.history import History

    if export is not None:
        read = points_of_csv if export.suffix.lower() == ".csv" else points_of_lines
        with export.open(encoding="utf-8", newline="") as stream:
            try:
                found = read(
                    stream, lambda n, line: typer.echo(f"{export}:{n}: not read: {line.strip()}", err=True)
                )
            except ValueError as error:
                fail(f"{export}: {error}")
        return [point for point in found if from_ns <= point.time_ns < to_ns]
    assert place is not None, "samples come from a file or from a data directory"
    rows = []
    try:
        with History(place) as history:
            for _, series in history.pieces(None, from_ns, to_ns):
                columns = (series.rows.time_ns, series.rows.values, series.rows.status)
                rows += [
                    Point(time_ns, series.name, value, status)
                    for time_ns, value, status in zip(*(one.tolist() for one in columns), strict=True)
                ]
    except RecordError as error:
        fail(str(error))
    return sorted(rows, key=lambda point: point.time_ns)


def _recorded_plant(place: Path, name: str) -> Any:
    """The plant as the flight recorder kept it, else the one of that name."""
    from controller.record.errors import Missing
    from controller.record.recording import Header, read_recording
    from controller.replay import plant_of

    newest: Header | None = None
    try:
        for item in read_recording(place):
            newest = item if isinstance(item, Header) else newest
    except Missing:
        newest = None
    return load_plant(name) if newest is None else plant_of(newest)


def _tell(found: Any) -> None:
    rows = [
        ("alarms announced", found.present.raised, found.changed.raised),
        ("alarms kept quiet", found.present.suppressed, found.changed.suppressed),
        ("floods", found.present.floods, found.changed.floods),
        ("trips", len(found.present.trips), len(found.changed.trips)),
        ("not decidable (alarms)", found.present.not_decidable, found.changed.not_decidable),
    ]
    typer.echo(f"{'':24}{'present':>10}{'changed':>10}")
    for what, one, other in rows:
        typer.echo(f"{what:24}{one:>10}{other:>10}")
    names = sorted({*found.present.alarms, *found.changed.alarms})
    for name in names:
        one, other = found.present.alarms[name], found.changed.alarms[name]
        if one != other:
            typer.echo(f"  {name:22}{one:>10}{other:>10}")
    typer.echo(f"recorded trips: {found.recorded}; missed by the changed rules: {len(found.missed)}")
    for name, at_ns in found.missed:
        at = datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="seconds")
        typer.echo(f"  {name} at {at}")


def register(app: typer.Typer) -> None:
    app.add_typer(report, name="report")
    app.command()(backtest)
