"""PLC L: purifier, cycle compressor, cold box, dewar, filling station, scanned together."""

from __future__ import annotations

from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.cold_mode import ColdModeLogic
from controller.simulator.plc_logic.command import ACCEPTED
from controller.simulator.plc_logic.controller import Hardwired, PlcCore
from controller.simulator.plc_logic.cycle import CycleLogic
from controller.simulator.plc_logic.filling import FillingLogic
from controller.simulator.plc_logic.purifier import PurifierLogic
from controller.simulator.plc_logic.trip import OnDelay
from controller.simulator.plc_logic.turbine_string import TurbineString


class LiquefierPlc(PlcCore):
    """Besides its tags L measures two things it does not publish: 'load', 'made' (pv keys)."""

    def __init__(self, wires: Hardwired, *, cold_state: int, purifier_state: int) -> None:
        super().__init__("L", wires)
        running = cold_state in (s.COOLDOWN, s.LIQUEFY)
        self.cycle = CycleLogic(self, s.CMP_ON if running else s.CMP_OFF)
        self.turbines = TurbineString(self, s.TRB_RUN if running else s.TRB_OFF)
        self.cold = ColdModeLogic(self, cold_state, self.cycle, self.turbines)
        self.purifier = PurifierLogic(self, purifier_state)
        self.filling = FillingLogic(self)
        self.no_air = self.trip("I-27", latched=True)
        self._air = OnDelay()
        self.word_996 = [0]  # arrays of one, so that bits are read alike everywhere
        self.word_997 = [0]
        self.port("XV-811.CMD", ("open", "shut"))
        self.port("EH-804.CMD", ("permit", "withhold"))
        self.port("XY-501.CMD", ("permit", "withhold", "reset"))
        self.port("LIQ.CMD", ("start", "stop", "reset"))

    def scan(self, pv: dict[str, float], dt_s: float, wall_s: float) -> None:
        self.tick(dt_s, wall_s)
        for name, port in self.ports.items():
            word = port.poll(self.watchdog)
            if word is not None:
                port.answer(self._judge(name, word, pv))
        self.no_air.judge(self.now_s, ("PT-931<4.5", self._air(pv["PT-931"] < 4.5, 2.0, dt_s)))
        if self.no_air.clear_when(pv["PT-931"] > 5.0, 0.0, self.now_s, dt_s) and self.button:
            self.no_air.reset(self.now_s)
        self.turbines.scan(pv, dt_s)
        self.cycle.scan(pv, dt_s)
        self.cold.scan(pv, dt_s)
        self.purifier.scan(pv, dt_s, cold=self.cold.on, made_kg_s=pv["made"])
        self.filling.scan(pv, dt_s)
        self._publish()

    def _judge(self, name: str, word: str, pv: dict[str, float]) -> int:
        if name == "XV-811.CMD":
            return self.filling.command(word, pv)
        if name == "EH-804.CMD":
            return self.filling.permit(word)
        if name == "XY-501.CMD":
            return self.purifier.command(word)
        if word != "reset":
            return self.cold.command(word, resettable=True)
        rows = (self.cycle.fault, self.cold.buffer, self.cold.dirty, self.cold.vacuum, self.filling.abort)
        gone = [row.reset(self.now_s) for row in (*rows, self.filling.oxygen)]
        self.word_996[0] = self.word_997[0] = 0
        return self.cold.command(word, resettable=all(gone)) if any(gone) else ACCEPTED

    def _publish(self) -> None:
        self.purifier.publish()
        self.cycle.publish()
        self.turbines.publish()
        self.cold.publish()
        self.filling.publish()
        self._words()

    def _words(self) -> None:
        """Summary words with the bit texts of a published liquefier; they stay until reset."""
        first_out = self.turbines.fault.first_out
        bits = {
            2: first_out.startswith("TT-723"),
            3: first_out.startswith("TT-733"),
            4: first_out == "ST-721>3600",
            6: first_out == "ST-731>3600",
            9: self.cold.oil_warning,
            14: bool(first_out),
        }
        for bit, present in bits.items():
            if present:
                self.word_996[0] |= 1 << bit
        if not self.cold.oil_warning:
            self.word_996[0] &= ~(1 << 9)
        if not first_out:
            self.word_996[0] &= ~(1 << 14)
