"""The tables of `journal.db`, and how it is opened: by its writer, and by everybody else."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from controller.record.errors import Damaged, Missing, RecordError, Unreadable

FILE: Final = "journal.db"
LOCK: Final = "journal.lock"
FORMAT: Final = 1
DISORDER_NS: Final = 10_000_000_000  # within a run of rows no time is further behind one before it
SNAPSHOTS_KEPT: Final = 12

SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL,
                   UNIQUE (name, unit, kind));
CREATE TABLE events (seq INTEGER PRIMARY KEY, utc_ns INTEGER NOT NULL, plant_s REAL NOT NULL,
                     kind TEXT NOT NULL, source TEXT NOT NULL, severity INTEGER NOT NULL, text TEXT NOT NULL,
                     data TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE samples (id INTEGER PRIMARY KEY, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
                      rows INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL, texts BLOB);
CREATE TABLE runs (stream TEXT NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (stream, first)) WITHOUT ROWID;
CREATE TABLE state (seq INTEGER PRIMARY KEY, utc_ns INTEGER NOT NULL, version TEXT NOT NULL,
                    data BLOB NOT NULL);
CREATE TABLE followers (name TEXT PRIMARY KEY, events INTEGER, samples INTEGER,
                        utc_ns INTEGER NOT NULL) WITHOUT ROWID;
"""

DAMAGED_FIX: Final = (
    "Nothing was changed. `heloop journal verify` says what is wrong; `heloop journal set-aside` "
    "moves the files out of the way so that a new journal can start, and keeps them for salvage"
)
_DAMAGED_CODES: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def connect(path: Path) -> sqlite3.Connection:
    """The writer's connection: transactions are begun and ended by hand, used by one thread at a time."""
    return sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)


def prepare(db: sqlite3.Connection, synchronous: str) -> None:
    """What each connection of the writer needs. Checkpoints are made between commits, not in them."""
    mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise RecordError(
            "this file system cannot share memory between processes, which SQLite's write-ahead log needs "
            "(a network drive?). Put the data directory on a local disk"
        )
    db.execute(f"PRAGMA synchronous={synchronous}")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("PRAGMA journal_size_limit=67108864")


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises Missing when there is no such file."""
    if not path.exists():
        raise Missing(f"there is no {path.name} in {path.parent}: has the service run with this --data DIR?")
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro",
        uri=True,
        timeout=2.0,
        isolation_level=None,
        check_same_thread=False,
    )


def open_journal(path: Path) -> sqlite3.Connection:
    """The same, for a file that must be a journal: Missing while it is being made, Damaged if it is none."""
    db = open_for_reading(path)
    try:
        there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    except sqlite3.DatabaseError as error:
        db.close()
        if is_damage(error):
            raise damaged(path, error) from error
        raise Unreadable(f"{path} cannot be read: {error}") from error
    if "meta" in there:
        return db
    db.close()
    if there:
        raise damaged(path, ValueError("it is not a journal"))
    raise Missing(f"{path} is still empty: the service has only begun to make it")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file itself is wrong, not the disk below it."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED_CODES


def damaged(path: Path, error: Exception) -> Damaged:
    return Damaged(f"{path} is damaged: {error}. {DAMAGED_FIX}")
