"""The state machines of the plant as tables: number, name, and which state may follow which.

Recovery compressors and the skid booster share one machine (0 error .. 13 drain). A change that the
table does not know is remembered as a violation; the simulator's invariants look at those.
"""

from __future__ import annotations

from typing import Final

# Recovery compressors C-301, C-351 and the skid booster K-109
(
    ERROR, INIT, START_INHIBIT, READY, OP_INHIBIT, STANDBY, START_UNLOAD,
    STARTING, LOAD_DELAY, UNDER_LOAD, RELOAD_DELAY, OFFLOAD, STOPPED, DRAIN,
) = range(14)  # fmt: skip
_REST: Final = {ERROR, START_INHIBIT, READY, OP_INHIBIT, STANDBY}
COMPRESSOR: Final[dict[int, set[int]]] = {
    ERROR: {INIT},
    INIT: _REST,
    START_INHIBIT: _REST,
    READY: _REST | {START_UNLOAD},
    OP_INHIBIT: _REST,
    STANDBY: _REST | {START_UNLOAD},
    START_UNLOAD: {STARTING, STOPPED, ERROR},
    STARTING: {LOAD_DELAY, STOPPED, ERROR},
    LOAD_DELAY: {UNDER_LOAD, STOPPED, ERROR},
    UNDER_LOAD: {OFFLOAD, ERROR},
    RELOAD_DELAY: {UNDER_LOAD, OFFLOAD, ERROR},
    OFFLOAD: {RELOAD_DELAY, STOPPED, ERROR},
    STOPPED: {DRAIN, ERROR},
    DRAIN: _REST,
}

# Purifier
PUR_OFF, PUR_COOLDOWN, RE_COOL, PURGE, PUR_STANDBY, PURIFY, REGENERATE, PUR_ALARM, SELECTED = range(9)
PURIFIER: Final[dict[int, set[int]]] = {
    PUR_OFF: {SELECTED, PUR_ALARM},
    PUR_COOLDOWN: {PURGE, PUR_OFF, PUR_ALARM},
    RE_COOL: {PUR_STANDBY, PURIFY, PUR_OFF, PUR_ALARM},
    PURGE: {PUR_STANDBY, PUR_OFF, PUR_ALARM},
    PUR_STANDBY: {PURIFY, REGENERATE, PUR_COOLDOWN, PUR_OFF, PUR_ALARM},
    PURIFY: {PUR_STANDBY, REGENERATE, PUR_OFF, PUR_ALARM},
    REGENERATE: {RE_COOL, PUR_OFF, PUR_ALARM},
    PUR_ALARM: {REGENERATE, PUR_STANDBY, PUR_OFF},
    SELECTED: {PUR_COOLDOWN, PUR_OFF, PUR_ALARM},
}

# Cycle compressor
CMP_OFF, CMP_STARTUP, CMP_ON, CMP_FAULT = 0, 1, 2, 4
CYCLE: Final[dict[int, set[int]]] = {
    CMP_OFF: {CMP_STARTUP, CMP_FAULT},
    CMP_STARTUP: {CMP_ON, CMP_OFF, CMP_FAULT},
    CMP_ON: {CMP_OFF, CMP_FAULT},
    CMP_FAULT: {CMP_OFF},
}

# Cold mode
COLD_OFF, COLD_ON, COOLDOWN, LIQUEFY, COLD_TRIP, LN2_INTERLOCK = 0, 1, 2, 3, 5, 6
COLD_MODE: Final[dict[int, set[int]]] = {
    COLD_OFF: {COLD_ON, COLD_TRIP},
    COLD_ON: {COOLDOWN, COLD_OFF, COLD_TRIP},
    COOLDOWN: {LIQUEFY, COLD_ON, COLD_TRIP, LN2_INTERLOCK},
    LIQUEFY: {COOLDOWN, COLD_ON, COLD_TRIP},
    COLD_TRIP: {COLD_OFF},
    LN2_INTERLOCK: {COLD_ON, COLD_OFF, COLD_TRIP},
}

# Turbines
TRB_OFF, TRB_PURGE, TRB_CONDITIONING, TRB_STARTUP, TRB_RUN, TRB_TRIP = range(6)
TURBINE: Final[dict[int, set[int]]] = {
    TRB_OFF: {TRB_PURGE, TRB_TRIP},
    TRB_PURGE: {TRB_CONDITIONING, TRB_OFF, TRB_TRIP},
    TRB_CONDITIONING: {TRB_STARTUP, TRB_OFF, TRB_TRIP},
    TRB_STARTUP: {TRB_RUN, TRB_OFF, TRB_TRIP},
    TRB_RUN: {TRB_OFF, TRB_TRIP},
    TRB_TRIP: {TRB_OFF},
}

# Filling of portable dewars
FILL_IDLE, FILL_PRECOOL, FILL_FILL, FILL_FULL, FILL_ABORT = range(5)
FILL: Final[dict[int, set[int]]] = {
    FILL_IDLE: {FILL_PRECOOL, FILL_ABORT},
    FILL_PRECOOL: {FILL_FILL, FILL_IDLE, FILL_ABORT},
    FILL_FILL: {FILL_FULL, FILL_IDLE, FILL_ABORT},
    FILL_FULL: {FILL_IDLE},
    FILL_ABORT: {FILL_IDLE},
}


class StateMachine:
    """Where one machine stands and for how long (plant seconds)."""

    __slots__ = ("_table", "for_s", "name", "skipped", "state")

    def __init__(self, name: str, table: dict[int, set[int]], state: int) -> None:
        self.name = name
        self.state = state
        self.for_s = 0.0
        self.skipped: list[str] = []
        self._table = table

    def to(self, state: int) -> None:
        if state == self.state:
            return
        if state not in self._table[self.state]:
            self.skipped.append(f"{self.name}: state {self.state} was followed by {state}")
        self.state = state
        self.for_s = 0.0

    def wait(self, dt_s: float) -> None:
        self.for_s += dt_s
