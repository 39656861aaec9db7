"""The cold box: how cold it is, how fast it liquefies, what its turbines do.

Warm end: lag 40 min to 80 K with liquid nitrogen, 90 min to 110 K without. Cold end: lag 55 min towards
4 K down to 20 K, then 40 min, floor 6.5 K (87 min above 20 K without nitrogen). Off: 40 h to 300 K.
Yield: 30 L/h x (1 | 0.67) x clip((10 - T)/3.5, 0, 1) x f(impurity), f = 1 below 5 ppm, 0 at 25 ppm.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

from controller.simulator.physics.gas import ATM_BAR, KG_PER_L, clip, lag

FULL_L_H: Final = 30.0
FLOOR_K: Final = 6.5


class Turbine:
    """Speed in rev/s, gas-bearing, held by a brake circuit. brake_stuck: the brake lets go (F6)."""

    def __init__(self, drop: float, speed: float) -> None:
        self.drop = drop  # relative temperature drop at nominal speed
        self.speed = speed
        self.wanted = speed
        self.brake_c = 20.0 + 25.0 * (speed / 3000.0) ** 3
        self.brake_stuck = False
        self.water_ok = True
        self.bearing_ok = True

    def outlet_k(self, inlet_k: float) -> float:
        turned = clip(self.speed / 3000.0, 0.0, 1.4)
        return inlet_k * (1.0 - self.drop * turned * sqrt(turned))

    def step(self, dt_s: float, hp_barg: float, inlet_open: float) -> None:
        """Lag 5 s up, 8 s down; the set speed falls with the root of the high pressure."""
        drive = (max(hp_barg, 0.0) / 9.5) ** 0.5
        wanted = self.wanted * drive if inlet_open > 0.05 else 0.0
        if self.brake_stuck and wanted > 0.0:
            wanted = 4400.0 * drive
        self.speed = lag(self.speed, wanted, dt_s, 5.0 if wanted > self.speed else 8.0)
        if self.speed < 1.0:
            self.speed = 0.0
        hot = 20.0 + 25.0 * (self.speed / 3000.0) ** 3 + (0.0 if self.water_ok else 45.0)
        self.brake_c = lag(self.brake_c, hot, dt_s, 90.0)


class ColdBox:
    """Told by the PLC: cooling (cold mode on with turbines), jt_open, inlet (UY-720), nitrogen."""

    def __init__(self, *, warm_k: float, cold_k: float, running: bool) -> None:
        self.warm_k = warm_k
        self.cold_k = cold_k
        self.inlet = 80.0 if running else 0.0  # UY-720, where the valve is, %
        self.inlet_wanted = self.inlet
        self.jt = 0.0
        self.cooldown_bypass = 0.0
        self.cooling = running
        self.nitrogen = running
        self.turbines = (Turbine(0.33, 3000.0 if running else 0.0), Turbine(0.39, 3000.0 if running else 0.0))
        self.vacuum_mbar = 1e-5
        self.vacuum_spoiled = False
        self.adsorber_bar = [0.05, 0.05]
        self.rate_l_h = 0.0

    @property
    def turbine1_in_k(self) -> float:
        return min(self.warm_k, self.cold_k + 38.5)

    @property
    def turbine2_in_k(self) -> float:
        return min(self.turbines[0].outlet_k(self.turbine1_in_k), self.cold_k + 11.5)

    def turbine_inlet_bara(self, hp_barg: float) -> float:
        return ATM_BAR + 0.19 + (hp_barg - 0.7) * clip(self.inlet / 80.0, 0.0, 1.05)

    def interstage_bara(self, hp_barg: float) -> float:
        return ATM_BAR + 0.19 + (hp_barg - 5.7) * clip(self.inlet / 80.0, 0.0, 1.05)

    def step(self, dt_s: float, hp_barg: float, impurity_ppm: float) -> float:
        """Move on; gives the liquefied helium in kg/s."""
        way = 250.0 * dt_s  # UY-720 travels its range in 0.4 s
        self.inlet += clip(self.inlet_wanted - self.inlet, -way, way)
        for turbine in self.turbines:
            turbine.step(dt_s, hp_barg, self.inlet / 100.0)
        cooling = self.cooling and self.inlet > 5.0
        if cooling:
            self._cool(dt_s)
        else:
            self.warm_k = lag(self.warm_k, 300.0, dt_s, 72000.0)
            self.cold_k = lag(self.cold_k, 300.0, dt_s, 144000.0)
        self.vacuum_mbar = lag(self.vacuum_mbar, 0.05 if self.vacuum_spoiled else 1e-5, dt_s, 120.0)
        coldness = clip((10.0 - self.cold_k) / 3.5, 0.0, 1.0)
        clean = clip((25.0 - impurity_ppm) / 20.0, 0.0, 1.0)
        share = 1.0 if self.nitrogen else 0.67
        making = cooling and self.jt > 1.0
        self.rate_l_h = FULL_L_H * share * coldness * clean if making else 0.0
        return self.rate_l_h * KG_PER_L / 3600.0

    def _cool(self, dt_s: float) -> None:
        nitrogen = self.nitrogen
        self.warm_k = lag(self.warm_k, 80.0 if nitrogen else 110.0, dt_s, 2400.0 if nitrogen else 5400.0)
        tau = 2400.0 if self.cold_k < 20.0 else (3300.0 if nitrogen else 5220.0)
        self.cold_k = max(FLOOR_K, lag(self.cold_k, 4.0, dt_s, tau))
