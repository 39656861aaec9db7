"""The engine against a reference that looks at everything every second, over random plant days.

The reference knows no bands, heaps, records or folds; what it and the engine must share is who is
active, acknowledged, confirmed, latched, shown and announced, second by second, over restarts too.
"""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from alarms.annunciator import Settings
from alarms.model import Alarm, Discrete, Level, Side
from alarms.operations import Action
from alarms.signal import BAD_SENSOR_FAILURE, GOOD, UNCERTAIN
from alarms.snapshot import of_data
from alarms.suppression import FirstOutGroup, Suppression, parent
from tests.model.naive_alarms import Reference, Rule
from tests.unit.control_room import Room, Tags

RULES = [
    Rule("A.HH", 0, True, 95, 1, 1, on_s=3),
    Rule("A.H", 0, True, 90, 1, 3, on_s=3, off_s=5, worse="A.HH"),
    Rule("A.L", 0, False, 15, 0, 2, latching=True, confirm=True),
    Rule("B.HH", 1, True, 95, 2, 2, latching=True, suppressed_in=1),
    Rule("B.H", 1, True, 90, 0, 3, off_s=2, worse="B.HH", suppressed_in=1),
    Rule("B.L", 1, False, 15, 1, 3, on_s=10, confirm=True, suppressed_in=1),
]
NAMES = [one.id for one in RULES]
STATE = 2
VALUES = [5.0, 15.0, 15.5, 16.5, 50.0, 88.0, 89.5, 90.0, 93.5, 94.5, 95.0, 99.0]
STATUS = [GOOD, GOOD, GOOD, UNCERTAIN, BAD_SENSOR_FAILURE]


def engine_rule(one: Rule) -> Alarm:
    return Alarm(
        one.id,
        Level(one.tag, Side.HIGH if one.high else Side.LOW, one.limit, one.deadband),
        one.priority,
        one.id.partition(".")[0],
        one.id.partition(".")[2],
        on_delay_s=one.on_s,
        off_delay_s=one.off_s,
        latching=one.latching,
        confirm=one.confirm,
    )


class Twins:
    """A control room and the reference, given the same plant and the same people."""

    steps = 0

    def __init__(self, entry_s: int, exit_s: int, values: list[float]) -> None:
        state = Suppression(
            "rest",
            Discrete(STATE, (1,)),
            tuple(one.id for one in RULES if one.suppressed_in is not None),
            entry_s=entry_s,
            exit_s=exit_s,
        )
        self.room = Room(
            Tags("A", "B", "X"),
            [engine_rule(one) for one in RULES],
            [state],
            A=values[0],
            B=values[1],
            X=values[2],
        )
        self.reference = Reference(RULES, STATE, entry_s, exit_s)
        self.reference.second(*self.plant(), passed=False)
        self.origin_ns = self.room.utc_ns

    def plant(self) -> tuple[list[float], list[int]]:
        return self.room.values.tolist(), self.room.status.tolist()

    def report(self, tag: int, value: float, status: int) -> None:
        Twins.steps += 1
        self.room.reads("ABX"[tag], value, status)
        self.reference.second(*self.plant(), passed=False)

    def wait(self, seconds: int) -> None:
        Twins.steps += 1
        self.room.wait(seconds)
        for _ in range(seconds):
            self.reference.second(*self.plant(), passed=True)

    def act(self, action: Action, name: str, for_s: int) -> None:
        Twins.steps += 1
        role = "supervisor" if "service" in action else "operator"
        refused = self.room.does(action, name, role=role, reason="because", for_s=for_s)
        there = self.reference
        accepted = {
            Action.ACKNOWLEDGE: lambda: there.acknowledge(name),
            Action.CONFIRM: lambda: there.confirm(name),
            Action.RESET: lambda: there.reset(name),
            Action.SHELVE: lambda: there.shelve(name, for_s, once=False),
            Action.SHELVE_ONCE: lambda: there.shelve(name, for_s, once=True),
            Action.UNSHELVE: lambda: there.unshelve(name),
            Action.REMOVE_FROM_SERVICE: lambda: there.out_of_service(name, for_s),
            Action.RETURN_TO_SERVICE: lambda: there.return_to_service(name),
        }[action]()
        assert accepted == (not refused), (action, name, refused)
        there.second(*self.plant(), passed=False)

    def restart(self, down_s: int) -> None:
        Twins.steps += 1
        self.room = self.room.restarted(down_s=down_s)
        self.reference.restart(down_s)
        self.reference.second(*self.plant(), passed=False)

    def compare(self) -> None:
        for name, naive in self.reference.alarms.items():
            facts = self.room.facts(name)
            ours = (facts.active, facts.acknowledged, facts.confirmed, facts.latched, len(facts.branches))
            theirs = (naive.active, naive.acknowledged, naive.confirmed, naive.latched, len(naive.past))
            assert ours == theirs, name
            assert self.room.shown(name).value == self.reference.state(naive), name
        said = [
            (round((record.utc_ns - self.origin_ns) / 1e9), record.source, str(record.announce))
            for record in self.room.records
            if record.announce
        ]
        assert sorted(said) == sorted(self.reference.announced)

    def fold(self) -> None:
        assert self.room.folded() == self.room.engine.book


