"""The cycle compressor and gas management: HP, LP, the pure-gas buffer, oil removal.

HP reaches 9.5 barg with a lag of 30 s; LP stands at 50 mbarg plus 40 mbar per g/s of imbalance.
Buffer: 15 m³ at 293 K, ideal gas. Coalescers load from 0.1 to 0.4 bar in 6,000 h. Oil aerosol
is 10 ppb, log-normal.
"""

from __future__ import annotations

from math import exp
from random import Random
from typing import Final

from controller.simulator.physics.gas import M_HE, R_UNIVERSAL, lag

BUFFER_M3: Final = 15.0
BUFFER_K: Final = 293.0
MOL_PER_BAR: Final = 1e5 * BUFFER_M3 / (R_UNIVERSAL * BUFFER_K)
HP_BARG: Final = 9.5
CYCLE_KG: Final = 3.0  # gas on its way round, always the same amount


class Cycle:
    """on: the compressor runs; bypass: it runs round itself (start, cold box off)."""

    def __init__(self, rng: Random, *, buffer_bara: float, on: bool) -> None:
        self._rng = rng
        self.buffer_mol = buffer_bara * MOL_PER_BAR
        self.on = on
        self.bypass = False
        self.hp_barg = HP_BARG if on else 3.0
        self.lp_mbarg = 50.0
        self.discharge_c = 80.0 if on else 25.0
        self.oil_c = 60.0 if on else 25.0
        self.coalescer_bar = [0.10, 0.10, 0.10]
        self.oil_level_high = [False, False]
        self.oil_ppb = 10.0
        self.oil_target_ppb = 10.0
        self.extra_n2_vpm = 0.0
        self.hours = 21730.0
        self.flow_g_s = 0.0
        self._log_oil = 0.0

    @property
    def buffer_bara(self) -> float:
        return self.buffer_mol / MOL_PER_BAR

    @property
    def n2_vpm(self) -> float:
        return 1.0 + self.extra_n2_vpm

    @property
    def power_kw(self) -> float:
        return (75.0 if not self.bypass else 48.0) * (self.hp_barg / HP_BARG) if self.on else 0.0

    def step(self, dt_s: float, cold_flow: float, imbalance_g_s: float, water_c: float, fed_mol: float,
             n2_ppm: float) -> None:  # fmt: skip
        """cold_flow 0..1: how much of the cycle goes through the cold box. fed_mol with n2_ppm came in."""
        on = self.on
        self.hp_barg = lag(self.hp_barg, HP_BARG if on else 2.5, dt_s, 30.0)
        target = 50.0 + 40.0 * imbalance_g_s if on else 150.0
        self.lp_mbarg = lag(self.lp_mbarg, target, dt_s, 10.0)
        self.flow_g_s = lag(
            self.flow_g_s, 12.0 * cold_flow * self.hp_barg / HP_BARG if on else 0.0, dt_s, 10.0
        )
        warm = water_c - 22.0
        self.discharge_c = lag(self.discharge_c, (80.0 if on else 25.0) + warm, dt_s, 300.0)
        self.oil_c = lag(self.oil_c, (60.0 if on else 25.0) + warm, dt_s, 600.0)
        self._log_oil += -self._log_oil * min(1.0, dt_s / 300.0) + 0.012 * dt_s**0.5 * self._rng.gauss(
            0.0, 1.0
        )
        self.oil_ppb = self.oil_target_ppb * exp(self._log_oil)
        if on:
            hours = dt_s / 3600.0
            self.hours += hours
            for number in range(3):
                self.coalescer_bar[number] += 0.3 / 6000.0 * hours
        held_mol = self.buffer_mol + CYCLE_KG / M_HE
        self.extra_n2_vpm += fed_mol * max(0.0, n2_ppm - 0.5) / held_mol
        self.extra_n2_vpm = lag(self.extra_n2_vpm, 0.0, dt_s, 3600.0)
