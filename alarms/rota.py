"""Who is on duty, and when nobody is. Pure: instants in UTC nanoseconds in, names out.

A clock time of routes.yaml is a time of the plant's own clock. It is turned into an instant once for
each day, and everything else compares instants, so the days on which the clocks change need no care
elsewhere: a time that such a day does not have (02:30 in spring) is the instant of the change, and of
a time that it has twice (02:30 in autumn) the first one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from alarms.routes import Rota, Routes, Shift, Times

SECOND_NS: Final = 1_000_000_000
DAY_MIN: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """From from_ns until before to_ns these are on duty. people == (): a hole, unless hole_ok."""

    from_ns: int
    to_ns: int
    people: tuple[str, ...]
    hole_ok: bool = False

    @property
    def hole(self) -> bool:
        return not self.people and not self.hole_ok


# --- clock times -----------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def instant_ns(timezone: str, day: date, minute: int) -> int:
    """The instant of a clock time; minute may reach into the days after (1440 is the next midnight)."""
    zone = ZoneInfo(timezone)
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - a wall clock
    before = int(wall.replace(tzinfo=zone, fold=0).timestamp())
    if datetime.fromtimestamp(before, zone).replace(tzinfo=None) == wall:
        return before * SECOND_NS
    return _change(zone, int(wall.replace(tzinfo=zone, fold=1).timestamp()), before) * SECOND_NS


def _change(zone: ZoneInfo, earlier_s: int, later_s: int) -> int:
    """The second at which the clock jumps, somewhere between the two."""
    offset = datetime.fromtimestamp(earlier_s, zone).utcoffset()
    while later_s - earlier_s > 1:
        middle_s = (earlier_s + later_s) // 2
        if datetime.fromtimestamp(middle_s, zone).utcoffset() == offset:
            earlier_s = middle_s
        else:
            later_s = middle_s
    return later_s


def local(routes: Routes, at_ns: int) -> datetime:
    """The plant's clock at an instant."""
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).astimezone(ZoneInfo(routes.timezone))


def next_instant_ns(routes: Routes, minute: int, after_ns: int) -> int:
    """When the plant's clock next shows this minute of the day, later than after_ns; once a day."""
    day = local(routes, after_ns).date() - timedelta(days=1)
    while True:
        at_ns = instant_ns(routes.timezone, day, minute)
        if at_ns > after_ns:
            return at_ns
        day += timedelta(days=1)


# --- times of the week -------------------------------------------------------------------------


def times_named(routes: Routes, name: str) -> Times:
    """KeyError for a name that routes.yaml does not have."""
    for times in routes.times:
        if times.name == name:
            return times
    raise KeyError(name)


def in_times(routes: Routes, name: str, at_ns: int) -> bool:
    """Whether an instant lies in the named times; '' is always."""
    if not name:
        return True
    times = times_named(routes, name)
    if times.otherwise:
        return not in_times(routes, times.otherwise, at_ns)
    today = local(routes, at_ns).date()
    return any(
        from_ns <= at_ns < to_ns
        for day in (today - timedelta(days=1), today)
        if _counts(routes, times, day)
        for from_ns, to_ns in [_window(routes.timezone, times, day)]
    )


def _counts(routes: Routes, times: Times, day: date) -> bool:
    holiday = day in routes.holidays
    return (
        day.weekday() in times.days
        if times.holidays is None
        else (holiday if times.holidays else day.weekday() in times.days and not holiday)
    )


def _window(timezone: str, times: Times, day: date) -> tuple[int, int]:
    to_min = times.to_min if times.to_min > times.from_min else times.to_min + DAY_MIN
    return instant_ns(timezone, day, times.from_min), instant_ns(timezone, day, to_min)


# --- duty ----------------------------------------------------------------------------------------


def on_duty(routes: Routes, rota: Rota, at_ns: int) -> tuple[str, ...]:
    """Who has the duty at an instant: the first cover that holds, else the first shift with anybody."""
    for cover in rota.covers:
        if cover.people and cover.from_ns <= at_ns < cover.to_ns:
            return cover.people
    for shift in rota.shifts:
        people = _turn(routes, shift, at_ns)
        if people and in_times(routes, shift.times, at_ns):
            return people
    return ()


def _turn(routes: Routes, shift: Shift, at_ns: int) -> tuple[str, ...]:
    """The people of a shift at an instant; nobody before its first turn begins."""
    if not shift.turns or shift.turns_from is None:
        return shift.people
    today = local(routes, at_ns).date()
    if at_ns < instant_ns(routes.timezone, today, shift.change_min):
        today -= timedelta(days=1)  # the turn of the day before lasts until the change
    days = (today - shift.turns_from).days
    return () if days < 0 else shift.turns[days // shift.turn_days % len(shift.turns)]


def spans(routes: Routes, rota: Rota, from_ns: int, to_ns: int) -> list[Span]:
    """Who is on duty from one instant to another, in pieces in which nothing changes."""
    found: list[Span] = []
    edges = sorted({from_ns, to_ns, *_edges(routes, rota, from_ns, to_ns)})
    for begin_ns, end_ns in pairwise(edges):
        people = on_duty(routes, rota, begin_ns)
        fine = not people and bool(rota.hole_ok) and in_times(routes, rota.hole_ok, begin_ns)
        last = found[-1] if found else None
        if last is not None and (last.people, last.hole_ok) == (people, fine):
            found[-1] = Span(last.from_ns, end_ns, people, fine)
        else:
            found.append(Span(begin_ns, end_ns, people, fine))
    return found


def holes(routes: Routes, rota: Rota, from_ns: int, to_ns: int) -> list[Span]:
    """When nobody is on duty although somebody has to be."""
    return [span for span in spans(routes, rota, from_ns, to_ns) if span.hole]


def _edges(routes: Routes, rota: Rota, from_ns: int, to_ns: int) -> Iterator[int]:
    """Every instant in between at which the duty may change."""
    minutes = {0}
    for shift in rota.shifts:
        minutes |= {shift.change_min, *_minutes(routes, shift.times)}
    minutes |= _minutes(routes, rota.hole_ok)
    day, last = local(routes, from_ns).date() - timedelta(days=1), local(routes, to_ns).date()
    while day <= last:
        for minute in minutes:
            at_ns = instant_ns(routes.timezone, day, minute)
            if from_ns < at_ns < to_ns:
                yield at_ns
        day += timedelta(days=1)
    for cover in rota.covers:
        yield from (at_ns for at_ns in (cover.from_ns, cover.to_ns) if from_ns < at_ns < to_ns)


def _minutes(routes: Routes, name: str) -> set[int]:
    """The minutes of a day at which the named times begin or end."""
    if not name:
        return set()
    times = times_named(routes, name)
    return _minutes(routes, times.otherwise) if times.otherwise else {times.from_min, times.to_min}