ACTIONS = [
    Action.ACKNOWLEDGE,
    Action.CONFIRM,
    Action.RESET,
    Action.SHELVE,
    Action.SHELVE_ONCE,
    Action.UNSHELVE,
    Action.REMOVE_FROM_SERVICE,
    Action.RETURN_TO_SERVICE,
]


class PlantDay(RuleBasedStateMachine):
    looks = 0

    @initialize(
        entry_s=st.sampled_from([0, 4]),
        exit_s=st.sampled_from([0, 6]),
        a=st.sampled_from(VALUES),
        b=st.sampled_from(VALUES),
        x=st.sampled_from([0.0, 1.0]),
    )
    def begin(self, entry_s: int, exit_s: int, a: float, b: float, x: float) -> None:
        self.twins = Twins(entry_s, exit_s, [a, b, x])

    @rule(tag=st.sampled_from([0, 1]), value=st.sampled_from(VALUES), status=st.sampled_from(STATUS))
    def instrument_reports(self, tag: int, value: float, status: int) -> None:
        self.twins.report(tag, value, status)

    @rule(value=st.sampled_from([0.0, 1.0]), status=st.sampled_from(STATUS))
    def state_changes(self, value: float, status: int) -> None:
        self.twins.report(STATE, value, status)

    @rule(seconds=st.sampled_from([1, 2, 3, 5, 10, 61]))
    def time_passes(self, seconds: int) -> None:
        self.twins.wait(seconds)

    @rule(action=st.sampled_from(ACTIONS), name=st.sampled_from(NAMES), for_s=st.sampled_from([7, 90, 4000]))
    def a_person_acts(self, action: Action, name: str, for_s: int) -> None:
        self.twins.act(action, name, for_s)

    @rule(down_s=st.sampled_from([1, 30]))
    def the_service_restarts(self, down_s: int) -> None:
        self.twins.restart(down_s)

    @invariant()
    def both_agree(self) -> None:
        """After every step."""
        if hasattr(self, "twins"):
            PlantDay.looks += 1
            self.twins.compare()

    def teardown(self) -> None:
        if hasattr(self, "twins"):
            self.twins.fold()


def test_ten_thousand_steps_that_hypothesis_draws() -> None:
    drawn = settings(
        max_examples=230, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
    )
    before = PlantDay.looks
    run_state_machine_as_test(PlantDay, settings=drawn)
    assert PlantDay.looks - before >= 10_000


