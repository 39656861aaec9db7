"""A follower that is not heard is an alarm of the service: after a minute, until it is back."""

from __future__ import annotations

from dataclasses import replace

from controller.core.core import Core
from controller.core.inputs import Note
from controller.plant.build.service_alarms import OWN
from controller.plant.plant import FOLLOWERS
from tests.unit.plants import Draft
from tests.unit.test_core_trip_alarms import AlarmStage


def room() -> AlarmStage:
    draft = Draft()
    draft.tag("T-1", draft.plc("L"))
    stage = AlarmStage(replace(draft.build(), alarms=OWN))
    stage.connect(values={"T-1": 1.0})
    return stage


def down(name: str = "influx", reason: str = "no answer in 10 s") -> Note:
    return Note("follower.down", name, f"InfluxDB does not answer: {reason}", {"reason": reason, "status": 0})


def restored(name: str = "influx") -> Note:
    return Note("follower.restored", name, "InfluxDB takes it again", {"down_s": 3.0})


def test_a_database_that_is_away_for_a_minute_is_an_alarm_that_says_which_and_why() -> None:
    stage = room()
    stage.step(down())
    stage.advance(59.0)
    assert stage.told(FOLLOWERS) == [], "a restart of the database is no trouble"
    stage.advance(2.0)
    raised = stage.last("alarm.raised", FOLLOWERS)
    assert "influx: no answer in 10 s" in raised.text
    assert raised.data["followers"] == ["influx"]
    stage.step(restored())
    stage.advance(1.0)
    assert stage.told(FOLLOWERS)[-1] == "alarm.returned"


def test_the_alarm_stands_until_the_last_of_several_is_back() -> None:
    stage = room()
    stage.step(down("influx"), down("mqtt", "refused"))
    stage.advance(61.0)
    stage.step(restored("influx"))
    stage.advance(1.0)
    assert "alarm.returned" not in stage.told(FOLLOWERS)
    stage.step(restored("mqtt"))
    stage.advance(1.0)
    assert stage.told(FOLLOWERS)[-1] == "alarm.returned"


def test_what_was_told_is_remembered_over_a_restart() -> None:
    stage = room()
    stage.step(down())
    again = Core(stage.core.plant, 2)
    again.restore(stage.events)
    assert again.durable.troubled == {"influx": "no answer in 10 s"}
