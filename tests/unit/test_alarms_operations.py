"""What people may do to alarms, for how long, and what the engine answers when they may not."""

from __future__ import annotations

import pytest

from alarms.lifecycle import State
from alarms.operations import Action, Filter
from tests.unit.control_room import HOUR, Room, Tags, alarm, bag, high, low


def storage() -> Room:
    """Bank A: PT-401A HH 150 barg P2, H 145 P3; oxygen AT-941A L 19.5 % P1."""
    tags = Tags(("PT-401A", "barg"), ("AT-941A", "%O2"))
    rules = [
        alarm("PT-401A.HH", high(0, 150, 0.5), 2, area="storage"),
        alarm("PT-401A.H", high(0, 145, 0.5), 3, area="storage"),
        alarm("AT-941A.L", low(1, 19.5, 0.1), 1, area="building", alarm_class="safety"),
    ]
    return Room(tags, rules, PT_401A=100.0, AT_941A=20.9)


EVERY_OPERATOR_ACTION = [
    Action.ACKNOWLEDGE,
    Action.CONFIRM,
    Action.COMMENT,
    Action.RESET,
    Action.SILENCE,
    Action.SHELVE,
    Action.SHELVE_ONCE,
    Action.UNSHELVE,
]
SUPERVISOR_ACTIONS = [
    Action.SUPPRESS,
    Action.UNSUPPRESS,
    Action.REMOVE_FROM_SERVICE,
    Action.RETURN_TO_SERVICE,
]


@pytest.mark.parametrize("action", EVERY_OPERATOR_ACTION)
def test_a_viewer_may_do_none_of_it(action: Action) -> None:
    room = storage()
    assert room.does(action, "PT-401A.H", role="viewer", reason="x") == "BadUserAccessDenied"
    assert "operator or higher" in room.refused[0].text
    assert room.does(action, "PT-401A.H", role="intruder", reason="x") == "BadUserAccessDenied"


@pytest.mark.parametrize("action", SUPERVISOR_ACTIONS)
@pytest.mark.parametrize("role", ["viewer", "operator", "engineer"])
def test_suppressing_and_taking_out_of_service_need_a_supervisor(action: Action, role: str) -> None:
    room = storage()
    assert room.does(action, "PT-401A.H", role=role, reason="x", for_s=60) == "BadUserAccessDenied"


@pytest.mark.parametrize("role", ["viewer", "operator", "engineer", "supervisor", "admin"])
def test_disable_is_refused_to_all(role: str) -> None:
    room = storage()
    assert room.does(Action.DISABLE, "PT-401A.H", role=role, reason="x") == "BadUserAccessDenied"
    assert room.does(Action.ENABLE, "PT-401A.H", role=role) == "BadConditionAlreadyEnabled"


def test_an_alarm_disabled_in_the_configuration_stays_so() -> None:
    room = Room(Tags("PT-1"), [alarm("PT-1.H", high(0, 1), enabled=False)], PT_1=0.0)
    assert room.does(Action.ENABLE, "PT-1.H", role="admin") == "BadUserAccessDenied"
    room.reads("PT-1", 2.0)
    room.wait(HOUR)
    assert not room.facts("PT-1.H").active
    assert room.shown("PT-1.H") is State.OUT_OF_SERVICE
    assert room.explained("PT-1.H") == "PT-1.H is disabled in the configuration."


@pytest.mark.parametrize("action", [Action.SHELVE, Action.SHELVE_ONCE])
def test_priority_1_is_never_shelved(action: Action) -> None:
    room = storage()
    for role in ("operator", "supervisor", "admin"):
        answer = room.does(action, "AT-941A.L", role=role, reason="nuisance", for_s=1.0)
        assert answer == "BadShelvingTimeOutOfRange"
    assert "never shelved" in room.refused[0].text


@pytest.mark.parametrize("action", [Action.SUPPRESS, Action.REMOVE_FROM_SERVICE])
def test_priority_1_is_never_suppressed_or_taken_out_of_service(action: Action) -> None:
    room = storage()
    assert room.does(action, "AT-941A.L", role="admin", reason="test", for_s=60) == "BadUserAccessDenied"


