"""How everybody but the writer reads the journal: by cursor, in short transactions.

A transaction that stays open keeps the log from being folded in, and the log grows. So each query
is one bounded page, read at once; one that takes longer than `LONGEST_S` is interrupted.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

import numpy as np

from controller.record import tables
from controller.record.chain import START, Anchor, Entry, EventRow, Head, entry_of
from controller.record.samples import Samples, decode

LONGEST_S: Final = 1.0
SPAN: Final = 20_000  # events looked at in one transaction when a filter lets few through
PAGE: Final = 1_000  # events read in one transaction
BLOCKS: Final = 64  # sample blocks read in one transaction
SLACK_NS: Final = 15_000_000_000  # a source time is at most 10 s off its receive time, else it was replaced

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
        after = max(after, self._first("events", "seq") - 1)
        while left > 0 and (last := self.head().seq) > after:
            upto = min(after + span, last)
            page = self._all(query, (after, upto, *arguments, left))
            yield from (_entry(row) for row in page)
            left -= len(page)
            after = upto

    def newest_events(
        self, limit: int = 100, where: Where | None = None, before: int | None = None
    ) -> list[Entry]:
        """The last events (before a number), newest first: what a list on a screen wants."""
        clause, arguments = (where or Where()).clause()
        query = f"SELECT * FROM events WHERE seq < ? AND seq >= ? AND {clause} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        found: list[Entry] = []
        before = self.head().seq + 1 if before is None else before
        first = self._first("events", "seq")
        while len(found) < limit and before > first:
            page = (before, before - SPAN, *arguments, limit - len(found))
            found += [_entry(row) for row in self._all(query, page)]
            before -= SPAN
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

    def samples(
        self, tags: Sequence[int] | None = None, from_ns: int = 0, to_ns: int = 2**62, after: int = 0
    ) -> Iterator[Samples]:
        """Rows of these tags (None: all) with times in [from_ns, to_ns), page by page, in journal order."""
        wanted = None if tags is None else np.array(tags, np.uint32)
        query = (
            "SELECT id, data, texts FROM samples WHERE id > ? AND last_ns >= ? AND first_ns < ?"
            " ORDER BY id LIMIT ?"
        )
        after = max(after, self._before(from_ns - SLACK_NS))
        while rows := self._all(query, (after, from_ns - SLACK_NS, to_ns + SLACK_NS, BLOCKS)):
            after = rows[-1][0]
            for row in rows:
                block = decode(row[1], row[2])
                chosen = (block.time_ns >= from_ns) & (block.time_ns < to_ns)
                if wanted is not None:
                    chosen &= np.isin(block.tags, wanted)
                texts = tuple(
                    text
                    for text in block.texts
                    if from_ns <= text.time_ns < to_ns and (tags is None or text.tag in tags)
                )
                if texts or chosen.any():
                    yield block.where(chosen, texts)

    def _before(self, utc_ns: int) -> int:
        """A cursor with nothing received at or after utc_ns up to it."""
        query = "SELECT min(id) FROM samples WHERE last_ns >= ?"
        row = self._get(lambda db: db.execute(query, (utc_ns,)).fetchone())
        return self.last_block() if row[0] is None else int(row[0]) - 1

    def _first(self, table: str, column: str) -> int:
        row = self._get(lambda db: db.execute(f"SELECT min({column}) FROM {table}").fetchone())  # noqa: S608
        return int(row[0] or 1)

    def _all(self, query: str, arguments: Sequence[Any]) -> list[Any]:
        return self._get(lambda db: db.execute(query, arguments).fetchall())

    def _get(self, read: Callable[[sqlite3.Connection], Found]) -> Found:
        self._deadline_s = time.monotonic() + LONGEST_S
        try:
            return read(self._db)
        except sqlite3.DatabaseError as error:
            if tables.is_damage(error):
                raise tables.damaged(self.path, error) from error
            raise

    def _too_long(self) -> bool:
        return time.monotonic() > self._deadline_s


def _entry(row: tuple[Any, ...]) -> Entry:
    return entry_of(row[0], EventRow(*row[1:-1]), row[-1])
