"""What can go wrong, F1 to F13: what each fault does to the truth, and the plant it is told about.

`act` is called every step while the fault is there, with its age in plant seconds; `mend` takes it
away. A fault touches physics, instruments or the PLC's hardware, never a reading or a trip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from controller.simulator.physics.gas import M_HE
from controller.simulator.physics.returns import NMR, PHYSICS
from controller.simulator.plc_logic import states as s
from controller.simulator.start import DEFAULT, StartState
from controller.simulator.turbine import TurbinePlant

Act = Callable[[TurbinePlant, float], None]
Mend = Callable[[TurbinePlant], None]
ROOM_LEAK_M3_H: Final = 60.0
KG_PER_M3_20: Final = 0.1663


@dataclass(frozen=True, slots=True)
class Fault:
    """text: what happens. watch: what to look at. start: the plant it starts in when injected at 0 s.

    freezes, restarts: PLC whose data stand still, or whose communication part restarts.
    """

    name: str
    text: str
    watch: str
    act: Act
    mend: Mend
    start: StartState = DEFAULT
    freezes: str | None = None
    restarts: str | None = None


def _nothing(plant: TurbinePlant, age_s: float = 0.0) -> None:
    """A fault that only the link sees."""
    del plant, age_s


def _oil_pump(plant: TurbinePlant, age_s: float) -> None:
    del age_s
    plant.c301.oil_ok = False


def _oil_pump_mend(plant: TurbinePlant) -> None:
    plant.c301.oil_ok = True


def _oil_pump_and_standby(plant: TurbinePlant, age_s: float) -> None:
    plant.c301.oil_ok = False
    if age_s == 0.0:
        plant.R.c351.trip()


def _surge(plant: TurbinePlant, age_s: float) -> None:
    del age_s
    plant.returns.surge_nm3h, plant.returns.surge_line = 60.0, NMR


def _surge_mend(plant: TurbinePlant) -> None:
    plant.returns.surge_nm3h = 0.0


def _air(plant: TurbinePlant, age_s: float) -> None:
    del age_s
    plant.returns.leak_fraction, plant.returns.leak_line = 0.06, PHYSICS


def _air_mend(plant: TurbinePlant) -> None:
    plant.returns.leak_fraction = None


def _breakthrough(plant: TurbinePlant, age_s: float) -> None:
    """Channels in the bed: 0.5 -> 40 ppm in 60 s, there until the bed has been regenerated."""
    bed = plant.purifier
    if age_s == 0.0:
        bed.breakthrough_ppm = 0.5
    if plant.L.purifier.machine.state == s.RE_COOL:
        bed.breakthrough_ppm = None
    if bed.breakthrough_ppm is not None:
        bed.breakthrough_ppm = 0.5 + 39.5 * min(1.0, age_s / 60.0)


def _breakthrough_mend(plant: TurbinePlant) -> None:
    plant.purifier.breakthrough_ppm = None


def _oil_carry_over(plant: TurbinePlant, age_s: float) -> None:
    """A saturated coalescer: pressure drop and level at once, aerosol from 5 min on."""
    cycle = plant.cycle
    cycle.coalescer_bar[1] = max(cycle.coalescer_bar[1], 0.34)
    cycle.oil_level_high[1] = True
    cycle.oil_target_ppb = 10.0 + 590.0 * min(1.0, max(0.0, age_s - 300.0) / 600.0)


def _oil_carry_over_mend(plant: TurbinePlant) -> None:
    cycle = plant.cycle
    cycle.coalescer_bar[1], cycle.oil_level_high[1], cycle.oil_target_ppb = 0.1, False, 10.0


def _brake(plant: TurbinePlant, age_s: float) -> None:
    del age_s
    plant.box.turbines[0].brake_stuck = True


def _brake_mend(plant: TurbinePlant) -> None:
    plant.box.turbines[0].brake_stuck = False


def _nitrogen(plant: TurbinePlant, age_s: float) -> None:
    """The tank's vacuum has gone soft: it loses 60 % an hour besides what is used."""
    del age_s
    plant.utilities.nitrogen_loss_l_h = 1800.0


def _nitrogen_mend(plant: TurbinePlant) -> None:
    plant.utilities.nitrogen_loss_l_h = 0.0
    plant.utilities.nitrogen_l = 0.9 * 3000.0


def _bag_empty(plant: TurbinePlant, age_s: float) -> None:
    """C-301 does not stop by level any more."""
    del age_s
    plant.R.level_ignored = True


def _bag_empty_mend(plant: TurbinePlant) -> None:
    plant.R.level_ignored = False
    plant.R.c301.obeys_remote = True
    for tag in ("LT-201", "LSLL-202"):
        plant.panels["R"].free(tag)


def _bag_empty_stuck(plant: TurbinePlant, age_s: float) -> None:
    plant.R.level_ignored = True
    if age_s == 0.0:
        plant.R.c301.obeys_remote = False
        plant.panels["R"].stick("LT-201", 50.0)


def _bag_empty_blind(plant: TurbinePlant, age_s: float) -> None:
    _bag_empty_stuck(plant, age_s)
    if age_s == 0.0:
        plant.panels["R"].stick("LSLL-202", 1.0)


def _room_leak(plant: TurbinePlant, age_s: float) -> None:
    del age_s
    plant.dewar.leak_kg_s = ROOM_LEAK_M3_H * KG_PER_M3_20 / 3600.0


def _room_leak_mend(plant: TurbinePlant) -> None:
    plant.dewar.leak_kg_s = 0.0
    plant.building.high_speed_fails = plant.building.fan_failed = False


