"""PLC L, turbines: start-up string and I-24 with its lock-out (three trips in 24 h)."""

from __future__ import annotations

from collections import deque
from typing import Final

from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import OnDelay

PURGE_S: Final = 120.0
CONDITIONING_S: Final = 60.0
STARTUP_S: Final = 60.0
STARTUP_RPS: Final = 2200.0
RUN_RPS: Final = 3000.0
LOW_MASK_S: Final = 120.0
STANDSTILL_S: Final = 300.0
LOCK_OUT_TRIPS: Final = 3
DAY_S: Final = 86400.0


class TurbineString:
    """wanted: the cold mode asks for turbines. set_rps goes to both brakes."""

    def __init__(self, plc: PlcCore, state: int) -> None:
        self._plc = plc
        self.machines = (
            plc.machine("turbine 1", s.TURBINE, state),
            plc.machine("turbine 2", s.TURBINE, state),
        )
        self.fault = plc.trip("I-24", latched=True)
        self.wanted = state == s.TRB_RUN
        self.trips: deque[float] = deque()
        names = (
            "low 1",
            "low 2",
            "brake 1",
            "brake 2",
            "water",
            "bearing",
            "inlet",
            "ratio",
            "cold 1",
            "cold 2",
        )
        self._delay = {name: OnDelay() for name in names}

    @property
    def state(self) -> int:
        return self.machines[0].state

    @property
    def locked_out(self) -> bool:
        return len(self.trips) >= LOCK_OUT_TRIPS

    @property
    def set_rps(self) -> float:
        return {s.TRB_STARTUP: STARTUP_RPS, s.TRB_RUN: RUN_RPS}.get(self.state, 0.0)

    @property
    def turning(self) -> bool:
        return self.state in (s.TRB_STARTUP, s.TRB_RUN)

    def scan(self, pv: dict[str, float], dt_s: float) -> None:
        now_s = self._plc.now_s
        before = self.fault.tripped
        self.fault.judge(now_s, *self._causes(pv, dt_s))
        if self.fault.tripped and not before:
            self.trips.append(now_s)
        while self.trips and now_s - self.trips[0] >= DAY_S:
            self.trips.popleft()
        still = pv["ST-721"] < 20.0 and pv["ST-731"] < 20.0
        if (
            self.fault.clear_when(still, STANDSTILL_S, now_s, dt_s)
            and self._plc.button
            and not self.locked_out
        ):
            self.fault.reset(now_s)
        self._move()

    def _causes(self, pv: dict[str, float], dt_s: float) -> tuple[tuple[str, bool], ...]:
        delay = self._delay
        run = self.state == s.TRB_RUN
        settled = run and self.machines[0].for_s >= LOW_MASK_S
        return (
            ("ST-721>3600", pv["ST-721"] > 3600.0),
            ("ST-731>3600", pv["ST-731"] > 3600.0),
            ("ST-721<1200", delay["low 1"](settled and pv["ST-721"] < 1200.0, 1.0, dt_s)),
            ("ST-731<1200", delay["low 2"](settled and pv["ST-731"] < 1200.0, 1.0, dt_s)),
            ("TT-723>70", delay["brake 1"](run and pv["TT-723"] > 70.0, 10.0, dt_s)),
            ("TT-733>70", delay["brake 2"](run and pv["TT-733"] > 70.0, 10.0, dt_s)),
            ("FSL-724", delay["water"](run and pv["FSL-724"] < 0.5, 10.0, dt_s)),
            ("PSL-725", delay["bearing"](run and pv["PSL-725"] < 0.5, 10.0, dt_s)),
            ("PT-721<3", delay["inlet"](settled and pv["PT-721"] < 3.0, 5.0, dt_s)),
            ("PT-722<1.5", delay["ratio"](settled and pv["PT-722"] < 1.5, 5.0, dt_s)),
            ("TT-722<25", delay["cold 1"](settled and pv["TT-722"] < 25.0, 10.0, dt_s)),
            ("TT-732<8", delay["cold 2"](settled and pv["TT-732"] < 8.0, 10.0, dt_s)),
        )

    def _move(self) -> None:
        for machine in self.machines:
            state, for_s = machine.state, machine.for_s
            if self.fault.tripped:
                if state != s.TRB_TRIP:
                    machine.to(s.TRB_TRIP)
            elif state == s.TRB_TRIP or (not self.wanted and state != s.TRB_OFF):
                machine.to(s.TRB_OFF)
            elif self.wanted and state == s.TRB_OFF:
                machine.to(s.TRB_PURGE)
            elif state == s.TRB_PURGE and for_s >= PURGE_S:
                machine.to(s.TRB_CONDITIONING)
            elif state == s.TRB_CONDITIONING and for_s >= CONDITIONING_S:
                machine.to(s.TRB_STARTUP)
            elif state == s.TRB_STARTUP and for_s >= STARTUP_S:
                machine.to(s.TRB_RUN)

    def publish(self) -> None:
        out = self._plc.out
        out["XS-726"], out["XS-736"] = (float(machine.state) for machine in self.machines)
        out["XZ-727"] = 0.0 if self.fault.tripped else 1.0
