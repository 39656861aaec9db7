"""The control of a recovery compressor (also of the skid booster): start, load, unload, stop, drain.

Start: unloaded 15 s, then starting 2 s and load delay 3 s. Stop: off-load 5 s, stopped 10 s, drain 20 s.
In automatic it starts above one bag level and stops below another. Six starts in 60 min inhibit the next.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.command import ACCEPTED, BUSY, REFUSED_INTERLOCK, REFUSED_MODE
from controller.simulator.plc_logic.states import StateMachine

RUNNING: Final = frozenset(
    {s.START_UNLOAD, s.STARTING, s.LOAD_DELAY, s.UNDER_LOAD, s.RELOAD_DELAY, s.OFFLOAD}
)
STARTS_PER_HOUR: Final = 6
OFF_TIME_S: Final = 60.0
INIT_S: Final = 3.0
START_UNLOAD_S: Final = 15.0
STARTING_S: Final = 2.0
LOAD_DELAY_S: Final = 3.0
RELOAD_S: Final = 5.0
OFFLOAD_S: Final = 5.0
STOPPED_S: Final = 10.0
DRAIN_S: Final = 20.0


class CompressorLogic:
    """auto: enabled by an operator, level control allowed. obeys_remote: selector not in 'hand'."""

    def __init__(self, machine: StateMachine, *, auto: bool, starts: int = 0) -> None:
        self.machine = machine
        self.auto = auto
        self.obeys_remote = True
        self.starts: deque[float] = deque([-600.0] * starts)
        self._stopping = False
        self._reloading = False
        self._off_s = 1e6
        self._since_start_s = 1e6

    @property
    def state(self) -> int:
        return self.machine.state

    @property
    def running(self) -> bool:
        return self.machine.state in RUNNING

    @property
    def loaded(self) -> bool:
        return self.machine.state == s.UNDER_LOAD

    @property
    def since_start_s(self) -> float:
        """Plant seconds since the motor was switched on; large while the last start is long ago."""
        return self.machine.for_s if self.machine.state == s.START_UNLOAD else self._since_start_s

    @property
    def too_many_starts(self) -> bool:
        """I-13: the next start has to wait until one of the last ones is an hour old."""
        return len(self.starts) >= STARTS_PER_HOUR

    def inhibited(self, blocked: bool) -> bool:
        """blocked: a row of the table forbids the start. The rest are the machine's own inhibits (I-13)."""
        return blocked or self.too_many_starts or self._off_s < OFF_TIME_S

    def command(self, word: str, blocked: bool) -> int:
        """Judge a remote word; gives the result code."""
        if not self.obeys_remote:
            return REFUSED_MODE
        if word == "toggle":
            word = "stop" if self.running or self.state == s.STANDBY else "start"
        if word == "stop":
            self.auto = False
            self.stop()
            return ACCEPTED
        if self.running:
            return BUSY if self.state != s.UNDER_LOAD else ACCEPTED
        if self.state in (s.INIT, s.STOPPED, s.DRAIN):
            return BUSY
        if self.state == s.ERROR or self.inhibited(blocked):
            return REFUSED_INTERLOCK
        self.auto = True
        self._rest(blocked)
        self.machine.to(s.START_UNLOAD)
        return ACCEPTED

    def stop(self) -> None:
        """Unload and stop, or do not start; no error."""
        self._stopping = True

    def offload(self) -> None:
        """Unload for a moment (bank swap) and load again."""
        if self.state == s.UNDER_LOAD:
            self._reloading = True
            self.machine.to(s.OFFLOAD)

    def trip(self) -> None:
        """Stop at once and stand in error until reset."""
        self.auto = False
        self.machine.to(s.ERROR)

    def reset(self) -> None:
        if self.state == s.ERROR:
            self.machine.to(s.INIT)

    def scan(self, now_s: float, dt_s: float, *, blocked: bool, wanted: bool, enough: bool) -> None:
        """wanted: the level asks for gas to be taken. enough: it asks to stop."""
        while self.starts and now_s - self.starts[0] >= 3600.0:
            self.starts.popleft()
        self._off_s = 0.0 if self.running else self._off_s + dt_s
        self._since_start_s += dt_s
        if self.running:
            self._stopping |= enough and self.auto
            self._run(now_s)
        elif self.state in (s.STOPPED, s.DRAIN, s.INIT):
            self._come_to_rest(blocked)
        elif self.state != s.ERROR:
            self._stopping = False
            self._rest(blocked)
            if wanted and self.state == s.STANDBY:
                self.machine.to(s.START_UNLOAD)

    def _rest(self, blocked: bool) -> None:
        inhibited = self.inhibited(blocked)
        if self.auto:
            self.machine.to(s.OP_INHIBIT if inhibited else s.STANDBY)
        else:
            self.machine.to(s.START_INHIBIT if inhibited else s.READY)

    def _run(self, now_s: float) -> None:
        machine = self.machine
        state, for_s = machine.state, machine.for_s
        if self._stopping and state in (s.START_UNLOAD, s.STARTING, s.LOAD_DELAY):
            machine.to(s.STOPPED)
        elif self._stopping and state in (s.UNDER_LOAD, s.RELOAD_DELAY):
            machine.to(s.OFFLOAD)
        elif state == s.START_UNLOAD and for_s >= START_UNLOAD_S:
            self.starts.append(now_s)
            self._since_start_s = for_s
            machine.to(s.STARTING)
        elif state == s.STARTING and for_s >= STARTING_S:
            machine.to(s.LOAD_DELAY)
        elif (state == s.LOAD_DELAY and for_s >= LOAD_DELAY_S) or (
            state == s.RELOAD_DELAY and for_s >= RELOAD_S
        ):
            machine.to(s.UNDER_LOAD)
        elif state == s.OFFLOAD and for_s >= OFFLOAD_S:
            machine.to(s.RELOAD_DELAY if self._reloading and not self._stopping else s.STOPPED)
            self._reloading = False

    def _come_to_rest(self, blocked: bool) -> None:
        machine = self.machine
        self._stopping = False
        if machine.state == s.STOPPED and machine.for_s >= STOPPED_S:
            machine.to(s.DRAIN)
        elif (machine.state == s.DRAIN and machine.for_s >= DRAIN_S) or (
            machine.state == s.INIT and machine.for_s >= INIT_S
        ):
            self._rest(blocked)
