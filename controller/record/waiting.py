"""What waits for the disk: a bounded queue between everybody and the one writer.

Samples beyond the bound are dropped, oldest first; events beyond it are refused, newest first, so
that what is journalled stays a story without holes. Both are counted, and told by the writer as
soon as an event can be written. Nobody ever waits to put something in.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
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

    batch_s: wall seconds samples wait for company. events, event_bytes, rows: most that are held.
    commit_rows, commit_events: most that go into one transaction, so that none takes long.
    block_ns: what was received further apart goes into different blocks (readers rely on it).
    """

    batch_s: float = 0.1
    events: int = 50_000
    event_bytes: int = 100_000_000
    rows: int = 1_000_000
    commit_rows: int = 50_000
    commit_events: int = 2_000
    block_ns: int = 10_000_000_000
    retry_first_s: float = 0.05
    retry_longest_s: float = 5.0


class Loss(NamedTuple):
    """Rows dropped and events refused, and between which receive times."""

    rows: int
    events: int
    from_ns: int
    to_ns: int

    def and_also(self, other: Loss) -> Loss:
        first, last = min(self.from_ns, other.from_ns), max(self.to_ns, other.to_ns)
        return Loss(self.rows + other.rows, self.events + other.events, first, last)

    def without(self, told: Loss) -> Loss | None:
        """What came after `told` was told."""
        rows, events = self.rows - told.rows, self.events - told.events
        return Loss(rows, events, told.to_ns, self.to_ns) if rows or events else None


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
    numbers: Future[Numbers] | None = None
    job: Job | None = None

    @property
    def rows(self) -> int:
        return sum(len(block.samples) for block in self.blocks)

    @property
    def weight(self) -> int:
        """How many events it counts for: whatever is not samples counts, so that nothing is without bound."""
        return len(self.events) or (0 if self.blocks else 1)

    @property
    def event_bytes(self) -> int:
        return sum(len(row.text) + len(row.data) for row in self.events)

    @property
    def urgent(self) -> bool:
        """Samples and followers' confirmations wait for company; everything else goes at once."""
        return not (self.blocks or self.confirmation) or bool(self.events)

    def refuse(self, reason: str) -> None:
        error = NotRecorded(reason)
        self.future.set_exception(error)
        if self.numbers is not None and not self.numbers.done():
            self.numbers.set_exception(error)
        if self.job is not None:
            self.job.future.set_exception(error)


class Waiting:
    """The queue. `changed` guards everything in it, and whatever else belongs together with it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.changed = threading.Condition()
        self.events = self.event_bytes = self.rows = 0
        self.rows_dropped = self.events_refused = 0
        self.untold: Loss | None = None
        self.closing = False
        self.reason = ""  # why the disk takes nothing now
        self._queue: OrderedDict[int, Work] = OrderedDict()
        self._with_rows: OrderedDict[int, Work] = (
            OrderedDict()
        )  # those of them that samples can be dropped of
        self._number = 0
        self._urgent = False

    def put(self, work: Work, utc_ns: int) -> None:
        """Never waits. What is refused shows in its future."""
        refused: list[tuple[Work, str]] = []
        with self.changed:
            if self.closing:
                refused.append((work, "the journal is closed"))
            elif work.weight and self.events and self._is_full(work):
                self._lost(work.rows, len(work.events), utc_ns)
                why = self.reason or "the disk is too slow"
                refused.append((work, f"{self.events} events wait for the disk already: {why}"))
            else:
                self._enter(work)
                if self.rows > self.limits.rows:
                    why = f"dropped while the disk did not keep up: {self.reason or 'it is too slow'}"
                    refused += [(dropped, why) for dropped in self._drop_oldest_rows()]
        for each, reason in refused:
            each.refuse(reason)

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
                self.changed.wait(self._oldest().since_s + self.limits.batch_s - time.monotonic())
            works = self._most()
            self._urgent = any(work.urgent for work in islice(self._queue.values(), len(works), None))
            return works

    def done(self, works: list[Work]) -> None:
        with self.changed:
            for work in works:
                self._queue.popitem(last=False)
                self.events -= work.weight
                self.event_bytes -= work.event_bytes
                self.rows -= work.rows

    def lag_s(self) -> float:
        """Age of the oldest work that waits."""
        with self.changed:
            return time.monotonic() - self._oldest().since_s if self._queue else 0.0

    def close(self) -> None:
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def abandon(self) -> None:
        """Everything left is refused."""
        with self.changed:
            self.closing = True
            left = list(self._queue.values())
            self._queue.clear()
        for work in left:
            work.refuse(
                f"not written before the journal was closed{': ' if self.reason else ''}{self.reason}"
            )

    def _is_due(self) -> bool:
        aged = time.monotonic() >= self._oldest().since_s + self.limits.batch_s
        return aged or self._urgent or self.closing or self.rows >= self.limits.commit_rows

    def _oldest(self) -> Work:
        return next(iter(self._queue.values()))

    def _is_full(self, work: Work) -> bool:
        return (
            self.events + work.weight > self.limits.events
            or self.event_bytes + work.event_bytes > self.limits.event_bytes
        )

    def _enter(self, work: Work) -> None:
        self._number += 1
        self._queue[self._number] = work
        if work.blocks:
            self._with_rows[self._number] = work
        self.events += work.weight
        self.event_bytes += work.event_bytes
        self.rows += work.rows
        self._urgent |= work.urgent
        if self._urgent or len(self._queue) == 1 or self.rows >= self.limits.commit_rows:
            self.changed.notify_all()

    def _most(self) -> list[Work]:
        """The oldest that fit into one transaction; what is being written cannot be dropped any more."""
        works: list[Work] = []
        rows = events = 0
        times: list[int] = []
        for number, work in self._queue.items():
            rows += work.rows
            events += len(work.events)
            times += [block.utc_ns for block in work.blocks]
            apart = bool(times) and max(times) - min(times) > self.limits.block_ns
            if works and (apart or rows > self.limits.commit_rows or events > self.limits.commit_events):
                break
            works.append(work)
            self._with_rows.pop(number, None)
        return works

    def _lost(self, rows: int, events: int, utc_ns: int) -> None:
        self.rows_dropped += rows
        self.events_refused += events
        loss = Loss(rows, events, utc_ns, utc_ns)
        self.untold = loss if self.untold is None else self.untold.and_also(loss)

    def _drop_oldest_rows(self) -> list[Work]:
        """Returns the works that had nothing but samples and now have nothing."""
        emptied: list[Work] = []
        while self.rows > self.limits.rows and self._with_rows:
            number, work = next(iter(self._with_rows.items()))
            block = work.blocks.pop(0)
            self.rows -= len(block.samples)
            self._lost(len(block.samples), 0, block.utc_ns)
            if not work.blocks:
                del self._with_rows[number]
                if not work.events:
                    del self._queue[number]
                    emptied.append(work)
        return emptied
