"""`heloop influx verify`: row by row, the journal against the database; counts and checksums per tag.

A row counts as stored when a point of its time is there with the same value and quality. Held points
(written again, no rows) are left out. What the follower has not confirmed yet is not judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Final

from alarms.signal import BAD
from controller.followers.follow import run_of
from controller.followers.influx.lines import shift_ns
from controller.followers.influx.queries import Queries, literal
from controller.followers.place import Cursor, Parked
from controller.plant.plant import Plant
from controller.record.reader import Reader, StoredBlock, TagName

STEP_ROWS: Final = 200_000  # of the journal, compared at a time
Row = tuple[float | None, str | None, int]  # value, text, quality
Rows = dict[str, dict[int, Row]]  # tag -> time -> row


@dataclass(slots=True)
class Agreement:
    """One tag. doubled is no entry of its own: the database keeps one point a time, by its nature."""

    rows: int = 0
    stored: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    parked: int = 0
    first_wrong_ns: int | None = None
    journal: Any = field(default_factory=hashlib.sha256)
    database: Any = field(default_factory=hashlib.sha256)

    @property
    def agrees(self) -> bool:
        return not (self.missing or self.different or self.extra) and self.checksum == self.stored_checksum

    @property
    def checksum(self) -> str:
        return str(self.journal.hexdigest()[:16])

    @property
    def stored_checksum(self) -> str:
        return str(self.database.hexdigest()[:16])


async def compare(
    plant: Plant,
    data: Path,
    queries: Queries,
    span_ns: tuple[int, int],
    cursor: Cursor,
    parked: Sequence[Parked] = (),
    progress: Callable[[float], None] | None = None,
) -> dict[str, Agreement]:
    """Tag -> agreement, over the times in [from, to), of what was confirmed.

    Raises NotAnswered, RecordError.
    """
    found: dict[str, Agreement] = {}
    refused = {_place_of(one.line) for one in parked}
    with Reader(data) as reader:
        for from_ns, to_ns in _slices(reader, span_ns):
            stored = await _stored(plant, queries, from_ns, to_ns)
            due, coming = _journalled(reader, from_ns, to_ns, cursor.samples)
            for tag in sorted(due.keys() | stored.keys()):
                mine = {at: row for at, row in due.get(tag, {}).items() if (tag, at) not in refused}
                known = found.setdefault(tag, Agreement())
                known.parked += len(due.get(tag, {})) - len(mine)
                _judge(known, mine, stored.get(tag, {}), coming.get(tag, {}))
            if progress is not None:
                progress((to_ns - span_ns[0]) / max(1, span_ns[1] - span_ns[0]))
    return found


def _judge(known: Agreement, mine: dict[int, Row], theirs: dict[int, Row], coming: dict[int, Row]) -> None:
    """coming: rows after the cursor, which may be stored already."""
    known.rows += len(mine)
    for at, row in mine.items():
        there = theirs.get(at)
        known.stored += there == row
        known.missing += there is None
        known.different += there is not None and there != row
        if there != row and known.first_wrong_ns is None:
            known.first_wrong_ns = at
    judged = {at: row for at, row in theirs.items() if at in mine or at not in coming}
    extra = judged.keys() - mine.keys()
    known.extra += len(extra)
    if extra and known.first_wrong_ns is None:
        known.first_wrong_ns = min(extra)
    known.journal.update(repr(sorted(mine.items())).encode())
    known.database.update(repr(sorted(judged.items())).encode())


def _slices(reader: Reader, span_ns: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Parts of the span with about STEP_ROWS rows each, by the pace of the first blocks."""
    from_ns, to_ns = span_ns
    rows, lasted_ns = 0, 1
    for first, _ in reader.block_spans(from_ns, to_ns)[:1]:
        blocks = reader.blocks(first - 1)
        rows = sum(len(block.samples) for block in blocks)
        lasted_ns = max(1, blocks[-1].last_ns - blocks[0].first_ns)
    step_ns = min(3_600_000_000_000, max(1_000_000_000, STEP_ROWS * lasted_ns // max(1, rows)))
    while from_ns < to_ns:
        yield from_ns, min(to_ns, from_ns + step_ns)
        from_ns += step_ns


def _journalled(reader: Reader, from_ns: int, to_ns: int, upto: int) -> tuple[Rows, Rows]:
    """(rows in blocks up to the cursor, rows in later ones) with times in [from, to); the last of a time."""
    due: Rows = {}
    coming: Rows = {}
    runs, names = reader.runs(), reader.tags()
    for first, last in reader.block_spans(from_ns, to_ns):
        after = first - 1
        while after < last and (blocks := reader.blocks(after)):
            after = blocks[-1].id
            for block in blocks:
                if block.id <= last:
                    into = due if block.id <= upto else coming
                    _gather(block, shift_ns(run_of(runs, block.id)), names, (from_ns, to_ns), into)
    return due, coming


def _gather(
    block: StoredBlock, shift: int, names: Mapping[int, TagName], span_ns: tuple[int, int], into: Rows
) -> None:
    rows = block.samples
    times = rows.time_ns + shift
    chosen = (times >= span_ns[0]) & (times < span_ns[1])
    columns = (rows.tags[chosen], times[chosen], rows.values[chosen], rows.status[chosen])
    for tag, at, value, status in zip(*(column.tolist() for column in columns), strict=True):
        shown = value if status < BAD and isfinite(value) else None
        into.setdefault(names[tag].name, {})[at] = (shown, None, status)
    for text in rows.texts:
        at = text.time_ns + shift
        if span_ns[0] <= at < span_ns[1]:
            shown_text = text.text.encode("utf-8", "replace").decode() if text.status < BAD else None
            into.setdefault(names[text.tag].name, {})[at] = (None, shown_text, text.status)


async def _stored(plant: Plant, queries: Queries, from_ns: int, to_ns: int) -> Rows:
    query = (
        'SELECT "value", "text", "quality", "held" FROM "sample" '  # noqa: S608
        f'WHERE "plant" = {literal(plant.name)} AND time >= {from_ns} AND time < {to_ns} GROUP BY "tag"'
    )
    found: Rows = {}
    for series in await queries.ask(query):
        at = {column: number for number, column in enumerate(series["columns"])}
        rows = found.setdefault(series["tags"]["tag"], {})
        for row in series["values"]:
            value, text, quality, held = (row[at[column]] for column in ("value", "text", "quality", "held"))
            if held is None:
                rows[int(row[0])] = (None if value is None else float(value), text, int(quality))
    return found


def _place_of(line: str) -> tuple[str, int]:
    """(tag, time) of a parked line of `sample`."""
    tag = next((part[4:] for part in line.split(" ", 1)[0].split(",") if part.startswith("tag=")), "")
    return tag, int(line.rsplit(" ", 1)[1])
