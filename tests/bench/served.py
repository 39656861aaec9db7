"""The whole service with clients at its gateway: does an interlock notice them?

`python -m tests.bench.served DATA TAGS NORMAL_MS` is the gateway of such a service, in a process of its own:
prints its URL and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

TAGS = 2_000
NORMAL_MS = 5_000.0  # the PLC's tags at 0.2 Hz
FAST_MS = 10.0
LOST_MS = 1_000.0
ROOT = Path(__file__).parents[2]


def with_and_without(clients: int, times: int, rounds: int) -> dict[int, list[float]]:
    """ms of each reaction by the number of clients (0 and `clients`), in turn: a busy minute hits both."""
    from tests.bench.ingest import Server

    found: dict[int, list[float]] = {0: [], clients: []}
    with Server() as plc:
        for _ in range(rounds):
            for many in found:
                with tempfile.TemporaryDirectory() as folder, _service(plc.endpoint, Path(folder)):
                    while plc.ask("trip 1")[0] >= LOST_MS:
                        pass
                    with _clients(Path(folder), many):
                        plc.ask("trip 10")
                        found[many] += plc.ask(f"trip {times}")
    return found


@contextmanager
def _service(endpoint: str, data: Path) -> Iterator[None]:
    from tests.bench.ingest import client

    environment = {**os.environ, "HELOOP_BENCH_DATA": str(data)}
    command = client("service", endpoint, TAGS, NORMAL_MS, FAST_MS, 3600)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def _clients(data: Path, many: int) -> Iterator[None]:
    """The gateway runs in either case; so many clients subscribe to all tags, publishing every second."""
    from tests.bench.clients import Talking

    with Talking("served", data, TAGS, NORMAL_MS) as gateway:
        if not many:
            yield
            return
        with Talking("subscribers", gateway.first, many, TAGS, 1000, 10, 0, "T{:d}"):
            yield


async def main(data: Path, tags: int, normal_ms: float) -> None:
    from controller.opcua.gateway.running import run_gateway
    from controller.opcua.gateway.settings import Settings
    from tests.bench.client import load_plant

    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    os.environ["HELOOP_RUNTIME"] = str(data / "runtime")
    chosen = Settings(port=0, name="127.0.0.1", plain="read")
    plant = load_plant(tags, normal_ms, FAST_MS)
    await run_gateway(plant, data, chosen, lambda url: print(url, flush=True), demo=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
