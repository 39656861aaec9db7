"""Each kind of limit, in the plant's words: when it is true, when it is not, when nobody knows."""

from __future__ import annotations

import pytest

from alarms.model import (
    All,
    AnyOf,
    Bit,
    ByState,
    Condition,
    Count,
    Curve,
    Deviation,
    Direction,
    Discrepancy,
    Discrete,
    FromTag,
    Frozen,
    Held,
    Level,
    Not,
    Quality,
    Rate,
    Side,
    Skew,
    Stale,
    Standing,
    Vote,
)
from alarms.signal import BAD_SENSOR_FAILURE, BAD_TIMEOUT, GOOD, UNCERTAIN
from tests.unit.control_room import HOUR, Room, Tags, alarm, bag, high, low

TAGS = Tags(
    ("LT-201", "%"), ("XS-701", ""), ("SP", "%"), ("ZSO", ""), ("ZSC", ""), ("CMD", ""), ("TT-741", "K")
)
LT, XS, SP, ZSO, ZSC, CMD, TT = range(len(TAGS))


def watching(condition: Condition, priority: int = 3, **values: float) -> Room:
    return Room(TAGS, [alarm("A", condition, priority)], **values)


def stands(room: Room) -> bool:
    return room.facts("A").active


def test_bag_high_comes_at_its_limit_and_goes_only_below_the_deadband() -> None:
    room = watching(high(LT, 90, 1), LT_201=53)
    seen = []
    for value in (89.99, 90.0, 89.5, 89.0, 88.99, 89.99):
        room.reads("LT-201", value)
        seen.append(stands(room))
    assert seen == [False, True, True, True, False, False]


def test_bag_low_comes_at_its_limit_and_goes_only_above_the_deadband() -> None:
    room = watching(low(LT, 15, 1), LT_201=53)
    seen = []
    for value in (15.01, 15.0, 15.5, 16.0, 16.01, 15.01):
        room.reads("LT-201", value)
        seen.append(stands(room))
    assert seen == [False, True, True, True, False, False]


def test_a_delay_of_zero_means_at_once() -> None:
    room = watching(high(LT, 90), LT_201=53)
    assert [record.kind for record in room.reads("LT-201", 91).records] == ["alarm.raised"]


def test_a_peak_shorter_than_the_delay_is_no_alarm() -> None:
    room = bag()
    room.reads("LT-201", 91)
    room.wait(4.9)
    room.reads("LT-201", 53)
    room.wait(60)
    room.reads("LT-201", 91)
    room.wait(4.9)
    assert not room.facts("LT-201.H").active
    room.wait(0.2)
    assert room.facts("LT-201.H").active


def test_an_off_delay_bridges_a_dip() -> None:
    room = Room(TAGS, [alarm("A", high(LT, 90), off_delay_s=10)], LT_201=91)
    room.reads("LT-201", 80)
    room.wait(9)
    room.reads("LT-201", 91)
    room.wait(60)
    room.reads("LT-201", 80)
    room.wait(9.9)
    assert stands(room)
    room.wait(0.2)
    assert not stands(room)
    assert room.kinds("A") == ["alarm.raised", "alarm.returned"]


def test_the_demo_at_speed_60_delays_by_plant_seconds() -> None:
    room = Room(TAGS, [alarm("A", high(LT, 90), on_delay_s=60)], LT_201=53)
    room.speed = 60
    room.reads("LT-201", 91)
    room.wait(0.9)
    assert not stands(room)
    room.wait(0.2)
    assert stands(room)


def test_time_in_which_the_value_is_bad_does_not_count_towards_the_delay() -> None:
    room = bag()
    room.reads("LT-201", 91)
    room.wait(3)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    room.wait(600)
    assert not room.facts("LT-201.H").active
    room.reads("LT-201", 91)
    room.wait(1.9)
    assert not room.facts("LT-201.H").active
    room.wait(0.2)
    assert room.facts("LT-201.H").active


