"""What a step costs: counted in calls, which do not depend on who else uses the machine."""

from __future__ import annotations

import sys
from types import FrameType

from controller.core.core import Core
from controller.core.inputs import Batch, LinkUp
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant
from tests.unit.plants import Stage


def running() -> Stage:
    """The university plant with every analogue in the middle of nowhere special."""
    plant: Plant | None = load(find_plant("university")).plant
    assert plant is not None
    stage = Stage(plant, start=Core(plant, 1))
    for plc in plant.plcs:
        pairs = [(tag.index, (tag.low + tag.high) / 2) for tag in plant.tags if tag.plc == plc.index]
        stage.step(stage.raw_batch(plc.index, pairs), LinkUp(plc.index))
        stage.alive.add(plc.index)
    stage.beat()
    stage.advance(2.0)
    return stage


def python_calls(stage: Stage, batch: Batch) -> int:
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        stage.core.protect(stage.now, [batch])
    finally:
        sys.setprofile(None)
    return count


def of_plc(stage: Stage, plc: int, wanted: bool) -> list[int]:
    """Tags of a PLC that somebody reads (wanted) or nobody does."""
    watched = stage.core.watched
    return [tag.index for tag in stage.plant.tags if tag.plc == plc and bool(watched[tag.index]) == wanted]


def test_values_that_nobody_reads_cost_the_same_however_many_they_are() -> None:
    stage = running()
    tags = of_plc(stage, 2, wanted=False)
    assert len(tags) > 40
    few = python_calls(stage, stage.raw_batch(2, [(tag, 1.0) for tag in tags[:2]]))
    many = python_calls(stage, stage.raw_batch(2, [(tag, 2.0) for tag in tags]))
    assert many <= few + 5


def test_a_value_that_changes_no_verdict_has_no_interlock_looked_at() -> None:
    stage = running()
    tags = of_plc(stage, 1, wanted=True)[:10]
    stage.step(stage.raw_batch(1, [(tag, float(stage.core.image.value[tag])) for tag in tags]))
    looked: list[int] = []
    interlocks = stage.core.interlocks
    original = interlocks._look
    interlocks._look = lambda logic: looked.append(logic.rule.index)  # type: ignore[method-assign]
    values = stage.core.image.value
    stage.step(stage.raw_batch(1, [(tag, float(values[tag])) for tag in tags]))
    interlocks._look = original  # type: ignore[method-assign]
    assert looked == []


def test_ten_changes_of_interlock_inputs_cost_a_few_hundred_calls() -> None:
    stage = running()
    tags = of_plc(stage, 1, wanted=True)[:10]
    values = stage.core.image.value
    calls = python_calls(stage, stage.raw_batch(1, [(tag, float(values[tag]) + 0.001) for tag in tags]))
    assert calls < 1500
