"""The listening socket, all connections, and the second hand that ends what takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from controller.opcua.gateway.channel import Trust
from controller.opcua.gateway.discovery import Endpoints
from controller.opcua.gateway.dispatch import Dispatcher
from controller.opcua.gateway.security.limits import QuietLog, Rate
from controller.opcua.gateway.security.policies import Policies
from controller.opcua.gateway.services import Services
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.transport import Connection, Shared

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway

BACKLOG: Final = 128
CHECK_S: Final = 1.0
THREADS: Final = 2  # the codec holds the interpreter's lock; RSA does not
END_S: Final = 1.0  # for the last words to clients when we stop


@dataclass(frozen=True, slots=True)
class Listening:
    """An open port. connections: those that are there now."""

    url: str
    port: int
    connections: set[Connection]
    shared: Shared

    def look(self) -> None:
        """Ends what has taken too long; happens by itself every second."""
        now_s = self.shared.now_s()
        for connection in list(self.connections):
            connection.check(now_s)
        self.shared.sessions.expire()


@asynccontextmanager
async def listen(
    gateway: Gateway,
    settings: Settings,
    tables: Iterable[Services],
    policies: Policies,
    trust: Trust,
    now_s: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Listening]:
    """Serves until the block is left; then clients are told and nothing is left behind. Raises OSError."""
    limits, counters = settings.limits, gateway.sessions.counters
    log = QuietLog("opcua", now_s)
    aside = ThreadPoolExecutor(THREADS, "opcua wire")
    dispatcher = Dispatcher(gateway, tables, gateway.sessions, limits, counters, log, aside)
    connections: set[Connection] = set()
    shared = Shared(
        policies=policies,
        limits=limits,
        trust=trust,
        dispatcher=dispatcher,
        sessions=gateway.sessions,
        counters=counters,
        openings=Rate(limits.openings_per_s, limits.openings_burst, now_s),
        log=log,
        now_s=now_s,
        connections=connections,
        aside=aside,
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(shared), settings.host, settings.port, backlog=BACKLOG, start_serving=False
    )
    port = server.sockets[0].getsockname()[1]
    dispatcher.endpoints = Endpoints(settings, policies, port)
    listening = Listening(dispatcher.endpoints.url(""), port, connections, shared)
    second = asyncio.create_task(_watch(listening), name="opcua patience")
    try:
        await server.start_serving()
        yield listening
    finally:
        server.close()
        second.cancel()
        gateway.sessions.end_all()
        await _end(connections, second)
        aside.shutdown(wait=False, cancel_futures=True)


async def _watch(listening: Listening) -> None:
    while True:
        await asyncio.sleep(CHECK_S)
        listening.look()


async def _end(connections: set[Connection], second: asyncio.Task[None]) -> None:
    tasks: list[asyncio.Task[None]] = [second]
    for connection in list(connections):
        tasks += connection.tasks
        connection.shut()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            await asyncio.gather(*(connection.lost.wait() for connection in list(connections)))
    for connection in list(connections):
        connection.abort()
    await asyncio.sleep(0)  # connection_lost runs now, and cancels what still works
    await asyncio.gather(*tasks, return_exceptions=True)
