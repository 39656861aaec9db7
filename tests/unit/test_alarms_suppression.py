"""Suppression by design, in the plant's words: states, parents, cascades, lost links, floods."""

from __future__ import annotations

import pytest

from alarms.annunciator import Settings
from alarms.lifecycle import State
from alarms.model import Alarm, AnyOf, Discrete, Quality
from alarms.operations import Action
from alarms.signal import BAD_SENSOR_FAILURE, BAD_TIMEOUT
from alarms.suppression import FirstOutGroup, Suppression, link_loss, parent
from tests.unit.control_room import HOUR, Room, Tags, alarm, high, low

TAGS = Tags(
    ("ST-721", "rps"), ("XS-726", ""), ("XA-344", ""), ("XS-301", ""), ("WD-992", ""), ("PT-803", "mbarg")
)
ST, XS726, XA344, XS301, WD, PT = range(len(TAGS))
RUN = 4


def turbine(**rule: float) -> Room:
    """ST-721 L 1800 rps means nothing unless the turbine runs; its overspeed always does."""
    not_in_run = Suppression(
        "turbine_1_not_in_run",
        Discrete(XS726, (RUN,), off_normal=True),
        ("ST-721.L",),
        "turbine 1 is not in run",
        **rule,
    )
    rules = [alarm("ST-721.L", low(ST, 1800, 20), 3), alarm("ST-721.HH", high(ST, 3600, 20), 2)]
    return Room(TAGS, rules, [not_in_run], ST_721=3000.0, XS_726=float(RUN))


def test_speed_low_says_nothing_while_the_turbine_is_off() -> None:
    room = turbine()
    room.all_read(XS_726=0.0, ST_721=0.0)
    room.wait(HOUR)
    assert room.heard() == []
    assert room.shown("ST-721.L") is State.SUPPRESSED_BY_DESIGN
    assert room.facts("ST-721.L").active  # kept, with its value
    assert "suppressed by design: turbine 1 is not in run" in room.explained("ST-721.L")
    assert "suppression.began" in room.kinds("turbine_1_not_in_run")


def test_overspeed_is_kept_in_every_state() -> None:
    room = turbine()
    room.all_read(XS_726=0.0, ST_721=3700.0)
    assert room.heard() == ["ST-721.HH first"]


def test_after_the_start_the_speed_has_two_minutes_to_come_up() -> None:
    room = turbine(exit_s=120)
    room.all_read(XS_726=0.0, ST_721=0.0)
    room.wait(HOUR)
    room.reads("XS-726", RUN)
    room.wait(119)
    assert room.heard() == []
    room.wait(2)
    assert room.heard() == ["ST-721.L uncovered"]
    assert room.shown("ST-721.L") is State.UNACKNOWLEDGED


def test_speed_that_came_up_in_time_leaves_nothing_to_acknowledge() -> None:
    room = turbine(exit_s=120)
    room.all_read(XS_726=0.0, ST_721=0.0)
    room.wait(HOUR)
    room.reads("XS-726", RUN)
    room.wait(60)
    room.reads("ST-721", 3000)
    room.wait(HOUR)
    assert room.heard() == []
    assert room.shown("ST-721.L") is State.NORMAL
    assert not room.facts("ST-721.L").retained


def test_a_state_has_to_last_before_it_suppresses() -> None:
    room = turbine(entry_s=30)
    room.reads("XS-726", 0)
    room.wait(29)
    room.reads("ST-721", 0)
    assert room.heard() == ["ST-721.L first"]
    room.wait(2)
    assert room.shown("ST-721.L") is State.SUPPRESSED_BY_DESIGN


def test_what_people_had_been_shown_before_is_not_announced_again_after() -> None:
    room = turbine()
    room.reads("ST-721", 1000)
    room.acknowledges("ST-721.L")
    assert room.heard() == ["ST-721.L first"]
    room.reads("XS-726", 0)
    room.wait(HOUR)
    room.reads("XS-726", RUN)
    assert room.heard() == []
    assert room.shown("ST-721.L") is State.ACKNOWLEDGED


