"""What the journal forgets, and in what order.

Oldest first, in steps so small that no commit waits long: first samples (by age, and by size above
the soft limit), then events (by age; by size only when no samples are left). Nothing a follower has
not confirmed is dropped, nor samples the history has not folded in, nor events that no snapshot of
the core covers; only above the hard limit are unconfirmed samples dropped, and an event says so.
Dropped events leave an anchor: the number and hash of the last one, signed, from which the chain goes on.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.core.clock import Now
from controller.core.effects import Event
from controller.record.chain import Anchor, EventRow, Head, row_of, signature, signing_key
from controller.record.store import Store

DAY_NS: Final = 86_400_000_000_000
BLOCKS_A_STEP: Final = 64
EVENTS_A_STEP: Final = 1_000
PAGES_A_STEP: Final = 2_000
HISTORY: Final = "history.db"
_ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept. soft_bytes: dropped down to, confirmed only; hard_bytes: dropped down to at any cost.

    free_bytes: with less than this left on the disk, confirmed samples go as if above the soft limit.
    """

    samples_days: float = 92.0
    events_days: float = 3653.0
    soft_bytes: int = 8_000_000_000
    hard_bytes: int = 20_000_000_000
    free_bytes: int = 1_000_000_000


@dataclass(slots=True)
class Dropped:
    """What a run has dropped so far."""

    blocks: int = 0
    rows: int = 0
    unconfirmed: int = 0
    events: int = 0
    from_ns: int = _ALL
    to_ns: int = 0
    missed_by: tuple[str, ...] = ()


def steps(store: Store, keep: Keep, now: Now) -> Iterator[list[EventRow]]:
    """One short transaction a step; the last gives the events that tell of it."""
    dropped = Dropped()
    while _drop_blocks(store, keep, now.utc_ns, dropped):
        yield []
    while _drop_events(store, keep, now.utc_ns, dropped):
        yield []
    while _give_back_pages(store):
        yield []
    yield [row_of(event) for event in _told(store, keep, now, dropped)]


def folded_blocks(directory: Path) -> int | None:
    """Up to which block the history has folded the samples in; None when there is no history."""
    path = directory / HISTORY
    if not path.exists():
        return None
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.2)
    try:
        row = db.execute("SELECT value FROM meta WHERE key='cursor'").fetchone()
        return int(row[0]) if row else 0
    except sqlite3.Error:
        return 0  # it is just being made, or is damaged: it has not confirmed anything
    finally:
        db.close()


def _drop_blocks(store: Store, keep: Keep, now_ns: int, dropped: Dropped) -> bool:
    used = store.used_bytes()
    pressed = used > keep.soft_bytes or shutil.disk_usage(store.path.parent).free < keep.free_bytes
    oldest = store.db.execute(
        "SELECT id, first_ns, last_ns, rows FROM samples ORDER BY id LIMIT ?", (BLOCKS_A_STEP,)
    ).fetchall()
    confirmed, by_name = _confirmed(store)
    going: list[Any] = []
    for block in oldest:
        aged = block[2] < now_ns - keep.samples_days * DAY_NS
        if (aged or pressed) and (block[0] <= confirmed or used > keep.hard_bytes):
            going.append(block)
        else:
            break
    if not going:
        return False
    last = going[-1][0]
    with store.transaction() as db:
        db.execute("DELETE FROM samples WHERE id <= ?", (last,))
        db.execute("INSERT OR REPLACE INTO meta VALUES ('block', ?)", (store.block_id,))
    missed = [block for block in going if block[0] > confirmed]
    dropped.blocks += len(going)
    dropped.rows += sum(block[3] for block in going)
    dropped.from_ns = min(dropped.from_ns, going[0][1])
    dropped.to_ns = max(dropped.to_ns, going[-1][2])
    if missed:
        dropped.unconfirmed += sum(block[3] for block in missed)
        dropped.missed_by = tuple(name for name, cursor in by_name if cursor < last)
    return True


