"""iCal files beside a plant: the events of a stretch of time, and everything that is wrong, by line.

Read by icalendar, repeated by recurring-ical-events. Both are slow to load and raise whatever they meet, and
a rule such as INTERVAL=0 keeps them busy for ever: so what is in the file is looked at here first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from controller.plant.problems import Problem, Problems

YEARS: Final = range(1970, 2200)
EVENTS_MAX: Final = 5_000
DAYS_MAX: Final = 400  # of one event
FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
RULE_KEYS: Final = frozenset(
    (
        *("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"),
        *("BYDAY", "BYMONTH", "BYMONTHDAY", "BYWEEKNO", "BYYEARDAY", "BYSETPOS"),
    )
)
RAISED: Final = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError)
Wrong = Callable[[int, str], None]
_LINE = re.compile(r"([A-Za-z0-9-]+)\s*[;:]")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the file. line: of its BEGIN. words: its summary; mails: who is invited."""

    line: int
    words: str
    mails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """It is from `begin` until before `end`; whole_days: both are midnights of the plant's clock."""

    begin: datetime
    end: datetime
    whole_days: bool
    words: str
    mails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """file: as shown to people. parsed: icalendar's own, None when the file cannot be used."""

    file: str
    events: tuple[Event, ...] = ()
    parsed: Any = None


def occurrences(
    calendar: Calendar, begin: datetime, end: datetime, zone: tzinfo, problems: Problems
) -> list[Occurrence]:
    """What is in between, by its beginning. A time without a zone is one of the plant's clock."""
    if calendar.parsed is None:
        return []
    import recurring_ical_events  # noqa: PLC0415 - see above

    try:
        found = recurring_ical_events.of(calendar.parsed).between(begin, end)
        kept = [_occurrence(one, zone) for one in found if not _cancelled(one)]
    except RAISED as error:
        problems.errors.append(Problem(calendar.file, 1, 1, f"its events cannot be repeated: {error}"))
        return []
    return sorted(kept, key=lambda one: (one.begin, one.end, one.words))


def read_calendar(file: str, raw: bytes, problems: Problems) -> Calendar:
    """What is wrong is reported by line; nothing is left to use when an event cannot be read."""

    def wrong(line: int, message: str) -> None:
        problems.errors.append(Problem(file, line, 1, message))

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong(raw[: error.start].count(b"\n") + 1, "not UTF-8 text; save the calendar as UTF-8")
        return Calendar(file)
    before = len(problems.errors)
    begins = _scan(text, wrong)
    if len(problems.errors) > before:
        return Calendar(file)
    parsed, events = _parsed(text, begins, wrong)
    return Calendar(file, events, parsed) if len(problems.errors) == before else Calendar(file)


