"""The writer's side of `journal.db`: what one commit does. Used by the journal's thread alone.

A commit that failed may have reached the disk all the same (the log was written, its sync was
not confirmed). So every number is known before the commit, and after a failure `recover` reads
which side of it the file stands on: nothing is written twice, nothing is lost.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.record import tables
from controller.record.chain import START, Anchor, EventRow, Head, chained
from controller.record.errors import Damaged, WrongPlant
from controller.record.samples import Samples, encode, encode_texts, joined

Connect = Callable[[Path], sqlite3.Connection]
TagName = tuple[str, str, str]  # name, unit, kind


class Block(NamedTuple):
    """Samples with the time they were received."""

    utc_ns: int
    samples: Samples


class State(NamedTuple):
    """A snapshot of the core: everything up to the event before it is folded in."""

    utc_ns: int
    version: str
    data: bytes


class Confirmation(NamedTuple):
    """How far a follower is; None: it does not read these."""

    follower: str
    events: int | None
    samples: int | None
    utc_ns: int


@dataclass(slots=True)
class Commit:
    """What goes into one transaction: events in order, samples, and what hangs on them."""

    events: list[EventRow] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    states: list[tuple[int, State]] = field(default_factory=list)  # after how many of the events
    confirmations: list[Confirmation] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


class Store:
    """Opens or makes the file, then `write` by `write`. Every method may raise sqlite3.Error."""

    def __init__(self, path: Path, plant: str, synchronous: str, connect: Connect) -> None:
        self.path = path
        self.plant = plant
        self.synchronous = synchronous
        self.head = START
        self.block_id = 0
        self._newest_ns: dict[str, int] = {}  # of the run that events and samples are in now
        self._connect = connect
        self._aim: tuple[Head, int] | None = None
        self._tags: dict[TagName, int] = {}
        self.db = self._opened()

    def reopen(self) -> None:
        """A connection that failed is not to be trusted with the next commit."""
        self.db.close()
        self.db = self._opened()

    def close(self) -> None:
        """Leaves one file: the log is folded in when the last connection closes."""
        self.db.close()

    def write(self, commit: Commit) -> Head:
        """One transaction; returns the head after it."""
        links = chained(self.head, commit.events)
        head = Head(*links[-1]) if links else self.head
        block_id = self.block_id + bool(commit.blocks)
        self._aim = (head, block_id)
        times = [(link[0], row.utc_ns) for link, row in zip(links, commit.events, strict=True)]
        received = [(block_id, block.utc_ns) for block in commit.blocks]
        runs, newest_ns = self._runs_of({"events": times, "samples": received})
        self.db.execute("BEGIN IMMEDIATE")
        self._insert_events(commit, links)
        if commit.blocks:
            self._insert_blocks(block_id, commit.blocks)
        for position, state in commit.states:
            seq = self.head.seq + position
            self.db.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)", (seq, *state))
            self.db.execute(
                "DELETE FROM state WHERE seq NOT IN (SELECT seq FROM state ORDER BY seq DESC LIMIT ?)",
                (tables.SNAPSHOTS_KEPT,),
            )
        self.db.executemany("INSERT OR REPLACE INTO followers VALUES (?, ?, ?, ?)", commit.confirmations)
        self.db.executemany("DELETE FROM followers WHERE name=?", [(name,) for name in commit.forgotten])
        self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(commit.meta.items()))
        self.db.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?)", runs)
        self.db.execute("COMMIT")
        self.head, self.block_id, self._aim = head, block_id, None
        self._newest_ns = newest_ns
        return head

    def recover(self) -> bool:
        """After a failed `write`: reopens; True when that commit is in the file after all."""
        aim = self._aim
        before = (self.head, self.block_id)
        self.reopen()
        now = (self.head, self.block_id)
        self._aim = None
        if aim is not None and now == aim != before:
            return True
        if now != before:
            raise Damaged(
                f"{self.path} changed while it was being written: head {now[0].seq}, not {before[0].seq}"
            )
        return False

    def numbers_of(self, names: Sequence[TagName]) -> NDArray[np.uint32]:
        """The journal's number for each (tag name, unit, kind); new ones are given numbers, for good."""
        new = [name for name in dict.fromkeys(names) if name not in self._tags]
        if new:
            with self.transaction() as db:
                db.executemany("INSERT INTO tags (name, unit, kind) VALUES (?, ?, ?)", new)
            self._read_tags()
        return np.array([self._tags[name] for name in names], np.uint32)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; for what may simply be tried again later."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
            self.db.execute("COMMIT")
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def checkpoint(self) -> None:
        """Moves the log's pages into the file. Readers are not disturbed."""
        self.db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def newest_ns(self) -> int:
        """The newest time this journal has seen, by numbers, not by time."""
        return max(self._newest_ns.values(), default=0)

    def used_bytes(self) -> int:
        """Pages in use; pages that retention freed are used again before the file grows."""
        page = self._number("PRAGMA page_size")
        return page * (self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count"))

    def meta(self, key: str) -> Any:
        row = self.db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else row[0]

    def _runs_of(
        self, streams: dict[str, list[tuple[int, int]]]
    ) -> tuple[list[tuple[str, int]], dict[str, int]]:
        """Where the clock was set back a new run begins; within a run a time can be found by halving."""
        newest_ns = dict(self._newest_ns)
        runs: list[tuple[str, int]] = []
        for stream, rows in streams.items():
            for number, utc_ns in rows:
                newest = newest_ns.get(stream)
                if newest is None or utc_ns < newest - tables.DISORDER_NS:
                    runs.append((stream, number))
                    newest = utc_ns
                newest_ns[stream] = max(newest, utc_ns)
        return runs, newest_ns

    def _insert_events(self, commit: Commit, links: list[tuple[int, bytes]]) -> None:
        self.db.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(seq, *row, digest) for row, (seq, digest) in zip(commit.events, links, strict=True)],
        )

    def _insert_blocks(self, block_id: int, blocks: list[Block]) -> None:
        rows = joined([block.samples for block in blocks])
        times = [block.utc_ns for block in blocks]
        self.db.execute(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                block_id,
                min(times),
                max(times),
                len(rows),
                self.head.seq,
                encode(rows),
                encode_texts(rows.texts),
            ),
        )

    def _opened(self) -> sqlite3.Connection:
        new = not self.path.exists() or self.path.stat().st_size == 0
        db = self._connect(self.path)
        try:
            there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            if there and "meta" not in there:
                raise tables.damaged(self.path, ValueError("it is not a journal"))
            if new:
                db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            tables.prepare(db, self.synchronous)
            if not there:
                self._make(db)
            self.db = db
            self._check()
        except sqlite3.DatabaseError as error:
            db.close()
            if tables.is_damage(error):
                raise tables.damaged(self.path, error) from error
            raise
        except (Damaged, WrongPlant):
            db.close()
            raise
        return db

    def _make(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        for statement in tables.SCHEMA.split(";"):
            if statement.strip():
                db.execute(statement)
        known = {
            "format": tables.FORMAT,
            "plant": self.plant,
            "id": secrets.token_hex(8),
            "created": time.time_ns(),
        }
        db.executemany("INSERT INTO meta VALUES (?, ?)", list(known.items()))
        db.execute("COMMIT")

    def _check(self) -> None:
        """Format, plant, and the newest rows: enough to go on from; `verify` reads all of it."""
        found = self.meta("format")
        if found is None:
            raise tables.damaged(self.path, ValueError("it has no format number: not a journal?"))
        if found != tables.FORMAT:
            raise WrongPlant(f"{self.path} has format {found}; this software writes format {tables.FORMAT}")
        if self.meta("plant") != self.plant:
            raise WrongPlant(
                f"{self.path} is the journal of plant '{self.meta('plant')}', not of '{self.plant}': "
                "give this plant a data directory of its own (--data DIR)"
            )
        self._read_tags()
        blob = self.meta("anchor")
        before = Anchor.unpacked(blob).head if blob else START
        newest = self.db.execute("SELECT * FROM events ORDER BY seq DESC LIMIT 2").fetchall()
        if len(newest) == 2:
            before = Head(newest[1][0], newest[1][-1])
        head = Head(newest[0][0], newest[0][-1]) if newest else before
        if newest and Head(*chained(before, [EventRow(*newest[0][1:-1])])[0]) != head:
            raise tables.damaged(self.path, ValueError(f"event {head.seq} is not what was written"))
        block_id = self._number("SELECT coalesce(max(id), 0) FROM samples")
        self._newest_ns = {"events": newest[0][1]} if newest else {}
        for (last_ns,) in self.db.execute("SELECT last_ns FROM samples ORDER BY id DESC LIMIT 1"):
            self._newest_ns["samples"] = last_ns
        self.head, self.block_id = head, max(block_id, self.meta("block") or 0)

    def _read_tags(self) -> None:
        rows = self.db.execute("SELECT name, unit, kind, id FROM tags")
        self._tags = {(name, unit, kind): number for name, unit, kind, number in rows}

    def _number(self, query: str) -> int:
        return int(self.db.execute(query).fetchone()[0])
