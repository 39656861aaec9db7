"""Kleene's logic, comparison, hysteresis and delay: every case of the small spaces, written out."""

from __future__ import annotations

from itertools import product
from math import inf

import pytest

from alarms.comparison import Debounced, beyond, debounce, delayed
from alarms.signal import Tri, all_of, any_of, vote

F, U, T = Tri.FALSE, Tri.UNKNOWN, Tri.TRUE


def test_the_truth_tables_of_and_or_not() -> None:
    conjunction = {(a, b): all_of((a, b)) for a, b in product((F, U, T), repeat=2)}
    assert conjunction == {
        (F, F): F,
        (F, U): F,
        (F, T): F,
        (U, F): F,
        (U, U): U,
        (U, T): U,
        (T, F): F,
        (T, U): U,
        (T, T): T,
    }
    disjunction = {(a, b): any_of((a, b)) for a, b in product((F, U, T), repeat=2)}
    assert disjunction == {
        (F, F): F,
        (F, U): U,
        (F, T): T,
        (U, F): U,
        (U, U): U,
        (U, T): T,
        (T, F): T,
        (T, U): T,
        (T, T): T,
    }
    assert [F.negated(), U.negated(), T.negated()] == [T, U, F]
    assert (all_of(()), any_of(())) == (T, F)


@pytest.mark.parametrize("members", range(1, 5))
def test_a_vote_is_true_when_it_cannot_be_lost_and_unknown_when_it_could_be_won(members: int) -> None:
    for needed in range(1, members + 1):
        for terms in product((F, U, T), repeat=members):
            could_be = {
                sum(one is T for one in filled) >= needed
                for filled in product(*[((F, T) if term is U else (term,)) for term in terms])
            }
            expected = U if len(could_be) == 2 else T if could_be == {True} else F
            assert vote(needed, terms) is expected, (needed, terms)


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
    ],
)
def test_operators_at_the_limit(op: str, *, below: bool, at: bool, above: bool) -> None:
    assert [beyond(op, 10.0, 0.0, value, was=False) for value in (9.0, 10.0, 11.0)] == [below, at, above]


def test_a_high_limit_returns_only_when_the_value_is_back_by_the_hysteresis() -> None:
    was = False
    seen = []
    for value in (9.9, 10.1, 9.9, 9.1, 9.0, 9.9, 10.1):
        was = beyond(">", 10.0, 1.0, value, was)
        seen.append(was)
    assert seen == [False, True, True, True, False, False, True]


def test_a_low_limit_returns_only_when_the_value_is_back_by_the_hysteresis() -> None:
    was = False
    seen = []
    for value in (5.1, 4.9, 5.9, 6.0, 4.9):
        was = beyond("<", 5.0, 1.0, value, was)
        seen.append(was)
    assert seen == [False, True, True, False, True]


def test_a_verdict_has_to_stand_for_its_delay_in_one_piece() -> None:
    state, due = debounce(True, Debounced(), 100.0, 5.0)
    assert (state.verdict, due) == (False, 105.0)
    state, due = debounce(False, state, 104.9, 5.0)
    assert (state, due) == (Debounced(False, None), inf)
    state, due = debounce(True, state, 105.0, 5.0)
    assert due == 110.0
    state, due = debounce(True, state, 110.0, 5.0)
    assert (state, due) == (Debounced(True, None), inf)


def test_an_off_delay_holds_the_verdict_that_is_going() -> None:
    state, due = debounce(False, Debounced(True), 10.0, 5.0, off_delay_s=3.0)
    assert (state.verdict, due) == (True, 13.0)
    state, _ = debounce(False, state, 13.0, 5.0, off_delay_s=3.0)
    assert state == Debounced(False)


def test_without_a_delay_the_verdict_comes_at_once() -> None:
    assert debounce(True, Debounced(), 7.0, 0.0) == (Debounced(True), inf)


def test_a_cause_that_flickers_to_unknown_does_not_put_its_trip_off() -> None:
    answer, state, due = delayed(T, Debounced(), 0.0, 10.0, strict=False)
    assert (answer, due) == (F, 10.0)
    answer, state, due = delayed(U, state, 4.0, 10.0, strict=False)
    assert (answer, due) == (U, 10.0)
    answer, state, due = delayed(T, state, 10.0, 10.0, strict=False)
    assert answer is T


def test_a_permission_that_flickers_to_unknown_has_to_hold_anew() -> None:
    _, state, _ = delayed(T, Debounced(), 0.0, 10.0, strict=True)
    answer, state, due = delayed(U, state, 4.0, 10.0, strict=True)
    assert (answer, state, due) == (U, Debounced(), inf)
    _, state, due = delayed(T, state, 5.0, 10.0, strict=True)
    assert due == 15.0
