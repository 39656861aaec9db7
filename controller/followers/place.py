"""followers/NAME.db: how far a follower is, what it needs to go on from there, and its dead letters.

Cursor, state and dead letters are one transaction: a kill at any moment leaves all of them or none, and
what was sent since is sent again, as the same points.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from controller.followers.database import WAIT_S, Database, path_of, read

DEAD_MAX: Final = 100_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), journal TEXT NOT NULL,
                                   events INTEGER NOT NULL, samples INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead (digest BLOB PRIMARY KEY, utc_ns INTEGER NOT NULL, reason TEXT NOT NULL,
                                 line TEXT NOT NULL) WITHOUT ROWID
"""


class Cursor(NamedTuple):
    """journal: its id; a new journal counts from 1 again. events, samples: the last that were sent."""

    journal: str
    events: int = 0
    samples: int = 0


class Parked(NamedTuple):
    """A line that the sink refuses for good: kept here, with its reason, instead of being sent for ever."""

    utc_ns: int
    reason: str
    line: str


class Place(Database):
    """One follower's place in the journal."""

    def __init__(self, data: Path, name: str) -> None:
        moved = "what the journal still holds is sent again"
        super().__init__(data, name, _SCHEMA, synchronous="NORMAL", moved=moved)

    def load(self, journal: str) -> tuple[Cursor, bytes]:
        """Where to go on, with the state that belongs to it; from the beginning in a new journal."""
        row = self._db.execute("SELECT journal, events, samples, state FROM cursor").fetchone()
        if row is None or row[0] != journal:
            return Cursor(journal), b""
        return Cursor(*row[:3]), row[3]

    def save(self, cursor: Cursor, state: bytes, parked: Sequence[Parked]) -> None:
        """Raises sqlite3.Error when the disk does not take it: then nothing of it is kept."""
        with self.turn():
            rows = [(_digest(one.line), *one) for one in parked]
            self._db.executemany("INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?)", rows)
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?, ?, ?)", (*cursor, state))


def read_place(data: Path, name: str) -> tuple[Cursor, list[Parked]] | None:
    """Cursor and all dead letters of a follower that may be running; None: there has never been one."""
    cursor = read_cursor(data, name)
    return None if cursor is None else (cursor, read_dead(data, name))


def read_cursor(data: Path, name: str) -> Cursor | None:
    """None: there has never been such a follower. Raises Damaged."""
    rows = read(data, name, "SELECT journal, events, samples FROM cursor")
    return Cursor(*rows[0]) if rows else None


def read_dead(data: Path, name: str) -> list[Parked]:
    """All dead letters, the oldest first. Raises Damaged."""
    return [Parked(*row) for row in read(data, name, "SELECT utc_ns, reason, line FROM dead ORDER BY utc_ns")]


def dead_count(data: Path, name: str) -> int:
    """Raises Damaged."""
    rows = read(data, name, "SELECT count(*) FROM dead")
    return int(rows[0][0]) if rows else 0


def forget_dead(data: Path, name: str, lines: Iterable[str]) -> int:
    """Removes these dead letters, also of a follower that is running; how many lie there still.

    Raises sqlite3.Error, and then removes none.
    """
    with contextlib.closing(sqlite3.connect(path_of(data, name), timeout=WAIT_S)) as db:
        with db:
            db.executemany("DELETE FROM dead WHERE digest=?", ((_digest(line),) for line in lines))
        return int(db.execute("SELECT count(*) FROM dead").fetchone()[0])


def _digest(line: str) -> bytes:
    return hashlib.sha256(line.encode("utf-8", "replace")).digest()[:16]