def _room_leak_no_fan(plant: TurbinePlant, age_s: float) -> None:
    _room_leak(plant, age_s)
    plant.building.high_speed_fails = True


def _storage_empty(plant: TurbinePlant, age_s: float) -> None:
    """From the start: a long run on what is there. Later: a trailer draws both banks to 30 barg."""
    if plant.plant_s < age_s + 1e-6:
        return
    for bank in plant.storage.banks:
        if bank.bara > 31.0:
            kg_per_step = 40.0 / 900.0  # a trailer filled within a quarter of an hour
            plant.ledger.delivered += bank.gas.take(kg_per_step / M_HE)[0]


def _stuck_bank(plant: TurbinePlant, age_s: float) -> None:
    if age_s == 0.0:
        plant.panels["R"].stick("PT-401A")


def _stuck_bank_mend(plant: TurbinePlant) -> None:
    plant.panels["R"].free("PT-401A")


def _oil_vapour(plant: TurbinePlant, age_s: float) -> None:
    plant.c301.oil_vapour_ppm = 0.05 + 1.95 * min(1.0, age_s / 60.0)


def _oil_vapour_mend(plant: TurbinePlant) -> None:
    plant.c301.oil_vapour_ppm = 0.05


_EMPTYING: Final = replace(DEFAULT, hour=12.0, bag=35.0)

_LISTED: Final = (
    Fault("F1", "Recovery compressor C-301 loses its oil pressure at the start of a plume",
          "PT-317, XA-344, then LT-201: high after 31 min, full after 36, C-351 starts",
          _oil_pump, _oil_pump_mend),
    Fault("F1b", "As F1, and the standby compressor C-351 stands in error too",
          "LT-201 and XV-215: the bag vents after 38 min",
          _oil_pump_and_standby, _oil_pump_mend),
    Fault("F2", "A user sends 60 Nm3/h more into the return header",
          "FT-209 after 1 min, FQ-211, LT-201: high after 10 min",
          _surge, _surge_mend, replace(DEFAULT, bag=46.0)),
    Fault("F3", "Air leaks into a user's line: the return goes from 0.4 to 6 % air",
          "AT-222, AT-206, then XV-216 diverts", _air, _air_mend,
          replace(DEFAULT, hour=13.55, c301=s.STANDBY)),
    Fault("F4", "The purifier breaks through: 40 ppm nitrogen behind it within a minute",
          "AT-512, XV-412A/B, XV-519, two hours later PT-604", _breakthrough, _breakthrough_mend),
    Fault("F5", "Oil is carried over: a saturated coalescer in the cycle",
          "PDT-611, LSH-614, AT-619, then the cold box stops", _oil_carry_over, _oil_carry_over_mend,
          replace(DEFAULT, coalescer_2_bar=0.34)),
    Fault("F6", "The brake valve of turbine 1 sticks",
          "ST-721: 3300, 3600, UY-720 shuts within a second", _brake, _brake_mend),
    Fault("F7", "Liquid nitrogen runs out",
          "LT-901, FV-905, TT-712, the rate falls from 30 to 20 L/h", _nitrogen, _nitrogen_mend,
          replace(DEFAULT, nitrogen=51.0)),
    Fault("F8", "C-301 does not stop by level and empties the bag",
          "LT-201 down to 10 %, then S-01 stops C-301", _bag_empty, _bag_empty_mend, _EMPTYING),
    Fault("F8b", "As F8, LT-201 stuck at 50 % and C-301 deaf to remote stops",
          "LSLL-202, then I-06 in the PLC", _bag_empty_stuck, _bag_empty_mend, _EMPTYING),
    Fault("F8c", "As F8b, and the bag-empty switch is stuck too",
          "PT-303 below atmosphere, then I-07; later AT-207", _bag_empty_blind, _bag_empty_mend, _EMPTYING),
    Fault("F9", "60 m3/h of helium leak into the liquefier room",
          "AT-941A/B/C below 19.5 % after 13 min, the fan goes to high", _room_leak, _room_leak_mend),
    Fault("F9b", "As F9, and the fan fails when it is switched to high",
          "AT-941A/B/C below 18 %: evacuate", _room_leak_no_fan, _room_leak_mend),
    Fault("F10", "The store runs empty during a long run from a warm cold box",
          "PT-401A/B, PT-414, after 16.8 h PT-604", _storage_empty, _nothing,
          replace(DEFAULT, cold_mode=s.COOLDOWN, warm_k=300.0, cold_k=300.0, purifier=s.PUR_STANDBY,
                  theta=0.0, bank_a_barg=56.0, bank_b_barg=76.0, nitrogen=90.0, dewar=20.0)),
    Fault("F11", "A gateway repeats old data of PLC R and says they are good",
          "all of R stands still: its counter, LT-201, PT-401", _nothing, _nothing, freezes="R"),
    Fault("F11b", "The bank pressure PT-401A is stuck", "PT-401A stands still while C-301 fills bank A",
          _stuck_bank, _stuck_bank_mend),
    Fault("F12", "PLC L restarts: away for 90 s, namespace index moved, clock an hour slow",
          "the link to L, one alarm for it, TS-995", _nothing, _nothing, restarts="L"),
    Fault("F13", "Oil vapour behind the recovery compressor's filter",
          "AT-335: after 300 s XV-411A shuts and C-301 stops", _oil_vapour, _oil_vapour_mend),
)  # fmt: skip
TABLE: Final = {fault.name: fault for fault in _LISTED}
