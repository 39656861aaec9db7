"""Every interlock of every plant in the repository can trip, and does what its row says and nothing else."""

from __future__ import annotations

from functools import cache

import pytest

from alarms.signal import Tri
from controller.core.core import Core
from controller.core.inputs import LinkUp
from controller.plant.config import find_plant, load
from controller.plant.plant import (
    By,
    CommandEffect,
    Compare,
    Condition,
    Interlock,
    Not,
    Origin,
    Plant,
    State,
    Tripped,
    Vote,
)
from controller.plant.tags import Derived, Kind
from tests.unit.plants import Stage

# What makes a derived tag large that is no pressure.
KNOWN = {"KQ-517": {"XS-501": 5.0, "FT-518": 20.96, "PDT-505": 0.6}}
PLANTS = ("university", "cryocooler", "tutorial")


@cache
def plant(name: str) -> Plant:
    found = load(find_plant(name))
    assert found.plant is not None, found.errors[:3]
    return found.plant


def rows() -> list[tuple[str, str]]:
    return [(name, rule.name) for name in PLANTS for rule in plant(name).interlocks]


def make(plant: Plant, condition: Condition, truth: bool, values: dict[int, float]) -> None:
    """Values that make a condition true (or false), as far as they are not given yet."""
    match condition:
        case Compare():
            far = max(abs(condition.limit), 1.0) * 2 + condition.hysteresis
            beyond = condition.op.startswith(">") == truth
            _set(plant, condition.tag, condition.limit + (far if beyond else -far), values)
        case State():
            wanted = condition.values[0]
            other = next(number for number in range(100) if number not in condition.values)
            _set(plant, condition.tag, float(wanted if truth else other), values)
        case Vote():
            for term in condition.terms:
                make(plant, term, truth, values)
        case Not():
            make(plant, condition.term, not truth, values)
        case Tripped():
            for cause in plant.interlocks[condition.interlock].causes:
                make(plant, cause.condition, truth, values)


def _set(plant: Plant, tag: int, value: float, values: dict[int, float]) -> None:
    source = plant.tags[tag].source
    if not isinstance(source, Derived):
        values.setdefault(tag, value)
        return
    for name, given in KNOWN.get(plant.tags[tag].name, {}).items():
        values.setdefault(plant.index[name], given if value > 0 else 0.0)
    for one in source.inputs:  # p35 and the like rise with the pressure they are made of
        unit = plant.tags[one].unit
        if unit == "barg":
            values.setdefault(one, 190.0 if value > 0 else 0.0)
        elif not isinstance(plant.tags[one].source, Derived):
            values.setdefault(one, 20.0)


def started(which: Plant, rule: Interlock) -> Stage:
    """Every PLC alive and remote, and nothing of this row true."""
    calm: dict[int, float] = {}
    for cause in rule.causes:
        make(which, cause.condition, False, calm)
    for plc in which.plcs:
        for tag in (plc.remote, plc.epoch):
            if tag is not None:
                calm[tag] = 1.0
    stage = Stage(which, start=Core(which, 1))
    for plc in which.plcs:
        pairs = [
            (tag.index, calm.get(tag.index, (tag.low + tag.high) / 2))
            for tag in which.tags
            if tag.plc == plc.index
        ]
        stage.step(stage.raw_batch(plc.index, pairs), LinkUp(plc.index))
        stage.alive.add(plc.index)
    stage.beat()
    return stage


def provoke(stage: Stage, rule: Interlock, cause: Condition, moved: float = 0.0) -> None:
    wanted: dict[int, float] = {}
    if rule.while_ is not None:
        make(stage.plant, rule.while_, True, wanted)
    make(stage.plant, cause, True, wanted)
    stage.counter += 1
    batches = []
    for plc in stage.plant.plcs:
        analog = [tag for tag in wanted if stage.plant.tags[tag].kind is Kind.ANALOG]
        pairs = [
            (tag, value + (moved if tag in analog else 0.0))
            for tag, value in wanted.items()
            if stage.plant.tags[tag].plc == plc.index
        ]
        batches.append(stage.raw_batch(plc.index, [*pairs, (plc.alive, float(stage.counter))]))
    stage.step(*batches)


def delays_s(condition: Condition) -> float:
    match condition:
        case Compare() | State():
            return condition.for_s
        case Vote():
            return condition.for_s + max(delays_s(term) for term in condition.terms)
        case Not():
            return delays_s(condition.term)
        case Tripped():
            return 900.0


@pytest.mark.parametrize(("name", "row"), rows())
def test_each_cause_trips_its_row_and_writes_only_what_the_row_says(name: str, row: str) -> None:
    which = plant(name)
    rule = next(rule for rule in which.interlocks if rule.name == row)
    for number, cause in enumerate(rule.causes):
        stage = started(which, rule)
        if rule.needed > 1:
            for other in rule.causes:
                provoke(stage, rule, other.condition)
        provoke(stage, rule, cause.condition)
        longest_s = max(delays_s(one.condition) for one in rule.causes)
        stage.mono_s += longest_s + 0.01
        provoke(stage, rule, cause.condition, moved=1e-6)  # the delays are over, nothing stands still
        logic = stage.core.interlocks.logics[rule.index]
        assert logic.live.answers[number] is Tri.TRUE, f"{row}: {cause.id} cannot come true"
        record = stage.core.durable.interlock(row)
        assert record.trip is not None, f"{row}: {cause.id} does not trip"
        wanted = {
            (which.commands[effect.command].name, effect.word)
            for effect in rule.effects
            if isinstance(effect, CommandEffect)
        }
        asked = {
            (command, word)
            for command, word in ((w.context["command"], w.context["word"]) for w in stage.writes())
            if row in {interlock for interlock, _, _ in _settles(stage, command, word)}
        }
        assert asked <= wanted
        results = record.trip.effects
        for index in results:
            effect = rule.effects[index]
            if isinstance(effect, CommandEffect):
                settled = results[index].result == "done"
                assert settled or effect.word in stage.words(which.commands[effect.command].name)
        if rule.by is By.PLC:
            assert asked == set()


def _settles(stage: Stage, command: str, word: str) -> list[tuple[str, int, int]]:
    return [
        settle
        for write in stage.writes(command)
        if write.context["word"] == word
        for settle in write.context["settles"]
    ]


@pytest.mark.parametrize("name", PLANTS)
def test_the_service_by_itself_never_sends_a_word_of_people(name: str) -> None:
    which = plant(name)
    for rule in which.interlocks:
        for effect in rule.effects:
            if isinstance(effect, CommandEffect):
                word = which.commands[effect.command].named(effect.word)
                assert word.origin is Origin.AUTOMATIC, f"{rule.name}: {word.name}"


@pytest.mark.parametrize("name", PLANTS)
def test_every_row_says_why_it_is_as_it_is(name: str) -> None:
    which = plant(name)
    stage = started(which, which.interlocks[0])
    for rule in which.interlocks:
        assert stage.core.explain(rule.name, stage.now).startswith(rule.name)
    for tag in which.tags:
        assert tag.name in stage.core.explain(tag.name, stage.now)
    for command in which.commands:
        assert stage.core.explain(command.name, stage.now).startswith(command.name)