def test_uncertain_counts_unless_the_rule_says_otherwise() -> None:
    room = Room(
        TAGS,
        [alarm("USES", high(LT, 90)), alarm("HOLDS", Level(LT, Side.HIGH, 90, hold_uncertain=True))],
        LT_201=53,
    )
    room.reads("LT-201", 91, UNCERTAIN)
    assert room.facts("USES").active
    assert not room.facts("HOLDS").active


def test_not_a_number_is_no_measurement() -> None:
    room = watching(high(LT, 90), LT_201=91)
    room.reads("LT-201", float("nan"))
    assert stands(room)  # held
    room.reads("LT-201", 53)
    assert not stands(room)


def test_a_limit_that_is_another_tag_moves_with_it() -> None:
    room = watching(Level(LT, Side.HIGH, FromTag(SP, offset=5)), LT_201=53, SP=60)
    assert not stands(room)
    room.reads("SP", 48)
    assert stands(room)
    room.reads("SP", status=BAD_TIMEOUT)
    room.reads("LT-201", 10)
    assert stands(room)  # the limit is not known: it holds
    room.reads("SP", 48)
    assert not stands(room)


def test_a_limit_can_depend_on_the_operating_state() -> None:
    time_in_state = ByState(XS, ((6, 60.0), (5, None)), otherwise=240.0)
    room = watching(Level(LT, Side.HIGH, time_in_state), LT_201=100, XS_701=3)
    assert not stands(room)
    room.reads("XS-701", 6)
    assert stands(room)
    room.reads("XS-701", 5)
    assert not stands(room)  # no limit in this state
    room.reads("XS-701", 6)
    room.reads("XS-701", status=BAD_TIMEOUT)
    room.reads("LT-201", 10)
    assert stands(room)


def test_leak_back_is_a_fall_of_more_than_2_bar_an_hour() -> None:
    room = watching(Rate(LT, 1800, limit=2, per_s=HOUR, direction=Direction.DOWN), LT_201=100)
    for minute in range(60):
        room.wait(60)
        room.reads("LT-201", 100 - 1.9 * minute / 60)
    assert not stands(room)
    for minute in range(1, 31):
        room.wait(60)
        room.reads("LT-201", 98.1 - 2.2 * minute / 60)
    assert stands(room)


def test_a_step_stops_being_a_rate_when_it_leaves_the_window_though_nothing_changes() -> None:
    room = watching(Rate(LT, 60, limit=5, per_s=60), LT_201=50)
    room.wait(61)
    room.reads("LT-201", 56)
    assert stands(room)
    room.wait(59)
    assert stands(room)
    room.wait(2)
    assert not stands(room)


def test_a_rate_does_not_see_a_step_across_a_gap_in_quality() -> None:
    room = watching(Rate(LT, 60, limit=5, per_s=60), LT_201=50)
    room.wait(120)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    room.wait(5)
    room.reads("LT-201", 80)
    room.wait(120)
    assert not stands(room)


def test_a_rate_needs_a_whole_window_before_it_says_no() -> None:
    room = watching(Rate(LT, 60, limit=5, per_s=60), LT_201=50)
    assert "cannot be judged" in room.explained("A")
    room.wait(61)
    assert "is within the allowed" in room.explained("A")


def test_a_rate_with_many_samples_keeps_the_newest_value_of_each_slot() -> None:
    room = watching(Rate(LT, 64, limit=30, per_s=64, direction=Direction.UP), LT_201=0)
    for tenth in range(1, 1000):
        room.wait(0.1)
        room.reads("LT-201", tenth / 100)  # 6.4 in 64 s
    assert not stands(room)
    room.reads("LT-201", 45)
    assert stands(room)


