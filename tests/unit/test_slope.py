"""How fast a tag rises: told early, right for a ramp, begun anew after a gap, the same after a snapshot."""

from __future__ import annotations

import pytest

from alarms.signal import BAD, GOOD, UNCERTAIN
from controller.core.core import Core
from tests.unit.plants import EPOCH, Draft, Stage


def stage(speed: float = 60.0) -> Stage:
    draft = Draft()
    draft.plc("L")
    level = draft.tag("LT-801")
    draft.derived("LR-801", "slope_h(LT-801, 3600)", [level])
    found = Stage(draft.build(), speed=speed)
    found.connect()
    return found


def rise(on: Stage, hours: float, per_h: float, start: float = 50.0) -> None:
    """The level moves, with a report every plant minute."""
    begin_s = on.now.plant_s
    for _ in range(round(hours * 60)):
        on.advance(60.0 / on.speed)
        on.show({"LT-801": start + per_h * (on.now.plant_s - begin_s) / 3600.0})


def slope(on: Stage) -> tuple[float, int]:
    tag = on.plant.index["LR-801"]
    return float(on.core.image.value[tag]), int(on.core.image.status[tag])


def test_a_dewar_that_loses_two_percent_an_hour_says_so_after_minutes_and_stays_right() -> None:
    on = stage()
    on.show({"LT-801": 50.0})
    on.core.formulas.remember([[]])  # the first value of a fresh link was 0
    rise(on, 0.05, -2.0)
    assert slope(on) == (0.0, UNCERTAIN)
    rise(on, 0.45, -2.0, start=49.9)
    assert slope(on)[0] == pytest.approx(-2.0, rel=0.25)
    rise(on, 4.0, -2.0, start=49.0)
    value, status = slope(on)
    assert value == pytest.approx(-2.0, rel=0.05)
    assert status == GOOD


def test_a_level_that_stands_still_has_no_slope() -> None:
    on = stage()
    on.core.formulas.remember([[]])
    rise(on, 2.0, 0.0)
    assert slope(on)[0] == pytest.approx(0.0, abs=1e-9)


def test_after_a_broken_sensor_it_begins_anew_instead_of_seeing_a_jump() -> None:
    on = stage()
    on.core.formulas.remember([[]])
    rise(on, 2.0, 0.0, start=80.0)
    on.show({"LT-801": 0.0}, status=BAD)
    assert slope(on)[1] & BAD
    rise(on, 1.0, 0.0, start=20.0)
    value, status = slope(on)
    assert value == pytest.approx(0.0, abs=1e-9)
    assert status == GOOD


def test_a_core_put_back_from_a_snapshot_goes_on_with_the_same_slope() -> None:
    on = stage()
    rise(on, 1.0, 3.0)
    other = Core(on.plant, EPOCH)
    other.load_snapshot(on.core.snapshot())
    assert other.formulas.memory() == on.core.formulas.memory() != [[]]
