"""The simulated plant behind a loaded one: each tag has a value, commands arrive, nothing trips by itself."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from alarms.signal import GOOD
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant
from controller.plant.tags import AlarmLimit
from controller.simulator import SimulatedPlant, parse_faults, random_faults

S, R, L = 0, 1, 2


@cache
def loaded(name: str) -> Plant:
    found = load(find_plant(name))
    assert found.plant is not None, found.errors
    return found.plant


def shown(machine: SimulatedPlant, name: str) -> float | str:
    tag = machine.plant.tag(name)
    assert tag.plc is not None
    return next(value for index, value, _ in machine.readings(tag.plc) if index == tag.index)


def beat(machine: SimulatedPlant, count: int, epoch: float = 1.0) -> None:
    for number, plc in enumerate(machine.plant.plcs):
        assert plc.heartbeat is not None
        assert plc.epoch is not None
        machine.write(number, [(plc.heartbeat, float(count & 0xFFFF)), (plc.epoch, epoch)])


def served(machine: SimulatedPlant, seconds: int) -> None:
    """Seconds go by with a service that beats."""
    for _ in range(seconds):
        beat(machine, int(machine.wall_s) + 1)
        machine.advance(1.0, 1.0)


def send(machine: SimulatedPlant, command: str, word: str, sequence: int, epoch: int = 1) -> None:
    found = next(one for one in machine.plant.commands if one.name == command)
    number = float(found.named(word).value)
    machine.write(found.plc, [(found.word, number), (found.epoch, epoch), (found.sequence, sequence)])


@pytest.mark.parametrize("name", ["university", "cryocooler", "tutorial"])
def test_every_tag_of_every_plc_has_a_reading_and_none_is_made_up(name: str) -> None:
    plant = loaded(name)
    machine = SimulatedPlant(plant, 1)
    machine.advance(5.0, 5.0)
    assert machine.unknown == []
    for number in range(len(plant.plcs)):
        readings = machine.readings(number)
        assert sorted(index for index, _, _ in readings) == [t.index for t in plant.tags if t.plc == number]
        for index, value, status in readings:
            tag = plant.tags[index]
            assert status == GOOD
            assert isinstance(value, str) or tag.low <= value <= tag.high, tag.name


def beyond(limit: AlarmLimit, value: float) -> bool:
    if limit.level in {"H", "HH"}:
        return value > limit.limit
    if limit.level in {"L", "LL"}:
        return value < limit.limit
    return value == limit.limit


@pytest.mark.parametrize("seed", [1, 2])
def test_two_ordinary_hours_trip_nothing_and_alarm_nobody(seed: int) -> None:
    """Neither a PLC row nor an alarm of priority 1 or 2; of priority 3 only those of a compressor at rest."""
    plant = loaded("university")
    machine = SimulatedPlant(plant, seed)
    watched = [
        (tag.index, tag.name, limit) for tag in plant.tags for limit in tag.alarms if tag.plc is not None
    ]
    since: dict[tuple[str, str], float] = {}
    alarms: dict[tuple[str, str], int] = {}
    while machine.plant_s < 7200.0:
        beat(machine, int(machine.wall_s) + 1)
        machine.advance(5.0, 5.0)
        values = {index: value for number in (S, R, L) for index, value, _ in machine.readings(number)}
        for index, name, limit in watched:
            value = values[index]
            key = (name, limit.level)
            if isinstance(value, str) or not beyond(limit, value):
                since.pop(key, None)
            elif machine.plant_s - since.setdefault(key, machine.plant_s) >= limit.on_delay_s:
                alarms[key] = limit.priority
    assert machine.trips() == ()
    assert machine.violations() == []
    resting = {"PT-317", "PT-367", "FT-331"}
    assert {name for (name, _), priority in alarms.items() if priority < 3 or name not in resting} == set()


def test_s_rows_have_room_on_an_ordinary_morning() -> None:
    """The limits of the service's own rows that lie closest to ordinary readings."""
    machine = SimulatedPlant(loaded("university"), 5)
    lowest_suction, lowest_line, highest_n2 = 10.0, 100.0, 0.0
    while machine.plant_s < 2700.0:
        served(machine, 5)
        if shown(machine, "XS-301") == 9.0:
            lowest_suction = min(lowest_suction, float(shown(machine, "PT-303")))
        lowest_line = min(lowest_line, float(shown(machine, "PT-101")))
        highest_n2 = max(highest_n2, float(shown(machine, "AT-512")))
    assert lowest_suction > 1.5  # S-01 at 0.2 mbarg
    assert lowest_line > 10.0  # S-08 at 3 mbarg
    assert highest_n2 < 1.0  # S-05 at 8 ppm


