"""Which values are worth keeping: the archive rule of each tag, on whole batches.

Kept are a tag's first value, every change of status, every change of at least the deadband since
the value kept last, and anything once max_interval_s have passed. A smaller change is put off,
not forgotten: when nothing else comes, it is kept once max_interval_s are over. Times rise
strictly per tag: a row that does not is moved to 1 ns after the one before, flagged, with its own
time beside it. A clock set back by more than `HELD_NS` is a new story and is let through.

After a restart a PLC sends what it sent before: `resume` tells which rows were kept last. The very
same sample is no row again; another one with the same time is moved like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.core.effects import Values
from controller.core.inputs import Batch
from controller.plant.tags import Tag
from controller.record.samples import MISPLACED, REPLACED, Samples

HELD_NS: Final = 10_000_000_000
LOOK_NS: Final = 1_000_000_000  # how often values that were put off are looked at

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


class Archive:
    """The state of all tags' rules. kept, dropped: rows so far (one put off counts as dropped until kept)."""

    def __init__(self, tags: Sequence[Tag]) -> None:
        n = len(tags)
        self.kept = self.dropped = 0
        self._deadband = np.array([tag.archive.deadband for tag in tags], np.float64)
        self._longest_ns = np.array([int(tag.archive.max_interval_s * 1e9) for tag in tags], np.int64)
        self._known = np.zeros(n, bool)
        self._value = np.zeros(n, np.float64)
        self._status = np.zeros(n, np.uint32)
        self._time_ns = np.zeros(n, np.int64)
        self._late = np.zeros(n, bool)  # a change was put off
        self._late_value = np.zeros(n, np.float64)
        self._late_ns = np.zeros(n, np.int64)
        self._place = np.zeros(n, np.intp)
        self._texts: dict[int, tuple[str, int, int]] = {}
        self._texts_before: dict[int, tuple[str, int, int]] = {}  # of the run before, until the next one
        self._looked_ns = 0

    def resume(self, numbers: Sequence[int], newest: Samples) -> None:
        """What was kept last, before this run. numbers: of the tags in `newest`, by index."""
        index = {number: tag for tag, number in enumerate(numbers)}
        rows = np.flatnonzero(np.isin(newest.tags, list(index)))
        tags = np.array([index[number] for number in newest.tags[rows].tolist()], np.intp)
        self._value[tags], self._status[tags] = newest.values[rows], newest.status[rows]
        self._time_ns[tags] = newest.time_ns[rows]
        self._texts_before = {
            index[row.tag]: (row.text, row.status, row.time_ns) for row in newest.texts if row.tag in index
        }

    def keep(self, values: Values, utc_ns: int) -> Values:
        """The rows worth keeping, in their order, put-off ones first. utc_ns: when they were received."""
        batch = values.batch
        n = len(batch.tags)
        flags = np.zeros(n, np.uint8) if values.flags is None else np.array(values.flags, np.uint8)
        original = (
            np.zeros(n, np.int64) if values.original_ns is None else np.array(values.original_ns, np.int64)
        )
        time_ns = np.array(batch.source_ns, np.int64)
        if not time_ns.all():
            none = time_ns == 0
            time_ns[none], flags[none] = utc_ns, flags[none] | REPLACED
        late = self._overdue(batch.plc, utc_ns)
        chosen = np.zeros(n, bool)
        for rows in self._rounds(batch.tags):
            kept = rows[self._worth(batch, rows, time_ns)]
            self._rise(batch.tags[kept], kept, time_ns, flags, original)
            self._remember(batch, kept, time_ns)
            chosen[kept] = True
        texts = self._texts_worth(batch.texts, utc_ns)
        kept_rows = len(late.tags) + int(np.count_nonzero(chosen)) + len(texts)
        self.kept += kept_rows
        self.dropped += n + len(batch.texts) - kept_rows
        then = Batch(
            batch.plc,
            np.concatenate((late.tags, batch.tags[chosen])),
            np.concatenate((late.values, batch.values[chosen])),
            np.concatenate((late.status, batch.status[chosen])),
            np.concatenate((late.source_ns, time_ns[chosen])),
            texts,
        )
        plain = np.zeros(len(late.tags), np.int64)
        return Values(
            then,
            np.concatenate((plain.astype(np.uint8), flags[chosen])),
            np.concatenate((plain, original[chosen])),
        )

    def _rounds(self, tags: NDArray[np.int32]) -> list[Rows]:
        """Rows in rounds in which no tag occurs twice: the n-th round has each tag's n-th row."""
        rows = np.arange(len(tags))
        self._place[tags] = rows
        if bool((self._place[tags] == rows).all()):
            return [rows]
        order = np.argsort(tags, kind="stable")
        first = np.flatnonzero(np.diff(tags[order], prepend=-1))
        lengths = np.diff(first, append=len(tags))
        turn = np.arange(len(tags)) - np.repeat(first, lengths)
        return [np.sort(order[turn == number]) for number in range(int(turn.max()) + 1)]

    def _worth(self, batch: Batch, rows: Rows, time_ns: NDArray[np.int64]) -> Mask:
        tags, values = batch.tags[rows], batch.values[rows]
        last = self._value[tags]
        with np.errstate(invalid="ignore"):
            change = np.abs(values - last)
            moved = (change >= self._deadband[tags]) & (change > 0)
        differs = moved | (np.isnan(values) != np.isnan(last))
        aged = time_ns[rows] - self._time_ns[tags] >= self._longest_ns[tags]
        changed = (batch.status[rows] != self._status[tags]) | (change > 0) | differs
        again = ~self._known[tags] & (time_ns[rows] == self._time_ns[tags]) & ~changed
        self._known[tags[again]] = True
        worth: Mask = ~self._known[tags] | (batch.status[rows] != self._status[tags]) | differs | aged
        off = ~worth & ((change > 0) | self._late[tags])
        late = tags[off]
        self._late[late] = change[off] > 0
        self._late_value[late], self._late_ns[late] = values[off], time_ns[rows][off]
        return worth

    def _rise(
        self,
        tags: NDArray[np.int32],
        rows: Rows,
        time_ns: NDArray[np.int64],
        flags: NDArray[np.uint8],
        original: NDArray[np.int64],
    ) -> None:
        behind = self._time_ns[tags] - time_ns[rows]
        held = (self._time_ns[tags] != 0) & (behind >= 0) & (behind <= HELD_NS)
        if held.any():
            moved = rows[held]
            first = moved[(flags[moved] & REPLACED) == 0]
            original[first] = time_ns[first]
            time_ns[moved] = self._time_ns[tags[held]] + 1
            flags[moved] |= MISPLACED

    def _remember(self, batch: Batch, rows: Rows, time_ns: NDArray[np.int64]) -> None:
        tags = batch.tags[rows]
        self._known[tags], self._late[tags] = True, False
        self._value[tags], self._status[tags] = batch.values[rows], batch.status[rows]
        self._time_ns[tags] = time_ns[rows]

    def _overdue(self, plc: int, utc_ns: int) -> Batch:
        """Changes that were put off long enough; from here on they count as kept."""
        late = np.empty(0, np.int32)
        if not 0 <= utc_ns - self._looked_ns < LOOK_NS:
            self._looked_ns = utc_ns
            waited = self._late & (utc_ns - self._time_ns >= self._longest_ns)
            late = np.flatnonzero(waited).astype(np.int32)
            self._late[late] = False
            self._value[late] = self._late_value[late]
            self._time_ns[late] = np.maximum(self._late_ns[late], self._time_ns[late] + 1)
        return Batch(plc, late, self._value[late], self._status[late], self._time_ns[late])

    def _texts_worth(
        self, texts: tuple[tuple[int, str, int, int], ...], utc_ns: int
    ) -> tuple[tuple[int, str, int, int], ...]:
        kept: list[tuple[int, str, int, int]] = []
        for tag, text, status, source_ns in texts:
            time_ns = source_ns or utc_ns
            before = self._texts_before.pop(tag, None)
            if before == (text, status, time_ns):
                self._texts[tag] = before
                continue
            last = self._texts.get(tag)
            if last is not None and last[:2] == (text, status) and time_ns - last[2] < self._longest_ns[tag]:
                continue
            kept_last = last or before
            if kept_last is not None and 0 <= kept_last[2] - time_ns <= HELD_NS:
                time_ns = kept_last[2] + 1
            self._texts[tag] = (text, status, time_ns)
            kept.append((tag, text, status, time_ns))
        return tuple(kept)
