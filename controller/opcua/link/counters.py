"""What a link has done since it was started, for metrics and `heloop status`."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """lost: changes known to be missing (sequence numbers that could not be had again count 1 each).

    fresh_mono_s: monotonic time of the last notification with values; None before the first.
    """

    connects: int = 0
    disconnects: int = 0
    changes: int = 0
    notifications: int = 0
    keepalives: int = 0
    received_bytes: int = 0
    overflows: int = 0
    gaps: int = 0
    republished: int = 0
    malformed: int = 0
    bad_nodes: int = 0
    writes: int = 0
    writes_failed: int = 0
    writes_refused: int = 0
    heartbeats: int = 0
    fresh_mono_s: float | None = None
    server_time_mono_s: float | None = None

    def seconds_without_data(self) -> float | None:
        return None if self.fresh_mono_s is None else time.monotonic() - self.fresh_mono_s
