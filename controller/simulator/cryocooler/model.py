"""The small plant put together: what TurbinePlant is for the university, for a cryocooler (profile C)."""

from __future__ import annotations

from math import inf
from random import Random
from typing import Final

import numpy as np

from controller.simulator.cryocooler.logic import CryocoolerPlc, SmallRecoveryPlc
from controller.simulator.cryocooler.physics import ColdHead, SmallDewar
from controller.simulator.instruments.channel import Getter, Spec
from controller.simulator.instruments.panel import Panel, flag
from controller.simulator.invariants import Invariants
from controller.simulator.physics.bag import Bag
from controller.simulator.physics.gas import ATM_BAR, M_AIR, M_HE, R_UNIVERSAL, clip, lag, mol_s, nm3_h
from controller.simulator.physics.ledger import Ledger
from controller.simulator.physics.machine import RecoveryMachine
from controller.simulator.physics.rooms import Building
from controller.simulator.physics.storage import Bank, Storage
from controller.simulator.physics.valve import Valve
from controller.simulator.plc_logic.command import CommandPort
from controller.simulator.plc_logic.controller import Hardwired, PlcCore

START_HOUR: Final = 10.0
BASE_NM3H: Final = 0.3
PLUME_NM3H: Final = 2.0
PLUME_H: Final = (10.0, 11.0)
COMPRESSOR_SIZE: Final = 0.15  # 4 Nm³/h
BANK_M3: Final = 0.6
BAG_M3: Final = 5.0
ROOM_M3_H_PER_MOL_S: Final = 3600.0 * R_UNIVERSAL * 293.15 / 101325.0