def test_masking_at_start_ends_by_itself() -> None:
    """Compressor start, first 20 s: oil pressure low says nothing, afterwards it does."""
    starting = Suppression("c301_start", Discrete(XS301, (6, 7)), ("ST-721.L",), at_most_s=20)
    room = Room(TAGS, [alarm("ST-721.L", low(ST, 1800), 3)], [starting], ST_721=0.0, XS_301=5.0)
    assert room.shown("ST-721.L") is State.UNACKNOWLEDGED
    room = Room(TAGS, [alarm("ST-721.L", low(ST, 1800), 3)], [starting], ST_721=3000.0, XS_301=5.0)
    room.reads("XS-301", 6)
    room.reads("ST-721", 0)
    room.wait(19)
    assert room.heard() == []
    room.wait(2)
    assert room.heard() == ["ST-721.L uncovered"]
    room.reads("XS-301", 9)
    room.reads("ST-721", 3000)
    room.reads("XS-301", 6)  # the next start is masked again
    room.reads("ST-721", 0)
    assert room.heard() == []
    room.wait(15)
    room = room.restarted(down_s=2)  # and a restart in the middle does not make it longer
    room.wait(2)
    assert room.heard() == []
    room.wait(2)
    assert room.heard() == ["ST-721.L uncovered"]


def test_not_knowing_the_state_holds_for_a_minute_then_the_alarms_speak() -> None:
    room = turbine()
    room.all_read(XS_726=0.0, ST_721=0.0)
    room.reads("XS-726", status=BAD_SENSOR_FAILURE)
    room.wait(59)
    assert room.heard() == []
    room.wait(2)
    assert room.heard() == ["ST-721.L uncovered"]


def test_a_state_that_is_not_known_at_all_suppresses_nothing() -> None:
    rule = Suppression("off", Discrete(XS726, (0,)), ("ST-721.L",))
    room = Room(TAGS, [alarm("ST-721.L", low(ST, 1800), 3)], [rule], ST_721=3000.0)
    room.reads("ST-721", 0)
    assert room.heard() == ["ST-721.L first"]


def test_suppressed_and_shelved_at_once_speaks_only_when_both_are_over() -> None:
    room = turbine()
    room.does(Action.SHELVE, "ST-721.L", for_s=HOUR)
    room.all_read(XS_726=0.0, ST_721=0.0)
    assert room.shown("ST-721.L") is State.SUPPRESSED_BY_DESIGN
    room.reads("XS-726", RUN)
    assert room.shown("ST-721.L") is State.SHELVED
    room.reads("XS-726", 0)
    room.wait(HOUR + 1)
    assert room.heard() == []
    room.reads("XS-726", RUN)
    assert room.heard() == ["ST-721.L uncovered"]


# --- parents ---------------------------------------------------------------------------------


def compressor() -> Room:
    """XS-301 = 0 (error) is explained by XA-344, the common trip."""
    rules = [
        alarm("XA-344.ON", Discrete(XA344, (1,)), 2, on_delay_s=1),
        alarm("XS-301.0", Discrete(XS301, (0,)), 2, on_delay_s=5),
    ]
    return Room(TAGS, rules, [parent("c301_trip", "XA-344.ON", ("XS-301.0",))], XA_344=0.0, XS_301=9.0)


def test_the_common_trip_speaks_for_the_machine_state() -> None:
    room = compressor()
    room.all_read(XA_344=1.0, XS_301=0.0)
    room.wait(60)
    assert room.heard() == ["XA-344.ON first"]
    assert "suppressed by design: XA-344.ON stands" in room.explained("XS-301.0")


def test_a_parent_and_its_child_in_the_same_step() -> None:
    rules = [
        alarm("XA-344.ON", Discrete(XA344, (1,)), 3),
        alarm("XS-301.0", Discrete(XS301, (0,)), 2),
    ]
    room = Room(TAGS, rules, [parent("trip", "XA-344.ON", ("XS-301.0",))], XA_344=0.0, XS_301=9.0)
    room.all_read(XS_301=0.0, XA_344=1.0)
    assert room.heard() == ["XA-344.ON first"]


