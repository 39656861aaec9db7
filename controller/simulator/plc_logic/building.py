"""PLC R, building: I-25 (oxygen) with fan and beacons, I-27 (E-stop, fire, earthquake, mains)."""

from __future__ import annotations

from typing import Final

from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import OnDelay

HEADS: Final = ("AT-941A", "AT-941B", "AT-941C", "AT-942", "AT-943")


class BuildingLogic:
    """alarm: 0 off, 1 beacon, 2 evacuate (XS-946). fan: wanted speed (XS-944)."""

    def __init__(self, plc: PlcCore) -> None:
        self._plc = plc
        self.low = plc.trip("I-25", latched=False)
        self.evacuate = plc.trip("I-25 evacuate", latched=True)
        self.stop_all = plc.trip("I-27", latched=True)
        self.compressor_room_low = False
        self._low = {head: OnDelay() for head in HEADS}
        self._very_low = {head: OnDelay() for head in HEADS}
        self._mains = OnDelay()

    @property
    def fan(self) -> int:
        return 2 if self.low.tripped or self.evacuate.tripped else 1

    @property
    def alarm(self) -> int:
        if self.evacuate.tripped:
            return 2
        return 1 if self.low.tripped else 0

    def scan(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, button = self._plc.now_s, self._plc.button
        lowest = 25.0
        for head in HEADS:
            o2 = pv[head]
            lowest = min(lowest, o2)
            if self._low[head](o2 < 19.5, 3.0, dt_s):
                self.low.judge(now_s, (f"{head}<19.5", True))
            if self._very_low[head](o2 < 18.0, 3.0, dt_s):
                self.evacuate.judge(now_s, (f"{head}<18", True))
        self.low.clear_when(lowest > 20.5, 300.0, now_s, dt_s)
        if self.evacuate.clear_when(lowest > 19.5, 0.0, now_s, dt_s) and button:
            self.evacuate.reset(now_s)
        self.compressor_room_low = self.evacuate.tripped and pv["AT-942"] < 18.0
        self._stop_all(pv, dt_s)

    def _stop_all(self, pv: dict[str, float], dt_s: float) -> None:
        now_s = self._plc.now_s
        mains = self._mains(pv["XS-948"] < 0.5, 3.0, dt_s)
        causes = (
            ("XS-947", pv["XS-947"] < 0.5),
            ("XS-950", pv["XS-950"] < 0.5),
            ("VT-951>=80", pv["VT-951"] >= 80.0),
            ("XS-948", mains),
        )
        self.stop_all.judge(now_s, *causes)
        healthy = not any(present for _, present in causes)
        if self.stop_all.clear_when(healthy, 0.0, now_s, dt_s) and self._plc.button:
            self.stop_all.reset(now_s)
