"""A simulated run as the service records it: journal with samples, flight recorder, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from controller.core.clock import Now
from controller.core.core import Core
from controller.core.effects import Effect, Event, Step, Values
from controller.core.inputs import Input
from controller.plant.plant import Plant
from controller.record.journal import Journal
from controller.record.recorder import Recorder
from controller.replay import core_state
from controller.simulator import ScheduledFault, SimulatedPlant
from controller.simulator.world import BUDGET, World


class _Listened(Core):
    """Keeps what the last step was given."""

    given: tuple[Now, Sequence[Input]] | None = None

    def protect(self, now: Now, inputs: Sequence[Input]) -> Step:
        self.given = (now, list(inputs))
        return super().protect(now, inputs)


class _Recorded(World):
    """A world whose steps go to disk."""

    journal: Journal
    recorder: Recorder

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        super()._carry_out(effects)
        self.fresh = [*getattr(self, "fresh", []), *effects]

    def step(self) -> None:
        self.fresh = []
        super().step()
        assert isinstance(self.core, _Listened)
        assert self.core.given is not None
        now, inputs = self.core.given
        self.recorder.record(now, inputs, BUDGET)
        events = [effect for effect in self.fresh if isinstance(effect, Event)]
        self.journal.append(events, [one for one in self.fresh if isinstance(one, Values)], now)


def texts_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}


def record(
    data: Path,
    plant: Plant,
    texts: dict[str, str],
    for_s: float,
    *faults: ScheduledFault,
    step_s: float = 1.0,
    seed: int = 1,
) -> World:
    """Runs the plant and leaves a data directory as the service would."""
    world = _Recorded(plant, SimulatedPlant(plant, seed, faults), step_s=step_s)
    world.core = core = _Listened(plant, 1)
    world.journal = Journal.open(data, plant.name, plant.tags, synchronous="OFF")
    try:
        with Recorder.open(data, plant, texts, lambda: core_state(core, [])) as world.recorder:
            world.run(for_s)
    finally:
        world.journal.close(30.0)
    return world
