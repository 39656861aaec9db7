"""Archived values out of files that others wrote: InfluxDB's line protocol, and CSV in the forms one meets.

Fields as the export and the follower write them: a number as `value`, its StatusCode as `q` or `quality`
(left out it is Good). What cannot be read is told by its line, and passed over.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from math import nan
from typing import Final, TextIO

from controller.backtest.rerun import Point

Bad = Callable[[int, str], None]
MEASUREMENT: Final = "sample"
NUMBER: Final = "value"
CODES: Final = ("q", "quality", "status")
TIMES: Final = ("time_ns", "_time", "time")
_PART: Final = r"(?:[^ ,=\\]|\\.)+"
_TAGS: Final = rf"(?P<tags>(?:,{_PART}={_PART})*)"
_FIELDS: Final = r"(?P<fields>(?:[^ \"\\]|\\.|\"(?:[^\"\\]|\\.)*\")+)"
_LINE: Final = re.compile(rf"{MEASUREMENT}{_TAGS} {_FIELDS} (?P<ns>\d+)\s*$")
_PAIR: Final = re.compile(rf"({_PART})=(\"(?:[^\"\\]|\\.)*\"|{_PART})")


def points_of_lines(stream: TextIO, bad: Bad) -> list[Point]:
    """Points of a line protocol file (measurement `sample`), by time; texts and events are passed over.

    bad(line number, line) is told of every sample that cannot be read.
    """
    found: list[Point] = []
    for number, line in enumerate(stream, 1):
        if not line.startswith(f"{MEASUREMENT},"):
            continue
        match = _LINE.match(line)
        if match is None:
            bad(number, line)
            continue
        fields = dict(_PAIR.findall(match["fields"]))
        if "text" in fields:
            continue
        tag = dict(_PAIR.findall(match["tags"])).get("tag")
        try:
            value = float(fields[NUMBER].rstrip("iu")) if NUMBER in fields else nan
            status = next((int(fields[key].rstrip("iu")) for key in CODES if key in fields), 0)
        except ValueError:
            tag = None
        if tag is None:
            bad(number, line)
        else:
            found.append(Point(int(match["ns"]), re.sub(r"\\(.)", r"\1", tag), value, status))
    return sorted(found, key=lambda point: point.time_ns)


def points_of_csv(stream: TextIO, bad: Bad) -> list[Point]:
    """Points of a CSV file, by time: the export's own, InfluxQL's, or Flux's (annotated or not, a row a
    field or pivoted). Columns are known by their names; several tables may follow each other.

    Raises ValueError when no line names the columns that are needed.
    """
    found: dict[tuple[int, str], list[float]] = {}  # value, status
    columns: list[str] = []
    named = False
    for number, row in _rows(stream):
        if not any(row) or row[0].startswith("#"):
            continue
        if "tag" in row and any(time in row for time in TIMES):
            columns, named = row, True
            continue
        cells = dict(zip(columns, row, strict=False))
        if cells.get("text") or cells.get("_field") == "text":
            continue
        try:
            key, values = _cells(cells)
        except (KeyError, ValueError):
            bad(number, ",".join(row))
            continue
        point = found.setdefault(key, [nan, 0.0])
        for place, value in enumerate(values):
            point[place] = point[place] if value is None else value
    if not named:
        raise ValueError(
            "no header: the columns needed are `tag`, a time (`time_ns`, `_time`, `time`) and a value"
        )
    points = [Point(time_ns, tag, value, int(status)) for (time_ns, tag), (value, status) in found.items()]
    return sorted(points, key=lambda point: point.time_ns)


def _rows(stream: TextIO) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(stream)
    for row in reader:
        yield reader.line_num, row


def _cells(cells: dict[str, str]) -> tuple[tuple[int, str], tuple[float | None, float | None]]:
    """((time, tag), (value, status)); None: this row does not say."""
    time = next((cells[name] for name in TIMES if cells.get(name)), "")
    key = (_time_ns(time), cells["tag"])
    if "_field" in cells:
        named = {cells["_field"]: cells["_value"]}
    else:
        named = {name: cells[name] for name in (NUMBER, *CODES) if cells.get(name)}
    value = float(named[NUMBER]) if NUMBER in named else None
    status = next((float(named[name]) for name in CODES if name in named), None)
    return key, (value, status)


def _time_ns(text: str) -> int:
    """Nanoseconds since 1970, or an ISO time with up to nine digits of a second."""
    if text.isdigit():
        return int(text)
    match = re.fullmatch(r"([\dT: -]+?)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)?", text)
    if match is None:
        raise ValueError(f"'{text}' is no time")
    moment = datetime.fromisoformat(match[1] + (match[3] or "Z").replace("Z", "+00:00"))
    return int(moment.timestamp()) * 10**9 + int((match[2] or "0").ljust(9, "0"))
