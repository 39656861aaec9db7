"""Every row of the PLCs' cause-and-effect table, provoked at the instrument, with its effect.

A row is provoked by sticking instruments at a value; what the PLC does then is looked up at valves and
machines, not in the PLC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.trip import OnDelay, Trip, TripLog
from controller.simulator.start import DEFAULT, StartState
from controller.simulator.turbine import TurbinePlant

Effect = Callable[[TurbinePlant], bool]


@dataclass(frozen=True)
class Row:
    """stuck: what the instruments show. after_s: the row's delay. effect: holds within within_s."""

    name: str
    plc: str
    stuck: dict[str, float]
    cause: str
    after_s: float
    within_s: float
    effect: Effect
    start: StartState = DEFAULT


def c301_rests(plant: TurbinePlant) -> bool:
    return not plant.c301.running


def both_rest(plant: TurbinePlant) -> bool:
    return not plant.c301.running and not plant.c351.running


def cold_box_off(plant: TurbinePlant) -> bool:
    return plant.L.out["XS-701"] in (0, 5, 6)


def not_purifying(plant: TurbinePlant) -> bool:
    return plant.L.out["XS-501"] != 5 and plant.to_box.zsc > 0.5


def cycle_cascade(plant: TurbinePlant) -> bool:
    off = plant.L.out["XS-601"] in (0, 4) and plant.L.out["UY-620"] >= 90.0
    return off and cold_box_off(plant) and not_purifying(plant)


def turbine_shut(plant: TurbinePlant) -> bool:
    return plant.box.inlet < 1.0 and plant.L.out["XS-701"] == 5


def everything_stopped(plant: TurbinePlant) -> bool:
    valves = [bank.fill for bank in plant.storage.banks] + [bank.feed for bank in plant.storage.banks]
    valves += [plant.dewar.fill, plant.to_box]
    return both_rest(plant) and plant.L.out["XS-601"] in (0, 4) and all(valve.zsc > 0.5 for valve in valves)


