"""followers/notify.db: how far notification is, what it knows, and every message until it has left.

One transaction holds the cursor, the machine's state and the messages that came of it, so that a kill or
a power cut at any moment leaves all of it or nothing (WAL, synchronous=FULL). A row of the outbox is

    waiting -> sending -> sent | given_up | withdrawn,   sending -> waiting after an attempt that failed

`sending` is on disk before the server is spoken to: who finds such a row at the start knows that its
message was interrupted and may have left. It is counted and waits again, under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from alarms.delivery import Message
from controller.followers.database import Database, read
from controller.followers.place import Cursor

NAME: Final = "notify"
KEEP_DAYS: Final = 90
RECEIPTS_MAX: Final = 200_000
RECORDS_MAX: Final = 10_000
LOST: Final = "records_lost"  # a note: how many went past it
BARE_FROM: Final = 2  # interruptions: one is a power cut, two may be a bug in writing this very message
DAY_NS: Final = 86_400_000_000_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), journal TEXT NOT NULL,
    events INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL, address TEXT NOT NULL, way TEXT NOT NULL, priority INTEGER NOT NULL,
    why TEXT NOT NULL, incident TEXT NOT NULL, alarm TEXT NOT NULL, message BLOB NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    unwanted TEXT NOT NULL DEFAULT '', put_ns INTEGER NOT NULL, done_ns INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS outbox_open ON outbox (priority, number) WHERE done_ns = 0;
CREATE INDEX IF NOT EXISTS outbox_incident ON outbox (incident);
CREATE INDEX IF NOT EXISTS outbox_done ON outbox (done_ns) WHERE done_ns > 0;
CREATE TABLE IF NOT EXISTS receipts (number INTEGER PRIMARY KEY, utc_ns INTEGER NOT NULL, id TEXT NOT NULL,
    recipient TEXT NOT NULL, address TEXT NOT NULL, attempt INTEGER NOT NULL, result TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
    source TEXT NOT NULL, text TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS used (token TEXT PRIMARY KEY, until_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS interrupted (id TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
"""


class Row(NamedTuple):
    """A message that has not left. attempts: those that were begun. unwanted: why it need not leave.

    interrupted: at how many starts it was found on its way.
    """

    id: str
    recipient: str
    address: str
    way: str
    priority: int
    why: str
    incident: str
    state: str
    attempts: int
    reason: str
    unwanted: str
    put_ns: int
    interrupted: int = 0

    @property
    def is_bare(self) -> bool:
        """Whether it leaves in its plainest form."""
        return self.interrupted >= BARE_FROM


_ROW: Final = f"{', '.join(Row._fields[:-1])}, ifnull(times, 0)"
_OPEN: Final = f"SELECT {_ROW} FROM outbox LEFT JOIN interrupted USING (id) WHERE done_ns = 0"  # noqa: S608


class Logged(NamedTuple):
    """A message as `heloop notify log` shows it. at_ns: when it left or was ended, else when it was put.

    alarm: the worst that it is about, '' none.
    """

    at_ns: int
    recipient: str
    address: str
    why: str
    incident: str
    state: str
    attempts: int
    answer: str
    alarm: str


class Receipt(NamedTuple):
    """What became of one attempt to tell one person. result: delivered, failed, given_up, withdrawn."""

    utc_ns: int
    id: str
    recipient: str
    address: str
    attempt: int
    result: str
    reason: str


class Waiting(NamedTuple):
    """A record that the core has not taken yet."""

    number: int
    kind: str
    source: str
    text: str
    data: dict[str, Any]


