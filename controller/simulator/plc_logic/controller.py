"""What the three PLCs have in common: command ports, heartbeat, counter, local reset button, trip log."""

from __future__ import annotations

from typing import Final

from controller.simulator.plc_logic.command import CommandPort, Watchdog
from controller.simulator.plc_logic.states import StateMachine
from controller.simulator.plc_logic.trip import Trip, TripLog

UNSAFE_WORD, SAFE_WORD, RESET_WORD = 1, 2, 3
BUTTON_S: Final = 2.0


class Hardwired:
    """Contacts that run from panel to panel by copper, not over a network.

    stop_all: the chain of I-27 is open. evacuate: an oxygen head stands below 18 %.
    """

    __slots__ = ("evacuate", "stop_all")

    def __init__(self) -> None:
        self.stop_all = False
        self.evacuate = False


class PlcCore:
    """State every PLC keeps. Measured values come in as a dict of this PLC's own tags.

    bypassed: rows switched off with the PLC's own key (tests and local work). out: values the PLC
    computes itself, by tag name.
    """

    def __init__(self, name: str, wires: Hardwired) -> None:
        self.name = name
        self.wires = wires
        self.log = TripLog(name)
        self.watchdog = Watchdog()
        self.ports: dict[str, CommandPort] = {}
        self.bypassed: set[str] = set()
        self.machines: list[StateMachine] = []
        self.latches: list[Trip] = []
        self.out: dict[str, float] = {}
        self.now_s = 0.0
        self._count = 0.0
        self._button_s = 0.0
        self._just_pressed = False

    def trip(self, name: str, *, latched: bool) -> Trip:
        row = Trip(name, self.log, latched=latched)
        self.latches.append(row)
        return row

    def machine(self, name: str, table: dict[int, set[int]], state: int) -> StateMachine:
        made = StateMachine(name, table, state)
        self.machines.append(made)
        return made

    def port(self, name: str, words: tuple[str, ...], *, toggle: bool = False) -> CommandPort:
        """words: unsafe, safe and, where there is one, reset; numbered 1, 2, 3."""
        made = CommandPort(name, dict(enumerate(words, start=UNSAFE_WORD)), toggle=toggle)
        self.ports[name] = made
        return made

    @property
    def counter(self) -> int:
        return int(self._count) & 0xFFFF

    def restart_counter(self) -> None:
        self._count = 0.0

    @property
    def button(self) -> bool:
        """HS-391: somebody at the machine presses reset (stretched to two plant seconds)."""
        return self._button_s > 0.0

    def press(self) -> None:
        self._button_s = BUTTON_S
        self._just_pressed = True

    def tick(self, dt_s: float, wall_s: float) -> None:
        """Once per scan, before anything else."""
        self.now_s += dt_s
        self._count += wall_s
        if self._just_pressed:
            self._just_pressed = False  # every press is seen by one scan at least
        else:
            self._button_s = max(0.0, self._button_s - dt_s)
        self.watchdog.step(wall_s)
        for machine in self.machines:
            machine.wait(dt_s)

    def allowed(self, row: str) -> bool:
        return row not in self.bypassed
