"""The gap ledger read from a journal: gaps, and per tag and day what was covered, archived and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from alarms.signal import BAD
from controller.plant.plant import Plant
from controller.record import ledger
from controller.record.ledger import Coverage, Gap
from controller.record.reader import Reader, Where
from controller.record.samples import Samples

DAY_NS: Final = 86_400_000_000_000
LOOK_BACK_NS: Final = 120_000_000_000  # a link is given up long before


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
) -> list[Day]:
    """The UTC days that touch [from, to) and in which the record had begun.

    stored_upto: block up to which a follower has stored everything, None without one. parked: rows it
    could not store, by (tag, day's start). Raises RecordError.
    """
    with Reader(directory) as reader:
        began_ns, found = ledger.gaps(
            plant, reader.events(where=Where(kinds=ledger.KINDS)), now_ns, _LastSeen(reader, plant)
        )
        if began_ns is None:
            return []
        result = []
        for start_ns in range(from_ns // DAY_NS * DAY_NS, to_ns, DAY_NS):
            first, last = max(start_ns, began_ns), min(start_ns + DAY_NS, now_ns)
            if first < last:
                result.append(_day(reader, plant, found, (start_ns, first, last), stored_upto, parked or {}))
        return result


def _day(
    reader: Reader,
    plant: Plant,
    found: Sequence[Gap],
    span_ns: tuple[int, int, int],
    stored_upto: int | None,
    parked: Mapping[tuple[str, int], int],
) -> Day:
    start_ns, from_ns, to_ns = span_ns
    covered = ledger.coverage(plant, found, from_ns, to_ns)
    archived, stored = _counts(reader, plant, start_ns, start_ns + DAY_NS, stored_upto)
    tags = tuple(
        TagDay(
            tag.index,
            covered[tag.index],
            int(archived[tag.index]),
            None if stored_upto is None else int(stored[tag.index]) - parked.get((tag.name, start_ns), 0),
        )
        for tag in plant.tags
    )
    return Day(start_ns, from_ns, to_ns, tags, tuple(ledger.within(found, from_ns, to_ns)))


def _counts(
    reader: Reader, plant: Plant, from_ns: int, to_ns: int, upto: int | None
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Rows in the journal and rows in blocks up to `upto`, by tag index."""
    names = reader.tags()
    index = np.full(max(names, default=0) + 1, len(plant.tags), np.int64)
    for number, name in names.items():
        index[number] = plant.index.get(name.name, len(plant.tags))
    archived = np.zeros(len(plant.tags) + 1, np.int64)
    stored = np.zeros(len(plant.tags) + 1, np.int64)
    for first, last in reader.block_spans(from_ns, to_ns):
        after = first - 1
        while after < last and (blocks := reader.blocks(after)):
            after = blocks[-1].id
            for block in blocks:
                rows = block.samples
                if block.id > last:
                    break
                inside = (rows.time_ns >= from_ns) & (rows.time_ns < to_ns)
                numbers = rows.tags[inside].tolist()
                numbers += [text.tag for text in rows.texts if from_ns <= text.time_ns < to_ns]
                counted = np.bincount(index[numbers], minlength=len(archived)) if numbers else 0
                archived += counted
                if upto is not None and block.id <= upto:
                    stored += counted
    return archived, stored


class _LastSeen:
    """When a PLC, or anything, was last received before a time: in the blocks shortly before it."""

    def __init__(self, reader: Reader, plant: Plant) -> None:
        self._reader = reader
        numbers: dict[int, set[int]] = {}
        for number, name in reader.tags().items():
            index = plant.index.get(name.name)
            plc = None if index is None else plant.tags[index].plc
            if plc is not None:
                numbers.setdefault(plc, set()).add(number)
        self._numbers = {plc: np.array(sorted(found), np.uint32) for plc, found in numbers.items()}

    def __call__(self, plc: int, before_ns: int) -> int:
        newest = 0
        if plc == ledger.ALL:
            newest = self._newest_before(before_ns)
            return newest or before_ns
        wanted = self._numbers.get(plc)
        if wanted is None:
            return before_ns
        for first, last in self._reader.block_spans(before_ns - LOOK_BACK_NS, before_ns):
            after = first - 1
            while after < last and (blocks := self._reader.blocks(after)):
                after = blocks[-1].id
                for block in blocks:
                    newest = max(newest, _newest_good(block.samples, wanted, before_ns))
        return newest or before_ns

    def _newest_before(self, before_ns: int) -> int:
        """The last block of all that was received before then, however long ago."""
        first, last = 1, self._reader.last_block()
        newest = 0
        while first <= last:
            middle = (first + last) // 2
            blocks = self._reader.blocks(middle - 1, 1)
            if not blocks or blocks[0].last_ns >= before_ns:
                last = middle - 1
            else:
                newest, first = blocks[0].last_ns, max(middle, blocks[0].id) + 1
        return newest


def _newest_good(rows: Samples, wanted: np.ndarray[tuple[int], np.dtype[np.uint32]], before_ns: int) -> int:
    """The time of the newest Good row of these tags up to then, 0 when there is none."""
    chosen = (rows.status < BAD) & (rows.time_ns <= before_ns) & np.isin(rows.tags, wanted)
    return int(rows.time_ns[chosen].max(initial=0))
