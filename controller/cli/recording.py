"""`heloop report recording`: how complete the record is, per day and tag, and every gap with its reason."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from controller.cli.ask import data_of
from controller.cli.configure import load_plant
from controller.cli.options import DataOption, fail
from controller.cli.reports import report

DayOption = Annotated[str, typer.Option("--day", help="YYYY-MM-DD, UTC; default: today.")]


@report.command("recording")
def recording(
    day: DayOption = "",
    month: Annotated[str, typer.Option("--month", help="YYYY-MM, UTC: all days of it.")] = "",
    data: DataOption = None,
    plant: Annotated[str, typer.Option("--plant", help="Plant, if not the one of the journal.")] = "",
    worst: Annotated[int, typer.Option("--worst", min=0, help="How many of the worst tags to name.")] = 10,
) -> None:
    """How complete the record is: covered time, rows archived and stored, and each gap with its reason."""
    from controller.followers.influx.recording import stored_of
    from controller.record.completeness import days
    from controller.record.errors import RecordError
    from controller.record.reader import Reader

    from_ns, to_ns = _span(day, month)
    place = data_of(data)
    try:
        with Reader(place) as reader:
            checked = load_plant(plant or str(reader.meta("plant")))
        upto, parked = stored_of(place, "influx")
        now_ns = time.time_ns()
        found = days(
            place, checked, from_ns, to_ns, now_ns, stored_upto=upto, parked=parked, progress=_counted
        )
    except RecordError as error:
        fail(str(error))
    if not found:
        fail("nothing was recorded in that time")
    for one in found:
        _tell(checked, one, worst)


def _counted(share: float) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\rcounted {share:.0%} ")


def _span(day: str, month: str) -> tuple[int, int]:
    if day and month:
        fail("--day and --month do not go together", 2)
    text, form = (month, "%Y-%m") if month else (day or f"{datetime.now(UTC):%Y-%m-%d}", "%Y-%m-%d")
    try:
        first = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        fail(f"{text}: write {'--month 2026-10' if month else '--day 2026-10-31'}", 2)
    after = (first + timedelta(days=32)).replace(day=1) if month else first + timedelta(days=1)
    return int(first.timestamp()) * 10**9, int(after.timestamp()) * 10**9


def _tell(plant: Any, day: Any, worst: int) -> None:
    archived = sum(one.archived for one in day.tags)
    counted = [one.stored for one in day.tags if one.stored is not None]
    stored = f", {sum(counted)} stored in InfluxDB" if counted else ""
    hours = (day.to_ns - day.from_ns) / 3.6e12
    typer.echo(
        f"{_date(day.start_ns)}: {day.completeness:.3f} % complete over {hours:.2f} h, "
        f"{len(plant.tags)} tags, {archived} rows archived{stored}"
    )
    for gap in day.gaps:
        where = plant.tags[gap.tag].name if gap.tag is not None else f"PLC {plant.plcs[gap.plc].name}"
        lasts = ", lasts" if gap.open else ""
        seconds = (gap.to_ns - gap.from_ns) / 1e9
        typer.echo(f"  {_clock(gap.from_ns)}  {seconds:9.1f} s{lasts}  {gap.reason:15} {where}: {gap.text}")
    poor = sorted(day.tags, key=lambda one: one.coverage.completeness)
    for one in [one for one in poor if one.coverage.gap_s > 0][:worst]:
        cover = one.coverage
        typer.echo(
            f"  {plant.tags[one.tag].name:20} {cover.completeness:8.3f} %  {cover.gaps} gaps, "
            f"longest {cover.longest_s:.1f} s, {one.archived} rows"
        )


def _date(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%Y-%m-%d}"


def _clock(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%H:%M:%S}"
