"""The cryocooler: a cold head that condenses 15 L a day into a 150 L dewar, and its helium compressor.

The first stage reaches 40 K, the second 4.2 K. The feed holds the dewar at 100 mbarg; when it fails,
condensing draws the pressure down and a small heater can only slow that.
"""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import KG_PER_L, M_HE, clip, lag
from controller.simulator.physics.ledger import Ledger
from controller.simulator.physics.valve import Valve

DEWAR_L: Final = 150.0
KG_PER_MBAR: Final = 0.0033
CONDENSE_KG_S: Final = 17.0 * KG_PER_L / 86400.0
BOIL_KG_S: Final = 0.01 * DEWAR_L * KG_PER_L / 86400.0
LATENT_J_KG: Final = 20600.0
FEED_KG_S: Final = 2.19e-5  # 0.44 Nm³/h
SET_MBARG: Final = 100.0


class ColdHead:
    """on: told by the PLC. water_ok: cooling water runs."""

    def __init__(self) -> None:
        self.on = True
        self.water_ok = True
        self.first_k = 40.0
        self.second_k = 4.2
        self.hp_barg = 22.0
        self.lp_barg = 7.0
        self.oil_c = 45.0
        self.water_c = 20.0

    def step(self, dt_s: float) -> None:
        on = self.on
        self.first_k = lag(self.first_k, 40.0 if on else 300.0, dt_s, 7200.0 if on else 36000.0)
        slow = 10800.0 if self.second_k > 20.0 else 3600.0
        self.second_k = lag(self.second_k, 4.2 if on else 300.0, dt_s, slow if on else 72000.0)
        self.water_c = lag(self.water_c, 20.0 if self.water_ok else 48.0 if on else 25.0, dt_s, 300.0)
        self.oil_c = lag(self.oil_c, self.water_c + (25.0 if on else 2.0), dt_s, 300.0)
        warm = 0.1 * max(0.0, self.water_c - 20.0)
        self.hp_barg = lag(self.hp_barg, 22.0 + warm if on else 15.0, dt_s, 10.0)
        self.lp_barg = lag(self.lp_barg, 7.0 if on else 15.0, dt_s, 10.0)


class SmallDewar:
    """feed_kg_s: what the flow controller lets in. heater_w: condenser heater."""

    def __init__(self, level: float) -> None:
        self.full_mol = DEWAR_L * KG_PER_L / M_HE
        self.liquid_mol = level / 100.0 * self.full_mol
        self.vapour_mol = 0.5 / M_HE
        self._zero_mol = self.vapour_mol - SET_MBARG * KG_PER_MBAR / M_HE
        self.fill = Valve("XV-811")
        self.heater_w = 0.2
        self.leak_kg_s = 0.0
        self.leaked_mol = 0.0

    @property
    def level(self) -> float:
        return clip(self.liquid_mol * M_HE / KG_PER_L / DEWAR_L * 100.0, 0.0, 100.0)

    @property
    def mbarg(self) -> float:
        return (self.vapour_mol - self._zero_mol) * M_HE / KG_PER_MBAR

    @property
    def wanted_kg_s(self) -> float:
        """Flow controller: nominal flow, more when the pressure falls."""
        return clip(FEED_KG_S + 4e-7 * (SET_MBARG - self.mbarg), 0.0, 3.0e-5)

    def step(self, dt_s: float, fed_mol: float, cold: float, ledger: Ledger) -> None:
        """cold 0..1: how much of its power the cold head has."""
        self.vapour_mol += fed_mol
        condensed = min(CONDENSE_KG_S * cold * clip((self.mbarg + 20.0) / 40.0, 0.0, 1.0) * dt_s / M_HE,
                        self.vapour_mol, self.full_mol - self.liquid_mol)  # fmt: skip
        self.vapour_mol -= condensed
        self.liquid_mol += condensed
        boiled = (BOIL_KG_S + self.heater_w / LATENT_J_KG * cold) * dt_s / M_HE
        boiled = min(boiled, self.liquid_mol)
        self.liquid_mol -= boiled
        self.vapour_mol += boiled
        self.leaked_mol = min(self.leak_kg_s * dt_s / M_HE, self.liquid_mol)
        self.liquid_mol -= self.leaked_mol
        ledger.leaked += self.leaked_mol
        if self.fill.position > 0.5:
            out = min(20.0 * KG_PER_L / 3600.0 * dt_s / M_HE, self.liquid_mol)
            self.liquid_mol -= out
            ledger.delivered += out
        over = clip((self.mbarg - 420.0) / 30.0, 0.0, 1.0)
        lost = min(1e-3 * over * dt_s / M_HE, self.vapour_mol)
        self.vapour_mol -= lost
        ledger.vented += lost
