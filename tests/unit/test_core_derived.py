"""Tags that the service computes: values, quality, time, and the clocks of PLCs."""

from __future__ import annotations

import math

from alarms.signal import BAD_NO_COMMUNICATION, BAD_OUT_OF_RANGE, BAD_SENSOR_FAILURE, UNCERTAIN
from controller.core.image import SERVICE
from controller.plant.plant import CommandEffect
from tests.unit.plants import Compare, Draft, Stage, valve


def bank() -> Stage:
    draft = Draft()
    draft.plc("R")
    pressure, temperature = draft.tag("PT-401A", unit="barg"), draft.tag("TT-402A", unit="°C")
    p35 = draft.derived("P35-401A", "p35(PT-401A, TT-402A)", (pressure, temperature), "MPag")
    draft.derived("DOUBLE", "2 * P35-401A", (p35,), "MPag")
    draft.interlock(
        "S-02", Compare(p35, ">=", 14.4, for_s=2.0), [CommandEffect(valve(draft, "X", 0), "shut")]
    )
    stage = Stage(draft.build())
    stage.connect(values={"PT-401A": 100.0, "TT-402A": 15.0})
    return stage


def value(stage: Stage, name: str) -> float:
    return float(stage.core.image.value[stage.plant.index[name]])


def status(stage: Stage, name: str) -> int:
    return int(stage.core.image.status[stage.plant.index[name]])


def test_a_derived_tag_follows_its_inputs_and_what_is_derived_from_it_follows_too() -> None:
    stage = bank()
    before = value(stage, "P35-401A")
    assert 10.0 < before < 11.5
    stage.show({"PT-401A": 120.0})
    assert value(stage, "P35-401A") > before
    assert math.isclose(value(stage, "DOUBLE"), 2 * value(stage, "P35-401A"))
    newest = stage.values()[-1].batch
    assert newest.plc == SERVICE
    assert newest.tags.tolist() == [stage.plant.index["P35-401A"], stage.plant.index["DOUBLE"]]


def test_an_interlock_trips_on_a_derived_tag() -> None:
    stage = bank()
    stage.show({"PT-401A": 140.0, "TT-402A": 10.0})
    stage.advance(2.0)
    assert stage.last("interlock.tripped").source == "S-02"
    assert stage.words() == ["shut"]


def test_a_bad_input_makes_a_bad_output_all_the_way_with_the_reason() -> None:
    stage = bank()
    stage.show({"TT-402A": 15.0}, status=BAD_SENSOR_FAILURE)
    assert status(stage, "P35-401A") == status(stage, "DOUBLE") == BAD_SENSOR_FAILURE
    stage.show({"TT-402A": 15.0})
    assert status(stage, "DOUBLE") == 0
    stage.lose(0)
    assert status(stage, "DOUBLE") == BAD_NO_COMMUNICATION


def test_an_uncertain_input_makes_an_uncertain_output() -> None:
    stage = bank()
    stage.show({"TT-402A": 16.0}, status=UNCERTAIN)
    assert status(stage, "P35-401A") == UNCERTAIN


def test_what_has_no_number_is_bad_and_raises_nothing() -> None:
    stage = bank()
    stage.show({"TT-402A": -250.0})
    assert status(stage, "P35-401A") == BAD_OUT_OF_RANGE
    assert math.isnan(value(stage, "P35-401A"))
    stage.show({"TT-402A": 15.0})
    assert status(stage, "P35-401A") == 0


def test_the_skew_of_a_plc_s_clock_is_its_counter_s_time_against_ours() -> None:
    draft = Draft()
    draft.plc("L")
    draft.derived("TS-995.L", "clock_skew(L)", (draft.index("L.ALIVE"),), "s")
    stage = Stage(draft.build())
    stage.connect()
    stage.advance(2.0)
    assert value(stage, "TS-995.L") == 0.0
    alive = stage.plant.index["L.ALIVE"]
    stage.step(stage.raw_batch(0, [(alive, 77.0)], source_ns=stage.now.utc_ns - 3_600_000_000_000))
    assert value(stage, "TS-995.L") == -3600.0
    assert status(stage, "TS-995.L") == 0
    stage.lose(0)
    assert status(stage, "TS-995.L") == BAD_NO_COMMUNICATION