def test_the_child_speaks_when_the_parent_has_gone_and_it_has_not() -> None:
    room = compressor()
    room.all_read(XA_344=1.0, XS_301=0.0)
    room.wait(10)
    room.reads("XA-344", 0)
    room.wait(59)
    room.heard()
    room.wait(2)
    assert room.heard() == ["XS-301.0 uncovered"]


# --- first-out and cascade ---------------------------------------------------------------------


def cascade(window_s: float = 60.0) -> Room:
    """Turbine trip 24 -> cycle compressor 19 -> purifier 16, with an oxygen alarm that is never hidden."""
    tags = Tags("I-24", "I-19", "I-16", "O2")
    rules = [
        alarm("I-24", Discrete(0, (1,)), 2),
        alarm("I-19", Discrete(1, (1,)), 2),
        alarm("I-16", Discrete(2, (1,)), 3),
        alarm("O2", Discrete(3, (1,)), 1),
    ]
    group = FirstOutGroup("cascade", (("I-24",), ("I-19",), ("I-16", "O2")), window_s)
    return Room(tags, rules, groups=[group], I_24=0.0, I_19=0.0, I_16=0.0, O2=0.0)


def test_a_turbine_trip_is_one_incident_with_its_consequences_beneath() -> None:
    room = cascade()
    room.reads("I-24", 1)
    room.wait(40)
    room.reads("I-19", 1)
    room.wait(50)  # 60 s count from one to the next
    room.reads("I-16", 1)
    assert room.heard() == ["I-24 first"]
    first = room.facts("I-24").activation
    assert {room.facts(one).incident for one in ("I-24", "I-19", "I-16")} == {first}
    assert room.shown("I-19") is State.SUPPRESSED_BY_DESIGN
    assert "consequence" in room.explained("I-16")
    raised = [record for record in room.records if record.kind == "alarm.raised"]
    assert raised[0].data["first_out"] is True
    assert raised[1].data["withheld"] == "consequence of I-24"


def test_priority_1_speaks_though_it_is_a_consequence() -> None:
    room = cascade()
    room.reads("I-24", 1)
    room.reads("O2", 1)
    assert room.heard() == ["I-24 first", "O2 first"]
    assert room.facts("O2").incident == room.facts("I-24").activation


ABC = (("A", 3), ("B", 2), ("C", 2))


def test_what_is_more_urgent_than_the_first_out_speaks_too() -> None:
    room = cascade()
    rules = [
        alarm("A", Discrete(0, (1,)), 3),
        alarm("B", Discrete(1, (1,)), 2),
        alarm("C", Discrete(2, (1,)), 2),
    ]
    room = Room(
        Tags("X", "Y", "Z"), rules, groups=[FirstOutGroup("g", (("A", "B", "C"),))], X=0.0, Y=0.0, Z=0.0
    )
    room.reads("X", 1)
    room.reads("Y", 1)
    room.reads("Z", 1)
    assert room.heard() == ["A first", "B first"]  # C is no more urgent than what people were told already


def test_a_cause_that_comes_after_its_consequence_speaks() -> None:
    room = cascade()
    room.reads("I-19", 1)
    room.reads("I-24", 1)
    assert room.heard() == ["I-19 first", "I-24 first"]


def test_too_late_to_be_a_consequence() -> None:
    room = cascade()
    room.reads("I-24", 1)
    room.wait(61)
    room.reads("I-19", 1)
    assert room.heard() == ["I-24 first", "I-19 first"]


def test_the_same_step_decides_for_the_upstream_one() -> None:
    room = cascade()
    room.all_read(I_16=1.0, I_19=1.0, I_24=1.0)
    assert room.heard() == ["I-24 first"]


def test_a_consequence_that_outlives_its_incident_speaks_for_itself() -> None:
    room = cascade()
    room.reads("I-24", 1)
    room.reads("I-19", 1)
    room.reads("I-24", 0)
    room.wait(59)
    assert room.shown("I-19") is State.SUPPRESSED_BY_DESIGN
    room.heard()
    room.wait(2)
    assert room.heard() == ["I-19 uncovered"]
    assert room.shown("I-19") is State.UNACKNOWLEDGED
    assert room.engine.book.incidents == {}
    assert "incident.closed" in room.kinds("cascade")


