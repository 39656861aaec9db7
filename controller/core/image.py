"""The image: the newest value, quality and time of every tag, as arrays by tag index.

A value is never Good without a time. Times rise strictly per tag: a source time that is missing,
more than 10 s off, or stepping back is replaced by the receive time (docs/explanation/time.md); the
original is kept beside it, because two changes of one PLC are ordered by the PLC's own clock even
when that clock is wrong. Nothing here is per tag in Python: a notification is taken as arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.signal import (
    BAD,
    BAD_SENSOR_FAILURE,
    BAD_WAITING_FOR_INITIAL_DATA,
    SEVERITY_MASK,
)
from controller.core.clock import Now
from controller.core.effects import Values
from controller.core.inputs import Batch
from controller.plant.plant import Plant
from controller.plant.tags import NodeSource

SOURCE_TIME_OFF_MAX_NS: Final = 10_000_000_000
SERVICE: Final = -1  # the 'PLC' of values that the service computes
TIME_REPLACED: Final = 1

Tags = NDArray[np.int32]
Floats = NDArray[np.float64]
Codes = NDArray[np.uint32]
Times = NDArray[np.int64]


def rounds(batch: Batch, scratch: NDArray[np.int64]) -> Iterator[Batch]:
    """The batch in parts in which no tag occurs twice, oldest first: no edge is swallowed.

    scratch: one int64 per tag, contents irrelevant; saves a sort in the usual case.
    """
    tags, count = batch.tags, len(batch.tags)
    places = np.arange(count)
    scratch[tags] = places
    if count == 0 or bool((scratch[tags] == places).all()):
        yield batch
        return
    order = np.argsort(tags, kind="stable")
    ordered = tags[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]]
    starts = np.maximum.accumulate(np.where(first, places, 0))
    occurrence = np.empty(count, np.int64)
    occurrence[order] = places - starts
    for number in range(int(occurrence.max()) + 1):
        part = occurrence == number
        texts = batch.texts if number == 0 else ()
        yield Batch(
            batch.plc, tags[part], batch.values[part], batch.status[part], batch.source_ns[part], texts
        )


class Image:
    """Arrays by tag index. `given_ns` is the source time as the PLC gave it, 0 when it gave none.

    receive_s, receive_utc_ns: our clocks at the last report; changed_s: at the last different value
    of a noisy instrument.
    arrival: number of the notification that brought the value; orders what different PLCs say.
    """

    def __init__(self, plant: Plant) -> None:
        count = len(plant.tags)
        self.value: Floats = np.full(count, np.nan)
        self.status: Codes = np.full(count, BAD_WAITING_FOR_INITIAL_DATA, np.uint32)
        self.source_ns: Times = np.zeros(count, np.int64)
        self.given_ns: Times = np.zeros(count, np.int64)
        self.receive_s: Floats = np.zeros(count)
        self.receive_utc_ns: Times = np.zeros(count, np.int64)
        self.changed_s: Floats = np.zeros(count)
        self.arrival: Times = np.zeros(count, np.int64)
        self.still: NDArray[np.bool_] = np.zeros(count, np.bool_)
        self.noisy: NDArray[np.bool_] = np.array(
            [tag.frozen_after_s is not None for tag in plant.tags], np.bool_
        )
        self.texts: dict[int, str] = {}
        self.arrivals = 0
        self.plc: NDArray[np.int16] = np.array(
            [tag.source.plc if isinstance(tag.source, NodeSource) else SERVICE for tag in plant.tags],
            np.int16,
        )
        self.of_plc: tuple[Tags, ...] = tuple(
            np.flatnonzero(self.plc == plc.index).astype(np.int32) for plc in plant.plcs
        )
        self.scratch: NDArray[np.int64] = np.zeros(count, np.int64)

    def is_good(self, tag: int) -> bool:
        return not self.status.item(tag) & SEVERITY_MASK

    def good_value(self, tag: int) -> float | None:
        """The value when it is Good, else None: Uncertain is not enough to act on."""
        return None if self.status.item(tag) & SEVERITY_MASK else self.value.item(tag)

    def take(self, batch: Batch, now: Now) -> Values:
        """A part without repeated tags goes into the image; what went in comes back for feed and archive."""
        self.arrivals += 1
        tags, values, given = batch.tags, batch.values, batch.source_ns
        stored, replaced = self._timed(tags, given, now.utc_ns)
        status = batch.status
        nameless = np.isnan(values)
        if nameless.any():
            nameless &= status & SEVERITY_MASK == 0
            status = np.where(nameless, np.uint32(BAD_SENSOR_FAILURE), status)
        if self.noisy[tags].any():
            status = self._moved(tags, values, status, now.mono_s)
        self.value[tags] = values
        self.status[tags] = status
        self.source_ns[tags] = stored
        self.given_ns[tags] = given
        self.receive_s[tags] = now.mono_s
        self.receive_utc_ns[tags] = now.utc_ns
        self.arrival[tags] = self.arrivals
        texts = tuple(self._take_text(*text, now) for text in batch.texts)
        return Values(Batch(batch.plc, tags, values, status, stored, texts), replaced.view(np.uint8), given)

    def _moved(self, tags: Tags, values: Floats, status: Codes, mono_s: float) -> Codes:
        """Notes when noisy instruments last moved; one that was called frozen stays Bad until it does."""
        different = values != self.value[tags]
        self.changed_s[tags] = np.where(different, mono_s, self.changed_s[tags])
        still = self.still[tags] & ~different
        self.still[tags] = still
        return np.where(still & (status & BAD == 0), np.uint32(BAD_SENSOR_FAILURE), status)

    def _timed(self, tags: Tags, given: Times, utc_ns: int) -> tuple[Times, NDArray[np.bool_]]:
        distrusted = (np.abs(given - utc_ns) > SOURCE_TIME_OFF_MAX_NS) | (given < self.given_ns[tags])
        stored = np.maximum(np.where(distrusted, utc_ns, given), self.source_ns[tags] + 1)
        return stored, stored != given

    def _take_text(self, tag: int, text: str, status: int, given: int, now: Now) -> tuple[int, str, int, int]:
        off = abs(given - now.utc_ns) > SOURCE_TIME_OFF_MAX_NS or given < self.given_ns.item(tag)
        stored = max(now.utc_ns if off else given, self.source_ns.item(tag) + 1)
        self.texts[tag] = text
        self.status[tag] = status
        self.source_ns[tag] = stored
        self.given_ns[tag] = given
        self.receive_s[tag] = now.mono_s
        self.arrival[tag] = self.arrivals
        return tag, text, status, stored

    def mark(self, tags: Tags, status: int, now: Now, plc: int) -> Values:
        """The service's own verdict on tags (lost link, stale, frozen): the last value stays, Bad."""
        self.arrivals += 1
        stored = np.maximum(now.utc_ns, self.source_ns[tags] + 1)
        codes = np.full(len(tags), status, np.uint32)
        self.status[tags] = codes
        self.source_ns[tags] = stored
        self.arrival[tags] = self.arrivals
        batch = Batch(plc, tags, self.value[tags], codes, stored)
        return Values(batch, np.zeros(len(tags), np.uint8), stored.copy())


