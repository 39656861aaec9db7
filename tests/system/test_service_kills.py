"""kill -9 at random moments; two hundred of them are in `make bench ARGS=kills`."""

from __future__ import annotations

from pathlib import Path

from tests.system.kills import BAG, PURIFIER, campaign


def test_killed_at_any_moment_it_forgets_no_trip_and_no_bypass_and_sends_nothing_twice(
    tmp_path: Path,
) -> None:
    tally = campaign(tmp_path, BAG, kills=6, seed=3)
    assert tally.kills == 6
    assert tally.trips >= 1
    assert tally.intents >= tally.sent >= 1


def test_the_same_with_three_plcs_and_twelve_commands(tmp_path: Path) -> None:
    tally = campaign(tmp_path, PURIFIER, kills=4, seed=4)
    assert tally.kills == 4
    assert tally.trips >= 1
    assert tally.acknowledged >= 1