ROWS = [
    Row("I-01", "S", {"PT-101": 75.0}, "PT-101>70", 3, 10,
        lambda p: p.skid.bypass.zso > 0.5 and not p.S.booster.running),
    Row("I-02 line", "S", {"PT-101": 1.0}, "PT-101<2", 3, 10,
        lambda p: p.skid.collect.zsc > 0.5 and not p.S.booster.running),
    Row("I-02 bag full", "S", {"LT-106": 96.0}, "LT-106>95", 3, 5,
        lambda p: p.skid.collect.zsc > 0.5 and p.skid.bypass.zso > 0.5),
    Row("I-02 bag empty", "S", {"LT-106": 4.0}, "LT-106<5", 3, 10, lambda p: not p.S.booster.running),
    Row("I-03", "S", {"TT-102": -45.0}, "TT-102<-40", 10, 5,
        lambda p: p.skid.collect.zsc > 0.5 and p.S.out["XA-120"] == 1.0),
    Row("I-04", "S", {"PT-107": 150.0}, "P35-107>=14.7", 1, 10,
        lambda p: p.skid.pack_fill.zsc > 0.5 and not p.S.booster.running),
    Row("I-04", "S", {"TT-108": 41.0}, "TT-108>=40", 60, 10, lambda p: p.skid.pack_fill.zsc > 0.5),
    Row("I-23 skid", "S", {"PT-116": 260.0}, "PT-116>250", 10, 1, lambda p: p.S.out["XA-120"] == 1.0),
    Row("I-23 skid", "S", {"LT-115": 96.0}, "LT-115>95", 30, 1, lambda p: p.S.out["XA-120"] == 1.0),
    Row("I-08 skid", "S", {"AT-104": 94.0}, "AT-104<95", 60, 1, lambda p: p.S.out["XA-120"] == 1.0),
    Row("I-25 skid", "S", {"AT-113": 19.2}, "AT-113<19.5", 3, 1, lambda p: p.S.out["XA-122"] == 1.0),
    Row("I-25 skid evacuate", "S", {"AT-113": 17.5}, "AT-113<18", 3, 20, lambda p: not p.S.booster.running),
    Row("I-03", "R", {"TT-205": -12.0}, "TT-205<-10", 30, 1, lambda p: p.R.out["XA-217"] == 1.0),
    Row("I-05", "R", {"LT-201": 96.0}, "LT-201>95", 5, 60, lambda p: p.c351.loaded),
    Row("I-05", "R", {"LSHH-203": 1.0}, "LSHH-203", 5, 60, lambda p: p.c351.loaded),
    Row("I-06", "R", {"LT-201": 4.0}, "LT-201<5", 2, 20, both_rest),
    Row("I-06", "R", {"LSLL-202": 0.0}, "LSLL-202", 2, 20, both_rest),
    Row("I-07", "R", {"PT-303": -1.5}, "PT-303<-1", 1, 1, c301_rests),
    Row("I-08", "R", {"AT-206": 96.0}, "AT-206<97", 60, 5,
        lambda p: p.divert.zso > 0.5 and p.storage.banks[0].fill.zsc > 0.5),
    Row("I-08", "R", {"AT-207": 12000.0}, "AT-207>10000", 120, 5, lambda p: p.divert.zso > 0.5),
    Row("I-08 line", "R", {"AT-223": 1.5}, "AT-223>1", 60, 1, lambda p: p.R.out["XA-217"] == 1.0),
    Row("I-09", "R", {"PT-313": 41.0}, "PT-313>40", 3, 1, c301_rests),
    Row("I-09", "R", {"TT-322": 195.0}, "TT-322>190", 30, 1, c301_rests),
    Row("I-09", "R", {"JT-329": 15.5}, "JT-329>15", 10, 1, c301_rests),
    Row("I-10", "R", {"PT-316": 153.0}, "PT-316>152", 1, 1, both_rest),
    Row("I-11", "R", {"PT-317": 1.0}, "PT-317<1.2", 10, 1, c301_rests),
    Row("I-11", "R", {"TT-318": 86.0}, "TT-318>85", 30, 1, c301_rests),
    Row("I-11", "R", {"LSL-327": 1.0}, "LSL-327", 10, 1, c301_rests),
    Row("I-12", "R", {"AT-334": 60.0}, "AT-334>50", 600, 10,
        lambda p: p.storage.banks[0].fill.zsc > 0.5 and not p.c301.running),
    Row("I-14", "L", {"AT-512": 12.0}, "AT-512>10", 30, 3,
        lambda p: p.to_box.zsc > 0.5 and p.recycle.zso > 0.5),
    Row("I-14", "L", {"AT-513": 60.0}, "AT-513>50", 2, 3, lambda p: p.to_box.zsc > 0.5),
    Row("I-15", "L", {"TT-508": 92.0}, "TT-508>90", 0, 3, not_purifying),
    Row("I-16", "L", {"PT-504": 9.5}, "PT-504<10", 10, 3, not_purifying),
    Row("I-16 dp", "L", {"PDT-505": 0.9}, "PDT-505>0.8", 60, 3, lambda p: p.L.out["XS-501"] == 6),
    Row("I-17", "L", {"LT-509": 92.0}, "LT-509>90", 60, 3, not_purifying),
    Row("I-17 load", "L", {"load": 0.9}, "load>85", 10, 3, lambda p: p.L.out["XS-501"] == 6),
    Row("I-18", "L", {"TSHH-516": 0.0}, "TSHH-516", 0, 1, lambda p: p.L.out["EH-515"] == 0.0),
    Row("I-19", "L", {"PT-602": 10.0}, "PT-602>9.9", 1, 5, cycle_cascade),
    Row("I-19", "L", {"PT-603": -30.0}, "PT-603<-20", 5, 5, cycle_cascade),
    Row("I-19", "L", {"TT-605": 106.0}, "TT-605>105", 5, 5, cycle_cascade),
    Row("I-19", "L", {"FSL-625": 0.0}, "FSL-625", 10, 5, cycle_cascade),
    Row("I-20", "L", {"PT-604": 4.4}, "PT-604<4.5", 60, 3,
        lambda p: cold_box_off(p) and p.L.out["UY-741"] <= 1.0),
    Row("I-21", "L", {"AT-619": 250.0}, "AT-619>200", 120, 60,
        lambda p: p.box.inlet < 1.0 and cold_box_off(p)),
    Row("I-21", "L", {"AT-617": 11.0}, "AT-617>10", 120, 60, cold_box_off),
    Row("I-21", "L", {"PDT-745": 0.35}, "PDT-745>0.3", 60, 60, cold_box_off),
    Row("I-22", "L", {"PT-703": 0.02}, "PT-703>1e-2", 60, 5,
        lambda p: cold_box_off(p) and p.isolation.zsc > 0.5),
    Row("I-23", "L", {"LT-801": 98.5}, "LT-801>=98", 60, 3, lambda p: p.L.out["XS-701"] not in (2, 3)),
    Row("I-23 pressure", "L", {"PT-803": 410.0}, "PT-803>=400", 10, 1, lambda p: not p.dewar.heater_on),
    Row("I-24", "L", {"ST-721": 3700.0}, "ST-721>3600", 0, 2, turbine_shut),
    Row("I-24", "L", {"TT-733": 75.0}, "TT-733>70", 10, 2, turbine_shut),
    Row("I-24", "L", {"FSL-724": 0.0}, "FSL-724", 10, 2, turbine_shut),
    Row("I-24", "L", {"TT-722": 24.0}, "TT-722<25", 10, 2, turbine_shut),
    Row("I-25", "R", {"AT-942": 19.3}, "AT-942<19.5", 3, 1, lambda p: p.building.fan_speed == 2),
    Row("I-25 evacuate", "R", {"AT-942": 17.0}, "AT-942<18", 3, 20, both_rest),
    Row("I-26", "L", {"LT-901": 19.0}, "LT-901<20", 60, 1, lambda p: p.L.out["FV-905"] <= 1.0),
    Row("I-27", "R", {"XS-947": 0.0}, "XS-947", 0, 5, everything_stopped),
    Row("I-27", "R", {"XS-948": 0.0}, "XS-948", 3, 5, everything_stopped),
    Row("I-27", "R", {"XS-950": 0.0}, "XS-950", 0, 5, everything_stopped),
    Row("I-27", "R", {"VT-951": 90.0}, "VT-951>=80", 0, 5, everything_stopped),
    Row("I-27", "L", {"PT-931": 4.2}, "PT-931<4.5", 2, 5, everything_stopped),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.plc} {row.name} {row.cause}")
