"""Derived tags: expressions compiled, their inputs found, in an order in which each finds its inputs done."""

from __future__ import annotations

import ast

from alarms import expression
from alarms.expression import Expression, ExpressionError
from controller.plant.build.alarms import AlarmBlocks, build_alarms
from controller.plant.build.tags import archive, check_area, check_unit_of
from controller.plant.build.values import limits
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.gas import FUNCTIONS
from controller.plant.problems import did_you_mean
from controller.plant.schema.plantfile import DerivedEntry
from controller.plant.tags import Derived, Kind, Tag
from controller.plant.units import compatible


def build_derived(draft: Draft) -> None:
    """Adds the derived tags; those that wait for each other in a circle are reported."""
    waiting: dict[str, tuple[Item[DerivedEntry], Expression]] = {}
    for item in draft.derived_items:
        if item.entry.name in draft.tags or item.entry.name in waiting:
            continue  # a duplicate name, and reported
        compiled = _compiled(item, draft)
        if compiled is not None:
            waiting[item.entry.name] = (item, compiled)
    while waiting:
        ready = [name for name, (_, compiled) in waiting.items() if not set(compiled.names) & set(waiting)]
        if not ready:
            for item, _ in waiting.values():
                circle = ", ".join(waiting)
                draft.problems.error(
                    item.place / "expression", f"derived tags read each other in a circle: {circle}"
                )
            return
        for name in ready:
            item, compiled = waiting.pop(name)
            _add(item, compiled, draft)


def _compiled(item: Item[DerivedEntry], draft: Draft) -> Expression | None:
    place = item.place / "expression"
    try:
        compiled = expression.compile(item.entry.expression, FUNCTIONS)
    except ExpressionError as error:
        draft.problems.error(place, f"expression, character {error.column + 1}: {error}")
        return None
    known = set(draft.names("tag")) | set(draft.tags)
    unknown = [name for name in compiled.names if name not in known]
    for name in unknown:
        parts = name.split("-")
        joined = any("-".join(parts[:cut]) in known for cut in range(1, len(parts)))
        hint = "; put blanks around a minus sign" if joined else did_you_mean(name, known)
        draft.problems.error(place, f"unknown tag {name}{hint}")
    if not compiled.names:
        draft.problems.error(place, "the expression reads no tag; a constant needs none")
    return None if unknown else compiled


def _add(item: Item[DerivedEntry], compiled: Expression, draft: Draft) -> None:
    entry, place = item.entry, item.place
    inputs = [draft.tags.get(name) for name in compiled.names]
    if any(tag is None for tag in inputs):
        return  # an input is broken, and reported where it stands
    found = [tag for tag in inputs if tag is not None]
    for tag in found:
        if tag.kind is Kind.TEXT:
            draft.problems.error(place / "expression", f"{tag.name} is a text; expressions read numbers")
    _check_units(compiled, found, entry.unit, place / "expression", draft)
    check_unit_of(place, entry.unit, draft)
    check_area(place, entry.area, draft)
    kind = Kind(entry.kind) if entry.kind else Kind.STATE if entry.states else Kind.ANALOG
    range_ = (0.0, 1.0)
    if entry.range is not None:
        range_ = limits(place / "range", entry.range, draft.problems) or (-1e300, 1e300)
    elif entry.states:
        range_ = (float(min(entry.states)), float(max(entry.states)))
    elif kind is not Kind.DISCRETE:
        draft.problems.error(place, "`range` is missing; write what the value can be, such as 0..60")
        range_ = (-1e300, 1e300)
    states = tuple(sorted(entry.states.items()))
    blocks = AlarmBlocks(entry.alarms, entry.deadband, entry.delay, entry.help, entry.area)
    draft.tags[entry.name] = Tag(
        index=len(draft.tags),
        name=entry.name,
        text=entry.text,
        kind=kind,
        unit=entry.unit,
        area=entry.area,
        low=range_[0],
        high=range_[1],
        source=Derived(entry.expression, tuple(tag.index for tag in found), compiled.names),
        normal=str(entry.normal),
        archive=archive(place / "archive", entry.archive, entry.unit, draft),
        states=states,
        alarms=build_alarms(blocks, place, entry.unit, kind, range_, states, draft),
        line=place.line,
    )


def _check_units(compiled: Expression, inputs: list[Tag], unit: str, place: Place, draft: Draft) -> None:
    """What can be told without a full dimensional analysis: sums, comparisons, arguments and the result."""
    units = {f"v{i}": tag.unit for i, tag in enumerate(inputs)}
    names = {f"v{i}": tag.name for i, tag in enumerate(inputs)}

    def complain(message: str) -> None:
        draft.problems.error(place, message)

    def said(node: ast.expr) -> str:
        return names.get(getattr(node, "id", ""), "a term")

    def together(terms: list[ast.expr], verb: str) -> str | None:
        known = [(t, u) for t in terms if (u := unit_of(t)) is not None]
        for term, other in known[1:]:
            if other != known[0][1]:
                first = f"{said(known[0][0])} in {known[0][1] or 'no unit'}"
                second = f"{said(term)} in {other or 'no unit'}"
                same = compatible(known[0][1], other)
                fix = "convert one of them in the expression" if same else "they measure different things"
                complain(f"unit mismatch: {first} {verb} {second}; {fix}")
        return known[0][1] if known else None

    def called(name: str, arguments: list[ast.expr]) -> str | None:
        if name in ("min", "max", "clip", "where"):
            return together(arguments[1:] if name == "where" else arguments, "beside")
        if name == "abs":
            return unit_of(arguments[0])
        function = FUNCTIONS.get(name)
        for wanted, argument in zip(function.units if function else (), arguments, strict=False):
            given = unit_of(argument)
            if wanted and given is not None and given != wanted:
                complain(f"unit mismatch: {name} wants {wanted}, {said(argument)} is in {given or 'no unit'}")
        for argument in arguments:
            unit_of(argument)
        return function.unit or None if function else None

    def unit_of(node: ast.expr) -> str | None:
        """None: not known (a number, a product)."""
        match node:
            case ast.Name(id=name):
                return units.get(name)
            case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
                return unit_of(operand)
            case ast.BinOp(left, ast.Add() | ast.Sub(), right):
                return together([left, right], "with")
            case ast.Compare(left, _, comparators):
                together([left, *comparators], "compared with")
            case ast.Call(ast.Name(id=name), arguments):
                return called(name, arguments)
            case ast.BinOp(left, _, right):
                unit_of(left), unit_of(right)
            case ast.BoolOp(_, values):
                for value in values:
                    unit_of(value)
        return None

    result = unit_of(compiled.tree)
    if result is not None and result != unit:
        complain(
            f"unit mismatch: the expression gives {result or 'no unit'}, the tag is in {unit or 'no unit'}"
        )
