"""The journal's events of any time as the events they were then: same fields, same ids (Part 11, 6.5.2).

What a condition's notification said depends on what was so before it. So the alarms' state is folded from
the journal up to where the read begins, by the same code that follows the journal live; marks on the way
spare the next read the same work.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from alarms.snapshot import FORMAT, to_data
from controller.opcua.gateway.conditions.conditions import Conditions
from controller.opcua.gateway.conditions.cursor import ALARM_KINDS
from controller.opcua.gateway.conditions.story import Story
from controller.opcua.gateway.event import PlantEvent
from controller.record.chain import Entry
from controller.record.reader import Reader, Where

MARK_EVERY: Final = 2_000  # alarm events: folding them takes some 50 ms
MARKS_MAX: Final = 256  # of some 10 KB each


class Happened(NamedTuple):
    """One journal event as what the gateway tells of it: nothing, one event, or several (branches)."""

    seq: int
    events: Sequence[PlantEvent]


class Late(Exception):
    """The time was up before the state at the read's beginning was known; the next try gets further."""


class Chronicle:
    """One for all reads; whoever reads waits for its turn. conditions: only their forms are used."""

    def __init__(self, conditions: Conditions, story: Story) -> None:
        self._live = conditions
        self._story = story
        self._lock = threading.Lock()
        self._then = conditions.fresh(None, 0)
        self._marks: dict[int, bytes] = {}
        self._journal: Any = None

    def told(self, reader: Reader, entries: Sequence[Entry], deadline_s: float) -> list[Happened]:
        """What these journal events, in rising order, were told as. Raises Late."""
        with self._lock:
            self._check(reader)
            found = []
            for entry in entries:
                if self._then.seq != entry.seq - 1:
                    self._seek(reader, entry.seq - 1, deadline_s)
                events = self._then.apply(entry)
                other = self._story.tell(entry)
                found.append(Happened(entry.seq, [*events, other] if other is not None else events))
            return found

    def _check(self, reader: Reader) -> None:
        """Marks are of one journal."""
        journal = reader.meta("id")
        if journal != self._journal:
            self._journal = journal
            self._marks.clear()
            self._then = self._live.fresh(None, 0)

    def _seek(self, reader: Reader, seq: int, deadline_s: float) -> None:
        """The alarms' state with every event up to seq in it."""
        self._mark_of_the_core(reader)
        near = max((mark for mark in self._marks if mark <= seq), default=0)
        if not near <= self._then.seq <= seq:
            self._then = self._live.fresh(_unpacked(self._marks[near]) if near else None, near)
        then = self._then
        for folded, entry in enumerate(reader.events(then.seq, where=Where(kinds=ALARM_KINDS)), 1):
            if entry.seq > seq:
                break
            then.fold(entry)
            if folded % MARK_EVERY == 0:
                self._mark(then)
                if time.monotonic() > deadline_s:
                    raise Late
        then.seq = seq

    def _mark(self, conditions: Conditions) -> None:
        if len(self._marks) >= MARKS_MAX:  # every other one goes: reads then fold twice as far
            for seq in sorted(self._marks)[::2]:
                del self._marks[seq]
        self._marks[conditions.seq] = _packed(to_data(conditions.book))

    def _mark_of_the_core(self, reader: Reader) -> None:
        """The core's own newest snapshot: reads of the last hours begin there."""
        snapshot = reader.snapshot()
        if snapshot is None or snapshot.seq in self._marks:
            return
        kept = msgspec.msgpack.decode(snapshot.data)
        alarms = kept.get("alarms") if isinstance(kept, dict) else None
        if isinstance(alarms, dict) and alarms.get("format") == FORMAT:
            self._marks[snapshot.seq] = _packed(alarms)


def _packed(data: dict[str, Any]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(data), 1)


def _unpacked(mark: bytes) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.msgpack.decode(zlib.decompress(mark))
    return data