def test_the_row_acts_after_its_delay_and_not_before(row: Row) -> None:
    plant = TurbinePlant(1, row.start)
    plant.step(1.0, 1.0)
    for tag, value in row.stuck.items():
        plant.panels[row.plc].stick(tag, value)
    log = plant.plcs[row.plc].log.entries
    stuck_at_s = plant.plant_s
    while not any(entry.id == row.name for entry in log):
        plant.step(1.0, 1.0)
        assert plant.plant_s - stuck_at_s <= row.after_s + 2.0, "too late, or never"
    entry = next(entry for entry in log if entry.id == row.name)
    assert entry.cause == row.cause
    assert entry.at_s - stuck_at_s >= row.after_s
    while not row.effect(plant):
        plant.step(1.0, 1.0)
        assert plant.plant_s - entry.at_s <= row.within_s, "its effect did not come in time"
    assert plant.violations() == []


def test_the_oil_pressure_is_not_looked_at_in_the_first_20_s_of_a_start() -> None:
    plant = TurbinePlant(1, replace(DEFAULT, bag=80.0, c301=s.STANDBY))
    plant.step(1.0, 1.0)
    plant.panels["R"].stick("PT-317", 0.0)
    started_s = None
    while not plant.R.oil.tripped:
        plant.step(1.0, 1.0)
        if started_s is None and plant.R.c301.running:
            started_s = plant.plant_s
    assert started_s is not None
    assert plant.plant_s - started_s == pytest.approx(20.0 + 10.0, abs=3.0)


def test_six_starts_in_an_hour_inhibit_the_seventh() -> None:
    plant = TurbinePlant(1, replace(DEFAULT, c301=s.READY))
    plant.R.c301.auto = False
    plant.R.c301.starts.extend([0.0] * 6)
    plant.step(1.0, 1.0)
    assert plant.R.out["XS-301"] == s.START_INHIBIT
    assert plant.R.out["KQ-338"] == 6.0
    for _ in range(365):
        plant.step(10.0, 10.0)
    assert plant.R.out["XS-301"] == s.READY


def test_the_standby_takes_over_when_the_duty_machine_has_started_too_often() -> None:
    plant = TurbinePlant(1, replace(DEFAULT, bag=73.0, c301=s.STANDBY))
    plant.R.c301.starts.extend([0.0] * 6)
    while not plant.c351.loaded:
        plant.step(1.0, 1.0)
        assert plant.plant_s < 300.0
    assert plant.R.out["XS-301"] == s.OP_INHIBIT
    assert plant.panels["R"].pv["LT-201"] > 74.0


def test_a_full_bank_is_left_for_the_other_and_two_full_ones_stop_the_machine() -> None:
    plant = TurbinePlant(1, replace(DEFAULT, bank_a_barg=131.0, bank_b_barg=60.0))
    plant.panels["R"].stick("PT-401A", 136.0)
    for _ in range(30):
        plant.step(1.0, 1.0)
    assert plant.storage.banks[0].fill.zsc == 1.0
    assert plant.storage.banks[1].fill.zso == 1.0
    assert plant.R.out["XS-301"] == s.UNDER_LOAD
    plant.panels["R"].stick("PT-401B", 136.0)
    for _ in range(60):
        plant.step(1.0, 1.0)
    assert not plant.c301.running
    assert plant.R.out["XS-301"] == s.OP_INHIBIT
    assert "I-10" not in {entry.id for entry in plant.R.log.entries}