@pytest.mark.parametrize(
    ("direction", "value", "verdict"),
    [
        (Direction.EITHER, 66, True),
        (Direction.EITHER, 54, True),
        (Direction.EITHER, 64, False),
        (Direction.UP, 54, False),
        (Direction.UP, 65, True),
        (Direction.DOWN, 66, False),
        (Direction.DOWN, 55, True),
    ],
)
def test_deviation_from_the_set_point(direction: Direction, value: float, verdict: bool) -> None:
    room = watching(Deviation(LT, FromTag(SP), 5, direction), LT_201=60, SP=60)
    room.reads("LT-201", value)
    assert stands(room) is verdict


def test_deviation_follows_the_set_point_and_has_a_deadband() -> None:
    room = watching(Deviation(LT, FromTag(SP), 5, deadband=1), LT_201=60, SP=60)
    room.reads("SP", 66)
    assert stands(room)
    room.reads("SP", 64.5)
    assert stands(room)
    room.reads("SP", 63.9)
    assert not stands(room)


COOL_DOWN = Curve(((0, 300), (1800, 176), (9000, 23)), state_tag=XS, states=(2,), late_s=3600)


def test_cool_down_more_than_an_hour_behind_the_curve() -> None:
    room = watching(Deviation(TT, COOL_DOWN, 10, Direction.UP), TT_741=300, XS_701=0)
    room.wait(HOUR)
    assert not stands(room)  # the curve does not run yet
    room.reads("XS-701", 2)
    room.wait(HOUR)
    assert not stands(room)
    # Nothing moves, the curve does: 290 K is due 145 s after the hour of grace.
    room.wait(144)
    assert not stands(room)
    room.wait(2)
    assert stands(room)
    room.reads("TT-741", 100)
    assert not stands(room)
    room.reads("XS-701", 3)
    room.reads("TT-741", 300)
    assert not stands(room)


def test_the_start_of_a_cool_down_survives_a_restart() -> None:
    room = watching(Deviation(TT, COOL_DOWN, 10, Direction.UP), TT_741=300, XS_701=2)
    room.wait(HOUR)
    room = room.restarted(down_s=60)
    room.wait(84)
    assert not stands(room)
    room.wait(2)
    assert stands(room)


def test_a_cool_down_whose_state_or_temperature_is_not_known_is_held() -> None:
    room = watching(Deviation(TT, COOL_DOWN, 10, Direction.EITHER), TT_741=300, XS_701=2)
    room.wait(HOUR + 146)
    assert stands(room)
    room.reads("TT-741", 200, BAD_SENSOR_FAILURE)
    room.reads("XS-701", status=BAD_TIMEOUT)
    assert stands(room)
    room.reads("XS-701", 2)
    room.reads("TT-741", 290)
    assert not stands(room)
    room.wait(4 * HOUR)
    assert stands(room)  # the end of the curve is flat
    room.reads("TT-741", 23)
    room.wait(24 * HOUR)
    assert not stands(room)


def test_counts_within_a_combination_survive_a_restart_too() -> None:
    starts = Count(Discrete(XS, (5,)), times=2, window_s=24 * HOUR)
    room = watching(All((starts, high(LT, 90))), XS_701=0, LT_201=91)
    room.reads("XS-701", 5)
    room.reads("XS-701", 0)
    room = room.restarted()
    room.reads("XS-701", 5)
    assert stands(room)


def test_discrete_and_off_normal() -> None:
    room = Room(
        TAGS,
        [alarm("TRIP", Discrete(XS, (5,))), alarm("NOT.AUTO", Discrete(XS, (0, 3), off_normal=True))],
        XS_701=3,
    )
    assert not room.facts("TRIP").active
    assert not room.facts("NOT.AUTO").active
    room.reads("XS-701", 5)
    assert room.facts("TRIP").active
    assert room.facts("NOT.AUTO").active


