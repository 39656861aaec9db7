"""Expressions: what engineers write works, what attackers write is refused at load, nothing raises at run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms import expression
from alarms.expression import ExpressionError, Function


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("(PT-401A - PT-401B) / 2", [100.0, 80.0], 10.0),
        ("-LT-201", [3.0], -3.0),
        ("2*PT-101 - 1.5e1", [10.0], 5.0),
        ("XV-519.ZSC == 1 and not XV-519.ZSO", [1.0, 0.0], 1.0),
        ("XA-W340.0.12 + OWNER-EPOCH.R", [1.0, 2.0], 3.0),
        ("where(LT-201 > 50, max(LT-201, 60), min(LT-201, 40))", [55.0], 60.0),
        ("where(LT-201 > 50, max(LT-201, 60), min(LT-201, 40))", [45.0], 40.0),
        ("clip(A, 0, 10) + abs(B) ** 2 % 7", [12.0, -3.0], 12.0),
        ("sqrt(A) + exp(0) + log(1)", [9.0], 4.0),
        ("1 < A <= 3", [3.0], 1.0),
        ("A - A + A", [2.0], 2.0),
    ],
)
def test_an_engineer_writes_arithmetic_over_tags(text: str, values: list[float], wanted: float) -> None:
    assert expression.compile(text).evaluate(values) == pytest.approx(wanted)


def test_names_come_in_the_order_in_which_they_are_first_read() -> None:
    assert expression.compile("B-2 + A-1 * B-2").names == ("B-2", "A-1")


def test_a_minus_between_names_needs_blanks_because_names_hold_one() -> None:
    assert expression.compile("PT-101-PT-102").names == ("PT-101-PT-102",)
    assert expression.compile("PT-101 - PT-102").names == ("PT-101", "PT-102")
    assert expression.compile("PT-101 -PT-102").names == ("PT-101", "PT-102")


ATTACKS = [
    "().__class__.__bases__[0].__subclasses__()",
    "__import__('os').system('true')",
    "__builtins__",
    "open('/etc/passwd')",
    "eval('1')",
    "(lambda: 1)()",
    "[x for x in (1, 2)]",
    "PT-101[0]",
    "{1: 2}",
    "'text'",
    "f'{PT-101}'",
    "a := 1",
    "a; b",
    "a = 1",
    "max(*a, 1)",
    "max(a, key=b)",
    "max.__call__(1, 2)",
    "a if b else c",
    "a is b",
    "a in b",
    "a @ b",
    "a // b",
    "a << 2",
    "~a",
    "await a",
    "yield a",
    "1j",
    "0x10",
    "1_000",
    "...",
    "1e400",
    "9" * 500,
    "+".join(["1"] * 400),
    "(" * 900,
    "-" * 999 + "1",
    "a" * 1001,
    "",
    "   ",
    "1 2",
    "max(1)",
    "sqrt(1, 2)",
    "min",
    "a\x00b",
    "é",
    "a\\\nb",
    "# note",
]


@pytest.mark.parametrize("text", ATTACKS, ids=[text[:30].replace("\x00", "0") for text in ATTACKS])
def test_anything_but_arithmetic_is_refused_when_it_is_loaded(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        expression.compile(text)
    assert str(refused.value)
    assert 0 <= refused.value.column <= len(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 / A", [0.0]),
        ("A % 0", [1.0]),
        ("sqrt(A)", [-1.0]),
        ("log(A)", [0.0]),
        ("exp(A)", [1e6]),
        ("A ** 0.5", [-8.0]),
        ("9 ** 9 ** 9 * A", [1.0]),
        ("A * 1e300 * 1e300", [1.0]),
        ("max(A, B)", [math.nan, 1.0]),
        ("max(A, B)", [1.0, math.nan]),
    ],
)
def test_what_cannot_be_computed_is_no_value_and_no_exception(text: str, values: list[float]) -> None:
    assert expression.compile(text).evaluate(values) is None


def test_a_function_of_the_plant_is_called_with_numbers_and_may_give_up() -> None:
    def inverse(value: float) -> float:
        if value < 0:
            raise ValueError("negative")
        return 1 / value

    compiled = expression.compile("inverse(A) + 1", {"inverse": Function(inverse, 1, 1)})

    assert compiled.evaluate([4.0]) == 1.25
    assert compiled.evaluate([0.0]) is None
    assert compiled.evaluate([-1.0]) is None


def test_the_place_of_a_mistake_is_told() -> None:
    with pytest.raises(ExpressionError, match="no function") as refused:
        expression.compile("LT-201 + floor(LT-201)")
    assert refused.value.column == 9


@settings(deadline=None)
@given(st.text(alphabet="AB-1.0+*/%()<>=,eorandtmx ^'\"_[]\n", max_size=60))
def test_no_text_raises_anything_but_expression_error(text: str) -> None:
    try:
        compiled = expression.compile(text)
    except ExpressionError:
        return
    result = compiled.evaluate([1.5] * len(compiled.names))
    assert result is None or math.isfinite(result)


numbers = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None)
@given(numbers, numbers, numbers)
def test_no_value_raises(first: float, second: float, third: float) -> None:
    compiled = expression.compile("where(A > B, sqrt(A) / (B - C), log(C) ** A) + clip(A, B, C) % min(B, C)")
    result = compiled.evaluate([first, second, third])
    assert result is None or math.isfinite(result)


def test_where_guards_a_division_that_would_fail() -> None:
    load = expression.compile("where(FT-518 > 5, 100 / FT-518, 0)")
    assert load.evaluate([0.0]) == 0.0
    assert load.evaluate([20.0]) == 5.0