def test_the_cryocooler_runs_three_hours_without_a_trip() -> None:
    machine = SimulatedPlant(loaded("cryocooler"), 1)
    while machine.plant_s < 3 * 3600.0:
        beat(machine, int(machine.wall_s))
        machine.advance(10.0, 10.0)
    assert machine.trips() == ()
    assert machine.violations() == []
    assert machine.truth()["dewar_level"] == pytest.approx(60.0 + 3 * 0.28, abs=0.5)


@pytest.mark.parametrize(
    ("fault", "row"),
    [("C1", "I-03"), ("C3", "I-02"), ("C4", "bag empty"), ("C6", "I-04")],
)
def test_faults_of_the_cryocooler_reach_its_rows(fault: str, row: str) -> None:
    machine = SimulatedPlant(loaded("cryocooler"), 1, [(fault, 0.0)])
    while not machine.trips():
        assert machine.plant_s < 7200.0
        machine.advance(5.0, 5.0)
    assert machine.trips()[0].id == row
    machine.repair(fault)
    machine.advance(60.0, 60.0)
    assert machine.violations() == []


def test_a_plugged_purifier_and_bad_gas_show_at_their_instruments() -> None:
    machine = SimulatedPlant(loaded("cryocooler"), 1, [("C2", 0.0), ("C5", 0.0)])
    machine.advance(1800.0, 1800.0)
    assert float(shown(machine, "PDT-522")) > 0.5
    assert float(shown(machine, "AT-206")) < 96.0


# --- time -------------------------------------------------------------------------------------------------


def test_the_same_seed_and_calls_give_the_same_readings() -> None:
    def run(seed: int) -> list[object]:
        machine = SimulatedPlant(loaded("university"), seed, parse_faults("F4@30s"))
        for _ in range(60):
            machine.advance(2.0, 0.5)
        return [machine.readings(number) for number in (S, R, L)]

    assert run(4) == run(4) != run(5)


def test_before_it_is_ready_only_the_plcs_computers_live() -> None:
    machine = SimulatedPlant(loaded("university"), 1)
    before, level = machine.truth(), shown(machine, "LT-201")
    for _ in range(100):
        machine.advance(0.0, 0.1)
    assert machine.plant_s == 0.0
    assert machine.truth() == before
    assert shown(machine, "LT-201") == level
    assert shown(machine, "WD-992") == pytest.approx(10.0, abs=1.0)


def test_at_any_speed_counters_and_watchdogs_go_by_the_wall() -> None:
    machine = SimulatedPlant(loaded("university"), 1)
    for _ in range(100):
        machine.advance(6.0, 0.1)
    assert machine.plant_s == pytest.approx(600.0)
    assert [shown(machine, tag) for tag in ("WD-118", "WD-992", "WD-991")] == [10.0] * 3
    assert shown(machine, "HS-390.R") == 1.0


def test_without_a_service_remote_mode_is_gone_after_30_s_and_every_word_is_refused() -> None:
    machine = SimulatedPlant(loaded("university"), 1)
    machine.advance(31.0, 31.0)
    assert [shown(machine, f"HS-390.{letter}") for letter in "SRL"] == [0.0] * 3
    assert [shown(machine, f"XA-994.{letter}") for letter in "SRL"] == [1.0] * 3
    send(machine, "C-301.CMD", "stop", 1)
    machine.advance(1.0, 1.0)
    assert (shown(machine, "C-301.ECHO"), shown(machine, "C-301.RESULT")) == (1.0, 3.0)
    assert shown(machine, "XS-301") == 9.0


# --- what is written ------------------------------------------------------------------------------------


def test_a_command_written_to_its_tags_takes_effect_and_is_echoed() -> None:
    machine = SimulatedPlant(loaded("university"), 1)
    served(machine, 2)
    send(machine, "C-301.CMD", "stop", 41)
    assert shown(machine, "C-301.ECHO") == 0.0
    served(machine, 1)
    assert (shown(machine, "C-301.ECHO"), shown(machine, "C-301.RESULT")) == (41.0, 1.0)
    served(machine, 20)
    assert shown(machine, "XS-301") in (12.0, 13.0)
    assert shown(machine, "C-301.CMD") == 2.0


