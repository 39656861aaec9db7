"""The journal's front: anything may be appended from any thread, one thread writes.

Theory of operation. `append` puts work into a queue and returns a future at once. The writer takes
what waits: events at once, samples when the oldest has waited `batch_s`. One transaction carries
all of it; the futures get the number of the last event after the commit. When the disk does not
take it, the writer keeps the work, waits longer from try to try, and the core goes on: it never
waits here. What is held is bounded. Beyond the bound samples are dropped, oldest first, and
events are refused, newest first (so that what is journalled stays a story without holes); both are
counted and told by an event as soon as one can be written.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from controller.core.clock import Now
from controller.core.effects import Event, Values
from controller.plant.tags import Tag
from controller.record import tables
from controller.record.archive import Archive
from controller.record.chain import EventRow, Head, row_of
from controller.record.errors import NotRecorded, RecordError
from controller.record.lock import DirectoryLock
from controller.record.reader import Reader
from controller.record.samples import Samples, TextSample
from controller.record.store import Block, Commit, Confirmation, Connect, State, Store

Numbers = NDArray[np.uint32]
TagName = tuple[str, str, str]  # name, unit, kind

STEP_BACK_NS: Final = 1_000_000_000  # a clock that goes back less than this was disciplined, not set
TELL_AGAIN_S: Final = 10.0  # an overflow that goes on is told again at this pace
CHECKPOINT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What may wait in memory for the disk, and how it is gathered.

    batch_s: wall seconds samples wait for company. events, rows: most that are held.
    commit_rows, commit_events: most that go into one transaction, so that none takes long.
    """

    batch_s: float = 0.1
    events: int = 50_000
    rows: int = 1_000_000
    commit_rows: int = 50_000
    commit_events: int = 2_000
    retry_first_s: float = 0.05
    retry_longest_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """How the journal is doing. lag_s: age of the oldest work that waits. failing: why, or ''."""

    head: Head
    lag_s: float
    events_waiting: int
    rows_waiting: int
    events_written: int
    rows_written: int
    rows_dropped: int
    events_refused: int
    commits: int
    commit_s: float
    failing: str


