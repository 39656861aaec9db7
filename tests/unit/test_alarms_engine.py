"""The engine: who is told, what a step costs, what a restart and a reload keep."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from alarms.check import problems
from alarms.engine import AlarmEngine
from alarms.lifecycle import State
from alarms.model import (
    Alarm,
    All,
    ByState,
    Count,
    Curve,
    Deviation,
    Discrepancy,
    Discrete,
    Frozen,
    Help,
    Level,
    Not,
    Quality,
    Rate,
    Side,
    Standing,
    Vote,
    counts_wall_time,
)
from alarms.operations import Action
from alarms.records import Kind, Record
from alarms.signal import BAD_NO_COMMUNICATION, BAD_SENSOR_FAILURE, GOOD, UNCERTAIN
from alarms.snapshot import of_data
from alarms.suppression import FirstOutGroup, Suppression, link_loss
from tests.unit.control_room import HOUR, START_NS, Room, Tags, alarm, bag, from_json, high, low

# --- H and HH of one tag -----------------------------------------------------------------------


def test_worse_announces_again_better_does_not() -> None:
    room = bag()
    room.reads("LT-201", 91)
    room.wait(10)
    room.reads("LT-201", 96)
    room.wait(10)
    assert room.heard() == ["LT-201.H first", "LT-201.HH worse"]
    room.reads("LT-201", 93)
    room.wait(10)
    assert room.facts("LT-201.H").active
    assert not room.facts("LT-201.HH").active
    assert room.heard() == []


def test_a_jump_straight_to_high_high_announces_once() -> None:
    room = bag()
    room.reads("LT-201", 99)
    room.wait(10)
    assert room.heard() == ["LT-201.HH first"]
    assert room.facts("LT-201.H").active  # kept, listed, not announced
    assert room.facts("LT-201.H").presented
    withheld = [record.data.get("withheld") for record in room.records if record.source == "LT-201.H"]
    assert withheld == ["a worse alarm of the tag stands"]


def test_high_speaks_when_high_high_is_shelved() -> None:
    tags = Tags(("PT-401A", "barg"))
    rules = [alarm("PT-401A.HH", high(0, 150), 2), alarm("PT-401A.H", high(0, 145), 3)]
    room = Room(tags, rules, PT_401A=100.0)
    room.does(Action.SHELVE, "PT-401A.HH", for_s=HOUR)
    room.reads("PT-401A", 151)
    assert room.heard() == ["PT-401A.H first"]


def test_when_the_shelf_of_high_ends_under_high_high_it_is_listed_not_announced() -> None:
    tags = Tags(("PT-401A", "barg"))
    rules = [alarm("PT-401A.HH", high(0, 150), 2), alarm("PT-401A.H", high(0, 145), 3)]
    room = Room(tags, rules, PT_401A=100.0)
    room.does(Action.SHELVE, "PT-401A.H", for_s=HOUR)
    room.reads("PT-401A", 151)
    room.wait(2 * HOUR)
    assert room.heard() == ["PT-401A.HH first"]
    assert room.shown("PT-401A.H") is State.UNACKNOWLEDGED


def test_exclusive_limits_have_one_active_alarm_at_a_time() -> None:
    room = bag(exclusive=True)
    room.reads("LT-201", 91)
    room.wait(10)
    room.reads("LT-201", 96)
    room.wait(10)
    assert [room.facts(f"LT-201.{one}").active for one in ("H", "HH")] == [False, True]
    assert room.shown("LT-201.H") is State.NORMAL  # absorbed: nothing to acknowledge twice
    room.acknowledges("LT-201.HH")
    room.reads("LT-201", 93)
    room.wait(10)
    assert [room.facts(f"LT-201.{one}").active for one in ("H", "HH")] == [True, False]
    assert room.shown("LT-201.H") is State.ACKNOWLEDGED  # taken over: people know
    assert room.heard() == ["LT-201.H first", "LT-201.HH worse"]
    room.reads("LT-201", 50)
    assert not room.facts("LT-201.H").retained


def test_exclusive_limits_taken_over_unacknowledged_still_want_somebody() -> None:
    room = bag(exclusive=True)
    room.reads("LT-201", 96)
    room.wait(10)
    room.reads("LT-201", 93)
    room.wait(10)
    assert room.shown("LT-201.HH") is State.RETURNED_UNACKNOWLEDGED
    assert room.shown("LT-201.H") is State.UNACKNOWLEDGED
    assert room.heard() == ["LT-201.HH first"]


def test_exclusive_limits_over_a_restart() -> None:
    room = bag(exclusive=True)
    room.reads("LT-201", 96)
    room.wait(10)
    room = room.restarted()
    assert room.kinds()[-1] == "alarm.raised"  # nothing new
    room.reads("LT-201", 93)
    assert [room.facts(f"LT-201.{one}").active for one in ("H", "HH")] == [True, False]
    assert room.heard() == []


# --- what stood before -------------------------------------------------------------------------


def test_a_rule_that_is_new_does_not_announce_what_stands_already_unless_priority_1() -> None:
    tags = Tags("PT-1", "PT-2")
    rules = [alarm("PT-1.H", high(0, 1), 2), alarm("PT-2.H", high(1, 1), 1)]
    room = Room(tags, rules, PT_1=5.0, PT_2=5.0)
    assert room.heard() == ["PT-2.H first"]
    assert room.shown("PT-1.H") is State.UNACKNOWLEDGED  # listed
    assert room.records[-1].data["withheld"] == "it stood already when the rule was new"
    room.reads("PT-1", 0)
    room.reads("PT-1", 5)
    assert room.heard() == ["PT-1.H again"]


def test_no_announcement_for_what_stood_before_the_restart() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(10)
    room.acknowledges("LT-201.HH")
    room = room.restarted()
    room.wait(HOUR)
    assert room.heard() == []
    assert room.shown("LT-201.HH") is State.ACKNOWLEDGED
    assert room.shown("LT-201.H") is State.UNACKNOWLEDGED


def test_what_came_during_the_restart_is_announced() -> None:
    room = bag().restarted(LT_201=96)
    assert room.heard() == []
    room.wait(5)
    assert room.heard() == ["LT-201.HH first"]


def test_what_went_during_the_restart_returns() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(10)
    room = room.restarted(LT_201=50)
    assert room.shown("LT-201.HH") is State.RETURNED_UNACKNOWLEDGED


def test_a_value_within_the_deadband_stays_an_alarm_over_the_restart() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(10)
    room.reads("LT-201", 94.5)
    room = room.restarted()
    room.wait(HOUR)
    assert room.facts("LT-201.HH").active


def test_until_the_link_is_up_after_a_restart_everything_holds() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(10)
    room.reads("LT-201", float("nan"), BAD_SENSOR_FAILURE)
    room = room.restarted()
    room.wait(HOUR)
    assert room.facts("LT-201.HH").active
    assert room.heard() == []


def test_shelf_latch_branch_and_acknowledgement_survive_a_restart() -> None:
    room = bag(latching=True, confirm=True)
    for _ in range(2):
        room.reads("LT-201", 96)
        room.wait(10)
        room.reads("LT-201", 50)
    room.does(Action.SHELVE, "LT-201.H", for_s=2 * HOUR, reason="known")
    before = room.engine.book
    room = room.restarted(down_s=HOUR)
    assert room.engine.book == before
    room.wait(0.9 * HOUR)
    assert room.shown("LT-201.H") is State.SHELVED
    room.wait(0.2 * HOUR)
    assert room.facts("LT-201.H").shelf is None


def test_a_shelf_that_ran_out_while_the_service_was_down_is_over() -> None:
    room = bag()
    room.does(Action.SHELVE, "LT-201.H", for_s=HOUR)
    room.reads("LT-201", 91)
    room.wait(10)
    room = room.restarted(down_s=3 * HOUR)
    assert room.heard() == ["LT-201.H uncovered"]


def test_folding_the_journal_gives_the_live_book_and_so_does_a_snapshot() -> None:
    room = bag(latching=True)
    room.reads("LT-201", 96)
    room.wait(10)
    snapshot = json.loads(json.dumps(room.engine.snapshot()))
    at = len(room.records)
    room.does(Action.COMMENT, "LT-201.HH", reason="on my way")
    room.reads("LT-201", 50)
    room.acknowledges("LT-201.HH")
    assert room.folded() == room.engine.book
    later = of_data(snapshot)
    later.restore(from_json(record) for record in room.records[at:])
    assert later == room.engine.book


def test_a_snapshot_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="snapshot format 99 is not 1"):
        of_data({"format": 99})


def test_a_journal_without_its_beginning_is_folded_as_far_as_it_goes() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(10)
    room.reads("LT-201", 50)
    engine = AlarmEngine([point.alarm for point in room.engine.points.values()], size=2)
    rest = [record for record in room.records if record.kind != Kind.RAISED]
    assert engine.restore(rest) == 2  # two returns without a raise
    assert engine.book.number == room.engine.book.number


# --- a change of the configuration ----------------------------------------------------------------


def reloaded(room: Room, rules: list[Alarm], suppressions: list[Suppression] | None = None) -> Room:
    old = room.engine
    kept = list(old.suppressions.values()) if suppressions is None else suppressions
    new = AlarmEngine(
        rules,
        kept,
        list(old.groups.values()),
        size=len(room.tags),
        tags=room.tags.listed,
        settings=room.settings,
    )
    new.adopt(old)
    room.engine = new
    room.step()
    return room


def rules_of(room: Room) -> list[Alarm]:
    return [point.alarm for point in room.engine.points.values()]


def test_editing_a_text_does_not_clear_a_latched_alarm() -> None:
    room = bag(latching=True)
    room.reads("LT-201", 96)
    room.wait(10)
    room.reads("LT-201", 50)
    edited = [replace(rule, text="bag full!", help=Help(action="call")) for rule in rules_of(room)]
    room = reloaded(room, edited)
    assert room.shown("LT-201.HH") is State.LATCHED_UNACKNOWLEDGED
    room = room.restarted(edited)
    assert room.shown("LT-201.HH") is State.LATCHED_UNACKNOWLEDGED


def test_a_pending_delay_goes_on_over_a_reload() -> None:
    room = bag()
    room.reads("LT-201", 91)
    room.wait(4)
    room = reloaded(room, [replace(rule, text="edited") for rule in rules_of(room)])
    room.wait(1.1)
    assert room.facts("LT-201.H").active


def test_a_changed_limit_starts_from_the_present_state() -> None:
    room = bag()
    room.reads("LT-201", 91)
    room.wait(10)
    room.acknowledges("LT-201.H")
    higher = [
        replace(rule, condition=high(0, 93, 1)) if rule.id == "LT-201.H" else rule for rule in rules_of(room)
    ]
    room = reloaded(room, higher)
    assert room.shown("LT-201.H") is State.NORMAL
    assert room.kinds("LT-201.H")[-1] == "alarm.returned"


def test_a_removed_alarm_is_gone_and_a_new_one_is_quiet_about_the_past() -> None:
    room = bag()
    room.reads("LT-201", 91)
    room.wait(10)
    room.heard()
    kept = [rule for rule in rules_of(room) if rule.id != "LT-201.H"]
    room = reloaded(room, [*kept, alarm("PT-204.H", high(1, 3), 2)])
    assert room.heard() == []
    assert room.facts("PT-204.H").active
    configured = next(record for record in reversed(room.records) if record.kind == Kind.CONFIGURED)
    assert (configured.data["added"], configured.data["removed"]) == (["PT-204.H"], ["LT-201.H"])
    assert "LT-201.H" not in room.engine.book.facts
    assert room.folded() == room.engine.book


def test_an_alarm_that_becomes_priority_1_comes_off_its_shelf() -> None:
    room = bag()
    room.does(Action.SHELVE, "LT-201.H", for_s=HOUR)
    room = reloaded(room, [replace(rule, priority=1) for rule in rules_of(room)])
    assert room.facts("LT-201.H").shelf is None
    assert room.records[-1].data["by"] == "configuration"


def test_a_removed_suppression_ends() -> None:
    tags = Tags("PT-1", "XS-1")
    rule = Suppression("rest", Discrete(1, (0,)), ("PT-1.H",))
    room = Room(tags, [alarm("PT-1.H", high(0, 1))], [rule], PT_1=0.0, XS_1=0.0)
    room.reads("PT-1", 2)
    room = reloaded(room, rules_of(room), [])
    assert room.engine.book.suppressions == {}
    assert room.heard() == ["PT-1.H uncovered"]


def test_ages_go_on_over_a_reload_even_when_tags_have_moved() -> None:
    room = Room(Tags("A", "B"), [alarm("B.FROZEN", Frozen(1, 60))], A=1.0, B=1.0)
    room.wait(50)
    old = room.engine
    room.tags = Tags("NEW", "A", "B")
    room.values, room.status = np.array([0.0, 1.0, 1.0]), np.zeros(3, np.uint32)
    room.engine = AlarmEngine([alarm("B.FROZEN", Frozen(2, 60))], size=3, tags=room.tags.listed)
    room.engine.adopt(old)
    room.step()
    room.wait(9)
    assert not room.facts("B.FROZEN").active
    room.wait(2)
    assert room.facts("B.FROZEN").active


def test_an_incident_of_a_removed_group_is_closed() -> None:
    rules = [alarm("A", Discrete(0, (1,)), 2), alarm("B", Discrete(1, (1,)), 2)]
    room = Room(Tags("X", "Y"), rules, groups=[FirstOutGroup("g", (("A",), ("B",)))], X=0.0, Y=0.0)
    room.reads("X", 1)
    room.reads("Y", 1)
    old = room.engine
    room.engine = AlarmEngine(rules, size=2, tags=room.tags.listed, settings=room.settings)
    room.engine.adopt(old)
    room.step()
    assert room.heard() == ["A first", "B uncovered"]
    assert room.folded() == room.engine.book


# --- quality ---------------------------------------------------------------------------------


def test_a_change_of_quality_of_a_standing_alarm_is_an_event_and_no_announcement() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(10)
    room.heard()
    room.reads("LT-201", status=UNCERTAIN)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    room.reads("LT-201", 96, GOOD)
    assert room.kinds("LT-201.HH")[-3:] == ["alarm.quality"] * 3
    assert room.heard() == []
    room.reads("LT-201", 50)
    room.acknowledges("LT-201.HH")
    count = len(room.kinds("LT-201.HH"))
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    assert len(room.kinds("LT-201.HH")) == count  # nobody is interested in the quality of an alarm at rest


def test_the_explanation_names_the_quality_and_the_hold() -> None:
    room = bag()
    room.reads("LT-201", 91)
    room.wait(2)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    said = room.explained("LT-201.H")
    assert said == (
        "LT-201.H is not active, and its condition cannot be judged now; "
        "3.0 s of the on-delay of 5 s are left, stopped while the condition is unknown; "
        "LT-201 is Bad (sensor failure)."
    )


def test_explanations_of_active_latched_and_pending_alarms() -> None:
    room = bag(latching=True)
    room.reads("LT-201", 96)
    room.wait(1)
    assert "4.0 s of the on-delay of 5 s are left" in room.explained("LT-201.HH")
    room.wait(4)
    said = room.explained("LT-201.HH")
    assert said.startswith("LT-201.HH is active since 2026-01-05 ")
    assert "96 % is at or above the limit 95 %" in said
    assert "not acknowledged" in said
    assert "the worse LT-201.HH speaks for it" in room.explained("LT-201.H")
    room.acknowledges("LT-201.HH")
    assert "acknowledged by ito at 2026" in room.explained("LT-201.HH")
    room.reads("LT-201", 50)
    assert "latched until somebody resets it" in room.explained("LT-201.HH")
    room.reads("LT-201", float("nan"))
    assert "LT-201 has no value" in room.explained("LT-201.L")
    room.reads("LT-201", 96)
    room.wait(10)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    assert "stays active since" in room.explained("LT-201.HH")


# --- what a step costs -----------------------------------------------------------------------------


def many(count: int) -> Room:
    tags = Tags(*[f"T-{n}" for n in range(count)])
    rules = [alarm(f"T-{n}.H", high(n, 90, 1), 3 if n % 10 else 1) for n in range(count)]
    return Room(tags, rules, **{f"T_{n}": 50.0 for n in range(count)})


def test_reports_within_the_band_cost_no_look() -> None:
    room = many(1000)
    room.evaluated = 0
    for value in (51.0, 60.0, 89.9, 10.0):
        room.values[:] = value
        room.step(range(1000))
        room.values[5] = value + 0.05
        room.step([5])
    assert room.evaluated == 0
    room.reads("T-5", 91)
    assert room.evaluated == 1


def test_a_deadline_costs_one_look_of_its_own_alarm() -> None:
    tags = Tags(*[f"T-{n}" for n in range(100)])
    rules = [alarm(f"T-{n}.H", high(n, 90), on_delay_s=5) for n in range(100)]
    room = Room(tags, rules, **{f"T_{n}": 50.0 for n in range(100)})
    room.reads("T-7", 91)
    room.evaluated = 0
    assert room.last.due.plant_s == 5.0
    room.wait(5)
    assert room.evaluated == 1
    assert room.facts("T-7.H").active
    assert room.last.due == (float("inf"), float("inf"))


def test_over_budget_goes_on_in_the_next_step_with_newer_inputs_most_urgent_first() -> None:
    room = many(100)
    room.values[:] = 95.0
    first = room.step(range(100), budget=10)
    assert first.evaluated == 10
    assert first.waiting == 90
    assert first.due == (room.plant_s, room.mono_s)  # call again at once
    assert {record.data["priority"] for record in first.records} == {1}
    room.values[50:] = 50.0
    room.step(range(50, 100), budget=0)
    rest = room.step((), budget=1000)
    assert rest.waiting == 0
    raised = {record.source for record in room.records if record.kind == Kind.RAISED}
    assert raised == {f"T-{n}.H" for n in range(50)} | {f"T-{n}.H" for n in range(50, 100, 10)}
    assert not room.facts("T-51.H").active  # its peak was over before anybody looked


def test_under_a_small_budget_a_lost_link_still_covers_its_dependants_first() -> None:
    """The sign of life is the last tag of a huge notification; nothing before it in the batch may speak."""
    names = [f"T-{n}" for n in range(800)]
    tags = Tags(*names, "ALIVE")
    alive = tags["ALIVE"]
    rules = [alarm(f"{name}.BAD", Quality(tag), 2) for tag, name in enumerate(names)]
    rules.append(alarm("R.LINK", Quality(alive), 2))
    rule = link_loss("R", alive, tuple(f"{name}.BAD" for name in names))
    room = Room(tags, rules, [rule], ALIVE=1.0, **{name.replace("-", "_"): 1.0 for name in names})
    room.status[:] = BAD_NO_COMMUNICATION
    room.step(range(len(tags)), budget=3)
    assert room.last.waiting > 700
    rounds = 0
    while room.last.waiting:
        room.step((), budget=3)
        rounds += 1
    assert rounds > 200
    assert room.heard() == ["R.LINK first"]
    assert all(room.facts(f"{name}.BAD").active for name in names)


def test_a_tag_that_waits_and_reports_again_is_looked_at_once() -> None:
    room = many(500)
    room.values[:] = 95.0
    room.step(range(500), budget=0)
    room.values[:] = 96.0
    room.step(range(500), budget=0)
    room.evaluated = 0
    while room.last.waiting:
        room.step((), budget=50)
    assert room.evaluated == 500
    assert len(room.engine.book.active) == 500


def test_a_large_batch_and_single_reports_decide_the_same() -> None:
    batch, single = many(200), many(200)
    rng = np.random.default_rng(7)
    for _ in range(20):
        values = rng.uniform(80, 100, 200)
        batch.values[:] = values
        batch.step(range(200))
        for tag in range(200):
            single.values[tag] = values[tag]
            single.step([tag])
    assert set(batch.engine.book.active) == set(single.engine.book.active)
    assert len(batch.records) == len(single.records)


def test_the_same_inputs_give_the_same_records() -> None:
    runs = []
    for _ in range(2):
        room = many(50)
        rng = np.random.default_rng(3)
        for _ in range(30):
            room.values[:] = rng.uniform(80, 100, 50)
            room.step(range(50), budget=20)
        runs.append([(record.kind, record.event, record.text) for record in room.records])
    assert runs[0] == runs[1]


# --- what it refuses to be built with -----------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([alarm("A", high(0, 1)), alarm("A", high(0, 2))], "A: the id is used 2 times"),
        ([alarm("A", high(0, 1), 4)], "A: priority 4 is none of 1, 2, 3"),
        ([alarm("A", high(0, 1), on_delay_s=-1)], "A: on_delay_s is negative"),
        ([alarm("A", high(0, 1), realarm_s=0)], "A: realarm_s must be positive"),
        ([alarm("A", high(9, 1))], "A: there is no tag number 9"),
        ([alarm("A", high(0, 1, -1))], "A: the deadband is negative"),
        ([alarm("A", Standing("B"))], "A: there is no alarm B"),
        ([alarm("A", Standing("B")), alarm("B", Not(Standing("A")))], "A: its condition depends on itself"),
        ([alarm("A", All(()))], "A: a combination without terms"),
        ([alarm("A", Vote(3, (high(0, 1), high(1, 1))))], "A: 3 out of 2 cannot be"),
        ([alarm("A", Rate(0, 0, 1))], "A: window_s must be positive"),
        ([alarm("A", Count(high(0, 1), 2, -1))], "A: window_s must be positive"),
        ([alarm("A", Discrepancy(0, None, None, 10))], "A: a discrepancy needs at least one limit switch"),
        ([alarm("A", Deviation(0, Curve(((0, 1),), 1, (2,)), 5))], "A: a reference curve needs two points"),
        (
            [alarm("T.H", high(0, 95)), alarm("T.HH", high(0, 90))],
            "T.HH: its limit 90 is not above that of T.H, 95",
        ),
        ([alarm("T.H", low(0, 95))], "T.H: level H is not on the low side"),
        ([alarm("T.H", high(0, 1)), alarm("S.H", high(0, 2))], "S.H: T.H is the same level of the same tag"),
        (
            [alarm("T.H", high(0, 1), exclusive=True), alarm("T.HH", high(0, 2))],
            "T.HH: exclusive must be the same as for T.H",
        ),
    ],
)
def test_rules_that_cannot_be_are_named(rules: list[Alarm], words: str) -> None:
    assert any(words in one for one in problems(rules, [], [], 2))


def test_suppressions_and_groups_that_cannot_be_are_named() -> None:
    rules = [alarm("A", high(0, 1)), alarm("B", high(1, 1))]
    wrong = [
        Suppression("s", Discrete(0, (1,)), ("X",), entry_s=-1),
        Suppression("s", Standing("A"), ("A",), at_most_s=0),
    ]
    groups = [FirstOutGroup("g", (("A", "Y"),), window_s=0), FirstOutGroup("h", (("A",),))]
    assert problems(rules, wrong, groups, 2) == [
        "s: the name is used 2 times",
        "s: there is no alarm X",
        "s: entry_s is negative",
        "s: at_most_s must be positive; leave it out for no end",
        "s: an alarm cannot be its own parent",
        "g: there is no alarm Y",
        "g: window_s must be positive",
        "A: stands in 2 places of first-out groups",
    ]


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"A: priority 7.*A: on_delay_s is negative"):
        AlarmEngine([alarm("A", high(0, 1), 7, on_delay_s=-1)], size=1)


def test_limits_that_depend_on_something_are_not_compared() -> None:
    by_state = Level(0, Side.HIGH, ByState(1, ((1, 5.0),)))
    assert problems([alarm("T.H", high(0, 9)), alarm("T.HH", by_state)], [], [], 2) == []


def test_delays_of_signal_alarms_count_wall_seconds_those_of_the_process_plant_seconds() -> None:
    assert counts_wall_time(Frozen(0, 1))
    assert counts_wall_time(Not(Frozen(0, 1)))
    assert not counts_wall_time(All((Frozen(0, 1), high(0, 1))))


def test_records_are_plain_data() -> None:
    """What goes to a journal or into a digest must not depend on how an enumeration prints itself."""

    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(plain(one) for pair in value.items() for one in pair)
        if isinstance(value, list):
            return all(plain(one) for one in value)
        return value is None or type(value) in {str, int, float, bool}

    room = bag(exclusive=True, confirm=True, latching=True)
    for level in (91, 96, 93, 50, 10):
        room.reads("LT-201", level)
        room.wait(10)
        for action in Action:
            room.does(action, "LT-201.H", role="supervisor", reason="because", for_s=60)
    assert len({record.kind for record in room.records}) > 8
    for record in room.records:
        assert type(record.kind) is str
        assert plain(record.data), record


def test_ids_follow_the_journal_over_a_restart() -> None:
    room = bag(delay_s=0)
    room.reads("LT-201", 96)
    room = room.restarted()
    room.reads("LT-201", 50)
    events = [record.event for record in room.records]
    assert len(set(events)) == len(events)
    numbers = [record.data["n"] for record in room.records]
    assert numbers == sorted(numbers)
    assert room.utc_ns > START_NS


def test_a_start_from_a_snapshot_and_the_rest_of_the_journal() -> None:
    room = bag(delay_s=0)
    room.reads("LT-201", 96)
    snapshot = json.loads(json.dumps(room.engine.snapshot()))
    at = len(room.records)
    room.acknowledges("LT-201.HH")
    engine = AlarmEngine(rules_of(room), size=2, tags=room.tags.listed, settings=room.settings)
    engine.load(snapshot)
    other = Record("interlock.tripped", "S-01", "", 0, 0.0, data={"number": 1})
    assert engine.restore([other, *room.records[at:]]) == 0
    step = engine.step(room.now, (), (room.values, room.status))
    assert engine.book == room.engine.book
    assert step.announcements == ()
    assert room.last.announcements == ()
    assert [record.source for record in room.reads("LT-201", 5).announcements] == ["LT-201.L"]
