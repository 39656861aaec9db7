"""The service is killed and starts again: what it knows, what it finds out, what it never does twice."""

from __future__ import annotations

import json

import pytest

from controller.core.core import Core
from controller.core.effects import Event, Values, Write
from controller.core.inputs import WriteDone
from controller.plant.plant import CheckedEffect, CommandEffect, Plant
from tests.unit.plants import EPOCH, By, Bypass, Compare, Draft, Reset, ResetBy, Stage, State, valve


def plant(style: str = "sequence") -> Plant:
    """S-1: T-1 > 10 on L shuts XV-1 on R; latched. I-1: T-1 > 20, XV-9 shut by the PLC."""
    draft = Draft()
    left, right = draft.plc("L"), draft.plc("R")
    tag = draft.tag("T-1", left)
    shut = draft.tag("XV-9.ZSC", left)
    command = valve(draft, "XV-1", right, style=style)
    draft.interlock(
        "S-1",
        Compare(tag, ">", 10.0),
        [CommandEffect(command, "shut")],
        bypass=Bypass(3600.0, "operator"),
        reset=Reset(ResetBy.OPERATOR, at_least_s=600.0),
    )
    draft.interlock(
        "I-1", Compare(tag, ">", 20.0), [CheckedEffect(State(shut, (1,)), 2.0, "XV-9 shut")], by=By.PLC
    )
    return draft.build()


def running(style: str = "sequence") -> Stage:
    stage = Stage(plant(style))
    stage.connect()
    return stage


def test_a_latch_survives_with_its_first_out_and_its_cause_gone() -> None:
    stage = running()
    stage.show({"T-1": 11.0})
    stage.obey(stage.writes()[0], {"XV-1.ZSC": 1.0})
    again = stage.restarted()
    again.connect(values={"XV-1.ZSC": 1.0, "XV-1.CMD.ECHO": 1.0})
    trip = again.core.durable.interlock("S-1").trip
    assert trip is not None
    assert (trip.number, trip.first_out, trip.effects[0].result) == (1, "cause", "done")
    assert again.writes() == []
    assert len(again.of("interlock.tripped")) == 1
    assert again.ask("reset", "S-1").reason.startswith("S-1 stands for at least 10 min: 9.9")
    again.advance(600.0)
    assert again.ask("reset", "S-1").accepted


