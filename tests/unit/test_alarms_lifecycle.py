"""The life cycle: the tables, what they refuse, and every state that can be reached."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from alarms import diagram
from alarms.book import BRANCHES_MAX
from alarms.lifecycle import (
    BESIDE,
    IDLE,
    TRANSITIONS,
    Event,
    Facts,
    Hold,
    Machine,
    NotAllowedError,
    State,
    advance,
    displayed,
    state_of,
)
from alarms.operations import Action
from tests.unit.control_room import HOUR, Room, Tags, alarm, bag, high

A, B, C = State.NORMAL, State.UNACKNOWLEDGED, State.ACKNOWLEDGED
D, E, F = State.RETURNED_UNACKNOWLEDGED, State.LATCHED_UNACKNOWLEDGED, State.LATCHED_ACKNOWLEDGED
G, H, I = State.SHELVED, State.SUPPRESSED_BY_DESIGN, State.OUT_OF_SERVICE  # noqa: E741 - the standard's letter

REFUSED = {
    (A, Event.RETURNED),
    (A, Event.RETURNED_LATCHING),
    (A, Event.RETURNED_UNSEEN),
    (A, Event.ABSORBED),
    (A, Event.ACKNOWLEDGED),
    (A, Event.RESET),
    (A, Event.REARMED),
    (B, Event.RAISED),
    (B, Event.TAKEN_OVER),
    (B, Event.RESET),
    (C, Event.RAISED),
    (C, Event.TAKEN_OVER),
    (C, Event.ACKNOWLEDGED),
    (C, Event.RESET),
    (D, Event.TAKEN_OVER),
    (D, Event.RETURNED),
    (D, Event.RETURNED_LATCHING),
    (D, Event.RETURNED_UNSEEN),
    (D, Event.ABSORBED),
    (D, Event.RESET),
    (D, Event.REARMED),
    (E, Event.TAKEN_OVER),
    (E, Event.RETURNED),
    (E, Event.RETURNED_LATCHING),
    (E, Event.RETURNED_UNSEEN),
    (E, Event.ABSORBED),
    (E, Event.RESET),
    (F, Event.TAKEN_OVER),
    (F, Event.RETURNED),
    (F, Event.RETURNED_LATCHING),
    (F, Event.RETURNED_UNSEEN),
    (F, Event.ABSORBED),
    (F, Event.ACKNOWLEDGED),
}


def reached() -> dict[State, Facts]:
    """Every state of the alarm's own machine with the facts that lead there."""
    found = {state_of(IDLE): IDLE}
    ahead = [IDLE]
    while ahead:
        facts = ahead.pop()
        for event in TRANSITIONS[state_of(facts)]:
            after = advance(facts, event)
            if state_of(after) not in found:
                found[state_of(after)] = after
                ahead.append(after)
    return found


def test_exactly_these_pairs_are_refused_and_change_nothing() -> None:
    refused = set()
    for state, facts in reached().items():
        for event in Event:
            if event not in TRANSITIONS[state]:
                refused.add((state, event))
                with pytest.raises(NotAllowedError, match=event) as caught:
                    advance(facts, event)
                assert (caught.value.state, caught.value.event) == (state, event)
            else:
                assert state_of(advance(facts, event)) is TRANSITIONS[state][event]
    assert refused == REFUSED


def test_all_six_states_are_reached_and_no_other() -> None:
    assert set(reached()) == {A, B, C, D, E, F} == set(TRANSITIONS)


def test_facts_and_states_are_one_to_one() -> None:
    for state, facts in reached().items():
        assert state_of(facts) is state
        assert facts.active == (state in {B, C})
        assert facts.acknowledged == (state in {A, C, F})
        assert facts.latched == (state in {E, F})
        assert facts.standing == (state in {B, C, E, F})
        assert facts.retained == (state is not A)


def test_what_is_displayed_is_a_function_of_all_facts() -> None:
    hold = Hold("ito", "test", 0, 1)
    for state, facts in reached().items():
        for shelf, by_hand, design, consequence, service, enabled in product((False, True), repeat=6):
            full = facts._replace(
                shelf=hold if shelf else None,
                suppressed=hold if by_hand else None,
                out_of_service=hold if service else None,
                consequence=consequence,
            )
            shown = displayed(full, suppressed_by_design=design, enabled=enabled)
            if service or not enabled:
                assert shown is I
            elif by_hand or design or consequence:
                assert shown is H
            elif shelf:
                assert shown is G
            else:
                assert shown is state
            assert state_of(full) is state  # covering it changes nothing beneath


