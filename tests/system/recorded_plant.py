"""A journal as the service would have written it: the whole plant with its core, simulated, up to now.

No sockets: hours are made in seconds. The times are wall times, so that what looks at 'the last three
minutes' finds something.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.core.clock import Now
from controller.core.effects import Effect, Event, Values
from controller.core.inputs import Note
from controller.plant.plant import Plant
from controller.record.journal import Journal
from controller.record.waiting import Limits
from controller.simulator import ScheduledFault, SimulatedPlant
from controller.simulator.world import World


class RecordedWorld(World):
    """A world whose events and values are kept for a journal. start_ns: UTC of its first step."""

    def __init__(self, plant: Plant, faults: Sequence[ScheduledFault], start_ns: int, step_s: float) -> None:
        self._start_ns = start_ns
        self.fresh_events: list[Event] = []
        self.fresh_values: list[Values] = []
        super().__init__(plant, SimulatedPlant(plant, 1, tuple(faults)), step_s=step_s)
        about = {"epoch": 1, "version": "0", "plant": plant.name, "speed": 1.0}
        self._waiting.append(Note("service.started", "heloop", "heloop started", about))

    @property
    def now(self) -> Now:
        return Now(self.plant_s, self.mono_s, self._start_ns + round(self.mono_s * 1e9))

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        self.fresh_events += [effect for effect in effects if isinstance(effect, Event)]
        self.fresh_values += [effect for effect in effects if isinstance(effect, Values)]
        super()._carry_out(effects)


def record(
    data: Path,
    plant: Plant,
    for_s: float,
    faults: Sequence[ScheduledFault] = (),
    *,
    step_s: float = 1.0,
    each_step: Callable[[RecordedWorld], None] = lambda _: None,
) -> RecordedWorld:
    """Writes the last `for_s` seconds of the plant into a new journal in `data`."""
    world = RecordedWorld(plant, faults, time.time_ns() - round(for_s * 1e9), step_s)
    limits = Limits(batch_s=0.0)
    journal = Journal.open(data, plant.name, plant.tags, limits=limits, synchronous="OFF")
    try:
        while world.mono_s < for_s:
            each_step(world)
            world.step()
            written = journal.append(world.fresh_events, world.fresh_values, world.now)
            world.fresh_events, world.fresh_values = [], []
            written.result(60.0)  # a commit for each step, as in a service
    finally:
        journal.close()
    return world
