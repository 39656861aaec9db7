"""PLC L, dewar and filling station: I-23 (fill aborts, heater), return valve, fill sequence."""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import clip
from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.command import ACCEPTED, BUSY, REFUSED_INTERLOCK
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import OnDelay

PRECOOL_S: Final = 180.0
FULL_KG: Final = 48.0  # a 50 L dewar with its tare of 42 kg
FULL_FOR_S: Final = 300.0
SET_MBARG: Final = 180.0


class FillingLogic:
    """valve: XV-811. heater, heater_permit: EH-804. return_valve: UY-743, per cent."""

    def __init__(self, plc: PlcCore) -> None:
        self._plc = plc
        self.machine = plc.machine("fill", s.FILL, s.FILL_IDLE)
        self.abort = plc.trip("I-23 fill", latched=True)
        self.pressure = plc.trip("I-23 pressure", latched=False)
        self.oxygen = plc.trip("I-25 fill", latched=True)
        self.heater_permit = True
        self.heater = False
        self.return_valve = 60.0
        self.taken_away = False
        self.fill_s = 0.0
        self._integral = 60.0
        self._delay = {name: OnDelay() for name in ("cold", "weight", "pressure", "time")}

    @property
    def valve(self) -> bool:
        return self.machine.state in (s.FILL_PRECOOL, s.FILL_FILL)

    def command(self, word: str, pv: dict[str, float]) -> int:
        """XV-811.CMD: shut at any time; open starts a fill."""
        if word == "shut":
            if self.valve:
                self.machine.to(s.FILL_IDLE)
            return ACCEPTED
        if self.abort.tripped or self.oxygen.tripped or self._plc.wires.stop_all or pv["LT-801"] < 10.0:
            return REFUSED_INTERLOCK
        if self.machine.state != s.FILL_IDLE:
            return ACCEPTED if self.valve else BUSY
        self.machine.to(s.FILL_PRECOOL)
        self.fill_s = 0.0
        return ACCEPTED

    def permit(self, word: str) -> int:
        """EH-804.CMD."""
        self.heater_permit = word == "permit"
        return ACCEPTED

    def scan(self, pv: dict[str, float], dt_s: float) -> None:
        self._trips(pv, dt_s)
        self._move(pv, dt_s)
        if self.pressure.tripped or not self.heater_permit or pv["PT-803"] > 150.0:
            self.heater = False
        elif pv["PT-803"] < 90.0 and pv["LT-801"] > 10.0:
            self.heater = True
        error = pv["PT-803"] - SET_MBARG
        self._integral = clip(self._integral + error * 2e-4 * dt_s, 0.0, 100.0)
        self.return_valve = clip(self._integral + 0.4 * error, 0.0, 100.0)

    def _trips(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay, filling = self._plc.now_s, self._delay, self.valve
        self.abort.judge(
            now_s,
            ("TT-813<-255", delay["cold"](filling and pv["TT-813"] < -255.0, 20.0, dt_s)),
            ("WT-814>250", delay["weight"](filling and pv["WT-814"] > 250.0, 5.0, dt_s)),
            ("KT-816>90", delay["time"](filling and self.fill_s > 5400.0, 0.0, dt_s)),
        )
        self.abort.clear_when(not filling, 10.0, now_s, dt_s)
        self.pressure.judge(now_s, ("PT-803>=400", delay["pressure"](pv["PT-803"] >= 400.0, 10.0, dt_s)))
        self.pressure.clear_when(pv["PT-803"] < 350.0, 0.0, now_s, dt_s)
        self.oxygen.judge(now_s, ("O2<18", self._plc.wires.evacuate))
        self.oxygen.clear_when(not self._plc.wires.evacuate, 0.0, now_s, dt_s)

    def _move(self, pv: dict[str, float], dt_s: float) -> None:
        machine = self.machine
        stop = self.abort.tripped or self.oxygen.tripped or self._plc.wires.stop_all
        self.taken_away = False
        if self.valve:
            self.fill_s += dt_s
            if stop:
                machine.to(s.FILL_ABORT)
            elif machine.state == s.FILL_PRECOOL and machine.for_s >= PRECOOL_S:
                machine.to(s.FILL_FILL)
            elif machine.state == s.FILL_FILL and pv["WT-814"] >= FULL_KG:
                machine.to(s.FILL_FULL)
        elif machine.state == s.FILL_FULL and machine.for_s >= FULL_FOR_S:
            machine.to(s.FILL_IDLE)
            self.taken_away = True
        elif machine.state == s.FILL_ABORT and not stop:
            machine.to(s.FILL_IDLE)

    def publish(self) -> None:
        out = self._plc.out
        out["XS-812"], out["KT-816"] = float(self.machine.state), min(self.fill_s / 60.0, 240.0)
        out["EH-804"] = 1.0 if self.heater else 0.0
        out["EH-804.PERM"] = 1.0 if self.heater_permit else 0.0
        out["UY-743"] = self.return_valve
