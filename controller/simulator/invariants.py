"""What holds in a plant whatever happens to it: helium is neither made nor lost, levels stay inside
0..100 %, state machines never skip a state, every trip has exactly one first-out."""

from __future__ import annotations

from typing import Final, Protocol

from controller.simulator.physics.gas import M_HE
from controller.simulator.physics.ledger import Ledger
from controller.simulator.plc_logic.controller import PlcCore

BALANCE_REL_MAX: Final = 1e-6
SLACK_MOL: Final = 1e-6


class Vessels(Protocol):
    """The side of a plant that is looked at here."""

    plant_s: float
    ledger: Ledger

    @property
    def plcs(self) -> dict[str, PlcCore]: ...
    def helium_mol(self) -> float: ...
    def contents(self) -> dict[str, tuple[float, float]]: ...


class Invariants:
    """Remembers of each kind of violation the first."""

    def __init__(self, plant: Vessels) -> None:
        self._plant = plant
        self._start_mol = plant.helium_mol()
        self._violated: dict[str, str] = {}

    def balance(self) -> dict[str, float]:
        """kg: start + supplied = total + vented + leaked + delivered + error."""
        terms = self._plant.ledger.kilograms()
        start, total = self._start_mol * M_HE, self._plant.helium_mol() * M_HE
        out = terms["vented_kg"] + terms["leaked_kg"] + terms["delivered_kg"]
        error = start + terms["supplied_kg"] - total - out
        return {"start_kg": start, "total_kg": total, **terms, "error_kg": error}

    def check(self) -> None:
        """Look at the amounts of this moment."""
        balance = self.balance()
        scale = balance["start_kg"] + balance["supplied_kg"]
        if abs(balance["error_kg"]) > BALANCE_REL_MAX * scale:
            self._remember("balance", f"the helium balance is off by {balance['error_kg']:.3g} kg")
        for name, (moles, room) in self._plant.contents().items():
            if not -SLACK_MOL <= moles <= room + SLACK_MOL:
                self._remember(name, f"{name} holds {moles:.6g} of {room:.6g} mol")

    def _remember(self, what: str, text: str) -> None:
        self._violated.setdefault(what, f"{text} at {self._plant.plant_s:.0f} s")

    def violations(self) -> list[str]:
        """In words; empty when all is well."""
        self.check()
        found = list(self._violated.values())
        for plc in self._plant.plcs.values():
            for machine in plc.machines:
                found += machine.skipped
            found += [f"{entry.id} has no first-out" for entry in plc.log.entries if not entry.cause]
        return found
