"""PLC R, gas bag and return header: I-03 (cold gas), I-05 (full), I-06 (empty), I-08 (impure)."""

from __future__ import annotations

from controller.simulator.plc_logic.command import ACCEPTED, REFUSED_INTERLOCK
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import OnDelay

LINE_TAGS = ("AT-221", "AT-222", "AT-223", "AT-224")


class ReturnLine:
    """What R decides about the bag: divert (XV-216), vent (XV-215), lamp (XA-217), start inhibit."""

    def __init__(self, plc: PlcCore) -> None:
        self._plc = plc
        self.full = plc.trip("I-05", latched=False)
        self.empty = plc.trip("I-06", latched=True)
        self.impure = plc.trip("I-08", latched=False)
        self.line_impure = plc.trip("I-08 line", latched=False)
        self.cold = plc.trip("I-03", latched=True)
        self.divert_asked = False
        self.vent = False
        self._delay = {
            name: OnDelay()
            for name in (
                "full",
                "full switch",
                "vent",
                "empty",
                "empty switch",
                "he",
                "o2",
                "cold",
                *LINE_TAGS,
            )
        }

    @property
    def divert(self) -> bool:
        return self.divert_asked or (self.impure.tripped and self._plc.allowed("I-08"))

    def command(self, word: str) -> int:
        """XV-216.CMD: divert at any time, normal only when the gas is good."""
        if word == "divert":
            self.divert_asked = True
            return ACCEPTED
        if self.impure.tripped:
            return REFUSED_INTERLOCK
        self.divert_asked = False
        return ACCEPTED

    def scan(self, pv: dict[str, float], dt_s: float) -> None:
        self._levels(pv, dt_s)
        self._purity(pv, dt_s)
        now_s = self._plc.now_s
        cold = self._delay["cold"](pv["TT-205"] < -10.0, 30.0, dt_s)
        self.cold.judge(now_s, ("TT-205<-10", cold))
        if self.cold.clear_when(pv["TT-205"] > 5.0, 0.0, now_s, dt_s) and self._plc.button:
            self.cold.reset(now_s)

    def _levels(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay, level = self._plc.now_s, self._delay, pv["LT-201"]
        full = delay["full"](level > 95.0, 5.0, dt_s)
        switch = delay["full switch"](pv["LSHH-203"] > 0.5, 5.0, dt_s)
        self.full.judge(now_s, ("LT-201>95", full), ("LSHH-203", switch))
        self.full.clear_when(level < 85.0 and pv["LSHH-203"] < 0.5, 0.0, now_s, dt_s)
        if delay["vent"](level > 98.0, 2.0, dt_s):
            self.vent = True
        elif level < 96.0:
            self.vent = False
        low = delay["empty"](level < 5.0, 2.0, dt_s)
        dry = delay["empty switch"](pv["LSLL-202"] < 0.5, 2.0, dt_s)
        self.empty.judge(now_s, ("LT-201<5", low), ("LSLL-202", dry))
        self.empty.clear_when(level > 35.0 and pv["LSLL-202"] > 0.5, 0.0, now_s, dt_s)

    def _purity(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay = self._plc.now_s, self._delay
        he = delay["he"](pv["AT-206"] < 97.0, 60.0, dt_s)
        o2 = delay["o2"](pv["AT-207"] > 10000.0, 120.0, dt_s)
        if self._plc.allowed("I-08"):
            self.impure.judge(now_s, ("AT-206<97", he), ("AT-207>10000", o2))
        good = pv["AT-206"] > 98.5 and pv["AT-207"] < 8000.0
        self.impure.clear_when(good, 600.0, now_s, dt_s, at_least_s=600.0)
        for tag in LINE_TAGS:
            if delay[tag](pv[tag] > 1.0, 60.0, dt_s):
                self.line_impure.judge(now_s, (f"{tag}>1", True))
        clean = all(pv[tag] < 0.9 for tag in LINE_TAGS)
        self.line_impure.clear_when(clean, 60.0, now_s, dt_s)

    def reset(self) -> bool:
        """An operator asks; the bag has to be above 35 %."""
        return self.empty.reset(self._plc.now_s)
