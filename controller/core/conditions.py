"""Conditions at work: trees of comparisons, votes and negations with delay, answered in three values.

A compiled tree keeps its small state in its nodes and reads the image when asked. It is asked only
when an input changed or its deadline came, and says when it wants to be asked next (plant seconds).

`strict` is for permissions, resets and proofs: UNKNOWN starts their delays again. Without it (causes
of trips) a delay runs on through UNKNOWN; see alarms/comparison.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol, assert_never

from alarms.comparison import Debounced, beyond, delayed
from alarms.signal import SEVERITY_MASK, Tri, vote
from controller.core.firstout import Moment, latest, nth
from controller.core.image import Image
from controller.plant.plant import Compare, Condition, Not, Plant, State, Tripped, Vote
from controller.plant.tags import Derived

MIXED: Final = -2  # more than one PLC, so no common clock


class Sight:
    """What conditions see: the image, the trips, and the present plant second.

    due_s collects the soonest deadline of everything evaluated since it was last set to inf.
    wall_per_plant: wall seconds in a plant second, to place a delayed verdict on the source's clock.
    """

    def __init__(self, plant: Plant, image: Image) -> None:
        self.plant = plant
        self.image = image
        self.plant_s = 0.0
        self.wall_per_plant = 1.0
        self.due_s = inf
        self.tripped: list[Tri] = [Tri.FALSE] * len(plant.interlocks)
        self.trip_moments: dict[int, Moment] = {}
        self._common: dict[int, int] = {}

    def clock_of(self, tag: int) -> int:
        """The PLC whose clock stamps a tag; a derived tag has one if all its inputs share it."""
        known = self._common.get(tag)
        if known is not None:
            return known
        source = self.plant.tags[tag].source
        if isinstance(source, Derived):
            clocks = {self.clock_of(one) for one in source.inputs}
            found = clocks.pop() if len(clocks) == 1 else MIXED
        else:
            found = source.plc
        self._common[tag] = found
        return found


@dataclass(slots=True)
class LeafState:
    """The verdict before the delay, when it last turned (a spell of UNKNOWN is no turn), and the delay.

    held_s: plant second since which the last verdict stands in for a value that is not Good.
    """

    raw: Tri = Tri.UNKNOWN
    definite: Tri = Tri.UNKNOWN
    beyond: bool = False
    turned_s: float = 0.0
    turned_ns: int = 0
    arrival: int = 0
    held_s: float | None = None
    verdict: bool = False
    since_s: float | None = None


class Node(Protocol):
    """A compiled condition."""

    def evaluate(self, sight: Sight) -> Tri: ...
    def reset(self) -> None: ...
    def moment(self, sight: Sight) -> Moment: ...
    def states(self) -> Iterator[LeafState]: ...
    def leaves(self) -> Iterator[Leaf]: ...
    def tags(self) -> Iterator[int]: ...
    def others(self) -> Iterator[int]: ...


def _delay(state: LeafState, raw: Tri, sight: Sight, for_s: float, strict: bool) -> Tri:
    if not for_s:
        return raw
    before = Debounced(state.verdict, state.since_s)
    answer, after, due_s = delayed(raw, before, sight.plant_s, for_s, strict=strict)
    state.verdict, state.since_s = after
    sight.due_s = min(sight.due_s, due_s)
    return answer


def _forget(state: LeafState) -> None:
    """Delays start again; the hysteresis too, since nobody has been looking."""
    state.raw, state.definite, state.beyond, state.held_s = Tri.UNKNOWN, Tri.UNKNOWN, False, None
    state.verdict, state.since_s = False, None


class Leaf(ABC):
    """One tag against something; the parts that Compare and State share."""

    def __init__(self, tag: int, for_s: float, strict: bool) -> None:
        self.tag = tag
        self.for_s = for_s
        self.strict = strict
        self.state = LeafState()

    def turn(self, raw: Tri, sight: Sight) -> None:
        state = self.state
        state.raw = raw
        if raw is not Tri.UNKNOWN and raw is not state.definite:
            state.definite = raw
            state.turned_s = sight.plant_s
            state.turned_ns = sight.image.given_ns.item(self.tag)
            state.arrival = sight.image.arrival.item(self.tag)

    @abstractmethod
    def stirs(self, image: Image) -> bool:
        """Whether the present value changes the verdict before the delay. Cheap; asked at every change."""

    def reset(self) -> None:
        _forget(self.state)

    def moment(self, sight: Sight) -> Moment:
        state = self.state
        source_ns = state.turned_ns
        if source_ns:
            source_ns += round(self.for_s * sight.wall_per_plant * 1e9)
        return Moment(state.turned_s + self.for_s, source_ns, state.arrival, sight.clock_of(self.tag))

    def states(self) -> Iterator[LeafState]:
        yield self.state

    def leaves(self) -> Iterator[Leaf]:
        yield self

    def tags(self) -> Iterator[int]:
        yield self.tag

    def others(self) -> Iterator[int]:
        yield from ()


class CompareNode(Leaf):
    """A Good value against a limit; `hold_s` lets the last verdict stand in for a while."""

    def __init__(self, rule: Compare, strict: bool) -> None:
        super().__init__(rule.tag, rule.for_s, strict)
        self.rule = rule

    def evaluate(self, sight: Sight) -> Tri:
        rule, state, image = self.rule, self.state, sight.image
        value = image.value.item(rule.tag)
        if image.status.item(rule.tag) & SEVERITY_MASK:  # Good is never NaN: the image sees to it
            raw = self._unseen(sight)
        else:
            state.held_s = None
            state.beyond = beyond(rule.op, rule.limit, rule.hysteresis, value, state.beyond)
            raw = Tri.TRUE if state.beyond else Tri.FALSE
        self.turn(raw, sight)
        return _delay(state, raw, sight, self.for_s, self.strict)

    def stirs(self, image: Image) -> bool:
        rule, state = self.rule, self.state
        if image.status.item(rule.tag) & SEVERITY_MASK:
            return state.held_s is None and state.raw is not Tri.UNKNOWN
        if state.held_s is not None or state.raw is Tri.UNKNOWN:
            return True
        value = image.value.item(rule.tag)
        return beyond(rule.op, rule.limit, rule.hysteresis, value, state.beyond) is not state.beyond

    def _unseen(self, sight: Sight) -> Tri:
        state, hold_s = self.state, self.rule.hold_s
        if not hold_s or state.raw is Tri.UNKNOWN:
            return Tri.UNKNOWN
        if state.held_s is None:
            state.held_s = sight.plant_s
        if sight.plant_s >= state.held_s + hold_s:
            return Tri.UNKNOWN
        sight.due_s = min(sight.due_s, state.held_s + hold_s)
        return state.raw


class StateNode(Leaf):
    """A Good discrete or state value is one of a set."""

    def __init__(self, rule: State, strict: bool) -> None:
        super().__init__(rule.tag, rule.for_s, strict)
        self.values = frozenset(float(value) for value in rule.values)

    def evaluate(self, sight: Sight) -> Tri:
        value = sight.image.good_value(self.tag)
        raw = Tri.UNKNOWN if value is None else Tri.of(value in self.values)
        self.turn(raw, sight)
        return _delay(self.state, raw, sight, self.for_s, self.strict)

    def stirs(self, image: Image) -> bool:
        value = image.good_value(self.tag)
        raw = Tri.UNKNOWN if value is None else Tri.of(value in self.values)
        return raw is not self.state.raw


class TrippedNode:
    """Whether another interlock stands tripped."""

    def __init__(self, rule: Tripped) -> None:
        self.interlock = rule.interlock

    def evaluate(self, sight: Sight) -> Tri:
        return sight.tripped[self.interlock]

    def reset(self) -> None:
        """Nothing to forget."""

    def moment(self, sight: Sight) -> Moment:
        return sight.trip_moments.get(self.interlock, Moment(sight.plant_s, 0, 0, MIXED))

    def states(self) -> Iterator[LeafState]:
        yield from ()

    def leaves(self) -> Iterator[Leaf]:
        yield from ()

    def tags(self) -> Iterator[int]:
        yield from ()

    def others(self) -> Iterator[int]:
        yield self.interlock


class VoteNode:
    """needed out of the terms; every term is asked, since each keeps its own delay."""

    def __init__(self, rule: Vote, terms: Sequence[Node], strict: bool) -> None:
        self.needed = rule.needed
        self.for_s = rule.for_s
        self.strict = strict
        self.terms = tuple(terms)
        self.answers: list[Tri] = [Tri.UNKNOWN] * len(self.terms)
        self.state = LeafState()

    def evaluate(self, sight: Sight) -> Tri:
        self.answers = [term.evaluate(sight) for term in self.terms]
        return _delay(self.state, vote(self.needed, self.answers), sight, self.for_s, self.strict)

    def reset(self) -> None:
        _forget(self.state)
        for term in self.terms:
            term.reset()

    def moment(self, sight: Sight) -> Moment:
        true = [
            term.moment(sight) for term, answer in zip(self.terms, self.answers, strict=True) if answer == 2
        ]
        if len(true) >= self.needed:
            return nth(true, self.needed).later(self.for_s, sight.wall_per_plant)
        return latest([term.moment(sight) for term in self.terms])

    def states(self) -> Iterator[LeafState]:
        yield self.state
        for term in self.terms:
            yield from term.states()

    def leaves(self) -> Iterator[Leaf]:
        for term in self.terms:
            yield from term.leaves()

    def tags(self) -> Iterator[int]:
        for term in self.terms:
            yield from term.tags()

    def others(self) -> Iterator[int]:
        for term in self.terms:
            yield from term.others()


class NotNode:
    """The negation; what is unknown stays unknown."""

    def __init__(self, term: Node) -> None:
        self.term = term

    def evaluate(self, sight: Sight) -> Tri:
        return self.term.evaluate(sight).negated()

    def reset(self) -> None:
        self.term.reset()

    def moment(self, sight: Sight) -> Moment:
        return self.term.moment(sight)

    def states(self) -> Iterator[LeafState]:
        return self.term.states()

    def leaves(self) -> Iterator[Leaf]:
        return self.term.leaves()

    def tags(self) -> Iterator[int]:
        return self.term.tags()

    def others(self) -> Iterator[int]:
        return self.term.others()


def compiled(condition: Condition, *, strict: bool) -> Node:
    """The condition as a tree with state. Under a Not the safe side turns round, and so does `strict`."""
    match condition:
        case Compare():
            return CompareNode(condition, strict)
        case State():
            return StateNode(condition, strict)
        case Tripped():
            return TrippedNode(condition)
        case Vote():
            return VoteNode(condition, [compiled(term, strict=strict) for term in condition.terms], strict)
        case Not():
            return NotNode(compiled(condition.term, strict=not strict))
        case _:
            assert_never(condition)
