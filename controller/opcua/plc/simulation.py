"""A plant with its simulated PLCs in one loop: physics, servers, faults, and a way to steer them.

Plant time runs at `speed` times wall time from `begin` on; heartbeats and watchdogs run in wall time from
the start. Both advance in quanta of UPDATE_S of wall time, so that a slow machine delays the plant and
does not change what happens in it: with the same seed and the same writes in the same quantum, the same
plant.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Sequence
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any, Final

from controller.opcua.plc.control import Control
from controller.opcua.plc.faults import LinkFault, LinkFaults, is_link_fault, parse_link_fault
from controller.opcua.plc.machine import Machine
from controller.opcua.plc.server import OPEN, UPDATE_S, Access, SimulatedPlcServer
from controller.plant.plant import Plant

PART_S: Final = 10.0  # plant seconds that are stepped without a look at the sockets
CATCH_UP_MAX: Final = 10  # quanta made up for at once; what is beyond is given up, and counted


class Simulation:
    """One plant, one machine, one server per PLC.

    speed: plant seconds per wall second. ports: one per PLC; none = any free port. held: plant time
    stands at 0 until begin().
    """

    def __init__(
        self,
        plant: Plant,
        machine: Machine,
        *,
        speed: float = 1.0,
        ports: Sequence[int] = (),
        held: bool = False,
        access: Access = OPEN,
    ) -> None:
        if not speed > 0.0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.plant = plant
        self.speed = speed
        self.plant_s = 0.0
        self.lost_s = 0.0  # wall seconds that could not be made up for
        self.running = not held
        self.machine = machine
        chosen = ports or [0] * len(plant.plcs)
        self.servers = [
            SimulatedPlcServer(plant, plc.index, machine, port, access=access)
            for plc, port in zip(plant.plcs, chosen, strict=True)
        ]
        self._faults = LinkFaults(self.servers)
        self._scheduled: list[tuple[float, int, LinkFault]] = []
        self._order = count()
        self._restarts = [0] * len(plant.plcs)
        self._ended = asyncio.Event()

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens all servers; with it returned, their endpoints can be connected to."""
        for server in self.servers:
            await server.start()

    async def run(self) -> None:
        """Runs until end() or until cancelled; closes the servers behind itself."""
        try:
            next_s = time.monotonic() + UPDATE_S
            while not self._ended.is_set():
                await self._sleep_until(next_s)
                behind = int((time.monotonic() - next_s) / UPDATE_S)
                quanta = 1 + min(behind, CATCH_UP_MAX - 1)
                self.lost_s += UPDATE_S * (1 + behind - quanta)
                next_s += UPDATE_S * (1 + behind)
                await self.advance(quanta)
        finally:
            await self.stop()

    async def stop(self) -> None:
        for server in self.servers:
            await server.stop()

    async def _sleep_until(self, at_s: float) -> None:
        try:
            async with asyncio.timeout(max(at_s - time.monotonic(), 0.0)):
                await self._ended.wait()
        except TimeoutError:
            pass

    async def advance(self, quanta: int = 1) -> None:
        """Moves everything on by `quanta` updates of UPDATE_S wall seconds; the nodes follow once."""
        for _ in range(quanta):
            step_s = UPDATE_S * self.speed if self.running else 0.0
            parts = max(1, ceil(step_s / PART_S))
            for _ in range(parts):
                self.machine.advance(step_s / parts, UPDATE_S / parts)
                self.plant_s += step_s / parts
                await asyncio.sleep(0)  # at high speed the servers answer in between
        now_s = time.monotonic()
        await self._faults.end_due(now_s)
        while self._scheduled and self._scheduled[0][0] <= self.plant_s:
            await self._faults.begin(heapq.heappop(self._scheduled)[2], now_s)
        for server in self.servers:
            await self._follow(server)
            server.update()

    async def _follow(self, server: SimulatedPlcServer) -> None:
        """Brings a server down or up as the machine says its computer is."""
        plc = server.plc.index
        computer = self.machine.computer(plc)
        moved = computer.restarts - self._restarts[plc]
        if not computer.online or moved:
            await server.go_down()
        if computer.online and not server.running and plc not in self._faults.down:
            self._restarts[plc] = computer.restarts
            await server.come_up(moved)

    # --- steering (control.Steered) ---------------------------------------------------------------

    def begin(self) -> None:
        """Lets plant time run."""
        self.running = True

    def inject(self, fault: str, at_s: float | None = None) -> None:
        """Lets a fault happen at plant second at_s, or now: one of the plant's, or one of a link."""
        at_s = self.plant_s if at_s is None else at_s
        if is_link_fault(fault):
            link_fault = parse_link_fault(fault, self.plant)
            heapq.heappush(self._scheduled, (at_s, next(self._order), link_fault))
        else:
            self.machine.inject(fault, at_s)

    def end(self) -> None:
        self._ended.set()

    def status(self) -> dict[str, Any]:
        return {
            "plant": self.plant.name,
            "running": self.running,
            "plant_s": round(self.plant_s, 3),
            "speed": self.speed,
            "lost_s": round(self.lost_s, 3),
            "plcs": [
                {
                    "name": server.plc.name,
                    "style": server.style.name,
                    "endpoint": server.endpoint,
                    "running": server.running,
                    "sessions": server.sessions,
                }
                for server in self.servers
            ],
        }


async def run_simulation(
    plant: Plant,
    machine: Machine,
    *,
    speed: float = 1.0,
    port_base: int | None = None,
    faults: Sequence[tuple[str, float]] = (),
    held: bool = False,
    control: Path | None = None,
    ready: asyncio.Future[Simulation] | None = None,
) -> None:
    """Hosts a simulation until it is told to stop or cancelled.

    port_base P puts the PLCs on P+2, P+3, ... in their order; None takes free ports. faults: (name,
    plant second). control: where to put the control socket. ready is set once the servers serve.
    """
    ports = [] if port_base is None else [port_base + 2 + plc.index for plc in plant.plcs]
    simulation = Simulation(plant, machine, speed=speed, ports=ports, held=held)
    for name, at_s in faults:
        simulation.inject(name, at_s)
    steering = None if control is None else Control(control, simulation)
    try:
        await simulation.start()
        if steering is not None:
            await steering.start()
        if ready is not None:
            ready.set_result(simulation)
        await simulation.run()
    finally:
        if steering is not None:
            await steering.stop()
        await simulation.stop()
