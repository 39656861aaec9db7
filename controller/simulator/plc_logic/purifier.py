"""PLC L, purifier: I-14 (breakthrough), I-15 (warm), I-16 (pressure), I-17 (separator, load), I-18.

standby -> purify (cold, permitted, feed there) -> regenerate at 85 % load (heat 22 min, with
re-cooling some 46 min) -> re-cool -> purify. After I-14 it stands in alarm and does not regenerate by itself.
"""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import clip
from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.command import ACCEPTED, REFUSED_INTERLOCK
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import OnDelay

HEAT_S: Final = 1320.0
FEED_MAX_KG_S: Final = 3e-3
NOMINAL_KG_S: Final = 30.0 * 0.1247 / 3600.0
LIMIT_MIN: Final = {s.REGENERATE: 60.0, s.RE_COOL: 45.0, s.PUR_COOLDOWN: 240.0, s.PURGE: 10.0}


class PurifierLogic:
    """feed_kg_s: what FV-511 lets through. to_box, recycle: XV-519, XV-520. heat: EH-515."""

    def __init__(self, plc: PlcCore, state: int) -> None:
        self._plc = plc
        self.machine = plc.machine("purifier", s.PURIFIER, state)
        self.breakthrough = plc.trip("I-14", latched=True)
        self.not_cold = plc.trip("I-15", latched=False)
        self.pressure = plc.trip("I-16", latched=False)
        self.blocked = plc.trip("I-16 dp", latched=True)
        self.separator = plc.trip("I-17", latched=True)
        self.loaded = plc.trip("I-17 load", latched=False)
        self.limiter = plc.trip("I-18", latched=True)
        self.permit = True
        self.draining = False
        self.feed_kg_s = 0.0
        self._drained_from = 0.0
        self._delay = {
            name: OnDelay() for name in ("n2", "o2", "n2 far", "o2 far", "low", "dp", "full", "drain", "load")
        }

    @property
    def purifying(self) -> bool:
        return self.machine.state == s.PURIFY

    @property
    def heat(self) -> bool:
        return self.machine.state == s.REGENERATE and not self.limiter.tripped

    @property
    def to_box(self) -> bool:
        return self.purifying and not self.breakthrough.tripped

    @property
    def recycle(self) -> bool:
        return self.breakthrough.tripped

    def command(self, word: str) -> int:
        """XY-501.CMD: permit, withhold; reset of I-14, I-16 and I-17."""
        if word != "reset":
            self.permit = word == "permit"
            return ACCEPTED
        gone = [row.reset(self._plc.now_s) for row in (self.breakthrough, self.blocked, self.separator)]
        if not all(gone):
            return REFUSED_INTERLOCK
        if self.machine.state == s.PUR_ALARM:
            self.machine.to(s.PUR_STANDBY)
        return ACCEPTED

    def scan(self, pv: dict[str, float], dt_s: float, *, cold: bool, made_kg_s: float) -> None:
        """cold: the cold box is on, so there is something to purify for."""
        self._outlet(pv, dt_s)
        self._feed_side(pv, dt_s, cold=cold)
        self._separator(pv, dt_s)
        self._move(pv, cold=cold)
        wanted = made_kg_s + 2e-4 * max(8.0 - pv["PT-604"], 0.0)
        self.feed_kg_s = clip(wanted, 0.0, FEED_MAX_KG_S) if self.to_box else 0.0

    def _outlet(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay, n2, o2 = self._plc.now_s, self._delay, pv["AT-512"], pv["AT-513"]
        sampled = self.machine.state in (s.PURIFY, s.PUR_ALARM)
        causes = (
            ("AT-512>50", delay["n2 far"](sampled and n2 > 50.0, 2.0, dt_s)),
            ("AT-513>50", delay["o2 far"](sampled and o2 > 50.0, 2.0, dt_s)),
            ("AT-512>10", delay["n2"](sampled and n2 > 10.0, 30.0, dt_s)),
            ("AT-513>5", delay["o2"](sampled and o2 > 5.0, 30.0, dt_s)),
        )
        if self._plc.allowed("I-14"):
            self.breakthrough.judge(now_s, *causes)
        self.breakthrough.clear_when(n2 < 2.0 and o2 < 2.0, 600.0, now_s, dt_s)

    def _feed_side(self, pv: dict[str, float], dt_s: float, *, cold: bool) -> None:
        now_s, delay = self._plc.now_s, self._delay
        warm = self.purifying and pv["TT-508"] > 90.0
        self.not_cold.judge(now_s, ("TT-508>90", warm), ("cold mode off", self.purifying and not cold))
        self.not_cold.clear_when(pv["TT-508"] < 89.0 and cold, 0.0, now_s, dt_s)
        low = delay["low"](self.purifying and pv["PT-504"] < 10.0, 10.0, dt_s)
        self.pressure.judge(now_s, ("PT-504<10", low))
        self.pressure.clear_when(pv["PT-503"] > 13.0, 60.0, now_s, dt_s)
        dp = delay["dp"](self.purifying and pv["PDT-505"] > 0.8, 60.0, dt_s)
        self.blocked.judge(now_s, ("PDT-505>0.8", dp))
        regenerated = self.machine.state == s.RE_COOL and pv["PDT-505"] < 0.5
        if self.blocked.clear_when(regenerated, 0.0, now_s, dt_s):
            self.blocked.reset(now_s)
        load = delay["load"](self.purifying and pv["load"] > 0.85, 10.0, dt_s)
        self.loaded.judge(now_s, ("load>85", load))
        self.loaded.clear_when(pv["load"] < 0.1, 0.0, now_s, dt_s)
        self.limiter.judge(now_s, ("TSHH-516", pv["TSHH-516"] < 0.5))
        if self.limiter.clear_when(pv["TSHH-516"] > 0.5, 0.0, now_s, dt_s) and self._plc.button:
            self.limiter.reset(now_s)

    def _separator(self, pv: dict[str, float], dt_s: float) -> None:
        """Drains above 50 % down to 15 %; I-17 when the level does not fall within 60 s."""
        now_s, level = self._plc.now_s, pv["LT-509"]
        if not self.draining and level > 50.0:
            self.draining, self._drained_from = True, level
        elif self.draining and level < 15.0:
            self.draining = False
        stuck = self._delay["drain"](self.draining and level > self._drained_from - 2.0, 60.0, dt_s)
        full = self._delay["full"](level > 90.0, 60.0, dt_s)
        self.separator.judge(now_s, ("LT-509>90", full), ("LT-509 not falling", stuck))
        self.separator.clear_when(level < 70.0, 0.0, now_s, dt_s)

    def _move(self, pv: dict[str, float], *, cold: bool) -> None:
        machine = self.machine
        state = machine.state
        healthy = not any(
            row.tripped for row in (self.breakthrough, self.not_cold, self.pressure, self.separator)
        )
        may = cold and self.permit and healthy and pv["TT-508"] < 90.0 and not self._plc.wires.stop_all
        if self.breakthrough.tripped and state in (s.PURIFY, s.PUR_STANDBY):
            machine.to(s.PUR_ALARM)
        elif state == s.PURIFY and (self.loaded.tripped or self.blocked.tripped):
            machine.to(s.REGENERATE)
        elif state == s.PURIFY and not may:
            machine.to(s.PUR_STANDBY)
        elif state == s.PUR_STANDBY and may and pv["PT-503"] > 13.0:
            machine.to(s.PURIFY)
        elif state == s.REGENERATE and machine.for_s >= HEAT_S:
            machine.to(s.RE_COOL)
        elif state == s.RE_COOL and pv["TT-508"] < 89.0:
            machine.to(s.PURIFY if may else s.PUR_STANDBY)
        elif state == s.PUR_ALARM and self._plc.button:
            machine.to(s.REGENERATE)
        else:
            self._cool_down(pv)

    def _cool_down(self, pv: dict[str, float]) -> None:
        """From selected to standby; the bed has to be cold before it is purged."""
        machine = self.machine
        if machine.state == s.SELECTED and machine.for_s >= 10.0:
            machine.to(s.PUR_COOLDOWN)
        elif machine.state == s.PUR_COOLDOWN and pv["TT-508"] < 90.0:
            machine.to(s.PURGE)
        elif machine.state == s.PURGE and machine.for_s >= 60.0:
            machine.to(s.PUR_STANDBY)

    def publish(self) -> None:
        out, machine = self._plc.out, self.machine
        out["XS-501"], out["KT-502"] = float(machine.state), min(machine.for_s / 60.0, 1000.0)
        out["XA-502"] = 1.0 if machine.for_s / 60.0 > LIMIT_MIN.get(machine.state, 1e9) else 0.0
        out["XY-501"] = 1.0 if self.permit else 0.0
        out["EH-515"] = 1.0 if self.heat else 0.0
        out["XV-510"] = 1.0 if self.draining else 0.0
        out["FV-511"] = clip(30.0 * self.feed_kg_s / NOMINAL_KG_S, 0.0, 100.0)
        out["FV-511.MAN"] = 0.0