def test_the_page_in_the_docs_is_drawn_from_the_tables() -> None:
    committed = Path(__file__).parents[2] / "docs/reference/alarm-states.md"
    assert committed.read_text() == diagram.page()
    for state in TRANSITIONS:
        assert f'"{state.value} {diagram.NAMES[state]}"' in diagram.page()


# --- the machines beside it, driven through the engine ------------------------------------------

DO: dict[str, Callable[[Room], object]] = {
    "acknowledge (second step required)": lambda room: room.acknowledges("T.H"),
    "confirm": lambda room: room.does(Action.CONFIRM, "T.H"),
    "shelve": lambda room: room.does(Action.SHELVE, "T.H", for_s=60.0),
    "shelve once": lambda room: room.does(Action.SHELVE_ONCE, "T.H"),
    "unshelve": lambda room: room.does(Action.UNSHELVE, "T.H"),
    "suppress": lambda room: room.does(
        Action.SUPPRESS, "T.H", for_s=60.0, role="supervisor", reason="calibration"
    ),
    "unsuppress": lambda room: room.does(Action.UNSUPPRESS, "T.H", role="supervisor"),
    "remove from service": lambda room: room.does(
        Action.REMOVE_FROM_SERVICE, "T.H", for_s=60.0, role="supervisor", reason="sensor sent in"
    ),
    "return to service": lambda room: room.does(Action.RETURN_TO_SERVICE, "T.H", role="supervisor"),
    "silence": lambda room: room.does(Action.SILENCE, "T.H"),
    "expire": lambda room: room.wait(9 * HOUR),
    "return": lambda room: room.reads("PT-1", 0.0),
    "raise": lambda room: room.reads("PT-1", 1.0) if not room.facts("T.H").active else raised_again(room),
    "rearm": lambda room: room.wait(10 * HOUR + 1),
}


def raised_again(room: Room) -> None:
    room.reads("PT-1", 0.0)
    room.reads("PT-1", 1.0)


def side_state(room: Room, machine: Machine) -> str:
    facts = room.facts("T.H")
    if machine is Machine.SHELVING:
        if facts.shelf is None:
            return "Unshelved"
        return "OneShotShelved" if facts.shelf.kind == "one-shot" else "TimedShelved"
    return {
        Machine.CONFIRMATION: "Confirmed" if facts.confirmed else "Unconfirmed",
        Machine.SUPPRESSION: "Unsuppressed" if facts.suppressed is None else "Suppressed",
        Machine.SERVICE: "InService" if facts.out_of_service is None else "OutOfService",
        Machine.SILENCE: "Silenced" if facts.silenced else "NotSilenced",
    }[machine]


def standing_alarm(confirm: bool, realarm_s: float | None = None) -> Room:
    rule = alarm("T.H", high(0, 1), 3, confirm=confirm, realarm_s=realarm_s)
    room = Room(Tags("PT-1"), [rule], PT_1=0.0)
    room.reads("PT-1", 1.0)
    return room


@pytest.mark.parametrize("machine", Machine)
def test_the_machines_beside_do_what_their_tables_say(machine: Machine) -> None:
    events = dict.fromkeys(event for row in BESIDE[machine].values() for event in row)
    for state, row in BESIDE[machine].items():
        for event in events:
            room = standing_alarm(
                machine is Machine.CONFIRMATION, 10 * HOUR if machine is Machine.SILENCE else None
            )
            path = {
                "Unconfirmed": "acknowledge (second step required)",
                "TimedShelved": "shelve",
                "OneShotShelved": "shelve once",
                "Suppressed": "suppress",
                "OutOfService": "remove from service",
                "Silenced": "silence",
            }.get(state)
            if path:
                DO[path](room)
            assert side_state(room, machine) == state
            answer = DO[event](room)
            assert side_state(room, machine) == row.get(event, state), (state, event)
            if event not in row and isinstance(answer, str):
                assert answer.startswith("Bad"), (state, event)


