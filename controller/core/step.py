"""What one step has decided so far, and the only way to change what must survive the process.

`Decisions.say` makes an event, applies it to the durable state and queues it for the journal, in
one call: live code cannot change durable state in any other way, so what is folded from the journal
after a restart is what was there before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.clock import Now
from controller.core.durable import Durable
from controller.core.effects import Effect, Event, Reconnect, Reply, Values, Write
from controller.core.trip_facts import concerned

SEVERITY = {  # OPC UA Part 5, 6.4.2: 1 (information) to 1000 (catastrophic)
    "interlock.tripped": 800,
    "effect.missing": 900,
    "command.undone": 700,
    "link.lost": 700,
    "epoch.refused": 900,
    "bypass.active": 500,
    "interlock.unknown": 500,
    "certificate.expired": 700,
    "certificate.expiring": 300,
    "command.no_echo": 500,
    "permissive.withheld": 400,
    "check.inhibited": 400,
    "quality.stale": 400,
    "quality.frozen": 400,
    "follower.down": 700,
    "follower.refused": 700,
    "follower.parked": 500,
    "notify.given_up": 500,
    "notify.bare": 300,
    "notify.unreachable": 700,
    "notify.hole": 500,
    "notify.test_failed": 700,
    "notify.heartbeat_failed": 500,
    "rota.hole": 300,
}


class Decisions:
    """The effects of a step in the making. Writes leave first, whatever the order they were decided in."""

    def __init__(self, durable: Durable) -> None:
        self.durable = durable
        self.now = Now(0.0, 0.0, 0)
        self._writes: list[Write] = []
        self._rest: list[Effect] = []
        self.changed: list[NDArray[np.int32]] = []  # tags with a new value or status, for the alarms
        self.stirred: set[str] = set()  # interlocks to which something happened, for the alarms

    def say(
        self, kind: str, source: str, text: str, data: dict[str, Any], severity: int | None = None
    ) -> Event:
        level = SEVERITY.get(kind, 100) if severity is None else severity
        event = Event(kind, source, text, self.now.utc_ns, self.now.plant_s, level, data)
        self.durable.apply(event)
        self.stirred.update(concerned(event))
        self._rest.append(event)
        return event

    def write(self, write: Write) -> None:
        self._writes.append(write)

    def tell(self, effect: Values | Reply | Reconnect) -> None:
        self._rest.append(effect)
        if isinstance(effect, Values):
            self.changed.append(effect.batch.tags)
            self.changed.extend(np.array([text[0]], np.int32) for text in effect.batch.texts)

    def take(self) -> tuple[Effect, ...]:
        effects = (*self._writes, *self._rest)
        self._writes.clear()
        self._rest.clear()
        return effects
