"""A follower's own file, followers/NAME.db: opened by one process, read by any.

The lock keeps a second process away: two would tear the order apart, or tell everybody twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from controller.record.errors import Damaged
from controller.record.lock import DirectoryLock

FOLDER: Final = "followers"
WAIT_S: Final = 5.0  # for another process that has the file


class Database:
    """What changes it stands inside `with database.turn()`; all of a turn or none is kept.

    schema: statements that may be run again. synchronous: FULL when a power cut must not undo a turn.
    moved: what it costs to move a damaged file away, for the error. Raises Damaged, InUse.
    """

    def __init__(self, data: Path, name: str, schema: str, *, synchronous: str, moved: str) -> None:
        self.path = path_of(data, name)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = DirectoryLock(self.path.parent, f"{name}.lock", f"heloop follow {name}")
        try:
            self._db = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={synchronous}")
            for statement in schema.split(";"):
                self._db.execute(statement)
        except sqlite3.DatabaseError as error:
            self._lock.release()
            raise Damaged(f"{self.path}: {error}. Move it away: {moved}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._lock.release()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises sqlite3.Error when the disk does not take it: then nothing of it is kept."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def path_of(data: Path, name: str) -> Path:
    return data / FOLDER / f"{name}.db"


def read(data: Path, name: str, query: str, arguments: Sequence[Any] = ()) -> list[Any]:
    """Rows, also of a follower that is running; none when there is no such follower. Raises Damaged."""
    path = path_of(data, name)
    if not path.exists():
        return []
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)
    try:
        return db.execute(query, arguments).fetchall()
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{path}: {error}") from error
    finally:
        db.close()
