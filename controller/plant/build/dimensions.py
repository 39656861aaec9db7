"""Units inside an expression: what can be told without a full dimensional analysis.

Sums, comparisons and choices need equal units on both sides; functions name what they want and give;
the whole must give the tag's unit. Numbers and products have no unit that is known here.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from alarms.expression import Expression
from controller.plant.gas import FUNCTIONS
from controller.plant.tags import Tag
from controller.plant.units import compatible

_ALIKE = frozenset(("min", "max", "clip", "where"))


def unit_complaints(compiled: Expression, inputs: list[Tag], unit: str) -> list[str]:
    """What does not fit together, in words; `unit` is the tag's own."""
    check = _Check({f"v{i}": tag for i, tag in enumerate(inputs)})
    result = check.unit_of(compiled.tree)
    if result is not None and result != unit:
        check.found.append(
            f"unit mismatch: the expression gives {_said(result)}, the tag is in {_said(unit)}"
        )
    return check.found


@dataclass(slots=True)
class _Check:
    inputs: dict[str, Tag]
    found: list[str] = field(default_factory=list)

    def unit_of(self, node: ast.expr) -> str | None:
        """The unit of a term, None where it is not known."""
        match node:
            case ast.Name(id=name):
                return self.inputs[name].unit
            case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
                return self.unit_of(operand)
            case ast.BinOp(left, ast.Add() | ast.Sub(), right):
                total = self.together([left, right], "with")
                constant = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
                return None if constant else total  # gauge = absolute - 1.01325
            case ast.Compare(left, _, comparators):
                self.together([left, *comparators], "compared with")
            case ast.Call(ast.Name(id=name), arguments):
                return self.called(name, arguments)
            case ast.BinOp() | ast.BoolOp() | ast.UnaryOp():
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.unit_of(child)
        return None

    def together(self, terms: list[ast.expr], verb: str) -> str | None:
        """The common unit of the terms; a complaint for each that differs from the first known one."""
        units = [(term, self.unit_of(term)) for term in terms]
        known = [(term, unit) for term, unit in units if unit is not None]
        for term, unit in known[1:]:
            first, common = known[0]
            if unit != common:
                fix = (
                    "convert one of them in the expression"
                    if compatible(common, unit)
                    else "they do not add up"
                )
                self.found.append(
                    f"unit mismatch: {self.named(first)} in {_said(common)} {verb} "
                    f"{self.named(term)} in {_said(unit)}; {fix}"
                )
        return known[0][1] if known else None

    def called(self, name: str, arguments: list[ast.expr]) -> str | None:
        if name in _ALIKE:
            if name == "where":
                self.unit_of(arguments[0])
            return self.together(arguments[1:] if name == "where" else arguments, "beside")
        given = [self.unit_of(argument) for argument in arguments]
        if name == "abs":
            return given[0]
        function = FUNCTIONS.get(name)
        if function is None:
            return None
        for wanted, unit, argument in zip(function.units, given, arguments, strict=True):
            if wanted and unit is not None and unit != wanted:
                other = f"{self.named(argument)} is in {_said(unit)}"
                self.found.append(f"unit mismatch: {name} wants {wanted}, {other}; convert it")
        return function.unit or None

    def named(self, node: ast.expr) -> str:
        return self.inputs[node.id].name if isinstance(node, ast.Name) else "a term"


def _said(unit: str) -> str:
    return unit or "no unit"
