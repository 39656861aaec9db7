"""Runs of the whole university plant with its core, and what people would have been told in them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from controller.core.run import Run, report
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant
from controller.simulator import ScheduledFault, SimulatedPlant
from controller.simulator.world import World


@cache
def university() -> Plant:
    plant = load(find_plant("university")).plant
    assert plant is not None
    return plant


def world(*faults: ScheduledFault, seed: int = 1, step_s: float = 1.0) -> World:
    return World(university(), SimulatedPlant(university(), seed, faults), step_s=step_s)


def ran(fault: str | None, for_s: float, *, step_s: float = 1.0) -> World:
    """The default start, or the start state of the fault, which comes at 0 s."""
    faults = () if fault is None else (ScheduledFault(fault, 0.0),)
    made = world(*faults, step_s=step_s)
    made.run(for_s)
    return made


def reported(made: World, seed: int = 1) -> dict[str, Any]:
    """The report as `heloop simulate` writes it, after a turn through JSON."""
    run = Run(seed, 1.0, made.plant_s, samples=made.samples, links=made.links())
    found: dict[str, Any] = json.loads(json.dumps(report(run, made.plant, made.events)))
    return found


def told(document: dict[str, Any], worst: int = 3) -> list[tuple[str, float]]:
    """The alarms that were announced, with their times, up to and including priority `worst`."""
    return [
        (alarm["id"], alarm["at_s"])
        for alarm in document["alarms"]
        if alarm["event"] == "raised" and alarm["priority"] <= worst
    ]
