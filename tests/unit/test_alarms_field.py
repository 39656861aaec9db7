"""What users of other systems complain about (public issues, by repository and number), as regressions.

Each test is named by the complaint. Those about connections are the links' business; these are the
ones that an alarm engine can get wrong.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.lifecycle import State
from alarms.model import All, Discrete, Level, Quality, Side, Stale
from alarms.operations import Action
from alarms.records import Kind
from alarms.signal import (
    BAD_NO_COMMUNICATION,
    BAD_NODE_ID_UNKNOWN,
    BAD_SENSOR_FAILURE,
    BAD_TIMEOUT,
    UNCERTAIN_LAST_USABLE,
    is_bad,
    is_good,
    is_uncertain,
)
from alarms.suppression import Suppression, link_loss
from tests.unit.control_room import HOUR, Room, Tags, alarm, bag, high, low
from tests.unit.test_alarms_engine import reloaded, rules_of

# --- two traps found by reading other systems' code ------------------------------------------------


@pytest.mark.parametrize("lost", [0.0, float("nan"), -99.9])
def test_fuxa_trap_a_lost_plc_does_not_look_like_zero(lost: float) -> None:
    """There, a cable fault made the value null, null became 0, HIGH cleared and LOW fired."""
    tags = Tags(("LT-201", "%"))
    rules = [alarm("LT-201.H", high(0, 90), 3), alarm("LT-201.L", low(0, 15), 1)]
    room = Room(tags, rules, LT_201=95.0)
    standing = room.facts("LT-201.H")
    room.heard()
    room.reads("LT-201", lost, BAD_NO_COMMUNICATION)
    room.wait(HOUR)
    assert room.facts("LT-201.H").active
    assert room.facts("LT-201.H").activation == standing.activation
    assert not room.facts("LT-201.L").active
    assert room.heard() == []
    assert Kind.RETURNED not in room.kinds()


def test_pyscada_trap_what_was_decided_is_always_handed_out() -> None:
    """There, a mail went out and the write it announced was built and dropped. Here every change of the
    book is a record that was handed out: folding what came out gives the state inside, nothing else."""
    room = bag(latching=True, confirm=True)
    for value in (96, 50, 96, 93, 10, 53):
        room.reads("LT-201", value)
        room.wait(7)
        room.acknowledges("LT-201.HH")
        room.does(Action.SHELVE, "LT-201.L", for_s=60)
    assert room.folded() == room.engine.book
    assert [record.data["n"] for record in room.records] == list(range(1, len(room.records) + 1))


# --- quality: items 15 to 21 -------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [BAD_NODE_ID_UNKNOWN, BAD_SENSOR_FAILURE, BAD_TIMEOUT])
def test_15_16_one_bad_node_does_not_stop_the_others_and_is_named(bad: int) -> None:
    """telegraf#13296, #8871; thingsboard-gateway#1485."""
    tags = Tags(*[f"T-{n}" for n in range(1000)])
    rules = [alarm(f"T-{n}.H", high(n, 90), 2) for n in range(1000)]
    rules += [alarm(f"T-{n}.BAD", Quality(n), 3) for n in range(1000)]
    room = Room(tags, rules, **{f"T_{n}": 50.0 for n in range(1000)})
    room.reads("T-13", status=bad)
    room.values[:] = 95.0
    room.step([tag for tag in range(1000) if tag != 13])
    raised = {record.source for record in room.records if record.announce == "first"}
    assert raised == {"T-13.BAD"} | {f"T-{n}.H" for n in range(1000) if n != 13}
    assert "T-13 is Bad" in room.explained("T-13.BAD")


def test_17_a_bad_status_never_counts_with_the_last_good_value() -> None:
    """telegraf#10849: Bad was written with the last good value. Here the condition is unknown, not true."""
    room = bag()
    room.reads("LT-201", 91)
    room.reads("LT-201", status=BAD_SENSOR_FAILURE)  # the value in the image is still 91
    room.wait(HOUR)
    assert not room.facts("LT-201.H").active


def test_18_a_plc_unplugged_is_noticed_though_its_quality_stays_good() -> None:
    """OPCFoundation/UA-EdgeTranslator#50: no report is no value, whatever the status says."""
    room = Room(Tags("LT-201"), [alarm("LT-201.STALE", Stale(0, 60), 2)], LT_201=50.0)
    room.wait(61)
    assert room.heard() == ["LT-201.STALE first"]


def test_19_a_combination_with_a_lost_part_is_unknown_and_says_which() -> None:
    """Scada-LTS#2755: a derived point showed no problem when its source was gone."""
    tags = Tags("FT-924", "JT-609")
    room = Room(tags, [alarm("DRY", All((low(0, 5), high(1, 10))), 2)], FT_924=8.0, JT_609=75.0)
    room.reads("FT-924", status=BAD_TIMEOUT)
    said = room.explained("DRY")
    assert "cannot be judged now" in said
    assert "FT-924 is Bad (no report in time)" in said


