"""The university plant: physics, instruments and three PLCs put together and stepped.

One step: faults act, physics moves, instruments read, each PLC scans its own readings, and what the
PLCs decided goes to valves and machines. No PLC sees truth or another PLC's values.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import Final

import numpy as np

from controller.simulator.instruments import liquefier_tags, recovery_tags, skid_tags
from controller.simulator.instruments.channel import Getter
from controller.simulator.instruments.panel import Panel
from controller.simulator.invariants import Invariants
from controller.simulator.physics.bag import Bag
from controller.simulator.physics.coldbox import ColdBox
from controller.simulator.physics.cycle import CYCLE_KG, Cycle
from controller.simulator.physics.dewar import Dewar
from controller.simulator.physics.gas import ATM_BAR, KG_PER_L, M_HE, R_UNIVERSAL, clip, lag, mol_s, nm3_h
from controller.simulator.physics.ledger import Ledger
from controller.simulator.physics.machine import RecoveryMachine
from controller.simulator.physics.purifier import Purifier
from controller.simulator.physics.returns import Returns
from controller.simulator.physics.rooms import Building
from controller.simulator.physics.skid import Skid
from controller.simulator.physics.storage import Bank, Storage
from controller.simulator.physics.utilities import Utilities
from controller.simulator.physics.valve import Valve
from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.command import CommandPort
from controller.simulator.plc_logic.controller import Hardwired, PlcCore
from controller.simulator.plc_logic.liquefier import LiquefierPlc
from controller.simulator.plc_logic.recovery import RecoveryPlc
from controller.simulator.plc_logic.skid import SkidPlc
from controller.simulator.start import DEFAULT, StartState

RECYCLE_NM3H: Final = 0.5
OFFLOAD_KG: Final = 8.0
OFFLOAD_H: Final = 1.0
OFFLOAD_AT_H: Final = (33.0, 105.0)  # Tuesday and Friday, 9:00
SAMPLED: Final = frozenset({s.PURIFY, s.PUR_ALARM, s.PUR_STANDBY})
ROOM_M3_H_PER_MOL_S: Final = 3600.0 * R_UNIVERSAL * 293.15 / 101325.0


class TurbinePlant:
    """Truth lives in the physics parts; `panels[plc].pv` is what the PLCs see."""

    def __init__(self, seed: int, start: StartState = DEFAULT) -> None:
        rng = Random(seed)  # noqa: S311  a simulation, no secret
        self.start = start
        self.plant_s = 0.0
        self.ledger = Ledger()
        self.returns = Returns(rng, start.hour)
        self.bag = Bag(rng, start.bag)
        self.storage = Storage(
            (
                Bank("A", start.bank_a_barg, start.hour, filling=True),
                Bank("B", start.bank_b_barg, start.hour, feeding=True),
            )
        )
        loaded = start.c301 == s.UNDER_LOAD
        self.c301 = RecoveryMachine(running=loaded, discharge_bara=self.storage.line_bara, hours=18412.0)
        self.c351 = RecoveryMachine(running=False, discharge_bara=self.storage.line_bara, hours=6120.0)
        self.purifier = Purifier(start.theta)
        running = start.cold_mode in (s.COOLDOWN, s.LIQUEFY)
        self.cycle = Cycle(rng, buffer_bara=start.buffer_bara, on=running)
        self.cycle.coalescer_bar[1] = start.coalescer_2_bar
        self.box = ColdBox(warm_k=start.warm_k, cold_k=start.cold_k, running=running)
        self.box.jt = 35.0 if start.cold_mode == s.LIQUEFY else 0.0
        self.dewar = Dewar(start.dewar)
        self.building = Building()
        self.utilities = Utilities(start.nitrogen)
        self.skid = Skid(rng, bag_level=50.0, pack_barg=20.0)
        self.divert = Valve("XV-216")
        self.to_box = Valve("XV-519", is_open=start.purifier == s.PURIFY)
        self.recycle = Valve("XV-520")
        self.isolation = Valve("XV-704", is_open=True)
        self.return_c = 18.0
        self.return_target_c = 18.0
        self.made_kg_s = 30.0 * KG_PER_L / 3600.0 if start.cold_mode == s.LIQUEFY else 0.0
        self.weather_k = [clip(rng.gauss(0.0, 1.5), -3.0, 3.0) for _ in range(2)]
        self.meter_gain = [1.0 + clip(rng.gauss(0.0, 0.005), -0.01, 0.01) for _ in range(4)]
        self.wires = Hardwired()
        self.S = SkidPlc(self.wires, booster_state=s.UNDER_LOAD)
        self.R = RecoveryPlc(self.wires, c301_state=start.c301, c351_state=s.READY)
        self.L = LiquefierPlc(self.wires, cold_state=start.cold_mode, purifier_state=start.purifier)
        self._settle(running)
        noise = np.random.default_rng(seed)
        self.panels = {
            "S": Panel(skid_tags.specs(self), skid_tags.contacts(self), noise),
            "R": Panel(recovery_tags.specs(self), recovery_tags.contacts(self), noise),
            "L": Panel(liquefier_tags.specs(self), liquefier_tags.contacts(self), noise),
        }
        self.invariants = Invariants(self)
        self._since_check_s = 0.0
        self.scan(0.0, 0.0)

    def _settle(self, running: bool) -> None:
        """Flows and pressure drops as if the plant had stood like this for an hour."""
        if self.made_kg_s > 0.0:
            self.purifier.flow_mol_s = self.made_kg_s / M_HE
            self.box.rate_l_h = 30.0
        self.purifier.step(600.0, 0.004)
        for plc in self.plcs.values():
            for machine in plc.machines:
                machine.for_s = 3600.0
        self.cycle.flow_g_s = 12.0 if running else 0.0
        self.utilities.water_out_c = 30.0 if running else 22.0

    # --- time -----------------------------------------------------------------------------------

    @property
    def hour(self) -> float:
        """Hours since Monday 0:00, JST."""
        return self.start.hour + self.plant_s / 3600.0

    def step(self, dt_s: float, wall_s: float) -> None:
        """Physics, instruments, PLCs: one round of at most one plant second."""
        self.plant_s += dt_s
        self._move(dt_s)
        day_hour = self.hour % 24.0
        for panel in self.panels.values():
            panel.sample(dt_s, day_hour)
        self.scan(dt_s, wall_s)
        self._since_check_s += dt_s
        if self._since_check_s >= 60.0:
            self._since_check_s = 0.0
            self.invariants.check()

    def scan(self, dt_s: float, wall_s: float) -> None:
        """The PLCs, each with its own readings, then the hard-wired contacts."""
        self.S.scan(self.panels["S"].pv, dt_s, wall_s)
        self.R.scan(self.panels["R"].pv, dt_s, wall_s)
        self.L.scan(self.panels["L"].pv, dt_s, wall_s)
        self.wires.stop_all = self.R.building.stop_all.tripped or self.L.no_air.tripped
        self.wires.evacuate = self.R.building.evacuate.tripped
        self._tell()

    # --- physics --------------------------------------------------------------------------------

    def _move(self, dt_s: float) -> None:
        hour = self.hour % 24.0
        powered = self.utilities.air_barg > 4.0 and (self.building.mains_ok or self.building.ups_ok)
        for valve in self.valves():
            valve.step(dt_s, powered)
        if not powered:
            self.box.inlet_wanted = 0.0
        self.returns.step(dt_s, hour)
        self.return_c = lag(self.return_c, self.return_target_c, dt_s, 60.0)
        self._recover(dt_s, hour)
        self._purify(dt_s)
        self._liquefy(dt_s)
        self.utilities.step(dt_s, self.box.rate_l_h, self.L.cold.on, self.cycle.power_kw)
        self.building.liquefier.leak_m3_h = (
            self.dewar.leaked_mol / dt_s * ROOM_M3_H_PER_MOL_S if dt_s > 0.0 else 0.0
        )
        self.building.step(dt_s)
        self.skid.step(dt_s, hour, self.ledger)

    def _recover(self, dt_s: float, hour: float) -> None:
        """Return header -> bag (or past it when diverted) -> machines -> discharge line -> banks."""
        water_c = self.utilities.water_in_c
        pressure = self.storage.line_bara
        self.c301.step(dt_s, pressure, water_c)
        self.c351.step(dt_s, pressure, water_c)
        pull = self.c301.flow_nm3h + self.c351.flow_nm3h
        users = self.returns
        past = users.flow_nm3h if self.divert.position > 0.5 else 0.0
        self.bag.step(dt_s, users.flow_nm3h - past, users.air_fraction, self.ledger)
        he = air = 0.0
        if past > 0.0:
            he, air = self._past_the_bag(mol_s(past) * dt_s, mol_s(pull) * dt_s)
        parcel = self.bag.gas.take(mol_s(pull) * dt_s - he - air)
        he, air = he + parcel[0], air + parcel[1]
        got = nm3_h((he + air) / dt_s) if dt_s > 0.0 else 0.0
        if got < 0.999 * pull:
            self.c301.flow_nm3h *= got / pull
            self.c351.flow_nm3h *= got / pull
        self.storage.deliver((he, air))
        self._offload(dt_s)
        self.storage.step(dt_s, hour, self.purifier.flow_mol_s > 0.0, self.ledger)

    def _past_the_bag(self, moles: float, room: float) -> tuple[float, float]:
        """Diverted gas goes to the machines as far as they run, else to the atmosphere."""
        x = self.returns.air_fraction
        self.ledger.supplied += moles * (1.0 - x)
        taken = min(moles, room)
        self.ledger.vented += (moles - taken) * (1.0 - x)
        return taken * (1.0 - x), taken * x

    def _offload(self, dt_s: float) -> None:
        """Tuesdays and Fridays at nine a trailer brings 8 kg from off-site into bank B."""
        week = self.hour % 168.0
        bank = self.storage.banks[1]
        here = any(at <= week < at + OFFLOAD_H for at in OFFLOAD_AT_H) and bank.bara < 125.0
        self.storage.offload.open = here
        self.storage.offload_barg = lag(self.storage.offload_barg, 128.0 if here else 0.0, dt_s, 120.0)
        if here and self.storage.offload.position > 0.5:
            moles = OFFLOAD_KG / M_HE * dt_s / 3600.0 / OFFLOAD_H
            bank.gas.add((moles, 0.005 * moles))
            self.ledger.supplied += moles

    def _purify(self, dt_s: float) -> None:
        supply = clip((self.storage.feed_barg - 8.0) / 1.5, 0.0, 1.0)
        asked = self.L.purifier.feed_kg_s / M_HE if self.to_box.position > 0.5 else 0.0
        if self.recycle.position > 0.5:
            asked += mol_s(RECYCLE_NM3H)
        he = self.purifier.clean(self.storage.draw(asked * supply * dt_s), dt_s)
        fed = 0.0
        if self.to_box.position > 0.5:
            fed = he
            self.cycle.buffer_mol += he
        else:
            self.bag.gas.add((he, 0.0))
        self._fed_mol = fed
        self.purifier.step(dt_s, self.storage.fed_air_fraction)

    _fed_mol: float = 0.0

    def _liquefy(self, dt_s: float) -> None:
        box, cycle, dewar = self.box, self.cycle, self.dewar
        box.nitrogen = self.utilities.nitrogen_there
        made = box.step(dt_s, cycle.hp_barg, cycle.n2_vpm)
        if dt_s > 0.0:
            made = min(made, 0.5 * cycle.buffer_mol * M_HE / dt_s)
        self.made_kg_s = made
        cycle.buffer_mol -= made * dt_s / M_HE
        dewar.step(dt_s, made, self.L.cold.on, self.ledger)
        cycle.buffer_mol += dewar.returned_mol
        self.bag.gas.add((dewar.to_bag_mol, 0.0))
        imbalance = (self._fed_mol * M_HE / dt_s - made) * 1000.0 if dt_s > 0.0 else 0.0
        cycle.step(dt_s, box.inlet / 80.0, clip(imbalance, -0.9, 1.0), self.utilities.water_in_c,
                   self._fed_mol, self.purifier.n2_ppm)  # fmt: skip

    # --- what the PLCs decided ------------------------------------------------------------------

    def valves(self) -> tuple[Valve, ...]:
        bank_a, bank_b = self.storage.banks
        skid = self.skid
        return (
            self.bag.vent, self.divert, bank_a.fill, bank_a.feed, bank_b.fill, bank_b.feed,
            self.storage.offload, self.to_box, self.recycle, self.isolation, self.dewar.fill,
            skid.collect, skid.bypass, skid.pack_fill,
        )  # fmt: skip

    def _tell(self) -> None:
        self._tell_recovery()
        self._tell_liquefier()
        plc, skid = self.S, self.skid
        skid.collect.open, skid.bypass.open, skid.pack_fill.open = plc.collect, plc.bypass, plc.pack_fill
        skid.booster_running = plc.booster.loaded

    def _tell_recovery(self) -> None:
        plc, go = self.R, not self.wires.stop_all
        self.c301.running, self.c301.loaded = plc.c301.running, plc.c301.loaded
        self.c351.running, self.c351.loaded = plc.c351.running, plc.c351.loaded
        self.divert.open = plc.divert
        self.bag.vent.open = plc.returns.vent
        for bank, letter in zip(self.storage.banks, ("A", "B"), strict=True):
            bank.fill.open = plc.banks.fill == letter and go
            bank.feed.open = plc.banks.feed == letter and go
        self.building.fan_wanted = plc.building.fan

    def _tell_liquefier(self) -> None:
        plc, go = self.L, not self.wires.stop_all
        self.to_box.open = plc.purifier.to_box and go
        self.recycle.open = plc.purifier.recycle and go
        self.isolation.open = not plc.cold.isolate
        self.purifier.heating = plc.purifier.heat
        self.purifier.cooling = plc.purifier.machine.state not in (s.PUR_OFF, s.SELECTED)
        self.purifier.draining = plc.purifier.draining
        self.purifier.sampled = plc.purifier.machine.state in SAMPLED
        self.cycle.on, self.cycle.bypass = plc.cycle.on, plc.cycle.bypass
        box = self.box
        box.inlet_wanted = plc.cold.inlet if go else 0.0
        box.cooling, box.jt, box.cooldown_bypass = plc.cold.on, plc.cold.jt, plc.cold.cooldown_bypass
        for turbine in box.turbines:
            turbine.wanted = plc.turbines.set_rps
        self.dewar.fill.open, self.dewar.heater_on = plc.filling.valve, plc.filling.heater
        self.dewar.return_valve = plc.filling.return_valve
        if plc.filling.taken_away:
            self.dewar.take_away(self.ledger)
        self.utilities.supply_open = not plc.cold.nitrogen.tripped

    # --- instruments ----------------------------------------------------------------------------

    def suction_mbarg(self, machine: RecoveryMachine) -> float:
        return self.bag.suction_mbarg(machine.flow_nm3h) + 2.0 * self.bag.pulse_mbar

    @staticmethod
    def valve_contacts(valve: Valve, output: str) -> list[tuple[str, Getter]]:
        """The PLC's output and the two limit switches of a valve."""
        return [
            (f"{valve.name}.{output}", lambda: 1.0 if valve.open else 0.0),
            (f"{valve.name}.ZSO", lambda: valve.zso),
            (f"{valve.name}.ZSC", lambda: valve.zsc),
        ]

    # --- for the tags of a loaded plant -----------------------------------------------------------

    @property
    def plcs(self) -> dict[str, PlcCore]:
        return {"S": self.S, "R": self.R, "L": self.L}

    def port(self, name: str) -> CommandPort | None:
        return next((plc.ports[name] for plc in self.plcs.values() if name in plc.ports), None)

    def words(self) -> dict[str, list[int]]:
        return {
            "W340": self.R.word_340, "W341": self.R.word_341, "W342": self.R.word_342,
            "W996": self.L.word_996, "W997": self.L.word_997,
        }  # fmt: skip

    def truth(self) -> dict[str, float]:
        """Some true values, for tests and pictures."""
        return {
            "bag_level": self.bag.level,
            "bag_air": self.bag.gas.air_fraction,
            "bank_a_barg": self.storage.banks[0].bara - ATM_BAR,
            "bank_b_barg": self.storage.banks[1].bara - ATM_BAR,
            "buffer_bara": self.cycle.buffer_bara,
            "theta": self.purifier.theta,
            "cold_k": self.box.cold_k,
            "rate_l_h": self.box.rate_l_h,
            "dewar_level": self.dewar.level,
            "dewar_mbarg": self.dewar.mbarg,
            "room_o2": self.building.liquefier.o2,
        }

    # --- invariants -----------------------------------------------------------------------------

    def helium_mol(self) -> float:
        """All helium inside the fence."""
        banks = sum(bank.gas.he for bank in self.storage.banks)
        return (
            self.bag.gas.he + self.storage.line.he + banks + self.cycle.buffer_mol + CYCLE_KG / M_HE
            + self.dewar.moles + self.skid.helium_mol
        )  # fmt: skip

    def contents(self) -> dict[str, tuple[float, float]]:
        """Moles in the vessels that can run empty or over, and how many they can hold."""
        return {
            "bag": (self.bag.gas.moles, self.bag.full_mol),
            "dewar": (self.dewar.liquid_mol, self.dewar.full_mol),
            "buffer": (self.cycle.buffer_mol, inf),
            "bank A": (self.storage.banks[0].gas.moles, inf),
            "bank B": (self.storage.banks[1].gas.moles, inf),
        }

    def balance(self) -> dict[str, float]:
        """kg: start + supplied = total + vented + leaked + delivered + error."""
        return self.invariants.balance()

    def violations(self) -> list[str]:
        """What must never happen and did."""
        return self.invariants.violations()
