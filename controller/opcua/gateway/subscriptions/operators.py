"""The operators of a where clause over terms; NULL is None (Part 4, 7.7.3).

Logic is three-valued: a comparison with NULL is NULL, and only TRUE lets an event through. Values without
a common type compare as FALSE.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.ua import FilterOperator as Op

from controller.opcua.gateway.subscriptions import like
from controller.opcua.gateway.subscriptions.conversion import (
    BOOLEAN,
    DATE_TIME,
    EXPANDED_NODE_ID,
    INTEGERS,
    NODE_ID,
    ORDERED,
    STRING,
    Term,
    cast,
    common,
    implicitly,
)

Terms = Sequence[Term | None]
Function = Callable[[Terms], Term | None]
TRUE: Final = Term(BOOLEAN, value=True)
FALSE: Final = Term(BOOLEAN, value=False)


def truth(term: Term | None) -> bool | None:
    """TRUE, FALSE or NULL; what is no Boolean is NULL."""
    converted = None if term is None else implicitly(term, BOOLEAN)
    return None if converted is None or not isinstance(converted.value, bool) else converted.value


def _term(value: bool | None) -> Term | None:
    return None if value is None else TRUE if value else FALSE


def equal(one: Term | None, other: Term | None) -> bool | None:
    if one is None or other is None:
        return None
    both = common(one, other)
    return both is not None and bool(both[0].value == both[1].value)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Term | None, Term | None], bool | None]:
    def ordered(one: Term | None, other: Term | None) -> bool | None:
        if one is None or other is None:
            return None
        both = common(one, other)
        if both is None or both[0].kind not in ORDERED or isinstance(both[0].value, tuple):
            return False
        if both[0].kind == DATE_TIME and (both[0].value.tzinfo is None) != (both[1].value.tzinfo is None):
            return False
        return bool(compare(both[0].value, both[1].value))

    return ordered


_at_least = _ordered(operator.ge)
_at_most = _ordered(operator.le)


def _two(compare: Callable[[Term | None, Term | None], bool | None]) -> Function:
    return lambda terms: _term(compare(terms[0], terms[1]))


def both_true(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def either_true(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False


def _not(terms: Terms) -> Term | None:
    value = truth(terms[0])
    return None if value is None else _term(not value)


def _between(terms: Terms) -> Term | None:
    return _term(both_true(_at_least(terms[0], terms[1]), _at_most(terms[0], terms[2])))


def _in_list(terms: Terms) -> Term | None:
    found: bool | None = False
    for candidate in terms[1:]:
        found = either_true(found, equal(terms[0], candidate))
        if found:
            break
    return _term(found)


def _like(terms: Terms) -> Term | None:
    texts = [None if term is None else implicitly(term, STRING) for term in terms]
    if terms[0] is None or terms[1] is None:
        return None
    if texts[0] is None or texts[1] is None:
        return FALSE
    return _term(like.matches(str(texts[0].value), like.parse(str(texts[1].value))))


def _cast(terms: Terms) -> Term | None:
    if terms[0] is None or terms[1] is None or terms[1].kind not in {NODE_ID, EXPANDED_NODE_ID}:
        return None
    wanted = terms[1].value
    if wanted.NamespaceIndex != 0 or not isinstance(wanted.Identifier, int):
        return None
    return cast(terms[0], wanted.Identifier)  # the built-in types' node ids are their numbers


def _bitwise(compute: Callable[[int, int], int]) -> Function:
    """The result has the size of the larger operand; signed if that one is."""

    def bitwise(terms: Terms) -> Term | None:
        one, other = terms
        if one is None or other is None or one.kind not in INTEGERS or other.kind not in INTEGERS:
            return None
        if isinstance(one.value, tuple) or isinstance(other.value, tuple):
            return None
        low, high = max(INTEGERS[one.kind], INTEGERS[other.kind], key=lambda span: span[1] - span[0])
        kind = next(kind for kind in (one.kind, other.kind) if INTEGERS[kind] == (low, high))
        size = high - low + 1
        bits = compute(one.value, other.value) & (size - 1)
        return Term(kind, bits - size if bits > high else bits)

    return bitwise


OPERATORS: Final[dict[ua.FilterOperator, Function]] = {
    Op.Equals: _two(equal),
    Op.IsNull: lambda terms: _term(terms[0] is None),
    Op.GreaterThan: _two(_ordered(operator.gt)),
    Op.LessThan: _two(_ordered(operator.lt)),
    Op.GreaterThanOrEqual: _two(_at_least),
    Op.LessThanOrEqual: _two(_at_most),
    Op.Like: _like,
    Op.Not: _not,
    Op.Between: _between,
    Op.InList: _in_list,
    Op.And: lambda terms: _term(both_true(truth(terms[0]), truth(terms[1]))),
    Op.Or: lambda terms: _term(either_true(truth(terms[0]), truth(terms[1]))),
    Op.Cast: _cast,
    Op.BitwiseAnd: _bitwise(operator.and_),
    Op.BitwiseOr: _bitwise(operator.or_),
}
# Of these, and of OfType, how many operands; InList takes two or more.
OPERANDS: Final = {Op.IsNull: 1, Op.Not: 1, Op.OfType: 1, Op.Between: 3}