def test_one_bit_of_an_alarm_word_and_its_polarity() -> None:
    room = Room(
        TAGS,
        [alarm("W.12", Bit(XS, 12)), alarm("W.3", Bit(XS, 3, active_when=0))],
        XS_701=0b1000,
    )
    assert not room.facts("W.12").active
    assert not room.facts("W.3").active
    room.reads("XS-701", 1 << 12)
    assert room.facts("W.12").active
    assert room.facts("W.3").active


def test_a_valve_that_does_not_follow_its_command() -> None:
    room = watching(Discrepancy(CMD, ZSO, ZSC, within_s=10), CMD=0, ZSO=0, ZSC=1)
    room.reads("CMD", 1)
    room.reads("ZSC", 0)
    room.wait(9)
    room.reads("ZSO", 1)
    room.wait(60)
    assert not stands(room)
    room.reads("CMD", 0)
    room.wait(9.9)
    assert not stands(room)
    room.wait(0.2)
    assert stands(room)
    room.all_read(ZSO=0, ZSC=1)
    assert not stands(room)


def test_a_new_command_gives_the_valve_its_time_again() -> None:
    room = watching(Discrepancy(CMD, ZSO, ZSC, within_s=10), CMD=0, ZSO=0, ZSC=1)
    room.reads("CMD", 1)
    room.reads("ZSC", 0)  # on its way
    room.wait(8)
    room.reads("CMD", 0)
    room.wait(8)
    assert not stands(room)
    room.wait(3)
    assert stands(room)


def test_a_valve_with_one_switch_and_one_that_is_bad() -> None:
    room = watching(Discrepancy(CMD, None, ZSC, within_s=10), CMD=0, ZSC=1)
    room.reads("ZSC", status=BAD_SENSOR_FAILURE)
    room.wait(60)
    assert not stands(room)
    room.reads("ZSC", 0)
    room.wait(11)
    assert stands(room)


def test_quality_speaks_where_the_process_alarm_holds() -> None:
    room = Room(
        TAGS,
        [alarm("A", high(LT, 90)), alarm("Q", Quality(LT)), alarm("U", Quality(LT, uncertain=True))],
        LT_201=91,
    )
    room.reads("LT-201", status=UNCERTAIN)
    assert not room.facts("Q").active
    assert room.facts("U").active
    room.reads("LT-201", 0.0, BAD_SENSOR_FAILURE)
    assert room.facts("Q").active
    assert room.facts("A").active
    room.reads("LT-201", 50)
    assert not room.facts("Q").active
    assert not room.facts("A").active


def test_a_quality_alarm_can_be_about_one_status_only() -> None:
    room = watching(Quality(LT, codes=(BAD_TIMEOUT,)), LT_201=50)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    assert not stands(room)
    room.reads("LT-201", status=BAD_TIMEOUT | 0x480)  # info bits do not matter
    assert stands(room)


def test_stale_counts_reports_not_changes() -> None:
    room = watching(Stale(LT, after_s=60), LT_201=50)
    for _ in range(10):
        room.wait(50)
        room.reads("LT-201", 50)
    assert not stands(room)
    room.wait(59.9)
    assert not stands(room)
    room.wait(0.2)
    assert stands(room)
    room.reads("LT-201", 50)
    assert not stands(room)


def test_frozen_counts_changes_not_reports() -> None:
    room = watching(Frozen(LT, after_s=60, tolerance=0.1), LT_201=50)
    room.wait(30)
    room.reads("LT-201", 51)
    for _ in range(5):
        room.wait(11)
        room.reads("LT-201", 51.05)
    assert not stands(room)
    room.wait(6)
    assert stands(room)
    room.reads("LT-201", 51.05)
    assert stands(room)
    room.reads("LT-201", 51.2)
    assert not stands(room)


def test_a_gas_meter_that_stands_still_for_a_day() -> None:
    room = watching(Frozen(LT, after_s=24 * HOUR), LT_201=1000)
    room.wait(23 * HOUR)
    room.reads("LT-201", 1001)
    room.wait(23.9 * HOUR)
    assert not stands(room)
    room.wait(0.2 * HOUR)
    assert stands(room)


