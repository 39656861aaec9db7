"""How often: rates per peer, counts that diagnostics show, and a log that no client can fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

PEERS_MAX: Final = 1_000


@dataclass(slots=True)
class Counters:
    """Since the start; over_share: wanted by an address that had its share already (settings.py).

    Shown as ServerDiagnosticsSummary (Part 5, 12.9).
    """

    connections: int = 0
    connections_refused: int = 0
    connections_over_share: int = 0
    connections_timed_out: int = 0
    stalled: int = 0
    channels: int = 0
    malformed: int = 0
    requests: int = 0
    requests_rejected: int = 0
    security_rejected_requests: int = 0
    sessions_created: int = 0
    sessions_rejected: int = 0
    sessions_over_share: int = 0
    security_rejected_sessions: int = 0
    sessions_timed_out: int = 0
    sessions_aborted: int = 0
    bugs: int = 0


class Rate:
    """A token bucket per key. Full buckets are forgotten, so it holds only who was busy lately."""

    def __init__(self, per_s: float, burst: int, now_s: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._now_s = now_s
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, key: str) -> bool:
        """Takes one; False when there is none."""
        now_s = self._now_s()
        if len(self._left) >= PEERS_MAX:
            self._forget(now_s)
        left, at_s = self._left.get(key, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at_s) * self._per_s)
        allowed = left >= 1.0
        self._left[key] = (left - 1.0 if allowed else left, now_s)
        return allowed

    def _forget(self, now_s: float) -> None:
        refill_s = self._burst / self._per_s
        self._left = {
            key: (left, at_s) for key, (left, at_s) in self._left.items() if now_s - at_s < refill_s
        }
        while len(self._left) >= PEERS_MAX:  # more busy peers than that: the oldest starts afresh
            self._left.pop(next(iter(self._left)))


class QuietLog:
    """One line per kind and minute, and then how many there were: a stranger cannot fill the disk."""

    def __init__(self, name: str, now_s: Callable[[], float], every_s: float = 60.0) -> None:
        self._log = structlog.get_logger(name)
        self._now_s = now_s
        self._every_s = every_s
        self._seen: dict[str, tuple[float, int]] = {}

    def tell(self, kind: str, text: str, **more: Any) -> None:
        """kind: one of few, and never made of what a client sent."""
        now_s = self._now_s()
        last_s, left_out = self._seen.get(kind, (-self._every_s, 0))
        if now_s - last_s < self._every_s:
            self._seen[kind] = (last_s, left_out + 1)
            return
        self._seen[kind] = (now_s, 0)
        if left_out:
            more["left_out"] = left_out
        self._log.warning(text, **more)
