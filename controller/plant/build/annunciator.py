"""When people are told one by one, and what counts as a flood: `annunciator` of alarms.yaml."""

from __future__ import annotations

from typing import Final

from alarms.annunciator import Settings
from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft

PRIORITIES: Final = frozenset((1, 2, 3))
WINDOW_S: Final = (10.0, 86400.0)


def build_annunciator(draft: Draft) -> Settings:
    """The figures of the standards where the plant says nothing else."""
    if draft.annunciator is None:
        return Settings()
    entry, place, problems = draft.annunciator.entry, draft.annunciator.place, draft.problems
    window_s = duration_s(place / "flood_window", entry.flood_window, problems)
    shortest, longest = WINDOW_S
    if not shortest <= window_s <= longest:
        problems.error(place / "flood_window", "a flood is looked for within 10 s to 1 d; 10 min is usual")
    if entry.flood_begins < 1:
        problems.error(place / "flood_begins", f"{entry.flood_begins} announcements; write 1 or more")
    if entry.flood_ends < 1:
        problems.error(place / "flood_ends", "no flood would ever end; write 1 or more")
    elif entry.flood_ends > entry.flood_begins >= 1:
        text = f"a flood would end at {entry.flood_ends} and begin above {entry.flood_begins}: at once again"
        problems.error(place / "flood_ends", f"{text}; make it {entry.flood_begins} or less")
    _check_priorities(entry.grouped, place / "grouped", draft)
    _check_priorities(entry.initial, place / "initial", draft)
    if 1 in entry.grouped:
        problems.error(place / "grouped", "priority 1 is always announced by itself; leave it out")
    if 1 not in entry.initial:
        problems.error(place / "initial", "priority 1 is always announced; name it too")
    return Settings(
        entry.flood_begins, entry.flood_ends, window_s, tuple(entry.grouped), tuple(entry.initial)
    )


def _check_priorities(listed: list[int], place: Place, draft: Draft) -> None:
    for number, priority in enumerate(listed):
        if priority not in PRIORITIES:
            draft.problems.error(place / number, f"priority {priority}; there are 1, 2 and 3")