def test_a_command_that_was_on_its_way_is_found_done_by_its_echo() -> None:
    stage = running()
    stage.show({"T-1": 11.0})
    again = stage.restarted()
    again.connect(values={"T-1": 11.0, "XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0, "XV-1.ZSC": 1.0})
    assert again.last("command.result").data["result"] == "done"
    assert again.writes() == []


def test_a_command_that_was_taken_but_has_no_effect_yet_gets_its_time() -> None:
    stage = running()
    stage.show({"T-1": 11.0})
    again = stage.restarted()
    again.connect(values={"T-1": 11.0, "XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0})
    again.advance(5.0)
    assert not again.of("command.result")
    again.advance(6.0)
    assert again.last("command.result").data["result"] == "failed"
    assert again.writes() == []


def test_a_command_that_the_plc_has_not_taken_is_unknown_and_the_standing_trip_asks_anew() -> None:
    stage = running()
    stage.show({"T-1": 11.0})
    again = stage.restarted()
    again.connect(values={"T-1": 11.0})
    assert again.of("command.result")[0].data["how"] == "restart: the PLC does not show it"
    assert [write.context["sequence"] for write in again.writes()] == [2], "a new number, a new intent"
    assert [write.intent for write in again.writes()] == [2]


def test_a_toggle_is_not_flipped_a_second_time_by_a_restart() -> None:
    stage = running("toggle")
    stage.show({"T-1": 11.0})
    again = stage.restarted()
    again.connect(values={"T-1": 11.0, "XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0, "XV-1.ZSC": 0.0})
    again.advance(3.0)
    again.show({"XV-1.ZSC": 1.0})
    again.advance(60.0)
    assert again.writes() == []
    assert again.last("command.result").data["result"] == "done"


@pytest.mark.parametrize("lost_events", [1, 2])
def test_what_the_journal_did_not_get_comes_from_the_intent_ring(lost_events: int) -> None:
    stage = running()
    stage.show({"T-1": 11.0})
    assert stage.kinds()[-2:] == ["interlock.tripped", "command.intent"]
    again = stage.restarted(ring=True, lost_events=lost_events)
    again.connect(values={"XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0, "XV-1.ZSC": 1.0})
    trip = again.core.durable.interlock("S-1").trip
    assert trip is not None
    assert (trip.first_out, trip.latched, trip.effects[0].result) == ("cause", True, "done")
    assert again.writes() == []
    assert again.folded() == again.core.durable.bare()
    assert len(again.of("intent.reconciled")) == 1


def test_intents_that_the_journal_knows_are_not_told_again() -> None:
    stage = running()
    stage.show({"T-1": 11.0})
    stage.obey(stage.writes()[0], {"XV-1.ZSC": 1.0})
    again = stage.restarted(ring=True)
    again.connect(values={"T-1": 11.0, "XV-1.ZSC": 1.0})
    assert not again.of("intent.reconciled")
    assert again.writes() == []


def test_a_ring_of_another_plant_or_an_older_configuration_harms_nothing() -> None:
    core = Core(plant(), 2)
    trip = {
        "interlock": "S-99",
        "number": 1,
        "utc_ns": 0,
        "at_s": 0.0,
        "reason": "cause",
        "first_out": "x",
        "causes": ["x"],
        "effects": [0, 7],
        "latched": True,
    }
    shared = {"word": "shut", "value": 1, "sequence": 9, "epoch": 1, "user": "", "utc_ns": 0}
    core.reconcile(
        [
            {"intent": 4, "command": "GONE.CMD", "settles": [["S-99", 1, 0]], "trips": [trip], **shared},
            {"intent": 5, "command": "XV-1.CMD", "settles": [], "shortened": True, **shared},
        ]
    )
    stage = Stage(core.plant, start=core)
    stage.connect()
    assert core.durable.intent == 5
    assert core.durable.command("XV-1.CMD").sequence == 9
    assert "S-99" not in core.durable.interlocks


def test_a_bypass_goes_on_for_the_rest_of_its_time() -> None:
    stage = running()
    stage.ask("bypass", "S-1", for_s=600)
    stage.advance(300.0)
    again = stage.restarted()
    again.connect(values={"T-1": 11.0})
    assert again.writes() == []
    again.advance(294.0)
    assert again.core.status(again.now)["bypasses"][0]["remaining_s"] == 1.0
    again.advance(1.0)
    assert again.last("bypass.expired").source == "S-1"
    assert again.words() == ["shut"]


def test_a_bypass_that_ran_out_meanwhile_is_over_in_the_first_step() -> None:
    stage = running()
    stage.ask("bypass", "S-1", for_s=3)
    again = stage.restarted()
    again.connect(values={"T-1": 11.0})
    assert again.of("bypass.expired")
    assert again.words() == ["shut"]


def test_an_effect_check_is_taken_up_again_when_it_can_be_seen() -> None:
    stage = running()
    stage.show({"T-1": 21.0})
    again = stage.restarted()
    again.step()
    again.advance(10.0)
    assert not again.of("effect.missing")
    assert not again.of("effect.unverified")
    again.connect(values={"T-1": 21.0})
    again.advance(1.9)
    assert not again.of("effect.missing")
    again.advance(1.2)  # the deadline, and the second that news of it may take
    assert again.last("effect.missing").source == "I-1"


def test_a_word_that_the_plant_files_have_no_longer_ends_as_unknown() -> None:
    stage = running()
    stage.show({"T-1": 11.0})
    event = stage.of("command.intent")[0]
    event.data["word"] = "slam"
    again = stage.restarted()
    again.connect(values={"T-1": 1.0})
    assert again.last("command.result").data["how"] == "the plant files have the word no longer"


def test_a_killed_service_never_writes_what_it_wrote_at_any_point_of_a_handshake() -> None:
    """Killed after each event of a whole story; the PLC has taken what was written."""
    whole = running()
    whole.show({"T-1": 11.0})
    whole.step(WriteDone(1, 0))
    whole.show({"XV-1.CMD.RESULT": 1.0, "XV-1.CMD.ECHO": 1.0})
    whole.show({"XV-1.ZSC": 1.0})
    for lost in range(len(whole.events)):
        again = whole.restarted(ring=True, lost_events=lost)
        again.connect(
            values={
                "T-1": 11.0,
                "XV-1.CMD.ECHO": 1.0,
                "XV-1.CMD.RESULT": 1.0,
                "XV-1.ZSC": 1.0,
                "XV-1.CMD.SEQ": 1.0,
            }
        )
        again.advance(60.0)
        assert again.writes() == [], f"{lost} events lost"
        trip = again.core.durable.interlock("S-1").trip
        assert trip is not None
        assert trip.effects[0].result == "done"


# --- snapshots -----------------------------------------------------------------------------------


def plain(effects: tuple[object, ...]) -> list[str]:
    """Effects in comparable form."""
    found = []
    for effect in effects:
        if isinstance(effect, Values):
            batch = effect.batch
            found.append(
                repr(
                    (
                        batch.plc,
                        batch.tags.tolist(),
                        batch.values.tolist(),
                        batch.status.tolist(),
                        batch.source_ns.tolist(),
                        batch.texts,
                        effect.flags.tolist(),
                    )
                )
            )
        else:
            found.append(repr(effect))
    return found


def test_a_core_loaded_from_a_snapshot_decides_the_same_from_there_on() -> None:
    stage = running()
    stage.advance(3.0)
    stage.show({"T-1": 11.0})
    stage.advance(0.7)
    stage.ask("bypass", "S-1", for_s=60)
    stage.show({"T-1": 21.0})
    twin = Stage(stage.plant, start=Core(stage.plant, EPOCH))
    twin.core.load_snapshot(json_like(stage.core.snapshot()))
    twin.mono_s, twin.counter, twin.alive = stage.mono_s, stage.counter, set(stage.alive)
    stage.effects.clear()

    def story(one: Stage) -> None:
        one.step()
        one.advance(2.0)
        one.obey(Write(1, 1, (), 0.0, {"command": "XV-1.CMD", "sequence": 1}), {"XV-1.ZSC": 1.0})
        one.advance(100.0)
        one.lose(0)
        one.advance(40.0)
        one.connect(0, values={"T-1": 5.0})
        one.advance(10.0)

    story(stage)
    story(twin)
    assert plain(tuple(stage.effects)) == plain(tuple(twin.effects))
    assert any(isinstance(effect, Event) and effect.kind == "bypass.expired" for effect in twin.effects)
    assert stage.core.snapshot() == twin.core.snapshot()


def json_like(state: object) -> object:
    """Through msgpack and back, as the recorder does it."""
    import msgspec

    return msgspec.msgpack.decode(msgspec.msgpack.encode(state))


def test_a_snapshot_is_plain_data() -> None:
    stage = running()
    stage.show({"T-1": 11.0})

    def check(value: object) -> None:
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            for inner in value.values():
                check(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                check(inner)
        else:
            assert value is None or isinstance(value, bool | int | float | str | bytes), type(value)

    check(stage.core.snapshot())


def test_every_event_can_be_written_as_json() -> None:
    stage = running()
    stage.show({"T-1": float("nan")})
    stage.advance(40.0)
    stage.show({"T-1": 21.0})
    stage.advance(100.0)
    for event in stage.events:
        json.dumps(event.data, allow_nan=False)
