"""The service before a real influxd, each part killed; the hour of it is `make bench ARGS=influx_kills`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.system.influx_kills import campaign

pytestmark = pytest.mark.needs("influxd")


async def test_whichever_of_core_follower_and_influxd_is_killed_no_row_is_lost_and_every_gap_is_named(
    tmp_path: Path,
) -> None:
    tally = await asyncio.to_thread(campaign, tmp_path, kills=2, plant_s=420.0, seed=5)
    assert tally.kills == {"core": 2, "follower": 2, "influxd": 2}
    assert tally.rows > tally.series > 0
    assert tally.events > 0
