"""In front of a real influxd: /api/v2/write becomes its /write; single answers can be other than its own."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web


@dataclass
class Fault:
    """status 0: nothing is answered until the client gives up. passed_on: stored all the same."""

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    passed_on: bool = False


@dataclass
class FaultServer:
    """faults: for the next write requests, one each. seen: (path, headers, encoding) of those that came."""

    url: str = ""
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    token: str = ""
    closing: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def fault_server(behind: str, context: ssl.SSLContext | None = None) -> AsyncIterator[FaultServer]:
    server = FaultServer()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def answer(request: web.Request) -> web.Response:
            data = await request.read()
            server.seen.append((request.path, dict(request.headers)))
            if server.token and request.headers.get("Authorization") != f"Token {server.token}":
                return web.Response(
                    status=401, text='{"code":"unauthorized","message":"unauthorized access"}'
                )
            fault = server.faults.popleft() if server.faults and "write" in request.path else None
            if fault is not None and not fault.passed_on:
                return await _faulty(fault, server)
            asks = dict(request.query)
            path = request.path
            if path == "/api/v2/write":
                path, asks = "/write", {"db": asks["bucket"], "precision": asks["precision"]}
            headers = {"Content-Type": request.content_type}  # a packed body has been unpacked by `read`
            async with session.request(
                request.method, behind + path, params=asks, data=data, headers=headers
            ) as found:
                body = await found.read()
            if fault is not None:
                return await _faulty(fault, server)
            return web.Response(status=found.status, body=body)

        application = web.Application(client_max_size=2**28)
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        server.url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
        try:
            yield server
        finally:
            server.closing.set()
            await runner.cleanup()


async def _faulty(fault: Fault, server: FaultServer) -> web.Response:
    if fault.status == 0:
        await server.closing.wait()
    return web.Response(status=fault.status, text=fault.text, headers=fault.headers)