@pytest.mark.parametrize(("target", "longest_s"), [("PT-401A.HH", HOUR), ("PT-401A.H", 8 * HOUR)])
def test_priority_2_at_most_an_hour_priority_3_at_most_eight(target: str, longest_s: float) -> None:
    room = storage()
    assert room.does(Action.SHELVE, target, for_s=longest_s + 1) == "BadShelvingTimeOutOfRange"
    assert room.does(Action.SHELVE, target, for_s=0) == "BadShelvingTimeOutOfRange"
    assert room.does(Action.SHELVE, target, for_s=None) == "BadShelvingTimeOutOfRange"
    assert room.does(Action.SHELVE, target, for_s=longest_s) == ""
    room.wait(longest_s - 1)
    assert room.shown(target) is State.SHELVED
    room.wait(2)
    assert room.shown(target) is State.NORMAL


def test_renewing_a_shelf_does_not_make_it_longer_than_allowed() -> None:
    room = storage()
    room.does(Action.SHELVE, "PT-401A.HH", for_s=40 * 60)
    room.wait(30 * 60)
    assert room.does(Action.SHELVE, "PT-401A.HH", for_s=40 * 60) == "BadShelvingTimeOutOfRange"
    assert "at most 30 min from now" in room.refused[0].text
    assert room.does(Action.SHELVE, "PT-401A.HH", for_s=30 * 60) == ""
    room.wait(10 * 60 + 1)
    assert room.shown("PT-401A.HH") is State.SHELVED  # the first ending does not end the second shelf
    room.wait(20 * 60)
    assert room.shown("PT-401A.HH") is State.NORMAL


def test_a_one_shot_shelf_ends_when_the_alarm_returns_or_its_time_is_over() -> None:
    room = storage()
    room.reads("PT-401A", 146)
    room.acknowledges("PT-401A.H")
    room.does(Action.SHELVE_ONCE, "PT-401A.H", reason="filling")
    assert room.shown("PT-401A.H") is State.SHELVED
    room.reads("PT-401A", 140)
    assert room.shown("PT-401A.H") is State.NORMAL
    room.heard()
    room.reads("PT-401A", 146)
    assert room.heard() == ["PT-401A.H first"]
    room.does(Action.SHELVE_ONCE, "PT-401A.H")
    room.wait(8 * HOUR + 1)
    assert room.facts("PT-401A.H").shelf is None
    assert room.heard() == ["PT-401A.H uncovered"]


def test_a_shelf_that_ends_while_the_alarm_stands_puts_it_before_people_again() -> None:
    room = storage()
    room.reads("PT-401A", 146)
    room.acknowledges("PT-401A.H")
    room.does(Action.SHELVE, "PT-401A.H", for_s=HOUR, reason="known")
    room.heard()
    room.wait(HOUR + 1)
    assert room.heard() == ["PT-401A.H uncovered"]
    assert room.shown("PT-401A.H") is State.UNACKNOWLEDGED
    uncovered = [record for record in room.records if record.announce == "uncovered"]
    assert "shelved by ito" in uncovered[0].data["after"]


def test_what_comes_while_shelved_is_recorded_but_not_announced() -> None:
    room = storage()
    room.does(Action.SHELVE, "PT-401A.H", for_s=HOUR)
    room.reads("PT-401A", 146)
    assert room.heard() == []
    raised = room.records[-1]
    assert raised.kind == "alarm.raised"
    assert raised.data["withheld"].startswith("shelved by ito until ")
    room.reads("PT-401A", 140)
    room.wait(2 * HOUR)
    assert room.heard() == []
    assert room.shown("PT-401A.H") is State.NORMAL  # nobody has to acknowledge what nobody was shown