def test_a_first_out_that_comes_back_within_the_window_keeps_the_incident_open() -> None:
    room = cascade()
    room.reads("I-24", 1)
    room.reads("I-19", 1)
    room.reads("I-24", 0)
    room.wait(30)
    room.reads("I-24", 1)
    room.wait(300)
    assert room.shown("I-19") is State.SUPPRESSED_BY_DESIGN


def test_after_a_restart_an_earlier_incident_explains_nothing_new() -> None:
    room = cascade()
    room.wait(5000)
    room.reads("I-24", 1)
    room.reads("I-19", 1)
    room = room.restarted()
    assert room.shown("I-19") is State.SUPPRESSED_BY_DESIGN  # what it explained before stays beneath it
    room.wait(61)
    room.reads("I-16", 1)
    assert room.heard() == ["I-16 first"]
    assert room.facts("I-16").incident == room.facts("I-24").activation


def test_a_consequence_that_came_and_went_unseen_needs_nobody() -> None:
    room = cascade()
    room.reads("I-24", 1)
    room.reads("I-19", 1)
    room.reads("I-19", 0)
    assert room.shown("I-19") is State.NORMAL
    assert not room.facts("I-19").retained


def test_a_suppressed_member_explains_nothing() -> None:
    off = Suppression("off", Discrete(3, (1,)), ("I-24",))
    rules = [alarm("I-24", Discrete(0, (1,)), 2), alarm("I-19", Discrete(1, (1,)), 2)]
    group = FirstOutGroup("g", (("I-24",), ("I-19",)))
    room = Room(Tags("I-24", "I-19", "-", "OFF"), rules, [off], [group], I_24=0.0, I_19=0.0, OFF=1.0)
    room.reads("I-24", 1)
    room.reads("I-19", 1)
    assert room.heard() == ["I-19 first"]


# --- links ---------------------------------------------------------------------------------------


def plc_r(members: int = 50) -> Room:
    """Every tag of PLC R has a quality alarm; WD-992 is its sign of life."""
    tags = Tags("WD-992", *[f"PT-{number}" for number in range(members)])
    dependants = [alarm(f"PT-{n}.BAD", Quality(n + 1), 2) for n in range(members)]
    process = [alarm(f"PT-{n}.H", high(n + 1, 90), 1 if n == 0 else 3) for n in range(members)]
    rules: list[Alarm] = [alarm("R.LINK", Quality(0), 2, on_delay_s=5), *dependants, *process]
    rule = link_loss("R", 0, tuple(one.id for one in rules[1:]), text="link to PLC R lost")
    values = {f"PT_{number}": 50.0 for number in range(members)}
    return Room(tags, rules, [rule], WD_992=1.0, **values)


def lose(room: Room) -> None:
    room.link_lost(*[name for name, _ in room.tags.listed])


def restore(room: Room) -> None:
    room.link_back(*[name for name, _ in room.tags.listed])


def test_a_lost_link_is_one_alarm_not_two_hundred() -> None:
    room = plc_r()
    lose(room)
    room.wait(4.9)
    assert room.heard() == []
    room.wait(0.2)
    assert room.heard() == ["R.LINK first"]
    room.wait(90)
    restore(room)
    room.wait(60)
    assert room.heard() == []
    assert not any(room.facts(f"PT-{n}.BAD").retained for n in range(50))
    began = next(record for record in room.records if record.kind == "suppression.began")
    assert began.data["members"] == 100  # counted and recorded
    assert "100 alarms suppressed" in began.text


def test_a_blink_of_the_link_is_no_alarm() -> None:
    room = plc_r()
    lose(room)
    room.wait(3)
    restore(room)
    room.wait(60)
    assert room.heard() == []


def test_at_the_first_connection_nothing_is_late_so_alarms_speak_at_once() -> None:
    tags = Tags("WD-992", "PT-1")
    rules = [alarm("R.LINK", Quality(0), 2, on_delay_s=5), alarm("PT-1.H", high(1, 90), 3)]
    room = Room(tags, rules, [link_loss("R", 0, ("PT-1.H",))])
    room.wait(1)
    room.all_read(WD_992=1.0, PT_1=50.0)
    room.wait(1)
    room.reads("PT-1", 95)
    assert room.heard() == ["PT-1.H first"]


