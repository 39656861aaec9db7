"""PLC R: recovery compressors, bag, storage and building, scanned together."""

from __future__ import annotations

from typing import Final

from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.bank_valves import BankValves
from controller.simulator.plc_logic.building import BuildingLogic
from controller.simulator.plc_logic.command import ACCEPTED, REFUSED_INTERLOCK
from controller.simulator.plc_logic.compressor import CompressorLogic
from controller.simulator.plc_logic.controller import Hardwired, PlcCore
from controller.simulator.plc_logic.return_line import ReturnLine
from controller.simulator.plc_logic.trip import OnDelay

START_LEVEL: Final = 75.0
STOP_LEVEL: Final = 30.0
DIVERT_START_LEVEL: Final = 40.0
STAGE_HH_BARG: Final = (
    ("PT-311", 2.6),
    ("PT-312", 10.5),
    ("PT-313", 40.0),
    ("PT-314", 115.0),
    ("PT-315", 153.0),
)
STAGE_HH_C: Final = (*((f"TT-32{n}", 190.0) for n in range(1, 6)), ("TT-326", 60.0), ("JT-329", 15.0))
STAGE_H_BARG: Final = (
    ("PT-311", 2.2),
    ("PT-312", 9.0),
    ("PT-313", 34.0),
    ("PT-314", 100.0),
    ("PT-315", 150.0),
)
OIL_MASK_S: Final = 20.0


