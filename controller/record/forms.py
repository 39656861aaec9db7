"""The forms the record is exported in: CSV, Parquet, InfluxDB line protocol."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

import numpy as np

from controller.record.chain import Entry
from controller.record.errors import Missing
from controller.record.history import Series

SAMPLE_COLUMNS: Final = ("time", "time_ns", "tag", "unit", "value", "text", "status", "flags", "original_ns")
EVENT_COLUMNS: Final = (
    *("seq", "time", "utc_ns", "plant_s", "kind", "source", "severity", "text", "data", "hash"),
)
GROUP_ROWS: Final = 200_000


Row = tuple[Any, ...]


class Form(Protocol):
    """One output format. Rows are in the order of the columns above."""

    def samples(self, series: Series) -> None: ...
    def event(self, entry: Entry) -> None: ...
    def close(self) -> None: ...


class Csv:
    """With a header line; values as Python writes them shortest, times as ISO 8601 and as nanoseconds."""

    def __init__(self, stream: TextIO, columns: tuple[str, ...]) -> None:
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(columns)

    def samples(self, series: Series) -> None:
        self._rows.writerows(_sample_rows(series))

    def event(self, entry: Entry) -> None:
        self._rows.writerow(_event_row(entry))

    def close(self) -> None: ...


class Line:
    """`sample,plant=P,tag=T,unit=U value=1.5,q=0i NS` and `event,...`; a value that is no number is left out.

    InfluxDB keeps one point per series and time, so events of one nanosecond are set apart by one each.
    """

    def __init__(self, stream: TextIO, plant: str) -> None:
        self._stream = stream
        self._plant = _escaped(plant)
        self._last_ns = -(2**63)

    def samples(self, series: Series) -> None:
        unit = f",unit={_escaped(series.unit)}" if series.unit else ""
        start = f"sample,plant={self._plant},tag={_escaped(series.name)}{unit} "
        rows = zip(
            series.rows.values.tolist(),
            series.rows.status.tolist(),
            series.rows.time_ns.tolist(),
            strict=True,
        )
        self._stream.writelines(
            f"{start}value={value!r},q={status}i {time_ns}\n"
            if math.isfinite(value)
            else f"{start}q={status}i {time_ns}\n"
            for value, status, time_ns in rows
        )
        self._stream.writelines(
            f"{start}text={_quoted(text.text)},q={text.status}i {text.time_ns}\n" for text in series.texts
        )

    def event(self, entry: Entry) -> None:
        self._last_ns = max(entry.utc_ns, self._last_ns + 1)
        source = f",source={_escaped(entry.source)}" if entry.source else ""
        self._stream.write(
            f"event,plant={self._plant},kind={_escaped(entry.kind)}{source} "
            f"seq={entry.seq}i,severity={entry.severity}i,plant_s={entry.plant_s!r},text={_quoted(entry.text)},"
            f"data={_quoted(json.dumps(entry.data, ensure_ascii=False))} {self._last_ns}\n"
        )

    def close(self) -> None: ...


class Parquet:
    """zstd, in row groups; times are timestamps in UTC."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise Missing(
                "Parquet needs the optional package pyarrow: pip install 'heloop[parquet]'"
            ) from error
        kinds = {
            "time": pa.timestamp("ns", tz="UTC"),
            **dict.fromkeys(("time_ns", "utc_ns", "original_ns", "seq"), pa.int64()),
            **dict.fromkeys(("tag", "unit", "kind", "source"), pa.dictionary(pa.int32(), pa.string())),
            **dict.fromkeys(("value", "plant_s"), pa.float64()),
            **dict.fromkeys(("text", "data", "hash"), pa.string()),
            "status": pa.uint32(),
            "flags": pa.uint8(),
            "severity": pa.int32(),
        }
        self._pa = pa
        self._schema = pa.schema([(name, kinds[name]) for name in columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._tables: list[Any] = []
        self._waiting = 0

    def samples(self, series: Series) -> None:
        rows, n = series.rows, len(series.rows)
        names = [self._pa.array([text] * n) for text in (series.name, series.unit)]
        columns = {
            "time": rows.time_ns,
            "time_ns": rows.time_ns,
            "tag": names[0],
            "unit": names[1],
            "value": rows.values,
            "text": self._pa.nulls(n, self._pa.string()),
            "status": rows.status,
            "flags": rows.flags,
            "original_ns": rows.original_ns,
        }
        self._add(self._table(columns))
        if series.texts:
            found = [
                (t.time_ns, t.time_ns, *row[2:])
                for t, row in zip(series.texts, _text_rows(series), strict=True)
            ]
            self._add(self._table(dict(zip(SAMPLE_COLUMNS, zip(*found, strict=True), strict=True))))

    def event(self, entry: Entry) -> None:
        row = _event_row(entry)
        self._rows.append((row[0], entry.utc_ns, *row[2:]))
        if len(self._rows) >= GROUP_ROWS // 20:
            self._add_events()

    def close(self) -> None:
        self._add_events()
        self._write()
        self._writer.close()

    def _add_events(self) -> None:
        if self._rows:
            columns = dict(zip(EVENT_COLUMNS, zip(*self._rows, strict=True), strict=True))
            self._add(self._table(columns))
            self._rows = []

    def _table(self, columns: dict[str, Any]) -> Any:
        arrays = [self._pa.array(columns[field.name]).cast(field.type) for field in self._schema]
        return self._pa.Table.from_arrays(arrays, schema=self._schema)

    def _add(self, table: Any) -> None:
        self._tables.append(table)
        self._waiting += table.num_rows
        if self._waiting >= GROUP_ROWS:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(self._pa.concat_tables(self._tables))
        self._tables, self._waiting = [], 0


def _sample_rows(series: Series) -> Iterable[Row]:
    rows, n = series.rows, len(series.rows)
    yield from zip(
        _iso(rows.time_ns),
        rows.time_ns.tolist(),
        [series.name] * n,
        [series.unit] * n,
        rows.values.tolist(),
        [""] * n,
        rows.status.tolist(),
        rows.flags.tolist(),
        rows.original_ns.tolist(),
        strict=True,
    )
    yield from _text_rows(series)


def _text_rows(series: Series) -> Iterable[Row]:
    times = np.array([text.time_ns for text in series.texts], np.int64)
    for iso, text in zip(_iso(times), series.texts, strict=True):
        yield (
            *(iso, text.time_ns, series.name, series.unit, None, text.text),
            *(text.status, text.flags, text.original_ns),
        )


def _event_row(entry: Entry) -> Row:
    return (
        entry.seq,
        _iso(np.array([entry.utc_ns]))[0],
        entry.utc_ns,
        entry.plant_s,
        entry.kind,
        entry.source,
        entry.severity,
        entry.text,
        json.dumps(entry.data, ensure_ascii=False),
        entry.hash.hex(),
    )


def _iso(times: np.ndarray[Any, np.dtype[np.int64]]) -> list[str]:
    found: list[str] = np.datetime_as_string(times.astype("datetime64[ns]"), timezone="UTC").tolist()
    return found


def _escaped(text: str) -> str:
    """A tag value of the line protocol. A backslash at the end would escape what follows it."""
    for sign in ",= ":
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", "\\ ") + ("\\ " if text.endswith("\\") else "")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
