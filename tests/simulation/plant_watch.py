"""Runs the bare turbine plant with a fault and notes when things happened first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.simulator.fault_run import FaultRun
from controller.simulator.fault_table import TABLE
from controller.simulator.faults import start_state
from controller.simulator.turbine import TurbinePlant


@dataclass(frozen=True)
class When:
    """Something that holds for a time. what: for messages."""

    what: str
    holds: Callable[[TurbinePlant], bool]
    for_s: float = 0.0


def reads(text: str) -> When:
    """'LT-201 > 90 for 5': a reading of whichever PLC has the tag, beyond a limit for so many seconds."""
    tag, comparison, limit, *rest = text.split()
    bound, above = float(limit), comparison == ">"

    def holds(plant: TurbinePlant) -> bool:
        value = plant_reading(plant, tag)
        return value > bound if above else value < bound

    return When(text, holds, float(rest[1]) if rest else 0.0)


def plant_reading(plant: TurbinePlant, tag: str) -> float:
    for letter, plc in plant.plcs.items():
        if tag in plant.panels[letter].pv:
            return plant.panels[letter].pv[tag]
        if tag in plc.out:
            return plc.out[tag]
    raise KeyError(tag)


class Watch:
    """One plant in one fault (at 0 s), stepped here, without any service: the PLCs are alone."""

    def __init__(self, fault: str | None = None, *, seed: int = 1) -> None:
        faults = [(fault, 0.0)] if fault else []
        self.plant = TurbinePlant(seed, start_state(faults))
        self.faults = FaultRun(TABLE, self.plant, ("S", "R", "L"), faults)

    def step(self, step_s: float) -> None:
        self.faults.act(step_s)
        self.plant.step(step_s, step_s)

    def run(self, for_s: float, *, step_s: float = 1.0) -> None:
        until_s = self.plant.plant_s + for_s
        while self.plant.plant_s < until_s - 1e-6:
            self.step(step_s)

    def first(self, *whens: When, within_s: float, step_s: float = 1.0) -> dict[str, float]:
        """Plant seconds at which each came true (for its time); those that did not are left out."""
        found: dict[str, float] = {}
        since: dict[str, float] = {}
        while self.plant.plant_s < within_s - 1e-6 and len(found) < len(whens):
            self.step(step_s)
            now_s = self.plant.plant_s
            for when in whens:
                if when.what in found:
                    continue
                if not when.holds(self.plant):
                    since.pop(when.what, None)
                elif now_s - since.setdefault(when.what, now_s) >= when.for_s - 1e-6:
                    found[when.what] = now_s
        return found

    def trips(self) -> dict[str, float]:
        """When each row tripped first."""
        found: dict[str, float] = {}
        for plc in self.plant.plcs.values():
            for entry in plc.log.entries:
                found.setdefault(entry.id, entry.at_s)
        return found

    def causes(self) -> dict[str, str]:
        """The first-out of each row's first trip."""
        found: dict[str, str] = {}
        for plc in self.plant.plcs.values():
            for entry in plc.log.entries:
                found.setdefault(entry.id, entry.cause)
        return found
