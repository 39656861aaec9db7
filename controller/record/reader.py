"""How everybody but the writer reads the journal: by cursor, in short transactions.

A transaction that stays open keeps the log from being folded in, and the log grows. So each query
is one bounded page, read at once; one that takes longer than `LONGEST_S` is interrupted.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

import numpy as np

from controller.record import tables
from controller.record.chain import START, Anchor, Entry, EventRow, Head, entry_of
from controller.record.errors import Unreadable
from controller.record.samples import Ints, Samples, decode

LONGEST_S: Final = 1.0
TRIES: Final = 10
SPAN: Final = 20_000  # events looked at in one transaction when a filter lets few through
PAGE: Final = 1_000  # events read in one transaction
BLOCKS: Final = 64  # sample blocks read in one transaction
# How far a row's time is from the block's receive time at most: 10 s by its source's clock, 10 s by
# having been moved to rise, 10 s by the length of a block, and some.
SLACK_NS: Final = 45_000_000_000
_KEYS: Final = {"events": ("seq", "utc_ns"), "samples": ("id", "last_ns")}

Found = TypeVar("Found")


class TagName(NamedTuple):
    """A tag as the journal knows it."""

    name: str
    unit: str
    kind: str


class StoredBlock(NamedTuple):
    """One commit's samples. first_ns, last_ns: when they were received; seq: the event before them."""

    id: int
    first_ns: int
    last_ns: int
    seq: int
    samples: Samples


class Snapshot(NamedTuple):
    """The core's state with every event up to `seq` folded in."""

    seq: int
    utc_ns: int
    version: str
    data: bytes


class Follower(NamedTuple):
    """How far a follower has confirmed; None: it does not read these."""

    name: str
    events: int | None
    samples: int | None
    utc_ns: int


@dataclass(frozen=True, slots=True)
class Where:
    """Which events are wanted; None lets everything through. kinds end in '.' or '*' to mean all below."""

    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    severity: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    text: str | None = None

    def clause(self) -> tuple[str, list[Any]]:
        """SQL with its arguments."""
        terms: list[str] = []
        arguments: list[Any] = []
        if self.kinds:
            alike = ["kind GLOB ?" if kind[-1:] in {".", "*"} else "kind = ?" for kind in self.kinds]
            terms.append(f"({' OR '.join(alike)})")
            arguments += [kind.rstrip("*") + "*" if kind[-1:] in {".", "*"} else kind for kind in self.kinds]
        if self.sources:
            terms.append(f"source IN ({','.join('?' * len(self.sources))})")
            arguments += self.sources
        for term, value in (
            ("severity >= ?", self.severity),
            ("utc_ns >= ?", self.from_ns),
            ("utc_ns < ?", self.to_ns),
            ("instr(lower(text), lower(?)) > 0", self.text),
        ):
            if value is not None:
                terms.append(term)
                arguments.append(value)
        return " AND ".join(terms) or "1", arguments


