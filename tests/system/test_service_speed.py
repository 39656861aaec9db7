"""A plant that runs faster than the clock decides what it decides at its own pace."""

from __future__ import annotations

from pathlib import Path

from tests.system.breakthrough import served, simulated

DELAY_S = 60.0  # plant seconds that one second on the way may be at sixty times real time


def test_at_sixty_times_real_time_the_same_trips_come_with_the_same_results(tmp_path: Path) -> None:
    fast = served(tmp_path, speed=60.0)
    steady = simulated(tmp_path)
    assert fast.outcome == steady.outcome
    assert {trip["id"] for trip in fast.trips} >= {"S-05", "I-14"}
    assert {one["result"] for trip in fast.trips for one in trip["effects"]} == {"done"}
    assert fast.missing == steady.missing == []
    for name in ("S-05", "I-14"):
        assert -2.0 < fast.at_s(name) - steady.at_s(name) < DELAY_S