class Waiting:
    """What a PLC has sent while it is not trusted: kept aside, newest per tag, until it is."""

    def __init__(self, plant: Plant) -> None:
        count = len(plant.tags)
        self.present: NDArray[np.bool_] = np.zeros(count, np.bool_)
        self.value: Floats = np.full(count, np.nan)
        self.status: Codes = np.zeros(count, np.uint32)
        self.given_ns: Times = np.zeros(count, np.int64)
        self.texts: dict[int, tuple[int, str, int, int]] = {}

    def put(self, batch: Batch) -> None:
        self.present[batch.tags] = True
        self.value[batch.tags] = batch.values
        self.status[batch.tags] = batch.status
        self.given_ns[batch.tags] = batch.source_ns
        self.texts.update({text[0]: text for text in batch.texts})

    def drop(self, tags: Tags) -> None:
        self.present[tags] = False
        for tag in [tag for tag in self.texts if tag in tags]:
            del self.texts[tag]

    def take(self, plc: int, tags: Tags) -> Batch:
        """All that has come for these tags, as one batch; forgotten here."""
        there = tags[self.present[tags]]
        texts = tuple(self.texts[tag] for tag in sorted(self.texts) if tag in tags)
        batch = Batch(plc, there, self.value[there], self.status[there], self.given_ns[there], texts)
        self.drop(tags)
        return batch
