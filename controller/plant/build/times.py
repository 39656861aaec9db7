"""Clock times, days, named parts of the week and holidays, as routes.yaml writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alarms.rota import DAY_MIN, instant_ns
from alarms.routes import Times
from controller.plant.build.calendar import Calendar, occurrences, read_calendar
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.problems import Problem, Problems, did_you_mean
from controller.plant.schema.routefile import TimesEntry

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PAST_DAYS: Final = 40  # calendars are read from so long ago ...
AHEAD_DAYS: Final = 400  # ... to so far ahead
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_MOMENT = re.compile(r"([0-9-]+)[ T]+([0-9:]+)")


def timezone_of(draft: Draft) -> str:
    """The plant's, or UTC where it is unknown, which is told elsewhere."""
    name = draft.plant.entry.timezone if draft.plant is not None else "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
    return name


def minute_of_day(place: Place, text: str, problems: Problems) -> int:
    """'08:30' as 510; 24:00 is the end of the day."""
    match = _CLOCK.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else -1
    if not 0 <= minute <= DAY_MIN:
        problems.error(place, f"'{text}' is no time of day; write one such as 08:30")
        return 0
    return minute


def day_of(place: Place, text: str, problems: Problems) -> date | None:
    """'2027-01-04' as a date, or None and a problem."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems.error(place, f"'{text}' is no day; write one such as 2027-01-04")
        return None


def moment_ns(place: Place, text: str, timezone: str, problems: Problems) -> int | None:
    """'2027-01-04 09:00' of the plant's clock as an instant, or None and a problem."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        problems.error(place, f"'{text}' is no day and time; write one such as 2027-01-04 09:00")
        return None
    before = len(problems.errors)
    day, minute = day_of(place, match[1], problems), minute_of_day(place, match[2], problems)
    if day is None or len(problems.errors) > before:
        return None
    return instant_ns(timezone, day, minute)


def weekdays(names: Iterable[str]) -> frozenset[int]:
    return frozenset(DAYS.index(name) for name in names)


# --- times -----------------------------------------------------------------------------------


def build_times(draft: Draft) -> tuple[Times, ...]:
    return tuple(_times(item, draft) for item in draft.times_items)


def _times(item: Item[TimesEntry], draft: Draft) -> Times:
    entry, place, problems = item.entry, item.place, draft.problems
    if entry.otherwise is not None:
        check_times(entry.otherwise, place / "otherwise", draft)
        if beside := sorted(entry.model_fields_set - {"name", "otherwise"}):
            key = beside[0].rstrip("_")
            problems.error(place / key, f"`{key}` beside `otherwise` has no meaning; leave one out", key=True)
        if any(one.entry.name == entry.otherwise and one.entry.otherwise for one in draft.times_items):
            problems.error(
                place / "otherwise",
                f"{entry.otherwise} is an `otherwise` itself; name the times it turns round",
            )
        return Times(entry.name, otherwise=entry.otherwise)
    if entry.holidays is not None and not _has_holidays(draft):
        problems.error(place / "holidays", "there are no holidays; list them under `holidays:`")
    days = weekdays(DAYS if entry.days is None else entry.days)
    if not days:
        problems.error(place / "days", "`days` is empty; leave it out for every day")
    if entry.days is not None and entry.holidays is True:
        problems.error(place / "days", "`holidays: true` is on holidays only, whatever day; leave `days` out")
    from_min = 0 if entry.from_ is None else minute_of_day(place / "from", entry.from_, problems)
    to_min = DAY_MIN if entry.to is None else minute_of_day(place / "to", entry.to, problems)
    if from_min == DAY_MIN:
        problems.error(place / "from", "24:00 is the end of a day; write 00:00")
    return Times(entry.name, days, from_min, to_min, entry.holidays)


def _has_holidays(draft: Draft) -> bool:
    listed = draft.routes.entry.holidays if draft.routes is not None else None
    return listed is None or bool(listed.dates or listed.calendar)


def check_times(name: str, place: Place, draft: Draft) -> None:
    """Reports a name that no times have."""
    known = draft.names("times")
    if name not in known:
        hint = did_you_mean(name, known) or "; list it under `times:`"
        draft.problems.error(place, f"there are no times '{name}'{hint}")


# --- calendars and holidays ------------------------------------------------------------------


def calendar_of(name: str, draft: Draft) -> Calendar | None:
    """None when there is no such file, which was told as it was looked for."""
    if draft.routes is None or name not in draft.beside:
        return None
    file = draft.routes.place.document.file.removesuffix(draft.routes.place.document.name) + name
    return read_calendar(file, draft.beside[name], draft.problems)


def window(draft: Draft) -> tuple[datetime, datetime]:
    """The stretch of time for which calendars are read."""
    return draft.now - timedelta(days=PAST_DAYS), draft.now + timedelta(days=AHEAD_DAYS)


def build_holidays(draft: Draft) -> frozenset[date]:
    """Days of the list and whole days of the calendar."""
    if draft.routes is None:
        return frozenset()
    entry, place = draft.routes.entry.holidays, draft.routes.place / "holidays"
    found: set[date] = set()
    for number, text in enumerate(entry.dates):
        day = day_of(place / "dates" / number, text, draft.problems)
        if day is not None and day in found:
            draft.problems.error(place / "dates" / number, f"{day} is listed twice; keep one")
        found |= {day} if day is not None else set()
    calendar = (calendar_of(entry.calendar, draft) if entry.calendar is not None else None) or Calendar("")
    zone = ZoneInfo(timezone_of(draft))
    for one in occurrences(calendar, *window(draft), zone, draft.problems):
        if not one.whole_days:
            line = next((event.line for event in calendar.events if event.words == one.words), 1)
            message = f"event '{one.words}': a holiday is a whole day; leave the times of day out"
            draft.problems.errors.append(Problem(calendar.file, line, 1, message))
            break
        days = (one.end.date() - one.begin.date()).days
        found |= {one.begin.date() + timedelta(days=n) for n in range(days)}
    if found and max(found) < draft.now.astimezone(zone).date() and _is_used(draft):
        last = max(found)
        draft.problems.warn(place, f"the last holiday is {last}; add those of the year to come", key=True)
    return frozenset(found)


def _is_used(draft: Draft) -> bool:
    return any(item.entry.holidays is not None for item in draft.times_items)
