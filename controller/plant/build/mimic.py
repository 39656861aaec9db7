"""The picture of mimic.yaml: every tag is one of the plant's, everything lies on the sheet."""

from __future__ import annotations

from collections.abc import Sequence

from controller.plant.document import Place
from controller.plant.draft import Draft
from controller.plant.mimic import Equipment, Fluid, Mimic, Pipe, Reading, Side, Symbol
from controller.plant.problems import did_you_mean


def build_mimic(draft: Draft) -> Mimic | None:
    """None when the plant has no picture."""
    if draft.mimic is None:
        return None
    entry, place = draft.mimic.entry, draft.mimic.place
    sheet = entry.size[0], entry.size[1]
    if min(sheet) <= 0:
        draft.problems.error(place / "size", "write the width and height of the sheet, e.g. [1600, 760]")
    equipment = []
    for number, one in enumerate(entry.equipment):
        at = place / "equipment" / number
        corner = [start + length for start, length in zip(one.at, one.size, strict=True)]
        _on_sheet(one.at, sheet, at / "at", draft)
        _on_sheet(corner, sheet, at / "size", draft)
        tag = None if one.tag is None else _tag(one.tag, at / "tag", draft)
        box = _xy(one.at), _xy(one.size)
        equipment.append(Equipment(one.name, Symbol(one.symbol), one.text, *box, tag, Side(one.label)))
    pipes = []
    for number, pipe in enumerate(entry.pipes):
        for index, point in enumerate(pipe.points):
            _on_sheet(point, sheet, place / "pipes" / number / "points" / index, draft)
        pipes.append(Pipe(Fluid(pipe.fluid), tuple(_xy(point) for point in pipe.points)))
    readings = []
    for number, reading in enumerate(entry.readings):
        at = place / "readings" / number
        _on_sheet(reading.at, sheet, at / "at", draft)
        tag = _tag(reading.tag, at / "tag", draft)
        if tag is not None:
            readings.append(Reading(tag, _xy(reading.at)))
    return Mimic(entry.mimic, *sheet, tuple(equipment), tuple(pipes), tuple(readings))


def _xy(point: Sequence[float]) -> tuple[float, float]:
    return point[0], point[1]


def _tag(name: str, place: Place, draft: Draft) -> int | None:
    if name in draft.tags:
        return draft.tags[name].index
    if name not in draft.names("tag"):
        draft.unknown(place, f"there is no tag '{name}'{did_you_mean(name, draft.tags)}")
    return None


def _on_sheet(point: Sequence[float], sheet: tuple[float, float], place: Place, draft: Draft) -> None:
    if not (0 <= point[0] <= sheet[0] and 0 <= point[1] <= sheet[1]):
        draft.problems.error(
            place, f"{point[0]:g}, {point[1]:g} is off the sheet of {sheet[0]:g} by {sheet[1]:g}"
        )
