"""The gas bag: 20 m³ at 293 K between the return header and the recovery compressors.

Header pressure follows the level: 5 mbarg over a third full, falling to nothing at 5 %, rising
3 mbar per per cent above 95 %, 2 mbar below atmosphere when the cloth is drawn together (< 3 %).
An oil seal blows off above 15 mbarg whatever the PLC does. Below atmosphere air finds its way in.
"""

from __future__ import annotations

from random import Random
from typing import Final

from controller.simulator.physics.gas import R_UNIVERSAL, Gas, clip, mol_s
from controller.simulator.physics.ledger import Ledger
from controller.simulator.physics.valve import Valve

VOLUME_M3: Final = 20.0
KELVIN: Final = 293.0
MOL_PER_M3: Final = 101325.0 / (R_UNIVERSAL * KELVIN)
VENT_NM3H: Final = 120.0
SEAL_MBARG: Final = 15.0
SEAL_NM3H_PER_MBAR: Final = 12.0


class Bag:
    """level in per cent of the full bag; vent is XV-215. full_flow_nm3h: what the machines take."""

    def __init__(
        self, rng: Random, level: float, air_fraction: float = 0.004, *, volume_m3: float = VOLUME_M3,
        full_flow_nm3h: float = 27.0,
    ) -> None:  # fmt: skip
        self._rng = rng
        self._full_flow_nm3h = full_flow_nm3h
        self.full_mol = MOL_PER_M3 * volume_m3
        self.gas = Gas(self.full_mol * level / 100.0, air_fraction)
        self.vent = Valve("XV-215", travel_s=1.0)
        self.pulse_mbar = 0.0
        self.header_air = air_fraction  # what arrives, with the air that the header itself lets in

    @property
    def level(self) -> float:
        return clip(100.0 * self.gas.moles / self.full_mol, 0.0, 100.0)

    @property
    def header_mbarg(self) -> float:
        level = self.level
        if level < 3.0:
            return -2.0
        return 5.0 * clip((level - 5.0) / 28.0, 0.0, 1.0) + 3.0 * max(level - 95.0, 0.0)

    def suction_mbarg(self, flow_nm3h: float) -> float:
        """In front of the compressors: 40 % of the header pressure is lost on the way at full flow."""
        header = self.header_mbarg
        share = min(1.0, flow_nm3h / self._full_flow_nm3h)
        return header - 0.4 * share * max(header, 0.5)

    def step(self, dt_s: float, return_nm3h: float, air_fraction: float, ledger: Ledger) -> None:
        """Take in the return flow, and let out what XV-215 and the oil seal let out."""
        self.pulse_mbar = 0.04 * self._rng.gauss(0.0, 1.0)
        header = self.header_mbarg
        if header < 0.0:
            air_fraction = min(0.95, air_fraction + 0.02 * -header)
        self.header_air = air_fraction
        moles = mol_s(return_nm3h) * dt_s
        self.gas.add((moles * (1.0 - air_fraction), moles * air_fraction))
        ledger.supplied += moles * (1.0 - air_fraction)
        out_nm3h = VENT_NM3H * self.vent.position if header > 0.5 else 0.0
        over = self.header_mbarg - SEAL_MBARG
        if over > 0.0:
            out_nm3h += SEAL_NM3H_PER_MBAR * over * (1.0 + over / 3.0)
        excess = max(0.0, self.gas.moles - self.full_mol)
        ledger.vented += self.gas.take(max(mol_s(out_nm3h) * dt_s, excess))[0]
