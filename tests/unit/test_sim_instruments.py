"""What instruments make of the truth: late, noisy, biased within their class, and sometimes broken."""

from __future__ import annotations

from statistics import fmean, pstdev

import numpy as np
import pytest

from alarms.signal import BAD_SENSOR_FAILURE, GOOD, UNCERTAIN_LAST_USABLE
from controller.simulator.instruments.channel import Delayed, Spec
from controller.simulator.instruments.panel import Panel


class Truth:
    value = 50.0


def panel(spec: Spec, seed: int = 1) -> Panel:
    return Panel([spec], [], np.random.default_rng(seed))


def level(truth: Truth) -> Spec:
    return Spec("LT-201", lambda: truth.value, 0.0, 100.0, u=0.5)


def test_dead_time_and_lag_of_a_sample_line() -> None:
    line = Delayed(0.5, 30.0, 60.0)
    track = [line.step(100.5, 1.0) for _ in range(150)]
    assert track[28] == 0.5
    assert track[89] == pytest.approx(0.5 + 100.0 * (1 - 2.71828**-1), rel=0.03)


def test_dead_time_and_lag_do_not_depend_on_the_step() -> None:
    fine, coarse = Delayed(0.0, 30.0, 60.0), Delayed(0.0, 30.0, 60.0)
    for step in range(1200):
        fine.step(min(1.0, step / 600.0), 0.1)
    for step in range(120):
        coarse.step(min(1.0, (step * 10 + 9) / 600.0), 1.0)
    assert coarse.value == pytest.approx(fine.value, rel=0.02)


def test_half_a_per_cent_is_met_by_a_hundred_instruments_most_of_the_time() -> None:
    """u = 0.5 % with k = 2: about 95 of 100 readings lie within."""
    truth = Truth()
    errors = []
    for seed in range(100):
        one = panel(level(truth), seed)
        for second in range(10):
            one.sample(1.0, second / 3600.0)
            errors.append(one.pv["LT-201"] - 50.0)
    within = sum(abs(error) <= 0.5 for error in errors) / len(errors)
    assert 0.90 < within < 0.995
    assert pstdev(errors) == pytest.approx(0.25, rel=0.25)


def test_one_instrument_is_off_by_the_same_amount_all_day() -> None:
    one = panel(level(Truth()))
    readings = []
    for second in range(400):
        one.sample(1.0, second / 3600.0)
        readings.append(one.pv["LT-201"])
    first, second_half = fmean(readings[:200]), fmean(readings[200:])
    assert first == pytest.approx(second_half, abs=0.05)
    assert pstdev(readings) == pytest.approx(0.15, rel=0.2)


def test_noise_changes_once_per_plant_second_however_short_the_steps() -> None:
    one = panel(level(Truth()))
    seen = set()
    for _ in range(100):
        one.sample(0.1, 12.0)
        seen.add(one.pv["LT-201"])
    assert 10 <= len(seen) <= 12


def test_a_reading_never_leaves_the_range_of_its_instrument() -> None:
    truth = Truth()
    one = panel(level(truth))
    for truth.value in (-20.0, 130.0):
        one.sample(1.0, 12.0)
        assert 0.0 <= one.pv["LT-201"] <= 100.0


def test_a_stuck_instrument_says_good_and_stands_still_until_freed() -> None:
    truth = Truth()
    one = panel(level(truth))
    one.stick("LT-201", 50.0)
    truth.value = 80.0
    for _ in range(10):
        one.sample(1.0, 12.0)
        assert one.pv["LT-201"] == 50.0
    assert "LT-201" not in one.status
    one.free("LT-201")
    one.sample(1.0, 12.0)
    assert one.pv["LT-201"] == pytest.approx(80.0, abs=1.5)


def test_a_spike_passes_and_an_offset_stays() -> None:
    one = panel(level(Truth()))
    one.spike("LT-201", 40.0, 2.0)
    tracks = []
    for _ in range(5):
        one.sample(1.0, 12.0)
        tracks.append(one.pv["LT-201"] > 80.0)
    assert tracks == [True, True, False, False, False]
    one.shift("LT-201", -10.0)
    one.sample(1.0, 12.0)
    assert one.pv["LT-201"] == pytest.approx(40.0, abs=1.5)


def test_a_spoiled_instrument_carries_its_status() -> None:
    one = panel(level(Truth()))
    one.spoil("LT-201", BAD_SENSOR_FAILURE)
    assert one.status["LT-201"] == BAD_SENSOR_FAILURE
    one.spoil("LT-201", GOOD)
    assert "LT-201" not in one.status


def test_an_analyser_being_calibrated_shows_its_last_value_and_says_so_for_five_minutes() -> None:
    truth = Truth()
    truth.value = 99.6
    one = panel(Spec("AT-206", lambda: truth.value, 90.0, 100.0, u=0.06, calibrated_h=6.0))
    one.sample(1.0, 5.999)
    truth.value = 95.0
    one.sample(1.0, 6.01)
    kept = one.pv["AT-206"]
    assert kept == pytest.approx(99.6, abs=0.2) or kept == pytest.approx(95.0, abs=0.2)
    assert one.status["AT-206"] == UNCERTAIN_LAST_USABLE
    truth.value = 93.0
    one.sample(1.0, 6.08)
    assert one.pv["AT-206"] == kept
    one.sample(1.0, 6.09)
    assert one.status == {}
    assert one.pv["AT-206"] == pytest.approx(93.0, abs=0.2)


def test_the_same_seed_gives_the_same_readings() -> None:
    first, second, other = panel(level(Truth()), 7), panel(level(Truth()), 7), panel(level(Truth()), 8)
    for one in (first, second, other):
        one.sample(1.0, 12.0)
    assert first.pv == second.pv != other.pv
