"""Which reports matter: per tag one interval in which none of its conditions can change.

A step costs one vectorised comparison per report; only what passes is looked at by objects. Below a
few dozen reports a plain loop over the same arrays is faster than numpy's fixed cost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, MutableSequence, Sequence
from math import inf
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from alarms.limits import Gate
from alarms.model import Condition, Frozen, Stale, parts
from alarms.signal import BAD

FEW: Final = 24  # reports up to which the loop is faster (measured: tests/bench/alarms.py)


Tags = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]
NOTHING: Final[tuple[Tags, Flags]] = (np.zeros(0, np.intp), np.zeros(0, np.bool_))


def plain(array: NDArray[Any]) -> MutableSequence[Any]:
    """The same memory, read and written item by item as Python numbers: three times as fast as numpy's."""
    return cast("MutableSequence[Any]", memoryview(array))  # type: ignore[arg-type]


class TagGates:
    """lo, hi, seen: by tag index; the band, and the status that was looked at last.

    reported_s, moved_s: kept only when some condition watches ages; else empty.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.lo = np.full(size, -inf)
        self.hi = np.full(size, inf)
        self.seen = np.zeros(size, np.uint32)
        self._lo, self._hi, self._seen = plain(self.lo), plain(self.hi), plain(self.seen)
        self._gates: list[list[Gate]] = [[] for _ in range(size)]
        self._ages = False
        self.reported_s = np.zeros(0)
        self.moved_s = np.zeros(0)
        self._last = np.zeros(0)
        self._tolerance = np.zeros(0)

    def add(self, gates: Iterable[Gate]) -> None:
        for gate in gates:
            self._gates[gate.tag].append(gate)
            self.lo[gate.tag], self.hi[gate.tag] = inf, -inf

    def watch_ages(self, condition: Condition) -> None:
        """Keeps the times of report and movement if something in the condition asks for them."""
        for part in parts(condition):
            if isinstance(part, Stale | Frozen):
                self._watch_age(part)

    def _watch_age(self, rule: Stale | Frozen) -> None:
        if not self._ages:
            self._ages = True
            self.reported_s, self.moved_s = np.zeros(self.size), np.zeros(self.size)
            self._last = np.full(self.size, np.nan)
            self._tolerance = np.full(self.size, inf)
        if isinstance(rule, Frozen):
            self._tolerance[rule.tag] = min(self._tolerance[rule.tag], rule.tolerance)

    def start(self, status: Sequence[int], mono_s: float) -> None:
        """What the first look sees has been seen. Ages count from here: nobody was looking before."""
        self.seen[:] = status
        self.reported_s.fill(mono_s)
        self.moved_s.fill(mono_s)

    def carry(self, old: TagGates, tags: Iterable[tuple[int, int]]) -> None:
        """Ages go on over a change of configuration. tags: (old index, new index) of the same tag."""
        if self._ages and old._ages:
            for before, after in tags:
                self.reported_s[after] = old.reported_s[before]
                self.moved_s[after] = old.moved_s[before]
                self._last[after] = old._last[before]

    def passing(
        self,
        changed: NDArray[np.integer],
        values: NDArray[np.float64],
        status: NDArray[np.uint32],
        mono_s: float,
    ) -> tuple[Tags, Flags]:
        """The tags among `changed` that somebody has to look at; True: because of their status."""
        if self._ages:
            self._note_ages(changed, values, status, mono_s)
        if len(changed) <= FEW:
            return self._passing_few(changed, values, status)
        value, code = values.take(changed), status.take(changed)
        same = code == self.seen.take(changed)
        quiet = same & (value > self.lo.take(changed)) & (value < self.hi.take(changed))
        if quiet.all():
            return NOTHING
        loud = ~quiet
        passing = changed[loud]
        self.seen[passing] = code[loud]
        return passing, ~same[loud]

    def _passing_few(
        self, changed: NDArray[np.integer], values: NDArray[np.float64], status: NDArray[np.uint32]
    ) -> tuple[Tags, Flags]:
        value, code = plain(values), plain(status)
        lo, hi, seen = self._lo, self._hi, self._seen
        tags, flags = [], []
        for tag in changed.tolist():
            different = code[tag] != seen[tag]
            if different or not lo[tag] < value[tag] < hi[tag]:
                seen[tag] = code[tag]
                tags.append(tag)
                flags.append(different)
        return (np.array(tags, np.intp), np.array(flags, np.bool_)) if tags else NOTHING

    def _note_ages(
        self,
        changed: NDArray[np.integer],
        values: NDArray[np.float64],
        status: NDArray[np.uint32],
        mono_s: float,
    ) -> None:
        """Bad may be the service's own verdict, so it is no report; coming back from it is a movement."""
        fine = changed[status[changed] & np.uint32(BAD) == 0]
        self.reported_s[fine] = mono_s
        last = self._last[fine]
        far = ~(np.abs(values[fine] - last) <= self._tolerance[fine])
        back = self.seen[fine] & np.uint32(BAD) != 0
        moved = fine[far | back]
        self.moved_s[moved] = mono_s
        self._last[moved] = values[moved]

    def refresh(self, tags: Iterable[int]) -> None:
        """Takes over what the looked-at conditions now say about their tags."""
        lo, hi = self._lo, self._hi
        for tag in tags:
            gates = self._gates[tag]
            if len(gates) == 1:
                lo[tag], hi[tag] = gates[0].lo, gates[0].hi
                continue
            low, high = -inf, inf
            for gate in gates:
                low = max(low, gate.lo)
                high = min(high, gate.hi)
            lo[tag], hi[tag] = low, high


class Backlog:
    """Tags that somebody has to look at, first come first served, each once; True: for their status."""

    def __init__(self, size: int) -> None:
        self._chunks: deque[Tags] = deque()
        self._waits = np.zeros(size, np.bool_)
        self._status = np.zeros(size, np.bool_)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, tags: Tags, status_changed: Flags) -> None:
        self._status[tags] |= status_changed
        new = tags[~self._waits[tags]]
        self._waits[new] = True
        self._chunks.append(new)
        self._count += len(new)

    def take(self, most: int) -> tuple[Tags, Flags]:
        taken: list[Tags] = []
        while self._chunks and most > 0:
            chunk = self._chunks.popleft()
            if len(chunk) > most:
                self._chunks.appendleft(chunk[most:])
                chunk = chunk[:most]
            most -= len(chunk)
            taken.append(chunk)
        tags = np.concatenate(taken) if taken else NOTHING[0]
        flags = self._status[tags]
        self._waits[tags] = self._status[tags] = False
        self._count -= len(tags)
        return tags, flags
