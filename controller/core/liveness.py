"""Which PLCs are alive: a session is not enough, the PLC's own counter has to move.

| state       | link | counter           | values            | writes                |
|-------------|------|-------------------|-------------------|-----------------------|
| down        | no   | -                 | Bad               | none                  |
| unconfirmed | up   | has not moved yet | Bad, kept aside   | heartbeat             |
| alive       | up   | moves             | as they come      | heartbeat, commands   |

All times here are wall seconds. A PLC that is lost makes one event, whatever number of tags it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Final

import numpy as np

from controller.core.clock import Now
from controller.core.inputs import Batch, LinkDown, LinkUp
from controller.plant.plant import Plc

RETRY: Final = 3.0  # times alive_after_s: how often a session whose counter never moves is given up


class Life(Enum):
    DOWN = "down"
    UNCONFIRMED = "unconfirmed"
    ALIVE = "alive"


@dataclass(slots=True)
class Pulse:
    """What is known of one PLC's life.

    counter: last value of its `alive` tag in this session, None before the first. moved_s: when it
    last moved, or when the wait for it began. first_alive_s: when it was first alive; the clock of
    `unknown_delay_s` starts here. down_reason: told by the link, kept for status and events.
    """

    life: Life = Life.DOWN
    counter: float | None = None
    moved: bool = False
    moved_s: float = 0.0
    first_alive_s: float | None = None
    lost_s: float | None = None
    reason: str = "not connected yet"
    gap: bool = False
    told: bool = False


class Liveness:
    """The pulses of all PLCs. Methods say what changed; what that means is for the core."""

    def __init__(self, plcs: tuple[Plc, ...], grace_s: float) -> None:
        self.plcs = plcs
        self.grace_s = grace_s
        self.pulses = [Pulse() for _ in plcs]
        self.started_s: float | None = None

    def begin(self, now: Now) -> None:
        if self.started_s is None:
            self.started_s = now.mono_s

    def is_alive(self, plc: int) -> bool:
        return self.pulses[plc].life is Life.ALIVE

    def is_up(self, plc: int) -> bool:
        return self.pulses[plc].life is not Life.DOWN

    def judged_from_s(self, plc: int) -> float:
        """From when on an unknown value of this PLC counts: its first confirmed value, or the grace."""
        assert self.started_s is not None
        first = self.pulses[plc].first_alive_s
        grace_over_s = self.started_s + self.grace_s
        return grace_over_s if first is None else min(first, grace_over_s)

    def up(self, item: LinkUp, now: Now) -> bool:
        """A session stands. True when the PLC is alive by this (its counter has moved already)."""
        pulse = self.pulses[item.plc]
        pulse.gap = pulse.gap or item.gap
        if pulse.life is Life.ALIVE:
            return False
        pulse.life, pulse.moved_s = Life.UNCONFIRMED, now.mono_s
        return self._confirmed(pulse, now)

    def down(self, item: LinkDown, now: Now) -> bool:
        """The session is gone. True when the PLC was alive until now."""
        return self.lose(item.plc, item.reason, now, Life.DOWN)

    def lose(self, plc: int, reason: str, now: Now, life: Life) -> bool:
        pulse = self.pulses[plc]
        was_alive = pulse.life is Life.ALIVE
        pulse.life, pulse.counter, pulse.moved, pulse.reason = life, None, False, reason
        pulse.moved_s = now.mono_s
        if was_alive:
            pulse.lost_s, pulse.told = now.mono_s, True
        return was_alive

    def see(self, batch: Batch, now: Now) -> bool:
        """Looks for the counter in a notification. True when the PLC is alive by this."""
        pulse = self.pulses[batch.plc]
        found = batch.values[(batch.tags == self.plcs[batch.plc].alive) & (batch.status < 0x40000000)]
        if not len(found):
            return False
        before, pulse.counter = pulse.counter, float(found[-1])
        if (before is not None and bool((found != before).any())) or bool(np.any(found[1:] != found[:-1])):
            pulse.moved, pulse.moved_s = True, now.mono_s
        return pulse.life is Life.UNCONFIRMED and self._confirmed(pulse, now)

    def _confirmed(self, pulse: Pulse, now: Now) -> bool:
        if not pulse.moved:
            return False
        pulse.life = Life.ALIVE
        pulse.moved_s = now.mono_s
        if pulse.first_alive_s is None:
            pulse.first_alive_s = now.mono_s
        return True

    def late(self, now: Now) -> Iterator[tuple[int, str]]:
        """PLCs whose counter has stood still for too long, with the reason in words."""
        for plc, pulse in zip(self.plcs, self.pulses, strict=True):
            if now.mono_s >= self._late_s(plc, pulse):
                yield plc.index, f"its counter has stood still for {plc.alive_after_s:g} s"

    @staticmethod
    def _late_s(plc: Plc, pulse: Pulse) -> float:
        """When patience ends: sooner for a PLC that lived than for one that has just been connected."""
        if pulse.life is Life.DOWN:
            return inf
        return pulse.moved_s + plc.alive_after_s * (1.0 if pulse.life is Life.ALIVE else RETRY)

    def never_came(self, now: Now) -> Iterator[int]:
        """PLCs that have not been alive within the grace after the start; each is named once."""
        assert self.started_s is not None
        if now.mono_s < self.started_s + self.grace_s:
            return
        for plc, pulse in zip(self.plcs, self.pulses, strict=True):
            if pulse.first_alive_s is None and not pulse.told:
                pulse.told = True
                yield plc.index

    def due_s(self) -> float:
        assert self.started_s is not None
        due_s = inf
        for plc, pulse in zip(self.plcs, self.pulses, strict=True):
            due_s = min(due_s, self._late_s(plc, pulse))
            if pulse.first_alive_s is None and not pulse.told:
                due_s = min(due_s, self.started_s + self.grace_s)
        return due_s