class Reader:
    """Reads one journal. Not for sharing between threads; cheap to have one each."""

    def __init__(self, directory: Path) -> None:
        self.path = directory if directory.is_file() else directory / tables.FILE
        self._db = tables.open_journal(self.path)
        self._tags: dict[int, TagName] = {}
        self._deadline_s = 0.0
        self._db.set_progress_handler(self._too_long, 10_000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def meta(self, key: str) -> Any:
        """'plant', 'id' (a new journal has another), 'created', 'format'."""
        row = self._get(lambda db: db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone())
        return None if row is None else row[0]

    def anchor(self) -> Anchor | None:
        """What stands in for events that retention dropped; None when none were."""
        blob = self.meta("anchor")
        return Anchor.unpacked(blob) if blob else None

    def head(self) -> Head:
        query = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
        row = self._get(lambda db: db.execute(query).fetchone())
        if row:
            return Head(*row)
        anchor = self.anchor()
        return anchor.head if anchor else START

    # --- events ----------------------------------------------------------------------------------

    def events(self, after: int = 0, limit: int | None = None, where: Where | None = None) -> Iterator[Entry]:
        """The events after the cursor, oldest first, up to the newest there is when they are reached."""
        clause, arguments = (where or Where()).clause()
        query = f"SELECT * FROM events WHERE seq > ? AND seq <= ? AND {clause} ORDER BY seq LIMIT ?"  # noqa: S608
        left = 2**62 if limit is None else limit
        span = SPAN if where else PAGE
        from_ns, to_ns = (where.from_ns, where.to_ns) if where else (None, None)
        for first, last in self._ranges("events", after, from_ns, to_ns):
            start = first - 1
            while left > 0 and start < last:
                upto = min(start + span, last)
                page = self._all(query, (start, upto, *arguments, left))
                yield from (_entry(row) for row in page)
                left -= len(page)
                start = upto

    def newest_events(
        self, limit: int = 100, where: Where | None = None, before: int | None = None
    ) -> list[Entry]:
        """The last events (before a number), newest first: what a list on a screen wants."""
        clause, arguments = (where or Where()).clause()
        query = f"SELECT * FROM events WHERE seq < ? AND seq >= ? AND {clause} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        found: list[Entry] = []
        from_ns, to_ns = (where.from_ns, where.to_ns) if where else (None, None)
        for first, last in reversed(self._ranges("events", 0, from_ns, to_ns)):
            end = last + 1 if before is None else min(last + 1, before)
            while len(found) < limit and end > first:
                start = max(first, end - SPAN)
                page = (end, start, *arguments, limit - len(found))
                found += [_entry(row) for row in self._all(query, page)]
                end = start
        return found

    # --- state and followers ---------------------------------------------------------------------

    def snapshot(self) -> Snapshot | None:
        """The newest; fold the events after its number into it."""
        query = "SELECT seq, utc_ns, version, data FROM state ORDER BY seq DESC LIMIT 1"
        row = self._get(lambda db: db.execute(query).fetchone())
        return Snapshot(*row) if row else None

    def followers(self) -> list[Follower]:
        return [Follower(*row) for row in self._all("SELECT * FROM followers ORDER BY name", ())]

    # --- samples ---------------------------------------------------------------------------------

    def tags(self) -> dict[int, TagName]:
        """Number -> tag, of every tag that was ever journalled here."""
        rows = self._all("SELECT id, name, unit, kind FROM tags", ())
        return {number: TagName(*name) for number, *name in rows}

    def numbers_of(self, name: str) -> list[int]:
        """A tag's numbers, oldest first: more than one when its unit or kind was changed."""
        return [row[0] for row in self._all("SELECT id FROM tags WHERE name=? ORDER BY id", (name,))]

    def last_block(self) -> int:
        """The cursor that samples are at."""
        row = self._get(lambda db: db.execute("SELECT max(id) FROM samples").fetchone())
        return int(row[0] or self.meta("block") or 0)

    def blocks(self, after: int = 0, limit: int = BLOCKS) -> list[StoredBlock]:
        """The next blocks after the cursor, oldest first: what a follower sends on."""
        query = "SELECT id, first_ns, last_ns, seq, data, texts FROM samples WHERE id > ? ORDER BY id LIMIT ?"
        rows = self._all(query, (after, limit))
        return [StoredBlock(row[0], row[1], row[2], row[3], decode(row[4], row[5])) for row in rows]

    def block_spans(self, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """(first, last) block for each run of the clock: every row with a time in [from, to) is in them."""
        late_ns = int(self.meta("late_ns") or 0)
        return self._ranges("samples", 0, from_ns - SLACK_NS, to_ns + SLACK_NS + late_ns)

    def runs(self) -> list[int]:
        """The first block of each run of the clock, oldest first: where it was set back a new one begins."""
        return [
            row[0] for row in self._all("SELECT first FROM runs WHERE stream='samples' ORDER BY first", ())
        ]

    def samples(
        self, tags: Sequence[int] | None = None, from_ns: int = 0, to_ns: int = 2**62, after: int = 0
    ) -> Iterator[Samples]:
        """Rows of these tags (None: all) with times in [from_ns, to_ns), page by page, in journal order."""
        wanted = None if tags is None else np.array(tags, np.uint32)
        query = "SELECT id, data, texts FROM samples WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        late_ns = int(self.meta("late_ns") or 0)
        for first, last in self._ranges("samples", after, from_ns - SLACK_NS, to_ns + SLACK_NS + late_ns):
            start = first - 1
            while rows := self._all(query, (start, last, BLOCKS)):
                start = rows[-1][0]
                yield from _chosen(rows, wanted, from_ns, to_ns)

    def span(self, after: int = 0) -> tuple[int, int] | None:
        """(first, last) times between which all rows of the blocks after the cursor lie; None: no block."""
        late_ns = int(self.meta("late_ns") or 0)
        query = "SELECT first_ns, last_ns FROM samples WHERE id IN (?, ?)"
        edges = [row for ends in self._ranges("samples", after, None, None) for row in self._all(query, ends)]
        if not edges:
            return None
        return min(row[0] for row in edges) - SLACK_NS - late_ns, max(row[1] for row in edges) + SLACK_NS

    def last_ns(self) -> int:
        """When the newest block was received; 0: there is none."""
        row = self._get(
            lambda db: db.execute("SELECT last_ns FROM samples ORDER BY id DESC LIMIT 1").fetchone()
        )
        return int(row[0]) if row else 0

    def _ranges(
        self, table: str, after: int, from_ns: int | None, to_ns: int | None
    ) -> list[tuple[int, int]]:
        """(first, last) after a cursor, one range per run of the clock, that hold every row of the span."""
        key, column = _KEYS[table]
        query = f"SELECT (SELECT min({key}) FROM {table}), (SELECT max({key}) FROM {table})"  # noqa: S608
        lowest, highest = self._all(query, ())[0]
        if highest is None:
            return []
        query = "SELECT first FROM runs WHERE stream=? ORDER BY first"
        starts = [row[0] for row in self._all(query, (table,)) if row[0] > lowest]
        found = []
        for first, end in pairwise([lowest, *starts, highest + 1]):
            first = max(first, after + 1)  # noqa: PLW2901
            if first < end and from_ns is not None:
                first = self._halved(table, key, column, first, end, from_ns - 2 * tables.DISORDER_NS)  # noqa: PLW2901
            if first < end and to_ns is not None:
                end = self._halved(table, key, column, first, end, to_ns + 2 * tables.DISORDER_NS)  # noqa: PLW2901
            if first < end:
                found.append((first, end - 1))
        return found

    def _halved(self, table: str, key: str, column: str, first: int, end: int, utc_ns: int) -> int:
        """The first number in [first, end) at which the time has come to utc_ns; end when it never does."""
        query = f"SELECT {column} FROM {table} WHERE {key} >= ? ORDER BY {key} LIMIT 1"  # noqa: S608
        while first < end:
            middle = (first + end) // 2
            if self._all(query, (middle,))[0][0] < utc_ns:
                first = middle + 1
            else:
                end = middle
        return first

    def _all(self, query: str, arguments: Sequence[Any]) -> list[Any]:
        return self._get(lambda db: db.execute(query, arguments).fetchall())

    def _get(self, read: Callable[[sqlite3.Connection], Found]) -> Found:
        """A page that took too long is read again: what came from the disk is in memory by then."""
        reason: object = ""
        for _ in range(TRIES):
            self._deadline_s = time.monotonic() + LONGEST_S
            try:
                return read(self._db)
            except sqlite3.OperationalError as error:
                reason = error
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    break
            except sqlite3.DatabaseError as error:
                raise tables.damaged(self.path, error) from error
        raise Unreadable(f"{self.path} cannot be read: {reason}")

    def _too_long(self) -> bool:
        return time.monotonic() > self._deadline_s


def _chosen(rows: list[Any], wanted: Ints | None, from_ns: int, to_ns: int) -> Iterator[Samples]:
    for _, data, texts in rows:
        block = decode(data, texts)
        chosen = (block.time_ns >= from_ns) & (block.time_ns < to_ns)
        if wanted is not None:
            # One tag is what most ask for; isin sorts for it.
            chosen &= block.tags == wanted[0] if len(wanted) == 1 else np.isin(block.tags, wanted)
        kept = tuple(
            text
            for text in block.texts
            if from_ns <= text.time_ns < to_ns and (wanted is None or text.tag in wanted)
        )
        if kept or chosen.any():
            yield block.where(chosen, kept)


def _entry(row: tuple[Any, ...]) -> Entry:
    return entry_of(row[0], EventRow(*row[1:-1]), row[-1])
