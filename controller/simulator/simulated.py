"""The simulated plant behind the tags of a loaded one: what PLC servers, demo and simulate step."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, Final, Protocol

from controller.plant.plant import Plant
from controller.simulator import fault_table
from controller.simulator.cryocooler import faults as cryocooler_faults
from controller.simulator.cryocooler.model import CryocoolerPlant
from controller.simulator.fault_run import Computer, FaultRun
from controller.simulator.faults import start_state
from controller.simulator.instruments.panel import Panel
from controller.simulator.plc_logic.command import CommandPort
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import PlcTrip
from controller.simulator.points import Points, Value
from controller.simulator.turbine import TurbinePlant

STEP_S_MAX: Final = 1.0


class Model(Protocol):
    """What a kind of plant has to offer. plcs, panels: by the PLC's letter."""

    plant_s: float

    @property
    def plcs(self) -> dict[str, PlcCore]: ...
    @property
    def panels(self) -> dict[str, Panel]: ...
    def step(self, dt_s: float, wall_s: float) -> None: ...
    def scan(self, dt_s: float, wall_s: float) -> None: ...
    def port(self, name: str) -> CommandPort | None: ...
    def words(self) -> dict[str, list[int]]: ...
    def truth(self) -> dict[str, float]: ...
    def balance(self) -> dict[str, float]: ...
    def violations(self) -> list[str]: ...


class SimulatedPlant:
    """One plant, all its PLCs, and the faults it is to have. Same seed and calls, same values."""

    def __init__(self, plant: Plant, seed: int, faults: Sequence[tuple[str, float]] = ()) -> None:
        self.plant = plant
        self.wall_s = 0.0
        self.model: Any
        if plant.simulator == "cryocooler":
            self.model = CryocoolerPlant(seed)
            table: Any = cryocooler_faults.TABLE
        else:
            self.model = TurbinePlant(seed, start_state(faults))
            table = fault_table.TABLE
        letters = [plc.name for plc in plant.plcs]
        self.faults = FaultRun(table, self.model, letters, faults)
        self._points = [Points(plant, plc, self.model, self._core(plc.name)) for plc in plant.plcs]
        self._kept: dict[int, list[tuple[int, Value, int]]] = {}

    def _core(self, letter: str) -> PlcCore:
        """The model's PLC of that letter; a plant with other letters is R's with its own name."""
        cores: dict[str, PlcCore] = self.model.plcs
        return cores.get(letter) or cores["R"]

    @property
    def plant_s(self) -> float:
        return float(self.model.plant_s)

    @property
    def unknown(self) -> list[str]:
        """Tags and commands of the plant that the model does not have."""
        return [name for points in self._points for name in points.unknown]

    def advance(self, plant_s: float, wall_s: float) -> None:
        """So many plant seconds and wall seconds go by (0 plant seconds: only PLC computers live)."""
        if plant_s <= 0.0:
            self._pass_wall(wall_s)
            self.model.scan(0.0, wall_s)
            return
        steps = ceil(plant_s / STEP_S_MAX - 1e-9)
        for _ in range(steps):
            self.faults.act(plant_s / steps)
            self._pass_wall(wall_s / steps)
            self.model.step(plant_s / steps, wall_s / steps)

    def _pass_wall(self, wall_s: float) -> None:
        self.wall_s += wall_s
        for letter in self.faults.wait(wall_s):
            self._core(letter).restart_counter()

    def readings(self, plc: int) -> list[tuple[int, Value, int]]:
        """All tags of a PLC as its instruments show them, in engineering units."""
        if self.computer(plc).frozen:
            if plc not in self._kept:
                self._kept[plc] = self._points[plc].readings()
            return self._kept[plc]
        self._kept.pop(plc, None)
        return self._points[plc].readings()

    def write(self, plc: int, fields: Sequence[tuple[int, float]]) -> None:
        """One WriteRequest; the PLC acts on it in its next scan. Lost behind a frozen gateway."""
        computer = self.computer(plc)
        if computer.frozen or not computer.online:
            return
        inputs = self._points[plc].inputs
        for index, value in fields:
            inputs.get(index, _not_writable)(value)

    def inject(self, fault: str, at_s: float | None = None) -> None:
        """Let a fault happen at a plant second (None: now). FaultError when the plant has no such fault."""
        self.faults.schedule(fault, self.plant_s if at_s is None else at_s)

    def repair(self, fault: str) -> None:
        self.faults.repair(fault)

    def local_reset(self, plc: int | None = None) -> None:
        """Somebody presses the reset button at the machines of one PLC, or of all."""
        for number, points in enumerate(self._points):
            if plc is None or plc == number:
                points.core.press()

    # --- the PLCs' computers ----------------------------------------------------------------------

    def computer(self, plc: int) -> Computer:
        return self.faults.computers[self.plant.plcs[plc].name]

    def frozen(self, plc: int) -> bool:
        return self.computer(plc).frozen

    def offline(self, plc: int) -> bool:
        return not self.computer(plc).online

    def clock_offset_s(self, plc: int) -> float:
        return self.computer(plc).clock_offset_s

    def restarts(self, plc: int) -> int:
        return self.computer(plc).restarts

    # --- what really is -----------------------------------------------------------------------------

    def truth(self) -> dict[str, float]:
        return dict(self.model.truth())

    def balance(self) -> dict[str, float]:
        return dict(self.model.balance())

    def violations(self) -> list[str]:
        return list(self.model.violations())

    def trips(self) -> tuple[PlcTrip, ...]:
        """Every trip of every PLC so far, in the order of their times."""
        entries = [entry for core in self.model.plcs.values() for entry in core.log.entries]
        return tuple(sorted(entries, key=lambda entry: entry.at_s))


def _not_writable(value: float) -> None:
    """A node that the PLC does not let anybody write."""
    del value
