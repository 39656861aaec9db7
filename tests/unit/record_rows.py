"""Events, samples and tags that the tests of the record share, and a disk that can be made to fail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from controller.core.clock import Now
from controller.core.effects import Event, Values
from controller.core.inputs import Batch
from controller.plant.tags import Derived, Kind, Tag

T0 = 1_767_574_800_000_000_000  # 2026-01-05T01:00Z
MS = 1_000_000
S = 1_000_000_000
DAY = 86_400 * S


def tag(index: int, name: str, unit: str = "%", kind: Kind = Kind.ANALOG) -> Tag:
    return Tag(index, name, "", kind, unit, "bag", 0.0, 100.0, Derived("0", (), ()))


TAGS = [
    tag(0, "LT-201"),
    tag(1, "PT-303", "mbarg"),
    tag(2, "XS-301", "", Kind.STATE),
    tag(3, "DS-1", "", Kind.TEXT),
]


def event(number: int, kind: str = "interlock.tripped", source: str = "S-01", severity: int = 700) -> Event:
    return Event(kind, source, f"text {number}", T0 + number, number / 2, severity, {"n": number})


def values(*rows: tuple[int, float, int, float], texts: tuple[tuple[int, str, int, int], ...] = ()) -> Values:
    """(tag, value, status, ms after T0)"""
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Values(
        Batch(
            0,
            np.array(columns[0], np.int32),
            np.array(columns[1], np.float64),
            np.array(columns[2], np.uint32),
            np.array([T0 + int(ms * MS) for ms in columns[3]], np.int64),
            texts,
        )
    )


def now(ms: float) -> Now:
    return Now(ms / 1000, ms / 1000, T0 + int(ms * MS))


class Disk:
    """Connections whose n-th statement fails, as a disk would make it fail, as often as is wanted.

    late: the statement takes effect first and fails then (a log was written, its sync not confirmed).
    """

    def __init__(self, at: int = 0, times: int = 1, late: bool = False) -> None:
        self.at, self.times, self.late = at, times, late
        self.calls = 0

    def connect(self, path: Path) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, *args: Any) -> sqlite3.Cursor:
                return disk.call(lambda: sqlite3.Connection.execute(self, *args))

            def executemany(self, *args: Any) -> sqlite3.Cursor:
                return disk.call(lambda: sqlite3.Connection.executemany(self, *args))

        return sqlite3.connect(
            path, factory=Connection, timeout=2.0, isolation_level=None, check_same_thread=False
        )

    def call(self, act: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        self.calls += 1
        fails = self.at <= self.calls < self.at + self.times if self.at else False
        if fails and not self.late:
            raise sqlite3.OperationalError("disk I/O error")
        done = act()
        if fails:
            raise sqlite3.OperationalError("disk I/O error")
        return done
