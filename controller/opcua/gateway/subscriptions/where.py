"""A where clause made ready: checked once, then evaluated without recursion (Part 4, 7.7.1).

An element may refer only to elements behind it, so there are no circles, and evaluating from the last to
the first takes each element once, however often others refer to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from asyncua import ua
from asyncua.ua import FilterOperator, StatusCodes

from controller.opcua.gateway.subscriptions.conversion import EXPANDED_NODE_ID, NODE_ID, Term, term_of
from controller.opcua.gateway.subscriptions.operands import TypeSpace, field_of
from controller.opcua.gateway.subscriptions.operators import FALSE, OPERANDS, OPERATORS, TRUE, Function, truth
from controller.opcua.gateway.subscriptions.subject import Subject
from controller.opcua.plc.wire import status_code

# One evaluation stays below half a millisecond, whoever wrote the clause.
ELEMENTS_MAX: Final = 200
OPERANDS_MAX: Final = 500
LITERAL_MAX: Final = 4_096  # characters of a text or pattern

Results = list[Term | None]
Getter = Callable[[Subject, Results], Term | None]


class Element(NamedTuple):
    """function None: OfType, whose one operand is a type."""

    function: Function | None
    operands: tuple[Getter, ...]
    refers: tuple[int, ...]  # to these elements


class Where(NamedTuple):
    """A checked where clause. Without elements everything passes."""

    elements: tuple[Element, ...]
    order: tuple[int, ...]  # the elements that count, each before those that refer to it

    def passes(self, subject: Subject) -> bool:
        if not self.elements:
            return True
        results: Results = [None] * len(self.elements)
        for index in self.order:
            function, operands, _ = self.elements[index]
            terms = [operand(subject, results) for operand in operands]
            results[index] = _of_type(terms[0], subject) if function is None else function(terms)
        return truth(results[0]) is True


def _of_type(type_: Term | None, subject: Subject) -> Term | None:
    if type_ is None or type_.kind not in {NODE_ID, EXPANDED_NODE_ID}:
        return FALSE
    return TRUE if subject.is_of(type_.value) else FALSE


def checked(clause: ua.ContentFilter, space: TypeSpace) -> tuple[Where, ua.ContentFilterResult | None]:
    """The clause made ready, and what is wrong with it (None: nothing)."""
    wanted = clause.Elements or []
    if sum(1 + len(one.FilterOperands or []) for one in wanted) > OPERANDS_MAX or len(wanted) > ELEMENTS_MAX:
        return Where((), ()), ua.ContentFilterResult(
            [ua.ContentFilterElementResult(status_code(StatusCodes.BadTooManyOperations))]
        )
    elements = []
    results = []
    for index, one in enumerate(wanted):
        element, result = _element(one, index, len(wanted), space)
        elements.append(element)
        results.append(result)
    bad = any(result.StatusCode.value for result in results)
    where = Where(tuple(elements), () if bad else _order(elements))
    return where, ua.ContentFilterResult(results) if bad else None


def _order(elements: list[Element]) -> tuple[int, ...]:
    """Those that element 0 depends on, last first."""
    needed = {0} if elements else set()
    for index, element in enumerate(elements):
        if index in needed:
            needed.update(element.refers)
    return tuple(sorted(needed, reverse=True))


def _element(
    one: ua.ContentFilterElement, index: int, count: int, space: TypeSpace
) -> tuple[Element, ua.ContentFilterElementResult]:
    operator, operands = one.FilterOperator, one.FilterOperands or []
    result = ua.ContentFilterElementResult(OperandStatusCodes=[])
    function = OPERATORS.get(operator)
    if function is None and operator != FilterOperator.OfType:  # InView and RelatedTo: not for events
        result.StatusCode = status_code(StatusCodes.BadFilterOperatorUnsupported)
        return Element(None, (), ()), result
    counts = (
        len(operands) >= 2
        if operator == FilterOperator.InList
        else len(operands) == OPERANDS.get(operator, 2)
    )
    if not counts:
        result.StatusCode = status_code(StatusCodes.BadFilterOperandCountMismatch)
        return Element(None, (), ()), result
    getters = []
    for operand in operands:
        getter, code = _getter(operand, index, count, space)
        if not code and operator == FilterOperator.OfType and not _names_type(operand):
            code = StatusCodes.BadFilterOperandInvalid
        getters.append(getter)
        result.OperandStatusCodes.append(status_code(code))
    if any(code.value for code in result.OperandStatusCodes):
        result.StatusCode = status_code(StatusCodes.BadFilterOperandInvalid)
    refers = tuple(one.Index for one in operands if isinstance(one, ua.ElementOperand))
    return Element(function, tuple(getters), refers), result


def _names_type(operand: Any) -> bool:
    if not isinstance(operand, ua.LiteralOperand):
        return False
    term = term_of(operand.Value)
    return term is not None and term.kind in {NODE_ID, EXPANDED_NODE_ID} and isinstance(term.value, ua.NodeId)


def _null(_subject: Subject, _results: Results) -> Term | None:
    return None


def _getter(operand: Any, index: int, count: int, space: TypeSpace) -> tuple[Getter, int]:
    """How to get the operand's value, and its StatusCode."""
    if isinstance(operand, ua.LiteralOperand):
        term = term_of(operand.Value)
        long = (
            term is not None and isinstance(term.value, str | bytes | tuple) and len(term.value) > LITERAL_MAX
        )
        code = StatusCodes.BadFilterLiteralInvalid if long else StatusCodes.Good
        return (lambda _subject, _results: term), code
    if isinstance(operand, ua.ElementOperand):
        at = operand.Index
        if not index < at < count:
            return _null, StatusCodes.BadFilterElementInvalid
        return (lambda _subject, results: results[at]), StatusCodes.Good
    if isinstance(operand, ua.SimpleAttributeOperand):
        field, code = field_of(operand, space)
        return (lambda subject, _results: field.term(subject)), code
    return _null, StatusCodes.BadFilterOperandInvalid  # an AttributeOperand is not for events (7.22.3)
