"""A recovery compressor: five stages to 150 bar, 30 Nm³/h, oil lubricated, water cooled.

Stage pressures are min(design, discharge) with a lag of 8 s; gas temperatures follow the pressure
ratio of each stage (k = 0.9 for the first, 0.7 for the others) with a lag of 60 s.
"""

from __future__ import annotations

from math import inf
from typing import Final

from controller.simulator.physics.gas import ATM_BAR, lag

DESIGN_BARA: Final = (2.6, 8.2, 27.7, 81.0, inf)
T_IN_C: Final = 25.0
T_IN_K: Final = T_IN_C + 273.15
KWH_PER_NM3: Final = 0.3
IDLE_KW: Final = 3.0


class RecoveryMachine:
    """running: the motor turns. loaded: the unload valve is shut. Both are told by the PLC.

    oil_ok: the oil pump delivers (F1). obeys_remote: False = the selector at the machine ignores stop
    requests from outside (F8). oil_vapour_ppm, water_ppm: what leaves the final filter and dryer.
    """

    def __init__(self, *, running: bool, discharge_bara: float, hours: float, size: float = 1.0) -> None:
        self.size = size  # of the 30 Nm³/h machine
        self.running = running
        self.loaded = running
        self.oil_ok = True
        self.oil_level_low = False
        self.oil_vapour_ppm = 0.05
        self.water_ppm = 5.0
        self.filter_bar = 0.2
        self.condensate = 20.0
        self.hours = hours
        self.flow_nm3h = self.capacity_nm3h(discharge_bara - ATM_BAR) if running else 0.0
        self.oil_barg = 2.7 if running else 0.0
        self.oil_c = 55.0 if running else 28.0
        self.outlet_c = 36.0 if running else 22.0
        self.stage_bara = [ATM_BAR] * 5
        self.stage_c = [T_IN_C] * 5
        if running:
            self._settle(discharge_bara)

    def capacity_nm3h(self, discharge_barg: float) -> float:
        return self.size * 30.0 * (0.95 - 8e-4 * discharge_barg)

    @property
    def power_kw(self) -> float:
        return KWH_PER_NM3 * self.flow_nm3h + IDLE_KW * self.size if self.running else 0.0

    def _settle(self, discharge_bara: float) -> None:
        self.stage_bara = [min(design, discharge_bara) for design in DESIGN_BARA]
        self.stage_c = self._stage_targets_c()

    def _stage_targets_c(self) -> list[float]:
        targets, before = [], 1.0
        for number, pressure in enumerate(self.stage_bara):
            ratio = max(pressure / before, 1.0)
            k = 0.9 if number == 0 else 0.7
            targets.append(T_IN_C + k * T_IN_K * (ratio**0.4 - 1.0))
            before = max(pressure, 1.0)
        return targets

    def step(self, dt_s: float, discharge_bara: float, water_c: float) -> None:
        """Move on with `discharge_bara` behind the last stage and cooling water of `water_c`."""
        running, loaded = self.running, self.running and self.loaded
        self.flow_nm3h = self.capacity_nm3h(discharge_bara - ATM_BAR) if loaded else 0.0
        if not running and self.stage_bara[4] < ATM_BAR + 1e-3:
            self._rest(dt_s)
            return
        for number, design in enumerate(DESIGN_BARA):
            target = min(design, discharge_bara) if loaded else ATM_BAR
            self.stage_bara[number] = lag(self.stage_bara[number], target, dt_s, 8.0)
        warm = water_c - 22.0
        targets = self._stage_targets_c() if loaded else [T_IN_C] * 5
        for number, celsius in enumerate(targets):
            self.stage_c[number] = lag(self.stage_c[number], celsius + warm, dt_s, 60.0)
        self.oil_barg = lag(self.oil_barg, 2.7 if running and self.oil_ok else 0.0, dt_s, 3.0)
        self.oil_c = lag(self.oil_c, (55.0 if running else 28.0) + warm, dt_s, 600.0)
        self.outlet_c = lag(self.outlet_c, (36.0 if loaded else 22.0) + warm, dt_s, 120.0)
        if running:
            self.hours += dt_s / 3600.0
            self.condensate += 6.0 * dt_s / 3600.0
            if self.condensate > 45.0:  # the automatic drain
                self.condensate = 15.0

    def _rest(self, dt_s: float) -> None:
        self.oil_barg = lag(self.oil_barg, 0.0, dt_s, 3.0)
        self.oil_c = lag(self.oil_c, 28.0, dt_s, 600.0)
        self.outlet_c = lag(self.outlet_c, 22.0, dt_s, 120.0)
        for number in range(5):
            self.stage_c[number] = lag(self.stage_c[number], T_IN_C, dt_s, 60.0)
