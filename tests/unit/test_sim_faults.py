"""Faults as they are written, and the plants they start in."""

from __future__ import annotations

import pytest

from controller.simulator import FAULTS, FaultError, ScheduledFault, parse_faults, random_faults
from controller.simulator.fault_run import AWAY_S, FaultRun
from controller.simulator.fault_table import TABLE
from controller.simulator.faults import start_state
from controller.simulator.plc_logic import states as s
from controller.simulator.start import DEFAULT
from controller.simulator.turbine import TurbinePlant


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", []),
        ("F4", [("F4", 0.0)]),
        ("F1@60s,F4@10m", [("F1", 60.0), ("F4", 600.0)]),
        ("F4@10m, F1@60", [("F1", 60.0), ("F4", 600.0)]),
        ("F10@1.5h", [("F10", 5400.0)]),
        ("f8b@2min", [("F8b", 120.0)]),
    ],
)
def test_faults_are_read_soonest_first(text: str, faults: list[tuple[str, float]]) -> None:
    assert parse_faults(text) == tuple(ScheduledFault(*fault) for fault in faults)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("F99", "no fault 'F99'; known are F1, F1b, F2"),
        ("F4@", "not a fault; write NAME@TIME"),
        ("F4@10x", "unknown unit 'x'; use s, m, h or d"),
        ("F4 @10m", "not a fault"),
        (",", "no fault"),
        ("F1@0s,F2@0s", "start in different plants (bag 53 or 46); let one of them come later"),
        ("F10,F8@0s", "start in different plants"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(FaultError) as refused:
        parse_faults(text)
    assert says in str(refused.value)


def test_faults_of_one_start_state_may_begin_together_and_later_ones_need_none() -> None:
    assert start_state(parse_faults("F1@0s,F4@0s")) == DEFAULT
    assert start_state(parse_faults("F2@0s,F10@1s")).bag == 46.0
    assert start_state(parse_faults("F10@0s")).cold_mode == s.COOLDOWN


def test_every_fault_tells_people_what_it_is_and_what_to_watch() -> None:
    assert {f"F{number}" for number in range(1, 14)} <= set(FAULTS)
    for text in FAULTS.values():
        assert len(text.text) > 20
        assert len(text.watch) > 10


def test_random_faults_come_from_the_seed_alone() -> None:
    assert random_faults(3) == random_faults(3)
    drawn = [random_faults(seed) for seed in range(200)]
    assert len(set(drawn)) > 190
    assert {fault.name for faults in drawn for fault in faults} == set(FAULTS)
    assert all(0.0 < fault.at_s <= 3000.0 for faults in drawn for fault in faults)


def test_a_later_fault_acts_on_the_plant_as_it_stands() -> None:
    plant = TurbinePlant(1)
    run = FaultRun(TABLE, plant, ("S", "R", "L"), parse_faults("F2@10s"))
    for _ in range(20):
        assert plant.returns.surge_nm3h == (60.0 if plant.plant_s > 10.0 else 0.0)
        run.act(1.0)
        plant.step(1.0, 1.0)
    assert plant.bag.level > 50.0


def test_a_restart_takes_90_s_of_wall_time_and_moves_clock_and_namespace() -> None:
    plant = TurbinePlant(1)
    run = FaultRun(TABLE, plant, ("S", "R", "L"), parse_faults("F12@0s"))
    run.act(1.0)
    assert not run.computers["L"].online
    waited_s = 0.0
    while not run.wait(0.5):
        waited_s += 0.5
    assert waited_s == pytest.approx(AWAY_S, abs=0.6)
    computer = run.computers["L"]
    assert (computer.online, computer.restarts, computer.clock_offset_s) == (True, 1, -3600.0)
    run.repair("F12")
    assert run.computers["L"].clock_offset_s == 0.0


def test_a_plant_refuses_a_fault_of_another_kind_of_plant() -> None:
    run = FaultRun(TABLE, TurbinePlant(1), ("S", "R", "L"), ())
    with pytest.raises(FaultError, match="this plant has no fault 'C1'"):
        run.schedule("C1", 0.0)
