"""Trips as alarms: one that stands, and an effect that is missing, from the interlocks to the alarm list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.model import Alarm, Not, Telling, Told
from controller.core.core import Core
from controller.core.effects import Event, Step
from controller.core.inputs import Input
from controller.plant.plant import CheckedEffect, CommandEffect, Plant
from tests.unit.control_room import Room, Tags
from tests.unit.plants import By, Compare, Draft, Stage, State, valve

UNLIMITED = 1 << 40
TRIP, EFFECT = "S-1.TRIP", "S-1.EFFECT"


class AlarmStage(Stage):
    """A stage on which alarms are judged too."""

    def step(self, *inputs: Input) -> Step:
        step = super().step(*inputs)
        judged = self.core.evaluate(self.now, inputs, UNLIMITED)
        self.events.extend(effect for effect in judged.effects if isinstance(effect, Event))
        return step

    def told(self, alarm: str) -> list[str]:
        return [
            event.kind for event in self.events if event.source == alarm and event.kind.startswith("alarm.")
        ]


def with_alarms(plant: Plant) -> Plant:
    alarms = [
        Alarm(TRIP, Told(TRIP, plant.interlocks[0].reads()), 3, "S-1", "TRIP", "S-1 tripped"),
        Alarm(EFFECT, Told(EFFECT), 2, "S-1", "EFFECT", "an effect is missing", on_delay_s=5.0),
    ]
    return replace(plant, alarms=tuple(alarms))


def room(**values: float) -> AlarmStage:
    """S-1 shuts XV-1 on R when T-1 on L is above 10."""
    draft = Draft()
    left, right = draft.plc("L"), draft.plc("R")
    command = valve(draft, "XV-1", right)
    tag = draft.tag("T-1", left)
    draft.interlock("S-1", Compare(tag, ">", 10.0), [CommandEffect(command, "shut")])
    stage = AlarmStage(with_alarms(draft.build()))
    stage.connect(values={"T-1": 1.0, **{name.replace("_", "."): value for name, value in values.items()}})
    return stage


def mirrored() -> AlarmStage:
    """I-1, here called S-1: PLC L itself shuts XV-2 when T-1 is above 10."""
    draft = Draft()
    left = draft.plc("L")
    tag, valve_tag = draft.tag("T-1", left), draft.tag("XV-2.ZSC", left)
    expected = CheckedEffect(State(valve_tag, (1,)), 10.0, "valve shut")
    draft.interlock("S-1", Compare(tag, ">", 10.0), [expected], by=By.PLC)
    stage = AlarmStage(with_alarms(draft.build()))
    stage.connect(values={"T-1": 1.0, "XV-2.ZSC": 0.0})
    return stage


def test_a_trip_is_an_alarm_with_its_first_out_until_it_is_reset() -> None:
    stage = room()
    assert stage.told(TRIP) == []
    stage.show({"T-1": 11.0})
    raised = stage.last("alarm.raised", TRIP)
    assert raised.data["announce"] == "first"
    assert (raised.data["interlock"], raised.data["trip"]) == ("S-1", 1)
    assert raised.data["first_out_cause"] == stage.last("interlock.tripped").data["first_out"]
    assert "first out" in raised.text
    stage.obey(stage.writes()[-1], {"XV-1.ZSC": 1.0})
    stage.show({"T-1": 1.0})
    assert "S-1.TRIP is active" in stage.core.explain(TRIP, stage.now)
    assert stage.ask("reset", "S-1").accepted
    assert stage.told(TRIP) == ["alarm.raised", "alarm.returned"]
    stage.advance(30.0)
    assert stage.told(EFFECT) == []


@pytest.mark.parametrize("target", ["S-1", TRIP])
def test_a_trip_and_its_alarm_are_acknowledged_together(target: str) -> None:
    stage = room()
    stage.show({"T-1": 11.0})
    assert stage.ask("acknowledge", target, user="ann").accepted
    stage.advance(1.0)
    assert [event.data["user"] for event in stage.of("interlock.acknowledged")] == ["ann"]
    assert [event.data["user"] for event in stage.of("alarm.acknowledged")] == ["ann"]
    assert not stage.ask("acknowledge", "S-1").accepted
    assert not stage.ask("acknowledge", TRIP).accepted


def test_acknowledging_another_alarm_acknowledges_no_trip() -> None:
    stage = room()
    stage.show({"T-1": 11.0})
    stage.obey(stage.writes()[-1], {"XV-1.ZSC": 0.0})
    stage.advance(60.0)
    assert EFFECT in [event.source for event in stage.of("alarm.raised")]
    assert stage.ask("acknowledge", EFFECT).accepted
    assert stage.of("interlock.acknowledged") == []


def test_the_second_trip_is_another_alarm() -> None:
    stage = room()
    for _ in range(2):
        stage.show({"T-1": 11.0})
        stage.obey(stage.writes()[-1], {"XV-1.ZSC": 1.0})
        stage.show({"T-1": 1.0})
        assert stage.ask("reset", "S-1").accepted
        stage.show({"XV-1.ZSC": 0.0})
    assert [event.data["trip"] for event in stage.of("alarm.raised", TRIP)] == [1, 2]


def test_a_stop_that_the_plc_refuses_is_urgent_once_it_will_not_be_asked_for_again() -> None:
    stage = room()
    stage.show({"T-1": 11.0})
    for _ in range(3):
        assert stage.told(EFFECT) == []
        stage.obey(stage.writes()[-1], code=4)  # busy
        stage.advance(5.5)
    assert stage.told(EFFECT) == ["alarm.raised"]
    raised = stage.last("alarm.raised", EFFECT)
    assert raised.data["effects"] == [
        {"tag": "XV-1.CMD", "value": "shut", "result": "refused", "how": "busy"}
    ]
    assert "XV-1.CMD shut: refused, busy" in raised.text
    stage.show({"T-1": 1.0})
    stage.ask("reset", "S-1")
    assert stage.told(EFFECT) == ["alarm.raised", "alarm.returned"]


def test_a_busy_plc_that_takes_the_second_word_is_no_alarm() -> None:
    stage = room()
    stage.show({"T-1": 11.0})
    stage.obey(stage.writes()[-1], code=4)
    stage.advance(5.5)
    stage.obey(stage.writes()[-1], {"XV-1.ZSC": 1.0})
    stage.advance(60.0)
    assert stage.told(EFFECT) == []


def test_a_plc_in_local_is_told_after_five_seconds_and_over_when_it_has_obeyed() -> None:
    stage = room(R_REMOTE=0.0)
    stage.show({"R.REMOTE": 0.0})
    stage.show({"T-1": 11.0})
    stage.advance(4.0)
    assert stage.told(EFFECT) == []
    stage.advance(2.0)
    assert "refused, local" in stage.last("alarm.raised", EFFECT).text
    stage.show({"R.REMOTE": 1.0})
    stage.obey(stage.writes()[-1], {"XV-1.ZSC": 1.0})
    assert stage.told(EFFECT) == ["alarm.raised", "alarm.returned"]


def test_of_a_plc_that_is_away_its_link_speaks_not_the_effect() -> None:
    stage = room()
    stage.lose(1)
    stage.show({"T-1": 11.0})
    stage.advance(60.0)
    assert stage.told(TRIP) == ["alarm.raised"]
    assert stage.told(EFFECT) == []


def test_a_plc_s_own_effect_that_does_not_follow_is_an_alarm_and_one_that_comes_late_ends_it() -> None:
    stage = mirrored()
    stage.show({"T-1": 11.0})
    stage.advance(20.0)
    assert stage.told(EFFECT) == ["alarm.raised"]
    stage.show({"XV-2.ZSC": 1.0})
    assert stage.told(EFFECT) == ["alarm.raised", "alarm.returned"]


def test_an_inhibited_check_calls_nobody() -> None:
    stage = mirrored()
    assert stage.ask("inhibit_check", "S-1", "supervisor", for_s=3600).accepted
    stage.show({"T-1": 11.0})
    stage.advance(20.0)
    assert stage.of("effect.missing")
    assert stage.told(EFFECT) == []
    assert stage.ask("allow_check", "S-1", "supervisor").accepted
    stage.advance(6.0)
    assert stage.told(EFFECT) == ["alarm.raised"]


def test_after_a_restart_a_latched_trip_is_still_an_alarm_and_is_not_announced_again() -> None:
    stage = room()
    stage.show({"T-1": 11.0})
    core = Core(stage.plant, 8)
    core.restore([event for event in stage.events if isinstance(event, Event)])
    again = AlarmStage(stage.plant, start=core)
    again.mono_s = stage.mono_s + 5.0
    again.connect(values={"T-1": 1.0, "XV-1.ZSC": 1.0})
    again.advance(10.0)
    assert again.told(TRIP) == []
    assert core.alarming.engine.facts(TRIP).active
    assert again.ask("reset", "S-1").accepted
    assert again.told(TRIP) == ["alarm.returned"]


@pytest.mark.parametrize("turned", [False, True])
def test_what_others_decide_counts_in_combinations_too(turned: bool) -> None:
    told = Told("S-1.TRIP")
    tags = Tags("PT-1")
    made = Room(tags, [Alarm("A", Not(told) if turned else told, 3)], PT_1=0.0)
    assert made.engine.facts("A").active is turned
    made.engine.tell("S-1.TRIP", Telling("first out", {"interlock": "S-1"}))
    made.engine.tell("S-1.TRIP", Telling("first out", {"interlock": "S-1"}))  # no news
    made.step()
    assert made.engine.facts("A").active is not turned
    made.engine.tell("S-1.TRIP", None)
    made.engine.tell("S-1.TRIP", None)
    made.step()
    assert made.engine.facts("A").active is turned
