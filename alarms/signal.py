"""What every rule reads: a value with its quality and time, and logic that has a third answer.

Status is an OPC UA StatusCode (Part 4, 7.39): the two top bits say Good, Uncertain or Bad.
Tri is Kleene's strong three-valued logic; `UNKNOWN` is an answer, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

GOOD: Final = 0x00000000
UNCERTAIN: Final = 0x40000000
UNCERTAIN_LAST_USABLE: Final = 0x40900000
BAD: Final = 0x80000000
BAD_TIMEOUT: Final = 0x800A0000
BAD_NO_COMMUNICATION: Final = 0x80310000
BAD_WAITING_FOR_INITIAL_DATA: Final = 0x80320000
BAD_NODE_ID_UNKNOWN: Final = 0x80340000
BAD_CONFIGURATION_ERROR: Final = 0x80890000
BAD_SENSOR_FAILURE: Final = 0x808C0000
BAD_NO_DATA: Final = 0x809B0000
BAD_OUT_OF_RANGE: Final = 0x803C0000

SEVERITY_MASK: Final = 0xC0000000


def is_good(status: int) -> bool:
    return status & SEVERITY_MASK == GOOD


def is_uncertain(status: int) -> bool:
    return status & SEVERITY_MASK == UNCERTAIN


def is_bad(status: int) -> bool:
    """Bad, and the reserved fourth pattern, which a peer must not send but might."""
    return status & BAD != 0


class Sample(NamedTuple):
    """One value on its way: engineering units, StatusCode, source time in ns since 1970 UTC."""

    value: float
    status: int
    source_ns: int


class Tri(IntEnum):
    """FALSE < UNKNOWN < TRUE, so that `and` is min and `or` is max."""

    FALSE = 0
    UNKNOWN = 1
    TRUE = 2

    @classmethod
    def of(cls, truth: bool) -> Tri:
        return cls.TRUE if truth else cls.FALSE

    def negated(self) -> Tri:
        return Tri(2 - self)


def all_of(terms: Iterable[Tri]) -> Tri:
    return min(terms, default=Tri.TRUE)


def any_of(terms: Iterable[Tri]) -> Tri:
    return max(terms, default=Tri.FALSE)


def vote(needed: int, terms: Iterable[Tri]) -> Tri:
    """N out of M: TRUE when enough say so, UNKNOWN when the unknown ones could make it enough."""
    counts = [0, 0, 0]
    for term in terms:
        counts[term] += 1
    if counts[Tri.TRUE] >= needed:
        return Tri.TRUE
    return Tri.UNKNOWN if counts[Tri.TRUE] + counts[Tri.UNKNOWN] >= needed else Tri.FALSE
