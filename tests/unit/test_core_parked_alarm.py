"""Lines that a database refuses for good are an alarm, until a person has dealt with them."""

from __future__ import annotations

from dataclasses import replace

from controller.core.core import Core
from controller.core.inputs import Note
from controller.plant.build.service_alarms import OWN
from controller.plant.plant import FOLLOWERS, PARKED
from tests.unit.plants import Draft
from tests.unit.test_core_trip_alarms import AlarmStage


def room() -> AlarmStage:
    draft = Draft()
    draft.tag("T-1", draft.plc("L"))
    stage = AlarmStage(replace(draft.build(), alarms=OWN))
    stage.connect(values={"T-1": 1.0})
    return stage


def parked(reason: str = "HTTP 400: field type conflict") -> Note:
    return Note("follower.parked", "influx", "InfluxDB refuses 3 lines", {"reason": reason, "lines": 3})


def test_the_alarm_comes_at_once_says_why_once_and_stands_until_nothing_is_left() -> None:
    stage = room()
    stage.step(parked())
    stage.advance(1.0)
    raised = stage.last("alarm.raised", PARKED)
    assert "influx: HTTP 400: field type conflict" in raised.text
    assert raised.data["followers"] == ["influx"]
    stage.step(parked("HTTP 400: another"))
    stage.step(Note("follower.restored", "influx", "it is back", {"down_s": 3.0}))
    stage.advance(1.0)
    assert stage.told(PARKED) == ["alarm.raised"], "that the database is back changes nothing for these lines"
    assert stage.told(FOLLOWERS) == []
    stage.step(Note("follower.unparked", "influx", "3 lines were dropped", {"lines": 3}))
    stage.advance(1.0)
    assert stage.told(PARKED)[-1] == "alarm.returned"


def test_it_is_remembered_over_a_restart() -> None:
    stage = room()
    stage.step(parked())
    again = Core(stage.core.plant, 2)
    again.restore(stage.events)
    assert again.durable.parked == {"influx": "HTTP 400: field type conflict"}