# --- stories ---------------------------------------------------------------------------------


def test_bag_full_acknowledged_and_back_to_normal() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(5)
    assert room.shown("LT-201.HH") is B
    assert room.acknowledges("LT-201.HH") == ""
    assert room.shown("LT-201.HH") is C
    assert room.facts("LT-201.HH").acknowledged_by == "ito"
    room.reads("LT-201", 80)
    assert room.shown("LT-201.HH") is A
    assert not room.facts("LT-201.HH").retained


def test_bag_full_and_back_before_anybody_looked() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(5)
    room.reads("LT-201", 80)
    assert room.shown("LT-201.HH") is D
    assert room.acknowledges("LT-201.HH") == ""
    assert room.shown("LT-201.HH") is A


def test_latching_alarm_wants_acknowledgement_then_a_reset() -> None:
    room = bag(latching=True)
    room.reads("LT-201", 96)
    room.wait(5)
    assert room.does(Action.RESET, "LT-201.HH") == "BadInvalidState"
    assert "it stands" in room.refused[0].text
    room.reads("LT-201", 80)
    assert room.shown("LT-201.HH") is E
    assert room.does(Action.RESET, "LT-201.HH") == "BadInvalidState"
    assert "not acknowledged" in room.refused[0].text
    room.acknowledges("LT-201.HH")
    assert room.shown("LT-201.HH") is F
    assert room.does(Action.RESET, "LT-201.HH", reason="bag inspected") == ""
    assert room.shown("LT-201.HH") is A
    assert room.does(Action.RESET, "LT-201.HH") == "BadInvalidState"
    assert "not latched" in room.refused[0].text


def test_a_latched_alarm_that_comes_again_keeps_its_branch_and_latches_again() -> None:
    room = bag(latching=True)
    for _ in range(2):
        room.reads("LT-201", 96)
        room.wait(5)
        room.reads("LT-201", 80)
    assert room.shown("LT-201.HH") is E
    assert len(room.facts("LT-201.HH").branches) == 1
    room.acknowledges("LT-201.HH")
    assert room.shown("LT-201.HH") is F
    assert room.facts("LT-201.HH").branches == ()


def test_confirmation_is_a_second_step() -> None:
    room = bag(confirm=True)
    room.reads("LT-201", 96)
    room.wait(5)
    assert room.does(Action.CONFIRM, "LT-201.HH") == "BadConditionBranchAlreadyConfirmed"
    room.acknowledges("LT-201.HH")
    assert not room.facts("LT-201.HH").confirmed
    room.reads("LT-201", 80)
    assert room.shown("LT-201.HH") is A
    assert room.facts("LT-201.HH").retained  # still waits for its confirmation
    assert room.does(Action.CONFIRM, "LT-201.HH", reason="vented 2 kg") == ""
    assert not room.facts("LT-201.HH").retained
    assert room.facts("LT-201.HH").comment.text == "vented 2 kg"


def test_a_latched_alarm_with_confirmation_is_not_reset_before_it() -> None:
    room = bag(confirm=True, latching=True)
    room.reads("LT-201", 96)
    room.wait(5)
    room.reads("LT-201", 80)
    room.acknowledges("LT-201.HH")
    assert room.does(Action.RESET, "LT-201.HH") == "BadInvalidState"
    assert "not confirmed" in room.refused[0].text
    room.does(Action.CONFIRM, "LT-201.HH")
    assert room.does(Action.RESET, "LT-201.HH") == ""


def test_came_and_went_three_times_before_anybody_came() -> None:
    room = bag()
    events = []
    for _ in range(3):
        room.reads("LT-201", 96)
        room.wait(5)
        events.append(room.facts("LT-201.HH").activation)
        room.reads("LT-201", 80)
        room.wait(60)
    facts = room.facts("LT-201.HH")
    assert [branch.id for branch in facts.branches] == events[:2]
    assert room.heard() == ["LT-201.HH first", "LT-201.HH again", "LT-201.HH again"]
    # One branch is acknowledged by its own event, the rest with the alarm.
    assert room.does(Action.ACKNOWLEDGE, "LT-201.HH", event=events[0]) == ""
    assert [branch.id for branch in room.facts("LT-201.HH").branches] == [events[1]]
    assert room.shown("LT-201.HH") is D
    assert room.engine.event(events[1]) == ("LT-201.HH", events[1])
    assert room.engine.event(events[2]) == ("LT-201.HH", "")
    assert room.engine.event("nonsense") is None
    room.acknowledges("LT-201.HH")
    assert not room.facts("LT-201.HH").retained
    assert room.does(Action.ACKNOWLEDGE, "LT-201.HH", event=events[0]) == "BadEventIdUnknown"
    assert "is no event of LT-201.HH that waits" in room.refused[0].text


