"""A rota with a hole is an alarm of the service that says which and when, until the hole is filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.app import rotas_with_a_hole
from controller.core.core import Core
from controller.core.inputs import Note
from controller.plant.build.service_alarms import OF_ROTAS
from controller.plant.plant import ROTAS, Plant
from tests.unit.plants import Draft
from tests.unit.route_texts import CALENDAR, FILES, NOW, changed_files, loaded
from tests.unit.test_core_trip_alarms import AlarmStage

NOW_NS = int(NOW.timestamp()) * 10**9
BOTH_IN_OFFICE = "      - people: [sato, smith]\n    covers:"


def plant_with(folder: Path, old: str = "", new: str = "") -> Plant:
    found = loaded(folder, changed_files("routes.yaml", old, new) if old else None)
    assert found.plant is not None
    return found.plant


def test_a_rota_without_a_hole_is_not_spoken_of(tmp_path: Path) -> None:
    assert rotas_with_a_hole(plant_with(tmp_path), NOW_NS, {}) == []


def test_the_first_hole_is_told_with_its_hours_and_once_it_is_filled_that_is_told(tmp_path: Path) -> None:
    hole = "nobody is on duty from Tue 2026-11-24 08:30 to Tue 2026-11-24 17:30"
    (note,) = rotas_with_a_hole(plant_with(tmp_path / "a", BOTH_IN_OFFICE, "    covers:"), NOW_NS, {})
    assert note == Note(
        "rota.hole",
        "duty",
        f"rota duty: {hole}",
        {"hole": hole, "from_utc_ns": NOW_NS + 1800 * 10**9, "to_utc_ns": NOW_NS + 34200 * 10**9},
    )
    (filled,) = rotas_with_a_hole(plant_with(tmp_path / "b"), NOW_NS, {"duty": hole})
    assert (filled.kind, filled.source) == ("rota.filled", "duty")


@pytest.mark.parametrize(
    ("hour", "said"),
    [
        (12, "nobody is on duty until Tue 2026-11-24 17:30"),
        (23, "nobody is on duty from Wed 2026-11-25 08:30 to Wed 2026-11-25 17:30"),
    ],
)
def test_a_hole_says_the_same_each_time_but_while_it_lasts(tmp_path: Path, hour: int, said: str) -> None:
    plant = plant_with(tmp_path, BOTH_IN_OFFICE, "    covers:")
    at_ns = (int(datetime(2026, 11, 24, hour, tzinfo=UTC).timestamp()) - 9 * 3600) * 10**9
    assert [note.data["hole"] for note in rotas_with_a_hole(plant, at_ns, {})] == [said]


def test_a_calendar_that_ends_in_three_weeks_can_wait_a_week(tmp_path: Path) -> None:
    ends = CALENDAR.replace("INTERVAL=2", "INTERVAL=2;COUNT=3")
    plant = loaded(tmp_path, {**FILES, "duty.ics": ends}).plant
    assert plant is not None
    assert rotas_with_a_hole(plant, NOW_NS, {}) == []
    (note,) = rotas_with_a_hole(plant, NOW_NS + 7 * 86_400 * 10**9, {})
    assert note.data["hole"] == "nobody is on duty from Mon 2026-12-14 17:30 to Tue 2026-12-15 08:30"


def test_a_rota_that_has_ended_says_so(tmp_path: Path) -> None:
    later = "    shifts:\n      - turns: [sato]\n        from: 2027-02-01\n"
    plant = plant_with(tmp_path, "    calendar: duty.ics\n    hole_ok: office\n", later)
    assert [note.data["hole"] for note in rotas_with_a_hole(plant, NOW_NS, {})] == [
        "nobody is on duty from now on"
    ]


def test_a_plant_that_has_no_routes_any_more_settles_what_was_told(tmp_path: Path) -> None:
    plant = replace(plant_with(tmp_path), notification=None)
    assert [note.kind for note in rotas_with_a_hole(plant, NOW_NS, {"duty": "x"})] == ["rota.filled"]


# --- the alarm -----------------------------------------------------------------------------------


def room() -> AlarmStage:
    draft = Draft()
    draft.tag("T-1", draft.plc("L"))
    stage = AlarmStage(replace(draft.build(), alarms=(OF_ROTAS,)))
    stage.connect(values={"T-1": 1.0})
    return stage


def hole(name: str, text: str) -> Note:
    return Note("rota.hole", name, f"rota {name}: {text}", {"hole": text, "from_utc_ns": 1, "to_utc_ns": 2})


def test_the_alarm_names_rota_and_hole_and_does_not_speak_again_each_morning() -> None:
    stage = room()
    stage.step(hole("duty", "nobody is on duty from Sat to Mon"))
    stage.advance(1.0)
    raised = stage.last("alarm.raised", ROTAS)
    assert "duty: nobody is on duty from Sat to Mon" in raised.text
    assert raised.data["rotas"] == ["duty"]
    stage.step(hole("duty", "nobody is on duty from Sat to Mon"))
    stage.advance(1.0)
    assert stage.told(ROTAS) == ["alarm.raised"]


def test_the_alarm_stands_until_the_last_hole_is_filled() -> None:
    stage = room()
    stage.step(hole("duty", "a"), hole("calls", "b"))
    stage.advance(1.0)
    stage.step(Note("rota.filled", "duty", "filled", {}))
    stage.advance(1.0)
    assert "alarm.returned" not in stage.told(ROTAS)
    stage.step(Note("rota.filled", "calls", "filled", {}))
    stage.advance(1.0)
    assert stage.told(ROTAS)[-1] == "alarm.returned"


def test_a_hole_is_remembered_over_a_restart() -> None:
    stage = room()
    stage.step(hole("duty", "a"))
    again = Core(stage.core.plant, 2)
    again.restore(stage.events)
    assert again.durable.unfilled == {"duty": "a"}
    assert again.durable.bare().unfilled == {"duty": "a"}
