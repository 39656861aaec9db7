"""The record in the forms other programs read: CSV, Parquet, InfluxDB line protocol.

Everything streams, so that memory does not grow with the span. A file appears under its name when it
is whole; until then it is `NAME.partial`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TextIO

from controller.record.errors import Missing
from controller.record.forms import EVENT_COLUMNS, SAMPLE_COLUMNS, Csv, Form, Line, Parquet
from controller.record.history import History
from controller.record.reader import Reader, Where

FORMS: Final = ("csv", "parquet", "line")
Progress = Callable[[int, float], None]


def export_samples(
    directory: Path,
    target: Path | None,
    form: str,
    *,
    tags: Sequence[str] | None = None,
    from_ns: int = 0,
    to_ns: int = 2**62,
    progress: Progress | None = None,
) -> int:
    """Rows of the tags (None: all) with times in [from_ns, to_ns); target None: standard output.

    Returns the number of rows. progress(rows, share done). Raises Missing for a tag never recorded.
    """
    rows = 0
    with History(directory) as history, _Target(target, form, SAMPLE_COLUMNS, _plant(directory)) as out:
        if unknown := sorted(set(tags or ()) - set(history.names())):
            raise Missing(f"never recorded here: {', '.join(unknown)}")
        for share, series in history.pieces(tags, from_ns, to_ns):
            out.samples(series)
            rows += len(series.rows) + len(series.texts)
            if progress is not None:
                progress(rows, share)
    if progress is not None:
        progress(rows, 1.0)
    return rows


def export_events(
    directory: Path,
    target: Path | None,
    form: str,
    *,
    after: int = 0,
    where: Where | None = None,
    progress: Progress | None = None,
) -> int:
    """Events after a number; target None: standard output. Returns how many."""
    count = 0
    with Reader(directory) as reader, _Target(target, form, EVENT_COLUMNS, _plant(directory)) as out:
        last = max(1, reader.head().seq)
        for entry in reader.events(after, where=where):
            out.event(entry)
            count += 1
            if progress is not None and count % 1000 == 0:
                progress(count, entry.seq / last)
    if progress is not None:
        progress(count, 1.0)
    return count


class _Target:
    """Opens the form on a partial file and gives it its name when nothing went wrong."""

    def __init__(self, target: Path | None, form: str, columns: tuple[str, ...], plant: str) -> None:
        self._target = target
        self._partial = None if target is None else target.with_name(target.name + ".partial")
        self._form, self._columns, self._plant = form, columns, plant
        self._stream: TextIO | None = None
        self._out: Form | None = None

    def __enter__(self) -> Form:
        if self._form == "parquet":
            if self._partial is None:
                raise Missing("Parquet needs a file to write to: name one")
            self._out = Parquet(self._partial, self._columns)
            return self._out
        if self._partial is not None:
            self._stream = self._partial.open("w", encoding="utf-8", newline="")
        stream = self._stream or sys.stdout
        self._out = Csv(stream, self._columns) if self._form == "csv" else Line(stream, self._plant)
        return self._out

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._out is not None:
            self._out.close()
        if self._stream is not None:
            self._stream.close()
        if self._partial is not None and self._target is not None:
            if kind is None:
                self._partial.rename(self._target)
            else:
                self._partial.unlink(missing_ok=True)


def _plant(directory: Path) -> str:
    try:
        with Reader(directory) as reader:
            return str(reader.meta("plant"))
    except Missing:
        return ""
