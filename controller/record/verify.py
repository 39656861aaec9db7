"""Proves that a journal is what was written: the chain, its anchor, every sample blob, the file itself.

What the chain cannot show is a tail that was cut off cleanly. For that there are heads kept
elsewhere (the daily one goes to InfluxDB and by mail), and what followers and snapshots refer to.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from controller.record import tables
from controller.record.chain import KEY_FILE, START, Anchor, EventRow, Head, next_hash, signature
from controller.record.compaction import check_chunks
from controller.record.errors import Damaged
from controller.record.history import FILE
from controller.record.lock import is_locked
from controller.record.samples import decode

PAGE: Final = 500
PROBLEMS_MAX: Final = 20

Progress = Callable[[int, int], None]


class Problem(NamedTuple):
    """Where (table, row number) and what."""

    table: str
    row: int
    text: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.text}"


@dataclass(slots=True)
class Verdict:
    """What was looked at, and what is wrong; the first problem is the first bad row."""

    head: Head = START
    events: int = 0
    blocks: int = 0
    rows: int = 0
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    def say(self, table: str, row: int, text: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(table, row, text))


def verify(
    directory: Path, heads: Sequence[Head] = (), *, deep: bool | None = None, progress: Progress | None = None
) -> Verdict:
    """Reads everything, in short transactions. heads: what was sent out, to be found again.

    deep: SQLite's own check of the file too, in one long transaction; by default only when no
    service writes to it. progress(done, of): rows of both tables.
    """
    path = directory / tables.FILE
    verdict = Verdict()
    try:
        db = tables.open_journal(path)
    except Damaged as error:
        verdict.say(path.name, 0, str(error))
        return verdict
    try:
        deep = not is_locked(directory, tables.LOCK) if deep is None else deep
        counted = _Counted(db, progress)
        _check_events(db, directory, verdict, {head.seq: head for head in heads}, counted)
        _check_samples(db, verdict, counted)
        _check_references(db, verdict, heads)
        if deep:
            for (text,) in db.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})"):
                if text != "ok":
                    verdict.say(path.name, 0, text)
        else:
            verdict.remarks.append("SQLite's own check was left out: the journal is being written")
    except sqlite3.DatabaseError as error:
        verdict.say(path.name, 0, f"{error}. {tables.DAMAGED_FIX}")
    finally:
        db.close()
    if (directory / FILE).exists():
        for chunk, text in check_chunks(directory):
            verdict.say("history chunk", chunk, text)
    return verdict


class _Counted:
    """Tells how far it is."""

    def __init__(self, db: sqlite3.Connection, progress: Progress | None) -> None:
        self._progress = progress
        self._done = self._of = 0
        if progress is not None:
            for table, key in (("events", "seq"), ("samples", "id")):
                query = f"SELECT (SELECT min({key}) FROM {table}), (SELECT max({key}) FROM {table})"  # noqa: S608
                first, last = db.execute(query).fetchone()
                self._of += 0 if last is None else last - first + 1

    def add(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None:
            self._progress(self._done, max(self._done, self._of))


def _check_events(
    db: sqlite3.Connection, directory: Path, verdict: Verdict, heads: dict[int, Head], counted: _Counted
) -> None:
    before = _check_anchor(db, directory, verdict)
    for row in _rows(db, "events", "seq", "*", before.seq, verdict):
        seq, event, digest = row[0], EventRow(*row[1:-1]), bytes(row[-1])
        if seq != before.seq + 1:
            anchor = _anchor(db)
            if anchor is not None and anchor.head.seq + 1 == seq:  # retention is at work meanwhile
                before = anchor.head
            else:
                missing = f"{before.seq + 1}" + ("" if seq == before.seq + 2 else f"..{seq - 1}")
                verdict.say("event", seq, f"event {missing} before it is missing")
        elif next_hash(before.hash, seq, event) != digest:
            verdict.say(
                "event",
                seq,
                f"was changed after it was written, or event {before.seq} was: its hash does not follow "
                f"({event.kind} {event.source}: {event.text})",
            )
        before = Head(seq, digest)
        if seq in heads and heads[seq].hash != digest:
            verdict.say("event", seq, f"is not the one whose head was sent out ({heads[seq]})")
        verdict.events += 1
        if seq % PAGE == 0:
            counted.add(PAGE)
    verdict.head = before


def _check_anchor(db: sqlite3.Connection, directory: Path, verdict: Verdict) -> Head:
    anchor = _anchor(db)
    if anchor is None:
        return START
    key = directory / KEY_FILE
    if not key.exists():
        verdict.say("event", anchor.head.seq, f"the anchor cannot be proven: {key} is missing")
    elif not hmac.compare_digest(signature(key.read_bytes(), anchor.head), anchor.signature):
        verdict.say(
            "event",
            anchor.head.seq,
            "the anchor that stands for dropped events was not signed by this service",
        )
    return anchor.head


def _anchor(db: sqlite3.Connection) -> Anchor | None:
    row = db.execute("SELECT value FROM meta WHERE key='anchor'").fetchone()
    return Anchor.unpacked(row[0]) if row else None


def _check_samples(db: sqlite3.Connection, verdict: Verdict, counted: _Counted) -> None:
    known = {row[0] for row in db.execute("SELECT id FROM tags")}
    before = None
    for row in _rows(db, "samples", "id", "id, rows, data, texts", 0, verdict):
        number, rows, data, texts = row
        if before is not None and number != before + 1:
            missing = f"{before + 1}" + ("" if number == before + 2 else f"..{number - 1}")
            verdict.say("sample block", number, f"block {missing} before it is missing")
        before = number
        try:
            samples = decode(data, texts)
        except Damaged as error:
            verdict.say("sample block", number, str(error))
            continue
        if len(samples) != rows:
            verdict.say(
                "sample block", number, f"holds {len(samples)} rows, not the {rows} it was written with"
            )
        strange = set(samples.tags.tolist()).union(text.tag for text in samples.texts) - known
        if strange:
            verdict.say("sample block", number, f"speaks of tags that are not known: {sorted(strange)[:5]}")
        verdict.blocks += 1
        verdict.rows += len(samples)
        if number % PAGE == 0:
            counted.add(PAGE)


def _check_references(db: sqlite3.Connection, verdict: Verdict, heads: Sequence[Head]) -> None:
    """Whoever has seen an event that is not there any more proves that the tail was cut."""
    for head in heads:
        if head.seq > verdict.head.seq:
            verdict.say(
                "event", head.seq, f"was sent out as head ({head}) but is missing: the tail was cut off"
            )
    last_block = db.execute("SELECT max(id) FROM samples").fetchone()[0]
    for name, events, samples in db.execute("SELECT name, events, samples FROM followers"):
        if events is not None and events > verdict.head.seq:
            verdict.say(
                "event", events, f"was confirmed by follower {name} but is missing: the tail was cut off"
            )
        if samples is not None and last_block is not None and samples > last_block:
            verdict.say("sample block", samples, f"was confirmed by follower {name} but is missing")
    for (seq,) in db.execute("SELECT seq FROM state WHERE seq > ?", (verdict.head.seq,)):
        verdict.say("event", seq, "is covered by a snapshot but is missing: the tail was cut off")


def _rows(
    db: sqlite3.Connection, table: str, key: str, columns: str, after: int, verdict: Verdict
) -> Iterator[Any]:
    """Row by row over short transactions. A page that cannot be read is read row by row up to the bad one."""
    query = f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?"  # noqa: S608
    size = PAGE
    while True:
        try:
            page = db.execute(query, (after, size)).fetchall()
        except sqlite3.DatabaseError as error:
            if size > 1:
                size = 1
                continue
            verdict.say(table, after, f"after row {after} the file cannot be read: {error}")
            return
        yield from page
        if not page:
            return
        after = page[-1][0]
