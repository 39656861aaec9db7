"""The MRI site: the magnet's boil-off, a 3 m³ bag, a small booster and a pack of cylinders (0.6 m³).

The booster's speed follows the bag, so that it runs steadily on the boil-off. What the skid does not
take leaves by the vent (XV-112), which opens by itself without air or power. A pack above 100 barg is
changed at nine in the morning.
"""

from __future__ import annotations

from random import Random
from typing import Final

from controller.simulator.physics.gas import (
    ATM_BAR,
    KG_PER_L,
    M_HE,
    R_UNIVERSAL,
    ZERO_C,
    Gas,
    clip,
    lag,
    mol_s,
    moles_in,
    nm3_h,
    pressure_bara,
)
from controller.simulator.physics.ledger import Ledger
from controller.simulator.physics.rooms import Room
from controller.simulator.physics.valve import Valve

BAG_M3: Final = 3.0
BAG_FULL_MOL: Final = 101325.0 * BAG_M3 / (R_UNIVERSAL * 293.0)
PACK_M3: Final = 0.6
MAGNET_L: Final = 1700.0
CHANGE_AT_H: Final = 9.0
CHANGE_ABOVE_BARA: Final = 101.0
EMPTY_PACK_BARA: Final = 6.0
RECEIVER_TARE_KG: Final = 52.0


class Skid:
    """boil_nm3h: what the magnet gives off. booster_running: told by the PLC."""

    def __init__(self, rng: Random, *, bag_level: float, pack_barg: float) -> None:
        self._rng = rng
        self._sway = 0.0
        self.boil_nm3h = 2.5
        self.air_fraction = 0.005
        self.magnet_l = 0.85 * MAGNET_L
        self.line_mbarg = 15.0
        self.gas_c = 10.0
        self.gas_target_c = 10.0
        self.bag = Gas(BAG_FULL_MOL * bag_level / 100.0, 0.005)
        self.pack_c = 20.0
        self.pack = Gas(moles_in(pack_barg + ATM_BAR, PACK_M3, self.pack_c + ZERO_C), 0.005)
        self.collect = Valve("XV-111", is_open=True)
        self.bypass = Valve("XV-112", fails_open=True)
        self.pack_fill = Valve("XV-119", is_open=True)
        self.booster_running = True
        self.booster_faulty = False
        self.flow_nm3h = 2.5
        self.vent_nm3h = 0.2
        self.vented_m3 = 830.0
        self.room = Room()
        self.receiver_l = 40.0
        self.receiver_mbarg = 50.0

    @property
    def bag_level(self) -> float:
        return clip(100.0 * self.bag.moles / BAG_FULL_MOL, 0.0, 100.0)

    @property
    def pack_bara(self) -> float:
        return pressure_bara(self.pack.moles, PACK_M3, self.pack_c + ZERO_C)

    @property
    def receiver_kg(self) -> float:
        return RECEIVER_TARE_KG + self.receiver_l * KG_PER_L

    @property
    def helium_mol(self) -> float:
        return self.bag.he + self.pack.he + self.receiver_l * KG_PER_L / M_HE

    def change_pack(self, ledger: Ledger) -> None:
        """The full pack is trucked away; a nearly empty one takes its place."""
        ledger.delivered += self.pack.he
        self.pack = Gas(moles_in(EMPTY_PACK_BARA, PACK_M3, self.pack_c + ZERO_C), 0.005)
        ledger.supplied += self.pack.he

    def step(self, dt_s: float, hour: float, ledger: Ledger) -> None:
        self._sway += -self._sway * min(1.0, dt_s / 60.0) + 0.0012 * dt_s**0.5 * self._rng.gauss(0.0, 1.0)
        boil = self.boil_nm3h * (1.0 + self._sway)
        moles = mol_s(boil) * dt_s
        self.magnet_l = max(0.0, self.magnet_l - moles * M_HE / KG_PER_L)
        ledger.supplied += moles * (1.0 - self.air_fraction)
        venting = clip(0.08 + self.bypass.position, 0.08, 1.0) if self.collect.position > 0.5 else 1.0
        parcel = moles * (1.0 - self.air_fraction), moles * self.air_fraction
        ledger.vented += parcel[0] * venting
        self.bag.add((parcel[0] * (1.0 - venting), parcel[1] * (1.0 - venting)))
        self.vent_nm3h = boil * venting
        self.vented_m3 += self.vent_nm3h * dt_s / 3600.0 * 1.0732
        self._boost(dt_s)
        if CHANGE_AT_H <= hour < CHANGE_AT_H + 0.1 and self.pack_bara > CHANGE_ABOVE_BARA:
            self.change_pack(ledger)
        excess = self.bag.moles - BAG_FULL_MOL
        if excess > 0.0:  # the bag's own relief
            ledger.vented += self.bag.take(excess)[0]
            self.vent_nm3h += nm3_h(excess / dt_s) if dt_s > 0.0 else 0.0
        self._line(dt_s, boil)
        self.gas_c = lag(self.gas_c, self.gas_target_c, dt_s, 120.0)
        self.room.step(dt_s, 4.0)

    def _boost(self, dt_s: float) -> None:
        pressing = self.booster_running and self.pack_fill.position > 0.5
        flow = clip(2.3 * self.bag_level / 50.0, 0.0, 5.0) if pressing else 0.0
        self.flow_nm3h = lag(self.flow_nm3h, flow, dt_s, 5.0)
        self.pack.add(self.bag.take(mol_s(self.flow_nm3h) * dt_s))
        self.pack_c = lag(self.pack_c, 22.0 if pressing else 20.0, dt_s, 3600.0)

    def _line(self, dt_s: float, boil_nm3h: float) -> None:
        """Vent-line pressure: low through the open bypass, high against a full bag or two shut valves."""
        if self.bypass.position > 0.5:
            target = 8.0
        elif self.collect.position < 0.5:
            target = 15.0 + 60.0 * boil_nm3h / 2.5
        else:
            target = 15.0 + 3.0 * max(self.bag_level - 95.0, 0.0) + 4.0 * (boil_nm3h / 2.5 - 1.0)
            if self.bag_level < 2.0:
                target = 1.0
        self.line_mbarg = lag(self.line_mbarg, target, dt_s, 8.0)