class NotifyPlace(Database):
    """Notification's file."""

    def __init__(self, data: Path) -> None:
        moved = "what stands now is told anew, what waited is lost"
        super().__init__(data, NAME, _SCHEMA, synchronous="FULL", moved=moved)

    def load(self, journal: str) -> tuple[Cursor, bytes]:
        """Where to go on, with the state that belongs to it; from the beginning in a new journal.

        What waits from an older journal still leaves, under an id that the new one cannot give again.
        """
        row = self._db.execute("SELECT journal, events, state FROM cursor").fetchone()
        if row is not None and row[0] == journal:
            return Cursor(journal, row[1]), row[2]
        if row is not None:
            with self.turn():
                for table in ("outbox", "interrupted"):
                    query = f"UPDATE {table} SET id = ? || id WHERE id NOT LIKE '%/%'"  # noqa: S608
                    self._db.execute(query, (f"{row[0]}/",))
        return Cursor(journal), b""

    # --- inside a turn -----------------------------------------------------------------------------

    def save(self, cursor: Cursor, state: bytes) -> None:
        found = (cursor.journal, cursor.events, state)
        self._db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?, ?)", found)

    def put(self, message: Message, way: str, now_ns: int) -> None:
        """A message waits from now on. One whose id is known is not a new one."""
        self._db.execute(
            "INSERT OR IGNORE INTO outbox"
            " (id, recipient, address, way, priority, why, incident, alarm, message, state, put_ns)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?)",
            (
                message.id,
                message.recipient,
                message.address,
                way,
                message.priority,
                message.why,
                message.incident,
                message.items[0].alarm if message.items else "",
                msgspec.msgpack.encode(message),
                now_ns,
            ),
        )

    def begin(self, ids: Sequence[str]) -> None:
        """An attempt each: from here on nobody can be sure that it has not left."""
        query = "UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ?"
        self._db.executemany(query, [(one,) for one in ids])

    def interrupted(self, one: str) -> None:
        """A start has found it on its way."""
        self._db.execute("UPDATE outbox SET state = 'waiting' WHERE id = ?", (one,))
        query = "INSERT INTO interrupted VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET times = times + 1"
        self._db.execute(query, (one,))

    def again(self, one: str, reason: str) -> None:
        self._db.execute("UPDATE outbox SET state = 'waiting', reason = ? WHERE id = ?", (reason, one))

    def unwanted(self, one: str, reason: str) -> None:
        """It is on its way: should that fail, it is not tried again."""
        self._db.execute("UPDATE outbox SET unwanted = ? WHERE id = ?", (reason, one))

    def done(self, one: str, state: str, reason: str, now_ns: int) -> None:
        """state: sent, given_up or withdrawn. The message itself is not needed any more."""
        query = "UPDATE outbox SET state = ?, reason = ?, done_ns = ?, message = x'' WHERE id = ?"
        self._db.execute(query, (state, reason, max(now_ns, 1), one))
        self._db.execute("DELETE FROM interrupted WHERE id = ?", (one,))

    def receipt(self, receipt: Receipt) -> None:
        self._db.execute(
            "INSERT INTO receipts (utc_ns, id, recipient, address, attempt, result, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            receipt,
        )

    def record(self, kind: str, source: str, text: str, data: dict[str, Any]) -> None:
        """A record for the journal waits for the core. Past RECORDS_MAX the oldest go, and are counted."""
        document = msgspec.json.encode(data).decode()
        query = "INSERT INTO records (kind, source, text, data) VALUES (?, ?, ?, ?)"
        newest = self._db.execute(query, (kind, source, text, document)).lastrowid
        found = self._db.execute("DELETE FROM records WHERE number <= ?", ((newest or 0) - RECORDS_MAX,))
        if found.rowcount > 0:
            self.keep_note(LOST, str(int(self.note(LOST) or 0) + found.rowcount))

    def told(self, upto: int) -> None:
        """The core has these records."""
        self._db.execute("DELETE FROM records WHERE number <= ?", (upto,))

    def keep_note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def forget(self, now_ns: int) -> None:
        """What is older than KEEP_DAYS, links whose time is over."""
        oldest_ns = now_ns - KEEP_DAYS * DAY_NS
        self._db.execute("DELETE FROM outbox WHERE done_ns > 0 AND done_ns < ?", (oldest_ns,))
        self._db.execute("DELETE FROM receipts WHERE utc_ns < ?", (oldest_ns,))
        query = "DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - ?"
        self._db.execute(query, (RECEIPTS_MAX,))
        self._db.execute("DELETE FROM used WHERE until_ns < ?", (now_ns,))

    # --- at any time -------------------------------------------------------------------------------

    def open_rows(self) -> list[Row]:
        """What has not left, worst first, then oldest first."""
        return [Row(*row) for row in self._db.execute(f"{_OPEN} ORDER BY priority, number")]

    def row(self, one: str) -> Row | None:
        """None when it has left, or there is no such message."""
        found = self._db.execute(f"{_OPEN} AND id = ?", (one,)).fetchone()
        return None if found is None else Row(*found)

    def message(self, one: str) -> Message:
        """Raises KeyError when it has left."""
        query = "SELECT message FROM outbox WHERE id = ? AND done_ns = 0"
        found = self._db.execute(query, (one,)).fetchone()
        if found is None:
            raise KeyError(one)
        return msgspec.msgpack.decode(found[0], type=Message)

    def states(self, ids: Sequence[str]) -> dict[str, str]:
        """Of messages, as far as they are kept."""
        query = "SELECT state FROM outbox WHERE id = ?"
        found = {one: self._db.execute(query, (one,)).fetchone() for one in ids}
        return {one: row[0] for one, row in found.items() if row is not None}

    def addresses_of(self, ids: Sequence[str]) -> list[str]:
        """Of messages, as far as they are kept, each once."""
        query = "SELECT address FROM outbox WHERE id = ?"
        found = [self._db.execute(query, (one,)).fetchone() for one in ids]
        return sorted({row[0] for row in found if row is not None})

    def receipts(self, limit: int = 1_000) -> list[Receipt]:
        """The newest first."""
        query = (
            "SELECT utc_ns, id, recipient, address, attempt, result, reason FROM receipts"
            " ORDER BY number DESC LIMIT ?"
        )
        return [Receipt(*row) for row in self._db.execute(query, (limit,))]

    def records(self, limit: int) -> list[Waiting]:
        """The oldest first."""
        query = "SELECT number, kind, source, text, data FROM records ORDER BY number LIMIT ?"
        rows = self._db.execute(query, (limit,))
        return [Waiting(n, kind, of, text, msgspec.json.decode(data)) for n, kind, of, text, data in rows]

    def note(self, name: str) -> str:
        """'' when there is none."""
        found = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def used(self, token: str) -> bool:
        """Whether a link was used before."""
        return self._db.execute("SELECT 1 FROM used WHERE token = ?", (token,)).fetchone() is not None

    def use(self, token: str, until_ns: int) -> bool:
        """A link is used, once and on disk: False when it was used before. Raises sqlite3.Error."""
        with self.turn():
            found = self._db.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", (token, until_ns))
            return found.rowcount > 0


def log(data: Path, limit: int = 100) -> list[Logged]:
    """The newest messages of a process that may be running, newest first. Raises Damaged."""
    query = (
        "SELECT max(put_ns, done_ns), recipient, address, why, incident, state, attempts, reason, alarm"
        " FROM outbox ORDER BY number DESC LIMIT ?"
    )
    return [Logged(*row) for row in read(data, NAME, query, (limit,))]


def told(data: Path, incident: str) -> list[tuple[str, str, int, str]]:
    """(recipient, way, since, state) of an incident's messages, the oldest first. Raises Damaged."""
    query = (
        "SELECT recipient, way, max(put_ns, done_ns), iif(state = 'sending', 'waiting', state) FROM outbox"
        " WHERE incident = ? ORDER BY number"
    )
    return [tuple(row) for row in read(data, NAME, query, (incident,))] if incident else []
