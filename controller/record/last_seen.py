"""When something of a PLC, or anything, was last recorded before a time.

The journal is asked first; where it has forgotten its samples the history's chunks still tell.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from alarms.signal import BAD
from controller.plant.plant import Plant
from controller.record import ledger
from controller.record.chunks import unpack
from controller.record.errors import Damaged
from controller.record.history import FILE, HOUR_NS, REMAKE, opened
from controller.record.reader import Reader
from controller.record.samples import Samples

LOOK_BACK_NS: Final = 120_000_000_000  # a link is given up long before
Numbers = np.ndarray[Any, np.dtype[np.uint32]]


class LastSeen:
    """A `ledger.LastSeen` of one journal and its history.

    span_ns: the times that matter. Outside of it a PLC's loss counts from when it was noticed: nobody asks.
    """

    def __init__(self, reader: Reader, plant: Plant, span_ns: tuple[int, int]) -> None:
        self._reader, self._span_ns = reader, span_ns
        path = reader.path.parent / FILE
        self._path = path
        self._history = opened(path) if path.exists() else None
        owner = {tag.name: tag.plc for tag in plant.tags}
        self._mine = _by_plc({number: name.name for number, name in reader.tags().items()}, owner)
        self._theirs: Mapping[int, Numbers] = {}
        if self._history is not None:
            self._theirs = _by_plc(dict(self._ask("SELECT id, name FROM tags")), owner)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._history is not None:
            self._history.close()

    def __call__(self, plc: int, before_ns: int) -> int:
        if plc == ledger.ALL:
            return self._block_before(before_ns) or self._row_before(plc, before_ns) or before_ns
        first_ns, last_ns = self._span_ns
        if plc not in self._mine or not first_ns <= before_ns <= last_ns:
            return before_ns
        return self._sample_before(plc, before_ns) or self._row_before(plc, before_ns) or before_ns

    def _sample_before(self, plc: int, before_ns: int) -> int:
        """Of the blocks shortly before."""
        newest = 0
        for first, last in self._reader.block_spans(before_ns - LOOK_BACK_NS, before_ns):
            after = first - 1
            while after < last and (blocks := self._reader.blocks(after)):
                after = blocks[-1].id
                for block in blocks:
                    newest = max(newest, _newest_good(block.samples, self._mine[plc], before_ns))
        return newest

    def _block_before(self, before_ns: int) -> int:
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

    def _row_before(self, plc: int, before_ns: int) -> int:
        """The newest row that is folded in; of a PLC the newest Good one, if it came shortly before."""
        if plc == ledger.ALL:
            numbers = [number for mine in self._theirs.values() for number in mine.tolist()]
            floor_ns = 0
        else:
            numbers = self._theirs[plc].tolist() if plc in self._theirs else []
            floor_ns = before_ns - LOOK_BACK_NS
        newest = floor_ns
        for number in numbers:
            for data in self._chunks(number, newest, before_ns):
                rows = unpack(data)
                chosen = (rows.time_ns <= before_ns) & ((rows.status < BAD) | (plc == ledger.ALL))
                newest = max(newest, int(rows.time_ns[chosen].max(initial=0)))
        return newest if newest > floor_ns else 0

    def _chunks(self, number: int, after_ns: int, before_ns: int) -> Iterator[bytes]:
        """The newest of a tag that has rows in between, the newest first."""
        query = (
            "SELECT data FROM chunks WHERE tag=? AND hour BETWEEN ? AND ? AND last_ns > ? AND first_ns <= ?"
            " ORDER BY hour DESC, id DESC LIMIT 2"
        )
        span = (after_ns // HOUR_NS, before_ns // HOUR_NS, after_ns, before_ns)
        return (row[0] for row in self._ask(query, (number, *span)))

    def _ask(self, query: str, arguments: tuple[int, ...] = ()) -> list[Any]:
        assert self._history is not None, "it is there whenever somebody asks"
        try:
            return self._history.execute(query, arguments).fetchall()
        except sqlite3.DatabaseError as error:
            raise Damaged(f"{self._path}: {error}. {REMAKE}") from error


def _by_plc(names: Mapping[int, str], owner: Mapping[str, int | None]) -> dict[int, Numbers]:
    numbers: dict[int, list[int]] = {}
    for number, name in names.items():
        plc = owner.get(name)
        if plc is not None:
            numbers.setdefault(plc, []).append(number)
    return {plc: np.array(sorted(found), np.uint32) for plc, found in numbers.items()}


def _newest_good(rows: Samples, wanted: Numbers, before_ns: int) -> int:
    """The time of the newest Good row of these tags up to then, 0 when there is none."""
    chosen = (rows.status < BAD) & (rows.time_ns <= before_ns) & np.isin(rows.tags, wanted)
    return int(rows.time_ns[chosen].max(initial=0))
