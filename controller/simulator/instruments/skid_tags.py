"""Instruments of PLC S, the MRI-site skid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.simulator.instruments.channel import Getter, Spec
from controller.simulator.physics.gas import ATM_BAR

if TYPE_CHECKING:
    from controller.simulator.turbine import TurbinePlant


def specs(plant: TurbinePlant) -> list[Spec]:
    skid = plant.skid
    return [
        Spec("PT-101", lambda: skid.line_mbarg, -10, 200, u=0.1, noise=0.15),
        Spec("TT-102", lambda: skid.gas_c, -200, 60, u=0.5),
        Spec("FT-103", lambda: skid.vent_nm3h, 0, 50, u_rel=0.01, noise=0.005, tau_s=2.0),
        Spec("AT-104", lambda: 100.0 * (1.0 - skid.air_fraction), 80, 100, u=0.06, tau_s=20.0, dead_s=30.0),
        Spec("LT-105", lambda: 100.0 * skid.magnet_l / 1700.0, 0, 100, u=0.5),
        Spec("LT-106", lambda: skid.bag_level, 0, 100, u=0.5),
        Spec("PT-107", lambda: skid.pack_bara - ATM_BAR, 0, 250, u_rel=0.0025),
        Spec("TT-108", lambda: skid.pack_c, -20, 80, u=0.5),
        Spec("AT-113", lambda: skid.room.o2, 0, 25, u=0.06, tau_s=10.0),
        Spec("WT-114", lambda: skid.receiver_kg, 0, 300, u=0.05),
        Spec("LT-115", lambda: skid.receiver_l, 0, 100, u=0.5),
        Spec("PT-116", lambda: skid.receiver_mbarg, 0, 500, u=0.5),
        Spec("WD-118.RSSI", lambda: -77.0, -120, 0, noise=1.5),
    ]


def contacts(plant: TurbinePlant) -> list[tuple[str, Getter]]:
    skid = plant.skid
    listed: list[tuple[str, Getter]] = [("FQ-103", lambda: float(int(skid.vented_m3 * 10.0)))]
    for valve in (skid.collect, skid.bypass, skid.pack_fill):
        listed += plant.valve_contacts(valve, "CMD")
    return listed
