"""The freeze-out purifier: takes air out of the feed until it is full, then has to be warmed.

Load in kg of air, capacity 1.2 kg, theta = load / capacity. Outlet impurity (mole fraction)
5e-7 exp((T - 80)/8) + x / (1 + exp(-(theta - 1)/0.015)); pressure drop 0.15 bar (m/m0)² (1 + 4 theta³).
Warmed to 160 K and cooled to 80 K with a lag of 700 s.
"""

from __future__ import annotations

from math import exp
from typing import Final

from controller.simulator.physics.gas import M_AIR, M_HE, clip, lag

CAPACITY_KG: Final = 1.2
NOMINAL_KG_S: Final = 30.0 * 0.1247 / 3600.0
COLD_K: Final = 80.0
WARM_K: Final = 160.0
TAU_S: Final = 700.0


class Purifier:
    """Told by the PLC: cooling, heating, draining, sampled (else the cells get zero gas).

    breakthrough_ppm: N2 of channelled beds (F4), None = sound beds.
    """

    def __init__(self, theta: float, kelvin: float = COLD_K) -> None:
        self.load_kg = theta * CAPACITY_KG
        self.kelvin = kelvin
        self.cooling = True
        self.heating = False
        self.heater_k = 300.0
        self.limiter_ok = True
        self.separator = 20.0
        self.draining = False
        self.sampled = True
        self.n2_ppm = 0.5
        self.o2_ppm = 0.2
        self.h2o_ppm = 0.3
        self.dp_bar = 0.0
        self.flow_mol_s = 0.0
        self.breakthrough_ppm: float | None = None

    @property
    def theta(self) -> float:
        return self.load_kg / CAPACITY_KG

    @property
    def precooler_k(self) -> float:
        return 127.0 + 0.9 * (self.kelvin - COLD_K)

    @property
    def separator_k(self) -> float:
        return 83.0 + 0.95 * (self.kelvin - COLD_K)

    def clean(self, feed: tuple[float, float], dt_s: float) -> float:
        """Take a parcel (helium, air) of feed; gives back the moles of helium that come out."""
        he, air = feed
        self.flow_mol_s = he / dt_s if dt_s > 0.0 else 0.0
        self.load_kg += air * M_AIR
        self.separator += 4.0 * air * M_AIR
        return he

    def step(self, dt_s: float, feed_air_fraction: float) -> None:
        if self.heating and self.limiter_ok:
            self.kelvin = lag(self.kelvin, WARM_K, dt_s, TAU_S)
            self.heater_k = lag(self.heater_k, 365.0, dt_s, 300.0)
            self.load_kg = max(0.0, self.load_kg - 1.5 * CAPACITY_KG / 1500.0 * dt_s)
        else:
            self.heater_k = lag(self.heater_k, 300.0, dt_s, 300.0)
            if self.cooling:
                self.kelvin = lag(self.kelvin, COLD_K, dt_s, TAU_S)
            else:
                self.kelvin = lag(self.kelvin, 295.0, dt_s, 72000.0)
        if self.draining:
            self.separator = lag(self.separator, 0.0, dt_s, 20.0)
        self._outlet(feed_air_fraction)
        ratio = self.flow_mol_s * M_HE / NOMINAL_KG_S
        theta = self.theta
        self.dp_bar = lag(self.dp_bar, 0.15 * ratio * ratio * (1.0 + 4.0 * theta**3), dt_s, 10.0)

    def _outlet(self, feed_air_fraction: float) -> None:
        warm_ppm = 0.5 * exp(clip((self.kelvin - 80.0) / 8.0, -5.0, 9.0))
        through = 1.0 / (1.0 + exp(-clip((self.theta - 1.0) / 0.015, -60.0, 60.0)))
        passed_ppm = feed_air_fraction * through * 1e6
        n2 = warm_ppm + 0.78 * passed_ppm
        self.n2_ppm = n2 if self.breakthrough_ppm is None else max(n2, self.breakthrough_ppm)
        self.o2_ppm = 0.4 * warm_ppm + 0.21 * passed_ppm
        self.h2o_ppm = 0.6 * warm_ppm
