"""What people may ask for, who may, and what they are told when they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from alarms.signal import BAD_SENSOR_FAILURE
from controller.core.inputs import WriteDone
from controller.plant.config import load
from controller.plant.plant import CheckedEffect, CommandEffect, WithholdEffect
from controller.plant.tags import AlarmHelp, AlarmLimit
from tests.unit.plant_texts import TEXTS, write_plant
from tests.unit.plants import (
    OPERATOR,
    By,
    Bypass,
    Cause,
    Compare,
    Draft,
    Reset,
    ResetBy,
    Stage,
    State,
    Word,
    valve,
)


def stage(bypass: Bypass | None = None, **interlock: object) -> Stage:
    draft = Draft()
    draft.plc("R")
    tag = draft.tag("PT-303", unit="mbarg")
    command = valve(draft, "XV-1", 0)
    permissive = draft.permissive("fill_good_bank", (command, "open"))
    shut = draft.tag("XV-519.ZSC", states=((1, "shut"),))
    effects = [CommandEffect(command, "shut"), WithholdEffect(permissive)]
    draft.interlock("S-01", Compare(tag, "<", 0.2), effects, bypass=bypass, **interlock)
    draft.interlock(
        "I-14", Compare(tag, "<", -5.0), [CheckedEffect(State(shut, (1,)), 2.0, "XV-519 shut")], by=By.PLC
    )
    found = Stage(draft.build())
    found.connect(values={"PT-303": 3.0})
    return found


def short() -> Bypass:
    return Bypass(1800.0, "supervisor")


# --- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["reset", "acknowledge", "bypass", "unbypass", "inhibit_check", "command"])
@pytest.mark.parametrize("role", ["viewer", "", "root", "OPERATOR"])
def test_those_who_are_not_on_the_ladder_from_operator_up_may_look_not_act(action: str, role: str) -> None:
    plant = stage(short())
    reply = plant.ask(action, "S-01", role, word="shut")
    assert not reply.accepted
    assert reply.reason == f"the role '{role}' may look, not act"


@pytest.mark.parametrize("role", ["operator", "engineer", "supervisor", "admin"])
def test_each_rung_of_the_ladder_may_reset(role: str) -> None:
    plant = stage()
    plant.show({"PT-303": 0.1})
    plant.show({"PT-303": 3.0})
    assert plant.ask("reset", "S-01", role).accepted


def test_every_request_leaves_one_audit_event_with_who_what_and_why() -> None:
    plant = stage(short())
    plant.ask("bypass", "S-01", "operator", reason="because")
    refused = plant.last("request.refused")
    assert refused.data == {
        "user": "anna",
        "role": "operator",
        "action": "bypass",
        "target": "S-01",
        "args": {},
        "reason": "because",
        "answer": "S-01 needs the role supervisor; you have operator",
        "request": "r1",
        "codes": ["BadUserAccessDenied"],
    }
    plant.ask("bypass", "S-01", "supervisor")
    assert plant.last("request.accepted").data["answer"] == "S-01 is bypassed for 30 min"


def test_what_nobody_knows_is_refused_with_what_there_is() -> None:
    plant = stage()
    assert plant.ask("dance", "S-01").reason.startswith(
        "there is no action 'dance'; there are command, reset"
    )
    assert plant.ask("reset", "S-99").reason == "there is no interlock 'S-99'"
    assert plant.ask("command", "XV-9.CMD", word="shut").reason == "there is no command 'XV-9.CMD'"
    assert (
        plant.ask("command", "XV-1.CMD", word="dance").reason
        == "XV-1.CMD has no word 'dance'; it has shut, open"
    )
    assert plant.ask("command", "XV-1.CMD").reason == "XV-1.CMD has no word 'None'; it has shut, open"


# --- resets --------------------------------------------------------------------------------------


def test_a_reset_is_refused_while_the_cause_stands_and_says_what_stands() -> None:
    plant = stage()
    assert plant.ask("reset", "S-01").reason == "S-01 does not stand"
    plant.show({"PT-303": 0.1})
    reply = plant.ask("reset", "S-01")
    assert reply.reason == "S-01: the cause stands: PT-303 0.1 mbarg [PT-303 < 0.2 mbarg]"
    plant.show({"PT-303": 0.1}, status=BAD_SENSOR_FAILURE)
    assert "cannot see its causes: PT-303 bad: sensor failed" in plant.ask("reset", "S-01").reason


def test_a_reset_is_refused_until_its_condition_and_its_times_are_met() -> None:
    draft = Draft()
    draft.plc("R")
    tag, other = draft.tag("PT-303", unit="mbarg"), draft.tag("LT-201", unit="%")
    reset = Reset(ResetBy.OPERATOR, Compare(other, ">", 35.0), for_s=60.0, at_least_s=30.0)
    draft.interlock(
        "S-01", Compare(tag, "<", 0.2), [CommandEffect(valve(draft, "X", 0), "shut")], reset=reset
    )
    plant = Stage(draft.build())
    plant.connect(values={"PT-303": 3.0, "LT-201": 20.0})
    plant.show({"PT-303": 0.0})
    plant.obey(plant.writes()[0], {"X.ZSC": 1.0})
    plant.show({"PT-303": 3.0})
    assert plant.ask("reset", "S-01").reason == "S-01 stands for at least 30 s: 30 s to go"
    plant.advance(40.0)
    assert plant.ask("reset", "S-01").reason == "S-01 needs LT-201 > 35 % for 60 s"
    plant.show({"LT-201": 36.0})
    plant.advance(15.0)
    assert plant.ask("reset", "S-01").reason == "S-01 needs LT-201 > 35 % for 60 s: 45 s to go"
    plant.advance(45.0)
    assert plant.ask("reset", "S-01").accepted
    assert plant.words() == ["shut"], "a reset starts nothing and opens nothing"


def test_acknowledging_a_trip_does_not_reset_it() -> None:
    plant = stage()
    assert plant.ask("acknowledge", "S-01").reason == "S-01 does not stand"
    plant.show({"PT-303": 0.1})
    assert plant.ask("acknowledge", "S-01").accepted
    assert plant.ask("acknowledge", "S-01", user="ben").reason == "S-01 has been acknowledged by anna"
    assert plant.core.durable.interlock("S-01").trip is not None


# --- bypasses ------------------------------------------------------------------------------------


def test_a_bypassed_interlock_goes_on_judging_its_causes_and_does_nothing() -> None:
    plant = stage(short())
    assert plant.ask("bypass", "S-01", "supervisor", for_s=600).accepted
    plant.show({"PT-303": 0.1})
    assert plant.writes() == []
    assert plant.last("bypass.demand").text == "S-01 would trip (cause) but is bypassed"
    row = plant.core.status(plant.now)["interlocks"][0]
    assert (row["state"], row["demand"], row["causes"][0]["state"]) == ("bypassed", "true", "true")
    assert "its causes would trip it now" in plant.core.explain("S-01", plant.now)


def test_a_bypass_that_ends_by_itself_while_the_cause_stands_trips_at_once() -> None:
    plant = stage(short())
    plant.ask("bypass", "S-01", "supervisor", for_s=600)
    plant.show({"PT-303": 0.1})
    plant.advance(599.0)
    assert plant.writes() == []
    plant.advance(1.0)
    assert plant.kinds()[-5:].count("bypass.expired") == 1
    assert plant.last("interlock.tripped", "S-01").data["first_out"] == "cause"
    assert plant.words() == ["shut"]
    assert plant.folded() == plant.core.durable.bare()


def test_taking_a_bypass_back_trips_what_stands() -> None:
    plant = stage(short())
    plant.ask("bypass", "S-01", "supervisor")
    plant.show({"PT-303": 0.1})
    assert plant.ask("unbypass", "S-01", "operator", user="ben").accepted
    assert plant.words() == ["shut"]
    assert plant.last("bypass.ended").data["user"] == "ben"
    assert plant.ask("unbypass", "S-01").reason == "S-01 is not bypassed"


def test_a_bypass_of_a_standing_trip_lifts_its_effects_and_its_end_asks_for_them_again() -> None:
    plant = stage(short())
    plant.show({"PT-303": 0.1})
    plant.obey(plant.writes()[0], {"XV-1.ZSC": 1.0})
    assert not plant.ask("command", "XV-1.CMD", word="open").accepted
    plant.ask("bypass", "S-01", "supervisor")
    assert plant.last("permissive.granted").source == "fill_good_bank"
    assert plant.ask("command", "XV-1.CMD", word="open").accepted
    plant.obey(plant.writes()[-1], {"XV-1.ZSC": 0.0})
    plant.advance(1800.0)
    assert plant.words() == ["shut", "open", "shut"]
    assert plant.core.durable.interlock("S-01").trips == 1, "the same trip stands"


def test_bypasses_are_refused_with_the_reason() -> None:
    plant = stage(short())
    assert (
        plant.ask("bypass", "S-01", "engineer").reason == "S-01 needs the role supervisor; you have engineer"
    )
    assert plant.ask("bypass", "S-01", "supervisor", reason="  ").reason == "a bypass needs a reason"
    too_long = plant.ask("bypass", "S-01", "supervisor", for_s=1801)
    assert too_long.reason == "S-01 may be bypassed for at most 30 min"
    for nonsense in (0, -5, "1h", float("nan"), float("inf"), True, None):
        assert not plant.ask("bypass", "S-01", "supervisor", for_s=nonsense).accepted
    assert plant.ask("bypass", "S-01", "supervisor").accepted
    assert plant.ask("bypass", "S-01", "supervisor").reason == "S-01 is bypassed already"
    assert stage().ask("bypass", "S-01", "admin").reason == "S-01 allows no bypass"
    assert stage().ask("bypass", "I-14", "admin").reason == (
        "I-14 is enforced by the PLC: only its effect check can be inhibited here"
    )


def two_persons() -> Stage:
    return stage(Bypass(28_800.0, "operator", two_persons=True))


def test_a_bypass_by_two_persons_waits_for_the_second() -> None:
    plant = two_persons()
    assert plant.ask("bypass", "S-01", user="anna", session="s1", for_s=3600).data == {"waiting": True}
    plant.show({"PT-303": 0.1})
    assert plant.words() == ["shut"], "asking lifts nothing"
    reply = plant.ask("confirm_bypass", "S-01", user="ben", session="s2")
    assert reply.accepted
    active = plant.last("bypass.active")
    assert (active.data["user"], active.data["confirmed_by"], active.data["for_s"]) == ("anna", "ben", 3600.0)
    assert plant.core.durable.interlock("S-01").bypass is not None


def test_the_second_person_is_another_person_in_a_session_of_their_own() -> None:
    plant = two_persons()
    assert plant.ask("confirm_bypass", "S-01", user="ben", session="s2").reason == (
        "S-01: nobody has asked for a bypass in the last 10 min"
    )
    plant.ask("bypass", "S-01", user="anna", session="s1")
    assert plant.ask("confirm_bypass", "S-01", user="anna", session="s2").reason == (
        "anna has asked; another person has to confirm"
    )
    assert plant.ask("confirm_bypass", "S-01", user="ben", session="s1").reason == (
        "confirm from a session of your own"
    )
    assert not plant.ask("confirm_bypass", "S-01", user="ben", session="").accepted
    assert plant.ask("bypass", "S-01", user="ben", session="s2").reason == (
        "anna has asked already; a second person confirms"
    )
    assert plant.core.durable.interlock("S-01").bypass is None


def test_after_10_min_the_request_for_a_bypass_has_lapsed() -> None:
    plant = two_persons()
    plant.ask("bypass", "S-01", user="anna", session="s1")
    plant.advance(600.0)
    assert plant.last("bypass.lapsed").source == "S-01"
    assert not plant.ask("confirm_bypass", "S-01", user="ben", session="s2").accepted


def test_the_one_who_asked_may_take_it_back() -> None:
    plant = two_persons()
    plant.ask("bypass", "S-01", user="anna", session="s1")
    assert plant.ask("unbypass", "S-01").accepted
    assert plant.last("bypass.lapsed").data["how"] == "withdrawn"


def test_every_bypass_is_listed_with_who_why_and_how_long_still() -> None:
    plant = stage(short())
    plant.ask("bypass", "S-01", "supervisor", reason="analyser service", for_s=600)
    plant.ask("inhibit_check", "I-14", "supervisor", reason="limit switch broken", for_s=3600)
    plant.advance(60.0)
    rows = plant.core.status(plant.now)["bypasses"]
    assert [
        (row["interlock"], row["kind"], row["user"], row["reason"], row["remaining_s"]) for row in rows
    ] == [
        ("S-01", "bypass", "anna", "analyser service", 540.0),
        ("I-14", "check inhibited", "anna", "limit switch broken", 3540.0),
    ]


# --- effect checks -------------------------------------------------------------------------------


def test_a_muted_check_goes_on_but_does_not_call_anybody() -> None:
    plant = stage()
    plant.ask("inhibit_check", "I-14", "supervisor", for_s=3600)
    plant.show({"PT-303": -6.0})
    plant.advance(3.0)
    missing = plant.last("effect.missing")
    assert (missing.severity, missing.data["muted"]) == (100, True)
    plant.advance(3600.0)
    assert plant.last("check.restored").data["how"] == "expired"


def test_muting_a_check_has_rules_too() -> None:
    plant = stage()
    assert plant.ask("inhibit_check", "S-01", "admin").reason == "S-01 has no effect by a PLC to check"
    assert "needs the role supervisor" in plant.ask("inhibit_check", "I-14", "engineer").reason
    assert (
        plant.ask("inhibit_check", "I-14", "supervisor", reason="").reason
        == "inhibiting a check needs a reason"
    )
    assert "at most 8 h" in plant.ask("inhibit_check", "I-14", "supervisor", for_s=28_801).reason
    assert plant.ask("allow_check", "I-14").reason == "I-14: the check is not inhibited"
    assert plant.ask("inhibit_check", "I-14", "supervisor").accepted
    assert plant.ask("inhibit_check", "I-14", "supervisor").reason == "I-14: the check is inhibited already"
    assert plant.ask("allow_check", "I-14").accepted


# --- words of people -----------------------------------------------------------------------------


def test_a_person_may_ask_for_what_no_trip_forbids_and_the_answer_is_the_plc_s() -> None:
    plant = stage()
    plant.show({"XV-1.ZSC": 1.0})
    reply = plant.ask("command", "XV-1.CMD", word="open", user="ben")
    assert reply.accepted
    assert reply.data == {"intent": 1}
    assert plant.writes()[0].context["user"] == "ben"
    plant.obey(plant.writes()[0], {"XV-1.ZSC": 0.0})
    assert plant.last("command.result").data["user"] == "ben"
    assert plant.last("command.result").text == "XV-1.CMD 'open' for ben: done, proved"


def test_a_word_that_is_true_already_is_not_sent() -> None:
    plant = stage()
    reply = plant.ask("command", "XV-1.CMD", word="open")
    assert reply.accepted
    assert reply.data == {"result": "done", "how": "already"}
    assert plant.writes() == []


def test_a_person_s_word_is_never_sent_again() -> None:
    plant = stage()
    plant.show({"XV-1.ZSC": 1.0})
    plant.ask("command", "XV-1.CMD", word="open")
    plant.advance(600.0)
    assert plant.last("command.result").data["result"] == "unknown"
    assert len(plant.writes()) == 1


def test_words_are_refused_while_something_forbids_them() -> None:
    plant = stage(short())
    plant.show({"XV-1.ZSC": 1.0})
    plant.show({"R.REMOTE": 0.0})
    assert plant.ask("command", "XV-1.CMD", word="open").reason == "XV-1.CMD: local"
    plant.show({"R.REMOTE": 1.0})
    plant.ask("command", "XV-1.CMD", word="open")
    assert plant.ask("command", "XV-1.CMD", word="open").reason == "XV-1.CMD is busy: 'open' is on its way"
    plant.obey(plant.writes()[0], {"XV-1.ZSC": 0.0})
    plant.show({"PT-303": 3.0}, status=BAD_SENSOR_FAILURE)
    plant.show({"XV-1.ZSC": 1.0})
    assert plant.ask("command", "XV-1.CMD", word="open").reason == (
        "S-01 cannot see its causes, so 'open' is not permitted"
    )
    plant.show({"PT-303": 0.1})
    assert plant.ask("command", "XV-1.CMD", word="open").reason == "S-01 stands and asks for 'shut'"
    plant.lose(0)
    assert plant.ask("command", "XV-1.CMD", word="shut").reason == "XV-1.CMD: unreachable"


def test_a_withheld_permissive_refuses_the_words_it_guards_and_no_others() -> None:
    draft = Draft()
    draft.plc("R")
    purity = draft.tag("AT-206", unit="%He")
    command = valve(draft, "XV-411A", 0)
    permissive = draft.permissive("fill_good_bank", (command, "open"))
    draft.interlock("S-03", Compare(purity, "<", 97.5), [WithholdEffect(permissive)], latch=False)
    plant = Stage(draft.build())
    plant.connect(values={"AT-206": 99.0, "XV-411A.ZSC": 1.0})
    plant.show({"AT-206": 99.0}, status=BAD_SENSOR_FAILURE)
    assert plant.ask("command", "XV-411A.CMD", word="open").reason == (
        "'fill_good_bank' is withheld: S-03 cannot see"
    )
    plant.show({"AT-206": 97.0})
    assert plant.ask("command", "XV-411A.CMD", word="open").reason == "'fill_good_bank' is withheld by S-03"
    assert plant.ask("command", "XV-411A.CMD", word="shut").accepted


def test_a_person_may_always_ask_for_something_safer_than_what_is_on_its_way() -> None:
    plant = stage()
    plant.show({"XV-1.ZSC": 1.0})
    plant.ask("command", "XV-1.CMD", word="open")
    plant.show({"XV-1.ZSC": 0.0})
    assert "busy" in plant.ask("command", "XV-1.CMD", word="shut").reason, "still being written"
    plant.step(WriteDone(1, 0))
    assert plant.ask("command", "XV-1.CMD", word="shut").accepted
    assert plant.words() == ["open", "shut"]
    overtaken = plant.of("command.result")[0]
    assert (overtaken.data["result"], overtaken.data["how"]) == ("refused", "overtaken by 'shut'")
    assert plant.folded() == plant.core.durable.bare()


def test_a_priority_1_trip_is_never_reset_from_here() -> None:
    draft = Draft()
    draft.plc("R")
    alarm = AlarmLimit("LL", 18.0, 1, 0.1, 5.0, 5.0, AlarmHelp())
    oxygen, fault = draft.tag("AT-942", unit="%O2", alarms=(alarm,)), draft.tag("XA-344")
    words = (Word("reset", 3, OPERATOR, State(fault, (0,)), 10.0),)
    draft.command("C-301.CMD", words)
    draft.interlock("I-25", [Cause("AT-942<18", "oxygen", Compare(oxygen, "<", 18.0))], by=By.PLC)
    plant = Stage(draft.build())
    plant.connect(values={"AT-942": 20.9, "XA-344": 1.0})
    plant.show({"AT-942": 17.0})
    assert plant.ask("command", "C-301.CMD", "admin", word="reset").reason == (
        "I-25 stands and guards a priority 1 alarm: it is reset at the machine"
    )
    plant.show({"AT-942": 20.9})
    assert plant.ask("reset", "I-25").accepted, "our record of a mirrored trip; nothing is written"
    assert plant.writes() == []
    assert plant.ask("command", "C-301.CMD", word="reset").accepted


def compressor() -> Stage:
    """At most 2 starts in 10 min."""
    draft = Draft()
    draft.plc("R")
    state = draft.tag("XS-301")
    words = (
        Word("stop", 2, OPERATOR, State(state, (3,)), 20.0),
        Word("start", 1, OPERATOR, State(state, (9,)), 60.0, at_most=(2, 600.0)),
    )
    draft.command("C-301.CMD", words)
    found = Stage(draft.build())
    found.connect(values={"XS-301": 3.0})
    return found


def test_a_machine_that_has_started_too_often_waits_whoever_started_it() -> None:
    plant = compressor()
    for _ in range(2):
        plant.show({"XS-301": 9.0})
        plant.advance(60.0)
        plant.show({"XS-301": 3.0})
    assert [event.text for event in plant.of("machine.started")] == [
        "C-301.CMD: start 1 of 2 in 10 min",
        "C-301.CMD: start 2 of 2 in 10 min",
    ]
    assert plant.ask("command", "C-301.CMD", word="start").reason == (
        "C-301.CMD has started 2 times in 10 min: 8 min to wait"
    )
    again = plant.restarted()
    again.connect(values={"XS-301": 3.0})
    assert again.ask("command", "C-301.CMD", word="start").reason.endswith("7.92 min to wait")
    again.advance(475.0)
    assert again.ask("command", "C-301.CMD", word="start").accepted
    assert again.folded() == again.core.durable.bare()


def test_a_machine_that_is_found_running_after_a_lost_link_has_not_started() -> None:
    plant = compressor()
    plant.lose(0)
    plant.connect(values={"XS-301": 9.0})
    assert len(plant.of("machine.started")) == 1, "it was off when it was last seen"
    plant.lose(0)
    plant.connect(values={"XS-301": 9.0})
    assert len(plant.of("machine.started")) == 1


def test_the_plant_file_says_how_often_a_machine_may_start(tmp_path: Path) -> None:
    proof = "        proof:\n          tag: XS-301\n          is: 9\n"
    limit = "        at_most:\n          times: 6\n          within: 60 min\n"
    start = "      - name: start\n"
    assert start in TEXTS["plc_r.yaml"]
    texts = {**TEXTS, "plc_r.yaml": TEXTS["plc_r.yaml"].replace(start, start + proof + limit, 1)}
    found = load(write_plant(tmp_path, texts))
    assert found.plant is not None, found.errors
    assert found.plant.commands[0].named("start").at_most == (6, 3600.0)
