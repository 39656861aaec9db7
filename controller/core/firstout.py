"""First-out: which of several causes came first.

Two causes seen by one PLC are ordered by that PLC's own clock (its source times, even when the
clock is wrong). Causes of different PLCs are ordered by when they reached us. What ties has no first:
`undetermined` is an honest answer, a guess is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

UNDETERMINED: Final = "undetermined"


class Moment(NamedTuple):
    """When a verdict came true, its delay included.

    plant_s and arrival (number of the notification) are ours; source_ns is on the clock of `plc`,
    0 when it gave none. plc < 0: no single clock.
    """

    plant_s: float
    source_ns: int
    arrival: int
    plc: int

    def before(self, other: Moment) -> bool:
        if self.plc >= 0 and self.plc == other.plc and self.source_ns and other.source_ns:
            return self.source_ns < other.source_ns
        return (self.plant_s, self.arrival) < (other.plant_s, other.arrival)

    def later(self, for_s: float, wall_per_plant: float) -> Moment:
        source_ns = self.source_ns + round(for_s * wall_per_plant * 1e9) if self.source_ns else 0
        return self._replace(plant_s=self.plant_s + for_s, source_ns=source_ns)


def nth(moments: Sequence[Moment], needed: int) -> Moment:
    """The moment at which the needed-th of them came; on one clock if they share it."""
    shared = len({moment.plc for moment in moments}) == 1 and all(moment.source_ns for moment in moments)
    key = (lambda m: (m.source_ns, m.arrival)) if shared else (lambda m: (m.plant_s, m.arrival))
    return sorted(moments, key=key)[needed - 1]


def latest(moments: Sequence[Moment]) -> Moment:
    return nth(moments, len(moments))


def first_out(causes: Sequence[tuple[str, Moment]]) -> str:
    """The id of the cause that came before every other, or `undetermined`."""
    for name, moment in causes:
        if all(other == name or moment.before(when) for other, when in causes):
            return name
    return UNDETERMINED
