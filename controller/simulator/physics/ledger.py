"""Where helium came from and went to across the fence of the plant, in moles of helium."""

from __future__ import annotations

from controller.simulator.physics.gas import M_HE


class Ledger:
    """supplied: in (users' gas, MRI boil-off, cylinders). vented, leaked, delivered: out."""

    __slots__ = ("delivered", "leaked", "supplied", "vented")

    def __init__(self) -> None:
        self.supplied = 0.0
        self.vented = 0.0
        self.leaked = 0.0
        self.delivered = 0.0

    def kilograms(self) -> dict[str, float]:
        return {
            "supplied_kg": self.supplied * M_HE,
            "vented_kg": self.vented * M_HE,
            "leaked_kg": self.leaked * M_HE,
            "delivered_kg": self.delivered * M_HE,
        }
