"""The last row of every tag, and what is written again of it at each full period. Pure.

Whoever asks for a span finds no point of a tag that has stood still since before it. So each full
period every tag that had no row in it is written again, marked as held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from controller.record.samples import Samples, TextSample

OFFSET_NS: Final = 50  # between two ticks of OPC UA: no row is overwritten
SILENT_NS: Final = 10_000_000_000  # longer without any row: the service did not run


class Held:
    """The state of all tags by the journal's number; part of what a follower keeps beside its cursor."""

    def __init__(self, period_s: float) -> None:
        self.period_ns = int(period_s * 1e9)
        self.seen_ns = 0  # when the last block was received
        self._done = 0  # the last full period that is written, or need not be
        self._last_ns = np.zeros(0, np.int64)  # 0: nothing known
        self._values = np.zeros(0, np.float64)
        self._status = np.zeros(0, np.uint32)
        self._texts: dict[int, TextSample] = {}

    def due(self, first_ns: int) -> Iterator[tuple[int, Samples]]:
        """(full period, rows to be written again) up to a block that was received at first_ns.

        One that ended within the block before is among them: that block may have waited for the disk.
        """
        newest = first_ns // self.period_ns
        if not self.seen_ns or not 0 <= first_ns - self.seen_ns <= SILENT_NS:
            self._done = newest
        for number in range(self._done + 1, newest + 1):
            self._done = number
            yield number * self.period_ns, self._rows(number * self.period_ns)

    def take(self, rows: Samples, last_ns: int) -> None:
        """The rows of a block, received at last_ns."""
        if not self.seen_ns:
            self._done = last_ns // self.period_ns
        self.seen_ns = last_ns
        highest = max(int(rows.tags.max(initial=0)), max((text.tag for text in rows.texts), default=0))
        if highest >= len(self._last_ns):
            self._grow(highest + 1)
        self._last_ns[rows.tags] = rows.time_ns  # of one tag the last row stays
        self._values[rows.tags] = rows.values
        self._status[rows.tags] = rows.status
        self._texts.update({text.tag: text for text in rows.texts})

    def dump(self) -> dict[str, Any]:
        """For `load`."""
        known = np.flatnonzero(self._last_ns)
        return {
            "seen_ns": self.seen_ns,
            "done": self._done,
            "size": len(self._last_ns),
            "tags": known.astype("<u4").tobytes(),
            "last_ns": self._last_ns[known].astype("<i8").tobytes(),
            "values": self._values[known].astype("<f8").tobytes(),
            "status": self._status[known].astype("<u4").tobytes(),
            "texts": [list(text) for text in self._texts.values()],
        }

    def load(self, kept: dict[str, Any]) -> None:
        self.seen_ns = kept["seen_ns"]
        self._done = kept["done"]
        self._grow(kept["size"])
        known = np.frombuffer(kept["tags"], "<u4")
        self._last_ns[known] = np.frombuffer(kept["last_ns"], "<i8")
        self._values[known] = np.frombuffer(kept["values"], "<f8")
        self._status[known] = np.frombuffer(kept["status"], "<u4")
        self._texts = {text[0]: TextSample(*text) for text in kept["texts"]}

    def _rows(self, at_ns: int) -> Samples:
        known = np.flatnonzero((self._last_ns > 0) & (self._last_ns <= at_ns - self.period_ns))
        none = np.zeros(len(known), np.int64)
        texts = [text for text in self._texts.values() if text.time_ns <= at_ns - self.period_ns]
        return Samples(
            known.astype(np.uint32),
            self._values[known],
            self._status[known],
            none + at_ns + OFFSET_NS,
            none.astype(np.uint8),
            none,
            tuple(text._replace(time_ns=at_ns + OFFSET_NS) for text in texts),
        )

    def _grow(self, size: int) -> None:
        more = max(0, size - len(self._last_ns))
        self._last_ns = np.append(self._last_ns, np.zeros(more, np.int64))
        self._values = np.append(self._values, np.zeros(more))
        self._status = np.append(self._status, np.zeros(more, np.uint32))
