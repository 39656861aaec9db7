"""The minute before and the minute after a trip: the values of its causes, in one event.

A ring per interlock input holds the last minute. Bounded: at most RING values are kept per tag, and
POINTS of them go into an event (thinned evenly when there were more; the journal has them all).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Final

from controller.core.clock import Now
from controller.core.conditions import compiled
from controller.core.image import Image
from controller.core.step import Decisions
from controller.plant.plant import Plant

BEFORE_S: Final = 60.0  # wall
AFTER_S: Final = 60.0
RING: Final = 2400  # two minutes at 50 ms
POINTS: Final = 240

Point = tuple[int, float, int]  # utc_ns, value, status


@dataclass(slots=True)
class Window:
    interlock: int
    number: int
    tags: tuple[int, ...]
    trip_utc_ns: int
    closes_mono_s: float


class Windows:
    """Rings of the tags that interlocks read, and the windows that wait for their minute after."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        read = {
            tag
            for rule in plant.interlocks
            for cause in rule.causes
            for tag in compiled(cause.condition, strict=False).tags()
        }
        self.rings: dict[int, deque[Point]] = {tag: deque(maxlen=RING) for tag in sorted(read)}
        self.waiting: list[Window] = []

    def keep(self, tag: int, utc_ns: int, image: Image) -> None:
        """The tag has a new value; remembered if an interlock has it among its causes."""
        ring = self.rings.get(tag)
        if ring is not None:
            ring.append((utc_ns, image.value.item(tag), image.status.item(tag)))

    def open(self, interlock: int, number: int, tags: tuple[int, ...], now: Now) -> None:
        self.waiting.append(Window(interlock, number, tags, now.utc_ns, now.mono_s + AFTER_S))

    def due_s(self) -> float:
        return min((window.closes_mono_s for window in self.waiting), default=inf)

    def close(self, now: Now, decisions: Decisions) -> None:
        over = [window for window in self.waiting if window.closes_mono_s <= now.mono_s]
        if not over:
            return
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
        from_ns = window.trip_utc_ns - round(BEFORE_S * 1e9)
        ring = self.rings[tag]
        first = sum(1 for point in ring if point[0] < from_ns)
        points = list(ring)[max(0, first - 1) :]  # what stood when the minute began belongs to it
        if len(points) > POINTS:
            step = (len(points) - 1) / (POINTS - 1)
            points = [points[round(place * step)] for place in range(POINTS)]
        return [
            [(utc_ns - window.trip_utc_ns) // 1_000_000, value if isfinite(value) else None, status]
            for utc_ns, value, status in points
        ]
