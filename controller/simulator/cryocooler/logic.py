"""The two PLCs of the small plant: R (bag, compressor, bank) and C (cold head, dewar)."""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import clip, p35_mpag
from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.command import ACCEPTED, BUSY, REFUSED_INTERLOCK
from controller.simulator.plc_logic.compressor import CompressorLogic
from controller.simulator.plc_logic.controller import Hardwired, PlcCore
from controller.simulator.plc_logic.trip import OnDelay

FULL_MPAG: Final = 14.1
OIL_MASK_S: Final = 20.0
STARTUP_S: Final = 15.0
SET_MBARG: Final = 100.0


class SmallRecoveryPlc(PlcCore):
    """divert, fill, feed: what XV-216, XV-411 and XV-412 are told."""

    def __init__(self, wires: Hardwired) -> None:
        super().__init__("R", wires)
        self.c301 = CompressorLogic(self.machine("C-301", s.COMPRESSOR, s.STANDBY), auto=True)
        self.suction = self.trip("I-01", latched=True)
        self.oil = self.trip("I-02", latched=True)
        self.oxygen = self.trip("I-04", latched=True)
        self.empty = self.trip("bag empty", latched=False)
        self.divert = False
        self.fill = True
        self.feed = True
        self.level_ignored = False
        self._full = False
        self._delay = {name: OnDelay() for name in ("suction", "oil", "AT-941", "AT-942", "empty")}
        self.port("C-301.CMD", ("start", "stop", "reset"))
        self.port("XV-216.CMD", ("normal", "divert"))
        self.port("XV-411.CMD", ("open", "shut"))
        self.port("XV-412.CMD", ("open", "shut"))

    def scan(self, pv: dict[str, float], dt_s: float, wall_s: float) -> None:
        self.tick(dt_s, wall_s)
        p35 = p35_mpag(max(pv["PT-401"], 0.0), pv["TT-402"])
        self._full = p35 >= (13.6 if self._full else FULL_MPAG)
        self._trips(pv, dt_s)
        for name, port in self.ports.items():
            word = port.poll(self.watchdog)
            if word is not None:
                port.answer(self._judge(name, word))
        if self.suction.tripped or self.oil.tripped or pv["XS-947"] < 0.5:
            self.c301.trip()
        if self._blocked:
            self.c301.stop()
        level = pv["LT-201"]
        enough = level < 30.0 and not self.level_ignored
        self.c301.scan(self.now_s, dt_s, blocked=self._blocked, wanted=level > 75.0, enough=enough)
        self.out["XS-301"] = float(self.c301.state)
        self.out["XA-344"] = 1.0 if self.c301.state == s.ERROR else 0.0

    @property
    def _blocked(self) -> bool:
        rows = (self.suction, self.oil, self.empty)
        return self._full or not self.fill or any(row.tripped for row in rows)

    def _trips(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay, turning = self.now_s, self._delay, self.c301.running
        low = delay["suction"](turning and pv["PT-303"] < -1.0, 1.0, dt_s)
        self.suction.judge(now_s, ("PT-303<-1", low))
        self.suction.clear_when(pv["LT-201"] > 35.0 and pv["PT-204"] > 1.5, 0.0, now_s, dt_s)
        unmasked = turning and self.c301.since_start_s > OIL_MASK_S
        self.oil.judge(now_s, ("PT-317<1.2", delay["oil"](unmasked and pv["PT-317"] < 1.2, 10.0, dt_s)))
        if self.oil.clear_when(not turning, 10.0, now_s, dt_s) and self.button:
            self.oil.reset(now_s)
            self.c301.reset()
        self.empty.judge(now_s, ("LT-201<5", delay["empty"](pv["LT-201"] < 5.0, 2.0, dt_s)))
        self.empty.clear_when(pv["LT-201"] > 35.0, 0.0, now_s, dt_s)
        for head in ("AT-941", "AT-942"):
            if delay[head](pv[head] < 18.0, 3.0, dt_s):
                self.oxygen.judge(now_s, (f"{head}<18", True))
        safe = pv["AT-941"] > 20.0 and pv["AT-942"] > 20.0
        if self.oxygen.clear_when(safe, 0.0, now_s, dt_s) and self.button:
            self.oxygen.reset(now_s)
        self.wires.evacuate = self.oxygen.tripped

    def _judge(self, name: str, word: str) -> int:
        if name == "C-301.CMD":
            if word != "reset":
                return self.c301.command(word, self._blocked)
            if not self.suction.reset(self.now_s) or self.oil.tripped:
                return REFUSED_INTERLOCK  # the oil trip is reset at the machine
            self.c301.reset()
        elif name == "XV-216.CMD":
            self.divert = word == "divert"
        elif name == "XV-411.CMD":
            if word == "open" and self._full:
                return REFUSED_INTERLOCK
            self.fill = word == "open"
        else:
            self.feed = word == "open"
        return ACCEPTED


class CryocoolerPlc(PlcCore):
    """on: the cold-head compressor runs. valve: XV-811. heater_w: EH-753."""

    def __init__(self, wires: Hardwired) -> None:
        super().__init__("C", wires)
        self.compressor = self.machine("K-760", s.CYCLE, s.CMP_ON)
        self.fault = self.trip("I-03", latched=True)
        self.wanted = True
        self.valve = False
        self.heater_w = 0.2
        self.error_word = [0]
        self._delay = {name: OnDelay() for name in ("hp", "oil", "water")}
        self.port("K-760.CMD", ("start", "stop", "reset"))
        self.port("XV-811.CMD", ("open", "shut"))

    @property
    def on(self) -> bool:
        return self.compressor.state in (s.CMP_STARTUP, s.CMP_ON)

    def scan(self, pv: dict[str, float], dt_s: float, wall_s: float) -> None:
        self.tick(dt_s, wall_s)
        now_s, delay = self.now_s, self._delay
        before = self.fault.tripped
        self.fault.judge(
            now_s,
            ("PT-761>27", delay["hp"](pv["PT-761"] > 27.0, 3.0, dt_s)),
            ("TT-763>70", delay["oil"](pv["TT-763"] > 70.0, 30.0, dt_s)),
            ("TT-764>35", delay["water"](pv["TT-764"] > 35.0, 30.0, dt_s)),
        )
        if self.fault.tripped and not before:
            causes = {"PT-761>27": 1, "TT-763>70": 2, "TT-764>35": 4}
            self.error_word[0] = causes[self.fault.first_out]
        self.fault.clear_when(pv["TT-763"] < 60.0 and pv["TT-764"] < 28.0, 0.0, now_s, dt_s)
        for name, port in self.ports.items():
            word = port.poll(self.watchdog)
            if word is not None:
                port.answer(self._judge(name, word))
        if self.wires.evacuate:
            self.valve = False
        self._move()
        self.heater_w = clip(0.2 + 0.004 * (SET_MBARG - pv["PT-803"]), 0.0, 0.3) if self.on else 0.0
        self.out["XS-760"], self.out["EH-753"] = float(self.compressor.state), self.heater_w

    def _move(self) -> None:
        machine = self.compressor
        if self.fault.tripped:
            self.wanted = False
            if machine.state != s.CMP_FAULT:
                machine.to(s.CMP_FAULT)
        elif machine.state == s.CMP_FAULT or (self.on and not self.wanted):
            machine.to(s.CMP_OFF)
        elif machine.state == s.CMP_OFF and self.wanted:
            machine.to(s.CMP_STARTUP)
        elif machine.state == s.CMP_STARTUP and machine.for_s >= STARTUP_S:
            machine.to(s.CMP_ON)

    def _judge(self, name: str, word: str) -> int:
        if name == "XV-811.CMD":
            if word == "open" and self.wires.evacuate:
                return REFUSED_INTERLOCK
            self.valve = word == "open"
            return ACCEPTED
        if word == "reset" and self.fault.reset(self.now_s):
            self.error_word[0] = 0
            return ACCEPTED
        if word != "stop" and self.fault.tripped:
            return REFUSED_INTERLOCK
        if word == "start" and self.compressor.state == s.CMP_STARTUP:
            return BUSY
        self.wanted = word == "start"
        return ACCEPTED
