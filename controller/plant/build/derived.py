"""Derived tags: expressions compiled, their inputs found, in an order in which each finds its inputs done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alarms import expression
from alarms.expression import Expression, ExpressionError
from controller.plant.build.alarms import AlarmBlocks, build_alarms
from controller.plant.build.dimensions import unit_complaints
from controller.plant.build.tags import archive, check_area, check_unit_of
from controller.plant.build.values import limits
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.gas import FUNCTIONS
from controller.plant.problems import did_you_mean
from controller.plant.schema.plantfile import DerivedEntry
from controller.plant.tags import Derived, Kind, Tag

# The one expression about times instead of values: a PLC's clock minus ours, in s (by its `alive` tag).
CLOCK_SKEW = re.compile(r"\s*clock_skew\(\s*(\w+)\s*\)\s*")
# The one with a memory: how fast a tag rises per hour, over about so many plant seconds.
SLOPE = re.compile(r"\s*slope_h\(\s*([\w.-]+)\s*,\s*(\d+(?:\.\d+)?)\s*\)\s*")


@dataclass(frozen=True, slots=True)
class _Formula:
    """A derived tag on its way: what it reads, and its expression (None: clock_skew, slope_h)."""

    item: Item[DerivedEntry]
    names: tuple[str, ...]
    compiled: Expression | None


def build_derived(draft: Draft) -> None:
    """Adds the derived tags; those that wait for each other in a circle are reported."""
    waiting: dict[str, _Formula] = {}
    for item in draft.derived_items:
        if item.entry.name in draft.tags or item.entry.name in waiting:
            continue  # a duplicate name, and reported
        formula = _formula(item, draft)
        if formula is not None:
            waiting[item.entry.name] = formula
    while waiting:
        ready = [name for name, formula in waiting.items() if not set(formula.names) & set(waiting)]
        if not ready:
            circle = ", ".join(waiting)
            for formula in waiting.values():
                place = formula.item.place / "expression"
                draft.problems.error(place, f"derived tags read each other in a circle: {circle}; break it")
            return
        for name in ready:
            _add(waiting.pop(name), draft)


def _formula(item: Item[DerivedEntry], draft: Draft) -> _Formula | None:
    place, text = item.place / "expression", item.entry.expression
    if skew := CLOCK_SKEW.fullmatch(text):
        plc = next((p.entry for p in draft.plcs if p.entry.plc == skew[1]), None)
        if plc is None:
            hint = did_you_mean(skew[1], [p.entry.plc for p in draft.plcs])
            draft.unknown(place, f"unknown PLC {skew[1]}{hint}")
        return None if plc is None else _Formula(item, (plc.alive,), None)
    known = {*draft.names("tag"), *draft.names("command"), *draft.tags}
    if slope := SLOPE.fullmatch(text):
        return _slope(item, slope[1], slope[2], known, draft)
    try:
        compiled = expression.compile(text, FUNCTIONS)
    except ExpressionError as error:
        draft.problems.error(place, f"expression, character {error.column + 1}: {error}")
        return None
    unknown = [name for name in compiled.names if name not in known]
    for name in unknown:
        parts = name.split("-")
        joined = any("-".join(parts[:cut]) in known for cut in range(1, len(parts)))
        hint = "; put blanks around a minus sign" if joined else did_you_mean(name, known)
        draft.unknown(place, f"unknown tag {name}{hint}")
    if not compiled.names:
        draft.problems.error(place, "the expression reads no tag; a constant needs none")
    return None if unknown else _Formula(item, compiled.names, compiled)


def _slope(item: Item[DerivedEntry], tag: str, over: str, known: set[str], draft: Draft) -> _Formula | None:
    place = item.place / "expression"
    if tag not in known:
        draft.problems.error(place, f"unknown tag {tag}{did_you_mean(tag, known)}")
        return None
    if not float(over) > 0:
        draft.problems.error(place, f"slope_h wants plant seconds, such as 1800, not {over}")
        return None
    return _Formula(item, (tag,), None)


def _add(formula: _Formula, draft: Draft) -> None:
    entry, place = formula.item.entry, formula.item.place
    inputs = [draft.tags.get(name) for name in formula.names]
    if any(tag is None for tag in inputs):
        return  # an input is broken, and reported where it stands
    found = [tag for tag in inputs if tag is not None]
    for tag in found:
        if tag.kind is Kind.TEXT:
            draft.problems.error(place / "expression", f"{tag.name} is a text; expressions read numbers")
    complaints = [] if formula.compiled is None else unit_complaints(formula.compiled, found, entry.unit)
    for complaint in complaints:
        draft.problems.error(place / "expression", complaint)
    check_unit_of(place, entry.unit, draft)
    check_area(place, entry.area, draft)
    kind = Kind(entry.kind) if entry.kind else Kind.STATE if entry.states else Kind.ANALOG
    range_ = _range(entry, place, kind, draft)
    states = tuple(sorted(entry.states.items()))
    blocks = AlarmBlocks(entry.alarms, entry, entry.area)
    draft.tags[entry.name] = Tag(
        index=len(draft.tags),
        name=entry.name,
        text=entry.text,
        kind=kind,
        unit=entry.unit,
        area=entry.area,
        low=range_[0],
        high=range_[1],
        source=Derived(entry.expression, tuple(tag.index for tag in found), formula.names),
        normal=str(entry.normal),
        archive=archive(place / "archive", entry.archive, entry.unit, draft),
        states=states,
        alarms=build_alarms(blocks, place, entry.unit, kind, range_, states, draft),
        line=place.line,
    )


def _range(entry: DerivedEntry, place: Place, kind: Kind, draft: Draft) -> tuple[float, float]:
    if entry.range is not None:
        return limits(place / "range", entry.range, draft.problems) or (-1e300, 1e300)
    if entry.states:
        return float(min(entry.states)), float(max(entry.states))
    if kind is Kind.DISCRETE:
        return 0.0, 1.0
    draft.problems.error(place, "`range` is missing; write what the value can be, such as 0..60")
    return -1e300, 1e300