def test_the_feed_changes_over_below_20_barg_when_the_other_bank_has_more_than_40() -> None:
    plant = TurbinePlant(1, replace(DEFAULT, bank_b_barg=25.0))
    while plant.R.banks.feed == "B":
        assert plant.storage.banks[1].bara > 15.0
        plant.step(5.0, 5.0)
    assert plant.panels["R"].pv["PT-401B"] < 20.0
    for _ in range(10):
        plant.step(1.0, 1.0)
    assert plant.storage.banks[0].feed.zso == 1.0


def test_i07_needs_gas_in_the_bag_and_an_operator_before_it_lets_go() -> None:
    plant = TurbinePlant(1)
    plant.step(1.0, 1.0)
    plant.panels["R"].stick("PT-303", -1.5)
    for _ in range(5):
        plant.step(1.0, 1.0)
    plant.panels["R"].free("PT-303")
    plant.panels["R"].stick("LT-201", 30.0)
    plant.step(1.0, 1.0)
    assert not plant.R.suction.reset(plant.R.now_s)
    plant.panels["R"].free("LT-201")
    plant.step(1.0, 1.0)
    assert plant.R.suction.tripped
    assert plant.R.suction.reset(plant.R.now_s)


def test_the_divert_stays_ten_minutes_and_until_the_gas_has_been_good_for_ten() -> None:
    plant = TurbinePlant(1)
    plant.panels["R"].stick("AT-206", 96.0)
    for _ in range(70):
        plant.step(1.0, 1.0)
    plant.panels["R"].free("AT-206")
    diverted_s = plant.R.returns.impure.since_s
    while plant.R.returns.impure.tripped:
        plant.step(2.0, 2.0)
    assert plant.plant_s - diverted_s >= 600.0
    for _ in range(5):
        plant.step(1.0, 1.0)
    assert plant.divert.zsc == 1.0


def test_a_hard_wired_contact_shuts_the_fill_valve_without_any_network() -> None:
    plant = TurbinePlant(1)
    port = plant.port("XV-811.CMD")
    assert port is not None
    port.word, port.sequence = 1, 1
    for _ in range(5):
        plant.step(1.0, 1.0)
    assert plant.dewar.fill.zso == 1.0
    plant.panels["R"].stick("AT-941C", 17.0)
    for _ in range(8):
        plant.step(1.0, 1.0)
    assert plant.dewar.fill.zsc == 1.0
    assert plant.L.out["XS-812"] == s.FILL_ABORT


def test_without_air_valves_go_where_their_springs_take_them() -> None:
    plant = TurbinePlant(1)
    plant.utilities.air_target_barg = 2.0
    for _ in range(300):
        plant.step(1.0, 1.0)
    assert plant.skid.bypass.zso == 1.0
    assert plant.to_box.zsc == 1.0
    assert plant.box.inlet == 0.0
    assert plant.violations() == []


# --- the parts --------------------------------------------------------------------------------------------


def test_a_delay_starts_again_when_the_condition_goes_away() -> None:
    delay = OnDelay()
    assert [delay(True, 2.0, 1.0) for _ in range(3)] == [False, False, True]
    assert not delay(False, 2.0, 1.0)
    assert not delay(True, 2.0, 1.0)
    assert OnDelay()(True, 0.0, 1.0)


def test_a_trip_has_exactly_one_first_out_and_keeps_it() -> None:
    log = TripLog("R")
    trip = Trip("I-11", log, latched=True)
    trip.judge(1.0, ("pressure", False), ("temperature", True), ("level", True))
    trip.judge(2.0, ("pressure", True), ("temperature", False), ("level", False))
    assert [(entry.cause, entry.at_s) for entry in log.entries] == [("temperature", 1.0)]
    assert not trip.reset(3.0)
    trip.clear_when(True, 0.0, 4.0, 1.0)
    assert trip.tripped
    assert trip.reset(5.0)
    assert log.entries[0].cleared_s == 5.0


def test_an_unlatched_trip_clears_itself_when_it_has_been_healthy_long_enough() -> None:
    trip = Trip("I-01", TripLog("S"), latched=False)
    trip.judge(0.0, ("high", True))
    for second in range(61):
        trip.clear_when(True, 60.0, float(second), 1.0)
        assert trip.tripped == (second < 60)


def test_a_skipped_state_is_remembered() -> None:
    machine = s.StateMachine("C-301", s.COMPRESSOR, s.READY)
    machine.to(s.UNDER_LOAD)
    assert machine.skipped == ["C-301: state 3 was followed by 9"]