@pytest.mark.parametrize("seed", range(24))
def test_twelve_thousand_steps_of_plant_days(seed: int) -> None:
    """Longer days than hypothesis draws: 24 x 500 steps. A failure is repeated by its seed."""
    draw = random.Random(seed)
    twins = Twins(draw.choice([0, 4]), draw.choice([0, 6]), [50.0, 50.0, 0.0])
    before = Twins.steps
    for _ in range(500):
        kind = draw.random()
        if kind < 0.45:
            twins.report(draw.randrange(2), draw.choice(VALUES), draw.choice(STATUS))
        elif kind < 0.5:
            twins.report(STATE, draw.choice([0.0, 1.0]), draw.choice(STATUS))
        elif kind < 0.75:
            twins.wait(draw.choice([1, 2, 3, 5, 10, 61]))
        elif kind < 0.99:
            twins.act(draw.choice(ACTIONS), draw.choice(NAMES), draw.choice([7, 90, 4000]))
        else:
            twins.restart(draw.choice([1, 30]))
        twins.compare()
    twins.fold()
    assert Twins.steps - before == 500


# --- everything at once: what must hold whatever happens ---------------------------------------------


def crowded() -> tuple[list[Alarm], list[Suppression], list[FirstOutGroup]]:
    """Exclusive limits, parents, a cascade, re-alarm times, and a flood threshold within reach."""
    alarms = [
        Alarm("A.HH", Level(0, Side.HIGH, 95, 1), 2, "A", "HH", exclusive=True, realarm_s=90, latching=True),
        Alarm("A.H", Level(0, Side.HIGH, 90, 1), 3, "A", "H", exclusive=True, off_delay_s=4),
        Alarm("B.L", Level(1, Side.LOW, 15, 1), 1, "B", "L", on_delay_s=2, realarm_s=45),
        *[Alarm(f"X.{n}", Discrete(STATE, (n,)), 2 + n % 2, "X", confirm=n == 3) for n in range(6)],
    ]
    suppressions = [
        parent("b", "B.L", ("A.H", "X.5"), exit_s=8),
        Suppression("x1", Discrete(STATE, (1, 3)), ("A.HH", "A.H"), entry_s=2, exit_s=3, at_most_s=30),
    ]
    groups = [FirstOutGroup("g", (("X.0", "X.1"), ("X.2",), ("X.3", "X.4")), window_s=12)]
    return alarms, suppressions, groups


def check_everything(room: Room) -> None:
    book = room.engine.book
    for name, point in room.engine.points.items():
        facts = room.facts(name)
        assert (name in book.active) == facts.active
        assert (name in book.retained) == facts.retained
        if point.alarm.priority == 1:
            assert facts.shelf is None
            assert facts.out_of_service is None
            assert not facts.consequence
            assert not room.engine.suppressed_by(name)
        if facts.standing and room.shown(name).value in "BCEF":
            assert facts.presented, name  # what stands in the open has been put before people
        assert room.explained(name).startswith(name)
    assert not {"A.H", "A.HH"} <= set(book.active)  # exclusive
    for incident in book.incidents.values():
        assert all(room.facts(one).incident in {"", incident.id} for one in incident.members)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_journal_folds_to_the_live_state(seed: int) -> None:
    draw = random.Random(1000 + seed)
    alarms, suppressions, groups = crowded()
    soon = Settings(flood_begins=4, flood_ends=2)
    room = Room(Tags("A", "B", "X"), alarms, suppressions, groups, soon, A=50.0, B=50.0, X=9.0)
    names = [one.id for one in alarms]
    for _ in range(300):
        match draw.randrange(10):
            case 0 | 1 | 2:
                room.reads(draw.choice("AB"), draw.choice(VALUES), draw.choice(STATUS))
            case 3 | 4:
                room.reads("X", float(draw.randrange(7)), draw.choice(STATUS))
            case 5 | 6 | 7:
                room.wait(draw.choice([1, 3, 10, 40, 700]))
            case 8:
                room.does(
                    draw.choice(list(Action)),
                    draw.choice(names),
                    role=draw.choice(["operator", "supervisor"]),
                    reason="because",
                    for_s=draw.choice([5.0, 60.0, 5000.0]),
                )
            case 9 if draw.random() < 0.2:
                room = room.restarted(down_s=draw.choice([1.0, 60.0]))
        check_everything(room)
    assert room.folded() == room.engine.book
    assert of_data(json.loads(json.dumps(room.engine.snapshot()))) == room.engine.book
    events = [record.event for record in room.records]
    assert len(set(events)) == len(events)


