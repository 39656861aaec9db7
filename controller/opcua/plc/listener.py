"""The TCP side of a simulated PLC: asyncua's protocol behind a gate, and a stop that leaves nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from asyncua.common.connection import TransportLimits
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol

from controller.opcua.plc.gate import Gate, Pipe
from controller.opcua.plc.sessions import PlcInternalServer, PlcProcessor


class GatedTransport:
    """What the server sees of a connection; its bytes leave through the gate."""

    def __init__(self, transport: asyncio.Transport, gate: Gate) -> None:
        self._transport = transport
        self._out = Pipe(gate, self._sent, transport.abort)

    def _sent(self, data: bytes | None) -> None:
        if data is None:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def write(self, data: bytes) -> None:
        self._out.feed(data)

    def close(self) -> None:
        self._out.feed(None)

    def abort(self) -> None:
        self._out.close()
        self._transport.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


class PlcProtocol(OPCUAProtocol):
    """One client connection."""

    def __init__(self, gate: Gate, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._gate = gate
        self._gated: GatedTransport | None = None
        self._in: Pipe | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._gated = GatedTransport(transport, self._gate)
        self._in = Pipe(self._gate, self._received, transport.abort)
        super().connection_made(self._gated)  # type: ignore[arg-type]  # all that asyncua uses of it
        if self.transport is not None:
            self.processor = PlcProcessor(self.iserver, self.transport, self.limits)
            self.processor.set_policies(self.policies)  # type: ignore[no-untyped-call]

    def data_received(self, data: bytes) -> None:
        assert self._in is not None
        self._in.feed(data)

    def _received(self, data: bytes | None) -> None:
        if data is not None:
            super().data_received(data)

    def connection_lost(self, ex: BaseException | None) -> None:
        assert self._in is not None
        self._in.close()
        super().connection_lost(ex)
        assert self._gated is not None
        self._gated.abort()

    def abort(self) -> list[asyncio.Task[Any]]:
        """Cuts the connection; returns the tasks that are then ending."""
        if self._gated is not None:
            self._gated.abort()
        return [task for task in (self._task, self._activation_watchdog_task) if task is not None]


class PlcListener(BinaryServer):
    """The listening socket and its connections; may be stopped and started again on the same port."""

    iserver: PlcInternalServer

    def __init__(self, server: PlcInternalServer, host: str, port: int, limits: TransportLimits) -> None:
        super().__init__(server, host, port, limits)
        self.gate = Gate()

    def _make_protocol(self) -> OPCUAProtocol:
        return PlcProtocol(
            self.gate,
            iserver=self.iserver,
            policies=self._policies,
            clients=self.clients,
            closing_tasks=self.closing_tasks,
            limits=self.limits,
        )

    async def stop(self) -> None:
        """Closes the port, cuts every connection, ends every session and waits for their tasks."""
        if self._server is not None:
            self._server.close()
        self.gate.release()
        ending: list[asyncio.Task[Any]] = []
        for protocol in list(self.clients):
            assert isinstance(protocol, PlcProtocol)
            ending += protocol.abort()
        if self.cleanup_task is not None:
            self.cleanup_task.cancel()
            ending.append(self.cleanup_task)
        ending += await self.drop_sessions()
        await asyncio.sleep(0)  # connection_lost runs now, and starts the closing tasks
        ending += self.closing_tasks
        self.closing_tasks.clear()
        await asyncio.gather(*ending, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def drop_sessions(self) -> list[asyncio.Task[Any]]:
        """Closes all sessions with their subscriptions, telling nobody; connections stay."""
        watchdogs = []
        for session in self.iserver.sessions:
            if session._timeout_task is not None:  # noqa: SLF001  (asyncua has no other way to await it)
                watchdogs.append(session._timeout_task)  # noqa: SLF001
            await session.close_session(True)
        return watchdogs