def test_20_unusual_good_codes_are_good() -> None:
    """telegraf#9144: 'good' codes of gateways were thrown away; info bits are no severity."""
    assert is_good(0x00C00000)  # GoodClamped-like codes and the like
    assert is_good(0x00000480)
    assert is_uncertain(UNCERTAIN_LAST_USABLE)
    assert is_bad(0xC0000000)
    room = bag()
    room.reads("LT-201", 96, 0x00C00000)
    room.wait(5)
    assert room.facts("LT-201.HH").active


def test_21_one_debounced_alarm_per_plc() -> None:
    """selfpatch/ros2_medkit#496: ONE communication-lost fault after 5 s, not one per signal."""
    names = [f"T-{n}" for n in range(200)]
    tags = Tags("ALIVE", *names)
    rules = [alarm("R.LINK", Quality(0), 2, on_delay_s=5)]
    rules += [alarm(f"{name}.BAD", Quality(tag + 1), 3) for tag, name in enumerate(names)]
    rule = link_loss("R", 0, tuple(f"{name}.BAD" for name in names))
    room = Room(tags, rules, [rule], ALIVE=1.0, **{name.replace("-", "_"): 1.0 for name in names})
    for _ in range(3):  # a link that flaps faster than 5 s is not announced at all
        room.link_lost("ALIVE", *names)
        room.wait(4)
        room.link_back("ALIVE", *names)
        room.wait(1)
    assert room.heard() == []
    room.link_lost("ALIVE", *names)
    room.wait(300)
    assert room.heard() == ["R.LINK first"]


# --- alarm logic: items 22 to 31 -----------------------------------------------------------------------


def test_22_a_delay_set_back_to_zero_takes_effect() -> None:
    """phoebus#1344."""
    room = bag(delay_s=60)
    room = reloaded(room, [replace(rule, on_delay_s=0) for rule in rules_of(room)])
    room.reads("LT-201", 91)
    assert room.facts("LT-201.H").active


@pytest.mark.parametrize("how", ["disabled", "out of service", "shelved", "suppressed"])
def test_23_an_alarm_taken_away_during_its_delay_does_not_speak(how: str) -> None:
    """phoebus#1966: the alarm was raised for a signal that had been disabled during its delay."""
    tags = Tags("PT-1", "XS-1")
    rest = Suppression("rest", Discrete(1, (1,)), ("PT-1.H",))
    room = Room(tags, [alarm("PT-1.H", high(0, 1), 3, on_delay_s=30)], [rest], PT_1=0.0, XS_1=0.0)
    room.reads("PT-1", 5)
    room.wait(15)
    match how:
        case "disabled":
            room = reloaded(room, [replace(rule, enabled=False) for rule in rules_of(room)])
        case "out of service":
            room.does(Action.REMOVE_FROM_SERVICE, "PT-1.H", role="supervisor", reason="x", for_s=HOUR)
        case "shelved":
            room.does(Action.SHELVE, "PT-1.H", for_s=HOUR)
        case "suppressed":
            room.reads("XS-1", 1)
    room.wait(0.9 * HOUR)
    assert room.heard() == []
    assert room.shown("PT-1.H") is not State.UNACKNOWLEDGED


@pytest.mark.parametrize("first", ["shelf", "state"])
def test_24_shelf_state_and_delay_do_not_get_in_each_others_way(first: str) -> None:
    """phoebus PR#2309."""
    tags = Tags("PT-1", "XS-1")
    rest = Suppression("rest", Discrete(1, (1,)), ("PT-1.H",))
    room = Room(tags, [alarm("PT-1.H", high(0, 1), 3, on_delay_s=30)], [rest], PT_1=0.0, XS_1=0.0)
    room.does(Action.SHELVE, "PT-1.H", for_s=HOUR)
    room.reads("XS-1", 1)
    room.reads("PT-1", 5)
    room.wait(60)
    assert room.facts("PT-1.H").active  # the fact is not lost beneath two covers
    if first == "shelf":
        room.does(Action.UNSHELVE, "PT-1.H")
        assert room.shown("PT-1.H") is State.SUPPRESSED_BY_DESIGN
        assert room.heard() == []
        room.reads("XS-1", 0)
    else:
        room.reads("XS-1", 0)
        assert room.shown("PT-1.H") is State.SHELVED
        assert room.heard() == []
        room.does(Action.UNSHELVE, "PT-1.H")
    assert room.heard() == ["PT-1.H uncovered"]


