"""One tag's rows, from any time on, forwards or backwards, in steps that neither memory nor a client feels.

The tag's history (what is folded in and the journal's tail, as one) is walked window by window; the next
window is as long as the last one makes it likely that what is still missing fits in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from controller.opcua.gateway.history.quality import Mask
from controller.record.chunks import Rows, no_rows, together
from controller.record.errors import Missing
from controller.record.history import HOUR_NS, History
from controller.record.samples import TextSample

FIRST_NS: Final = HOUR_NS
LONGEST_NS: Final = 30 * 24 * HOUR_NS
GROWTH: Final = 4
UNENDING: Final = 2**62


class Found(NamedTuple):
    """rows: ascending. reached_ns: how far was looked; short of what was asked for when the time was up."""

    rows: Rows
    reached_ns: int


class Records:
    """For one read, in one thread. A text is a row whose value is its place in `texts`.

    until_ns: up to when the newest value is known to stand, since the journal has been written until then.
    """

    def __init__(self, history: History, tag: str, deadline_s: float) -> None:
        self._history = history
        self._tag = tag
        self._deadline_s = deadline_s
        try:
            self._extent = history.extent(tag)
        except Missing:  # a tag of the plant that has not reported yet has a history of nothing
            self._extent = None
        self.until_ns = history.until_ns()
        self.texts: list[str] = []

    def late(self) -> bool:
        """The time for this read is up."""
        return time.monotonic() > self._deadline_s

    def forward(self, from_ns: int, to_ns: int, most: int) -> Found:
        """The first rows with from_ns <= time < to_ns."""
        parts, reached = self._walked(_Walk(from_ns, to_ns, backward=False), most)
        rows = together(parts)
        if len(rows) > most:
            rows = rows.where(slice(0, most))
            reached = int(rows.time_ns[-1]) + 1
        return Found(rows, to_ns if reached is None else reached)

    def backward(self, from_ns: int, to_ns: int, most: int) -> Found:
        """The last rows with from_ns <= time < to_ns; reached_ns: from where on all is known."""
        parts, reached = self._walked(_Walk(from_ns, to_ns, backward=True), most)
        rows = together(parts[::-1])
        if len(rows) > most:
            rows = rows.where(slice(len(rows) - most, None))
            reached = int(rows.time_ns[0])
        return Found(rows, from_ns if reached is None else reached)

    def before(self, at_ns: int, usable: Callable[[Rows], Mask]) -> Rows:
        """From the two newest usable rows before at_ns on: what a bound or a line beyond the end needs."""
        parts: list[Rows] = []
        walk = self._clipped(_Walk(0, at_ns, backward=True))
        while (window := walk.step()) is not None:
            rows = self._rows(*window)
            places = np.flatnonzero(usable(rows))
            parts.append(rows.where(slice(places[-2] if len(places) > 1 else 0, None)))
            walk.learn(len(rows), 1)
            if len(places) or self.late():
                break
        return together(parts[::-1])

    def after(self, at_ns: int, usable: Callable[[Rows], Mask]) -> Rows:
        """From at_ns on to the oldest usable row after it."""
        parts: list[Rows] = []
        walk = self._clipped(_Walk(at_ns, UNENDING, backward=False))
        while (window := walk.step()) is not None:
            rows = self._rows(*window)
            places = np.flatnonzero(usable(rows))
            parts.append(rows.where(slice(0, places[0] + 1 if len(places) else None)))
            walk.learn(len(rows), 1)
            if len(places) or self.late():
                break
        return together(parts)

    def _walked(self, walk: _Walk, most: int) -> tuple[list[Rows], int | None]:
        """Windows until there is enough or the time is up; how far that was, None: to the end."""
        parts: list[Rows] = []
        walk = self._clipped(walk)
        found = 0
        while (window := walk.step()) is not None:
            parts.append(self._rows(*window))
            found += len(parts[-1])
            if found >= most or self.late():
                return parts, None if walk.done else window[0 if walk.backward else 1]
            walk.learn(len(parts[-1]), most - found)
        return parts, None

    def _clipped(self, walk: _Walk) -> _Walk:
        oldest, newest = self._extent or (UNENDING, 0)
        walk.low, walk.high = max(walk.low, oldest), min(walk.high, newest + 1)
        return walk

    def _rows(self, low: int, high: int) -> Rows:
        series = self._history.query(self._tag, low, high)
        return self._of_texts(series.texts) if series.texts else series.rows

    def _of_texts(self, texts: tuple[TextSample, ...]) -> Rows:
        first = len(self.texts)
        self.texts += [text.text for text in texts]
        return Rows(
            np.array([text.time_ns for text in texts], np.int64),
            np.arange(first, first + len(texts), dtype=np.float64),
            np.array([text.status for text in texts], np.uint32),
            np.array([text.flags for text in texts], np.uint8),
            np.array([text.original_ns for text in texts], np.int64),
        )


class _Walk:
    """Windows [low, high) one after the other, from the near end to the far one."""

    def __init__(self, low: int, high: int, *, backward: bool) -> None:
        self.low, self.high, self.backward = low, high, backward
        self._width = FIRST_NS

    @property
    def done(self) -> bool:
        return self.low >= self.high

    def step(self) -> tuple[int, int] | None:
        if self.done:
            return None
        if self.backward:
            edge = max(self.low, self.high - self._width)
            window, self.high = (edge, self.high), edge
        else:
            edge = min(self.high, self.low + self._width)
            window, self.low = (self.low, edge), edge
        return window

    def learn(self, found: int, missing: int) -> None:
        """So many rows were in the last window, so many are still missing."""
        likely = self._width * missing // found if found else self._width * GROWTH
        self._width = max(FIRST_NS, min(likely, self._width * GROWTH, LONGEST_NS))


def one_after_another(*parts: Rows) -> Rows:
    """Rows that follow each other, without the empty ones."""
    filled = [part for part in parts if len(part)]
    return together(filled) if filled else no_rows()
