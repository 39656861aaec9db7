"""One notifier's history of events: a span, a filter, in either direction, page by page (Part 11, 6.5.2)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from asyncua import ua

from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.history import raw, wire
from controller.opcua.gateway.history.chronicle import Chronicle, Happened, Late
from controller.opcua.gateway.history.quality import GOOD_NO_DATA
from controller.opcua.gateway.history.reads import Answer
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.subscriptions.filters import EventFilter
from controller.opcua.gateway.subscriptions.subject import Subject, Types
from controller.record.history import History
from controller.record.reader import Reader, Where

WINDOW: Final = 500  # journal events that are looked at in one go
BYTES_MAX: Final = 4 * 1024 * 1024  # of a page: a client may select 250 fields of each


class Position(NamedTuple):
    """Behind the journal event `seq`. skip: of the next one, what is told; left: what is still owed."""

    seq: int | None = None
    skip: int = 0
    left: int | None = None


@dataclass(frozen=True, slots=True)
class EventRead:
    """notifier: events that reach it; caller: and that it may see. what: span, direction and number."""

    directory: Path
    chronicle: Chronicle
    notifier: ua.NodeId
    caller: Caller
    filter: EventFilter
    types: Types
    what: raw.Wanted

    def nothing(self) -> ua.ExtensionObject:
        return wire.event_data([])

    def page(self, history: History, position: Any, limit: int, deadline_s: float) -> Answer:
        del history
        at: Position = position or Position(left=self.what.most if self.what.far_ns is None else None)
        room = min(limit, at.left or self.what.most or limit)
        fields: list[bytes] = []
        with Reader(self.directory) as reader:
            at, done = self._fill(reader, at, fields, room, deadline_s)
        left = None if at.left is None else at.left - len(fields)
        done = done or left == 0
        nothing = done and not fields and position is None
        data = wire.event_data(fields)
        return Answer(GOOD_NO_DATA if nothing else 0, data, at._replace(left=left), not done)

    def _fill(
        self, reader: Reader, at: Position, fields: list[bytes], room: int, deadline_s: float
    ) -> tuple[Position, bool]:
        """Up to `room` events; (where it goes on, whether there is nothing more)."""
        size = 0
        try:
            for happened in self._happened(reader, at, deadline_s):
                wanted = self._wanted(happened)
                for place, event in enumerate(wanted[at.skip :], at.skip):
                    if len(fields) == room or size > BYTES_MAX:
                        return at._replace(skip=place), False
                    fields.append(self.filter.fields(event))
                    size += len(fields[-1])
                at = at._replace(seq=happened.seq, skip=0)
                if time.monotonic() > deadline_s:
                    return at, False
        except Late:
            return at, False
        return at, True

    def _wanted(self, happened: Happened) -> list[Subject]:
        subjects = [Subject(event, self.types) for event in happened.events if self._reaches(event)]
        passed = [subject for subject in subjects if self.filter.passes(subject)]
        return passed[::-1] if self.what.backward else passed

    def _reaches(self, event: PlantEvent) -> bool:
        return self.notifier in event.notifiers and event.seen_by(self.caller)

    def _happened(self, reader: Reader, at: Position, deadline_s: float) -> Iterator[Happened]:
        """The span's journal events behind the position, in the direction of the read."""
        what, seq = self.what, at.seq
        while True:
            if what.backward:
                low = None if what.far_ns is None else what.far_ns + 1
                where = Where(from_ns=low, to_ns=what.origin_ns + 1)
                entries = reader.newest_events(WINDOW, where, seq)[::-1]
            else:
                where = Where(from_ns=what.origin_ns, to_ns=what.far_ns)
                entries = list(reader.events(seq or 0, WINDOW, where))
            if not entries:
                return
            seq = entries[0].seq if what.backward else entries[-1].seq
            told = self.chronicle.told(reader, entries, deadline_s)
            yield from reversed(told) if what.backward else told
