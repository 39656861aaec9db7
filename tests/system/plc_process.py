"""One simulated PLC in a process of its own, so that a test can stop, continue and kill it.

`python -m tests.system.plc_process PLC PORT`: prints the endpoint when it serves; its counter moves.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

from controller.opcua.plc.server import UPDATE_S, SimulatedPlcServer
from tests.system.steady_plant import SteadyMachine, steady_plant

ROOT = Path(__file__).parents[2]


async def serve(plc: int, port: int) -> None:
    """Until the process ends."""
    machine = SteadyMachine(steady_plant())
    server = SimulatedPlcServer(machine.plant, plc, machine, port)
    await server.start()
    print(server.endpoint, flush=True)
    loop, beats = asyncio.get_running_loop(), count(1)

    def update() -> None:
        machine.set(f"{'LRS'[plc]}.COUNT", next(beats) % 65536)
        server.update()
        loop.call_later(UPDATE_S, update)

    update()
    await loop.create_future()


@asynccontextmanager
async def plc_process(plc: int, port: int = 0) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The process and its endpoint; killed at the end if it still lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.system.plc_process",
        str(plc),
        str(port),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            yield process, (await process.stdout.readline()).decode().strip()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