def test_a_latching_alarm_latches_on_the_shelf_but_not_while_out_of_service() -> None:
    rules = [alarm("PT-1.H", high(0, 1), latching=True)]
    shelved = Room(Tags("PT-1"), rules, PT_1=0.0)
    shelved.does(Action.SHELVE, "PT-1.H", for_s=HOUR)
    shelved.reads("PT-1", 2.0)
    shelved.reads("PT-1", 0.0)
    assert shelved.facts("PT-1.H").latched
    shelved.wait(HOUR + 1)
    assert shelved.heard() == ["PT-1.H uncovered"]
    assert shelved.shown("PT-1.H") is State.LATCHED_UNACKNOWLEDGED
    out = Room(Tags("PT-1"), rules, PT_1=0.0)
    out.does(Action.REMOVE_FROM_SERVICE, "PT-1.H", role="supervisor", for_s=HOUR, reason="calibration")
    out.reads("PT-1", 2.0)
    out.reads("PT-1", 0.0)
    assert not out.facts("PT-1.H").latched


def test_a_wall_clock_set_back_does_not_keep_an_alarm_on_its_shelf() -> None:
    room = storage()
    room.does(Action.SHELVE, "PT-401A.HH", for_s=HOUR)
    room.utc_ns -= 10 * 3600 * 10**9
    room.wait(HOUR + 1)
    assert room.facts("PT-401A.HH").shelf is None


def test_a_wall_clock_set_forward_ends_the_shelf_early_rather_than_late() -> None:
    room = storage()
    room.does(Action.SHELVE, "PT-401A.HH", for_s=HOUR)
    room.utc_ns += 10 * 3600 * 10**9
    room.step()
    assert room.facts("PT-401A.HH").shelf is None


def test_out_of_service_needs_a_reason_and_an_end() -> None:
    room = storage()
    say = {"role": "supervisor"}
    assert room.does(Action.REMOVE_FROM_SERVICE, "PT-401A.H", for_s=HOUR, **say) == "BadInvalidArgument"
    answer = room.does(Action.REMOVE_FROM_SERVICE, "PT-401A.H", reason="sent in", **say)
    assert answer == "BadShelvingTimeOutOfRange"
    month = 31 * 24 * HOUR
    answer = room.does(Action.REMOVE_FROM_SERVICE, "PT-401A.H", reason="sent in", for_s=month, **say)
    assert answer == "BadShelvingTimeOutOfRange"
    assert room.does(Action.REMOVE_FROM_SERVICE, "PT-401A.H", reason="sent in", for_s=24 * HOUR, **say) == ""
    assert room.shown("PT-401A.H") is State.OUT_OF_SERVICE
    room.reads("PT-401A", 146)
    assert room.heard() == []
    assert room.does(Action.RETURN_TO_SERVICE, "PT-401A.H", **say) == ""
    assert room.heard() == ["PT-401A.H uncovered"]
    assert room.does(Action.RETURN_TO_SERVICE, "PT-401A.H", **say) == "BadInvalidState"


def test_out_of_service_ends_by_itself() -> None:
    room = storage()
    room.does(Action.REMOVE_FROM_SERVICE, "PT-401A.H", role="supervisor", reason="sent in", for_s=24 * HOUR)
    room.wait(24 * HOUR + 1)
    assert room.shown("PT-401A.H") is State.NORMAL
    assert room.records[-1].kind == "alarm.in_service"
    assert room.records[-1].data["by"] == "expiry"


def test_suppressed_by_hand_is_shown_as_such_and_ends() -> None:
    room = storage()
    say = {"role": "supervisor", "reason": "hydro test"}
    assert room.does(Action.SUPPRESS, "PT-401A.H", for_s=HOUR, **say) == ""
    assert room.does(Action.SUPPRESS, "PT-401A.H", for_s=HOUR, **say) == "BadInvalidState"
    assert room.shown("PT-401A.H") is State.SUPPRESSED_BY_DESIGN
    room.reads("PT-401A", 146)
    assert room.does(Action.UNSUPPRESS, "PT-401A.H", **say) == ""
    assert room.heard() == ["PT-401A.H uncovered"]
    assert room.does(Action.UNSUPPRESS, "PT-401A.H", **say) == "BadInvalidState"


