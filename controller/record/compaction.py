"""`heloop compact`: folds the journal's samples into `history.db`, in a process of its own.

The journal is only read, in short transactions. Chunks and the cursor that says how far they go
are one transaction, so that a kill at any moment leaves either all of a step or none of it, and
running it again does nothing twice. It may run as often as one likes; hourly is enough.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.record import tables
from controller.record.chunks import Rows, pack, together, unpack
from controller.record.errors import Damaged, WrongPlant
from controller.record.history import FILE, FORMAT, HOUR_NS, REMAKE
from controller.record.lock import DirectoryLock
from controller.record.reader import Reader
from controller.record.samples import Samples, joined

LOCK: Final = "history.lock"
STEP_ROWS: Final = 1_000_000
CHUNK_ROWS: Final = 40_000  # a chunk that has this many is not unpacked again; the hour gets another

_SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL,
                   UNIQUE (name, unit, kind));
CREATE TABLE chunks (id INTEGER PRIMARY KEY, tag INTEGER NOT NULL, hour INTEGER NOT NULL,
                     first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, rows INTEGER NOT NULL,
                     data BLOB NOT NULL);
CREATE INDEX chunks_by_tag ON chunks (tag, hour);
CREATE TABLE texts (id INTEGER PRIMARY KEY, tag INTEGER NOT NULL, text TEXT NOT NULL, status INTEGER NOT NULL,
                    time_ns INTEGER NOT NULL, flags INTEGER NOT NULL, original_ns INTEGER NOT NULL);
CREATE INDEX texts_by_tag ON texts (tag, time_ns)
"""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a run has done so far. bytes: of the chunks it wrote; upto: the journal's block it reached."""

    blocks: int = 0
    rows: int = 0
    chunks: int = 0
    bytes: int = 0
    upto: int = 0


class _Part(NamedTuple):
    tag: int
    hour: int
    rows: Rows


def compact(
    directory: Path,
    *,
    keep_days: float | None = None,
    step_rows: int = STEP_ROWS,
    progress: Callable[[Compacted], None] | None = None,
) -> Compacted:
    """Folds in everything the journal has by now. keep_days: older chunks are dropped, by the newest time.

    Raises InUse when another compaction runs, Missing without a journal, Damaged for a broken block.
    """
    done = Compacted()
    with Reader(directory) as journal:
        lock = DirectoryLock(directory, LOCK, "heloop compact")
        try:
            db = tables.connect(directory / FILE)
            try:
                _prepare(db, directory / FILE, journal)
                for blocks, rows, upto in _steps(journal, _cursor(db), step_rows):
                    done = _folded(db, journal, done, blocks, rows, upto)
                    if progress is not None:
                        progress(done)
                if keep_days is not None:
                    _forget(db, keep_days)
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                db.close()
        finally:
            lock.release()
    return replace(done, upto=max(done.upto, journal_cursor(directory)))


def journal_cursor(directory: Path) -> int:
    """The journal's block up to which the history holds everything."""
    db = tables.open_for_reading(directory / FILE)
    try:
        return _cursor(db)
    finally:
        db.close()


def check_chunks(directory: Path) -> Iterator[tuple[int, str]]:
    """(chunk, what is wrong with it), for every chunk that does not unpack to what it says."""
    db = tables.open_for_reading(directory / FILE)
    try:
        after = 0
        query = "SELECT id, rows, data FROM chunks WHERE id > ? ORDER BY id LIMIT 200"
        while page := db.execute(query, (after,)).fetchall():
            for chunk, rows, data in page:
                after = chunk
                try:
                    found = len(unpack(data))
                except Damaged as error:
                    yield chunk, str(error)
                else:
                    if found != rows:
                        yield chunk, f"holds {found} rows, not the {rows} it was written with"
    finally:
        db.close()


def _prepare(db: sqlite3.Connection, path: Path, journal: Reader) -> None:
    try:
        there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
        if there and "chunks" not in there:
            raise Damaged(f"{path} is not a history. {REMAKE}")
        tables.prepare(db, "FULL")  # the journal may drop what the history says it has
        db.execute("PRAGMA wal_autocheckpoint=1000")
        db.execute("BEGIN IMMEDIATE")
        if not there:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
        known = dict(db.execute("SELECT key, value FROM meta").fetchall())
        if known["format"] != FORMAT:
            raise WrongPlant(f"{path} has format {known['format']}; this software writes format {FORMAT}")
        if known.get("journal") != journal.meta("id"):  # a new journal counts its blocks from 1 again
            db.execute("INSERT OR REPLACE INTO meta VALUES ('journal', ?)", (journal.meta("id"),))
            db.execute("INSERT OR REPLACE INTO meta VALUES ('cursor', 0)")
        db.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if not tables.is_damage(error):
            raise
        raise Damaged(f"{path}: {error}. {REMAKE}") from error


