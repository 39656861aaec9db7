"""One dashboard per area: what is measured there, by quantity, with its limits; states as timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from controller.dashboards.canvas import limits_of, state_colours
from controller.dashboards.page import Page
from controller.dashboards.panels import SHADES, timeline, trend
from controller.dashboards.queries import Queries
from controller.plant.plant import Plant
from controller.plant.tags import Kind, Tag

# First letter of the ISA-5.1 name -> heading, in the order in which people ask.
QUANTITIES: Final = {
    "P": "Pressures",
    "A": "Purity and traces",
    "L": "Levels",
    "F": "Flows",
    "T": "Temperatures",
    "S": "Machines",
    "J": "Machines",
}
OTHER: Final = "Other values"
TOGETHER: Final = 6  # lines in one panel at most


def area_page(page: Page, plant: Plant, queries: Queries, area: str) -> None:
    """Every tag of the area but the words and echoes of commands."""
    inner = {tag for one in plant.commands for tag in (one.sequence, one.epoch, one.echo, one.result)}
    tags = [tag for tag in plant.tags if tag.area == area and tag.index not in inner]
    _states(page, [tag for tag in tags if tag.kind in (Kind.STATE, Kind.DISCRETE)], queries)
    analog = [tag for tag in tags if tag.kind is Kind.ANALOG]
    headings = list(dict.fromkeys((*QUANTITIES.values(), OTHER)))
    for heading in headings:
        chosen = [tag for tag in analog if QUANTITIES.get(tag.name[0], OTHER) == heading]
        if chosen:
            page.row(page.say(heading))
            for group in _alike(chosen):
                _trend(page, group, queries)


def _states(page: Page, tags: Sequence[Tag], queries: Queries) -> None:
    if not tags:
        return
    colours: dict[str, str] = {}
    for tag in tags:
        for at, (_, state) in enumerate(tag.states):
            colours.setdefault(state, SHADES[at % len(SHADES)])
    for tag in tags:
        colours.update(state_colours(tag))
    names = {tag.name: f"{tag.name} {tag.text}" for tag in tags}
    first = tags[0].name
    link = page.link(f"/trend?tag={first}")
    query = [queries.states([tag.name for tag in tags])]
    height = min(24, 3 + len(tags) * 2 // 3)
    page.put(timeline(page.say("States"), query, colours, names, link=link), 24, height)


def _alike(tags: Sequence[Tag]) -> list[list[Tag]]:
    """Those with one unit and the same limits share a panel, where limits can be drawn for all."""
    groups: dict[object, list[Tag]] = {}
    for tag in tags:
        limits = limits_of(tag)
        key = (tag.unit, tuple(limits), tag.name.rpartition("-")[0]) if limits else (tag.unit, tag.name[0])
        groups.setdefault(key, []).append(tag)
    return [
        group[start : start + TOGETHER]
        for group in groups.values()
        for start in range(0, len(group), TOGETHER)
    ]


def _trend(page: Page, group: Sequence[Tag], queries: Queries) -> None:
    first = group[0]
    title = f"{first.name} {first.text}" if len(group) == 1 else ", ".join(tag.name for tag in group)
    page.put(
        trend(
            title,
            [queries.trend([tag.name for tag in group])],
            unit_name=first.unit,
            limits=limits_of(first),
            names={tag.name: f"{tag.name} {tag.text}" for tag in group},
            link=page.link(f"/trend?tag={first.name}"),
        ),
        8,
        7,
    )
