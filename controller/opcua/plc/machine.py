"""What a simulated PLC needs of the plant behind it: its values, its inputs, and the state of its computer.

The simulator implements this; the tests have a small machine of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from controller.simulator import Computer

RUNNING: Final = Computer()


class Machine(Protocol):
    """A plant with the logic of its PLCs, stepped from outside. Values are in engineering units."""

    def advance(self, plant_s: float, wall_s: float) -> None:
        """Moves processes by plant_s plant seconds, heartbeats and watchdogs by wall_s wall seconds."""

    def readings(self, plc: int) -> Iterable[tuple[int, float | str, int]]:
        """(tag index, value, StatusCode) of the tags of one PLC as its instruments show them now."""

    def write(self, plc: int, fields: Sequence[tuple[int, float]]) -> None:
        """One WriteRequest of a client: (tag index, value) in the order in which they were written."""

    def inject(self, fault: str, at_s: float) -> None:
        """Lets a fault of the plant happen at plant second at_s."""

    def computer(self, plc: int) -> Computer:
        """How the computer of one PLC fares."""
