"""Each fault of the plant in its own start state: what happens when, with the PLCs alone.

Times are the plant's reference times; they are reproduced within 10 %.
"""

from __future__ import annotations

import pytest

from controller.simulator.fault_table import TABLE
from controller.simulator.plc_logic import states as s
from controller.simulator.turbine import TurbinePlant
from tests.simulation.plant_watch import Watch, When, reads

MINUTE_S = 60.0
HOUR_S = 3600.0


def venting(plant: TurbinePlant) -> bool:
    return plant.bag.vent.zso > 0.5


VENT = When("vent", venting)

# fault: how long to look, in which steps, and what comes after how many seconds
SEQUENCES: dict[str, tuple[float, float, dict[When, float]]] = {
    "F1": (
        40 * MINUTE_S,
        2.0,
        {reads("LT-201 > 90 for 5"): 31 * MINUTE_S, reads("LT-201 > 95 for 5"): 36 * MINUTE_S},
    ),
    "F1b": (42 * MINUTE_S, 2.0, {VENT: 38 * MINUTE_S}),
    "F2": (
        15 * MINUTE_S,
        1.0,
        {
            reads("FT-209 > 35 for 60"): 1 * MINUTE_S,
            reads("LT-201 > 90 for 5"): 10 * MINUTE_S,
            reads("LT-201 > 95 for 5"): 12 * MINUTE_S,
            VENT: 13 * MINUTE_S,
        },
    ),
    "F4": (
        2 * MINUTE_S,
        0.5,
        {
            reads("AT-512 > 3"): 53.0,
            reads("AT-512 > 8"): 71.0,
            reads("AT-512 > 10"): 77.0,
            reads("AT-512 > 8 for 15"): 86.0,
        },
    ),
    "F4 left alone": (3 * HOUR_S, 4.0, {reads("PT-604 < 5.0 for 30"): 2 * HOUR_S}),
    "F9": (15 * MINUTE_S, 1.0, {reads("AT-941A < 19.5 for 3"): 13 * MINUTE_S}),
}


@pytest.mark.parametrize("fault", SEQUENCES)
def test_the_reference_times_are_reproduced(fault: str) -> None:
    within_s, step_s, expected = SEQUENCES[fault]
    found = Watch(fault.split(maxsplit=1)[0]).first(*expected, within_s=within_s, step_s=step_s)
    for when, expected_s in expected.items():
        assert found[when.what] == pytest.approx(expected_s, rel=0.10), when.what


@pytest.mark.parametrize("seed", [2, 3])
def test_another_set_of_instruments_does_not_move_the_times_of_f1(seed: int) -> None:
    high, full = reads("LT-201 > 90 for 5"), reads("LT-201 > 95 for 5")
    found = Watch("F1", seed=seed).first(high, full, within_s=40 * MINUTE_S, step_s=4.0)
    assert found[high.what] == pytest.approx(31 * MINUTE_S, rel=0.10)
    assert found[full.what] == pytest.approx(36 * MINUTE_S, rel=0.10)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_another_set_of_instruments_does_not_move_the_times_of_f2(seed: int) -> None:
    found = Watch("F2", seed=seed).first(VENT, within_s=16 * MINUTE_S, step_s=1.0)
    assert found["vent"] == pytest.approx(13 * MINUTE_S, rel=0.10)


def test_f1_oil_pressure_trips_c301_and_the_full_bag_starts_the_standby() -> None:
    watch = Watch("F1")
    watch.run(MINUTE_S)
    watch.run(37 * MINUTE_S, step_s=4.0)
    assert watch.causes()["I-11"] == "PT-317<1.2"
    assert watch.trips()["I-11"] == pytest.approx(13.0, abs=2.0)
    assert watch.plant.R.out["XA-344"] == 1.0
    assert watch.plant.R.word_340[0] >> 15 & 1 == 1
    assert watch.plant.R.c351.state == s.UNDER_LOAD
    vented_kg = watch.plant.balance()["vented_kg"]
    assert vented_kg < 0.05  # the skid's vent only: the standby came in time


