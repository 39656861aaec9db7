"""Time comes in as an argument and leaves as a deadline.

Plant seconds drive processes (delays, rates, physics) and run at `speed` in the demo; wall seconds
drive links, handshakes and quality; UTC stamps records. They are never mixed.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple


class Now(NamedTuple):
    """plant_s since `ready`; mono_s of a monotonic clock; utc_ns since 1970."""

    plant_s: float
    mono_s: float
    utc_ns: int


class Due(NamedTuple):
    """When the core wants to be called next, at the latest, on either clock."""

    plant_s: float = inf
    mono_s: float = inf

    def or_sooner(self, other: Due) -> Due:
        return Due(min(self.plant_s, other.plant_s), min(self.mono_s, other.mono_s))


NEVER = Due()