def test_what_stood_before_the_link_was_lost_is_held_and_not_said_again() -> None:
    room = plc_r()
    for one in ("PT-0", "PT-1"):
        room.reads(one, 95)
        room.acknowledges(f"{one}.H")
    room.heard()
    lose(room)
    room.wait(90)
    assert room.facts("PT-0.H").active
    assert room.shown("PT-0.H") is State.ACKNOWLEDGED  # priority 1 is held, never covered
    assert room.shown("PT-1.H") is State.SUPPRESSED_BY_DESIGN
    restore(room)
    room.wait(60)
    assert room.heard() == ["R.LINK first"]
    assert room.shown("PT-0.H") is State.ACKNOWLEDGED
    assert room.shown("PT-1.H") is State.ACKNOWLEDGED


def test_what_came_while_the_link_was_down_is_announced_after_it() -> None:
    room = plc_r()
    lose(room)
    room.wait(90)
    room.heard()
    room.values[[room.tags["PT-0"], room.tags["PT-1"]]] = 95.0
    restore(room)
    assert room.heard() == ["PT-0.H first"]  # priority 1 does not wait for the link to settle
    room.wait(4)
    assert room.heard() == []
    room.wait(2)
    assert room.heard() == ["PT-1.H uncovered"]


def test_a_sensor_that_is_still_bad_after_the_link_is_back_speaks() -> None:
    room = plc_r()
    lose(room)
    room.wait(90)
    room.heard()
    restore(room)
    room.reads("PT-7", status=BAD_SENSOR_FAILURE)
    room.wait(10)
    assert room.heard() == ["PT-7.BAD uncovered"]


# --- floods ----------------------------------------------------------------------------------------


def fifty() -> Room:
    tags = Tags(*[f"T-{n}" for n in range(50)])
    rules = [alarm(f"T-{n}.H", high(n, 1), 3 if n else 2) for n in range(50)]
    return Room(tags, rules, settings=Settings(), **{f"T_{n}": 0.0 for n in range(50)})


def test_in_a_flood_advisory_alarms_are_counted_and_urgent_ones_still_speak() -> None:
    room = fifty()
    for number in range(1, 31):
        room.reads(f"T-{number}", 2)
        room.wait(1)
    room.reads("T-0", 2)
    heard = room.heard()
    assert len(heard) == 12
    assert heard[-1] == "T-0.H first"
    assert room.engine.book.grouped == 19
    assert room.facts("T-30.H").presented  # listed, not hidden
    room.wait(700)
    over = next(record for record in room.records if record.kind == "flood.ended")
    assert over.data["grouped"] == 19
    assert over.data["announced"] == 31
    assert over.data["peak"] == 31
    room.reads("T-31", 2)
    assert room.heard() == ["T-31.H first"]


def test_a_flood_survives_a_restart_as_a_fact_and_ends() -> None:
    room = fifty()
    for number in range(1, 20):
        room.reads(f"T-{number}", 2)
    room = room.restarted(down_s=5)
    assert room.kinds("alarms")[-1] == "flood.ended"
    assert room.engine.book.flood_since_utc_ns == 0


# --- what the engine refuses to be built with ----------------------------------------------------


def test_priority_1_is_never_suppressed_by_design() -> None:
    rule = Suppression("rest", Discrete(XS726, (0,)), ("O2.L",))
    with pytest.raises(ValueError, match=r"rest: O2\.L has priority 1 and is never suppressed"):
        Room(TAGS, [alarm("O2.L", low(ST, 1), 1)], [rule])


def test_condition_of_a_suppression_may_combine_states() -> None:
    either = AnyOf((Discrete(XS726, (0,)), Discrete(XS301, (0,))))
    rule = Suppression("rest", either, ("ST-721.L",), "plant at rest")
    room = Room(TAGS, [alarm("ST-721.L", low(ST, 1800))], [rule], ST_721=3000.0, XS_726=4.0, XS_301=9.0)
    room.reads("XS-301", 0)
    room.reads("ST-721", 0)
    room.reads("XS-726", status=BAD_TIMEOUT)
    room.wait(HOUR)
    assert room.heard() == []