@dataclass(slots=True)
class _Work:
    since_s: float
    future: Future[int]
    events: tuple[EventRow, ...] = ()
    blocks: list[Block] = field(default_factory=list)
    state: State | None = None
    confirmation: Confirmation | None = None
    forgotten: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    names: tuple[TagName, ...] = ()
    numbers: Future[Numbers] | None = None

    @property
    def rows(self) -> int:
        return sum(len(block.samples) for block in self.blocks)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Since when and why the disk takes nothing."""

    since_ns: int
    reason: str


class Journal:
    """The one writer of `journal.db` in a data directory. Open it with `Journal.open`."""

    def __init__(self, store: Store, lock: DirectoryLock, limits: Limits) -> None:
        self.limits = limits
        self._store = store
        self._lock = lock
        self._head = store.head
        self._numbers: Numbers = np.empty(0, np.uint32)
        self.archive: Archive | None = None
        self._epoch = int(store.meta("epoch") or 0)
        self._changed = threading.Condition()
        self._queue: deque[_Work] = deque()
        self._in_flight = 0  # works at the front of the queue that the writer is writing
        self._urgent = False
        self._closing = False
        self._events_waiting = self._rows_waiting = 0
        self._events_written = self._rows_written = self._commits = 0
        self._rows_dropped = self._events_refused = 0
        self._untold: list[tuple[int, int, int]] = []  # (rows, events, receive time) lost and not yet told
        self._told_s = -TELL_AGAIN_S
        self._trouble: _Trouble | None = None
        self._utc_ns, self._plant_s = store.newest_ns(), 0.0
        self._commit_s = 0.0
        self._checkpoint_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    @classmethod
    def open(
        cls,
        directory: Path,
        plant_name: str,
        tags: Sequence[Tag] = (),
        *,
        archived: bool = True,
        limits: Limits | None = None,
        synchronous: str = "FULL",
        connect: Connect = tables.connect,
    ) -> Journal:
        """Opens or makes the journal and starts its thread.

        Raises InUse, Damaged or WrongPlant with a text that names the fix, and sqlite3.Error when
        the disk refuses. archived: the tags' archive rules choose what of the samples is kept.
        synchronous: docs/decisions/0001-journal-synchronous.md.
        """
        directory.mkdir(parents=True, exist_ok=True)
        lock = DirectoryLock(directory, tables.LOCK, f"the service of plant '{plant_name}'")
        try:
            store = Store(directory / tables.FILE, plant_name, synchronous, connect)
        except (RecordError, sqlite3.Error):
            lock.release()
            raise
        journal = cls(store, lock, limits or Limits())
        journal._thread.start()
        if tags:
            journal.use(tags, journal.register(tags).result(), archived=archived)
        return journal

    # --- what may be asked of it, from any thread ------------------------------------------------

    def append(
        self, events: Sequence[Event], samples: Sequence[Values] = (), now: Now | None = None
    ) -> Future[int]:
        """The future holds the number of the last event once all of this is on disk.

        now: when the samples were received; by default the newest time found in what is appended.
        Samples come from one thread only: the archive rules remember the last of each tag.
        """
        rows = tuple(row_of(event) for event in events)
        utc_ns = now.utc_ns if now else _newest(rows, samples)
        told_ns = now.utc_ns if now else rows[-1].utc_ns if rows else 0
        blocks = [Block(utc_ns, self._samples_of(values, utc_ns)) for values in samples]
        work = _Work(time.monotonic(), Future(), rows, [block for block in blocks if len(block.samples)])
        with self._changed:
            self._notice_time(work, told_ns, now.plant_s if now else rows[-1].plant_s if rows else None)
            return self._put(work, urgent=bool(work.events))

    def snapshot(self, data: bytes, version: str, now: Now) -> Future[int]:
        """Keeps the core's state; it covers every event appended before. The future holds its number."""
        work = _Work(time.monotonic(), Future(), state=State(now.utc_ns, version, data))
        with self._changed:
            return self._put(work, urgent=True)

    def confirm(self, follower: str, *, events: int = 0, samples: int = 0, now: Now) -> Future[int]:
        """A follower has sent on everything up to these numbers: retention may drop it."""
        confirmation = Confirmation(follower, events, samples, now.utc_ns)
        with self._changed:
            return self._put(_Work(time.monotonic(), Future(), confirmation=confirmation), urgent=False)

    def forget(self, follower: str) -> Future[int]:
        """The follower is gone for good and holds nothing any more."""
        with self._changed:
            return self._put(_Work(time.monotonic(), Future(), forgotten=follower), urgent=True)

    def register(self, tags: Sequence[Tag]) -> Future[Numbers]:
        """The journal's own numbers for a plant's tags; a changed unit or kind makes a new number."""
        names = tuple((tag.name, tag.unit, tag.kind.value) for tag in tags)
        work = _Work(time.monotonic(), Future(), names=names, numbers=Future())
        with self._changed:
            self._put(work, urgent=True)
        assert work.numbers is not None
        return work.numbers

    def use(self, tags: Sequence[Tag], numbers: Numbers, *, archived: bool = True) -> None:
        """Samples appended from now on speak of these tags, by index; `register` gave the numbers."""
        self._numbers = numbers
        self.archive = Archive(tags) if archived else None

    def next_epoch(self) -> int:
        """The `owner_epoch` of this run (UInt32): higher than any before it, also when a journal was lost.

        Seconds since 1970, or one more than the last: PLCs refuse a lower one (plc-contract).
        """
        with self._changed:
            self._epoch = max(self._epoch + 1, int(time.time()))
            work = _Work(time.monotonic(), Future(), meta={"epoch": self._epoch})
            stored = self._put(work, urgent=True)
        stored.result()
        return self._epoch

    def reader(self) -> Reader:
        """A reader of this journal, for one thread."""
        return Reader(self._store.path)

    def head(self) -> Head:
        """Number and hash of the newest event on disk."""
        return self._head

    def health(self) -> Health:
        with self._changed:
            lag_s = time.monotonic() - self._queue[0].since_s if self._queue else 0.0
            return Health(
                self._head,
                lag_s,
                self._events_waiting,
                self._rows_waiting,
                self._events_written,
                self._rows_written,
                self._rows_dropped,
                self._events_refused,
                self._commits,
                self._commit_s,
                self._trouble.reason if self._trouble else "",
            )

    def close(self, timeout_s: float = 5.0) -> None:
        """Writes what waits, then lets go of the directory. What the disk refuses now is refused for good."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    # --- under the lock --------------------------------------------------------------------------

    def _put(self, work: _Work, *, urgent: bool) -> Future[int]:
        if self._closing:
            work.future.set_exception(NotRecorded("the journal is closed"))
            return work.future
        too_many = self._events_waiting + len(work.events) > self.limits.events
        if work.events and self._events_waiting and too_many:
            self._events_refused += len(work.events)
            self._untold.append((work.rows, len(work.events), self._utc_ns))
            self._rows_dropped += work.rows
            reason = self._trouble.reason if self._trouble else "the disk is too slow"
            work.future.set_exception(
                NotRecorded(f"{self._events_waiting} events wait for the disk already: {reason}")
            )
            return work.future
        self._queue.append(work)
        self._events_waiting += len(work.events)
        self._rows_waiting += work.rows
        if self._rows_waiting > self.limits.rows:
            self._drop_oldest_rows()
        self._urgent |= urgent
        if urgent or len(self._queue) == 1 or self._rows_waiting >= self.limits.commit_rows:
            self._changed.notify_all()
        return work.future

    def _drop_oldest_rows(self) -> None:
        for work in islice(self._queue, self._in_flight, None):
            while work.blocks and self._rows_waiting > self.limits.rows:
                block = work.blocks.pop(0)
                self._rows_waiting -= len(block.samples)
                self._rows_dropped += len(block.samples)
                self._untold.append((len(block.samples), 0, block.utc_ns))

    def _notice_time(self, work: _Work, utc_ns: int, plant_s: float | None) -> None:
        """The newest time heard of stamps the journal's own events; a clock set back is one of them."""
        self._plant_s = self._plant_s if plant_s is None else plant_s
        if utc_ns == 0:
            return
        if utc_ns < self._utc_ns - STEP_BACK_NS:
            back_s = (self._utc_ns - utc_ns) / 1e9
            told = EventRow(
                utc_ns,
                self._plant_s,
                "clock.stepped_back",
                "journal",
                500,
                f"The clock went back by {back_s:.1f} s: event numbers, not times, give the order",
                f'{{"from_ns":{self._utc_ns},"to_ns":{utc_ns}}}',
            )
            work.events = (told, *work.events)
        self._utc_ns = utc_ns

    # --- the writer's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while works := self._next():
                if not self._commit(works):
                    break
                if time.monotonic() - self._checkpoint_s > CHECKPOINT_S:
                    self._checkpoint_s = time.monotonic()
                    self._try(self._store.checkpoint)
        finally:  # a bug ends the thread too: nobody may wait for it for ever
            self._abandon()
            self._try(self._store.close)
            self._lock.release()

    def _next(self) -> list[_Work]:
        """Waits until there is something worth a commit; an empty list says that it is over."""
        with self._changed:
            while True:
                if self._queue:
                    ready_s = self._queue[0].since_s + self.limits.batch_s - time.monotonic()
                    full = self._rows_waiting >= self.limits.commit_rows
                    if ready_s <= 0 or self._urgent or full or self._closing:
                        return self._take()
                    self._changed.wait(ready_s)
                elif self._closing:
                    return []
                else:
                    self._urgent = False
                    self._changed.wait()

    def _take(self) -> list[_Work]:
        works: list[_Work] = []
        rows = events = 0
        for work in self._queue:
            rows += work.rows
            events += len(work.events)
            if works and (rows > self.limits.commit_rows or events > self.limits.commit_events):
                break
            works.append(work)
        self._in_flight = len(works)
        self._urgent = len(works) < len(self._queue)
        return works

    def _commit(self, works: list[_Work]) -> bool:
        """Writes until it is written; False when the journal is closing and the disk still refuses."""
        pause_s = self.limits.retry_first_s
        failed = False
        while True:
            started_s = time.monotonic()
            try:
                if not (failed and self._store.recover()):
                    self._register(works)
                    commit, told = self._assembled(works)
                    self._store.write(commit)
            except (sqlite3.Error, RecordError) as error:
                failed = True
                if not self._hold(error, pause_s):
                    return False
                pause_s = min(2 * pause_s, self.limits.retry_longest_s)
                continue
            self._commit_s = time.monotonic() - started_s
            self._done(works, commit, told)
            return True

    def _hold(self, error: Exception, pause_s: float) -> bool:
        with self._changed:
            if self._trouble is None:
                self._trouble = _Trouble(self._utc_ns, str(error))
            if self._closing:
                return False
            self._changed.wait_for(lambda: self._closing, pause_s)
            return True

    def _register(self, works: list[_Work]) -> None:
        for work in works:
            if work.numbers is not None and not work.numbers.done():
                work.numbers.set_result(self._store.numbers_of(work.names))

    def _assembled(self, works: list[_Work]) -> tuple[Commit, int]:
        """One transaction's worth, and how many losses it tells of."""
        commit = Commit()
        for work in works:
            commit.events += work.events
            commit.blocks += work.blocks
            if work.state:
                commit.states.append((len(commit.events), work.state))
            if work.confirmation:
                commit.confirmations.append(work.confirmation)
            commit.meta |= work.meta
            if work.forgotten:
                commit.forgotten.append(work.forgotten)
        with self._changed:
            told = (
                len(self._untold) if time.monotonic() - self._told_s >= TELL_AGAIN_S or self._trouble else 0
            )
            if told:
                commit.events.append(self._loss(self._untold[:told]))
            if self._trouble:
                commit.events.append(self._restored(self._trouble))
        return commit, told

    def _loss(self, untold: Sequence[tuple[int, int, int]]) -> EventRow:
        rows, events = sum(u[0] for u in untold), sum(u[1] for u in untold)
        first_ns, last_ns = min(u[2] for u in untold), max(u[2] for u in untold)
        return self._own(
            "record.overflow",
            700 if events else 400,
            f"The disk did not keep up: {rows} samples dropped, {events} events refused",
            f'{{"rows":{rows},"events":{events},"from_ns":{first_ns},"to_ns":{last_ns}}}',
        )

    def _restored(self, trouble: _Trouble) -> EventRow:
        lasted_s = (self._utc_ns - trouble.since_ns) / 1e9
        event = Event(
            "journal.restored",
            "journal",
            f"The journal can be written again after {lasted_s:.1f} s ({trouble.reason}); "
            f"{self._events_waiting} events had waited in memory",
            self._utc_ns,
            self._plant_s,
            600,
            {"since_ns": trouble.since_ns, "reason": trouble.reason, "held": self._events_waiting},
        )
        return row_of(event)

    def _own(self, kind: str, severity: int, text: str, data: str) -> EventRow:
        return EventRow(self._utc_ns, self._plant_s, kind, "journal", severity, text, data)

    def _done(self, works: list[_Work], commit: Commit, told: int) -> None:
        with self._changed:
            self._head = self._store.head
            for work in works:
                self._queue.popleft()
                self._events_waiting -= len(work.events)
                self._rows_waiting -= work.rows
                self._rows_written += work.rows
            self._in_flight = 0
            self._commits += 1
            self._events_written += len(commit.events)
            if told:
                del self._untold[:told]
                self._told_s = time.monotonic()
            self._trouble = None
        seq = self._head.seq
        for work in works:
            work.future.set_result(seq)

    def _abandon(self) -> None:
        with self._changed:
            self._closing = True
            left = list(self._queue)
            self._queue.clear()
            reason = self._trouble.reason if self._trouble else "the journal is closed"
        lost = NotRecorded(f"not written before the journal was closed: {reason}")
        for work in left:
            work.future.set_exception(lost)
            if work.numbers is not None and not work.numbers.done():
                work.numbers.set_exception(lost)

    def _try(self, act: Callable[[], None]) -> None:
        """What may fail without harm: the next commit finds the same trouble and deals with it."""
        try:
            act()
        except sqlite3.Error as error:
            with self._changed:
                self._trouble = self._trouble or _Trouble(self._utc_ns, str(error))

    def _samples_of(self, values: Values, utc_ns: int) -> Samples:
        if self.archive is not None:
            values = self.archive.keep(values, utc_ns)
        batch = values.batch
        n = len(batch.tags)
        flags = np.zeros(n, np.uint8) if values.flags is None else np.array(values.flags, np.uint8)
        original = (
            np.zeros(n, np.int64) if values.original_ns is None else np.array(values.original_ns, np.int64)
        )
        return Samples(
            self._numbers[batch.tags],
            np.array(batch.values, np.float64),
            np.array(batch.status, np.uint32),
            np.array(batch.source_ns, np.int64),
            flags,
            original,
            tuple(TextSample(int(self._numbers[tag]), text, *when) for tag, text, *when in batch.texts),
        )


def _newest(rows: Sequence[EventRow], samples: Sequence[Values]) -> int:
    times = [row.utc_ns for row in rows]
    times += [int(values.batch.source_ns.max()) for values in samples if len(values.batch.source_ns)]
    return max(times, default=0)
