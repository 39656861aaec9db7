"""`heloop check` says how many series a plant can make in InfluxDB."""

from __future__ import annotations

from pathlib import Path

from controller.plant.check_report import check_text
from controller.plant.config import load
from controller.plant.sinks import SERIES_MANY, series_at_most
from tests.unit.plant_texts import PLANT, TEXTS, write_plant


def test_a_plant_that_goes_on_to_influxdb_is_told_its_series(tmp_path: Path) -> None:
    recorded = {**TEXTS, "plant.yaml": PLANT + "influx:\n  url: http://127.0.0.1:8086\n"}
    (last,) = check_text(load(write_plant(tmp_path, recorded))).splitlines()[-1:]
    assert last.startswith("InfluxDB at http://127.0.0.1:8086: at most ")
    assert last.endswith(" series")


def test_a_plant_that_does_not_is_not(tmp_path: Path) -> None:
    assert "InfluxDB" not in check_text(load(write_plant(tmp_path, TEXTS)))


def test_the_number_grows_with_every_kind_of_source_and_the_university_is_far_from_many() -> None:
    base = series_at_most(10, 10, 10, 10, 10)
    for place in range(5):
        sizes = [10] * 5
        sizes[place] = 11
        assert series_at_most(*sizes) > base
    assert series_at_most(421, 711, 44, 13, 3) < SERIES_MANY
