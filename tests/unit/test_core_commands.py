"""Commands on their way to a PLC: what is sent, what comes of it, and what is never sent again."""

from __future__ import annotations

import pytest

from alarms.signal import BAD_SENSOR_FAILURE, BAD_TIMEOUT, Tri
from controller.core.effects import Event, Write
from controller.core.handshake import Outcome, Progress, Seen, Wait, judge, next_sequence
from controller.core.inputs import LinkUp, WriteDone
from controller.plant.plant import CommandEffect
from tests.unit.plants import (
    AUTOMATIC,
    EPOCH,
    OPERATOR,
    Compare,
    Draft,
    Reset,
    ResetBy,
    Stage,
    State,
    Word,
    valve,
)


def plant(*, style: str = "sequence", within_s: float = 10.0, rules: int = 1) -> Draft:
    """Trips on L, valve XV-1 on R. Interlock S-n: T-n > 10."""
    draft = Draft()
    left, right = draft.plc("L"), draft.plc("R")
    command = valve(draft, "XV-1", right, style=style, within_s=within_s)
    for number in range(1, rules + 1):
        tag = draft.tag(f"T-{number}", left)
        draft.interlock(f"S-{number}", Compare(tag, ">", 10.0), [CommandEffect(command, "shut")])
    return draft


def connected(draft: Draft, **values: float) -> Stage:
    stage = Stage(draft.build())
    stage.connect(values={name.replace("_", "-", 1): value for name, value in values.items()})
    return stage


def tripped(**options: object) -> Stage:
    stage = connected(plant(**options))
    stage.show({"T-1": 11.0})
    return stage


def result(stage: Stage) -> tuple[str, str]:
    event = stage.last("command.result")
    return event.data["result"], event.data["how"]


def effect(stage: Stage, name: str = "S-1") -> tuple[str, str]:
    trip = stage.core.durable.interlock(name).trip
    assert trip is not None
    return trip.effects[0].result, trip.effects[0].how


def take(stage: Stage, code: float = 1.0) -> None:
    """The PLC answers the newest write; the machine does not move."""
    stage.obey(stage.writes()[-1], code=code)


# --- the results ---------------------------------------------------------------------------------


def test_accepted_and_proved_is_done() -> None:
    stage = tripped()
    stage.advance(0.1)
    stage.obey(stage.writes()[0], {"XV-1.ZSC": 1.0})
    assert result(stage) == ("done", "proved")
    assert effect(stage) == ("done", "proved")
    stage.advance(60.0)
    assert len(stage.writes()) == 1


