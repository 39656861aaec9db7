"""Instruments of PLC R: bag, recovery compressors, storage, building."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from controller.simulator.instruments.channel import Getter, Spec
from controller.simulator.instruments.panel import flag
from controller.simulator.physics.gas import ATM_BAR

if TYPE_CHECKING:
    from controller.simulator.physics.machine import RecoveryMachine
    from controller.simulator.turbine import TurbinePlant


def dew_point_c(water_mbar: float) -> float:
    """Frost point over ice (Magnus form)."""
    ratio = log10(max(water_mbar, 1e-4) / 6.112)
    return 272.62 * ratio / (9.778 - ratio)


def bag_specs(plant: TurbinePlant) -> list[Spec]:
    bag, users = plant.bag, plant.returns

    def water_mbar() -> float:
        return 0.129 + 12.0 * max(0.0, bag.header_air - 0.004)

    listed = [
        Spec("LT-201", lambda: bag.level, 0, 100, u=0.5),
        Spec("PT-204", lambda: bag.header_mbarg + bag.pulse_mbar, -5, 30, u=0.02),
        Spec("TT-205", lambda: plant.return_c, -50, 60, u=0.4, tau_s=10.0),
        Spec("AT-206", lambda: 100.0 * (1.0 - bag.header_air), 90, 100, u=0.06, tau_s=20.0, dead_s=30.0,
             calibrated_h=6.0),
        Spec("AT-207", lambda: 0.2095e6 * bag.header_air, 0, 20000, u_rel=0.02, tau_s=60.0, dead_s=30.0,
             calibrated_h=6.25),
        Spec("AT-208", lambda: dew_point_c(water_mbar()), -80, 20, u=0.6, tau_s=60.0, dead_s=30.0,
             calibrated_h=6.5),
        Spec("FT-209", lambda: users.flow_nm3h, 0, 100, u_rel=0.01, tau_s=2.0),
    ]  # fmt: skip
    return listed + [_line_impurity(plant, line) for line in range(4)]


def _line_impurity(plant: TurbinePlant, line: int) -> Spec:
    users = plant.returns
    name = f"AT-22{line + 1}"
    return Spec(name, lambda: 100.0 * users.line_impurity(line), 0, 25, u=0.02, tau_s=20.0, dead_s=10.0)


def compressor_specs(plant: TurbinePlant) -> list[Spec]:
    machine = plant.c301
    listed = [
        Spec("PT-303", lambda: plant.suction_mbarg(machine), -50, 100, u=0.05, noise=0.05),
        Spec("PT-316", lambda: plant.storage.line_bara - ATM_BAR, 0, 250, u_rel=0.0025),
        Spec("PT-317", lambda: machine.oil_barg, 0, 10, u=0.02, noise=0.01),
        Spec("TT-318", lambda: machine.oil_c, 0, 120, u=0.6),
        Spec("TT-326", lambda: machine.outlet_c, 0, 120, u=0.6),
        Spec("JT-329", lambda: machine.power_kw, 0, 30, u_rel=0.01, tau_s=2.0),
        Spec("FT-331", lambda: machine.flow_nm3h, 0, 60, u_rel=0.01, tau_s=3.0),
        Spec("PDT-332", lambda: machine.filter_bar * (1.0 if machine.loaded and machine.running else 0.05),
             0, 2, u=0.005),
        Spec("LT-333", lambda: machine.condensate, 0, 100, u=0.5),
        Spec("AT-334", lambda: machine.water_ppm, 0, 200, u_rel=0.05, tau_s=60.0, dead_s=30.0),
        Spec("AT-335", lambda: machine.oil_vapour_ppm, 0, 10, u_rel=0.05, tau_s=60.0, dead_s=30.0),
        *_standby_specs(plant, plant.c351),
    ]  # fmt: skip
    for stage in range(5):
        listed += _stage_specs(machine, stage)
    return listed


def _standby_specs(plant: TurbinePlant, machine: RecoveryMachine) -> list[Spec]:
    return [
        Spec("PT-353", lambda: plant.suction_mbarg(machine), -50, 100, u=0.05, noise=0.05),
        Spec("PT-366", lambda: plant.storage.line_bara - ATM_BAR, 0, 250, u_rel=0.0025),
        Spec("PT-367", lambda: machine.oil_barg, 0, 10, u=0.02, noise=0.01),
        Spec("TT-368", lambda: machine.oil_c, 0, 120, u=0.6),
        Spec("JT-379", lambda: machine.power_kw, 0, 30, u_rel=0.01, tau_s=2.0),
        Spec("FT-381", lambda: machine.flow_nm3h, 0, 60, u_rel=0.01, tau_s=3.0),
    ]


def _stage_specs(machine: RecoveryMachine, stage: int) -> list[Spec]:
    return [
        Spec(
            f"PT-31{stage + 1}",
            lambda: machine.stage_bara[stage] - ATM_BAR,
            0,
            300,
            u_rel=0.0025,
            noise=0.004,
        ),
        Spec(f"TT-32{stage + 1}", lambda: machine.stage_c[stage], 0, 250, u=0.8),
    ]


def storage_specs(plant: TurbinePlant) -> list[Spec]:
    storage = plant.storage
    bank_a, bank_b = storage.banks
    return [
        Spec("PT-401A", lambda: bank_a.bara - ATM_BAR, 0, 250, u_rel=0.0025),
        Spec("PT-401B", lambda: bank_b.bara - ATM_BAR, 0, 250, u_rel=0.0025),
        # 3 K (k = 2) because the sensors hang in the weather, not in the gas
        Spec("TT-402A", lambda: bank_a.celsius + plant.weather_k[0], -30, 60, u=0.2),
        Spec("TT-402B", lambda: bank_b.celsius + plant.weather_k[1], -30, 60, u=0.2),
        Spec(
            "AT-403",
            lambda: 100.0 * (1.0 - storage.fed_air_fraction),
            80,
            100,
            u=0.06,
            tau_s=20.0,
            dead_s=30.0,
        ),
        Spec("PT-413", lambda: storage.offload_barg, 0, 250, u_rel=0.0025),
        Spec("PT-414", lambda: storage.feed_barg, 0, 40, u_rel=0.0025, noise=0.01),
    ]


def building_specs(plant: TurbinePlant) -> list[Spec]:
    building = plant.building
    room = building.liquefier
    return [
        Spec("AT-941A", lambda: room.head(1.01), 0, 25, u=0.06, tau_s=5.0),
        Spec("AT-941B", lambda: room.head(1.0), 0, 25, u=0.06, tau_s=5.0),
        Spec("AT-941C", lambda: room.head(0.99), 0, 25, u=0.06, tau_s=5.0),
        Spec("AT-942", lambda: building.compressor.o2, 0, 25, u=0.06, tau_s=5.0),
        Spec("AT-943", lambda: building.bag.o2, 0, 25, u=0.06, tau_s=5.0),
        Spec("VT-951", lambda: building.quake_gal, 0, 1000, noise=0.05),
    ]


def specs(plant: TurbinePlant) -> list[Spec]:
    return bag_specs(plant) + compressor_specs(plant) + storage_specs(plant) + building_specs(plant)


def contacts(plant: TurbinePlant) -> list[tuple[str, Getter]]:
    bag, machine, building = plant.bag, plant.c301, plant.building
    listed: list[tuple[str, Getter]] = [
        ("LSLL-202", flag(lambda: bag.level >= 4.0)),
        ("LSHH-203", flag(lambda: bag.level >= 97.0)),
        ("LSL-327", flag(lambda: machine.oil_level_low)),
        ("KQ-336", lambda: float(int(machine.hours))),
        ("KQ-337", lambda: float(max(0, 4000 - int(machine.hours) % 4000))),
        ("KQ-386", lambda: float(int(plant.c351.hours))),
        ("XS-345", flag(lambda: building.e_stop_ok)),
        ("XS-395", flag(lambda: building.e_stop_ok)),
        ("XS-944", lambda: float(building.fan_speed)),
        ("FSL-945", flag(lambda: building.air_flow_ok)),
        ("XS-947", flag(lambda: building.e_stop_ok)),
        ("XS-948", flag(lambda: building.mains_ok)),
        ("XS-949", flag(lambda: building.ups_ok)),
        ("XS-950", flag(lambda: building.fire_ok)),
    ]
    listed += [_meter(plant, line) for line in range(4)]
    listed += plant.valve_contacts(bag.vent, "CMD")
    listed += plant.valve_contacts(plant.storage.offload, "CMD")
    listed += plant.valve_contacts(plant.divert, "OUT")
    for bank in plant.storage.banks:
        listed += plant.valve_contacts(bank.fill, "OUT") + plant.valve_contacts(bank.feed, "OUT")
    return listed


def _meter(plant: TurbinePlant, line: int) -> tuple[str, Getter]:
    users, gain = plant.returns, plant.meter_gain[line]
    return f"FQ-21{line + 1}", lambda: float(int(users.metered_m3[line] * gain * 10.0) & 0xFFFFFFFF)