def test_25_editing_a_description_does_not_clear_a_latched_alarm() -> None:
    """phoebus#2520."""
    room = bag(latching=True)
    room.reads("LT-201", 96)
    room.wait(5)
    room.reads("LT-201", 50)
    room = reloaded(room, [replace(rule, text="new words") for rule in rules_of(room)])
    assert room.facts("LT-201.HH").latched


def test_26_the_number_that_is_said_is_the_number_in_the_list() -> None:
    """phoebus#2267: the voice said 'N active alarms', the table showed 0."""
    room = bag()
    room.reads("LT-201", 96)
    room.wait(5)
    room = room.restarted()
    counted = [name for name in room.engine.points if room.facts(name).active]
    assert sorted(room.engine.book.active) == sorted(counted)
    assert sorted(room.engine.book.retained) == sorted(
        name for name in room.engine.points if room.facts(name).retained
    )


def test_27_milder_after_two_minutes_clear_after_five() -> None:
    """thingsboard#11803: down-grade and clear with times of their own, and OR logic (see limits)."""
    tags = Tags(("T", "K"))
    rules = [
        alarm("T.HH", high(0, 20), 1, off_delay_s=120, exclusive=True),
        alarm("T.H", high(0, 10), 2, off_delay_s=300, exclusive=True),
    ]
    room = Room(tags, rules, T=0.0)
    room.reads("T", 25)
    room.acknowledges("T.HH")
    room.reads("T", 5)
    room.wait(119)
    assert room.facts("T.HH").active
    room.wait(2)
    assert (room.facts("T.HH").active, room.facts("T.H").active) == (False, True)
    room.wait(178)
    assert room.facts("T.H").active
    room.wait(2)
    assert not room.facts("T.H").active
    assert room.heard() == ["T.HH first"]


def test_28_cleared_only_when_it_has_not_come_back_for_ten_minutes() -> None:
    """thingsboard#10979."""
    room = Room(Tags("T"), [alarm("T.H", high(0, 10), 3, off_delay_s=600)], T=0.0)
    room.reads("T", 25)
    for _ in range(10):
        room.reads("T", 5)
        room.wait(500)
        room.reads("T", 25)
        room.wait(50)
    room.reads("T", 5)
    room.wait(599)
    assert room.facts("T.H").active
    room.wait(2)
    assert not room.facts("T.H").active
    assert room.heard() == ["T.H first"]


def test_29_a_duration_is_honoured_to_the_step_even_without_new_values() -> None:
    """thingsboard#10590."""
    room = Room(Tags("T"), [alarm("T.H", high(0, 10), 3, on_delay_s=30)], T=0.0)
    room.reads("T", 25)
    room.wait(29.99)
    assert not room.facts("T.H").active
    room.wait(0.02)
    assert room.facts("T.H").active


def test_30_a_delay_of_zero_is_no_switch_off() -> None:
    """FUXA#688: alarms never fired because time delay 0 meant disabled."""
    room = Room(Tags("T"), [alarm("T.H", high(0, 10), 3, on_delay_s=0)], T=0.0)
    room.reads("T", 10)
    assert room.heard() == ["T.H first"]


def test_31_a_restart_at_night_raises_no_fire_alarm() -> None:
    """Scada-LTS#1053: fire and gas alarms at 2:24 at night, from values that were not there yet."""
    tags = Tags("XS-950", "AT-941A")
    rules = [
        alarm("XS-950.0", Discrete(0, (0,)), 1),
        alarm("AT-941A.LL", Level(1, Side.LOW, 18), 1),
        alarm("XS-950.OTHER", Discrete(0, (1,), off_normal=True), 1),
    ]
    room = Room(tags, rules)  # nothing has been read
    room.wait(HOUR)
    assert room.heard() == []
    room.all_read(BAD_NO_COMMUNICATION, XS_950=0.0, AT_941A=0.0)
    room.wait(HOUR)
    assert room.heard() == []
    room.all_read(XS_950=1.0, AT_941A=20.9)
    room = room.restarted()
    assert room.heard() == []


def test_41_a_minor_alarm_that_becomes_major_is_told_again() -> None:
    """phoebus#645."""
    room = bag(delay_s=0)
    room.reads("LT-201", 91)
    room.acknowledges("LT-201.H")
    room.reads("LT-201", 96)
    assert room.heard() == ["LT-201.H first", "LT-201.HH worse"]


def test_32_a_restart_of_the_source_announces_nothing() -> None:
    """grafana#14515, #6601: a restart of the data source fired every rule."""
    room = bag(delay_s=0)
    room.reads("LT-201", 91)
    room.heard()
    room.link_lost("LT-201", "PT-204")
    room.wait(60)
    room.link_back("LT-201", "PT-204")
    room.wait(60)
    assert room.heard() == []