def test_the_feedback_may_come_before_the_transport_s_answer() -> None:
    stage = tripped()
    stage.show({"XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0, "XV-1.ZSC": 1.0})
    assert result(stage) == ("done", "proved")
    stage.step(WriteDone(1, 0))
    assert len(stage.of("command.result")) == 1


def test_accepted_but_not_followed_in_time_is_failed_and_is_not_sent_again() -> None:
    stage = tripped()
    take(stage)
    stage.advance(9.9)
    assert not stage.of("command.result")
    stage.advance(0.1)
    assert result(stage) == ("failed", "accepted, but the feedback did not follow in time")
    stage.advance(300.0)
    assert len(stage.writes()) == 1


def test_a_failed_command_whose_feedback_follows_after_all_is_done() -> None:
    stage = tripped()
    take(stage)
    stage.advance(20.0)
    stage.show({"XV-1.ZSC": 1.0})
    assert effect(stage) == ("done", "read back later")


def test_accepted_with_feedback_that_cannot_be_seen_is_unknown() -> None:
    stage = tripped()
    take(stage)
    stage.show({"XV-1.ZSC": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(10.0)
    assert result(stage) == ("unknown", "accepted, but the feedback cannot be seen")
    stage.show({"XV-1.ZSC": 0.0})
    assert result(stage) == ("failed", "taken by the PLC, but the feedback shows no effect")
    stage.advance(60.0)
    assert len(stage.writes()) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (2.0, ("refused", "refused by the PLC's own permissive or interlock")),
        (5.0, ("refused", "epoch")),
        (6.0, ("failed", "the PLC does not know the word")),
    ],
)
def test_the_plc_s_refusals(code: float, expected: tuple[str, str]) -> None:
    stage = tripped()
    take(stage, code)
    stage.advance(1.0)
    assert result(stage) == expected
    stage.advance(300.0)
    assert len(stage.writes()) == 1


def test_a_refusal_left_over_from_the_last_command_is_not_believed_at_once() -> None:
    stage = connected(plant(), T_1=0.0)
    stage.show({"XV-1.CMD.RESULT": 2.0})
    stage.show({"T-1": 11.0})
    stage.show({"XV-1.CMD.ECHO": 1.0})
    stage.mono_s += 0.1
    stage.show({"XV-1.CMD.RESULT": 1.0})
    stage.show({"XV-1.ZSC": 1.0})
    assert result(stage) == ("done", "proved")


def test_a_server_that_rejects_the_write_is_a_failure_by_name() -> None:
    stage = tripped()
    stage.step(WriteDone(1, 0x80740000))
    assert result(stage) == ("failed", "the PLC's server rejected the write: BadTypeMismatch")
    assert len(stage.writes()) == 1


def test_a_newer_owner_of_the_plc_fences_this_one() -> None:
    stage = tripped(rules=2)
    take(stage, 5.0)
    stage.advance(1.0)
    assert stage.last("epoch.refused").source == "R"
    stage.show({"T-2": 11.0})
    assert effect(stage, "S-2") == ("refused", "epoch")
    assert len(stage.writes()) == 1
    assert stage.core.status(stage.now)["plcs"][1]["fenced"]


def test_a_newer_owner_is_seen_by_its_epoch_and_left_alone_though_nothing_was_commanded() -> None:
    stage = connected(plant(), T_1=0.0)
    stage.step(  # within one notification: the newer owner's, and ours written over it a moment later
        stage.raw_batch(
            1, [(stage.plant.index["R.EPOCH"], EPOCH + 1.0), (stage.plant.index["R.EPOCH"], EPOCH)]
        )
    )
    fenced = stage.last("epoch.refused")
    assert (fenced.source, fenced.data) == ("R", {"epoch": EPOCH})
    before = len([one for one in stage.effects if isinstance(one, Write) and one.plc == 1])
    stage.advance(5.0)
    stage.show({"R.EPOCH": EPOCH + 1.0, "T-1": 11.0})
    assert [one for one in stage.effects if isinstance(one, Write) and one.plc == 1][before:] == []
    assert effect(stage, "S-1") == ("refused", "epoch")
    assert len(stage.of("epoch.refused")) == 1
    assert any(one.plc == 0 for one in stage.effects[-20:] if isinstance(one, Write)), "the other goes on"


def test_feedback_that_proves_the_target_before_anything_is_sent_needs_no_write() -> None:
    stage = connected(plant(), XV_1=0.0)
    stage.show({"XV-1.ZSC": 1.0})
    stage.show({"T-1": 11.0})
    assert stage.writes() == []
    assert result(stage) == ("done", "already")
    assert stage.last("command.result").data["ms"] == 0.0


# --- no echo, and when a word may be sent again --------------------------------------------------


def test_no_echo_within_2_s_is_told_and_the_feedback_is_waited_for() -> None:
    stage = tripped()
    stage.step(WriteDone(1, 0))
    stage.advance(2.0)
    assert len(stage.of("command.no_echo")) == 1
    stage.advance(1.0)
    stage.show({"XV-1.ZSC": 1.0})
    assert result(stage) == ("done", "proved, without an echo")
    assert len(stage.of("command.no_echo")) == 1


def test_no_echo_and_no_feedback_to_judge_by_is_unknown_and_stays_so_without_a_second_write() -> None:
    stage = tripped()
    stage.show({"XV-1.ZSC": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(300.0)
    assert result(stage) == ("unknown", "no echo")
    assert len(stage.writes()) == 1


def test_good_feedback_and_a_good_echo_that_both_deny_the_command_allow_a_new_one_three_times_in_all() -> (
    None
):
    stage = tripped()
    stage.advance(9.9)
    assert len(stage.writes()) == 1
    stage.advance(0.2)
    assert len(stage.writes()) == 2
    assert [write.context["sequence"] for write in stage.writes()] == [1, 2]
    stage.advance(600.0)
    assert len(stage.writes()) == 3
    assert effect(stage) == ("unknown", "no echo")


def test_an_echo_that_cannot_be_seen_denies_nothing() -> None:
    stage = tripped()
    stage.show({"XV-1.CMD.ECHO": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(300.0)
    assert len(stage.writes()) == 1


def test_busy_is_asked_again_after_a_while() -> None:
    stage = tripped()
    take(stage, 4.0)
    stage.advance(5.0)
    assert len(stage.writes()) == 1
    stage.advance(0.5)
    assert len(stage.writes()) == 2
    stage.obey(stage.writes()[-1], {"XV-1.ZSC": 1.0})
    assert result(stage) == ("done", "proved")


def test_in_local_mode_nothing_is_written_and_the_word_goes_out_when_remote_returns() -> None:
    stage = connected(plant())
    stage.show({"R.REMOTE": 0.0})
    stage.show({"T-1": 11.0})
    stage.advance(60.0)
    assert stage.writes() == []
    assert effect(stage) == ("refused", "local")
    assert len(stage.of("command.result")) == 1
    stage.show({"R.REMOTE": 1.0})
    assert stage.words() == ["shut"]


def test_remote_mode_that_returns_after_the_trip_was_reset_sends_nothing() -> None:
    stage = connected(plant())
    stage.show({"R.REMOTE": 0.0})
    stage.show({"T-1": 11.0})
    stage.show({"T-1": 1.0})
    assert stage.ask("reset", "S-1").accepted
    stage.show({"R.REMOTE": 1.0})
    stage.advance(60.0)
    assert stage.writes() == []


def test_a_local_switch_that_only_the_plc_knows_is_asked_three_times_half_a_minute_apart() -> None:
    stage = tripped()
    for _ in range(200):
        if len(stage.writes()) > len(stage.of("command.result")):
            take(stage, 3.0)
        stage.advance(1.0)
    assert len(stage.writes()) == 3
    assert effect(stage) == ("refused", "local")


def test_an_unreachable_plc_gets_nothing_queued_and_its_word_when_it_is_back_and_the_trip_stands() -> None:
    stage = connected(plant())
    stage.lose(1)
    stage.show({"T-1": 11.0})
    assert stage.writes() == []
    assert effect(stage) == ("unknown", "unreachable")
    stage.advance(60.0)
    assert len(stage.of("command.result")) == 1
    stage.connect(1)
    assert stage.words() == ["shut"]


def test_an_unreachable_plc_that_comes_back_after_the_reset_gets_nothing() -> None:
    stage = connected(plant())
    stage.lose(1)
    stage.show({"T-1": 11.0})
    stage.show({"T-1": 1.0})
    assert stage.ask("reset", "S-1").accepted
    stage.connect(1)
    stage.advance(10.0)
    assert stage.writes() == []


def test_a_link_that_breaks_after_the_write_leaves_it_unknown_and_the_echo_tells_later() -> None:
    stage = tripped()
    stage.lose(1)
    stage.advance(15.0)
    assert result(stage) == ("unknown", "no communication")
    stage.connect(1, values={"XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0, "XV-1.ZSC": 1.0})
    assert effect(stage) == ("done", "read back later")
    assert len(stage.writes()) == 1


def test_a_second_trip_meanwhile_does_not_make_the_unknown_one_be_sent_again() -> None:
    stage = tripped(rules=2)
    stage.lose(1)
    stage.advance(15.0)
    stage.show({"T-2": 11.0})
    assert effect(stage, "S-2") == ("unknown", "unreachable")
    stage.connect(1, values={"XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0, "XV-1.ZSC": 0.0})
    stage.advance(60.0)
    assert len(stage.writes()) == 1
    assert effect(stage) == ("failed", "taken by the PLC, but the feedback shows no effect")


def test_what_somebody_undoes_while_the_trip_stands_is_told_and_asked_for_again() -> None:
    stage = tripped()
    stage.obey(stage.writes()[0], {"XV-1.ZSC": 1.0})
    stage.advance(60.0)
    stage.show({"XV-1.ZSC": 0.0})
    stage.advance(9.0)
    assert len(stage.writes()) == 1
    stage.advance(1.0)
    assert len(stage.of("command.undone")) == 1
    assert len(stage.writes()) == 2
    stage.obey(stage.writes()[1], {"XV-1.ZSC": 1.0})
    assert effect(stage) == ("done", "proved")
    assert stage.folded() == stage.core.durable.bare()


def test_what_was_so_already_and_is_no_longer_is_asked_for_at_once() -> None:
    stage = connected(plant())
    stage.show({"XV-1.ZSC": 1.0})
    stage.show({"T-1": 11.0})
    assert effect(stage) == ("done", "already")
    stage.advance(30.0)
    stage.show({"XV-1.ZSC": 0.0})
    assert stage.words() == ["shut"], "the first write, so nothing is sent again"


def test_feedback_that_only_flickers_is_not_undone() -> None:
    stage = tripped()
    stage.obey(stage.writes()[0], {"XV-1.ZSC": 1.0})
    for _ in range(5):
        stage.show({"XV-1.ZSC": 0.0})
        stage.advance(8.0)
        stage.show({"XV-1.ZSC": 1.0})
        stage.advance(8.0)
    assert not stage.of("command.undone")


# --- toggles -------------------------------------------------------------------------------------


def test_a_toggle_is_never_sent_to_a_machine_that_is_there_already() -> None:
    stage = connected(plant(style="toggle"))
    stage.show({"XV-1.ZSC": 1.0})
    stage.show({"T-1": 11.0})
    stage.advance(60.0)
    assert stage.writes() == []
    assert effect(stage) == ("done", "already")


def test_a_toggle_is_not_sent_while_nobody_knows_where_the_machine_is() -> None:
    stage = connected(plant(style="toggle"))
    stage.show({"XV-1.ZSC": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.show({"T-1": 11.0})
    stage.advance(60.0)
    assert stage.writes() == []
    assert effect(stage) == ("unknown", "no feedback")
    stage.show({"XV-1.ZSC": 0.0})
    assert stage.words() == ["shut"]


def test_a_toggle_without_an_echo_is_sent_again_only_on_good_feedback_that_denies_it() -> None:
    stage = tripped(style="toggle")
    stage.advance(5.0)
    stage.show({"XV-1.ZSC": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(60.0)
    assert len(stage.writes()) == 1
    stage.show({"XV-1.ZSC": 1.0})
    assert effect(stage) == ("done", "read back later")
    stage.advance(60.0)
    assert len(stage.writes()) == 1


# --- several trips, several words ----------------------------------------------------------------


def three_words() -> Stage:
    """XV-216: vent (safest), bank, bag. S-1 wants bank, S-2 wants vent."""
    draft = Draft()
    draft.plc("R")
    position = draft.tag("XV-216.POS")
    words = (
        Word("vent", 3, AUTOMATIC, State(position, (3,)), 10.0),
        Word("bank", 2, AUTOMATIC, State(position, (2,)), 10.0),
        Word("bag", 1, OPERATOR, State(position, (1,)), 10.0),
    )
    command = draft.command("XV-216.CMD", words)
    for name, word in (("S-1", "bank"), ("S-2", "vent")):
        tag = draft.tag(name.replace("S", "T"))
        draft.interlock(
            name,
            Compare(tag, ">", 10.0),
            [CommandEffect(command, word)],
            latch=False,
            reset=Reset(ResetBy.AUTOMATIC),
        )
    stage = Stage(draft.build())
    stage.connect(values={"XV-216.POS": 1.0})
    return stage


def test_two_trips_at_once_send_the_safest_word_once_and_it_serves_both() -> None:
    stage = three_words()
    stage.show({"T-1": 11.0, "T-2": 11.0})
    assert stage.words() == ["vent"]
    stage.obey(stage.writes()[0], {"XV-216.POS": 3.0})
    assert effect(stage, "S-1") == effect(stage, "S-2") == ("done", "proved")
    stage.advance(60.0)
    assert stage.words() == ["vent"]


def test_a_safer_word_overtakes_one_that_waits_for_its_feedback() -> None:
    stage = three_words()
    stage.show({"T-1": 11.0})
    stage.step(WriteDone(1, 0))
    stage.show({"T-2": 11.0})
    assert stage.words() == ["bank", "vent"]
    assert stage.of("command.result")[0].data["how"] == "overtaken by 'vent'"
    stage.obey(stage.writes()[1], {"XV-216.POS": 3.0})
    assert effect(stage, "S-1") == effect(stage, "S-2") == ("done", "proved")


def test_only_one_write_of_a_command_is_under_way_at_a_time() -> None:
    stage = three_words()
    stage.show({"T-1": 11.0})
    stage.show({"T-2": 11.0})
    assert stage.words() == ["bank"], "its write has not landed yet"
    stage.advance(1.9)
    assert stage.words() == ["bank"]
    stage.advance(0.2)
    assert stage.words() == ["bank", "vent"]


def test_a_less_safe_word_never_replaces_a_safer_one_that_stands() -> None:
    stage = three_words()
    stage.show({"T-2": 11.0})
    stage.obey(stage.writes()[0], {"XV-216.POS": 3.0})
    stage.show({"T-1": 11.0})
    stage.advance(60.0)
    assert stage.words() == ["vent"]
    assert effect(stage, "S-1") == ("done", "already")


def test_when_the_safer_trip_goes_the_other_one_s_word_is_not_sent_by_itself() -> None:
    stage = three_words()
    stage.show({"T-1": 11.0, "T-2": 11.0})
    stage.obey(stage.writes()[0], {"XV-216.POS": 3.0})
    stage.show({"T-2": 1.0})
    stage.advance(5.0)
    assert stage.words() == ["vent"]


def test_a_trip_stops_what_a_person_is_just_starting() -> None:
    stage = connected(plant())
    stage.show({"XV-1.ZSC": 1.0})
    assert stage.ask("command", "XV-1.CMD", word="open").accepted
    stage.step(WriteDone(1, 0))
    stage.show({"T-1": 11.0})
    assert stage.words() == ["open", "shut"], "ZSC still shows shut, but 'open' may be taken any moment"
    overtaken = stage.of("command.result")[0]
    assert (overtaken.data["result"], overtaken.data["user"]) == ("refused", "anna")


# --- sequence numbers and intents ----------------------------------------------------------------


def test_sequence_numbers_wrap_and_leave_out_zero_and_what_the_plc_shows() -> None:
    assert next_sequence(65535, (None, None)) == 1
    assert next_sequence(0, (1.0, None)) == 2
    assert next_sequence(4, (5.0, 6.0)) == 7


def test_every_write_carries_what_a_restarted_service_needs() -> None:
    stage = tripped()
    write = stage.writes()[0]
    assert write.intent == write.context["intent"] == 1
    assert write.context["command"] == "XV-1.CMD"
    assert write.context["trips"][0]["interlock"] == "S-1"
    assert write.context["trips"][0]["first_out"] == "cause"
    assert write.deadline_mono_s == stage.mono_s + 2.0


def test_a_word_without_feedback_is_done_by_its_echo_alone() -> None:
    draft = Draft()
    draft.plc("R")
    command = draft.command("LAMP.CMD", (Word("on", 1, AUTOMATIC, None, 5.0),))
    draft.interlock("S-1", Compare(draft.tag("T-1"), ">", 10.0), [CommandEffect(command, "on")])
    stage = connected(draft)
    stage.show({"T-1": 11.0})
    take(stage)
    assert not stage.of("command.result")
    stage.advance(0.3)
    assert result(stage) == ("done", "accepted")


def test_a_word_without_feedback_and_without_an_echo_is_unknown_after_2_s() -> None:
    draft = Draft()
    draft.plc("R")
    command = draft.command("LAMP.CMD", (Word("on", 1, AUTOMATIC, None, 5.0),))
    draft.interlock("S-1", Compare(draft.tag("T-1"), ">", 10.0), [CommandEffect(command, "on")])
    stage = connected(draft)
    stage.show({"T-1": 11.0})
    stage.advance(2.0)
    assert result(stage) == ("unknown", "no echo")
    stage.advance(60.0)
    assert len(stage.writes()) == 1, "nothing shows whether it was taken, so a person decides"


def test_a_transport_time_out_says_nothing_about_the_command() -> None:
    stage = tripped()
    stage.step(WriteDone(1, BAD_TIMEOUT))
    assert not stage.of("command.result")
    stage.show({"XV-1.CMD.ECHO": 1.0, "XV-1.CMD.RESULT": 1.0, "XV-1.ZSC": 1.0})
    assert result(stage) == ("done", "proved")


def test_the_report_counts_from_the_trip_to_the_proof() -> None:
    stage = tripped()
    stage.advance(0.35)
    stage.obey(stage.writes()[0], {"XV-1.ZSC": 1.0})
    assert stage.last("command.result").data["ms"] == 350.0


def test_a_link_that_comes_up_without_its_counter_gets_no_commands() -> None:
    stage = connected(plant())
    stage.lose(1)
    stage.show({"T-1": 11.0})
    stage.step(LinkUp(1))
    assert stage.writes() == []


def test_every_answer_of_the_plc_at_every_moment_has_one_meaning() -> None:
    """The whole table of the handshake: echo, code, proof, time."""
    table: set[tuple[str, str]] = set()
    for echo in (None, 4.0, 5.0):
        for code in (None, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
            for proof in (None, Tri.FALSE, Tri.UNKNOWN, Tri.TRUE):
                for now_s in (0.0, 1.0, 2.0, 9.0, 10.0, 11.0):
                    progress = Progress(0.0, 0.0, status=0, echoed_s=None if echo != 5.0 else min(now_s, 0.5))
                    found = judge(5, 10.0, progress, Seen(echo, code, proof, True), now_s)
                    if isinstance(found, Wait):
                        assert found.due_s > now_s, (echo, code, proof, now_s)
                        table.add(("wait", ""))
                        continue
                    assert isinstance(found, Outcome)
                    if proof is Tri.TRUE:
                        assert found.result == "done"
                    if found.result == "done":
                        assert proof is Tri.TRUE or (proof is None and echo == 5.0 and code == 1.0)
                    if found.result == "refused":
                        assert echo == 5.0
                        assert code in {2.0, 3.0, 4.0, 5.0}
                    if found.result == "failed":
                        assert echo == 5.0
                    table.add((found.result, found.how))
    assert {result for result, _ in table} == {"wait", "done", "refused", "failed", "unknown"}


def test_effects_in_the_report_of_a_run() -> None:
    from controller.core.report import trips

    stage = tripped()
    stage.advance(0.2)
    stage.obey(stage.writes()[0], {"XV-1.ZSC": 1.0})
    events: list[Event] = stage.events
    assert trips(events) == [
        {
            "id": "S-1",
            "first_out": "cause",
            "at_s": 0.0,
            "causes": ["cause"],
            "effects": [{"tag": "XV-1.CMD", "value": "shut", "by": "service", "result": "done", "ms": 200.0}],
        }
    ]
    assert trips(stage.journalled()) == trips(events)
