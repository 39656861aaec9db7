"""Reads items at their intervals, a few milliseconds at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from math import isnan
from time import perf_counter
from typing import Final

from controller.opcua.gateway.subscriptions.data_items import DataItem

# At most this long in one turn of the loop, then as long for others: sampling never takes more than half.
_TURN_S: Final = 0.005
_STEP_MS: Final = 100
_COARSE_MS: Final = 10_000


def revised_ms(wanted_ms: float, publishing_ms: float, least_ms: float, most_ms: float) -> int:
    """The interval of a wish: -1 means the publishing interval, 0 the fastest; never faster than asked."""
    if isnan(wanted_ms) or wanted_ms < 0:
        wanted_ms = publishing_ms
    wanted_ms = min(max(wanted_ms, least_ms), most_ms)
    step = _STEP_MS if wanted_ms <= _COARSE_MS else 1_000
    return int(-(-wanted_ms // step) * step)


class _Group:
    """The items of one interval."""

    __slots__ = ("_left", "_timer", "_turn", "interval_s", "items")

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.items: dict[DataItem, None] = {}
        self._left: deque[DataItem] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.interval_s, self._tick)

    def stop(self) -> None:
        for handle in (self._timer, self._turn):
            if handle is not None:
                handle.cancel()

    def _tick(self) -> None:
        self.start()
        if not self._left:  # else the last round is not through yet: this one is left out
            self._left.extend(self.items)
            self._go_on()

    def _go_on(self) -> None:
        end_s = perf_counter() + _TURN_S
        while self._left:
            item = self._left.popleft()
            if item in self.items:
                item.sample()
            if perf_counter() > end_s:
                self._turn = asyncio.get_running_loop().call_later(_TURN_S, self._go_on)
                return


class Sampler:
    """All groups. Items stand in exactly one."""

    def __init__(self) -> None:
        self._groups: dict[int, _Group] = {}

    def add(self, item: DataItem) -> None:
        group = self._groups.get(item.interval_ms)
        if group is None:
            group = self._groups[item.interval_ms] = _Group(item.interval_ms / 1000)
            group.start()
        group.items[item] = None

    def remove(self, item: DataItem) -> None:
        group = self._groups.get(item.interval_ms)
        if group is not None:
            group.items.pop(item, None)
            if not group.items:
                group.stop()
                del self._groups[item.interval_ms]

    @property
    def intervals(self) -> Mapping[int, int]:
        """Items by interval in ms."""
        return {interval_ms: len(group.items) for interval_ms, group in self._groups.items()}

    def now(self, wanted: Callable[[DataItem], bool]) -> None:
        """These are read at once; for few, when something has happened that does not wait."""
        for group in self._groups.values():
            for item in list(group.items):
                if wanted(item):
                    item.sample()

    def stop(self) -> None:
        for group in self._groups.values():
            group.stop()
        self._groups.clear()