def test_frozen_and_stale_wait_for_the_link_and_count_anew_after_it() -> None:
    room = Room(TAGS, [alarm("S", Stale(LT, 60)), alarm("F", Frozen(LT, 60))], LT_201=50)
    room.link_lost("LT-201")
    room.wait(300)
    assert not room.facts("S").active
    assert not room.facts("F").active
    room.link_back("LT-201")
    room.wait(59)
    assert not room.facts("S").active
    assert not room.facts("F").active
    room.wait(2)
    assert room.facts("S").active
    assert room.facts("F").active


def test_a_status_may_say_frozen_too() -> None:
    room = watching(Frozen(LT, 3600, codes=(BAD_SENSOR_FAILURE,)), LT_201=50)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    assert stands(room)
    room.reads("LT-201", 50.5)
    assert not stands(room)


def test_a_clock_that_is_off_either_way() -> None:
    room = watching(Skew(LT, 10, deadband=2), LT_201=0.1)
    for value, verdict in ((9.9, False), (-3600, True), (8.5, True), (7.9, False), (11, True)):
        room.reads("LT-201", value)
        assert stands(room) is verdict


def test_six_starts_within_the_hour() -> None:
    room = watching(Count(Discrete(XS, (9,)), times=6, window_s=HOUR), XS_701=9)
    for _ in range(5):
        room.reads("XS-701", 12)
        room.wait(300)
        room.reads("XS-701", 9)
    assert not stands(room)  # running at the start was no start
    room.reads("XS-701", 12)
    room.reads("XS-701", 9)
    assert stands(room)
    room.wait(HOUR - 1300)
    assert stands(room)
    room.wait(200)
    assert not stands(room)


def test_counts_survive_a_restart() -> None:
    room = watching(Count(Discrete(XS, (5,)), times=3, window_s=24 * HOUR), XS_701=0)
    for _ in range(2):
        room.reads("XS-701", 5)
        room.reads("XS-701", 0)
        room.wait(HOUR)
    room = room.restarted(down_s=HOUR)
    assert not stands(room)
    room.reads("XS-701", 5)
    assert stands(room)
    room.wait(20.9 * HOUR)
    assert stands(room)
    room.wait(0.2 * HOUR)
    assert not stands(room)


def test_low_flow_and_power_on() -> None:
    room = watching(All((low(LT, 20), Discrete(XS, (1,)))), LT_201=10, XS_701=0)
    assert not stands(room)
    room.reads("XS-701", 1)
    assert stands(room)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)
    assert stands(room)  # unknown and true: held
    room.reads("XS-701", 0)
    assert not stands(room)  # unknown and false: false


def test_either_of_two_and_two_of_three() -> None:
    any_room = watching(AnyOf((high(LT, 90), Discrete(XS, (5,)))), LT_201=53, XS_701=5)
    assert stands(any_room)
    two = watching(Vote(2, (high(LT, 90), high(SP, 90), high(TT, 90))), LT_201=91, SP=53, TT_741=53)
    assert not stands(two)
    two.reads("SP", status=BAD_TIMEOUT)
    assert not stands(two)
    two.reads("TT-741", 91)
    assert stands(two)


def test_not_and_held_and_standing() -> None:
    rules = [
        alarm("A", Held(Not(Discrete(XS, (1,))), for_s=30)),
        alarm("B", All((Standing("A"), high(LT, 90)))),
    ]
    room = Room(TAGS, rules, XS_701=0, LT_201=91)
    room.wait(29)
    assert not room.facts("A").active
    room.wait(2)
    assert room.facts("A").active
    assert room.facts("B").active
    room.reads("XS-701", 1)
    assert not room.facts("A").active
    assert not room.facts("B").active