def _scan(text: str, wrong: Wrong) -> list[int]:
    """Lines on which events begin. Lines and nesting are checked here, for icalendar does not say where."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines or lines[0][1].strip().upper() != "BEGIN:VCALENDAR":
        wrong(lines[0][0] if lines else 1, "this is no iCal file; it begins with BEGIN:VCALENDAR")
        return []
    begins: list[int] = []
    open_: list[tuple[str, int]] = []
    for number, line in lines:
        if line[0] in " \t":
            continue  # the line before goes on
        name, _, value = line.partition(":")
        word = value.strip().upper()
        if not _LINE.match(line):
            wrong(number, f"'{line[:40]}' is no line of an iCal file; it is NAME:value")
            return []
        if name.upper() == "BEGIN":
            if not open_ and begins:
                wrong(number, "a second calendar begins here; keep one in a file")
                return []
            open_.append((word, number))
            if word == "VEVENT":
                begins.append(number)
        elif name.upper() == "END" and (not open_ or open_.pop()[0] != word):
            wrong(number, f"END:{word} ends nothing that has begun")
            return []
    if open_:
        wrong(open_[-1][1], f"BEGIN:{open_[-1][0]} has no END; is the file cut off?")
    elif len(begins) > EVENTS_MAX:
        wrong(begins[EVENTS_MAX], f"more than {EVENTS_MAX} events; leave the old ones out")
    return begins


def _parsed(text: str, begins: list[int], wrong: Wrong) -> tuple[Any, tuple[Event, ...]]:
    import icalendar  # noqa: PLC0415 - see above

    try:
        parsed = icalendar.Calendar.from_ical(text)
        components = parsed.walk("VEVENT")
    except RAISED as error:
        wrong(1, f"icalendar cannot read it: {error}")
        return None, ()
    if len(components) != len(begins):
        wrong(1, "icalendar finds other events in it than there are; write it anew")
        return None, ()
    events = []
    for line, component in zip(begins, components, strict=True):
        for said in _mistakes(component):
            wrong(line, f"event '{component.get('SUMMARY', '')}': {said}")
        if not _cancelled(component):
            events.append(Event(line, str(component.get("SUMMARY", "")), _invited(component)))
    return parsed, tuple(events)


def _mistakes(component: Any) -> Iterator[str]:
    """What icalendar let pass, and what would be expanded for ever."""
    for name, said in component.errors:
        yield f"{name or 'a line'} cannot be read: {said}"
    for name in ("DTSTART", "DTEND", "DURATION", "RRULE", "SUMMARY", "RECURRENCE-ID"):
        if isinstance(component.get(name), list):
            yield f"{name} is there twice; keep one"
            return
    if component.errors:
        return
    start = getattr(component.get("DTSTART"), "dt", None)
    if not isinstance(start, date):
        yield "it has no DTSTART"
        return
    zone = component["DTSTART"].params.get("TZID")
    if zone and isinstance(start, datetime) and start.tzinfo is None:
        yield f"the time zone {zone} is not known; write one such as Asia/Tokyo"
        return
    if start.year not in YEARS:
        yield f"the year {start.year} is none that is meant"
        return
    yield from _length(component, start)
    if "EXRULE" in component:
        yield "EXRULE is not used any more; write EXDATE"
    if "RRULE" in component:
        yield from _rule(component["RRULE"])


def _length(component: Any, start: date) -> Iterator[str]:
    end = getattr(component.get("DTEND"), "dt", None)
    length = getattr(component.get("DURATION"), "dt", None)
    try:
        if end is not None:
            midnight = time() if not (isinstance(end, datetime) and isinstance(start, datetime)) else None
            length = end - start if midnight is None else _day(end) - _day(start)
        if length is None and isinstance(start, datetime):
            yield "it has no end; write DTEND"
        elif length is not None and length <= timedelta(0):
            yield "it ends before it begins"
        elif length is not None and length > timedelta(days=DAYS_MAX):
            yield f"it lasts longer than {DAYS_MAX} days; write an event that repeats"
    except RAISED:
        yield "DTSTART and DTEND do not go together: one has a time zone"


def _day(at: date) -> date:
    return at.date() if isinstance(at, datetime) else at


def _rule(rule: Any) -> Iterator[str]:
    frequency = str((rule.get("FREQ") or [""])[0]).upper()
    if frequency not in FREQUENCIES:
        yield f"it repeats {frequency or 'without FREQ'}; it is one of {', '.join(FREQUENCIES)}"
    intervals = rule.get("INTERVAL") or [1]
    if any(not 1 <= int(one) <= 1000 for one in intervals):
        yield f"INTERVAL={intervals[0]} is none; it is 1 or more"
    if unknown := sorted(set(map(str.upper, rule)) - RULE_KEYS):
        yield f"{unknown[0]} of its RRULE is not used here; one event is one turn of duty"


def _cancelled(component: Any) -> bool:
    return str(component.get("STATUS", "")).upper() == "CANCELLED"


def _invited(component: Any) -> tuple[str, ...]:
    attendees = component.get("ATTENDEE", [])
    listed = attendees if isinstance(attendees, list) else [attendees]
    return tuple(str(one).partition(":")[2].strip().lower() for one in listed)


def _occurrence(component: Any, zone: tzinfo) -> Occurrence:
    begin, end = component.start, component.end
    whole = not isinstance(begin, datetime)
    return Occurrence(
        _at(begin, zone), _at(end, zone), whole, str(component.get("SUMMARY", "")), _invited(component)
    )


def _at(when: date, zone: tzinfo) -> datetime:
    if not isinstance(when, datetime):
        return datetime.combine(when, time(), zone)
    return when.replace(tzinfo=zone) if when.tzinfo is None else when