def test_acknowledging_by_the_event_on_the_screen() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(5)
    raised = room.facts("LT-201.HH").activation
    room.does(Action.COMMENT, "LT-201.HH", reason="calling the users")
    assert room.does(Action.ACKNOWLEDGE, "LT-201.HH", event=raised) == ""  # though a newer event came since
    assert room.shown("LT-201.HH") is C


def test_branches_with_confirmation_wait_for_it() -> None:
    room = bag(confirm=True)
    room.reads("LT-201", 96)
    room.wait(5)
    first = room.facts("LT-201.HH").activation
    room.acknowledges("LT-201.HH")
    room.reads("LT-201", 80)
    room.reads("LT-201", 96)
    room.wait(5)
    assert [(one.id, one.acknowledged, one.confirmed) for one in room.facts("LT-201.HH").branches] == [
        (first, True, False)
    ]
    assert room.does(Action.CONFIRM, "LT-201.HH", event=first) == ""
    assert room.facts("LT-201.HH").branches == ()
    assert room.does(Action.CONFIRM, "LT-201.HH", event=first) == "BadEventIdUnknown"


def test_a_chattering_alarm_keeps_a_bounded_number_of_branches() -> None:
    room = bag(delay_s=0)
    for _ in range(BRANCHES_MAX + 5):
        room.reads("LT-201", 96)
        room.reads("LT-201", 80)
    assert len(room.facts("LT-201.HH").branches) == BRANCHES_MAX


def test_event_ids_are_unique_and_the_same_in_every_run() -> None:
    runs = []
    for _ in range(2):
        room = bag(delay_s=0)
        for _ in range(3):
            room.reads("LT-201", 96)
            room.reads("LT-201", 80)
        runs.append([record.event for record in room.records])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == len(runs[0])
    assert all(len(event) == 32 for event in runs[0])


def test_an_alarm_that_stands_all_night_speaks_again_every_eight_hours() -> None:
    room = Room(Tags("PT-1"), [alarm("PT-1.H", high(0, 1), 2, realarm_s=8 * HOUR)], PT_1=0.0)
    room.reads("PT-1", 1.0)
    room.acknowledges("PT-1.H")
    room.wait(7.9 * HOUR)
    assert room.shown("PT-1.H") is C
    room.wait(0.2 * HOUR)
    assert room.shown("PT-1.H") is B
    room.wait(8 * HOUR)
    assert room.heard() == ["PT-1.H first", "PT-1.H re-alarm", "PT-1.H re-alarm"]
    room.reads("PT-1", 0.0)
    room.wait(24 * HOUR)
    assert room.heard() == []


def test_the_restarted_service_keeps_the_re_alarm_time() -> None:
    room = Room(Tags("PT-1"), [alarm("PT-1.H", high(0, 1), 2, realarm_s=8 * HOUR)], PT_1=0.0)
    room.reads("PT-1", 1.0)
    room.wait(6 * HOUR)
    room = room.restarted(down_s=HOUR)
    room.wait(0.9 * HOUR)
    assert room.heard() == []
    room.wait(0.2 * HOUR)
    assert room.heard() == ["PT-1.H re-alarm"]


def test_a_sound_is_silenced_until_the_alarm_speaks_again() -> None:
    room = bag()
    assert room.does(Action.SILENCE, "LT-201.HH") == "BadInvalidState"
    room.reads("LT-201", 96)
    room.wait(5)
    assert room.does(Action.SILENCE, "LT-201.HH") == ""
    assert room.facts("LT-201.HH").silenced
    assert room.does(Action.SILENCE, "LT-201.HH") == "BadInvalidState"
    room.reads("LT-201", 80)
    room.reads("LT-201", 96)
    room.wait(5)
    assert not room.facts("LT-201.HH").silenced
