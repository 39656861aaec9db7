"""First-out: which of several causes came first, and when nobody can say."""

from __future__ import annotations

import numpy as np

from controller.core.firstout import UNDETERMINED, Moment, first_out, nth
from controller.core.inputs import Batch
from controller.plant.plant import CommandEffect
from tests.unit.plants import Cause, Compare, Draft, Stage, all_of, valve

MS = 1_000_000


def two_plcs() -> Stage:
    """A and B on L, C on R; B waits for 2 s of plant time."""
    draft = Draft()
    left, right = draft.plc("L"), draft.plc("R")
    a, b, c = draft.tag("A", left), draft.tag("B", left), draft.tag("C", right)
    causes = [
        Cause("A>1", "a", Compare(a, ">", 1.0)),
        Cause("B>1", "b", Compare(b, ">", 1.0, for_s=2.0)),
        Cause("C>1", "c", Compare(c, ">", 1.0)),
    ]
    draft.interlock("S-01", causes, [CommandEffect(valve(draft, "X", right), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.advance(10.0)
    return stage


def stamped(stage: Stage, plc: int, *changes: tuple[str, float, int]) -> Batch:
    """(tag, value, source time in ms from now)."""
    now_ns = stage.now.utc_ns
    return Batch(
        plc,
        np.array([stage.plant.index[name] for name, _, _ in changes], np.int32),
        np.array([value for _, value, _ in changes]),
        np.zeros(len(changes), np.uint32),
        np.array([now_ns + ms * MS for _, _, ms in changes], np.int64),
    )


def outcome(stage: Stage) -> str:
    trip = stage.core.durable.interlock("S-01").trip
    assert trip is not None
    return trip.first_out


def test_within_one_plc_its_own_clock_decides_not_the_order_in_the_notification() -> None:
    draft = Draft()
    draft.plc("L")
    a, b = draft.tag("A"), draft.tag("B")
    causes = [Cause("A>1", "a", Compare(a, ">", 1.0)), Cause("B>1", "b", Compare(b, ">", 1.0))]
    draft.interlock("S-01", causes, [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.advance(1.0)
    stage.step(stamped(stage, 0, ("A", 2.0, -20), ("B", 2.0, -40)))
    assert outcome(stage) == "B>1"


def test_a_clock_that_is_an_hour_wrong_still_orders_what_it_stamped() -> None:
    draft = Draft()
    draft.plc("L")
    a, b = draft.tag("A"), draft.tag("B")
    causes = [Cause("A>1", "a", Compare(a, ">", 1.0)), Cause("B>1", "b", Compare(b, ">", 1.0))]
    draft.interlock("S-01", causes, [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    hour_ms = 3_600_000
    stage.step(stamped(stage, 0, ("A", 2.0, -hour_ms), ("B", 2.0, -hour_ms - 5)))
    assert outcome(stage) == "B>1"


def test_equal_times_of_one_plc_are_undetermined() -> None:
    draft = Draft()
    draft.plc("L")
    a, b = draft.tag("A"), draft.tag("B")
    causes = [Cause("A>1", "a", Compare(a, ">", 1.0)), Cause("B>1", "b", Compare(b, ">", 1.0))]
    draft.interlock("S-01", causes, [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.step(stamped(stage, 0, ("A", 2.0, 0), ("B", 2.0, 0)))
    assert outcome(stage) == UNDETERMINED
    assert [event.data["first_out"] for event in stage.of("interlock.tripped")] == [UNDETERMINED]


def test_across_plcs_the_order_of_arrival_decides_whatever_their_clocks_say() -> None:
    stage = two_plcs()
    stage.step(stamped(stage, 1, ("C", 2.0, 0)), stamped(stage, 0, ("A", 2.0, -500)))
    assert outcome(stage) == "C>1"


def test_a_delayed_cause_is_ordered_by_when_its_delay_was_over() -> None:
    stage = two_plcs()
    stage.step(stamped(stage, 0, ("B", 2.0, 0)))
    stage.advance(1.9)
    stage.step(stamped(stage, 0, ("A", 2.0, 0)))
    assert outcome(stage) == "A>1"


def test_an_earlier_source_time_that_comes_a_little_later_corrects_the_first_out() -> None:
    draft = Draft()
    draft.plc("L")
    a, b = draft.tag("A"), draft.tag("B")
    causes = [Cause("A>1", "a", Compare(a, ">", 1.0)), Cause("B>1", "b", Compare(b, ">", 1.0))]
    draft.interlock("S-01", causes, [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.advance(5.0)
    stage.step(stamped(stage, 0, ("A", 2.0, 0)))
    stage.mono_s += 0.3
    stage.step(stamped(stage, 0, ("B", 2.0, -400)))
    assert outcome(stage) == "B>1"
    assert stage.last("interlock.first_out").data["instead_of"] == "A>1"
    assert stage.folded() == stage.core.durable.bare()


def test_a_cause_that_comes_much_later_corrects_nothing() -> None:
    draft = Draft()
    draft.plc("L")
    a, b = draft.tag("A"), draft.tag("B")
    causes = [Cause("A>1", "a", Compare(a, ">", 1.0)), Cause("B>1", "b", Compare(b, ">", 1.0))]
    draft.interlock("S-01", causes, [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.advance(9.0)
    stage.step(stamped(stage, 0, ("A", 2.0, 0)))
    stage.advance(1.5)
    stage.step(stamped(stage, 0, ("B", 2.0, -2000)))
    assert outcome(stage) == "A>1"
    assert stage.last("interlock.cause").data["cause"]["id"] == "B>1"


def test_all_of_is_true_when_its_last_term_is() -> None:
    draft = Draft()
    draft.plc("L")
    a, b, c = draft.tag("A"), draft.tag("B"), draft.tag("C")
    causes = [
        Cause("A and B", "ab", all_of(Compare(a, ">", 1.0), Compare(b, ">", 1.0))),
        Cause("C>1", "c", Compare(c, ">", 1.0)),
    ]
    draft.interlock("S-01", causes, [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.advance(5.0)
    stage.step(stamped(stage, 0, ("A", 2.0, -900), ("C", 2.0, -500), ("B", 2.0, -100)))
    assert outcome(stage) == "C>1"


def test_moments_without_a_common_clock_are_ordered_by_arrival() -> None:
    first = Moment(10.0, 500, 3, 0)
    second = Moment(10.0, 400, 4, 1)
    assert first_out([("x", first), ("y", second)]) == "x"
    assert first_out([("x", first), ("y", first)]) == UNDETERMINED
    assert nth([second, first], 2) is second
