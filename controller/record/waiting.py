"""What waits for the disk: a bounded queue between everybody and the one writer.

Samples beyond the bound are dropped, oldest first; events beyond it are refused, newest first, so
that what is journalled stays a story without holes. Both are counted, and told by the writer as
soon as an event can be written. Nobody ever waits to put something in.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.record.chain import EventRow
from controller.record.errors import NotRecorded
from controller.record.store import Block, Confirmation, State, Store, TagName

Numbers = NDArray[np.uint32]


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


class Loss(NamedTuple):
    """Rows dropped and events refused, and when they were received."""

    rows: int
    events: int
    utc_ns: int


class Job:
    """Something the writer does in small steps between commits; a step may give events to journal."""

    def __init__(self, steps: Callable[[Store], Iterator[list[EventRow]]]) -> None:
        self.steps = steps
        self.future: Future[None] = Future()


@dataclass(slots=True)
class Work:
    """One request to the writer: all of it goes into one transaction."""

    future: Future[int] = field(default_factory=Future)
    since_s: float = field(default_factory=time.monotonic)
    events: tuple[EventRow, ...] = ()
    blocks: list[Block] = field(default_factory=list)
    state: State | None = None
    confirmation: Confirmation | None = None
    forgotten: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    names: tuple[TagName, ...] = ()
    numbers: Future[Numbers] = field(default_factory=Future)
    job: Job | None = None

    @property
    def rows(self) -> int:
        return sum(len(block.samples) for block in self.blocks)

    @property
    def urgent(self) -> bool:
        """Samples and followers' confirmations wait for company; everything else goes at once."""
        return not (self.blocks or self.confirmation) or bool(self.events)

    def refuse(self, reason: str) -> None:
        error = NotRecorded(reason)
        self.future.set_exception(error)
        if not self.numbers.done():
            self.numbers.set_exception(error)
        if self.job is not None:
            self.job.future.set_exception(error)


class Waiting:
    """The queue. `changed` guards everything in it, and whatever else belongs together with it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.changed = threading.Condition()
        self.events = self.rows = 0
        self.rows_dropped = self.events_refused = 0
        self.untold: list[Loss] = []
        self.closing = False
        self.reason = ""  # why the disk takes nothing now
        self._queue: deque[Work] = deque()
        self._in_flight = 0  # works at the front that the writer is writing
        self._urgent = False

    def put(self, work: Work, utc_ns: int) -> None:
        """Never waits. What is refused shows in its future."""
        with self.changed:
            if self.closing:
                work.refuse("the journal is closed")
                return
            if work.events and self.events and self.events + len(work.events) > self.limits.events:
                self.rows_dropped += work.rows
                self.events_refused += len(work.events)
                self.untold.append(Loss(work.rows, len(work.events), utc_ns))
                why = self.reason or "the disk is too slow"
                work.refuse(f"{self.events} events wait for the disk already: {why}")
                return
            self._queue.append(work)
            self.events += len(work.events)
            self.rows += work.rows
            if self.rows > self.limits.rows:
                self._drop_oldest_rows()
            self._urgent |= work.urgent
            if self._urgent or len(self._queue) == 1 or self.rows >= self.limits.commit_rows:
                self.changed.notify_all()

    def take(self, *, wait: bool) -> list[Work] | None:
        """What goes into the next transaction; it stays in the queue until `done`.

        None: closed, and nothing is left. An empty list: nothing is due, and `wait` was not wanted.
        """
        with self.changed:
            while not self._queue:
                if self.closing:
                    return None
                if not wait:
                    return []
                self.changed.wait()
            while not self._is_due():
                if not wait:
                    return []
                self.changed.wait(self._queue[0].since_s + self.limits.batch_s - time.monotonic())
            works = self._most()
            self._in_flight = len(works)
            self._urgent = any(work.urgent for work in islice(self._queue, len(works), None))
            return works

    def done(self, works: list[Work]) -> None:
        with self.changed:
            for work in works:
                self._queue.popleft()
                self.events -= len(work.events)
                self.rows -= work.rows
            self._in_flight = 0

    def lag_s(self) -> float:
        """Age of the oldest work that waits."""
        with self.changed:
            return time.monotonic() - self._queue[0].since_s if self._queue else 0.0

    def close(self) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def abandon(self) -> None:
        """Everything left is refused."""
        with self.changed:
            self.closing = True
            left = list(self._queue)
            self._queue.clear()
        for work in left:
            work.refuse(
                f"not written before the journal was closed{': ' if self.reason else ''}{self.reason}"
            )

    def _is_due(self) -> bool:
        aged = time.monotonic() >= self._queue[0].since_s + self.limits.batch_s
        return aged or self._urgent or self.closing or self.rows >= self.limits.commit_rows

    def _most(self) -> list[Work]:
        works: list[Work] = []
        rows = events = 0
        for work in self._queue:
            rows += work.rows
            events += len(work.events)
            if works and (rows > self.limits.commit_rows or events > self.limits.commit_events):
                break
            works.append(work)
        return works

    def _drop_oldest_rows(self) -> None:
        for work in islice(self._queue, self._in_flight, None):
            while work.blocks and self.rows > self.limits.rows:
                block = work.blocks.pop(0)
                self.rows -= len(block.samples)
                self.rows_dropped += len(block.samples)
                self.untold.append(Loss(len(block.samples), 0, block.utc_ns))