class RecoveryPlc(PlcCore):
    """c301 is the duty machine; c351, the standby, has fewer instruments."""

    def __init__(self, wires: Hardwired, *, c301_state: int, c351_state: int) -> None:
        super().__init__("R", wires)
        self.returns = ReturnLine(self)
        self.banks = BankValves(self)
        self.building = BuildingLogic(self)
        self.c301 = CompressorLogic(
            self.machine("C-301", s.COMPRESSOR, c301_state),
            auto=True,
            starts=1 if c301_state == s.UNDER_LOAD else 0,
        )
        self.c351 = CompressorLogic(self.machine("C-351", s.COMPRESSOR, c351_state), auto=False)
        self.suction = self.trip("I-07", latched=True)
        self.suction_351 = self.trip("I-07 C-351", latched=True)
        self.stage = self.trip("I-09", latched=True)
        self.oil = self.trip("I-11", latched=True)
        self.word_340 = [0] * 11
        self.word_341 = [0] * 10
        self.word_342 = [0] * 8
        self._delays = {name: OnDelay() for name, _ in (*STAGE_HH_BARG, *STAGE_HH_C)}
        self.level_ignored = False  # the selector at C-301 stands on 'hand': no stop by level
        self._more = {
            name: OnDelay() for name in ("suction", "suction 351", "oil low", "oil hot", "oil level")
        }
        for name in ("C-301", "C-351"):
            self.port(f"{name}.CMD", ("start", "stop", "reset"))
        self.port("XV-216.CMD", ("normal", "divert"))
        for valve in ("XV-411A", "XV-411B", "XV-412A", "XV-412B"):
            self.port(f"{valve}.CMD", ("open", "shut"))

    def scan(self, pv: dict[str, float], dt_s: float, wall_s: float) -> None:
        self.tick(dt_s, wall_s)
        self._commands()
        self.building.scan(pv, dt_s)
        self.returns.scan(pv, dt_s)
        self.banks.scan(pv, dt_s, good_gas=not self.divert)
        self._machine_trips(pv, dt_s)
        self._machines(pv, dt_s)
        self._publish(pv)

    @property
    def divert(self) -> bool:
        return self.returns.divert or self.banks.dirty.tripped

    @property
    def stopped_by_table(self) -> bool:
        """A row of the table keeps both machines from running."""
        return (
            self.returns.empty.tripped
            or self.building.stop_all.tripped
            or self.wires.stop_all
            or self.building.compressor_room_low
            or self.banks.high.tripped
        )

    def _blocked(self, name: str) -> bool:
        blocked = self.stopped_by_table or self.banks.full
        if name == "C-301":
            return blocked or any(t.tripped for t in (self.suction, self.stage, self.oil, self.banks.dirty))
        return blocked or self.suction_351.tripped

    def _commands(self) -> None:
        for name, port in self.ports.items():
            word = port.poll(self.watchdog)
            if word is not None:
                port.answer(self._judge(name, word))

    def _judge(self, name: str, word: str) -> int:
        if word == "reset":
            return self._reset(name)
        if name == "C-301.CMD":
            return self.c301.command(word, self._blocked("C-301"))
        if name == "C-351.CMD":
            return self.c351.command(word, self._blocked("C-351"))
        if name == "XV-216.CMD":
            return self.returns.command(word)
        return self.banks.command(name.removesuffix(".CMD"), word, not self.divert)

    def _reset(self, name: str) -> int:
        """Operator's reset. I-09 is not in it: that one is reset at the machine."""
        rows = [self.banks.high]
        rows += [self.suction, self.oil] if name == "C-301.CMD" else [self.suction_351]
        gone = [row.reset(self.now_s) for row in rows]
        if not (self.returns.reset() and all(gone)) or self.stage.tripped:
            return REFUSED_INTERLOCK
        if name == "C-301.CMD":
            self.word_340[:] = [0] * 11
            self.c301.reset()
        else:
            self.c351.reset()
        return ACCEPTED

    def _reset_conditions(self, pv: dict[str, float], dt_s: float) -> None:
        """Suction: the bag has to be above 35 % and 1.5 mbarg. Oil: the machine stands, oil level is back."""
        now_s = self.now_s
        gas_there = pv["LT-201"] > 35.0 and pv["PT-204"] > 1.5
        self.suction.clear_when(gas_there, 0.0, now_s, dt_s)
        self.suction_351.clear_when(gas_there, 0.0, now_s, dt_s)
        self.oil.clear_when(pv["TT-318"] < 75.0 and pv["LSL-327"] < 0.5, 0.0, now_s, dt_s)
        if self.stage.clear_when(not self.c301.running, 0.0, now_s, dt_s) and self.button:
            self.stage.reset(now_s)

    def _machine_trips(self, pv: dict[str, float], dt_s: float) -> None:
        """I-07, I-09, I-11: only while the machine turns, oil pressure after 20 s."""
        now_s, more, turning = self.now_s, self._more, self.c301.running
        suction = more["suction"](turning and pv["PT-303"] < -1.0, 1.0, dt_s)
        if not self.suction.tripped and self.suction.judge(now_s, ("PT-303<-1", suction)):
            self.word_340[1] |= 1 << 5
        sucking = more["suction 351"](self.c351.running and pv["PT-353"] < -1.0, 1.0, dt_s)
        self.suction_351.judge(now_s, ("PT-353<-1", sucking))
        for number, (tag, limit) in enumerate((*STAGE_HH_BARG, *STAGE_HH_C)):
            delay_s = 3.0 if number < 5 else 10.0 if tag == "JT-329" else 30.0
            if self._delays[tag](turning and pv[tag] > limit, delay_s, dt_s) and not self.stage.tripped:
                self.stage.judge(now_s, (f"{tag}>{limit:g}", True))
                self.word_340[0] |= 1 << (2 * number) if number < 5 else 0
        unmasked = turning and self.c301.since_start_s > OIL_MASK_S
        low = more["oil low"](unmasked and pv["PT-317"] < 1.2, 10.0, dt_s)
        hot = more["oil hot"](turning and pv["TT-318"] > 85.0, 30.0, dt_s)
        level = more["oil level"](turning and pv["LSL-327"] > 0.5, 10.0, dt_s)
        if not self.oil.tripped and self.oil.judge(
            now_s, ("PT-317<1.2", low), ("TT-318>85", hot), ("LSL-327", level)
        ):
            self.word_340[0] |= (1 << 15) if low else 0
        self._reset_conditions(pv, dt_s)

    def _machines(self, pv: dict[str, float], dt_s: float) -> None:
        if self.banks.high.tripped and (self.c301.running or self.c351.running):
            self.word_340[0] |= 1 << 12
            for machine in (self.c301, self.c351):
                if machine.running:
                    machine.trip()
        if self.suction.tripped or self.stage.tripped or self.oil.tripped:
            self.c301.trip()
        if self.suction_351.tripped:
            self.c351.trip()
        if self.building.stop_all.tripped or self.wires.stop_all:
            for machine in (self.c301, self.c351):
                if machine.running:
                    machine.trip()
        self._level_control(pv, dt_s)

    def _level_control(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, level = self.now_s, pv["LT-201"]
        if self.stopped_by_table or self.banks.full:
            self.c301.stop()
            self.c351.stop()
        if self.banks.dirty.tripped:
            self.c301.stop()
        if self.banks.swapped:
            self.c301.offload()
            self.c351.offload()
        start = DIVERT_START_LEVEL if self.divert else START_LEVEL
        enough = level < STOP_LEVEL and not self.level_ignored
        self.c301.scan(now_s, dt_s, blocked=self._blocked("C-301"), wanted=level > start, enough=enough)
        takes_over = level > start and not self.c301.running and self._duty_is_out
        if self.returns.full.tripped or takes_over:
            self.c351.auto = True
        elif self.c351.auto and self.c351.state in (s.STANDBY, s.OP_INHIBIT):
            self.c351.auto = False  # the standby goes back to rest when it has done its work
        wanted = self.returns.full.tripped or takes_over
        self.c351.scan(now_s, dt_s, blocked=self._blocked("C-351"), wanted=wanted, enough=level < STOP_LEVEL)

    @property
    def _duty_is_out(self) -> bool:
        """C-301 cannot start (I-13), or must not or cannot help while the return is diverted."""
        diverted = self.divert and (self.c301.state == s.ERROR or self.banks.dirty.tripped)
        return diverted or (self.c301.auto and self.c301.too_many_starts)

    def _publish(self, pv: dict[str, float]) -> None:
        """Values that R computes itself. Words as raw numbers; bits are cut out of them elsewhere."""
        out = self.out
        out["XS-301"], out["XS-351"] = float(self.c301.state), float(self.c351.state)
        out["XA-344"] = 1.0 if self.c301.state == s.ERROR else 0.0
        out["XA-394"] = 1.0 if self.c351.state == s.ERROR else 0.0
        warning = self.c301.running and (
            any(pv[tag] > limit for tag, limit in STAGE_H_BARG)
            or (pv["PT-317"] < 1.8 and self.c301.since_start_s > OIL_MASK_S)
            or pv["TT-318"] > 75.0
        )
        out["XA-343"] = 1.0 if warning else 0.0
        out["XA-393"] = 0.0
        out["KQ-338"], out["KQ-388"] = float(len(self.c301.starts)), float(len(self.c351.starts))
        out["XA-217"] = 1.0 if self.returns.cold.tripped or self.returns.line_impure.tripped else 0.0
        out["XS-946"] = float(self.building.alarm)
        self.word_342[0] = 1 if self.c301.running else 0
