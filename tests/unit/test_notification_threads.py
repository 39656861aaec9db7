"""One incident, one thread, one message a minute: cascades, floods, what is held back and what never is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from alarms.messages import ITEMS_MAX, Why
from alarms.routes import Match, Route, Step, Stop
from alarms.threads import INCIDENTS_MAX, THREAD_NS, URGENT_MAX
from tests.unit.night_shift import Night
from tests.unit.notify_plant import HOUR, MINUTE, ROUTES, SATO, SECOND, URGENT, alarm, with_routes

EVERYBODY = with_routes(Route("all to sato", steps=(Step(("sato",)),)))
MANY = [alarm(f"TT-{n:05d}.H", 2) for n in range(1000)]
URGENT_MANY = [alarm(f"PT-{n:05d}.HH", 1) for n in range(1000)]


def alone(**changes: object) -> Night:
    """Sato gets everything at once."""
    return Night(routes=EVERYBODY, alarms=[*MANY, *URGENT_MANY], **changes)


# --- incidents ------------------------------------------------------------------------------------


def test_a_worse_alarm_of_the_same_tag_speaks_again_in_the_same_thread() -> None:
    night = Night("2026-11-24 10:00")
    night.raises("LT-201.H")
    night.wait(180)
    night.raises("LT-201.HH", announce="worse")
    assert night.heard() == ["room.chat first LT-201.H", "ito.mail first LT-201.HH"]
    assert len({one.message.incident for one in night.told}) == 1


def test_worse_is_said_to_who_knew_of_the_milder_one() -> None:
    night = Night(routes=EVERYBODY)
    night.raises("LT-201.H")
    night.acknowledges("LT-201.H", by="sato")
    night.wait(300)
    night.raises("LT-201.HH", announce="worse")
    assert night.heard() == ["sato.mail first LT-201.H", "sato.mail worse LT-201.HH LT-201.H"]
    assert night.last.priority == 1
    assert not night.last.opens


def test_a_worse_alarm_does_not_put_off_the_next_step() -> None:
    steps = (Step(("sato",)), Step(("bauer",), after_s=600.0))
    night = Night(routes=with_routes(Route("all", steps=steps)))
    night.raises("LT-201.H")
    night.wait(590)
    night.raises("LT-201.HH", announce="worse")
    night.wait(10)
    assert night.heard() == [
        "sato.mail first LT-201.H",
        "sato.mail worse LT-201.HH",
        "bauer.mail escalated LT-201.HH LT-201.H",
    ]


def test_when_all_steps_are_over_everybody_hears_that_it_has_become_worse() -> None:
    steps = (Step(("sato",)), Step(("bauer",), after_s=600.0))
    night = Night(routes=with_routes(Route("all", steps=steps)))
    night.raises("LT-201.H")
    night.wait(700)
    night.heard()
    night.raises("LT-201.HH", announce="worse")
    assert night.heard() == ["sato.mail worse LT-201.HH", "bauer.mail worse LT-201.HH"]


def test_an_urgent_alarm_that_joins_when_the_duty_is_over_reaches_those_in_trouble() -> None:
    steps = (Step(("room",), times="office"), Step(("sato",), times="office"))
    night = Night("2026-11-24 16:59", with_routes(Route("day", steps=steps)))
    night.raises("LT-201.H")
    night.wait(120)
    night.heard()
    night.raises("LT-201.HH", announce="worse")
    assert night.heard() == ["bauer.mail escalated LT-201.HH LT-201.H"]


def test_an_alarm_that_is_called_for_goes_on_although_a_flood_counts_it_next_time() -> None:
    steps = (Step(("sato",), repeat_s=300.0),)
    night = Night(routes=with_routes(Route("all", steps=steps, stop=frozenset({Stop.ACKNOWLEDGED}))))
    night.raises("TT-303.H")
    night.returns("TT-303.H")
    night.event("flood.began", "alarms", announced=11)
    night.event("alarm.raised", "TT-303.H", priority=3, withheld="flood")
    night.heard()
    night.wait(300)
    assert night.heard() == ["sato.mail again TT-303.H"]
    night.acknowledges("TT-303.H", by="sato")
    night.wait(3600)
    assert night.heard() == []


def test_a_cascade_is_one_message_and_its_consequences_are_in_the_next() -> None:
    night = Night()
    night.raises("LT-201.HH", first_out=True, incident="e1", group="bag", stage=0)
    kept = {"incident": "e1", "consequence": True, "withheld": "consequence of LT-201.HH", "hidden": True}
    for name in ("TT-301.H", "TT-303.H"):
        night.event("alarm.raised", name, f"{name} follows", priority=2, **kept)
    assert night.heard() == ["ito.mail first LT-201.HH"]
    night.wait(600)
    again = night.of(Why.AGAIN)[0]
    assert again.count == 3
    assert [item.state for item in again.items] == ["active", "consequence", "consequence"]
    assert [item.first_out for item in again.items] == [True, False, False]


def cascade(night: Night) -> str:
    """LT-201.HH is first-out, TT-301.H its consequence."""
    first = night.raises("LT-201.HH", first_out=True, incident="e1", group="bag", stage=0)
    night.event(
        "alarm.raised", "TT-301.H", incident="e1", consequence=True, withheld="consequence", priority=2
    )
    return first


def test_acknowledging_the_first_out_is_enough() -> None:
    night = Night()
    cascade(night)
    night.acknowledges("LT-201.HH")
    night.wait(7200)
    assert night.heard() == ["ito.mail first LT-201.HH"]


def test_what_still_stands_when_its_cause_is_over_speaks_in_the_same_thread() -> None:
    night = Night(routes=EVERYBODY)
    cascade(night)
    night.acknowledges("LT-201.HH", by="sato")
    night.returns("LT-201.HH")
    night.wait(120)
    night.event("incident.closed", "bag", incident="e1", first="LT-201.HH", members=["LT-201.HH", "TT-301.H"])
    night.event("alarm.announced", "TT-301.H", rearm=True, priority=2, announce="uncovered")
    assert night.heard() == ["sato.mail first LT-201.HH", "sato.mail more TT-301.H"]
    assert len({one.message.incident for one in night.told}) == 1


def test_a_new_journal_gives_no_id_a_second_time() -> None:
    """Event ids begin anew with it; mail programs drop a Message-ID that they have seen."""
    first, second = Night("2026-11-24 03:00"), Night("2026-11-25 03:00")
    assert first.raises("LT-201.HH") == second.raises("LT-201.HH")
    assert first.last.id != second.last.id
    assert first.last.incident != second.last.incident


def test_a_second_urgent_alarm_of_a_group_must_be_answered_for_itself() -> None:
    night = Night()
    night.raises("LT-201.HH", incident="e1", first_out=True)
    night.raises("PT-204.HH", incident="e1")
    night.acknowledges("LT-201.HH")
    night.wait(61)
    assert night.heard() == ["ito.mail first LT-201.HH", "ito.mail more PT-204.HH"]
    night.acknowledges("PT-204.HH")
    night.wait(3600)
    assert night.heard() == []


def test_an_acknowledgement_of_an_earlier_activation_alone_does_not_stop_it() -> None:
    night = Night()
    night.raises("LT-201.HH")
    night.event("alarm.acknowledged", "LT-201.HH", user="ito", trunk=False, branches=["0001"])
    night.wait(300)
    assert night.heard() == ["ito.mail first LT-201.HH", "ito.mail again LT-201.HH"]


def test_a_thread_is_gone_on_with_for_half_an_hour() -> None:
    night = Night()
    night.raises("LT-201.HH")
    night.acknowledges("LT-201.HH")
    night.returns("LT-201.HH")
    night.wait(THREAD_NS / SECOND - 1)
    night.raises("LT-201.HH")
    night.acknowledges("LT-201.HH")
    night.returns("LT-201.HH")
    night.wait(THREAD_NS / SECOND)
    night.wait(61)
    night.raises("LT-201.HH")
    assert night.heard() == [f"ito.mail {why} LT-201.HH" for why in ("first", "again", "first")]
    assert [one.message.opens for one in night.told] == [True, False, True]


def test_an_alarm_that_comes_and_goes_is_one_message_a_minute() -> None:
    night = Night()
    for _ in range(200):
        night.raises("LT-201.HH")
        night.wait(2)
        night.returns("LT-201.HH")
        night.wait(1)
    times = [one.at_ns for one in night.told]
    assert all(after - before >= MINUTE for before, after in pairwise(times))
    assert 5 <= len(times) <= 11


# --- the rate limit -------------------------------------------------------------------------------


def test_what_is_held_back_comes_as_one_summary_after_a_minute() -> None:
    night = alone()
    night.raises("TT-00001.H")
    for n in range(2, 40):
        night.raises(f"TT-{n:05d}.H")
        night.wait(1)
    assert night.heard() == ["sato.mail first TT-00001.H"]
    night.wait(60)
    summary = night.last
    assert (summary.why, summary.count, summary.held_back) == (Why.SUMMARY, 38, 38)
    assert len(summary.items) == ITEMS_MAX
    assert summary.because == "38 messages held back (one in 60 s)"
    assert night.told[-1].at_ns - night.told[0].at_ns == MINUTE


def test_one_message_that_was_held_back_comes_as_itself() -> None:
    night = alone()
    night.raises("TT-00001.H")
    night.wait(10)
    night.raises("TT-00002.H")
    night.wait(50)
    assert night.heard() == ["sato.mail first TT-00001.H", "sato.mail first TT-00002.H"]
    assert night.last.held_back == 0


def test_the_first_message_of_an_urgent_incident_is_never_held_back() -> None:
    night = alone()
    night.raises("TT-00001.H")
    for n in range(3):
        night.wait(1)
        night.raises(f"PT-0000{n}.HH")
    assert night.heard() == [
        "sato.mail first TT-00001.H",
        *(f"sato.mail first PT-0000{n}.HH" for n in range(3)),
    ]


def test_what_was_answered_while_it_was_held_back_is_not_told_but_counted() -> None:
    night = alone()
    night.raises("TT-00001.H")
    night.raises("TT-00002.H", "TT-00003.H")
    night.acknowledges("TT-00002.H")
    night.wait(60)
    assert night.heard() == ["sato.mail first TT-00001.H", "sato.mail first TT-00003.H"]
    night.wait(60)
    assert night.noted("not_told") == ["1 alarm not told: acknowledged by ito"]


# --- floods ---------------------------------------------------------------------------------------


def test_in_a_flood_all_that_comes_is_one_incident() -> None:
    night = alone()
    for n in range(12):
        night.raises(f"TT-{n:05d}.H")
    night.event("flood.began", "alarms", announced=12)
    night.wait(60)
    night.heard()
    night.raises(*(f"TT-{n:05d}.H" for n in range(100, 200)))
    night.wait(60)
    assert len(night.heard()) == 1
    assert (night.last.count, night.last.why) == (100, Why.FIRST)
    night.raises(*(f"TT-{n:05d}.H" for n in range(200, 250)))
    night.wait(60)
    assert (night.last.count, night.last.why) == (50, Why.MORE)
    assert not night.last.opens


def test_ten_urgent_alarms_of_a_flood_speak_at_once_the_rest_within_a_minute() -> None:
    night = alone()
    night.event("flood.began", "alarms", announced=11)
    for n in range(100):
        night.raises(f"PT-{n:05d}.HH")
    firsts = len(night.heard())
    assert firsts == URGENT_MAX + 1  # and the flood's own first message of priority 1
    night.wait(60)
    assert night.last.count == 100 - firsts


def test_what_a_flood_only_counted_is_told_when_it_is_over() -> None:
    night = Night("2026-11-24 10:00", alarms=[alarm(f"TT-{n:05d}.H", 3) for n in range(50)])
    night.event("flood.began", "alarms", announced=11)
    for n in range(50):
        night.event("alarm.raised", f"TT-{n:05d}.H", priority=3, withheld="flood")
    night.wait(600)
    assert night.heard() == []
    night.event("flood.ended", "alarms", grouped=50, announced=61, peak=61)
    assert night.last.count == 50
    assert (night.last.why, night.last.address) == (Why.SUMMARY, "room.chat")
    assert night.last.because == "the alarm flood is over: 50 alarms were counted in it, not announced"


def test_at_night_what_a_flood_counted_waits_for_the_digest() -> None:
    night = Night(alarms=[alarm(f"TT-{n:05d}.H", 3) for n in range(50)])
    night.event("flood.began", "alarms", announced=11)
    for n in range(50):
        night.event("alarm.raised", f"TT-{n:05d}.H", priority=3, withheld="flood")
    night.event("flood.ended", "alarms", grouped=50, announced=61, peak=61)
    assert night.heard() == []
    night.until("2026-11-24 08:00")
    assert (night.last.why, night.last.count) == (Why.DIGEST, 50)


def test_too_many_incidents_become_one_and_every_alarm_is_counted() -> None:
    night = alone(killed=False)
    night.raises(*(f"TT-{n:05d}.H" for n in range(1000)))
    night.wait(60)
    assert sum(one.message.count for one in night.told) == 1000
    assert night.machine.counters["incidents"] == INCIDENTS_MAX + 1


def test_incidents_about_which_nothing_is_to_be_done_make_room() -> None:
    night = alone(killed=False)
    for n in range(INCIDENTS_MAX + 20):
        night.raises(f"TT-{n:05d}.H")
        night.acknowledges(f"TT-{n:05d}.H")
    assert night.machine.counters["incidents"] == INCIDENTS_MAX
    assert night.machine.counters["incidents_evicted"] == 20


def test_alarms_that_nobody_ever_answers_do_not_use_up_the_room() -> None:
    """A list full of old alarms must not make a new urgent one part of something else."""
    night = alone(killed=False)
    for n in range(INCIDENTS_MAX + 50):
        night.raises(f"TT-{n:05d}.H")
        night.wait(61)
    night.heard()
    night.raises("PT-00001.HH")
    assert night.heard() == ["sato.mail first PT-00001.HH"]
    assert night.last.opens
    assert night.machine.counters["incidents"] <= INCIDENTS_MAX + 1


def test_two_hundred_incidents_that_want_an_answer_leave_room_for_an_urgent_one() -> None:
    routes = with_routes(Route("all", steps=(Step(("sato",), repeat_s=60.0),)))
    night = Night(routes=routes, alarms=[*MANY, *URGENT_MANY], killed=False)
    night.raises(*(f"TT-{n:05d}.H" for n in range(INCIDENTS_MAX + 5)))
    night.heard()
    night.raises("PT-00001.HH")
    assert night.heard() == ["sato.mail first PT-00001.HH"]


# --- ways that fail -------------------------------------------------------------------------------


def test_an_address_that_is_refused_for_good_is_replaced_at_once_and_told_of() -> None:
    night = Night()
    night.refusing = {"ito.mail"}
    night.raises("LT-201.HH")
    assert (
        night.heard()
        == [
            "ito.chat first LT-201.HH",
            "bauer.mail trouble",
        ]
        or night.told[0].text == "bauer.mail trouble"
    )
    assert "550 no such mailbox" in night.of(Why.FIRST)[0].because
    assert night.of(Why.TROUBLE)[0].because == "ito.mail refuses us: 550 no such mailbox"


def test_a_mail_server_that_is_away_is_told_of_once_by_another_way() -> None:
    night = Night()
    night.broken = {"mail"}
    night.raises("LT-201.HH")
    for _ in range(4):
        night.wait(60)
        night.tries_again()
    assert night.heard() == []
    night.wait(60)
    night.tries_again()
    assert sorted(night.heard()) == ["bauer.chat trouble", "ito.chat first LT-201.HH"]
    for _ in range(20):
        night.wait(60)
        night.tries_again()
    assert len(night.of(Why.TROUBLE)) == 1
    night.broken = set()
    night.tries_again()
    assert len(night.noted("recovered")) == 1


def test_a_mail_server_that_comes_and_goes_is_told_of_once_an_hour() -> None:
    night = Night()
    for _ in range(9):
        night.refusing = {"ito.mail"}
        night.do(night.machine.test(["ito"], night.now_ns))
        night.refusing = set()
        night.do(night.machine.test(["ito"], night.now_ns))
        night.wait(600)
    assert len(night.noted("recovered")) == 9
    assert len(night.of(Why.TROUBLE)) == 2


def test_while_a_way_is_known_to_fail_the_next_is_taken_at_the_first_failure() -> None:
    night = alone(killed=True)
    night.broken = {"mail"}
    night.raises("TT-00001.H")
    night.wait(301)
    night.tries_again()
    night.wait(60)
    night.heard()
    night.raises("TT-00002.H")
    assert night.heard() == ["sato.chat first TT-00002.H"]


def test_what_arrived_by_another_way_is_withdrawn_where_it_waits() -> None:
    night = alone()
    night.broken = {"mail"}
    night.raises("TT-00001.H")
    waiting = next(iter(night.under_way))
    night.wait(301)
    night.tries_again()
    assert waiting in night.withdrawn
    assert [one for one in night.under_way.values() if one.recipient == "sato"] == []


def test_a_priority_1_under_way_is_not_withdrawn_by_an_answer() -> None:
    night = Night()
    night.broken = {"mail"}
    night.raises("LT-201.HH")
    night.acknowledges("LT-201.HH", by="bauer")
    assert night.withdrawn == []
    night.broken = set()
    night.tries_again()
    assert "ito.mail first LT-201.HH" in night.heard()


def test_an_answer_withdraws_what_asks_for_one_and_has_not_left() -> None:
    night = alone()
    night.broken = {"mail"}
    night.raises("TT-00001.H")
    night.acknowledges("TT-00001.H")
    assert len(night.withdrawn) == 1
    night.broken = set()
    night.wait(3600)
    assert night.heard() == []


def test_who_cannot_be_reached_at_all_does_not_keep_the_next_waiting() -> None:
    night = Night()
    night.refusing = {"ito.mail", "ito.chat"}
    night.raises("LT-201.HH")
    assert {"bauer.mail escalated LT-201.HH", "bauer.chat escalated LT-201.HH"} <= set(night.heard())
    assert night.noted("unreachable") == ["ito cannot be reached at any address: 550 no such mailbox"]


def test_a_priority_1_that_reaches_nobody_and_has_no_next_step_goes_to_those_in_trouble() -> None:
    night = Night(routes=with_routes(Route("only sato", steps=(Step(("sato",)),))))
    night.refusing = {"sato.mail", "sato.chat"}
    night.raises("LT-201.HH")
    assert "bauer.mail escalated LT-201.HH" in night.heard()
    assert night.of(Why.ESCALATED)[0].because == "sato cannot be reached at any address"


def test_one_bad_mailbox_does_not_wake_the_next_when_another_was_told() -> None:
    night = Night(
        routes=with_routes(Route("two", steps=(Step(("sato", "ito")), Step(("room",), after_s=600))))
    )
    night.refusing = {"sato.mail", "sato.chat"}
    night.raises("LT-201.HH")
    night.wait(120)
    assert [line for line in night.heard() if "trouble" not in line] == ["ito.mail first LT-201.HH"]


def test_a_dead_server_does_not_pile_up_reminders() -> None:
    night = Night(routes=replace(ROUTES, undeliverable_after_s=1e9))
    night.broken = {"mail", "chat"}
    night.raises("LT-201.HH")
    night.wait(24 * 3600)
    assert len(night.under_way) == 3  # ito's, and bauer's two
    night.broken = set()
    night.tries_again()
    assert len(night.heard()) == 3


def test_what_a_dead_server_holds_up_is_bounded_and_comes_as_one_summary() -> None:
    night = alone(killed=False)
    night.machine = night.machine.__class__(replace(EVERYBODY, undeliverable_after_s=1e9), night.known)
    night.broken = {"mail"}
    for n in range(200):
        night.raises(f"TT-{n:05d}.H")
        night.wait(61)
    assert len(night.under_way) == 20
    night.broken = set()
    night.tries_again()
    night.wait(61)
    assert sum(one.message.count for one in night.told) == 200


def test_a_test_goes_to_every_address_and_to_no_other_in_their_place() -> None:
    night = Night()
    night.refusing = {"sato.mail"}
    night.do(night.machine.test(["sato"], night.now_ns))
    night.go()
    assert sorted(night.heard()) == ["bauer.mail trouble", "sato.chat test"]
    with pytest.raises(KeyError):
        night.machine.test(["nobody"], night.now_ns)


def test_trouble_that_nobody_can_be_told_of_is_noted() -> None:
    night = Night(routes=replace(ROUTES, trouble=("room",)))
    night.refusing = {"room.chat"}
    night.do(night.machine.test(["room"], night.now_ns))
    assert night.noted("trouble_untold") == [
        "room has no other way to be told: room.chat refuses us: 550 no such mailbox"
    ]


# --- time -----------------------------------------------------------------------------------------


def test_at_the_first_start_news_of_long_ago_is_not_told() -> None:
    night = Night()
    night.records("alarm.raised", "LT-201.HH", at_ns=night.now_ns - 16 * MINUTE, priority=1, announce="first")
    night.records("alarm.raised", "PT-204.HH", at_ns=night.now_ns - 14 * MINUTE, priority=1, announce="first")
    night.go()
    assert night.heard() == ["ito.mail first PT-204.HH"]


def late(night: Night, down_s: float) -> None:
    """The process was down; what happened meanwhile is read now."""
    night.restart()
    night.now_ns += round(down_s * SECOND)


def test_after_an_outage_what_stands_unanswered_is_told_however_old() -> None:
    night = Night()
    night.raises("TT-302.H")
    night.acknowledges("TT-302.H")
    since = night.now_ns
    late(night, 5 * 3600)
    night.records("alarm.raised", "LT-201.HH", at_ns=since + HOUR, priority=1, announce="first")
    night.go()
    assert night.heard() == ["ito.mail first LT-201.HH"]
    night.wait(599)
    assert night.heard() == ["ito.mail again LT-201.HH"]  # the second step counts from now


@pytest.mark.parametrize(
    ("name", "answer", "told"),
    [
        ("LT-201.HH", "alarm.returned", True),
        ("LT-201.HH", "alarm.acknowledged", False),
        ("TT-301.H", "alarm.returned", False),
        ("TT-301.H", "alarm.acknowledged", False),
    ],
)
def test_what_came_and_went_while_the_process_was_down(name: str, answer: str, told: bool) -> None:
    """A priority 1 that nobody answered is told although it has returned; everything else is counted."""
    night = Night()
    night.raises("TT-302.H")
    night.acknowledges("TT-302.H")
    since = night.now_ns
    late(night, 3600)
    night.records(
        "alarm.raised", name, at_ns=since + MINUTE, priority=night.known[name].priority, announce="first"
    )
    night.records(answer, name, at_ns=since + 20 * MINUTE, how="returned", trunk=True, user="ito")
    night.go()
    night.wait(61)
    assert night.heard() == (["ito.mail first LT-201.HH"] if told else [])
    if told:
        assert night.last.items[0].state == "returned"
        night.wait(7200)
        assert night.heard() == []


def test_a_clock_set_back_puts_nothing_off() -> None:
    night = Night()
    night.raises("LT-201.HH")
    night.wait(200)
    night.now_ns -= HOUR
    night.do(night.machine.advance(night.now_ns))
    night.wait(100)
    assert night.heard() == ["ito.mail first LT-201.HH", "ito.mail again LT-201.HH"]
    night.wait(300)
    assert "bauer.mail escalated LT-201.HH" in night.heard()


def test_a_clock_that_was_years_ahead_for_a_moment_leaves_nothing_behind() -> None:
    night = Night()
    night.raises("TT-301.H")
    night.wait(30)
    for years in (10, -10):
        night.now_ns += years * 365 * 24 * HOUR
        night.do(night.machine.advance(night.now_ns))
    night.heard()
    night.raises("LT-201.HH")
    night.wait(301)
    assert night.heard() == ["ito.mail first LT-201.HH", "ito.mail again LT-201.HH"]


def test_an_event_from_the_future_is_told_now() -> None:
    night = Night()
    night.records("alarm.raised", "TT-301.H", at_ns=night.now_ns + 24 * HOUR, priority=2, announce="first")
    night.wait(60)
    assert night.heard() == ["ito.mail first TT-301.H"]


# --- a change of routes.yaml ----------------------------------------------------------------------


def test_an_incident_goes_on_under_new_routes() -> None:
    night = Night()
    night.raises("LT-201.HH")
    night.heard()
    steps = (Step(("bauer",), repeat_s=120.0),)
    night.restart(with_routes(Route("only", Match(), steps)))
    night.wait(1)
    assert night.heard() == ["bauer.mail first LT-201.HH"]
    night.acknowledges("LT-201.HH", by="bauer")
    night.wait(3600)
    assert night.heard() == []


def test_a_person_who_is_gone_takes_nothing_along_but_a_note() -> None:
    night = alone()
    night.broken = {"mail"}
    night.raises("TT-00001.H")
    night.raises("TT-00002.H")
    gone = tuple(one for one in ROUTES.recipients if one is not SATO)
    route = Route("all to sato", steps=(Step(("bauer",)),))
    rota = replace(ROUTES.rotas[0], shifts=())
    night.restart(replace(EVERYBODY, recipients=gone, routes=(route,), rotas=(rota,)))
    night.broken = set()
    night.wait(61)
    assert len(night.withdrawn) == 1
    assert len(night.noted("dropped")) == 2


def test_a_route_with_fewer_steps_does_not_trip_over_old_ones() -> None:
    night = Night()
    night.raises("LT-201.HH")
    night.wait(700)
    night.heard()
    shorter = replace(URGENT, steps=(Step(("sato",), repeat_s=100.0),))
    night.restart(with_routes(shorter))
    night.wait(300)
    assert set(night.heard()) == {"sato.mail first LT-201.HH", "sato.mail again LT-201.HH"}
    assert night.noted("dropped") == []


def test_an_alarm_whose_route_is_gone_for_good_is_noted_and_trips_nobody_up() -> None:
    night = Night()
    night.raises("LT-201.HH", "TT-303.H")
    night.wait(130)
    night.restart(replace(ROUTES, routes=(Route("silent"), Route("advice", Match(tags=("none",))))))
    for kind in ("alarm.acknowledged", "alarm.shelved", "alarm.unshelved"):
        night.event(kind, "LT-201.HH", user="ito", trunk=True)
    night.returns("LT-201.HH", "TT-303.H")
    night.event("alarm.raised", "LT-201.HH", priority=1, withheld="flood")
    night.wait(24 * 3600)
    assert "2 alarms not told: no route of routes.yaml fits" in night.noted("not_told")
