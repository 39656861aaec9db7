"""The minute before and the minute after a trip: the values of its causes, in one event.

A ring per tag that interlocks have among their causes holds its newest changes. Bounded: RING values
are kept per tag, and POINTS of them go into an event (thinned evenly when there were more; the journal
has them all).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from controller.core.clock import Now
from controller.core.image import Image
from controller.core.step import Decisions
from controller.plant.plant import Plant, tags_of

BEFORE_S: Final = 60.0  # wall
AFTER_S: Final = 60.0
RING: Final = 2400  # two minutes at 50 ms
POINTS: Final = 240


@dataclass(slots=True)
class Window:
    """A trip whose minute after is not over yet."""

    interlock: int
    number: int
    tags: tuple[int, ...]
    trip_utc_ns: int
    closes_mono_s: float


class Windows:
    """Rings by row, one row a tag; `count` is how many values a row has ever had."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        causes = [cause for rule in plant.interlocks for cause in rule.causes]
        tags = sorted({tag for cause in causes for tag in tags_of(cause.condition)})
        self._row = {tag: row for row, tag in enumerate(tags)}
        self._row_of: NDArray[np.intp] = np.full(len(plant.tags), -1, np.intp)
        self._row_of[tags] = np.arange(len(tags))
        self.utc_ns = np.zeros((len(tags), RING), np.int64)
        self.value = np.zeros((len(tags), RING), np.float64)
        self.status = np.zeros((len(tags), RING), np.uint32)
        self.count: NDArray[np.int64] = np.zeros(len(tags), np.int64)
        self.waiting: list[Window] = []

    def keep(self, tags: Sequence[int], utc_ns: int, image: Image) -> None:
        """These tags have new values; remembered are those that interlocks have among their causes."""
        changed = np.array(tags, np.intp)
        rows = self._row_of[changed]
        known = rows >= 0
        rows, changed = rows[known], changed[known]
        places = self.count[rows] % RING
        self.utc_ns[rows, places] = utc_ns
        self.value[rows, places] = image.value[changed]
        self.status[rows, places] = image.status[changed]
        self.count[rows] += 1

    def open(self, interlock: int, number: int, tags: tuple[int, ...], now: Now) -> None:
        self.waiting.append(Window(interlock, number, tags, now.utc_ns, now.mono_s + AFTER_S))

    def due_s(self) -> float:
        return min((window.closes_mono_s for window in self.waiting), default=inf)

    def close(self, now: Now, decisions: Decisions) -> None:
        """Tells of the windows whose minute after is over."""
        if now.mono_s < self.due_s():
            return
        over = [window for window in self.waiting if window.closes_mono_s <= now.mono_s]
        self.waiting = [window for window in self.waiting if window.closes_mono_s > now.mono_s]
        for window in over:
            name = self.plant.interlocks[window.interlock].name
            data: dict[str, Any] = {
                "number": window.number,
                "trip_utc_ns": window.trip_utc_ns,
                "columns": ["ms", "value", "status"],
                "tags": {self.plant.tags[tag].name: self._points(tag, window) for tag in window.tags},
            }
            text = f"{name}: the minute before and the minute after the trip"
            decisions.say("interlock.window", name, text, data, 50)

    def _points(self, tag: int, window: Window) -> list[list[float | int | None]]:
        row = self._row[tag]
        count = int(self.count[row])
        order = np.arange(max(0, count - RING), count) % RING
        from_ns = window.trip_utc_ns - round(BEFORE_S * 1e9)
        first = int(np.searchsorted(self.utc_ns[row, order], from_ns))
        order = order[max(0, first - 1) :]  # what stood when the minute began belongs to it
        if len(order) > POINTS:
            order = order[np.linspace(0, len(order) - 1, POINTS).round().astype(np.int64)]
        milliseconds = (self.utc_ns[row, order] - window.trip_utc_ns) // 1_000_000
        values, status = self.value[row, order].tolist(), self.status[row, order].tolist()
        return [
            [ms, value if isfinite(value) else None, code]
            for ms, value, code in zip(milliseconds.tolist(), values, status, strict=True)
        ]
