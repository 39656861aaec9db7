"""Heads of the journal that are kept elsewhere: at the end of each UTC day and at each start of the service.

A chain cannot show that its tail was cut off cleanly. Who keeps a head can: the event of that number must be
there, with that hash. `Heads` is pure; the rest reads a journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from controller.record.chain import START, Entry, Head
from controller.record.reader import Reader, Where

DAY_NS: Final = 86_400_000_000_000


class SentHead(NamedTuple):
    """why: 'day' (at_ns is the midnight after the last event) or 'start' (of the service)."""

    at_ns: int
    head: Head
    why: str


class Heads:
    """Events in their order, and times of what came between them, go in; heads to be kept come out."""

    def __init__(self) -> None:
        self._head = START
        self._day = 0

    def event(self, entry: Entry) -> Iterator[SentHead]:
        yield from self.time(entry.utc_ns)
        self._head = Head(entry.seq, entry.hash)
        if entry.kind == "service.started":
            yield SentHead(entry.utc_ns, self._head, "start")

    def time(self, utc_ns: int) -> Iterator[SentHead]:
        """It is so late. Times around midnight may be out of order; a clock set back by days begins anew."""
        day = utc_ns // DAY_NS
        if self._day and day > self._day and self._head.seq:
            yield SentHead(day * DAY_NS, self._head, "day")
        if day > self._day or day < self._day - 1:
            self._day = day

    def dump(self) -> list[Any]:
        """For `load`."""
        return [self._day, str(self._head)]

    def load(self, kept: list[Any]) -> None:
        self._day, self._head = kept[0], Head.parse(kept[1])


def head_before(reader: Reader, utc_ns: int) -> Head | None:
    """The last event before then; None when there is none any more. Raises RecordError."""
    found = reader.newest_events(1, Where(to_ns=utc_ns))
    return Head(found[0].seq, found[0].hash) if found else None


def head_text(plant: str, midnight_ns: int, head: Head) -> str:
    """A day's head as a sentence to be kept, for a mail or on paper. midnight_ns: the day's end. Pure."""
    day = datetime.fromtimestamp(midnight_ns / 1e9 - 1, UTC)
    return (
        f"The journal of {plant} ended {day:%Y-%m-%d} (UTC) with event {head}. Keep this line: "
        f"`heloop journal verify --head {head}` shows later whether anything up to it was cut off or changed."
    )


def lost(reader: Reader, heads: Iterable[Head]) -> Iterator[str]:
    """A sentence for each head that the journal does not have any more, though retention did not drop it.

    Looks at the hashes as stored: that they follow from the events is for `verify`. Raises RecordError.
    """
    anchor = reader.anchor()
    dropped = anchor.head.seq if anchor else 0
    last = reader.head().seq
    for head in heads:
        if head.seq > last:
            yield f"event {head.seq} was sent out as head but is missing: the tail was cut off after {last}"
        elif head.seq > dropped:
            (entry,) = reader.events(head.seq - 1, 1)
            if (entry.seq, entry.hash) != head:
                yield f"event {head.seq} is not the one whose head was sent out ({head})"
