"""The gap ledger read from a journal: gaps, and per tag and day what was covered, archived and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.plant.plant import Plant
from controller.record import ledger
from controller.record.counts import DAY_NS, Progress, Span, count_rows
from controller.record.last_seen import LOOK_BACK_NS, LastSeen
from controller.record.ledger import Coverage, Gap
from controller.record.reader import Reader, Where

__all__ = ["DAY_NS", "Day", "TagDay", "days"]


@dataclass(frozen=True, slots=True)
class TagDay:
    """One tag on one UTC day. stored: None when no follower counts it."""

    tag: int
    coverage: Coverage
    archived: int
    stored: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """from_ns: of the day, or of the record's beginning; to_ns: its end, or now."""

    start_ns: int
    from_ns: int
    to_ns: int
    tags: tuple[TagDay, ...]
    gaps: tuple[Gap, ...]

    @property
    def completeness(self) -> float:
        """Percent, the mean of all tags."""
        return sum(one.coverage.completeness for one in self.tags) / len(self.tags) if self.tags else 100.0


def days(
    directory: Path,
    plant: Plant,
    from_ns: int,
    to_ns: int,
    now_ns: int,
    *,
    stored_upto: int | None = None,
    parked: Mapping[tuple[str, int], int] | None = None,
    progress: Progress | None = None,
) -> list[Day]:
    """The UTC days that touch [from, to) and in which the record had begun.

    stored_upto: block up to which a follower has stored everything, None without one. parked: rows it
    could not store, by (tag, day's start). progress: how far it is, 0 to 1. Raises RecordError.
    """
    first = from_ns // DAY_NS
    span = Span(first, max(0, -(-min(to_ns, now_ns) // DAY_NS) - first))
    with Reader(directory) as reader, LastSeen(reader, plant, (from_ns, to_ns + LOOK_BACK_NS)) as last_seen:
        events = reader.events(where=Where(kinds=ledger.KINDS))
        began_ns, found = ledger.gaps(plant, events, now_ns, last_seen)
        if began_ns is None or not span.days:
            return []
        names = [tag.name for tag in plant.tags]
        counts = count_rows(reader, names, span, stored_upto, progress)
    result = []
    for at in range(span.days):
        start_ns = span.from_ns + at * DAY_NS
        since_ns, until_ns = max(start_ns, began_ns), min(start_ns + DAY_NS, now_ns)
        if since_ns < until_ns:
            archived = counts.archived[at].tolist()
            stored = None
            if stored_upto is not None:
                due = (counts.archived[at] - counts.waiting[at]).tolist()
                stored = [
                    n - (parked or {}).get((name, start_ns), 0) for name, n in zip(names, due, strict=True)
                ]
            result.append(_day(plant, found, (start_ns, since_ns, until_ns), archived, stored))
    return result


def _day(
    plant: Plant,
    found: Sequence[Gap],
    span_ns: tuple[int, int, int],
    archived: Sequence[int],
    stored: Sequence[int] | None,
) -> Day:
    """archived, stored: by tag index."""
    start_ns, from_ns, to_ns = span_ns
    covered = ledger.coverage(plant, found, from_ns, to_ns)
    tags = tuple(
        TagDay(at, covered[at], archived[at], None if stored is None else stored[at])
        for at in range(len(plant.tags))
    )
    return Day(start_ns, from_ns, to_ns, tags, tuple(ledger.within(found, from_ns, to_ns)))