@pytest.mark.parametrize("seed", range(10))
def test_a_small_budget_delays_decisions_but_ends_in_the_same_state(seed: int) -> None:
    draw = random.Random(seed)
    count = 60
    tags = Tags(*[f"T-{n}" for n in range(count)])
    rules = [
        Alarm(f"T-{n}.H", Level(n, Side.HIGH, 90), 1 + n % 3, f"T-{n}", "H", latching=n % 7 == 0)
        for n in range(count)
    ]
    start = {f"T_{n}": 50.0 for n in range(count)}
    ample, tight = (Room(tags, rules, **start) for _ in range(2))
    for _ in range(50):
        changed = draw.sample(range(count), draw.randrange(1, count))
        values = [draw.choice(VALUES) for _ in changed]
        for room, budget in ((ample, 10_000), (tight, draw.randrange(4))):
            room.values[changed] = values
            room.step(changed, budget)
    while tight.last.waiting:
        tight.step((), 5)
    assert sorted(tight.engine.book.active) == sorted(ample.engine.book.active)
    assert tight.folded() == tight.engine.book


# --- every state of a small configuration ------------------------------------------------------------

MOVES = {
    "rises": lambda room: room.reads("A", 99.0),
    "falls": lambda room: room.reads("A", 50.0),
    "goes bad": lambda room: room.reads("A", status=BAD_SENSOR_FAILURE),
    "rest": lambda room: room.reads("X", 1.0),
    "run": lambda room: room.reads("X", 0.0),
    "acknowledge": lambda room: room.does(Action.ACKNOWLEDGE, "A.H"),
    "confirm": lambda room: room.does(Action.CONFIRM, "A.H"),
    "reset": lambda room: room.does(Action.RESET, "A.H"),
    "shelve": lambda room: room.does(Action.SHELVE, "A.H", for_s=60.0),
    "shelve once": lambda room: room.does(Action.SHELVE_ONCE, "A.H"),
    "unshelve": lambda room: room.does(Action.UNSHELVE, "A.H"),
}


def played(moves: tuple[str, ...], latching: bool, confirm: bool) -> Room:
    rule = Alarm("A.H", Level(0, Side.HIGH, 90), 3, "A", "H", latching=latching, confirm=confirm)
    room = Room(Tags("A", "X"), [rule], [Suppression("rest", Discrete(1, (1,)), ("A.H",))], A=50.0, X=0.0)
    for move in moves:
        MOVES[move](room)
    return room


def essence(room: Room) -> tuple[object, ...]:
    """What can make a difference to what happens next; branches only as none or some."""
    facts = room.facts("A.H")
    return (
        room.shown("A.H").value,
        facts.active,
        facts.acknowledged,
        facts.confirmed,
        facts.latched,
        facts.shelf and facts.shelf.kind,
        facts.presented or not facts.standing,
        room.engine.suppressed_by("A.H"),
        bool(facts.branches),
        room.values[0] > 90,
        int(room.status[0]) == GOOD,
    )


@pytest.mark.parametrize(
    ("latching", "confirm", "states"),
    [(False, False, 114), (True, True, 268)],
)
def test_every_state_that_one_alarm_can_reach(latching: bool, confirm: bool, states: int) -> None:
    """Breadth first over all moves of plant and people until nothing new comes; a restart changes none."""
    found: dict[tuple[object, ...], tuple[str, ...]] = {essence(played((), latching, confirm)): ()}
    ahead: list[tuple[str, ...]] = [()]
    while ahead:
        path = ahead.pop(0)
        for move in MOVES:
            room = played((*path, move), latching, confirm)
            key = essence(room)
            if key in found:
                continue
            found[key] = (*path, move)
            ahead.append((*path, move))
            facts, shown = room.facts("A.H"), room.shown("A.H").value
            assert latching or not facts.latched
            assert confirm or facts.confirmed
            assert facts.confirmed or facts.acknowledged
            assert (shown == "H") == bool(room.engine.suppressed_by("A.H"))
            assert not facts.standing or shown in "GH" or facts.presented, path
            assert room.folded() == room.engine.book
            assert essence(room.restarted(down_s=0.0)) == key, (*path, move)
    assert len(found) == states
