"""The write path of 2.x for real (VictoriaMetrics); when INFLUX_URL names one, any InfluxDB of your own."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.followers.influx.settings import settings_of
from controller.plant.sinks import Influx
from tests.daemon import free_port
from tests.journalled import Writing, plant_of
from tests.system.test_influx import agreement, all_sent, following, until


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[str]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = ["victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={tmp_path}/vm"]
    process = subprocess.Popen([*command, "-retentionPeriod=100y"], stderr=subprocess.DEVNULL)
    yield url
    process.kill()
    process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.needs("victoria-metrics")
async def test_a_server_that_speaks_the_write_api_of_2_gets_every_row(tmp_path: Path, victoria: str) -> None:
    writing = Writing(tmp_path / "data", plant_of("tutorial"))
    await until(lambda: _answers(victoria), "VictoriaMetrics did not start")
    try:
        writing.scan(30)
        settings = Influx(mode="v2", url=victoria, database="test", org="o", token="env:PATH", gzip=True)
        async with following(writing.plant, settings, writing.data):
            await all_sent(writing.data)
        numeric = sum(tag.kind.value != "text" for tag in writing.plant.tags)
        await until(lambda: _values(victoria) == 30 * numeric, "not every row is there")
    finally:
        writing.close()


def _values(url: str) -> int:
    ask = f"{url}/api/v1/export?match[]=sample_value&start=1767000000&end=1768000000"
    urllib.request.urlopen(f"{url}/internal/force_flush", timeout=10).close()
    with urllib.request.urlopen(ask, timeout=10) as answer:
        return sum(len(json.loads(row)["values"]) for row in answer.read().splitlines())


async def your_own_influxdb_gets_every_row(tmp_path: Path) -> None:
    """Writes a plant 'tutorial' of 2026-01-05 into its database; HELOOP_INFLUX_MODE says which version."""
    plant = plant_of("tutorial")
    settings = settings_of(plant, {**os.environ, "HELOOP_INFLUX_URL": os.environ["INFLUX_URL"]})
    writing = Writing(tmp_path / "data", plant)
    try:
        writing.scan(30)
        async with following(plant, settings, writing.data):
            await all_sent(writing.data)
        assert await agreement(plant, writing.data, settings)
    finally:
        writing.close()


if "INFLUX_URL" in os.environ:  # opt-in, with HELOOP_INFLUX_* for the rest
    test_your_own_influxdb_gets_every_row = your_own_influxdb_gets_every_row