def test_f1b_with_the_standby_in_error_too_the_bag_vents_and_the_kilograms_are_counted() -> None:
    watch = Watch("F1b")
    watch.run(60 * MINUTE_S, step_s=4.0)
    assert watch.plant.bag.level < 99.5
    lost_nm3 = (60 - 38.4) / 60 * 13.2
    assert watch.plant.balance()["vented_kg"] == pytest.approx(lost_nm3 / 5.6, rel=0.15)


def test_f2_the_meter_names_the_user_and_the_bag_vents_although_c301_is_loaded() -> None:
    watch = Watch("F2")
    before = list(watch.plant.returns.metered_m3)
    watch.run(14 * MINUTE_S)
    rates = [now - then for now, then in zip(watch.plant.returns.metered_m3, before, strict=True)]
    assert rates.index(max(rates)) == 0
    assert rates[0] > 4 * sum(rates[1:])
    assert watch.plant.R.c301.state == s.UNDER_LOAD
    assert watch.plant.R.returns.full.tripped


def test_f3_the_line_is_named_then_the_return_is_diverted_away_from_the_good_bank() -> None:
    watch = Watch("F3")
    high, higher = reads("AT-222 > 0.5 for 60"), reads("AT-222 > 1 for 60")
    diverted = When("diverted", lambda plant: plant.divert.zso > 0.5)
    service = reads("AT-207 > 8000 for 60")  # the second vote of S-03
    found = watch.first(high, higher, diverted, service, within_s=4 * MINUTE_S)
    assert MINUTE_S <= found[high.what] <= found[higher.what] <= 2 * MINUTE_S
    assert found["diverted"] < 2 * MINUTE_S < found[service.what]
    assert watch.plant.storage.banks[0].fill.zsc == 1.0
    assert watch.causes()["I-08"] == "AT-206<97"


def test_f3_with_i08_switched_off_the_bag_is_at_3_4_per_cent_air_after_two_hours() -> None:
    watch = Watch("F3")
    watch.plant.R.bypassed.add("I-08")
    watch.run(2 * HOUR_S, step_s=4.0)
    assert not watch.plant.R.returns.impure.tripped
    assert watch.plant.bag.gas.air_fraction == pytest.approx(0.034, rel=0.10)


def test_f4_i14_shuts_the_way_to_the_cold_box_and_the_liquefier_lives_on_the_buffer() -> None:
    watch = Watch("F4")
    shut = When("XV-519 shut", lambda plant: plant.to_box.zsc > 0.5)
    found = watch.first(shut, within_s=3 * MINUTE_S, step_s=0.5)
    assert watch.trips()["I-14"] == pytest.approx(107.0, abs=2.0)
    assert found["XV-519 shut"] - watch.trips()["I-14"] <= 2.0
    watch.run(30.0)
    assert watch.plant.recycle.zso == 1.0
    assert watch.plant.L.purifier.machine.state == s.PUR_ALARM
    assert watch.plant.box.rate_l_h == pytest.approx(30.0)


def test_f4_stays_until_the_bed_has_been_regenerated_by_hand() -> None:
    watch = Watch("F4")
    watch.run(30 * MINUTE_S, step_s=4.0)
    assert watch.plant.panels["L"].pv["AT-512"] > 35.0  # feed or no feed
    watch.plant.L.press()
    watch.run(70 * MINUTE_S, step_s=4.0)
    assert watch.plant.purifier.breakthrough_ppm is None
    assert watch.plant.panels["L"].pv["AT-512"] < 2.0
    assert watch.plant.L.purifier.breakthrough.tripped  # an operator has to reset it
    assert watch.plant.L.purifier.breakthrough.ready


def test_f5_the_level_only_warns_the_aerosol_stops_the_cold_box_in_a_controlled_way() -> None:
    watch = Watch("F5")
    assert watch.plant.panels["L"].pv["PDT-611"] > 0.3
    watch.run(4 * MINUTE_S)
    assert watch.plant.L.cold.oil_warning
    assert "I-21" not in watch.trips()
    high = reads("AT-619 > 50 for 120")
    found = watch.first(high, within_s=20 * MINUTE_S)
    watch.run(10 * MINUTE_S)
    assert 5 * MINUTE_S < found[high.what] < watch.trips()["I-21"] < 15 * MINUTE_S
    assert watch.causes()["I-21"] == "AT-619>200"
    assert watch.plant.box.inlet == 0.0
    assert watch.plant.L.out["XS-701"] == s.COLD_TRIP