def _cursor(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE key='cursor'").fetchone()[0])


def _steps(journal: Reader, cursor: int, step_rows: int) -> Iterator[tuple[int, Samples, int]]:
    """(number of blocks, their rows, last block), as much at a time as memory should hold."""
    gathered: list[Samples] = []
    rows = 0
    while blocks := journal.blocks(cursor):
        for block in blocks:
            gathered.append(block.samples)
            rows += len(block.samples)
            cursor = block.id
            if rows >= step_rows:
                yield len(gathered), joined(gathered), cursor
                gathered, rows = [], 0
    if gathered:
        yield len(gathered), joined(gathered), cursor


def _folded(
    db: sqlite3.Connection, journal: Reader, done: Compacted, blocks: int, rows: Samples, upto: int
) -> Compacted:
    db.execute("BEGIN IMMEDIATE")
    try:
        numbers = _numbers(db, journal, rows)
        chunks = size = 0
        for part in _parts(rows, numbers):
            size += _put(db, part)
            chunks += 1
        db.executemany(
            "INSERT INTO texts (tag, text, status, time_ns, flags, original_ns) VALUES (?, ?, ?, ?, ?, ?)",
            [(int(numbers[text.tag]), *text[1:]) for text in rows.texts],
        )
        db.execute("UPDATE meta SET value=? WHERE key='cursor'", (upto,))
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    return Compacted(
        done.blocks + blocks, done.rows + len(rows), done.chunks + chunks, done.bytes + size, upto
    )


def _numbers(db: sqlite3.Connection, journal: Reader, rows: Samples) -> NDArray[np.uint32]:
    """The history's own numbers by the journal's: they outlive the journal."""
    names = journal.tags()
    used = set(np.unique(rows.tags).tolist()).union(text.tag for text in rows.texts)
    numbers = np.zeros(max(names, default=0) + 1, np.uint32)
    for number in sorted(used):
        name = names[number]
        db.execute("INSERT OR IGNORE INTO tags (name, unit, kind) VALUES (?, ?, ?)", name)
        numbers[number] = db.execute(
            "SELECT id FROM tags WHERE name=? AND unit=? AND kind=?", name
        ).fetchone()[0]
    return numbers


def _parts(rows: Samples, numbers: NDArray[np.uint32]) -> Iterator[_Part]:
    """Rows by tag and hour, in the order of their times."""
    if not len(rows.tags):
        return
    order = np.argsort(rows.time_ns, kind="stable")
    tags = numbers[rows.tags]
    narrow = tags.astype(np.uint16) if int(tags.max()) < 0x10000 else tags  # 16 bits are sorted by radix
    order = order[np.argsort(narrow[order], kind="stable")]
    tags, hours = tags[order], rows.time_ns[order] // HOUR_NS
    starts = np.flatnonzero((np.diff(tags, prepend=tags[0]) != 0) | (np.diff(hours, prepend=hours[0]) != 0))
    bounds = [0, *starts.tolist(), len(order)]
    columns = Rows(rows.time_ns, rows.values, rows.status, rows.flags, rows.original_ns).where(order)
    for first, last in pairwise(bounds):
        yield _Part(int(tags[first]), int(hours[first]), columns.where(slice(first, last)))


def _put(db: sqlite3.Connection, part: _Part) -> int:
    """Into the hour's newest chunk as long as that is not large; returns the bytes written."""
    rows = part.rows
    query = "SELECT id, rows, data FROM chunks WHERE tag=? AND hour=? ORDER BY id DESC LIMIT 1"
    newest = db.execute(query, (part.tag, part.hour)).fetchone()
    if newest and newest[1] + len(rows) <= CHUNK_ROWS:
        rows = together([unpack(newest[2]), rows])
        rows = rows.where(np.argsort(rows.time_ns, kind="stable"))
        db.execute("DELETE FROM chunks WHERE id=?", (newest[0],))
    data = pack(rows)
    span = (int(rows.time_ns[0]), int(rows.time_ns[-1]))
    db.execute(
        "INSERT INTO chunks (tag, hour, first_ns, last_ns, rows, data) VALUES (?, ?, ?, ?, ?, ?)",
        (part.tag, part.hour, *span, len(rows), data),
    )
    return len(data)


def _forget(db: sqlite3.Connection, keep_days: float) -> None:
    newest = db.execute("SELECT max(hour) FROM chunks").fetchone()[0]
    if newest is None:
        return
    oldest = newest - int(keep_days * 24)
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM chunks WHERE hour < ?", (oldest,))
        db.execute("DELETE FROM texts WHERE time_ns < ?", (oldest * HOUR_NS,))
