"""History: samples of years, by tag and time, from `history.db` and the journal's tail together.

`history.db` is written by `heloop compact` alone (see `compaction`) and holds one chunk of packed
rows per tag and hour; what it has not folded in yet is read from the journal. Nobody who asks needs
to know where a row is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np

from controller.record import tables
from controller.record.chunks import Rows, no_rows, together, unpack
from controller.record.errors import Damaged, Missing
from controller.record.reader import Reader
from controller.record.samples import Samples, TextSample, joined

FILE: Final = "history.db"
FORMAT: Final = 1
REMAKE: Final = "Move it away; the next compaction makes a new one from what the journal still holds"
HOUR_NS: Final = 3_600_000_000_000


class Series(NamedTuple):
    """One tag's rows in [from, to), times rising strictly. texts instead of rows for a string tag."""

    name: str
    unit: str
    rows: Rows
    texts: tuple[TextSample, ...]


class History:
    """Reads; cheap to open, for one thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._journal = Reader(directory) if (directory / tables.FILE).exists() else None
        self._db: sqlite3.Connection | None = None
        if (directory / FILE).exists():
            self._db = opened(directory / FILE)
        if self._db is None and self._journal is None:
            raise Missing(f"there is neither a journal nor a history in {directory}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._db is not None:
            self._db.close()

    def query(self, tag: str, from_ns: int, to_ns: int, unit: str | None = None) -> Series:
        """A tag's rows with from_ns <= time < to_ns; of the unit it has now, unless another is named."""
        return self.query_many([tag], from_ns, to_ns, unit)[tag]

    def query_many(
        self, tags: Sequence[str], from_ns: int, to_ns: int, unit: str | None = None
    ) -> dict[str, Series]:
        """Several tags at the price of one pass over the journal's tail. Raises Missing for unknown tags."""
        cursor = self._cursor()
        numbers: dict[int, str] = {}
        found: dict[str, tuple[str, list[Rows], list[TextSample]]] = {}
        for tag in tags:
            wanted, mine, theirs = self._numbers(tag, unit)
            rows, texts = self._folded(theirs, from_ns, to_ns)
            found[tag] = (wanted, rows, texts)
            numbers |= dict.fromkeys(mine, tag)
        if self._journal is not None:
            for part in self._journal.samples(list(numbers), from_ns, to_ns, after=cursor):
                _share_out(part, numbers, found)
        return {
            tag: Series(tag, wanted, _in_order(rows), _texts_in_order(texts))
            for tag, (wanted, rows, texts) in found.items()
        }

    def extent(self, tag: str) -> tuple[int, int] | None:
        """(first, last) times between which all rows of the tag lie; wider in the journal's tail.

        None: it has none. Raises Missing for a tag that was never recorded.
        """
        _, mine, theirs = self._numbers(tag, None)
        edges: list[int] = []
        if mine and self._journal is not None and (span := self._journal.span(self._cursor())):
            edges += span
        for number in theirs:
            edges += self._edges(number)
        return (min(edges), max(edges)) if edges else None

    def until_ns(self) -> int:
        """When the journal was last written: until then the newest value of every tag is known to stand."""
        return self._journal.last_ns() if self._journal is not None else 0

    def names(self) -> list[str]:
        """Every tag that was ever recorded."""
        names = (
            {known.name for known in self._journal.tags().values()} if self._journal is not None else set()
        )
        if self._db is not None:
            names |= {row[0] for row in self._db.execute("SELECT DISTINCT name FROM tags")}
        return sorted(names)

    def pieces(self, tags: Sequence[str] | None, from_ns: int, to_ns: int) -> Iterator[tuple[float, Series]]:
        """All rows of the tags (None: all) in pieces, with how far it is (0 to 1); memory stays small.

        Hour by hour and tag by tag what is folded in, then the journal's tail as it was written.
        """
        cursor = self._cursor()
        folded = self._pieces_folded(tags, from_ns, to_ns)
        tail = 0 if self._journal is None else max(0, self._journal.last_block() - cursor)
        share = 1.0 if not tail else 0.5 if self._db is not None else 0.0
        for done, series in folded:
            yield done * share, series
        if self._journal is not None:
            for upto, series in self._pieces_of_tail(self._journal, tags, from_ns, to_ns, cursor):
                yield share + (1 - share) * (upto - cursor) / max(1, tail), series

    def _pieces_folded(
        self, tags: Sequence[str] | None, from_ns: int, to_ns: int
    ) -> Iterator[tuple[float, Series]]:
        if self._db is None:
            return
        known = {row[0]: (row[1], row[2]) for row in self._db.execute("SELECT id, name, unit FROM tags")}
        hours = self._db.execute(
            "SELECT DISTINCT hour FROM chunks WHERE last_ns >= ? AND first_ns < ? ORDER BY hour",
            (from_ns, to_ns),
        ).fetchall()
        query = "SELECT tag, data FROM chunks WHERE hour=? ORDER BY tag, id"
        for done, (hour,) in enumerate(hours):
            for number, data in self._db.execute(query, (hour,)):
                name, unit = known[number]
                if tags is None or name in tags:
                    rows = unpack(data)
                    chosen = rows.where((rows.time_ns >= from_ns) & (rows.time_ns < to_ns))
                    yield done / len(hours), Series(name, unit, chosen, ())
        query = (
            "SELECT tag, text, status, time_ns, flags, original_ns FROM texts"
            " WHERE time_ns >= ? AND time_ns < ? ORDER BY id"
        )
        for row in self._db.execute(query, (from_ns, to_ns)):
            name, unit = known[row[0]]
            if tags is None or name in tags:
                yield 1.0, Series(name, unit, no_rows(), (TextSample(*row),))

    def _pieces_of_tail(
        self, journal: Reader, tags: Sequence[str] | None, from_ns: int, to_ns: int, cursor: int
    ) -> Iterator[tuple[int, Series]]:
        while blocks := journal.blocks(cursor):
            known = journal.tags()
            cursor = blocks[-1].id
            whole = joined([block.samples for block in blocks])
            inside = (whole.time_ns >= from_ns) & (whole.time_ns < to_ns)
            texts = tuple(text for text in whole.texts if from_ns <= text.time_ns < to_ns)
            part = whole.where(inside, texts)
            for number in sorted(set(np.unique(part.tags).tolist()).union(text.tag for text in texts)):
                tag = known[number]
                if tags is None or tag.name in tags:
                    mine = tuple(text for text in texts if text.tag == number)
                    yield cursor, Series(tag.name, tag.unit, _rows_of(part, number), mine)

    def _cursor(self) -> int:
        """Up to which block of this journal the history has everything."""
        if self._db is None:
            return 0
        known = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        if self._journal is None or known.get("journal") != self._journal.meta("id"):
            return 0
        return int(known.get("cursor", 0))

    def _numbers(self, tag: str, unit: str | None) -> tuple[str, list[int], list[int]]:
        """(unit, numbers in the journal, numbers in the history)"""
        journal = self._journal.tags().items() if self._journal is not None else []
        mine = [(number, known.unit) for number, known in journal if known.name == tag]
        query = "SELECT id, unit FROM tags WHERE name=? ORDER BY id"
        theirs = self._db.execute(query, (tag,)).fetchall() if self._db is not None else []
        if not mine and not theirs:
            raise Missing(f"no tag {tag} was ever recorded here")
        wanted = unit if unit is not None else (mine or theirs)[-1][1]
        return (
            wanted,
            [number for number, its in mine if its == wanted],
            [number for number, its in theirs if its == wanted],
        )

    def _edges(self, number: int) -> list[int]:
        """Times of the first and the last that is folded in."""
        assert self._db is not None
        edge = (
            "SELECT {0}({1}_ns) FROM chunks WHERE tag=? AND hour=(SELECT {0}(hour) FROM chunks WHERE tag=?)"
        )
        found = [
            self._db.execute(edge.format(function, column), (number, number)).fetchone()[0]
            for function, column in (("min", "first"), ("max", "last"))
        ]
        for function in ("min", "max"):
            query = f"SELECT {function}(time_ns) FROM texts WHERE tag=?"  # noqa: S608
            found.append(self._db.execute(query, (number,)).fetchone()[0])
        return [time_ns for time_ns in found if time_ns is not None]

    def _folded(
        self, numbers: Sequence[int], from_ns: int, to_ns: int
    ) -> tuple[list[Rows], list[TextSample]]:
        rows: list[Rows] = []
        texts: list[TextSample] = []
        if self._db is None:
            return rows, texts
        chunks = (
            "SELECT id, data FROM chunks WHERE tag=? AND hour BETWEEN ? AND ?"
            " AND last_ns >= ? AND first_ns < ? ORDER BY hour, id"
        )
        for number in numbers:
            span = (from_ns // HOUR_NS, to_ns // HOUR_NS, from_ns, to_ns)
            for chunk, data in self._db.execute(chunks, (number, *span)).fetchall():
                try:
                    packed = unpack(data)
                except Damaged as error:
                    raise Damaged(f"{self._directory / FILE}, chunk {chunk}: {error}") from error
                rows.append(packed.where((packed.time_ns >= from_ns) & (packed.time_ns < to_ns)))
            query = (
                "SELECT tag, text, status, time_ns, flags, original_ns FROM texts"
                " WHERE tag=? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns, id"
            )
            texts += [TextSample(*row) for row in self._db.execute(query, (number, from_ns, to_ns))]
        return rows, texts


def opened(path: Path) -> sqlite3.Connection | None:
    """To be read; None: it is just being made, or its making was interrupted. Raises Damaged."""
    db = tables.open_for_reading(path)
    try:
        made = db.execute("SELECT 1 FROM sqlite_master WHERE name='chunks'").fetchone()
    except sqlite3.DatabaseError as error:
        db.close()
        raise Damaged(f"{path}: {error}. {REMAKE}") from error
    if made:
        return db
    db.close()
    return None


def _share_out(
    part: Samples, numbers: dict[int, str], found: dict[str, tuple[str, list[Rows], list[TextSample]]]
) -> None:
    for number in np.unique(part.tags).tolist():
        found[numbers[number]][1].append(_rows_of(part, number))
    for text in part.texts:
        found[numbers[text.tag]][2].append(text)


def _rows_of(part: Samples, number: int) -> Rows:
    chosen = part.tags == number
    return Rows(
        part.time_ns[chosen],
        part.values[chosen],
        part.status[chosen],
        part.flags[chosen],
        part.original_ns[chosen],
    )


def _in_order(parts: list[Rows]) -> Rows:
    """By time; of rows with one and the same time the last that was written counts."""
    rows = together(parts)
    if not len(rows):
        return no_rows()
    if (np.diff(rows.time_ns) <= 0).any():
        rows = rows.where(np.argsort(rows.time_ns, kind="stable"))
        rows = rows.where(np.append(np.diff(rows.time_ns) > 0, True))
    return rows


def _texts_in_order(texts: list[TextSample]) -> tuple[TextSample, ...]:
    by_time = {text.time_ns: text for text in texts}
    return tuple(by_time[time_ns] for time_ns in sorted(by_time))