def test_f6_overspeed_shuts_the_inlet_within_two_seconds_and_the_dewar_pressure_rises() -> None:
    watch = Watch("F6")
    over, shut = reads("ST-721 > 3600"), reads("UY-720 < 1")
    found = watch.first(reads("ST-721 > 3300"), over, shut, within_s=30.0, step_s=0.1)
    assert found["ST-721 > 3300"] < found[over.what] == pytest.approx(watch.trips()["I-24"], abs=0.11)
    assert found[shut.what] - found[over.what] < 1.0
    before_mbarg = watch.plant.dewar.mbarg
    watch.run(HOUR_S, step_s=5.0)
    assert watch.plant.dewar.mbarg > before_mbarg + 10.0
    assert watch.plant.L.out["XS-726"] == s.TRB_TRIP
    assert watch.plant.L.purifier.machine.state == s.PUR_STANDBY  # the cascade, and nothing else tripped
    assert set(watch.trips()) == {"I-24", "I-15"}


def test_f6_the_third_trip_within_a_day_locks_the_turbines_out() -> None:
    watch = Watch("F6")
    plc = watch.plant.L
    for number in range(1, 4):
        watch.first(When("tripped", lambda _: plc.turbines.fault.tripped), within_s=watch.plant.plant_s + 900)
        assert len(plc.turbines.trips) == number
        watch.run(6 * MINUTE_S)
        plc.press()
        watch.run(2.0)
        assert plc.turbines.fault.tripped is (number == 3)
        plc.cold.command("reset", resettable=True)
        plc.cold.command("start", resettable=True)
        watch.run(1.0)
    assert plc.turbines.locked_out
    assert not plc.cold.wanted


def test_f7_nitrogen_runs_out_and_the_rate_falls_to_two_thirds() -> None:
    watch = Watch("F7")
    low, empty = reads("LT-901 < 50"), reads("LT-901 < 20")
    found = watch.first(low, empty, within_s=HOUR_S, step_s=2.0)
    watch.run(2 * MINUTE_S)
    assert found[low.what] < found[empty.what] < watch.trips()["I-26"] < HOUR_S
    assert watch.plant.L.out["FV-905"] == 0.0
    watch.run(3.2 * HOUR_S, step_s=10.0)
    assert watch.plant.box.rate_l_h == pytest.approx(20.0, rel=0.02)
    assert 105.0 < watch.plant.panels["L"].pv["TT-712"] < 112.0
    assert watch.plant.L.out["XS-701"] == s.LIQUEFY


def test_f8_the_bag_empties_and_the_service_would_have_stopped_c301_before_the_plc_does() -> None:
    watch = Watch("F8")
    service = reads("LT-201 < 10 for 5")
    suction = reads("PT-303 < 0.2 for 2")
    found = watch.first(service, suction, within_s=20 * MINUTE_S)
    watch.run(3 * MINUTE_S)
    assert found[service.what] < found[suction.what] < watch.trips()["I-06"]
    assert watch.causes()["I-06"] == "LT-201<5"


def test_f8b_with_the_level_stuck_the_switch_stops_it() -> None:
    watch = Watch("F8b")
    watch.run(16 * MINUTE_S)
    assert watch.causes() == {"I-06": "LSLL-202"}
    assert not watch.plant.R.c301.running


def test_f8c_with_both_blind_the_suction_pressure_trips_it_and_oxygen_shows_later() -> None:
    watch = Watch("F8c")
    oxygen = reads("AT-207 > 2000")
    found = watch.first(oxygen, within_s=25 * MINUTE_S)
    assert watch.causes()["I-07"] == "PT-303<-1"
    assert "I-06" not in watch.trips()
    assert watch.plant.R.word_340[1] >> 5 & 1 == 1
    assert found[oxygen.what] > watch.trips()["I-07"] + 20.0


def test_f9_high_fan_speed_keeps_the_room_above_18_per_cent() -> None:
    watch = Watch("F9")
    watch.run(90 * MINUTE_S, step_s=4.0)
    assert watch.plant.building.fan_speed == 2
    assert 18.0 < watch.plant.building.liquefier.o2 < 20.5
    assert "I-25 evacuate" not in watch.trips()


