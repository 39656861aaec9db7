"""PLC L, cycle compressor: I-19, and the state machine off / start-up / on / fault."""

from __future__ import annotations

from typing import Final

from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import OnDelay

STARTUP_S: Final = 60.0


class CycleLogic:
    """wanted: the liquefier asks for the compressor. bypass: it runs round itself (UY-620 open)."""

    def __init__(self, plc: PlcCore, state: int) -> None:
        self._plc = plc
        self.machine = plc.machine("cycle compressor", s.CYCLE, state)
        self.fault = plc.trip("I-19", latched=True)
        self.wanted = state != s.CMP_OFF
        self.bypass = False
        self._delay = {name: OnDelay() for name in ("hp", "lp low", "lp high", "hot", "water", "air")}

    @property
    def on(self) -> bool:
        return self.machine.state in (s.CMP_STARTUP, s.CMP_ON)

    def scan(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay, on = self._plc.now_s, self._delay, self.on
        self.fault.judge(
            now_s,
            ("PT-602>9.9", delay["hp"](pv["PT-602"] > 9.9, 1.0, dt_s)),
            ("PT-603<-20", delay["lp low"](on and pv["PT-603"] < -20.0, 5.0, dt_s)),
            ("PT-603>400", delay["lp high"](on and pv["PT-603"] > 400.0, 5.0, dt_s)),
            ("TT-605>105", delay["hot"](on and pv["TT-605"] > 105.0, 5.0, dt_s)),
            ("FSL-625", delay["water"](on and pv["FSL-625"] < 0.5, 10.0, dt_s)),
            ("PT-931<4.5", delay["air"](pv["PT-931"] < 4.5, 10.0, dt_s)),
        )
        healthy = pv["PT-602"] < 9.7 and pv["TT-605"] < 95.0 and pv["FSL-625"] > 0.5 and pv["PT-931"] > 5.0
        self.fault.clear_when(healthy, 0.0, now_s, dt_s)
        self._move()

    def _move(self) -> None:
        machine = self.machine
        if (self.fault.tripped or self._plc.wires.stop_all) and machine.state != s.CMP_FAULT:
            machine.to(s.CMP_FAULT)
            self.wanted = False
        elif machine.state == s.CMP_FAULT and not self.fault.tripped and not self._plc.wires.stop_all:
            machine.to(s.CMP_OFF)
        elif machine.state == s.CMP_OFF and self.wanted:
            machine.to(s.CMP_STARTUP)
        elif machine.state == s.CMP_STARTUP and machine.for_s >= STARTUP_S:
            machine.to(s.CMP_ON)
        elif self.on and not self.wanted:
            machine.to(s.CMP_OFF)

    def publish(self) -> None:
        out = self._plc.out
        out["XS-601"] = float(self.machine.state)
        running_round = self.bypass or not self.on
        out["UY-620"] = 100.0 if running_round else 20.0
        out["UY-621"] = 0.0 if not self.on else 40.0 if running_round else 80.0
        out["SY-623"] = 95.0 if self.on else 0.0
        for tag in ("UY-620.MAN", "UY-621.MAN", "SY-623.MAN"):
            out[tag] = 0.0