def _confirmed(store: Store) -> tuple[int, list[tuple[str, int]]]:
    query = "SELECT name, samples FROM followers WHERE samples IS NOT NULL"
    followers = [(name, samples) for name, samples in store.db.execute(query)]
    folded = folded_blocks(store.path.parent)
    if folded is not None:
        followers.append(("history", folded))
    return min((cursor for _, cursor in followers), default=_ALL), followers


def _drop_events(store: Store, keep: Keep, now_ns: int, dropped: Dropped) -> bool:
    """Up to what followers confirmed and a snapshot covers: restoring needs every event after it."""
    db = store.db
    confirmed = db.execute("SELECT coalesce(min(events), ?) FROM followers", (_ALL,)).fetchone()[0]
    covered = db.execute("SELECT coalesce(max(seq), 0) FROM state").fetchone()[0]
    pressed = store.used_bytes() > keep.hard_bytes
    if pressed and db.execute("SELECT 1 FROM samples LIMIT 1").fetchone():
        pressed = False
    oldest = db.execute(
        "SELECT seq, utc_ns, hash FROM events ORDER BY seq LIMIT ?", (EVENTS_A_STEP,)
    ).fetchall()
    going = 0
    for seq, utc_ns, _ in oldest:
        aged = utc_ns < now_ns - keep.events_days * DAY_NS
        if not (aged or pressed) or seq > min(confirmed, covered) or seq >= store.head.seq:
            break
        going += 1
    if not going:
        return False
    head = Head(oldest[going - 1][0], oldest[going - 1][2])
    anchor = Anchor(head, signature(signing_key(store.path.parent), head))
    with store.transaction() as db:
        db.execute("DELETE FROM events WHERE seq <= ?", (head.seq,))
        db.execute("INSERT OR REPLACE INTO meta VALUES ('anchor', ?)", (anchor.packed(),))
    dropped.events += going
    return True


def _give_back_pages(store: Store) -> bool:
    """Free pages are used again; only when a quarter of the file is free does it shrink."""
    free = store.db.execute("PRAGMA freelist_count").fetchone()[0]
    if free < PAGES_A_STEP or free * 4 < store.db.execute("PRAGMA page_count").fetchone()[0]:
        return False
    store.db.execute(f"PRAGMA incremental_vacuum({PAGES_A_STEP})").fetchall()
    return bool(store.db.execute("PRAGMA freelist_count").fetchone()[0] < free)


def _told(store: Store, keep: Keep, now: Now, dropped: Dropped) -> Iterator[Event]:
    span = {"from_ns": dropped.from_ns, "to_ns": dropped.to_ns}
    if dropped.unconfirmed:
        yield Event(
            "retention.unconfirmed_dropped",
            "journal",
            f"The journal is above its hard limit of {keep.hard_bytes} bytes: {dropped.unconfirmed} samples "
            f"were dropped that {', '.join(dropped.missed_by)} had not confirmed",
            now.utc_ns,
            now.plant_s,
            800,
            {"rows": dropped.unconfirmed, "followers": list(dropped.missed_by), **span},
        )
    if dropped.blocks or dropped.events:
        yield Event(
            "retention.dropped",
            "journal",
            f"{dropped.rows} samples and {dropped.events} events are older than the journal keeps",
            now.utc_ns,
            now.plant_s,
            100,
            {"rows": dropped.rows, "blocks": dropped.blocks, "events": dropped.events}
            | (span if dropped.blocks else {}),
        )
    if store.used_bytes() > keep.hard_bytes:
        yield Event(
            "retention.stuck",
            "journal",
            f"The journal has {store.used_bytes()} bytes, above its hard limit of {keep.hard_bytes}, and "
            "nothing more may be dropped: followers and a snapshot of the core must come first",
            now.utc_ns,
            now.plant_s,
            800,
        )