def test_a_comment_needs_a_text_and_stays_with_the_alarm() -> None:
    room = storage()
    assert room.does(Action.COMMENT, "PT-401A.H") == "BadInvalidArgument"
    assert room.does(Action.COMMENT, "PT-401A.H", reason="gauge reads 2 bar high", user="sato") == ""
    assert room.facts("PT-401A.H").comment[:2] == ("sato", "gauge reads 2 bar high")
    assert "comment by sato: gauge reads 2 bar high" in room.explained("PT-401A.H")


def test_unknown_alarms_and_unshelved_ones_are_answered_by_name() -> None:
    room = storage()
    assert room.does(Action.ACKNOWLEDGE, "PT-999.H") == "BadNodeIdUnknown"
    assert room.refused[0].text == "there is no alarm PT-999.H"
    assert room.does(Action.UNSHELVE, "PT-401A.H") == "BadConditionNotShelved"
    assert room.acknowledges("PT-401A.H") == "BadConditionBranchAlreadyAcked"


def test_a_refusal_changes_nothing_and_records_nothing() -> None:
    room = storage()
    before = len(room.records), room.engine.snapshot()
    room.does(Action.SHELVE, "AT-941A.L", for_s=60)
    room.acknowledges("PT-401A.H")
    room.does(Action.DISABLE, "PT-401A.H")
    assert (len(room.records), room.engine.snapshot()) == before


def test_acknowledging_by_filter_takes_what_fits_and_names_the_rest() -> None:
    room = storage()
    room.all_read(PT_401A=151.0, AT_941A=19.0)
    assert room.does(Action.ACKNOWLEDGE, Filter(tag="PT-*", states=(State.UNACKNOWLEDGED,))) == ""
    assert room.shown("PT-401A.HH") is State.ACKNOWLEDGED
    assert room.shown("PT-401A.H") is State.ACKNOWLEDGED
    assert room.shown("AT-941A.L") is State.UNACKNOWLEDGED
    assert room.does(Action.SHELVE, Filter(area="building"), for_s=60) == "BadShelvingTimeOutOfRange"
    assert room.does(Action.SHELVE, Filter(priorities=(2, 3)), for_s=60) == ""
    assert room.does(Action.UNSHELVE, Filter(id="*.HH")) == ""
    assert [room.shown(one) for one in ("PT-401A.HH", "PT-401A.H")] == [State.UNACKNOWLEDGED, State.SHELVED]
    assert room.does(Action.ACKNOWLEDGE, Filter(alarm_class="safety")) == ""
    assert room.shown("AT-941A.L") is State.ACKNOWLEDGED


def test_every_record_of_a_person_has_user_reason_and_time() -> None:
    room = bag(confirm=True, latching=True)
    room.reads("LT-201", 96)
    room.wait(5)
    room.does(Action.COMMENT, "LT-201.HH", reason="looked")
    room.acknowledges("LT-201.HH")
    room.reads("LT-201", 50)
    room.does(Action.CONFIRM, "LT-201.HH")
    room.does(Action.RESET, "LT-201.HH", reason="inspected")
    room.does(Action.SHELVE, "LT-201.H", for_s=60, reason="known")
    room.does(Action.UNSHELVE, "LT-201.H")
    people = [record for record in room.records if record.data.get("user")]
    assert [str(record.kind).removeprefix("alarm.") for record in people] == [
        "commented",
        "acknowledged",
        "confirmed",
        "reset",
        "shelved",
        "unshelved",
    ]
    for record in people:
        assert record.data["user"] == "ito"
        assert "reason" in record.data
        assert record.utc_ns > 0


def test_shelved_by_whom_until_when_is_in_the_explanation() -> None:
    room = storage()
    room.does(Action.SHELVE, "PT-401A.H", for_s=HOUR, reason="gauge reads high")
    said = room.explained("PT-401A.H")
    assert said.startswith(
        "PT-401A.H is not active: 100 barg is below the limit 145 barg; shelved by ito until 2026-"
    )
    assert said.endswith("UTC (gauge reads high).")
