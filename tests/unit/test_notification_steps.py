"""Who is woken, who is woken next, and what ends it: stories of one night."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.messages import Why
from alarms.routes import Match, Route, Step, Stop, Times, Way
from tests.unit.night_shift import Night
from tests.unit.notify_plant import ROUTES, URGENT, at, with_routes

# On 2026-11-24 ito has the duty (turns change on Mondays at nine).


def test_the_one_on_duty_is_woken_at_once_by_the_first_address() -> None:
    night = Night("2026-11-18 03:00")
    night.raises("LT-201.HH")
    assert night.heard() == ["sato.mail first LT-201.HH"]
    message = night.last
    assert message.opens
    assert message.priority == message.count == 1
    assert message.items[0].text == "LT-201.HH is beyond"
    assert message.because == "step 1 of route urgent"


def test_without_an_answer_it_is_said_again_and_then_to_the_next_by_all_ways() -> None:
    night = Night()
    night.raises("LT-201.HH")
    assert night.heard() == ["ito.mail first LT-201.HH"]
    night.wait(299)
    assert night.heard() == []
    night.wait(1)
    assert night.heard() == ["ito.mail again LT-201.HH"]
    assert not night.last.opens
    night.wait(300)
    assert night.heard() == [
        "bauer.mail escalated LT-201.HH",
        "bauer.chat escalated LT-201.HH",
        "ito.mail again LT-201.HH",
    ]
    assert night.of(Why.ESCALATED)[0].because == "step 2 of route urgent: no answer for 10 min"
    night.wait(300)
    assert night.heard() == ["ito.mail again LT-201.HH"]


def test_whoever_answers_ends_it_and_the_others_hear_who() -> None:
    night = Night()
    night.raises("LT-201.HH")
    night.wait(601)
    night.heard()
    night.wait(100)
    night.acknowledges("LT-201.HH", by="bauer")
    assert night.heard() == ["ito.mail answered LT-201.HH"]
    assert night.last.because == "acknowledged by bauer"
    assert night.last.items[0].state == "acknowledged"
    assert night.last.items[0].data["acknowledged_by"] == "bauer"
    night.wait(7200)
    assert night.heard() == []


def test_who_was_alone_and_answers_is_left_in_peace() -> None:
    night = Night()
    night.raises("LT-201.HH")
    night.acknowledges("LT-201.HH", by="ito")
    night.wait(7200)
    assert night.heard() == ["ito.mail first LT-201.HH"]
    assert night.noted("stopped") == ["LT-201.HH: nobody is told any more: acknowledged by ito"]


@pytest.mark.parametrize("returns_after_s", [0, 59])
def test_what_returns_within_the_delay_wakes_nobody_and_is_counted(returns_after_s: float) -> None:
    night = Night()
    night.raises("TT-301.H")
    night.wait(returns_after_s)
    night.returns("TT-301.H")
    night.wait(600)
    assert night.heard() == []
    assert night.noted("not_told") == ["1 alarm not told: returned"]


def test_another_that_comes_within_the_delay_has_a_delay_of_its_own() -> None:
    night = Night()
    night.raises("TT-301.H", incident="")
    night.wait(50)
    night.raises("TT-302.H")
    night.returns("TT-301.H")
    night.wait(59)
    assert night.heard() == []
    night.wait(1)
    assert night.heard() == ["ito.mail first TT-302.H"]


def test_return_is_told_where_the_route_says_so() -> None:
    night = Night()
    night.raises("TT-301.H")
    night.wait(61)
    assert night.heard() == ["ito.mail first TT-301.H"]
    night.wait(60)
    night.returns("TT-301.H")
    assert night.heard() == ["ito.mail returned TT-301.H"]
    night.wait(7200)
    assert night.heard() == []


def stopping(*stop: Stop) -> Night:
    route = replace(URGENT, match=Match(), stop=frozenset(stop))
    return Night(routes=with_routes(route))


@pytest.mark.parametrize(
    ("stop", "what", "ended"),
    [
        (Stop.ACKNOWLEDGED, "acknowledged", True),
        (Stop.ACKNOWLEDGED, "returned", False),
        (Stop.ACKNOWLEDGED, "shelved", False),
        (Stop.RETURNED, "acknowledged", False),
        (Stop.RETURNED, "returned", True),
        (Stop.RETURNED, "latched", False),
        (Stop.RETURNED, "shelved", False),
        (Stop.SHELVED, "acknowledged", False),
        (Stop.SHELVED, "returned", False),
        (Stop.SHELVED, "shelved", True),
        (Stop.SHELVED, "out of service", True),
        (Stop.SHELVED, "suppressed", True),
        (Stop.SHELVED, "acknowledged and returned", True),
        (Stop.RETURNED, "removed", True),
    ],
)
def test_each_route_says_what_ends_it(stop: Stop, what: str, ended: bool) -> None:
    night = stopping(stop)
    night.raises("TT-301.H")
    night.heard()
    if "acknowledged" in what:
        night.acknowledges("TT-301.H")
    if "returned" in what or what == "latched":
        night.returns("TT-301.H", how="returned, latching" if what == "latched" else "returned")
    if what in {"shelved", "suppressed", "out of service"}:
        kind = what.replace(" ", "_")
        night.event(f"alarm.{kind}", "TT-301.H", user="ito")
    if what == "removed":
        night.event("alarms.configured", "alarms", removed=["TT-301.H"], added=[])
    night.heard()
    night.wait(1000)
    assert bool(night.heard()) is not ended


def test_a_shelf_that_ends_while_the_alarm_stands_begins_anew() -> None:
    night = Night()
    night.raises("TT-301.H")
    night.wait(61)
    night.event("alarm.shelved", "TT-301.H", user="ito")
    night.wait(3600)
    assert night.heard() == ["ito.mail first TT-301.H"]
    night.event("alarm.unshelved", "TT-301.H", user="", by="expiry")
    night.event("alarm.announced", "TT-301.H", rearm=True, priority=2, announce="uncovered")
    night.wait(61)
    assert night.heard() == ["ito.mail again TT-301.H"]


def test_people_who_stop_half_way_are_not_told_twice_in_one_moment() -> None:
    """The duty falls to the one whom the next step names: one person, one message."""
    steps = (Step(("bauer",)), Step(("bauer", "room")))
    night = Night(routes=with_routes(replace(URGENT, match=Match(), steps=steps)))
    night.raises("LT-201.HH")
    night.wait(300)
    assert night.heard() == ["bauer.mail first LT-201.HH", "room.chat escalated LT-201.HH"]


def test_nobody_on_duty_means_the_next_step_at_once_and_a_note() -> None:
    night = Night("2026-10-30 03:00")  # before the first turn of the rota
    night.raises("LT-201.HH")
    assert night.heard() == ["bauer.mail escalated LT-201.HH", "bauer.chat escalated LT-201.HH"]
    assert night.noted("hole") == [
        "step 1 of route urgent: nobody is on duty (technician), so the next comes at once"
    ]


def test_a_priority_1_that_no_step_can_tell_goes_to_those_in_trouble() -> None:
    route = replace(URGENT, steps=(Step(("technician",)), Step(("technician",), after_s=600.0)))
    night = Night("2026-10-30 03:00", with_routes(route))
    night.raises("LT-201.HH")
    assert night.heard() == ["bauer.mail escalated LT-201.HH"]
    assert night.noted("nobody") == ["nobody was on duty in any step of route urgent"]


def test_a_step_of_office_hours_is_passed_over_at_night() -> None:
    steps = (Step(("room",), times="office"), Step(("sato",), after_s=60.0))
    routes = with_routes(replace(URGENT, match=Match(), steps=steps))
    day, night = Night("2026-11-24 10:00", routes), Night("2026-11-24 03:00", routes)
    for one in (day, night):
        one.raises("LT-201.HH")
        one.wait(59)
    assert day.heard() == ["room.chat first LT-201.HH"]
    assert night.heard() == []
    night.wait(1)
    assert night.heard() == ["sato.mail escalated LT-201.HH"]


def test_repeats_end_when_they_are_counted() -> None:
    steps = (Step(("sato",), repeat_s=60.0, repeats=2),)
    night = Night(routes=with_routes(replace(URGENT, match=Match(), steps=steps)))
    night.raises("LT-201.HH")
    night.wait(3600)
    assert night.heard() == ["sato.mail first LT-201.HH"] + ["sato.mail again LT-201.HH"] * 2


def test_a_change_of_duty_during_an_incident_reaches_who_has_it_now() -> None:
    night = Night("2026-11-23 08:52")
    night.raises("LT-201.HH")
    night.until("2026-11-23 09:03")
    assert night.heard() == [
        "sato.mail first LT-201.HH",
        "sato.mail again LT-201.HH",
        "bauer.mail escalated LT-201.HH",
        "bauer.chat escalated LT-201.HH",
        "ito.mail first LT-201.HH",
    ]
    assert night.last.opens


def test_what_no_route_fits_and_what_has_no_steps_is_counted_not_told() -> None:
    silent = Route("silent", Match(tags=("TT-30*",)))
    night = Night(routes=replace(ROUTES, routes=(silent,)))
    night.raises("TT-301.H", "LT-201.HH")
    night.wait(61)
    assert night.heard() == []
    assert night.noted("not_told") == [
        "1 alarm not told: route silent has no steps",
        "1 alarm not told: no route fits",
    ]


def test_an_alarm_that_the_configuration_does_not_have_is_told_all_the_same() -> None:
    night = Night()
    night.event("alarm.raised", "XX-999.HH", "news", priority=1, announce="first")
    assert night.heard() == ["ito.mail first XX-999.HH"]
    assert night.machine.counters["alarms_unknown"] == 1


def test_a_step_names_the_ways_and_who_has_none_of_them_is_told_by_the_first() -> None:
    steps = (Step(("sato", "room"), ways=(Way.MQTT,)),)
    night = Night(routes=with_routes(replace(URGENT, match=Match(), steps=steps)))
    night.raises("LT-201.HH")
    assert night.heard() == ["sato.mail first LT-201.HH", "room.chat first LT-201.HH"]


def test_quiet_times_keep_advice_for_the_digest_of_the_morning() -> None:
    night = Night()
    night.raises("TT-303.H", "TT-304.H")
    night.wait(3600)
    night.returns("TT-304.H")
    assert night.heard() == []
    night.until("2026-11-24 07:59")
    assert night.heard() == []
    night.until("2026-11-24 08:00")
    assert night.heard() == ["room.chat digest TT-303.H TT-304.H"]
    assert [item.state for item in night.last.items] == ["active", "returned"]
    assert night.last.because == "digest of route advice: 2 alarms in quiet times"
    night.wait(24 * 3600)
    assert night.heard() == []


def test_what_returns_within_its_delay_is_not_in_the_digest_either() -> None:
    night = Night()
    night.raises("TT-303.H", incident="e1")
    night.wait(100)
    night.raises("TT-304.H", incident="e1")
    night.wait(100)
    night.returns("TT-304.H")
    night.until("2026-11-24 08:00")
    assert night.heard() == ["room.chat digest TT-303.H"]


def test_priority_1_knows_no_quiet_times() -> None:
    route = replace(URGENT, quiet="night", quiet_priorities=frozenset({1, 2, 3}))
    night = Night(routes=with_routes(route))
    night.raises("LT-201.HH")
    assert night.heard() == ["ito.mail first LT-201.HH"]


def test_what_began_by_day_and_nobody_answered_is_kept_when_it_gets_quiet() -> None:
    steps = (Step(("room",), repeat_s=1800.0),)
    route = Route("advice", Match(), steps, quiet="night")
    night = Night("2026-11-24 16:45", with_routes(route, times=(*ROUTES.times, Times("x"))))
    night.raises("TT-303.H")
    night.until("2026-11-25 08:00")
    assert night.heard() == ["room.chat first TT-303.H", "room.chat digest TT-303.H"]
    assert night.told[-1].at_ns == at("2026-11-25 08:00")
