"""Taking an alarm away from people's eyes for a time: shelf, suppression by hand, out of service.

Priority 1 is never taken away. A shelf lasts at most an hour (priority 2) or a shift (priority 3),
counted from when it was first laid, so that renewing it does not make it endless. It ends by itself
on the shorter of the two clocks: a wall clock set back must not keep an alarm silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from heapq import heappop, heappush
from math import inf
from typing import Final, NamedTuple

from alarms.book import Book
from alarms.lifecycle import Facts, Hold
from alarms.records import Kind

HOUR_S: Final = 3600.0
SHELF_MAX_S: Final[Mapping[int, float]] = {1: 0.0, 2: 1 * HOUR_S, 3: 8 * HOUR_S}  # by priority
OUT_OF_SERVICE_MAX_S: Final = 30 * 24 * HOUR_S  # a month: longer is a change of the configuration
SUPPRESSED_MAX_S: Final = 7 * 24 * HOUR_S


class Cover(StrEnum):
    SHELF = "shelf"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


ENDS: Final[Mapping[Cover, Kind]] = {
    Cover.SHELF: Kind.UNSHELVED,
    Cover.SUPPRESSED: Kind.UNSUPPRESSED,
    Cover.OUT_OF_SERVICE: Kind.IN_SERVICE,
}


def longest_s(cover: Cover, priority: int) -> float:
    """How long an alarm of this priority may be covered; 0 = not at all."""
    if priority == 1:
        return 0.0
    return {
        Cover.SHELF: SHELF_MAX_S[priority],
        Cover.SUPPRESSED: SUPPRESSED_MAX_S,
        Cover.OUT_OF_SERVICE: OUT_OF_SERVICE_MAX_S,
    }[cover]


def hold_of(facts: Facts, cover: Cover) -> Hold | None:
    match cover:
        case Cover.SHELF:
            return facts.shelf
        case Cover.SUPPRESSED:
            return facts.suppressed
        case Cover.OUT_OF_SERVICE:
            return facts.out_of_service


class Ending(NamedTuple):
    alarm: str
    cover: Cover
    until_utc_ns: int


class Endings:
    """When covers end, on both clocks. An entry whose hold has been changed meanwhile is passed over."""

    def __init__(self) -> None:
        self._mono: list[tuple[float, Ending]] = []
        self._utc: list[tuple[int, Ending]] = []

    def add(self, alarm: str, cover: Cover, hold: Hold, mono_s: float, utc_ns: int) -> None:
        ending = Ending(alarm, cover, hold.until_utc_ns)
        heappush(self._mono, (mono_s + (hold.until_utc_ns - utc_ns) / 1e9, ending))
        heappush(self._utc, (hold.until_utc_ns, ending))

    def start(self, book: Book, mono_s: float, utc_ns: int) -> None:
        """Takes over every hold of a restored book."""
        for alarm, facts in book.facts.items():
            for cover in Cover:
                hold = hold_of(facts, cover)
                if hold is not None:
                    self.add(alarm, cover, hold, mono_s, utc_ns)

    def ripe(self, book: Book, mono_s: float, utc_ns: int) -> Iterator[Ending]:
        """The covers whose time is over now; each once."""
        while self._mono and self._mono[0][0] <= mono_s:
            ending = heappop(self._mono)[1]
            if self._valid(book, ending):
                yield ending
        while self._utc and self._utc[0][0] <= utc_ns:
            ending = heappop(self._utc)[1]
            if self._valid(book, ending):
                yield ending

    def _valid(self, book: Book, ending: Ending) -> bool:
        hold = hold_of(book.of(ending.alarm), ending.cover)
        return hold is not None and hold.until_utc_ns == ending.until_utc_ns

    def next_s(self) -> float:
        """The monotonic second of the next ending."""
        return self._mono[0][0] if self._mono else inf
