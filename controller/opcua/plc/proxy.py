"""A TCP proxy in front of one server, for what a network can do between two machines that are both well."""

from __future__ import annotations

import asyncio
from typing import Final

from controller.opcua.plc.gate import Gate, Pipe

HOST: Final = "127.0.0.1"


class FaultProxy:
    """Passes bytes both ways through a gate: hold and release it, delay it, cut or refuse connections."""

    def __init__(self, port: int, host: str = HOST) -> None:
        self.target = (host, port)
        self.port = 0
        self.gate = Gate()
        self.connections: set[_Near] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://{HOST}:{self.port}"

    async def start(self) -> None:
        """Accepts connections; on the same port as before when it is started again."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Near(self), HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Closes the port: new connections are refused, those that stand go on."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def hold(self) -> None:
        """A black hole: connections are accepted, nothing comes through, nothing is lost."""
        self.gate.hold()

    def release(self) -> None:
        self.gate.release()

    def delay(self, latency_s: float) -> None:
        self.gate.delay_s = latency_s

    def cut(self) -> None:
        """Resets every connection that stands."""
        for near in list(self.connections):
            near.abort()

    async def stop(self) -> None:
        await self.refuse()
        self.cut()
        for task in self.connecting:
            task.cancel()
        await asyncio.gather(*self.connecting, return_exceptions=True)
        await asyncio.sleep(0)  # the cut connections report their loss


class _End(asyncio.Protocol):
    """One end of a proxied connection; `other` is the pipe to the far side."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Pipe | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        self.other.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        assert self.other is not None
        self.other.feed(None)

    def write(self, data: bytes | None) -> None:
        """What comes out of the pipe from the far side; None closes."""
        if self.transport is not None and data is None:
            self.transport.close()
        elif self.transport is not None and not self.transport.is_closing():
            assert data is not None
            self.transport.write(data)


class _Near(_End):
    """The client's end: brings up the server's end, and keeps what comes before it stands."""

    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__()
        self._proxy = proxy
        self._far = _End()
        self._early: list[bytes | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._proxy.connections.add(self)
        self.other = Pipe(self._proxy.gate, self._to_server, self.abort)
        self._far.other = Pipe(self._proxy.gate, self.write, self.abort)
        task = asyncio.get_running_loop().create_task(self._connect(), name="fault proxy: connect")
        self._proxy.connecting.add(task)
        task.add_done_callback(self._proxy.connecting.discard)

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self._far, *self._proxy.target)
        except OSError:
            self.abort()
            return
        for data in self._early:
            self._far.write(data)
        self._early.clear()

    def _to_server(self, data: bytes | None) -> None:
        if self._far.transport is None:
            self._early.append(data)
        else:
            self._far.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._proxy.connections.discard(self)

    def abort(self) -> None:
        self._proxy.connections.discard(self)
        for end in (self, self._far):
            if end.other is not None:
                end.other.close()
            if end.transport is not None:
                end.transport.abort()