class CryocoolerPlant:
    """Bag 55 %, bank 60 barg, dewar 60 %, everything on, Monday 10:00."""

    def __init__(self, seed: int) -> None:
        rng = Random(seed)  # noqa: S311  a simulation, no secret
        self._rng = rng
        self.plant_s = 0.0
        self.ledger = Ledger()
        self.air_fraction = 0.004
        self.flow_nm3h = BASE_NM3H
        self._sway = 0.0
        self.bag = Bag(rng, 55.0, volume_m3=BAG_M3, full_flow_nm3h=4.0)
        self.storage = Storage((Bank("", 60.0, START_HOUR, filling=True, feeding=True, volume_m3=BANK_M3),))
        self.c301 = RecoveryMachine(
            running=False, discharge_bara=self.storage.line_bara, hours=5210.0, size=COMPRESSOR_SIZE
        )
        self.head = ColdHead()
        self.dewar = SmallDewar(60.0)
        self.building = Building()
        self.divert = Valve("XV-216")
        self.purifier_k = 60.0
        self.purifier_warm = False
        self.plug_bar = 0.05
        self.load_kg = 0.1
        self.feed_mol_s = 0.0
        self.wires = Hardwired()
        self.R = SmallRecoveryPlc(self.wires)
        self.C = CryocoolerPlc(self.wires)
        noise = np.random.default_rng(seed)
        self.panels = {
            "R": Panel(self._recovery_specs(), self._recovery_contacts(), noise),
            "C": Panel(self._cold_specs(), self._contacts(self.dewar.fill), noise),
        }
        self.invariants = Invariants(self)
        self._since_check_s = 0.0
        self.scan(0.0, 0.0)

    @property
    def plcs(self) -> dict[str, PlcCore]:
        return {"R": self.R, "C": self.C}

    def port(self, name: str) -> CommandPort | None:
        return next((plc.ports[name] for plc in self.plcs.values() if name in plc.ports), None)

    def words(self) -> dict[str, list[int]]:
        return {"W765": self.C.error_word}

    # --- time -----------------------------------------------------------------------------------

    def step(self, dt_s: float, wall_s: float) -> None:
        self.plant_s += dt_s
        self._move(dt_s)
        hour = (START_HOUR + self.plant_s / 3600.0) % 24.0
        for panel in self.panels.values():
            panel.sample(dt_s, hour)
        self.scan(dt_s, wall_s)
        self._since_check_s += dt_s
        if self._since_check_s >= 60.0:
            self._since_check_s = 0.0
            self.invariants.check()

    def scan(self, dt_s: float, wall_s: float) -> None:
        self.R.scan(self.panels["R"].pv, dt_s, wall_s)
        self.C.scan(self.panels["C"].pv, dt_s, wall_s)
        bank = self.storage.banks[0]
        self.c301.running, self.c301.loaded = self.R.c301.running, self.R.c301.loaded
        self.divert.open = self.R.divert
        bank.fill.open, bank.feed.open = self.R.fill, self.R.feed
        self.head.on = self.C.on
        self.dewar.fill.open, self.dewar.heater_w = self.C.valve, self.C.heater_w

    def _move(self, dt_s: float) -> None:
        bank = self.storage.banks[0]
        hour = (START_HOUR + self.plant_s / 3600.0) % 24.0
        powered = self.building.mains_ok
        for valve in (bank.fill, bank.feed, self.divert, self.dewar.fill):
            valve.step(dt_s, powered)
        self._sway += -self._sway * min(1.0, dt_s / 120.0) + 0.0026 * dt_s**0.5 * self._rng.gauss(0.0, 1.0)
        plume = PLUME_NM3H if PLUME_H[0] <= hour < PLUME_H[1] else 0.0
        self.flow_nm3h = lag(self.flow_nm3h, (BASE_NM3H + plume) * (1.0 + self._sway), dt_s, 20.0)
        diverted = self.divert.position > 0.5  # to atmosphere: there is no impure bank here
        if diverted:
            lost = mol_s(self.flow_nm3h) * dt_s * (1.0 - self.air_fraction)
            self.ledger.supplied += lost
            self.ledger.vented += lost
        self.bag.step(dt_s, 0.0 if diverted else self.flow_nm3h, self.air_fraction, self.ledger)
        self._recover(dt_s, hour)
        self._condense(dt_s)
        self.building.liquefier.leak_m3_h = (
            self.dewar.leaked_mol / dt_s * ROOM_M3_H_PER_MOL_S if dt_s > 0.0 else 0.0
        )
        self.building.step(dt_s)

    def _recover(self, dt_s: float, hour: float) -> None:
        self.c301.step(dt_s, self.storage.line_bara, 22.0)
        parcel = self.bag.gas.take(mol_s(self.c301.flow_nm3h) * dt_s)
        if dt_s > 0.0:
            self.c301.flow_nm3h = nm3_h((parcel[0] + parcel[1]) / dt_s)
        self.storage.deliver(parcel)
        self.storage.step(dt_s, hour, self.feed_mol_s > 0.0, self.ledger)

    def _condense(self, dt_s: float) -> None:
        """Bank -> purifier -> flow controller -> dewar, as much as its pressure asks for."""
        self.head.step(dt_s)
        self.purifier_k = lag(self.purifier_k, 95.0 if self.purifier_warm else 60.0, dt_s, 600.0)
        supply = clip((self.storage.feed_barg - 1.0) / 1.0, 0.0, 1.0) * clip(
            (1.0 - self.plug_bar) / 0.3, 0.0, 1.0
        )
        he, air = self.storage.draw(self.dewar.wanted_kg_s / M_HE * supply * dt_s)
        self.feed_mol_s = he / dt_s if dt_s > 0.0 else 0.0
        self.load_kg += air * M_AIR
        cold = clip((4.9 - self.head.second_k) / 0.7, 0.0, 1.0) if self.head.on else 0.0
        self.dewar.step(dt_s, he, cold, self.ledger)

    # --- instruments ----------------------------------------------------------------------------

    def _recovery_specs(self) -> list[Spec]:
        bag, bank, storage, machine = self.bag, self.storage.banks[0], self.storage, self.c301
        weather_k = clip(self._rng.gauss(0.0, 1.5), -3.0, 3.0)
        return [
            Spec("LT-201", lambda: bag.level, 0, 100, u=0.5),
            Spec("PT-204", lambda: bag.header_mbarg + bag.pulse_mbar, -5, 30, u=0.02),
            Spec("AT-206", lambda: 100.0 * (1.0 - bag.header_air), 90, 100, u=0.06, tau_s=20.0,
                 dead_s=30.0, calibrated_h=6.0),
            Spec("PT-303", lambda: bag.suction_mbarg(machine.flow_nm3h) + 2.0 * bag.pulse_mbar, -50, 100,
                 u=0.05, noise=0.05),
            Spec("PT-316", lambda: storage.line_bara - ATM_BAR, 0, 250, u_rel=0.0025),
            Spec("PT-317", lambda: machine.oil_barg, 0, 10, u=0.02, noise=0.01),
            Spec("PT-401", lambda: bank.bara - ATM_BAR, 0, 250, u_rel=0.0025),
            Spec("TT-402", lambda: bank.celsius + weather_k, -30, 60, u=0.2),
            Spec("AT-941", lambda: self.building.liquefier.o2, 0, 25, u=0.06, tau_s=5.0),
            Spec("AT-942", lambda: self.building.compressor.o2, 0, 25, u=0.06, tau_s=5.0),
        ]  # fmt: skip

    def _recovery_contacts(self) -> list[tuple[str, Getter]]:
        bag, bank, building = self.bag, self.storage.banks[0], self.building
        return [
            ("LSHH-203", flag(lambda: bag.level >= 97.0)),
            ("FSL-945", flag(lambda: building.air_flow_ok)),
            ("XS-947", flag(lambda: building.e_stop_ok)),
            *self._contacts(self.divert),
            *self._contacts(bank.fill),
            *self._contacts(bank.feed),
        ]

    def _cold_specs(self) -> list[Spec]:
        head, dewar = self.head, self.dewar
        return [
            Spec("TT-521", lambda: self.purifier_k, 20, 320, u=0.4),
            Spec("PDT-522", lambda: self.plug_bar * (1.0 if self.feed_mol_s > 0.0 else 0.5), 0, 2, u=0.004),
            Spec("PT-761", lambda: head.hp_barg, 0, 40, u_rel=0.0025),
            Spec("PT-762", lambda: head.lp_barg, 0, 20, u_rel=0.0025),
            Spec("TT-763", lambda: head.oil_c, 0, 120, u=0.4),
            Spec("TT-764", lambda: head.water_c, 0, 80, u=0.4),
            Spec("TT-751", lambda: head.first_k, 4, 320, u=0.2),
            Spec("TT-752", lambda: head.second_k, 2, 320, u=0.02),
            Spec("FT-771", lambda: nm3_h(self.feed_mol_s), 0, 2, u_rel=0.01, tau_s=5.0),
            Spec("LT-801", lambda: dewar.level, 0, 100, u=0.5),
            Spec("PT-803", lambda: dewar.mbarg, -100, 1000, u=0.3, noise=0.1),
        ]

    @staticmethod
    def _contacts(valve: Valve) -> list[tuple[str, Getter]]:
        return [(f"{valve.name}.ZSO", lambda: valve.zso), (f"{valve.name}.ZSC", lambda: valve.zsc)]

    # --- invariants -----------------------------------------------------------------------------

    def helium_mol(self) -> float:
        storage = self.storage
        return (
            self.bag.gas.he + storage.line.he + storage.banks[0].gas.he
            + self.dewar.liquid_mol + self.dewar.vapour_mol
        )  # fmt: skip

    def contents(self) -> dict[str, tuple[float, float]]:
        """Moles in the vessels that can run empty or over, and how many they can hold."""
        return {
            "bag": (self.bag.gas.moles, self.bag.full_mol),
            "bank": (self.storage.banks[0].gas.moles, inf),
            "dewar": (self.dewar.liquid_mol, self.dewar.full_mol),
        }

    def balance(self) -> dict[str, float]:
        """kg: start + supplied = total + vented + leaked + delivered + error."""
        return self.invariants.balance()

    def violations(self) -> list[str]:
        """What must never happen and did."""
        return self.invariants.violations()

    def truth(self) -> dict[str, float]:
        return {
            "bag_level": self.bag.level,
            "bank_barg": self.storage.banks[0].bara - ATM_BAR,
            "second_k": self.head.second_k,
            "dewar_level": self.dewar.level,
            "dewar_mbarg": self.dewar.mbarg,
            "room_o2": self.building.liquefier.o2,
        }
