"""The journal: what happened, on disk. What is not in it did not happen.

Theory of operation. `append` puts work into a bounded queue (`waiting`) and returns a future at
once. The one writer (`writer`) takes what waits: events at once, samples when the oldest has waited
`batch_s`. One transaction (`store`) carries all of it, and the futures then hold the number of the
last event on disk. Everybody else reads the same file by cursor (`reader`). When the disk does not
take it, the writer keeps the work and tries again, longer from time to time; the core goes on.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from controller.core.clock import Now
from controller.core.effects import Event, Values
from controller.plant.tags import Tag
from controller.record import retention, tables
from controller.record.archive import Archive
from controller.record.chain import EventRow, Head, row_of, storable
from controller.record.errors import NotRecorded, RecordError
from controller.record.lock import DirectoryLock
from controller.record.newest import newest_rows
from controller.record.reader import Reader
from controller.record.samples import Samples, TextSample
from controller.record.store import Block, Confirmation, Connect, State, Store
from controller.record.waiting import Job, Limits, Numbers, Waiting, Work
from controller.record.writer import Times, Writer

Found = TypeVar("Found")

START_S: Final = 10.0  # the disk's time for an answer when the service starts
STEP_BACK_NS: Final = 1_000_000_000  # a clock that goes back less than this was disciplined, not set


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


class Journal:
    """The one writer of `journal.db` in a data directory. Open it with `Journal.open`."""

    def __init__(self, store: Store, lock: DirectoryLock, limits: Limits) -> None:
        self.archive: Archive | None = None
        self._path = store.path
        self._late_ns = int(store.meta("late_ns") or 0)
        self._epoch = int(store.meta("epoch") or 0)
        self._numbers: Numbers = np.empty(0, np.uint32)
        self._times = Times(store.newest_ns())
        self._waiting = Waiting(limits)
        self._writer = Writer(store, lock, self._waiting, self._times)
        self._thread = threading.Thread(target=self._writer.run, name="journal", daemon=True)

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

        Raises RecordError: InUse, Damaged, WrongPlant, or NotRecorded when the disk refuses; the text
        names the fix. archived: the tags' archive rules choose what of the samples is kept.
        synchronous: docs/decisions/0001-journal-synchronous.md.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = DirectoryLock(directory, tables.LOCK, f"the service of plant '{plant_name}'")
            try:
                store = Store(directory / tables.FILE, plant_name, synchronous, connect)
                try:
                    journal = cls(store, lock, limits or Limits())
                except sqlite3.Error:
                    store.close()
                    raise
            except (RecordError, sqlite3.Error):
                lock.release()
                raise
        except (OSError, sqlite3.Error) as error:
            raise _unusable(directory, error) from error
        journal._thread.start()
        if tags:
            numbers = journal._within(journal.register(tags))
            journal.use(tags, numbers, archived=archived)
            journal._resume(numbers)
        return journal

    def append(
        self, events: Sequence[Event], samples: Sequence[Values] = (), now: Now | None = None
    ) -> Future[int]:
        """The future holds the number of the last of the events once all of this is on disk.

        Without events it is the number of the last event before.
        now: when the samples were received; by default the newest time found in what is appended.
        Samples come from one thread only: the archive rules remember the last of each tag.
        """
        rows = tuple(row_of(event) for event in events)
        if now is not None:
            rows = self._notice(now.utc_ns, now.plant_s, rows)
        elif rows:
            rows = self._notice(rows[-1].utc_ns, rows[-1].plant_s, rows)
        newest = max(_newest(samples), rows[-1].utc_ns if rows else 0)
        utc_ns = now.utc_ns if now else newest or self._times.utc_ns
        blocks = [Block(utc_ns, self._samples_of(values, utc_ns)) for values in samples]
        return self._put(Work(events=rows, blocks=[block for block in blocks if len(block.samples)]))

    def snapshot(self, data: bytes, version: str, now: Now) -> Future[int]:
        """Keeps the core's state; it covers every event appended before. The future holds their number."""
        return self._put(Work(state=State(now.utc_ns, version, data)))

    def confirm(
        self, follower: str, *, events: int | None = None, samples: int | None = None, now: Now
    ) -> Future[int]:
        """A follower has sent on everything up to these numbers. None: it does not read these at all.

        Retention keeps what any follower has still to confirm, from its first confirmation (0) on.
        """
        return self._put(Work(confirmation=Confirmation(follower, events, samples, now.utc_ns)))

    def forget(self, follower: str) -> Future[int]:
        """The follower is gone for good and holds nothing any more."""
        return self._put(Work(forgotten=follower))

    def retain(self, keep: retention.Keep, now: Now) -> Future[None]:
        """Drops what `keep` does not keep, in small steps between commits; done when the future is."""
        job = Job(lambda store: retention.steps(store, keep, now))
        self._put(Work(job=job))
        return job.future

    def register(self, tags: Sequence[Tag]) -> Future[Numbers]:
        """The journal's own numbers for a plant's tags; a changed unit or kind makes a new number."""
        numbers: Future[Numbers] = Future()
        self._put(Work(names=tuple((tag.name, tag.unit, tag.kind.value) for tag in tags), numbers=numbers))
        return numbers

    def use(self, tags: Sequence[Tag], numbers: Numbers, *, archived: bool = True) -> None:
        """Samples appended from now on speak of these tags, by index; `register` gave the numbers."""
        self._numbers = numbers
        self.archive = Archive(tags) if archived else None
        late_ns = max((int(tag.archive.max_interval_s * 1e9) for tag in tags), default=0) if archived else 0
        if late_ns > self._late_ns:  # readers look that much further for a change that was put off
            self._late_ns = late_ns
            self._put(Work(meta={"late_ns": late_ns}))

    def _resume(self, numbers: Numbers) -> None:
        """What a PLC sends again after a restart is no second row, and overwrites none.

        A block that cannot be read keeps no service from starting; `heloop journal verify` names it.
        """
        if self.archive is not None:
            with contextlib.suppress(RecordError), self.reader() as reader:
                self.archive.resume(numbers.tolist(), newest_rows(reader))

    def next_epoch(self) -> int:
        """The `owner_epoch` of this run (UInt32): higher than any before, even when a journal was lost.

        Seconds since 1970, or one more than the last: PLCs refuse a lower one (plc-contract).
        """
        self._epoch = max(self._epoch + 1, int(time.time()))
        self._within(self._put(Work(meta={"epoch": self._epoch})))
        return self._epoch

    def reader(self) -> Reader:
        """A reader of this journal, for one thread."""
        return Reader(self._path)

    def head(self) -> Head:
        """Number and hash of the newest event on disk."""
        return self._writer.head

    def health(self) -> Health:
        waiting, writer = self._waiting, self._writer
        with waiting.changed:
            return Health(
                writer.head,
                waiting.lag_s(),
                waiting.events,
                waiting.rows,
                writer.events_written,
                writer.rows_written,
                waiting.rows_dropped,
                waiting.events_refused,
                writer.commits,
                writer.commit_s,
                waiting.reason,
            )

    def close(self, timeout_s: float = 5.0) -> None:
        """Writes what waits, then lets go of the directory. What the disk refuses now is refused for good."""
        self._waiting.close()
        self._thread.join(timeout_s)

    def _within(self, future: Future[Found]) -> Found:
        """A service that cannot write at its start says so and stops; once it runs it keeps protecting."""
        try:
            return future.result(START_S)
        except TimeoutError as error:
            reason = self._waiting.reason or "no answer"
            self.close(0.0)
            raise _unusable(self._path.parent, reason) from error

    def _put(self, work: Work) -> Future[int]:
        self._waiting.put(work, self._times.utc_ns)
        return work.future

    def _notice(self, utc_ns: int, plant_s: float, rows: tuple[EventRow, ...]) -> tuple[EventRow, ...]:
        """The newest time heard of stamps the journal's own events; a clock set back is one of them."""
        last_ns = self._times.utc_ns
        self._times.utc_ns, self._times.plant_s = utc_ns, plant_s
        if utc_ns >= last_ns - STEP_BACK_NS:
            return rows
        back_s = (last_ns - utc_ns) / 1e9
        data: dict[str, Any] = {"from_ns": last_ns, "to_ns": utc_ns}
        text = f"The clock went back by {back_s:.1f} s: event numbers, not times, give the order"
        return (row_of(Event("clock.stepped_back", "journal", text, utc_ns, plant_s, 500, data)), *rows)

    def _samples_of(self, values: Values, utc_ns: int) -> Samples:
        if self.archive is not None:
            values = self.archive.keep(values, utc_ns)
        batch = values.batch
        n = len(batch.tags)
        flags, original = values.flags, values.original_ns
        return Samples(
            self._numbers[batch.tags],
            np.array(batch.values, np.float64),
            np.array(batch.status, np.uint32),
            np.array(batch.source_ns, np.int64),
            np.zeros(n, np.uint8) if flags is None else np.array(flags, np.uint8),
            np.zeros(n, np.int64) if original is None else np.array(original, np.int64),
            tuple(
                TextSample(int(self._numbers[tag]), storable(text), *when) for tag, text, *when in batch.texts
            ),
        )


def _unusable(directory: Path, error: object) -> NotRecorded:
    return NotRecorded(
        f"the journal in {directory} cannot be written: {error}. "
        "Make room on the disk, or let this user write there"
    )


def _newest(samples: Sequence[Values]) -> int:
    return max((int(v.batch.source_ns.max()) for v in samples if len(v.batch.source_ns)), default=0)