@pytest.mark.parametrize(
    ("condition", "values", "words"),
    [
        (high(LT, 90, 1), {"LT_201": 53}, "53 % is below the limit 90 %"),
        (low(LT, 15, 1), {"LT_201": 53}, "53 % is above the limit 15 %"),
        (
            Level(LT, Side.HIGH, ByState(XS, ((1, 60.0),))),
            {"LT_201": 53, "XS_701": 0},
            "has no limit in this operating state",
        ),
        (Level(LT, Side.HIGH, FromTag(SP)), {"LT_201": 53}, "the limit for LT-201 is not known"),
        (Deviation(LT, FromTag(SP), 5), {"LT_201": 53, "SP": 51}, "off 51 % by 2 %, within the allowed 5 %"),
        (Deviation(LT, FromTag(SP), 5), {"LT_201": 53}, "the set-point of LT-201 is not known"),
        (Deviation(TT, COOL_DOWN, 10), {"TT_741": 53, "XS_701": 0}, "does not run in this state"),
        (
            Deviation(TT, COOL_DOWN, 10),
            {"TT_741": 300, "XS_701": 2},
            "300 K against 300 K on the reference curve",
        ),
        (Discrete(XS, (5,)), {"XS_701": 3}, "XS-701 is 3, alarm at 5"),
        (Discrete(XS, (0, 3), off_normal=True), {"XS_701": 3}, "alarm at other than 0 or 3"),
        (Bit(XS, 3), {"XS_701": 8}, "bit 3 of XS-701 is 1, alarm at 1"),
        (Bit(XS, 3), {}, "bit 3 of XS-701 is not known"),
        (
            Discrepancy(CMD, ZSO, ZSC, 10),
            {"CMD": 1, "ZSO": 0, "ZSC": 1},
            "against the command, 10.0 s of 10 s left",
        ),
        (Discrepancy(CMD, ZSO, ZSC, 10), {}, "the command CMD is not known"),
        (Quality(LT), {}, "LT-201 is Bad (waiting for the first value)"),
        (Stale(LT, 60), {"LT_201": 1}, "LT-201 has not reported for 0 s, allowed 60 s"),
        (Frozen(LT, 60), {"LT_201": 1}, "LT-201 has not moved for 0 s"),
        (Skew(LT, 10), {"LT_201": 1}, "off 0 % by 1 %, within the allowed 10 %"),
        (
            Rate(LT, 60, 5, per_s=60),
            {"LT_201": 1},
            "the change of 0 % per 60 s is within the allowed 5 % per 60 s",
        ),
        (Count(Discrete(XS, (5,)), 3, 60), {"XS_701": 0}, "0 of 3 times within 60 s"),
        (Not(Discrete(XS, (5,))), {"XS_701": 5}, "not: XS-701 is 5"),
        (Held(high(LT, 90), 30), {"LT_201": 91}, "(30.0 s of 30 s left)"),
        (All((high(LT, 90), Discrete(XS, (1,)))), {"LT_201": 1, "XS_701": 1}, "limit 90 % and XS-701 is 1"),
        (AnyOf((high(LT, 90), Discrete(XS, (1,)))), {"LT_201": 1, "XS_701": 0}, "limit 90 % or XS-701 is 0"),
        (Vote(2, (high(LT, 90), high(SP, 9), high(TT, 9))), {}, "(any 2 of)"),
    ],
)
def test_every_condition_can_say_itself(condition: Condition, values: dict[str, float], words: str) -> None:
    room = watching(condition, **values)
    said = room.engine.points["A"].watch.say(
        room.engine._sight(room.now, room.values, room.status), room.engine.names
    )
    assert words in said


def test_a_held_alarm_says_where_its_deadband_ends() -> None:
    room = watching(high(LT, 90, 1), LT_201=91)
    room.reads("LT-201", 89.5, GOOD)
    assert "89.5 % is not yet below 89 % (limit with deadband)" in room.explained("A")
