"""Alarms as conditions: what a client of Part 9 is told, in the plant's words."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua

from alarms.lifecycle import Comment
from alarms.model import (
    Alarm,
    Bit,
    ByState,
    Count,
    Deviation,
    Direction,
    Discrepancy,
    Discrete,
    FromTag,
    Frozen,
    Held,
    Quality,
    Rate,
    Skew,
    Told,
)
from alarms.operations import Action
from alarms.suppression import FirstOutGroup, Suppression
from controller.opcua.gateway.conditions.identity import TRUNK, event_of
from controller.opcua.gateway.conditions.types import kind_of, present
from tests.unit.control_room import HOUR, Room, Tags, alarm, bag, high
from tests.unit.plant_conditions import Desk, plain

SHOWN = ("ActiveState/Id", "AckedState/Id", "ConfirmedState/Id", "Retain")


def states(told: list[dict[str, Any]]) -> list[tuple[bool, ...]]:
    return [tuple(event[path] for path in SHOWN) for event in told]


def full(confirm: bool = False, **more: Any) -> Desk:
    """The bag fills up."""
    room = bag(confirm=confirm, delay_s=0, **more)
    desk = Desk(room)
    room.reads("LT-201", 96.0)
    return desk


def test_an_alarm_that_comes_is_acknowledged_and_goes() -> None:
    desk = full()
    high_high = [event for event in desk.hears() if event["ConditionName"] == "LT-201.HH"]
    assert states(high_high) == [(True, False, True, True)]
    told = high_high[0]
    assert told["SourceName"] == "LT-201"
    assert told["EventType"] == ua.NodeId(ua.Int32(ua.ObjectIds.NonExclusiveLevelAlarmType))
    assert told["HighHighLimit"] == 95.0
    assert told["HighHighState/Id"] is True
    assert told["ActiveState/EffectiveDisplayName"] == "HighHigh"
    assert told["Severity"] == 900
    assert told["BranchId"] == ua.NodeId()
    assert told["EnabledState/EffectiveDisplayName"] == "Unacknowledged"
    assert "HighLimit" not in told
    desk.room.does(Action.ACKNOWLEDGE, "LT-201.HH", reason="valve XV-216 opened")
    told = desk.hears()[0]
    assert states([told]) == [(True, True, True, True)]
    assert (told["Comment"], told["ClientUserId"]) == ("valve XV-216 opened", "ito")
    desk.room.reads("LT-201", 50.0)
    assert (False, True, True, False) in states(
        [event for event in desk.hears() if event["ConditionName"] == "LT-201.HH"]
    )


def test_every_notification_has_an_id_of_its_own() -> None:
    desk = full(confirm=True)
    for level in (50.0, 96.0, 50.0, 96.0):
        desk.room.reads("LT-201", level)
    desk.room.acknowledges("LT-201.HH")
    desk.room.does(Action.CONFIRM, "LT-201.HH")
    desk.hears()
    ids = [event.fields["EventId"].Value for event in desk.told]
    assert len(ids) == len(set(ids)) > 10
    assert {len(one) for one in ids} == {16}


def test_what_comes_again_unacknowledged_leaves_a_branch() -> None:
    desk = full()
    desk.room.reads("LT-201", 50.0)
    desk.hears()
    desk.room.reads("LT-201", 96.0)
    branch, trunk = [event for event in desk.hears() if event["ConditionName"] == "LT-201.HH"]
    assert states([branch, trunk]) == [(False, False, True, True), (True, False, True, True)]
    assert branch["BranchId"] != ua.NodeId()
    assert trunk["BranchId"] == ua.NodeId()
    assert branch["EventId"] != trunk["EventId"]
    assert desk.conditions.whose("LT-201.HH", trunk["EventId"]) == TRUNK
    whose = desk.conditions.whose("LT-201.HH", branch["EventId"])
    assert whose == branch["BranchId"].Identifier
    # The operator acknowledges the earlier one by its event id, as the gateway hands it on.
    event = desk.conditions.core_event("LT-201.HH", whose)
    assert desk.room.does(Action.ACKNOWLEDGE, "LT-201.HH", event=event, reason="seen") == ""
    over = desk.hears()
    assert [(one["BranchId"], one["Retain"], one["AckedState/Id"], one["Comment"]) for one in over] == [
        (branch["BranchId"], False, True, "seen")
    ]
    assert desk.conditions.whose("LT-201.HH", branch["EventId"]) is None


def test_the_last_branch_to_be_acknowledged_takes_the_condition_off_the_list() -> None:
    desk = full()
    desk.room.reads("LT-201", 50.0)
    desk.room.reads("LT-201", 96.0)
    desk.room.does(Action.ACKNOWLEDGE, "LT-201.HH", event=desk.room.facts("LT-201.HH").activation)
    desk.room.reads("LT-201", 50.0)
    told = [event for event in desk.hears() if event["ConditionName"] == "LT-201.HH"]
    assert states(told)[-1] == (False, True, True, True), "the branch keeps it on the list"
    desk.room.acknowledges("LT-201.HH")
    branch, trunk = desk.hears()
    assert (branch["Retain"], trunk["Retain"]) == (False, False)
    assert {one["ConditionName"] for one in desk.refreshed()} == {"LT-201.H"}


def test_a_branch_that_newer_ones_push_out_is_told_to_be_gone() -> None:
    desk = full()
    for _ in range(9):
        desk.room.reads("LT-201", 50.0)
        desk.room.reads("LT-201", 96.0)
    told = [event for event in desk.hears() if event["ConditionName"] == "LT-201.HH"]
    gone = [one for one in told if not one["Retain"]]
    assert len(gone) == 1
    assert gone[0]["AckedState/Id"] is False, "nobody has acknowledged it"
    assert len([one for one in desk.refreshed() if one["ConditionName"] == "LT-201.HH"]) == 9


def test_a_confirmed_acknowledgement_of_a_branch() -> None:
    desk = full(confirm=True)
    desk.room.reads("LT-201", 50.0)
    desk.room.reads("LT-201", 96.0)
    desk.room.acknowledges("LT-201.HH")
    branch = next(e for e in reversed(desk.hears()) if e["BranchId"] != ua.NodeId())
    assert states([branch]) == [(False, True, False, True)]
    whose = desk.conditions.whose("LT-201.HH", branch["EventId"])
    assert whose == branch["BranchId"].Identifier
    event = desk.conditions.core_event("LT-201.HH", str(whose))
    assert desk.room.does(Action.CONFIRM, "LT-201.HH", event=event) == ""
    assert states([desk.hears()[0]]) == [(False, True, True, False)]


@pytest.mark.parametrize("snapshot", [0, 1, 5, 100])
def test_a_refresh_says_the_same_after_a_restart(snapshot: int) -> None:
    """Event ids too: what a client has on its screen can be acknowledged when the gateway is back."""
    desk = full(confirm=True)
    desk.room.reads("LT-201", 50.0)
    desk.room.reads("LT-201", 96.0)
    desk.room.acknowledges("LT-201.HH")
    desk.room.does(Action.SHELVE, "LT-201.H", for_s=600, reason="level known")
    desk.room.reads("LT-201", 94.0)
    desk.hears()
    seq = min(snapshot, len(desk.room.records))
    again = desk.restart(seq)
    assert again.refreshed() == desk.refreshed()
    last = {(str(e.condition), str(e.fields["BranchId"].Value)): e.fields["EventId"].Value for e in desk.told}
    for event in again.conditions.retained():
        key = (str(event.condition), str(event.fields["BranchId"].Value))
        assert event.fields["EventId"].Value == last[key]
        alarm_id = str(event.fields["ConditionName"].Value)
        assert again.conditions.whose(alarm_id, event.fields["EventId"].Value) is not None


def test_a_journal_that_has_lost_its_beginning_still_gives_ids_that_count() -> None:
    desk = full()
    seq = len(desk.room.records)
    other = desk.restart(seq)
    other.conditions._last.clear()
    for event in other.conditions.retained():
        name = str(event.fields["ConditionName"].Value)
        assert event.fields["EventId"].Value == bytes.fromhex(desk.room.facts(name).events[-1])
        assert event.fields["Message"].Value.Text


def test_event_ids_of_nobody_are_unknown() -> None:
    desk = full()
    desk.hears()
    newest = desk.conditions.book.number
    for event in (b"", b"x" * 16, b"short", event_of(newest + 1, "LT-201.HH"), event_of(newest, "LT-201.X")):
        assert desk.conditions.whose("LT-201.HH", event) is None
    assert desk.conditions.whose("LT-201.L", event_of(1, "LT-201.HH")) is None


def test_an_id_of_an_activation_that_is_over_is_unknown() -> None:
    desk = full()
    first = bytes.fromhex(desk.room.facts("LT-201.HH").activation)
    desk.room.acknowledges("LT-201.HH")
    desk.room.reads("LT-201", 50.0)
    desk.hears()
    assert desk.conditions.whose("LT-201.HH", first) == TRUNK, "nothing to acknowledge, but known"
    desk.room.reads("LT-201", 96.0)
    desk.hears()
    assert desk.conditions.whose("LT-201.HH", first) is None


def test_a_shelf_and_the_time_left_on_it() -> None:
    desk = full()
    desk.hears()
    desk.room.does(Action.SHELVE, "LT-201.H", for_s=600, reason="calibration")
    told = desk.hears()[-1]
    assert told["ShelvingState/CurrentState"] == "Timed Shelved"
    assert told["ShelvingState/CurrentState/Id"] == ua.NodeId(
        ua.Int32(ua.ObjectIds.ShelvedStateMachineType_TimedShelved)
    )
    assert told["ShelvingState/UnshelveTime"] == 600_000.0
    assert told["SuppressedOrShelved"] is True
    assert told["MaxTimeShelved"] == 8 * HOUR * 1000
    assert told["EnabledState/EffectiveDisplayName"] == "Shelved"
    desk.room.wait(100)
    node = {path: variant.Value for path, variant in desk.conditions.fields("LT-201.H").items()}
    assert node["ShelvingState/UnshelveTime"] == pytest.approx(500_000.0)
    desk.room.wait(501)
    told = desk.hears()[0]
    assert told["ShelvingState/CurrentState"] == "Unshelved"
    assert told["ShelvingState/UnshelveTime"] == 0.0


def test_a_shelved_alarm_stays_on_the_list_though_it_is_quiet() -> None:
    room = bag(delay_s=0)
    desk = Desk(room)
    room.does(Action.SHELVE_ONCE, "LT-201.L", reason="bag empty for inspection")
    told = desk.hears()[0]
    assert (told["Retain"], told["ActiveState/Id"]) == (True, False)
    assert told["ShelvingState/CurrentState"] == "One Shot Shelved"
    assert [one["ConditionName"] for one in desk.refreshed()] == ["LT-201.L"]
    room.does(Action.UNSHELVE, "LT-201.L")
    assert desk.hears()[0]["Retain"] is False


def test_out_of_service_suppressed_and_silenced() -> None:
    desk = full()
    room = desk.room
    desk.hears()
    room.does(Action.REMOVE_FROM_SERVICE, "LT-201.H", role="supervisor", reason="swap", for_s=HOUR)
    told = desk.hears()[-1]
    assert (told["OutOfServiceState/Id"], told["EnabledState/EffectiveDisplayName"]) == (
        True,
        "Out of service",
    )
    assert told["OutOfServiceState"] == "Out of Service"
    room.does(Action.RETURN_TO_SERVICE, "LT-201.H", role="supervisor")
    room.does(Action.SUPPRESS, "LT-201.H", role="supervisor", reason="test", for_s=HOUR)
    assert desk.hears()[-1]["SuppressedState/Id"] is True
    room.does(Action.SILENCE, "LT-201.HH")
    assert desk.hears()[-1]["SilenceState/Id"] is True


def test_a_latched_alarm_waits_for_its_reset() -> None:
    desk = full(latching=True)
    desk.room.reads("LT-201", 50.0)
    told = [one for one in desk.hears() if one["ConditionName"] == "LT-201.HH"]
    assert (told[-1]["LatchedState/Id"], told[-1]["Retain"]) == (True, True)
    desk.room.acknowledges("LT-201.HH")
    desk.room.does(Action.RESET, "LT-201.HH")
    told = desk.hears()
    assert (told[-1]["LatchedState/Id"], told[-1]["Retain"]) == (False, False)


def test_an_exclusive_limit_shows_its_state() -> None:
    desk = full(exclusive=True)
    told = desk.hears()
    worst = [one for one in told if one["ConditionName"] == "LT-201.HH"][-1]
    assert worst["EventType"] == ua.NodeId(ua.Int32(ua.ObjectIds.ExclusiveLevelAlarmType))
    assert worst["LimitState/CurrentState"] == "HighHigh"
    assert worst["LimitState/CurrentState/Id"] == ua.NodeId(
        ua.Int32(ua.ObjectIds.ExclusiveLimitStateMachineType_HighHigh)
    )
    desk.room.reads("LT-201", 50.0)
    worst = [one for one in desk.hears() if one["ConditionName"] == "LT-201.HH"][-1]
    assert worst["LimitState/CurrentState/Id"] == ua.NodeId()


def test_quality_of_the_signal() -> None:
    desk = full()
    desk.hears()
    desk.room.reads("LT-201", status=0x808C0000)
    told = desk.hears()
    assert {one["Quality"].value for one in told} == {0x808C0000}


def test_an_operating_state_suppresses_and_speaks_again() -> None:
    tags = Tags("LT-201", "XS-001")
    rule = alarm("LT-201.HH", high(tags["LT-201"], 95, 1), 2, text="bag full")
    off = Suppression("off", Discrete(tags["XS-001"], (0,)), ("LT-201.HH",), "plant off")
    room = Room(tags, [rule], [off], LT_201=50.0, XS_001=1)
    desk = Desk(room, [off])
    room.reads("XS-001", 0)
    assert desk.hears() == [], "an alarm at rest has nothing to tell"
    room.reads("LT-201", 96.0)
    told = desk.hears()
    assert told[-1]["SuppressedState/Id"] is True
    assert told[-1]["SuppressedOrShelved"] is True
    room.reads("XS-001", 1)
    told = desk.hears()
    assert [one["SuppressedState/Id"] for one in told] == [False, False]
    ids = [one["EventId"] for one in told]
    assert len(set(ids)) == 2
    assert {desk.conditions.whose("LT-201.HH", one) for one in ids} == {TRUNK}


def test_a_first_out_has_its_flag() -> None:
    tags = Tags("PT-101", "PT-102")
    rules = [alarm(f"PT-10{n}.HH", high(tags[f"PT-10{n}"], 10, 1), 2) for n in (1, 2)]
    group = FirstOutGroup("train", (("PT-101.HH",), ("PT-102.HH",)), 60.0)
    room = Room(tags, rules, [], [group], PT_101=1.0, PT_102=1.0)
    desk = Desk(room)
    room.reads("PT-101", 11.0)
    room.reads("PT-102", 11.0)
    told = {one["ConditionName"]: one for one in desk.hears()}
    assert told["PT-101.HH"]["FirstInGroupFlag"] is True
    assert told["PT-102.HH"]["FirstInGroupFlag"] is False
    assert told["PT-102.HH"]["SuppressedState/Id"] is True, "it is kept beneath the first-out"


def test_a_comment_for_one_activation_only() -> None:
    desk = full()
    desk.room.reads("LT-201", 50.0)
    desk.room.reads("LT-201", 96.0)
    desk.hears()
    earlier = desk.room.facts("LT-201.HH").branches[0]
    desk.room.does(Action.COMMENT, "LT-201.HH", event=earlier.id, reason="the compressor was off")
    (told,) = desk.hears()
    assert told["BranchId"].Identifier == earlier.id
    assert told["Comment"] == "the compressor was off"
    assert desk.room.facts("LT-201.HH").comment == Comment()
    assert desk.room.does(Action.COMMENT, "LT-201.HH", event="00", reason="?") == "BadEventIdUnknown"
    assert [one["Comment"] for one in desk.restart(len(desk.room.records)).refreshed()].count(
        "the compressor was off"
    ) == 1


def test_the_same_event_twice_tells_nothing() -> None:
    desk = full()
    desk.hears()
    assert desk.hears() == []


def test_an_alarm_that_the_configuration_drops_leaves_the_list() -> None:
    desk = full()
    desk.hears()
    room = desk.room
    rules = [point.alarm for point in room.engine.points.values() if point.alarm.id != "LT-201.HH"]
    again = room.restarted(rules, LT_201=96.0)
    desk.room = again
    told = [one for one in desk.hears() if one["ConditionName"] == "LT-201.HH"]
    assert states(told)[-1][-1] is False


def rule_of(condition: Any, **more: Any) -> Alarm:
    return Alarm("X", condition, 3, **more)


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (rule_of(high(0, 5, 1), level="H", exclusive=True), "ExclusiveLevelAlarmType"),
        (rule_of(high(0, 5, 1), level="H"), "NonExclusiveLevelAlarmType"),
        (rule_of(Rate(0, 60.0, 2.0)), "NonExclusiveRateOfChangeAlarmType"),
        (rule_of(Deviation(0, FromTag(1), 2.0)), "NonExclusiveDeviationAlarmType"),
        (rule_of(Discrete(0, (1,))), "OffNormalAlarmType"),
        (rule_of(Bit(0, 3)), "OffNormalAlarmType"),
        (rule_of(Bit(0, 3), alarm_class="trip"), "TripAlarmType"),
        (rule_of(Told("S-05.TRIP")), "TripAlarmType"),
        (rule_of(Told("S-05.EFFECT")), "OffNormalAlarmType"),
        (rule_of(Count(Discrete(0, (5,)), 3, 60.0)), "OffNormalAlarmType"),
        (rule_of(Discrepancy(0, 1, None, 10.0)), "DiscrepancyAlarmType"),
        (rule_of(Quality(0)), "InstrumentDiagnosticAlarmType"),
        (rule_of(Held(Frozen(0, 10.0), 5.0)), "InstrumentDiagnosticAlarmType"),
        (rule_of(Quality(0), alarm_class="link"), "SystemOffNormalAlarmType"),
        (rule_of(Skew(0, 2.0)), "SystemDiagnosticAlarmType"),
        (rule_of(Discrete(0, (1,)), alarm_class="certificate"), "CertificateExpirationAlarmType"),
    ],
)
def test_the_type_of_a_rule(rule: Alarm, kind: str) -> None:
    assert kind_of(rule).type == kind
    assert kind_of(rule).id.Identifier == getattr(ua.ObjectIds, kind)


def test_a_rate_for_both_directions_has_both_limits() -> None:
    assert kind_of(rule_of(Rate(0, 60.0, 2.0))).limits == {"High": 2.0, "Low": -2.0}
    assert kind_of(rule_of(Rate(0, 60.0, 2.0, direction=Direction.DOWN))).limits == {"Low": -2.0}


def test_a_limit_that_follows_the_plant() -> None:
    values = {1: 40.0, 2: 3.0}
    assert present(FromTag(1, 2.5), values.get) == 42.5
    by_state = ByState(2, ((3, FromTag(1)), (4, None)), 7.0)
    assert present(by_state, values.get) == 40.0
    assert present(by_state, {2: 4.0}.get) is None
    assert present(by_state, {2: 9.0}.get) == 7.0
    assert present(by_state, {}.get) is None


def test_every_field_of_every_alarm_can_be_encoded() -> None:
    """A wrong variant type would end in an exception in the middle of a storm."""
    from asyncua.ua.ua_binary import variant_to_binary

    desk = full(latching=True, confirm=True, exclusive=True)
    desk.hears()
    for event in desk.told:
        for variant in event.fields.values():
            variant_to_binary(variant)
        assert set(event.fields) == set(desk.conditions.forms[plain(event)["ConditionName"]].paths)
