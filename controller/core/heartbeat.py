"""The heartbeat to the PLCs: a counter and our epoch, each wall second, while the core lives.

That is all it means: the core has gone through a step within the last second. A PLC drops remote mode
when it stands still for 30 s, and refuses an epoch lower than the highest it has seen. A PLC that a newer
owner has gets none: two counters in one node, and the PLC might not see the owner's move.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Final

from controller.core.clock import Now
from controller.core.effects import Write
from controller.core.liveness import Liveness
from controller.plant.plant import Plant

PERIOD_S: Final = 1.0
COUNTER_MAX: Final = 65535
SPREAD: Final = 40503  # Knuth's multiplier for 16 bits: consecutive epochs begin far from each other


class Heartbeat:
    """One counter for all PLCs; late beats are not made up for.

    Each run begins elsewhere: a service that is killed again and again after its first beat still moves it.
    """

    def __init__(self, plant: Plant, epoch: int) -> None:
        self.plant = plant
        self.epoch = epoch
        self.counter = epoch * SPREAD % COUNTER_MAX
        self.due_s: float | None = None

    def beat(self, now: Now, liveness: Liveness, fenced: Container[int]) -> Iterator[Write]:
        if self.due_s is not None and now.mono_s < self.due_s:
            return
        on_time_s = now.mono_s if self.due_s is None else self.due_s + PERIOD_S
        self.due_s = on_time_s if on_time_s > now.mono_s else now.mono_s + PERIOD_S
        self.counter = self.counter % COUNTER_MAX + 1
        for plc in self.plant.plcs:
            if plc.heartbeat is not None and liveness.is_up(plc.index) and plc.index not in fenced:
                fields = [(plc.heartbeat, float(self.counter))]
                if plc.epoch is not None:
                    fields.append((plc.epoch, float(self.epoch)))
                yield Write(plc.index, 0, tuple(fields), now.mono_s + PERIOD_S)
