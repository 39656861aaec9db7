"""Journals for tests of followers: a plant's hour in seconds, written by the journal itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from controller.core.clock import Now
from controller.core.effects import Event, Values
from controller.core.inputs import Batch
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant
from controller.plant.tags import Kind
from controller.record.journal import Journal

T0 = 1_767_574_800_000_000_000  # 2026-01-05T01:00Z
S = 1_000_000_000


def plant_of(name: str) -> Plant:
    plant = load(find_plant(name)).plant
    assert plant is not None
    return plant


class Writing:
    """Rows and events of a plant into a journal, at a time that the test sets."""

    def __init__(self, data: Path, plant: Plant, *, seed: int = 1) -> None:
        self.plant, self.data = plant, data
        self.journal = Journal.open(data, plant.name, plant.tags, archived=False, synchronous="OFF")
        self._random = np.random.default_rng(seed)
        self._numeric = np.array([t.index for t in plant.tags if t.kind is not Kind.TEXT], np.int32)
        self._analog = np.array([plant.tags[i].kind is Kind.ANALOG for i in self._numeric])
        self.utc_ns = T0

    def scan(self, seconds: float = 1.0, *, every_s: float = 1.0, share: float = 1.0) -> None:
        """All (or a share of) tags each every_s, for so long; waits until it is on disk."""
        done = None
        for _ in range(round(seconds / every_s)):
            self.utc_ns += int(every_s * S)
            chosen = self._random.random(len(self._numeric)) < share
            done = self.rows(self._numeric[chosen], self._drawn(chosen))
        if done is not None:
            done.result(30)

    def rows(
        self, tags: Sequence[int] | np.ndarray, values: Sequence[float] | np.ndarray, status: int = 0
    ) -> Future[int]:
        tags = np.asarray(tags, np.int32)
        times = np.full(len(tags), self.utc_ns, np.int64) + np.arange(len(tags)) * 100
        codes = np.full(len(tags), status, np.uint32)
        batch = Batch(0, tags, np.asarray(values, np.float64), codes, times)
        return self.journal.append([], [Values(batch)], self.now())

    def event(self, kind: str, source: str, text: str = "", **data: object) -> None:
        found = Event(kind, source, text or kind, self.utc_ns, 0.0, 500, data)
        self.journal.append([found], [], self.now()).result(30)

    def now(self) -> Now:
        return Now((self.utc_ns - T0) / S, (self.utc_ns - T0) / S, self.utc_ns)

    def close(self) -> None:
        self.journal.close()

    def _drawn(self, chosen: np.ndarray) -> np.ndarray:
        draw = self._random.normal(50, 5, len(chosen))
        steps = self._random.integers(0, 3, len(chosen)).astype(float)
        values: np.ndarray = np.where(self._analog, np.round(draw, 2), steps)[chosen]
        return values


Wait = Callable[[], bool]
