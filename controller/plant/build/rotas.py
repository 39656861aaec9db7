"""Who is on duty when: shifts with their turns, those who stand in, and calendars that say it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from alarms.rota import SECOND_NS
from alarms.routes import Cover, Rota, Shift
from controller.plant.build.calendar import Calendar, occurrences
from controller.plant.build.people import check_people, check_person
from controller.plant.build.times import (
    calendar_of,
    check_times,
    day_of,
    minute_of_day,
    moment_ns,
    timezone_of,
    window,
)
from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.problems import Problem, did_you_mean
from controller.plant.schema.routefile import CoverEntry, RotaEntry, ShiftEntry

DAY_S: Final = 86_400.0
FIX: Final = "write names of people in its summary, or invite them"
_BETWEEN = re.compile(r"[,;/&+、，・]|\band\b")


def build_rotas(draft: Draft) -> tuple[Rota, ...]:
    return tuple(_rota(item, draft) for item in draft.rota_items)


def _rota(item: Item[RotaEntry], draft: Draft) -> Rota:
    entry, place = item.entry, item.place
    shifts = [_shift(one, place / "shifts" / n, draft) for n, one in enumerate(entry.shifts)]
    covers = [_cover(one, place / "covers" / n, draft) for n, one in enumerate(entry.covers)]
    of_calendar: list[Cover] = []
    if entry.calendar is not None and (calendar := calendar_of(entry.calendar, draft)) is not None:
        of_calendar = covers_of(calendar, draft)
    if not entry.shifts and entry.calendar is None:
        draft.problems.error(place, "nobody ever has this duty; add `shifts:` or a `calendar:`")
    if entry.hole_ok is not None:
        check_times(entry.hole_ok, place / "hole_ok", draft)
    written = tuple(cover for cover in covers if cover is not None)
    return Rota(entry.name, tuple(shifts), (*written, *of_calendar), entry.text, entry.hole_ok or "")


def _shift(entry: ShiftEntry, place: Place, draft: Draft) -> Shift:
    problems = draft.problems
    if entry.times is not None:
        check_times(entry.times, place / "times", draft)
    if (entry.people is None) == (entry.turns is None):
        problems.error(place, "a shift has `people` (always the same) or `turns`; give one of them")
        return Shift()
    if entry.people is not None:
        check_people(entry.people, place / "people", draft)
        for key in sorted(entry.model_fields_set & {"from_", "turn", "change"}):
            at = place / key.rstrip("_")
            problems.error(at, f"`{key.rstrip('_')}` belongs to `turns`; leave it out", key=True)
        return Shift(entry.times or "", tuple(entry.people))
    turns = [[one] if isinstance(one, str) else one for one in entry.turns or ()]
    for number, (one, people) in enumerate(zip(entry.turns or (), turns, strict=True)):
        if isinstance(one, str):
            check_person(one, place / "turns" / number, draft)
        else:
            check_people(people, place / "turns" / number, draft)
    if not turns:
        problems.error(place / "turns", "`turns` is empty; name who takes turns")
    first = day_of(place / "from", entry.from_, problems) if entry.from_ is not None else None
    if entry.from_ is None:
        problems.error(place, "`turns` want `from:`, the day on which the first of them begins")
    turn_s = duration_s(place / "turn", entry.turn, problems, DAY_S)
    if turn_s < DAY_S or turn_s % DAY_S or turn_s > 366 * DAY_S:
        problems.error(place / "turn", f"'{entry.turn}' is no turn; it is whole days, such as 7 d")
    change_min = minute_of_day(place / "change", entry.change, problems)
    return Shift(
        entry.times or "", (), tuple(map(tuple, turns)), first, max(1, int(turn_s // DAY_S)), change_min
    )


def _cover(entry: CoverEntry, place: Place, draft: Draft) -> Cover | None:
    timezone = timezone_of(draft)
    check_people(entry.people, place / "people", draft)
    from_ns = moment_ns(place / "from", entry.from_, timezone, draft.problems)
    to_ns = moment_ns(place / "to", entry.to, timezone, draft.problems)
    if from_ns is None or to_ns is None:
        return None
    if to_ns <= from_ns:
        draft.problems.error(place / "to", f"it ends before it begins, {entry.from_}")
        return None
    return Cover(from_ns, to_ns, tuple(entry.people))


# --- calendars -------------------------------------------------------------------------------


def covers_of(calendar: Calendar, draft: Draft) -> list[Cover]:
    """The stretches that a calendar names people for, one after the other; events at one time add up."""
    known = _known(draft)
    for event in calendar.events:
        if message := _stranger(event.words, event.mails, known):
            message = f"event '{event.words}': {message}"
            draft.problems.errors.append(Problem(calendar.file, event.line, 1, message))
    zone = ZoneInfo(timezone_of(draft))
    stretches = [
        (int(one.begin.timestamp()) * SECOND_NS, int(one.end.timestamp()) * SECOND_NS, people)
        for one in occurrences(calendar, *window(draft), zone, draft.problems)
        if (people := _people(one.words, one.mails, known))
    ]
    found: list[Cover] = []
    for begin_ns, end_ns in pairwise(sorted({edge for one in stretches for edge in one[:2]})):
        there = [people for from_ns, to_ns, people in stretches if from_ns <= begin_ns < to_ns]
        together = tuple(dict.fromkeys(name for people in there for name in people))
        if found and found[-1].to_ns == begin_ns and found[-1].people == together:
            found[-1] = Cover(found[-1].from_ns, end_ns, together)
        elif together:
            found.append(Cover(begin_ns, end_ns, together))
    return found


def _known(draft: Draft) -> dict[str, str]:
    """What people are called in a calendar: their name, text, account or mail address."""
    found: dict[str, str] = {}
    for item in draft.people_items:
        entry = item.entry
        mails = [one.mail for one in entry.addresses if one.mail is not None]
        for word in (entry.name, entry.user, entry.text, *mails):
            if word:
                found.setdefault(word.casefold(), entry.name)
    return found


def _words(summary: str) -> list[str]:
    """'On call: Sato, Suzuki' as its two names."""
    named = summary.rpartition(":")[2]
    return [word for part in _BETWEEN.split(named) if (word := part.strip().casefold())]


def _people(summary: str, mails: tuple[str, ...], known: dict[str, str]) -> tuple[str, ...]:
    words = [known[word] for word in _words(summary) if word in known]
    return tuple(dict.fromkeys(words or [known[mail] for mail in mails if mail in known]))


def _stranger(summary: str, mails: tuple[str, ...], known: dict[str, str]) -> str:
    """What is wrong with the words of an event, '' when it says who is on duty."""
    words = _words(summary)
    strangers = [word for word in words if word not in known]
    invited = any(mail in known for mail in mails)
    if not words:
        return "" if invited else f"it names nobody; {FIX}"
    if not strangers or (len(strangers) == len(words) and invited):
        return ""  # 'duty week', with people invited
    return f"there is no person '{strangers[0]}'{did_you_mean(strangers[0], known) or f'; {FIX}'}"
