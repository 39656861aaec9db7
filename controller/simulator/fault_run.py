"""Faults at work: which are due, which are there, and what the PLCs' computers make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.simulator.faults import FaultError, ScheduledFault

AWAY_S: Final = 90.0  # wall seconds a restarting PLC cannot be reached
SLOW_CLOCK_S: Final = -3600.0


@dataclass(frozen=True, slots=True)
class Computer:
    """The state of one PLC's computer.

    online: its server answers. frozen: a gateway answers with old values, status Good.
    clock_offset_s: its clock minus UTC. restarts: how often it came up again; each time the
    namespace index moves by one.
    """

    online: bool = True
    frozen: bool = False
    clock_offset_s: float = 0.0
    restarts: int = 0


class FaultRun:
    """table: the faults of this kind of plant by name. model: the plant that they act on."""

    def __init__(
        self, table: Mapping[str, Any], model: Any, plcs: Sequence[str], faults: Sequence[tuple[str, float]]
    ) -> None:
        self._table = table
        self._model = model
        self._due: list[ScheduledFault] = []
        self.present: dict[str, float] = {}  # since which plant second
        self.computers = {name: Computer() for name in plcs}
        self._away_s: dict[str, float] = {}
        for name, at_s in faults:
            self.schedule(name, at_s)

    def schedule(self, name: str, at_s: float) -> None:
        if name not in self._table:
            known = ", ".join(self._table)
            raise FaultError(f"this plant has no fault {name!r}; it has {known}")
        self._due.append(ScheduledFault(name, at_s))
        self._due.sort(key=lambda fault: fault.at_s)

    def act(self, dt_s: float) -> None:
        """Before a step: begin what is due, and let what is there act as at the end of the step."""
        now_s = self._model.plant_s
        while self._due and self._due[0].at_s <= now_s + 1e-9:
            self._begin(self._due.pop(0).name, now_s)
        for name, since_s in self.present.items():
            self._table[name].act(self._model, now_s + dt_s - since_s)

    def _begin(self, name: str, now_s: float) -> None:
        if name in self.present:
            return
        self.present[name] = now_s
        fault = self._table[name]
        fault.act(self._model, 0.0)
        if fault.freezes in self.computers:
            self.computers[fault.freezes] = replace(self.computers[fault.freezes], frozen=True)
        if fault.restarts in self.computers:
            self._away_s[fault.restarts] = AWAY_S
            self.computers[fault.restarts] = replace(self.computers[fault.restarts], online=False)

    def repair(self, name: str) -> None:
        """Take a fault away; what it did to the plant stays done."""
        if self.present.pop(name, None) is None:
            return
        fault = self._table[name]
        fault.mend(self._model)
        if fault.freezes in self.computers:
            self.computers[fault.freezes] = replace(self.computers[fault.freezes], frozen=False)
        if fault.restarts in self.computers:
            self.computers[fault.restarts] = replace(self.computers[fault.restarts], clock_offset_s=0.0)

    def wait(self, wall_s: float) -> list[str]:
        """Wall time goes by; gives the PLCs whose server has come up again just now."""
        back = []
        for plc, left_s in list(self._away_s.items()):
            if left_s > wall_s:
                self._away_s[plc] = left_s - wall_s
                continue
            del self._away_s[plc]
            back.append(plc)
            before = self.computers[plc]
            self.computers[plc] = replace(
                before, online=True, clock_offset_s=SLOW_CLOCK_S, restarts=before.restarts + 1
            )
        return back
