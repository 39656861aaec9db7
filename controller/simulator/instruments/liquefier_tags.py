"""Instruments of PLC L: purifier, cycle, cold box, dewar, filling station, utilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from controller.simulator.instruments.channel import Getter, Spec
from controller.simulator.instruments.panel import flag
from controller.simulator.physics.gas import ATM_BAR, nm3_h, saturation_k

if TYPE_CHECKING:
    from controller.simulator.turbine import TurbinePlant

ZERO_GAS_PPM: Final = 0.05


def purifier_specs(plant: TurbinePlant) -> list[Spec]:
    bed = plant.purifier

    def inlet_bara() -> float:
        return max(plant.storage.feed_barg + ATM_BAR - 1.0, ATM_BAR)

    return [
        Spec("PT-503", inlet_bara, 0, 40, u_rel=0.0025),
        Spec("PT-504", lambda: min(12.0, inlet_bara() - 0.3), 0, 40, u_rel=0.0025),
        Spec("PDT-505", lambda: bed.dp_bar, 0, 5, u=0.004),
        Spec("TT-506", lambda: bed.precooler_k, 20, 350, u=0.4),
        Spec("TT-507", lambda: bed.separator_k, 20, 350, u=0.4),
        Spec("TT-508", lambda: bed.kelvin, 20, 350, u=0.4),
        Spec("LT-509", lambda: bed.separator, 0, 100, u=0.5),
        Spec(
            "AT-512",
            lambda: bed.n2_ppm if bed.sampled else ZERO_GAS_PPM,
            0,
            100,
            u_rel=0.02,
            tau_s=60.0,
            dead_s=30.0,
        ),
        Spec(
            "AT-513",
            lambda: bed.o2_ppm if bed.sampled else ZERO_GAS_PPM,
            0,
            100,
            u_rel=0.02,
            tau_s=60.0,
            dead_s=30.0,
        ),
        Spec(
            "AT-514",
            lambda: bed.h2o_ppm if bed.sampled else ZERO_GAS_PPM,
            0,
            100,
            u_rel=0.02,
            tau_s=60.0,
            dead_s=30.0,
        ),
        Spec("TT-515", lambda: bed.heater_k, 250, 450, u=0.8),
        Spec("FT-518", lambda: nm3_h(bed.flow_mol_s), 0, 60, u_rel=0.01, tau_s=5.0),
        Spec("load", lambda: bed.theta, 0, 5, u_rel=0.01),
        Spec("made", lambda: plant.made_kg_s, 0, 1, u_rel=0.004),
    ]


def cycle_specs(plant: TurbinePlant) -> list[Spec]:
    cycle, water = plant.cycle, plant.utilities
    return [
        Spec("PT-602", lambda: cycle.hp_barg, 0, 16, u_rel=0.0025),
        Spec("PT-603", lambda: cycle.lp_mbarg, -200, 1000, u=0.5, noise=1.0),
        Spec("PT-604", lambda: cycle.buffer_bara, 0, 16, u_rel=0.0025),
        Spec("TT-605", lambda: cycle.discharge_c, 0, 150, u=0.6),
        Spec("TT-606", lambda: cycle.oil_c, 0, 150, u=0.6),
        Spec("JT-609", lambda: cycle.power_kw, 0, 200, u_rel=0.01),
        Spec("PDT-610", lambda: cycle.coalescer_bar[0], 0, 2, u=0.004),
        Spec("PDT-611", lambda: cycle.coalescer_bar[1], 0, 2, u=0.004),
        Spec("PDT-612", lambda: cycle.coalescer_bar[2], 0, 2, u=0.004),
        Spec("TT-615", lambda: water.water_in_c + 3.0, 0, 80, u=0.4),
        Spec("AT-616", lambda: 0.5, 0, 50, u_rel=0.04, tau_s=60.0, dead_s=30.0),
        Spec("AT-617", lambda: cycle.n2_vpm, 0, 50, u_rel=0.02, tau_s=60.0, dead_s=30.0),
        Spec("AT-618", lambda: 0.1, 0, 50, u_rel=0.1, tau_s=60.0, dead_s=30.0),
        Spec("AT-619", lambda: cycle.oil_ppb, 0, 1000, u_rel=0.05, tau_s=60.0, dead_s=30.0),
    ]


def cold_box_specs(plant: TurbinePlant) -> list[Spec]:
    box, cycle, dewar = plant.box, plant.cycle, plant.dewar
    first, second = box.turbines

    def after_jt_k() -> float:
        if box.jt > 1.0 and box.cold_k < 12.0:
            return saturation_k(ATM_BAR + dewar.mbarg / 1000.0)
        return box.cold_k - 0.2

    return [
        Spec("PT-703", lambda: box.vacuum_mbar, 1e-7, 1e3, u_rel=0.05),
        Spec("TT-711", lambda: plant.utilities.water_in_c + 3.0 + 270.0, 4, 320, u=0.4),
        Spec("TT-712", lambda: box.warm_k + 1.0, 4, 320, u=0.3),
        Spec("TT-713", lambda: box.warm_k, 4, 320, u=0.3),
        Spec("TT-721", lambda: box.turbine1_in_k, 4, 320, u=0.2),
        Spec("TT-722", lambda: first.outlet_k(box.turbine1_in_k), 4, 320, u=0.2),
        Spec("TT-731", lambda: box.turbine2_in_k, 4, 320, u=0.2),
        Spec("TT-732", lambda: second.outlet_k(box.turbine2_in_k), 4, 320, u=0.2),
        Spec("PT-721", lambda: box.turbine_inlet_bara(cycle.hp_barg), 0, 16, u_rel=0.0025),
        Spec("PT-722", lambda: box.interstage_bara(cycle.hp_barg), 0, 16, u_rel=0.0025),
        Spec("PT-732", lambda: ATM_BAR + cycle.lp_mbarg / 1000.0 + 0.14, 0, 16, u_rel=0.0025),
        Spec("ST-721", lambda: first.speed, 0, 5000, noise=3.0),
        Spec("ST-731", lambda: second.speed, 0, 5000, noise=3.0),
        Spec("TT-723", lambda: first.brake_c, 0, 120, u=0.4),
        Spec("TT-733", lambda: second.brake_c, 0, 120, u=0.4),
        Spec("UY-720", lambda: box.inlet, 0, 100),
        Spec("TT-741", lambda: box.cold_k, 4, 320, u=0.06),
        Spec("TT-742", after_jt_k, 4, 320, u=0.03),
        Spec("TT-743", lambda: max(box.cold_k - 1.5, 4.3), 4, 320, u=0.06),
        Spec("TT-744", lambda: plant.utilities.water_in_c + 268.0, 4, 320, u=0.4),
        Spec("PDT-745", lambda: box.adsorber_bar[0], 0, 1, u=0.002),
        Spec("PDT-746", lambda: box.adsorber_bar[1], 0, 1, u=0.002),
        Spec("FT-747", lambda: cycle.flow_g_s, 0, 60, u_rel=0.01),
    ]


def dewar_specs(plant: TurbinePlant) -> list[Spec]:
    dewar, supply = plant.dewar, plant.utilities
    return [
        Spec("LT-801", lambda: dewar.level, 0, 100, u=0.5),
        Spec("LT-802", lambda: dewar.level * 10.0, 0, 1000, u=5.0),
        Spec("PT-803", lambda: dewar.mbarg, 0, 1000, u=0.5, noise=0.3),
        Spec("TT-813", lambda: dewar.vent_c, -270, 40, u=0.4),
        Spec("WT-814", lambda: dewar.scale_kg, 0, 300, u=0.02),
        Spec("PT-815", lambda: dewar.portable_mbarg, 0, 300, u=0.3),
        Spec("LT-901", lambda: supply.nitrogen_level, 0, 100, u=0.5),
        Spec("LT-903", lambda: supply.vessel, 0, 100, u=0.5),
        Spec("TT-904", lambda: supply.vent_c, -200, 60, u=0.4),
        Spec("TT-921", lambda: supply.water_in_c, 0, 60, u=0.2),
        Spec("TT-922", lambda: supply.water_out_c, 0, 80, u=0.2),
        Spec("FT-924", lambda: supply.water_m3_h, 0, 20, u_rel=0.01),
        Spec("PT-931", lambda: supply.air_barg, 0, 10, u_rel=0.0025),
    ]


def specs(plant: TurbinePlant) -> list[Spec]:
    return purifier_specs(plant) + cycle_specs(plant) + cold_box_specs(plant) + dewar_specs(plant)


def contacts(plant: TurbinePlant) -> list[tuple[str, Getter]]:
    cycle, box, bed = plant.cycle, plant.box, plant.purifier
    listed: list[tuple[str, Getter]] = [
        ("TSHH-516", flag(lambda: bed.limiter_ok)),
        ("LSH-613", flag(lambda: cycle.oil_level_high[0])),
        ("LSH-614", flag(lambda: cycle.oil_level_high[1])),
        ("FSL-625", flag(lambda: plant.utilities.water_m3_h > 4.0)),
        ("KQ-624", lambda: float(int(cycle.hours))),
        ("FSL-724", flag(lambda: box.turbines[0].water_ok and box.turbines[1].water_ok)),
        ("PSL-725", flag(lambda: box.turbines[0].bearing_ok and box.turbines[1].bearing_ok)),
    ]
    listed += plant.valve_contacts(plant.to_box, "CMD")
    listed += plant.valve_contacts(plant.recycle, "CMD")
    listed += plant.valve_contacts(plant.isolation, "CMD")
    listed += plant.valve_contacts(plant.dewar.fill, "OUT")
    return listed
