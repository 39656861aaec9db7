"""A chat's webhook: a real HTTP server in the test's own loop, which can be told to misbehave."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Room:
    """statuses: of the answers to come, then 200; -1 hangs. seen: (path, headers, body) of all requests."""

    port: int = 0
    statuses: deque[int] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, str], str]] = field(default_factory=list)


@asynccontextmanager
async def a_room() -> AsyncIterator[Room]:
    here = Room()
    closing = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        try:
            body = await request.text()
        except ConnectionResetError:  # who sent it was killed
            return web.Response(status=400)
        here.seen.append((request.path, dict(request.headers), body))
        status = here.statuses.popleft() if here.statuses else 200
        if status < 0:
            await closing.wait()
            status = 503
        return web.Response(status=status, text="ok")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here.port = runner.addresses[0][1]
    try:
        yield here
    finally:
        closing.set()
        await runner.cleanup()
