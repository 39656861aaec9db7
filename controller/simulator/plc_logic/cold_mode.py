"""PLC L, cold box: cold mode, JT and bypass valves; I-20, I-21, I-22, I-23 (dewar full), I-26.

Start: compressor on and steady for 5 min -> turbines up -> cool-down -> liquefy at 11 K before JT.
Stop: JT and turbine inlet shut, cold mode 1 for 30 min with the compressor on bypass, then off.
"""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import clip
from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.command import ACCEPTED, BUSY, REFUSED_INTERLOCK
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.cycle import CycleLogic
from controller.simulator.plc_logic.trip import OnDelay
from controller.simulator.plc_logic.turbine_string import TurbineString

STEADY_S: Final = 300.0
RUN_ON_S: Final = 1800.0
LIQUEFY_BELOW_K: Final = 11.0
BACK_ABOVE_K: Final = 14.0
INLET_OPEN: Final = 80.0
JT_OPEN: Final = 35.0


class ColdModeLogic:
    """wanted: somebody asked for liquefaction. inlet, jt, bypass: UY-720, UY-741, UY-742 in per cent."""

    def __init__(self, plc: PlcCore, state: int, cycle: CycleLogic, turbines: TurbineString) -> None:
        self._plc = plc
        self._cycle = cycle
        self._turbines = turbines
        self.machine = plc.machine("cold mode", s.COLD_MODE, state)
        self.buffer = plc.trip("I-20", latched=True)
        self.dirty = plc.trip("I-21", latched=True)
        self.vacuum = plc.trip("I-22", latched=True)
        self.dewar_full = plc.trip("I-23", latched=False)
        self.nitrogen = plc.trip("I-26", latched=False)
        self.wanted = state in (s.COOLDOWN, s.LIQUEFY)
        self.oil_warning = False
        self.jt = JT_OPEN if state == s.LIQUEFY else 0.0
        self.cooldown_bypass = 0.0
        self._steady = OnDelay()
        names = ("buffer", "oil", "n2", "dp", "vacuum", "full", "ln2", "vent", "level")
        self._delay = {name: OnDelay() for name in names}

    @property
    def on(self) -> bool:
        return self.machine.state in (s.COOLDOWN, s.LIQUEFY)

    @property
    def inlet(self) -> float:
        shut = self._turbines.fault.tripped or self.dirty.tripped
        return INLET_OPEN if self.on and not shut else 20.0 if self._starting and not shut else 0.0

    @property
    def _starting(self) -> bool:
        return self.machine.state == s.COLD_ON and self.wanted and self._turbines.turning

    @property
    def isolate(self) -> bool:
        """XV-704 shut."""
        return self.vacuum.tripped

    def _tripped(self) -> bool:
        return self._cycle.fault.tripped or self._plc.wires.stop_all or any(
            row.tripped for row in (self._turbines.fault, self.buffer, self.dirty, self.vacuum)
        )  # fmt: skip

    def command(self, word: str, resettable: bool) -> int:
        """LIQ.CMD. resettable: no latch of L stands any more."""
        state = self.machine.state
        if word == "stop":
            self.wanted = False
            return ACCEPTED
        if word == "reset":
            if not resettable or self._tripped():
                return REFUSED_INTERLOCK
            if state == s.COLD_TRIP:
                self.machine.to(s.COLD_OFF)
            return ACCEPTED
        if self._tripped() or state == s.COLD_TRIP or self._turbines.locked_out or self.dewar_full.tripped:
            return REFUSED_INTERLOCK
        if self.on:
            return ACCEPTED if self.wanted else BUSY
        self.wanted = self._cycle.wanted = True
        if state == s.COLD_OFF:
            self.machine.to(s.COLD_ON)
        return ACCEPTED

    def scan(self, pv: dict[str, float], dt_s: float) -> None:
        self._trips(pv, dt_s)
        self._move(pv, dt_s)
        machine = self.machine
        opening = JT_OPEN if machine.state == s.LIQUEFY else 0.0
        self.jt = max(self.jt - 50.0 * dt_s, opening) if opening < self.jt else min(self.jt + dt_s, opening)
        narrow = clip((pv["TT-741"] - 11.0) / 289.0, 0.0, 1.0)
        self.cooldown_bypass = 100.0 * narrow if machine.state == s.COOLDOWN else 0.0
        self._turbines.wanted = self.wanted and (self.on or self._steady.held_s >= STEADY_S)
        self._cycle.bypass = not self.on or self.buffer.tripped

    def _trips(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay = self._plc.now_s, self._delay
        self.buffer.judge(now_s, ("PT-604<4.5", delay["buffer"](self.on and pv["PT-604"] < 4.5, 60.0, dt_s)))
        self.buffer.clear_when(pv["PT-604"] > 6.0, 0.0, now_s, dt_s)
        oil = delay["oil"](pv["AT-619"] > 200.0, 120.0, dt_s)
        n2 = delay["n2"](self.on and pv["AT-617"] > 10.0, 120.0, dt_s)
        dp = delay["dp"](pv["PDT-745"] > 0.3, 60.0, dt_s)
        self.dirty.judge(now_s, ("AT-619>200", oil), ("AT-617>10", n2), ("PDT-745>0.3", dp))
        clean = pv["AT-619"] < 50.0 and pv["AT-617"] < 5.0 and pv["PDT-745"] < 0.15
        self.dirty.clear_when(clean, 600.0, now_s, dt_s)
        wet = pv["LSH-613"] > 0.5 or pv["LSH-614"] > 0.5
        self.oil_warning = delay["level"](wet, 60.0, dt_s)  # the level only warns
        self.vacuum.judge(now_s, ("PT-703>1e-2", delay["vacuum"](pv["PT-703"] > 1e-2, 60.0, dt_s)))
        self.vacuum.clear_when(pv["PT-703"] < 1e-3, 60.0, now_s, dt_s)
        full = delay["full"](self.on and pv["LT-801"] >= 98.0, 60.0, dt_s)
        self.dewar_full.judge(now_s, ("LT-801>=98", full))
        self.dewar_full.clear_when(pv["LT-801"] < 95.0, 60.0, now_s, dt_s)
        ln2 = delay["ln2"](pv["LT-901"] < 20.0, 60.0, dt_s)
        vent = delay["vent"](pv["TT-904"] < -30.0, 60.0, dt_s)
        self.nitrogen.judge(now_s, ("LT-901<20", ln2), ("TT-904<-30", vent))
        self.nitrogen.clear_when(pv["LT-901"] > 25.0 and pv["TT-904"] > -10.0, 60.0, now_s, dt_s)

    def _move(self, pv: dict[str, float], dt_s: float) -> None:
        machine, turbines = self.machine, self._turbines
        state = machine.state
        running = self._cycle.machine.state == s.CMP_ON
        self._steady(state == s.COLD_ON and self.wanted and running, STEADY_S, dt_s)
        self.wanted &= not self.dewar_full.tripped
        if self._tripped():
            self.wanted = False
            softly = self.dirty.tripped and not turbines.fault.tripped and state in (s.COOLDOWN, s.LIQUEFY)
            if softly:
                machine.to(s.COLD_ON)  # I-21: turbines run down first
            elif state != s.COLD_TRIP and not (self._running_down(state)):
                machine.to(s.COLD_TRIP)
        elif self.on and (not self.wanted or turbines.state != s.TRB_RUN):
            machine.to(s.COLD_ON)
        elif state == s.COLD_ON and self.wanted and turbines.state == s.TRB_RUN:
            machine.to(s.COOLDOWN)
        elif state == s.COLD_ON and not self.wanted and machine.for_s >= RUN_ON_S:
            machine.to(s.COLD_OFF)
            self._cycle.wanted = False
        elif state == s.COOLDOWN and pv["TT-741"] < LIQUEFY_BELOW_K:
            machine.to(s.LIQUEFY)
        elif state == s.LIQUEFY and pv["TT-741"] > BACK_ABOVE_K:
            machine.to(s.COOLDOWN)

    def _running_down(self, state: int) -> bool:
        """I-21 leaves 30 s between shutting the inlet and the trip of the cold mode."""
        return self.dirty.tripped and state == s.COLD_ON and self.machine.for_s < 30.0

    def publish(self) -> None:
        out = self._plc.out
        state = self.machine.state
        out["XS-701"] = float(state)
        out["XS-702"] = 0.0
        out["UY-741"], out["UY-742"] = self.jt, self.cooldown_bypass
        for tag in ("UY-720.MAN", "UY-741.MAN", "UY-742.MAN", "UY-743.MAN"):
            out[tag] = 0.0
        out["FV-905"] = 0.0 if self.nitrogen.tripped else 20.0 if self.on else 5.0
