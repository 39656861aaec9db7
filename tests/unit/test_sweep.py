"""When the cycle collector runs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from controller.sweep import QUIET_S, YOUNG, YOUNG_EVERY_S, YOUNG_MAX, Sweep


class Knot:
    """Holds itself: only the collector can free it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture
def sweep() -> Iterator[Sweep]:
    with Sweep() as sweep:
        yield sweep


def knots(count: int) -> weakref.ref[Knot]:
    first = weakref.ref(Knot())
    for _ in range(count):
        Knot()
    return first


def test_a_storm_is_not_interrupted(sweep: Sweep) -> None:
    first = knots(YOUNG.start * 2)
    sweep.look(0.0, 100.0)
    assert first() is not None


def test_a_quiet_moment_frees_what_holds_itself(sweep: Sweep) -> None:
    first = knots(YOUNG.start * 2)
    sweep.look(QUIET_S, 100.0)
    assert first() is None


def test_quiet_moments_that_follow_each_other_are_left_alone(sweep: Sweep) -> None:
    knots(YOUNG.start * 2)
    sweep.look(QUIET_S, 100.0)
    second = knots(YOUNG.start * 2)
    sweep.look(QUIET_S, 100.0 + YOUNG_EVERY_S / 2)
    assert second() is not None
    sweep.look(QUIET_S, 100.0 + YOUNG_EVERY_S)
    assert second() is None


def test_little_is_not_worth_a_look(sweep: Sweep) -> None:
    first = knots(10)
    sweep.look(QUIET_S, 100.0)
    assert first() is not None


def test_memory_is_bounded_even_without_a_quiet_moment(sweep: Sweep) -> None:
    first = knots(YOUNG_MAX + 1)
    sweep.look(0.0, 100.0)
    assert first() is None


def test_what_has_been_there_for_long_is_looked_at_too(sweep: Sweep) -> None:
    first = weakref.ref(knot := Knot())
    gc.collect()  # it is old now
    del knot
    knots(YOUNG.start * 2)
    sweep.look(QUIET_S, 100.0)
    assert first() is None


def test_afterwards_it_runs_by_itself_again() -> None:
    with Sweep():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