def test_an_older_owner_is_refused_after_a_newer_one_has_spoken() -> None:
    machine = SimulatedPlant(loaded("university"), 1)
    beat(machine, 1, epoch=5.0)
    machine.advance(1.0, 1.0)
    send(machine, "XV-411A.CMD", "shut", 1, epoch=4)
    machine.advance(1.0, 1.0)
    assert shown(machine, "XV-411A.RESULT") == 5.0
    assert shown(machine, "XV-411A.ZSO") == 1.0


def test_echo_result_and_readings_cannot_be_written() -> None:
    machine = SimulatedPlant(loaded("university"), 1)
    plant = machine.plant
    names = ("C-301.ECHO", "C-301.RESULT", "LT-201", "XS-301", "WD-992")
    before = [shown(machine, name) for name in names]
    machine.write(R, [(plant.index[name], 99.0) for name in names])
    machine.advance(0.0, 0.0)
    assert [shown(machine, name) for name in names] == before


# --- words, computers, faults --------------------------------------------------------------------------


def test_bits_of_the_alarm_words_follow_the_words() -> None:
    machine = SimulatedPlant(loaded("university"), 1, parse_faults("F1@0s"))
    assert shown(machine, "XA-W340.0.15") == 0.0
    machine.advance(20.0, 20.0)
    assert shown(machine, "XA-W340.0.15") == 1.0
    assert shown(machine, "W-340.0") == float(1 << 15)
    assert shown(machine, "XA-344") == 1.0


def test_overspeed_sets_the_bits_a_published_liquefier_would_set() -> None:
    machine = SimulatedPlant(loaded("university"), 1, parse_faults("F6@0s"))
    machine.advance(10.0, 10.0)
    assert (shown(machine, "XA-W996.4"), shown(machine, "XA-W996.14")) == (1.0, 1.0)
    assert shown(machine, "XA-W996.6") == 0.0


def test_a_frozen_gateway_repeats_its_last_values_and_swallows_commands() -> None:
    machine = SimulatedPlant(loaded("university"), 1, parse_faults("F11@10s"))
    served(machine, 12)
    assert machine.frozen(R)
    before = machine.readings(R)
    send(machine, "C-301.CMD", "stop", 1)
    served(machine, 60)
    assert machine.readings(R) == before
    assert {status for _, _, status in before} == {GOOD}
    machine.repair("F11")
    served(machine, 1)
    assert shown(machine, "HS-390.R") == 0.0  # the PLC behind it heard nobody
    assert shown(machine, "XS-301") == 9.0
    assert machine.readings(R) != before


def test_a_restarting_plc_is_away_for_90_s_while_its_plant_runs_on() -> None:
    machine = SimulatedPlant(loaded("university"), 1, parse_faults("F12@5s"))
    served(machine, 10)
    assert machine.offline(L)
    served(machine, 90)
    assert not machine.offline(L)
    assert (machine.restarts(L), machine.clock_offset_s(L)) == (1, -3600.0)
    assert float(shown(machine, "WD-991")) < 10.0
    assert machine.trips() == ()
    assert shown(machine, "XS-701") == 3.0


def test_the_reset_button_at_the_machine_is_seen_for_two_seconds() -> None:
    machine = SimulatedPlant(loaded("university"), 1)
    served(machine, 1)
    machine.local_reset(S)
    served(machine, 1)
    assert (shown(machine, "HS-391.S"), shown(machine, "HS-391.R")) == (1.0, 0.0)
    served(machine, 3)
    assert shown(machine, "HS-391.S") == 0.0


@pytest.mark.parametrize("seed", range(6))
def test_random_faults_and_clumsy_operators_break_no_invariant(seed: int) -> None:
    """An hour with random faults, every few minutes a random word, a reset at the machine, a repair."""
    rng = Random(seed)
    faults = random_faults(seed)
    plant = loaded("university")
    machine = SimulatedPlant(plant, seed, faults)
    sequence = 0
    while machine.plant_s < 3600.0:
        beat(machine, int(machine.wall_s))
        machine.advance(5.0, 5.0)
        if rng.random() < 0.1:
            command = rng.choice(plant.commands)
            sequence += 1
            send(machine, command.name, rng.choice(command.words).name, sequence)
        if rng.random() < 0.02:
            machine.local_reset()
        if rng.random() < 0.002:
            machine.repair(rng.choice(faults).name)
    assert machine.violations() == []
    assert all(trip.cause for trip in machine.trips())
