"""How many rows of each tag were recorded on each UTC day: from the history's chunks and the journal's tail.

A chunk knows its tag, hour and number of rows, so that years are counted without being unpacked; only
what is not folded in yet, or not stored elsewhere yet, is read from the journal, once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.record.errors import Damaged
from controller.record.history import FILE, HOUR_NS, REMAKE, opened
from controller.record.reader import Reader, StoredBlock, TagName

DAY_NS: Final = 86_400_000_000_000
HOURS: Final = DAY_NS // HOUR_NS

Progress = Callable[[float], None]
"""Told how far a long count is, 0 to 1."""


class Counts(NamedTuple):
    """By day of the span and position of the tag. waiting: rows in blocks after the one asked for."""

    archived: NDArray[np.int64]
    waiting: NDArray[np.int64]


class Span(NamedTuple):
    """Whole UTC days: the first one's number since 1970, and how many."""

    first: int
    days: int

    @property
    def from_ns(self) -> int:
        return self.first * DAY_NS

    @property
    def to_ns(self) -> int:
        return (self.first + self.days) * DAY_NS


def count_rows(
    reader: Reader,
    names: Sequence[str],
    span: Span,
    stored_upto: int | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Of the tags with these names. stored_upto: the last block that is stored elsewhere, None: no matter.

    Raises RecordError.
    """
    position = {name: at for at, name in enumerate(names)}
    archived = np.zeros((span.days, len(names)), np.int64)
    waiting = np.zeros_like(archived)
    folded = _count_chunks(reader, position, span, archived)
    upto = folded if stored_upto is None else stored_upto
    tally = _Tally(reader.tags(), position, span)
    spans = reader.block_spans(span.from_ns, span.to_ns)
    spans = [(max(first, min(folded, upto) + 1), last) for first, last in spans]
    due = sum(max(0, last - first + 1) for first, last in spans)
    done = 0
    for first, last in spans:
        after = first - 1
        while after < last and (blocks := [one for one in reader.blocks(after) if one.id <= last]):
            after = blocks[-1].id
            archived += tally.of([one for one in blocks if one.id > folded])
            if stored_upto is not None:
                waiting += tally.of([one for one in blocks if one.id > upto])
            done += len(blocks)
            if progress is not None:
                progress(done / due)
    return Counts(archived, waiting)


def _count_chunks(reader: Reader, position: dict[str, int], span: Span, archived: NDArray[np.int64]) -> int:
    """Adds what is folded in; returns up to which block of this journal that is, 0 without a history."""
    path = reader.path.parent / FILE
    db = opened(path) if path.exists() else None
    if db is None:
        return 0
    try:
        db.execute("BEGIN")  # cursor and chunks of one moment
        known = dict(db.execute("SELECT key, value FROM meta").fetchall())
        tags = db.execute("SELECT id, name FROM tags").fetchall()
        for number, name in tags:
            if (at := position.get(name)) is not None:
                for day, rows in _of_tag(db, number, span):
                    archived[day - span.first, at] += rows
        return int(known["cursor"]) if known.get("journal") == reader.meta("id") else 0
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{path}: {error}. {REMAKE}") from error
    finally:
        db.close()


def _of_tag(db: sqlite3.Connection, number: int, span: Span) -> list[tuple[int, int]]:
    """(day, rows) of a tag of the history."""
    query = "SELECT hour / ?, sum(rows) FROM chunks WHERE tag=? AND hour >= ? AND hour < ? GROUP BY 1"
    last = span.first + span.days
    found = db.execute(query, (HOURS, number, span.first * HOURS, last * HOURS)).fetchall()
    query = "SELECT time_ns / ?, count(*) FROM texts WHERE tag=? AND time_ns >= ? AND time_ns < ? GROUP BY 1"
    return [*found, *db.execute(query, (DAY_NS, number, span.from_ns, span.to_ns)).fetchall()]


class _Tally:
    """Counts the rows of blocks by day and tag."""

    def __init__(self, names: dict[int, TagName], position: dict[str, int], span: Span) -> None:
        self._span = span
        self._width = len(position) + 1  # the last column is for tags that nobody asks for
        # One more, for tags that are named while we count.
        self._column = np.full(max(names, default=0) + 2, len(position), np.int64)
        for number, name in names.items():
            self._column[number] = position.get(name.name, len(position))

    def of(self, blocks: Sequence[StoredBlock]) -> NDArray[np.int64]:
        days, width = self._span.days, self._width
        if not blocks:
            return np.zeros((days, width - 1), np.int64)
        texts = [text for block in blocks for text in block.samples.texts]
        tags = np.concatenate(
            [*(one.samples.tags for one in blocks), np.array([t.tag for t in texts], np.uint32)]
        )
        times = [*(one.samples.time_ns for one in blocks), np.array([t.time_ns for t in texts], np.int64)]
        day = np.concatenate(times) // DAY_NS - self._span.first
        inside = (day >= 0) & (day < days)
        places = day[inside] * width + self._column[np.minimum(tags[inside], len(self._column) - 1)]
        counted = np.bincount(places, minlength=days * width)
        return counted.reshape(days, width)[:, :-1]
