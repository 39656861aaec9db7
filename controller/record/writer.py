"""The journal's one thread: takes what waits, writes it, and keeps trying when the disk refuses.

Work leaves the queue only after its commit. After a failure the connection is replaced and the
file is asked which side of the failed commit it stands on. The core never waits for any of this.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controller.core.effects import Event
from controller.record.chain import EventRow, Head, row_of
from controller.record.errors import RecordError
from controller.record.lock import DirectoryLock
from controller.record.store import Commit, Store
from controller.record.waiting import Job, Loss, Waiting, Work

TELL_AGAIN_S: Final = 10.0  # an overflow that goes on is told again at this pace
CHECKPOINT_S: Final = 2.0


@dataclass(slots=True)
class Times:
    """The newest time heard of; it stamps the journal's own events."""

    utc_ns: int = 0
    plant_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Since when and why the disk takes nothing."""

    since_ns: int
    reason: str


class Writer:
    """`run` is the thread. What it counts may be read from anywhere."""

    def __init__(self, store: Store, lock: DirectoryLock, waiting: Waiting, times: Times) -> None:
        self.head: Head = store.head
        self.events_written = self.rows_written = self.commits = 0
        self.commit_s = 0.0
        self._store = store
        self._lock = lock
        self._waiting = waiting
        self._times = times
        self._trouble: Trouble | None = None
        self._told_s = -TELL_AGAIN_S
        self._checkpoint_s = time.monotonic()
        self._log_grows = False
        self._jobs: list[Job] = []
        self._job: tuple[Job, Iterator[list[EventRow]]] | None = None

    def run(self) -> None:
        try:
            while (works := self._waiting.take(wait=not self._jobs)) is not None:
                if works and not self._commit(works):
                    break
                self._work_on()
                if time.monotonic() - self._checkpoint_s >= CHECKPOINT_S:
                    self._checkpoint()
        finally:  # a bug ends the thread too: nobody may wait for it for ever
            self._waiting.abandon()
            for job in self._jobs:
                job.future.cancel()
            self._store.close()
            self._lock.release()

    def _commit(self, works: list[Work]) -> bool:
        """Writes until it is written; False when the journal is closing and the disk still refuses."""
        limits = self._waiting.limits
        pause_s = limits.retry_first_s
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
                pause_s = min(2 * pause_s, limits.retry_longest_s)
                continue
            self.commit_s = time.monotonic() - started_s
            self._done(works, commit, told)
            return True

    def _hold(self, error: Exception, pause_s: float) -> bool:
        waiting = self._waiting
        with waiting.changed:
            self._in_trouble(error)
            if waiting.closing:
                return False
            waiting.changed.wait_for(lambda: waiting.closing, pause_s)
            return True

    def _register(self, works: list[Work]) -> None:
        for work in works:
            if work.numbers is not None and not work.numbers.done():
                work.numbers.set_result(self._store.numbers_of(work.names))

    def _assembled(self, works: list[Work]) -> tuple[Commit, Loss | None]:
        """One transaction's worth, and the loss it tells of."""
        commit = Commit()
        for work in works:
            commit.events += work.events
            commit.blocks += work.blocks
            commit.meta |= work.meta
            if work.state:
                commit.states.append((len(commit.events), work.state))
            if work.confirmation:
                commit.confirmations.append(work.confirmation)
            if work.forgotten:
                commit.forgotten.append(work.forgotten)
        with self._waiting.changed:
            now_told = time.monotonic() - self._told_s >= TELL_AGAIN_S or self._trouble is not None
            told = self._waiting.untold if now_told else None
            if told is not None:
                commit.events.append(self._loss(told))
            if self._trouble is not None:
                commit.events.append(self._restored(self._trouble))
        return commit, told

    def _done(self, works: list[Work], commit: Commit, told: Loss | None) -> None:
        rows = sum(len(block.samples) for block in commit.blocks)
        with self._waiting.changed:
            self.head = self._store.head
            self._waiting.done(works)
            self.commits += 1
            self.events_written += len(commit.events)
            self.rows_written += rows
            if told is not None and self._waiting.untold is not None:
                self._waiting.untold = self._waiting.untold.without(told)
                self._told_s = time.monotonic()
            self._trouble = None
            self._waiting.reason = ""
        seq = self.head.seq - len(commit.events)
        for work in works:
            seq += len(work.events)
            work.future.set_result(seq)
            if work.job is not None:
                self._jobs.append(work.job)

    def _work_on(self) -> None:
        """One step of the oldest job."""
        if not self._jobs:
            return
        job = self._jobs[0]
        if self._job is None:
            self._job = (job, job.steps(self._store))
        try:
            events = next(self._job[1])
        except StopIteration:
            self._jobs.pop(0)
            self._job = None
            job.future.set_result(None)
        except (sqlite3.Error, RecordError, OSError) as error:
            self._jobs.pop(0)
            self._job = None
            job.future.set_exception(error)
        else:
            if events:
                self._waiting.put(Work(events=tuple(events)), self._times.utc_ns)

    def _loss(self, loss: Loss) -> EventRow:
        return self._own(
            "record.overflow",
            f"The disk did not keep up: {loss.rows} samples dropped, {loss.events} events refused",
            700 if loss.events else 400,
            loss._asdict(),
        )

    def _restored(self, trouble: Trouble) -> EventRow:
        lasted_s = max(0.0, (self._times.utc_ns - trouble.since_ns) / 1e9)
        held = self._waiting.events
        return self._own(
            "journal.restored",
            f"The journal can be written again after {lasted_s:.1f} s ({trouble.reason}); "
            f"{held} events had waited in memory",
            600,
            {"since_ns": trouble.since_ns, "reason": trouble.reason, "held": held},
        )

    def _own(self, kind: str, text: str, severity: int, data: dict[str, object]) -> EventRow:
        return row_of(Event(kind, "journal", text, self._times.utc_ns, self._times.plant_s, severity, data))

    def _checkpoint(self) -> None:
        """That the log is not folded in costs disk, not data: it is told once, and tried again."""
        self._checkpoint_s = time.monotonic()
        try:
            self._store.checkpoint()
        except sqlite3.Error as error:
            if not self._log_grows:
                text = f"The journal's log cannot be folded into its file and grows: {error}"
                event = self._own("journal.log_grows", text, 600, {"reason": str(error)})
                self._waiting.put(Work(events=(event,)), self._times.utc_ns)
            self._log_grows = True
        else:
            self._log_grows = False

    def _in_trouble(self, error: Exception) -> None:
        if self._trouble is None:
            self._trouble = Trouble(self._times.utc_ns, str(error))
            self._waiting.reason = str(error)
