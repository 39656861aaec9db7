"""Delays, trips and the record of which cause came first."""

from __future__ import annotations

from dataclasses import dataclass


class OnDelay:
    """True once a condition has held for a time (IEC 61131-3 TON)."""

    __slots__ = ("held_s",)

    def __init__(self) -> None:
        self.held_s = -1.0

    def __call__(self, condition: bool, delay_s: float, dt_s: float) -> bool:
        if not condition:
            self.held_s = -1.0
            return False
        self.held_s = 0.0 if self.held_s < 0.0 else self.held_s + dt_s
        return self.held_s >= delay_s - 1e-9


@dataclass(slots=True)
class PlcTrip:
    """One trip of a PLC. cause: the first-out. cleared_s: when it was reset, None while it stands."""

    id: str
    plc: str
    cause: str
    at_s: float
    cleared_s: float | None = None


class TripLog:
    """Every trip of one PLC since the start, oldest first."""

    __slots__ = ("entries", "plc")

    def __init__(self, plc: str) -> None:
        self.plc = plc
        self.entries: list[PlcTrip] = []


class Trip:
    """One row of the cause-and-effect table, or one part of it.

    `judge` takes the causes in order and keeps the first that is present as first-out. Latched trips
    stand until `reset`; the others clear when no cause is present and the reset condition has held.
    """

    __slots__ = ("_log", "_record", "_steady", "id", "latched", "ready", "tripped")

    def __init__(self, name: str, log: TripLog, *, latched: bool) -> None:
        self.id = name
        self.latched = latched
        self.tripped = False
        self.ready = False  # the reset condition holds; a latched trip waits for somebody to ask
        self._log = log
        self._record: PlcTrip | None = None
        self._steady = OnDelay()

    @property
    def first_out(self) -> str:
        return self._record.cause if self._record is not None and self.tripped else ""

    @property
    def since_s(self) -> float:
        return self._record.at_s if self._record is not None else 0.0

    def judge(self, now_s: float, *causes: tuple[str, bool]) -> bool:
        """True while the trip stands."""
        if not self.tripped:
            for name, present in causes:
                if present:
                    self._trip(now_s, name)
                    break
        return self.tripped

    def _trip(self, now_s: float, cause: str) -> None:
        self.tripped = True
        self._record = PlcTrip(self.id, self._log.plc, cause, now_s)
        self._log.entries.append(self._record)

    def clear_when(
        self, healthy: bool, hold_s: float, now_s: float, dt_s: float, at_least_s: float = 0.0
    ) -> bool:
        """Whether the reset condition has held; an unlatched trip clears itself then."""
        if not self.tripped:
            return True
        self.ready = self._steady(healthy, hold_s, dt_s) and now_s - self.since_s >= at_least_s
        if self.ready and not self.latched:
            self._clear(now_s)
        return self.ready

    def reset(self, now_s: float) -> bool:
        """Somebody asks. Whether the trip is gone: it stays while its reset condition does not hold."""
        if self.tripped and self.ready:
            self._clear(now_s)
        return not self.tripped

    def _clear(self, now_s: float) -> None:
        assert self._record is not None  # a standing trip has its record
        self._record.cleared_s = now_s
        self.tripped = False
        self.ready = False
        self._steady = OnDelay()
