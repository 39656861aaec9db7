"""What is to be looked at next: ranked queues for now, two heaps for later, one per clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple


class Due(NamedTuple):
    """When the next step is wanted at the latest, on either clock."""

    plant_s: float = inf
    mono_s: float = inf


class Unit:
    """Something that is looked at: an alarm, or a rule of suppression.

    rank: lower is looked at first, whatever the budget. tags: what it reads. at_*: what stands in the
    heap for it.
    """

    __slots__ = ("at_mono_s", "at_plant_s", "due_mono_s", "due_plant_s", "index", "queued", "rank", "tags")

    def __init__(self, rank: int, tags: tuple[int, ...]) -> None:
        self.rank = rank
        self.tags = tags
        self.index = 0
        self.queued = False
        self.due_plant_s = self.due_mono_s = inf
        self.at_plant_s = self.at_mono_s = inf


class Agenda:
    """Each unit stands at most once in the queues, and usually at most once in each heap."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = units
        for index, unit in enumerate(units):
            unit.index = index
        self._queues: list[deque[Unit]] = [
            deque() for _ in range(1 + max((u.rank for u in units), default=0))
        ]
        self._plant: list[tuple[float, int]] = []
        self._mono: list[tuple[float, int]] = []
        self.waiting = 0

    def put(self, unit: Unit) -> None:
        if not unit.queued:
            unit.queued = True
            self._queues[unit.rank].append(unit)
            self.waiting += 1

    def take(self) -> Unit | None:
        for queue in self._queues:
            if queue:
                unit = queue.popleft()
                unit.queued = False
                self.waiting -= 1
                return unit
        return None

    def schedule(self, unit: Unit) -> None:
        """Enters the unit's deadlines. One that has moved later is found out when its old entry comes up."""
        if unit.due_plant_s < unit.at_plant_s:
            unit.at_plant_s = unit.due_plant_s
            heappush(self._plant, (unit.due_plant_s, unit.index))
        if unit.due_mono_s < unit.at_mono_s:
            unit.at_mono_s = unit.due_mono_s
            heappush(self._mono, (unit.due_mono_s, unit.index))

    def ripen(self, plant_s: float, mono_s: float, most: int) -> None:
        """Puts units whose deadline has come into their queues, at most so many; the rest stay due."""
        for _ in range(most):
            if not self._plant or self._plant[0][0] > plant_s:
                break
            when, index = heappop(self._plant)
            unit = self._units[index]
            if unit.at_plant_s == when:
                unit.at_plant_s = inf
                if unit.due_plant_s <= plant_s:
                    self.put(unit)
                else:
                    self.schedule(unit)
        for _ in range(most):
            if not self._mono or self._mono[0][0] > mono_s:
                break
            when, index = heappop(self._mono)
            unit = self._units[index]
            if unit.at_mono_s == when:
                unit.at_mono_s = inf
                if unit.due_mono_s <= mono_s:
                    self.put(unit)
                else:
                    self.schedule(unit)

    def next(self) -> Due:
        return Due(
            self._plant[0][0] if self._plant else inf,
            self._mono[0][0] if self._mono else inf,
        )
