"""Who is on duty: turns, covers, holidays, holes, and the two nights of the year that are not 24 h."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from alarms.rota import holes, in_times, instant_ns, local, next_instant_ns, on_duty, spans
from alarms.routes import Cover, Rota, Shift, Times
from tests.unit.notify_plant import BERLIN, HOUR, MINUTE, NIGHT, OFFICE, ROTA, ROUTES, SECOND, at

SPRING, AUTUMN = date(2027, 3, 28), date(2026, 10, 25)


def duty(text: str, rota: Rota = ROTA) -> tuple[str, ...]:
    return on_duty(ROUTES, rota, at(text))


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-11-02 08:59", ()),  # before the first turn of all
        ("2026-11-02 09:00", ("sato",)),
        ("2026-11-09 08:59", ("sato",)),
        ("2026-11-09 09:00", ("ito",)),
        ("2026-11-16 09:00", ("sato",)),
        ("2027-03-29 08:59", ("sato",)),  # over the change of the clocks
        ("2027-03-29 09:00", ("ito",)),
    ],
)
def test_the_duty_changes_on_monday_at_nine(when: str, who: tuple[str, ...]) -> None:
    assert duty(when) == who


def test_who_stands_in_has_the_duty_to_the_second() -> None:
    cover = Cover(at("2026-11-10 12:00"), at("2026-11-11 12:00"), ("bauer",))
    rota = replace(ROTA, covers=(Cover(0, 1 << 62, ()), cover))
    assert on_duty(ROUTES, rota, cover.from_ns - 1) == ("ito",)
    assert on_duty(ROUTES, rota, cover.from_ns) == ("bauer",)
    assert on_duty(ROUTES, rota, cover.to_ns - 1) == ("bauer",)
    assert on_duty(ROUTES, rota, cover.to_ns) == ("ito",)


@pytest.mark.parametrize(
    ("when", "office"),
    [
        ("2026-11-23 07:59", False),
        ("2026-11-23 08:00", True),
        ("2026-11-23 16:59", True),
        ("2026-11-23 17:00", False),
        ("2026-11-22 12:00", False),  # Sunday
        ("2026-12-25 12:00", False),  # Christmas, a Friday
    ],
)
def test_office_hours_end_on_holidays_and_night_is_the_rest(when: str, office: bool) -> None:
    assert in_times(ROUTES, "office", at(when)) is office
    assert in_times(ROUTES, "night", at(when)) is not office
    assert in_times(ROUTES, "", at(when))


@pytest.mark.parametrize(
    ("holidays", "days", "christmas", "thursday"),
    [(None, range(5), True, True), (True, range(7), True, False), (False, range(5), False, True)],
)
def test_holidays_are_any_day_or_left_out_or_alone(
    holidays: bool | None, days: range, christmas: bool, thursday: bool
) -> None:
    routes = replace(ROUTES, times=(Times("some", frozenset(days), holidays=holidays),))
    assert in_times(routes, "some", at("2026-12-25 12:00")) is christmas
    assert in_times(routes, "some", at("2026-12-24 12:00")) is thursday


def test_a_friday_night_lasts_into_saturday() -> None:
    routes = replace(ROUTES, times=(Times("friday night", frozenset({4}), 22 * 60, 6 * 60),))
    inside = ["2026-11-27 22:00", "2026-11-28 05:59"]
    outside = ["2026-11-27 05:59", "2026-11-27 21:59", "2026-11-28 06:00", "2026-11-28 22:00"]
    assert [in_times(routes, "friday night", at(when)) for when in inside + outside] == [True] * 2 + [
        False
    ] * 4


def test_half_past_two_exists_on_the_day_that_does_not_have_it() -> None:
    change = instant_ns(BERLIN, SPRING, 150)
    assert change == at("2027-03-28 03:00") == at("2027-03-28 01:59:59") + SECOND
    assert instant_ns(BERLIN, SPRING, 120) == change
    assert instant_ns(BERLIN, SPRING, 180) == change
    assert instant_ns(BERLIN, SPRING, 190) == change + 10 * MINUTE
    assert instant_ns(BERLIN, SPRING - timedelta(days=1), 24 * 60 + 150) == change


def test_half_past_two_comes_once_on_the_day_that_has_it_twice() -> None:
    first = instant_ns(BERLIN, AUTUMN, 150)
    assert first == at("2026-10-25 02:30")
    assert at("2026-10-25 02:30", fold=1) == first + HOUR
    assert next_instant_ns(ROUTES, 150, first - 1) == first
    assert next_instant_ns(ROUTES, 150, first) == at("2026-10-26 02:30")


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_a_daily_minute_comes_once_a_day_whatever_the_clocks_do(day: date) -> None:
    now_ns = instant_ns(BERLIN, day - timedelta(days=2), 150)
    came = []
    for _ in range(4):
        now_ns = next_instant_ns(ROUTES, 150, now_ns)
        came.append(now_ns)
    assert [local(ROUTES, one).date() for one in came] == [day + timedelta(days=n) for n in range(-1, 3)]


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 0.5), (AUTUMN, 1.0), (date(2026, 11, 23), 1.0)])
def test_a_shift_from_half_past_one_to_half_past_two_has_no_gap_and_no_second_start(
    day: date, hours: float
) -> None:
    early = Times("early", frozenset(range(7)), 90, 150)
    routes = replace(ROUTES, times=(early,))
    rota = Rota("r", (Shift("early", ("ito",)), Shift("", ("sato",))))
    midnight = instant_ns(BERLIN, day, 0)
    found = spans(routes, rota, midnight, instant_ns(BERLIN, day, 24 * 60))
    assert [span.people for span in found] == [("sato",), ("ito",), ("sato",)]
    assert (found[1].to_ns - found[1].from_ns) / HOUR == hours
    assert found[0].from_ns == midnight
    assert found[-1].to_ns - midnight == {SPRING: 23, AUTUMN: 25}.get(day, 24) * HOUR


def test_a_weekend_that_nobody_has_is_a_hole_to_the_minute() -> None:
    week = Times("week", frozenset(range(5)))
    rota = Rota("r", (Shift("week", ("sato",)),))
    routes = replace(ROUTES, times=(week, OFFICE, NIGHT))
    found = holes(routes, rota, at("2026-11-23 00:00"), at("2026-11-30 00:00"))
    assert [(one.from_ns, one.to_ns) for one in found] == [(at("2026-11-28 00:00"), at("2026-11-30 00:00"))]


def test_a_night_that_may_be_empty_is_no_hole_but_is_shown() -> None:
    rota = Rota("r", (Shift("office", ("sato",)),), hole_ok="night")
    from_ns, to_ns = at("2026-11-23 00:00"), at("2026-11-24 00:00")
    assert holes(ROUTES, rota, from_ns, to_ns) == []
    assert [(span.people, span.hole_ok) for span in spans(ROUTES, rota, from_ns, to_ns)] == [
        ((), True),
        (("sato",), False),
        ((), True),
    ]


def test_spans_say_at_every_instant_who_is_on_duty() -> None:
    """Against asking minute by minute, over both changes of the clocks, holidays and a cover."""
    cover = Cover(at("2026-10-25 02:30", fold=1), at("2026-10-25 07:07"), ("bauer",))
    rota = Rota("r", (Shift("office", ("ito",)), *ROTA.shifts), (cover,))
    for first, days in ((date(2026, 10, 24), 12), (date(2026, 12, 24), 3), (date(2027, 3, 27), 3)):
        from_ns, to_ns = instant_ns(BERLIN, first, 0), instant_ns(BERLIN, first + timedelta(days=days), 0)
        found = spans(ROUTES, rota, from_ns, to_ns)
        assert [one.to_ns for one in found[:-1]] == [one.from_ns for one in found[1:]]
        for span in found:
            for at_ns in range(span.from_ns, span.to_ns, 7 * MINUTE):
                assert on_duty(ROUTES, rota, at_ns) == span.people