def test_f9_a_second_head_confirms_within_seconds_so_that_two_of_three_agree() -> None:
    both = When(
        "two heads",
        lambda plant: sum(plant.panels["R"].pv[f"AT-941{head}"] < 19.5 for head in "ABC") >= 2,
        3.0,
    )
    found = Watch("F9").first(both, within_s=15 * MINUTE_S, step_s=1.0)
    assert found["two heads"] == pytest.approx(13 * MINUTE_S, rel=0.10)


def test_f9b_with_the_fan_failed_it_falls_below_18_and_fills_are_shut() -> None:
    watch = Watch("F9b")
    watch.run(45 * MINUTE_S, step_s=4.0)
    assert watch.plant.building.liquefier.o2 < 18.0
    assert watch.plant.R.out["XS-946"] == 2.0
    assert watch.plant.L.filling.oxygen.tripped
    assert watch.plant.panels["R"].pv["FSL-945"] == 0.0


def test_f10_storage_runs_empty_after_16_8_hours() -> None:
    """10 s steps; they agree with 1 s steps (see below)."""
    watch = Watch("F10")
    low, lower = reads("PT-604 < 5.0 for 30"), reads("PT-604 < 4.5 for 30")
    by_plan = When("S-09", supply_is_over, 60.0)
    liquid = When("liquid", lambda plant: plant.box.rate_l_h > 0.0)
    found = watch.first(liquid, low, lower, by_plan, within_s=19 * HOUR_S, step_s=10.0)
    assert found["liquid"] == pytest.approx(3.3 * HOUR_S, rel=0.05)
    assert found[low.what] == pytest.approx(16.8 * HOUR_S, rel=0.10)
    assert found["S-09"] - found[low.what] == pytest.approx(13 * MINUTE_S, rel=0.10)
    assert found[lower.what] - found[low.what] == pytest.approx(20 * MINUTE_S, rel=0.10)
    watch.run(2 * MINUTE_S)
    assert watch.causes()["I-20"] == "PT-604<4.5"
    assert watch.plant.L.out["UY-741"] <= 1.0
    assert watch.plant.violations() == []


def supply_is_over(plant: TurbinePlant) -> bool:
    banks = plant.panels["R"].pv
    return plant.panels["L"].pv["PT-604"] < 4.7 and banks["PT-401A"] < 20.0 and banks["PT-401B"] < 20.0


def test_larger_steps_give_the_same_plant() -> None:
    """Half an hour of cool-down with a compressor stop, in steps of 1 and of 10 s."""
    fine, coarse = Watch("F10"), Watch("F10")
    fine.run(30 * MINUTE_S)
    coarse.run(30 * MINUTE_S, step_s=10.0)
    exact, rough = fine.plant.truth(), coarse.plant.truth()
    for name in ("bag_level", "bank_a_barg", "bank_b_barg", "buffer_bara", "cold_k"):
        assert rough[name] == pytest.approx(exact[name], rel=0.02), name


def test_f11_and_f12_leave_the_plant_itself_alone() -> None:
    for fault in ("F11", "F12"):
        watch = Watch(fault)
        watch.run(5 * MINUTE_S)
        assert watch.trips() == {}


def test_f13_oil_vapour_reaches_the_service_after_300_s_and_the_plc_after_600() -> None:
    watch = Watch("F13")
    service = reads("AT-335 > 1 for 300")
    found = watch.first(service, within_s=10 * MINUTE_S)
    watch.run(5 * MINUTE_S + 10.0)
    assert watch.trips()["I-12"] - found[service.what] == pytest.approx(300.0, abs=5.0)
    plant = watch.plant
    assert plant.storage.banks[0].fill.zsc == 1.0
    assert plant.divert.zso == 1.0
    assert not plant.R.c301.running


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_fault_can_be_mended_and_breaks_no_invariant(name: str) -> None:
    watch = Watch(name)
    watch.run(2 * MINUTE_S, step_s=2.0)
    watch.faults.repair(name)
    assert watch.faults.present == {}
    watch.run(2 * MINUTE_S, step_s=2.0)
    assert watch.plant.violations() == []
