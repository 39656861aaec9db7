"""followers/NAME.db: how far a follower is, what it needs to go on from there, and its dead letters.

Cursor, state and dead letters are one transaction: a kill at any moment leaves all of them or none, and
what was sent since is sent again, as the same points.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from controller.record.errors import Damaged
from controller.record.lock import DirectoryLock

FOLDER: Final = "followers"
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


class Place:
    """One follower's file. The lock keeps a second one away: two would tear the order apart."""

    def __init__(self, data: Path, name: str) -> None:
        folder = data / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = DirectoryLock(folder, f"{name}.lock", f"heloop follow {name}")
        self.path = folder / f"{name}.db"
        try:
            self._db = sqlite3.connect(self.path, timeout=5.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
        except sqlite3.DatabaseError as error:
            self._lock.release()
            raise Damaged(
                f"{self.path}: {error}. Move it away: what the journal still holds is sent again"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._lock.release()

    def load(self, journal: str) -> tuple[Cursor, bytes]:
        """Where to go on, with the state that belongs to it; from the beginning in a new journal."""
        row = self._db.execute("SELECT journal, events, samples, state FROM cursor").fetchone()
        if row is None or row[0] != journal:
            return Cursor(journal), b""
        return Cursor(*row[:3]), row[3]

    def save(self, cursor: Cursor, state: bytes, parked: Sequence[Parked]) -> None:
        """Raises sqlite3.Error when the disk does not take it: then nothing of it is kept."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            rows = [(hashlib.sha256(one.line.encode()).digest()[:16], *one) for one in parked]
            self._db.executemany("INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?)", rows)
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?, ?, ?)", (*cursor, state))
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def dead(self, limit: int = 1000) -> list[Parked]:
        """The newest dead letters first."""
        query = "SELECT utc_ns, reason, line FROM dead ORDER BY utc_ns DESC LIMIT ?"
        return [Parked(*row) for row in self._db.execute(query, (limit,))]

    def dead_count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM dead").fetchone()[0])


def read_place(data: Path, name: str) -> tuple[Cursor, list[Parked]] | None:
    """Cursor and all dead letters of a follower that may be running; None: there has never been one."""
    path = data / FOLDER / f"{name}.db"
    if not path.exists():
        return None
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        row = db.execute("SELECT journal, events, samples FROM cursor").fetchone()
        dead = [Parked(*one) for one in db.execute("SELECT utc_ns, reason, line FROM dead ORDER BY utc_ns")]
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{path}: {error}") from error
    finally:
        db.close()
    return (Cursor(*row), dead) if row else None
