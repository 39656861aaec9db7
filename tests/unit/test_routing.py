"""Which route an alarm takes, and the plan that `heloop notify explain` prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.messages import retry_s
from alarms.model import Alarm
from alarms.routes import Match, Route, Routes, Step, Way
from alarms.routing import all_routes, fits, path_of, plan, route_of, spoken_s, targets
from tests.unit.notify_plant import MINUTE, ROUTES, SECOND, alarm, at, with_routes

HH, H = alarm("LT-201.HH", 1, "recovery"), alarm("LT-201.H", 3, "recovery")
COLD = alarm("TT-301.H", 2, "liquefier", alarm_class="instrument")


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        (Match(), [HH, H, COLD]),
        (Match(areas=frozenset({"recovery"})), [HH, H]),
        (Match(priorities=frozenset({1, 2})), [HH, COLD]),
        (Match(classes=frozenset({"instrument"})), [COLD]),
        (Match(tags=("LT-201.*",)), [HH, H]),
        (Match(tags=("*.HH", "TT-*")), [HH, COLD]),
        (Match(areas=frozenset({"recovery"}), priorities=frozenset({3})), [H]),
        (Match(areas=frozenset({"recovery"}), tags=("TT-*",)), []),
    ],
)
def test_a_route_takes_what_meets_all_its_conditions(match: Match, taken: list[Alarm]) -> None:
    assert [one for one in (HH, H, COLD) if fits(match, one)] == taken


def tree(*branches: Route) -> Routes:
    return replace(ROUTES, routes=branches)


def test_the_first_branch_that_fits_decides_down_to_its_last_child() -> None:
    deep = Route("deep", Match(priorities=frozenset({1})))
    cold = Route("cold", Match(areas=frozenset({"liquefier"})))
    rest = Route("rest", children=(Route("tag", Match(tags=("LT-*",)), children=(deep,)), deep))
    routes = tree(cold, rest)
    assert [route.name for route in path_of(routes, HH)] == ["rest", "tag", "deep"]
    assert [route.name for route in path_of(routes, H)] == ["rest", "tag"]
    assert [route.name for route in path_of(routes, COLD)] == ["cold"]
    assert [route.name for route in all_routes(routes)] == ["cold", "rest", "tag", "deep", "deep"]


def test_what_no_branch_fits_has_no_route() -> None:
    assert route_of(tree(Route("cold", Match(areas=frozenset({"liquefier"})))), HH) is None


def test_the_plan_names_people_addresses_and_times() -> None:
    now_ns = at("2026-11-24 03:00")
    found = plan(ROUTES, HH, now_ns)
    assert found.path == ("all", "urgent")
    assert [(step.number, (step.at_ns - now_ns) // SECOND) for step in found.steps] == [(1, 0), (2, 600)]
    told = [
        [(one.recipient.name, [a.id for a in one.addresses], one.by) for one in s.told] for s in found.steps
    ]
    assert told == [[("ito", ["ito.mail"], "technician")], [("bauer", ["bauer.mail", "bauer.chat"], "")]]
    assert found.why_not == ""


def test_the_plan_of_advice_at_night_is_the_digest() -> None:
    found = plan(ROUTES, H, at("2026-11-24 03:00"))
    assert found.digest_ns == at("2026-11-24 08:00")
    assert found.why_not == "it is quiet (night): kept for the digest of 2026-11-24 08:00"
    by_day = plan(ROUTES, H, at("2026-11-24 10:00"))
    assert by_day.digest_ns is None
    assert by_day.steps[0].at_ns == at("2026-11-24 10:02")


@pytest.mark.parametrize(
    ("routes", "one", "why_not"),
    [
        (tree(), HH, "no route fits it, so nobody is told"),
        (tree(Route("silent")), HH, "route silent has no steps: nobody is told"),
        (ROUTES, replace(HH, enabled=False), "the alarm is disabled in the configuration"),
        (
            with_routes(Route("hole", steps=(Step(("technician",)),))),
            HH,
            "nobody is on duty in any step: priority 1, so bauer is told (trouble)",
        ),
        (with_routes(Route("hole", steps=(Step(("technician",)),))), COLD, "nobody is on duty in any step"),
    ],
)
def test_the_plan_says_why_nobody_is_told(routes: Routes, one: Alarm, why_not: str) -> None:
    assert plan(routes, one, at("2026-10-30 03:00")).why_not == why_not


def test_the_plan_passes_over_what_is_not_now_and_does_not_wait_at_a_hole() -> None:
    steps = (
        Step(("sato",), times="office"),
        Step(("technician",), after_s=60.0),
        Step(("ito",), after_s=600.0),
    )
    found = plan(with_routes(Route("all but", steps=steps)), HH, at("2026-10-30 03:00"))
    assert [step.why_not for step in found.steps] == [
        "only in office, passed over",
        "nobody is on duty, so the next step comes at once",
        "",
    ]
    assert [(step.at_ns - at("2026-10-30 03:00")) // MINUTE for step in found.steps] == [0, 1, 1]


def test_a_person_named_twice_is_told_once_by_the_ways_of_the_step() -> None:
    step = Step(("technician", "ito", "room"), ways=(Way.CHAT,))
    found = targets(ROUTES, step, at("2026-11-24 03:00"))
    assert [(one.recipient.name, [a.id for a in one.addresses], one.by) for one in found] == [
        ("ito", ["ito.chat"], "technician"),
        ("room", ["room.chat"], ""),
    ]


def test_lengths_of_time_are_spoken() -> None:
    assert [spoken_s(one) for one in (45, 119.5, 120, 600, 5400, 7200, 90000)] == [
        "45 s",
        "119.5 s",
        "2 min",
        "10 min",
        "90 min",
        "2 h",
        "25 h",
    ]


def test_retries_double_up_to_five_minutes() -> None:
    assert [retry_s(n) for n in (0, 1, 2, 3, 6, 7, 1000)] == [5, 5, 10, 20, 160, 300, 300]
