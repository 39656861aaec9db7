"""The 1,000 L storage dewar and the filling station.

Boil-off 0.5 % of the volume a day, twenty times that while the cold box stands warm on its return line.
Pressure: 0.22 kg of vapour per 10 mbar. The return valve holds 180 mbarg; when the low-pressure side
does not take the gas it goes warm to the bag above 300 mbarg, and the relief valve opens at 450.
A fill takes 60 L/h out, 8 % of which flashes.
"""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import KG_PER_L, M_HE, clip, lag
from controller.simulator.physics.ledger import Ledger
from controller.simulator.physics.valve import Valve

VOLUME_L: Final = 1000.0
KG_PER_MBAR: Final = 0.022
BOIL_KG_S: Final = 0.005 * VOLUME_L * KG_PER_L / 86400.0
FLASH_SHARE: Final = 0.01  # of what comes through the transfer line from the cold box
FILL_KG_S: Final = 60.0 * KG_PER_L / 3600.0
RETURN_KG_S: Final = 1.5e-4  # equal-percentage return valve, fully open, at 180 mbarg
PORTABLE_L: Final = 50.0
TARE_KG: Final = 42.0


class Dewar:
    """leak_kg_s: liquid lost into the liquefier room (F9). heater_on: told by the PLC."""

    def __init__(self, level: float) -> None:
        self.full_mol = VOLUME_L * KG_PER_L / M_HE
        self.liquid_mol = level / 100.0 * self.full_mol
        self.vapour_mol = 4.0 / M_HE
        self._zero_mol = self.vapour_mol - 180.0 * KG_PER_MBAR / M_HE
        self.return_valve = 60.0  # UY-743, %
        self.fill = Valve("XV-811")
        self.heater_on = False
        self.leak_kg_s = 0.0
        self.portable_mol = 0.0
        self.portable_mbarg = 60.0
        self.vent_c = 18.0
        self.delivering = False
        self.returned_mol = 0.0
        self.to_bag_mol = 0.0
        self.leaked_mol = 0.0

    @property
    def level(self) -> float:
        return clip(self.liquid_mol * M_HE / KG_PER_L / VOLUME_L * 100.0, 0.0, 100.0)

    @property
    def mbarg(self) -> float:
        return (self.vapour_mol - self._zero_mol) * M_HE / KG_PER_MBAR

    @property
    def scale_kg(self) -> float:
        return TARE_KG + self.portable_mol * M_HE

    @property
    def moles(self) -> float:
        return self.liquid_mol + self.vapour_mol + self.portable_mol

    def _evaporate(self, mol: float) -> float:
        mol = min(mol, self.liquid_mol)
        self.liquid_mol -= mol
        return mol

    def step(self, dt_s: float, made_kg_s: float, cold_box_on: bool, ledger: Ledger) -> None:
        made = made_kg_s * dt_s / M_HE
        room = max(0.0, self.full_mol - self.liquid_mol)
        liquid = min(made * (1.0 - FLASH_SHARE), room)
        self.liquid_mol += liquid
        self.vapour_mol += made - liquid
        boil = BOIL_KG_S * (1.0 if cold_box_on else 20.0) + (5e-4 if self.heater_on else 0.0)
        self.vapour_mol += self._evaporate(boil * dt_s / M_HE)
        self.leaked_mol = self._evaporate(self.leak_kg_s * dt_s / M_HE)
        ledger.leaked += self.leaked_mol
        self._fill(dt_s)
        self._let_out(dt_s, cold_box_on, ledger)

    def _fill(self, dt_s: float) -> None:
        """The portable dewar at XV-811; its flash joins the vapour above the storage dewar."""
        if self.fill.position > 0.5:
            taken = self._evaporate(FILL_KG_S * self.fill.position * dt_s / M_HE)
            self.portable_mol += 0.92 * taken
            self.vapour_mol += 0.08 * taken
            self.vent_c = lag(self.vent_c, -235.0 if self.portable_mol * M_HE > 0.5 else -200.0, dt_s, 180.0)
            self.portable_mbarg = lag(self.portable_mbarg, 90.0, dt_s, 60.0)
        else:
            self.vent_c = lag(self.vent_c, 18.0, dt_s, 900.0)
            self.portable_mbarg = lag(self.portable_mbarg, 60.0, dt_s, 120.0)

    def take_away(self, ledger: Ledger) -> None:
        """The portable dewar goes to its user; an empty one is put on the scale."""
        ledger.delivered += self.portable_mol
        self.portable_mol = 0.0

    def _let_out(self, dt_s: float, cold_box_on: bool, ledger: Ledger) -> None:
        over = max(self.mbarg, 0.0)
        out = RETURN_KG_S * (self.return_valve / 100.0) ** 4 * (over / 180.0) ** 0.5 if cold_box_on else 0.0
        self.returned_mol = min(out * dt_s / M_HE, self.vapour_mol)
        self.vapour_mol -= self.returned_mol
        warm = 6e-4 * clip((over - 300.0) / 50.0, 0.0, 1.0)
        self.to_bag_mol = min(warm * dt_s / M_HE, self.vapour_mol)
        self.vapour_mol -= self.to_bag_mol
        relief = 0.02 * clip((over - 450.0) / 20.0, 0.0, 1.0)
        lost = min(relief * dt_s / M_HE, self.vapour_mol)
        self.vapour_mol -= lost
        ledger.vented += lost
