"""Liquid nitrogen, cooling water and instrument air. Nitrogen: 1.2 L per litre of helium, 3,000 L tank."""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import lag

TANK_L: Final = 3000.0
LN2_PER_LHE: Final = 1.2


class Utilities:
    """nitrogen_loss_l_h: what boils away besides (a soft vacuum, a delivery that did not come; F7)."""

    def __init__(self, nitrogen_level: float) -> None:
        self.nitrogen_l = nitrogen_level / 100.0 * TANK_L
        self.nitrogen_loss_l_h = 0.0
        self.supply_open = True  # FV-905, told by the PLC
        self.vessel = 50.0  # LT-903
        self.vent_c = 10.0  # TT-904
        self.water_in_c = 22.0
        self.water_target_c = 22.0
        self.water_out_c = 30.0
        self.water_m3_h = 8.0
        self.water_running = True
        self.air_barg = 6.0
        self.air_target_barg = 6.0

    @property
    def nitrogen_level(self) -> float:
        return self.nitrogen_l / TANK_L * 100.0

    @property
    def nitrogen_there(self) -> bool:
        """The cold box gets nitrogen as long as its own vessel is not dry."""
        return self.vessel > 5.0

    def step(self, dt_s: float, rate_l_h: float, precooling: bool, load_kw: float) -> None:
        used = max(LN2_PER_LHE * rate_l_h, 8.0 if precooling else 0.0) if self.supply_open else 0.0
        self.nitrogen_l = max(0.0, self.nitrogen_l - (used + self.nitrogen_loss_l_h) * dt_s / 3600.0)
        filled = self.supply_open and self.nitrogen_l > 1.0
        self.vessel = lag(self.vessel, 50.0 if filled else 0.0, dt_s, 600.0)
        self.vent_c = lag(self.vent_c, 10.0, dt_s, 600.0)
        self.water_in_c = lag(self.water_in_c, self.water_target_c, dt_s, 600.0)
        self.water_m3_h = lag(self.water_m3_h, 8.0 if self.water_running else 0.0, dt_s, 5.0)
        rise = 8.0 * load_kw / 75.0
        self.water_out_c = lag(self.water_out_c, self.water_in_c + rise, dt_s, 300.0)
        self.air_barg = lag(self.air_barg, self.air_target_barg, dt_s, 60.0)
