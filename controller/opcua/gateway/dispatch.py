"""From a message to its answer: whose request it is, which service serves it, what goes back.

Who asks is settled before the request itself is decoded, so a stranger's message costs its header only.
Every request gets exactly one answer: the service's response, or a ServiceFault with the reason's code.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from asyncua import ua
from asyncua.ua import ua_binary

from controller.opcua.gateway.decoding import MALFORMED, BoundedBuffer, bounded, decode, decode_node_id
from controller.opcua.gateway.discovery import Endpoints, find_servers, get_endpoints
from controller.opcua.gateway.security.limits import Counters, QuietLog
from controller.opcua.gateway.services import Encoded, Fault, Service, Services
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.sessions import Sessions
from controller.opcua.gateway.settings import Limits

if TYPE_CHECKING:
    from controller.opcua.gateway.channel import Message
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.transport import Connection

_Codes: Final = ua.StatusCodes
REQUEST_S_MAX: Final = 120.0  # of a request whose client sets no TimeoutHint; Publish is not concerned
# Small requests with large answers: these are encoded in a thread, as the answers to large requests are.
_LARGE_ANSWERS: Final = frozenset({ua.HistoryReadResponse, ua.BrowseResponse, ua.BrowseNextResponse})

Stranger = Callable[["Connection", Any], Any]


class Dispatcher:
    """Serves the requests of all connections. tables: what each service module serves."""

    def __init__(
        self,
        gateway: Gateway,
        tables: Iterable[Services],
        sessions: Sessions,
        limits: Limits,
        counters: Counters,
        log: QuietLog,
        aside: Executor,
    ) -> None:
        self._aside = aside
        self.endpoints: Endpoints | None = None
        self._gateway = gateway
        self._sessions = sessions
        self._limits = limits
        self._counters = counters
        self._log = log
        self._services: dict[type, Service] = {}
        for table in tables:
            twice = self._services.keys() & table.keys()
            assert not twice, f"two services for {twice}"
            self._services.update(table)
        self._strangers: dict[type, Stranger] = {
            ua.GetEndpointsRequest: lambda _, request: get_endpoints(self._served(), request),
            ua.FindServersRequest: lambda _, request: find_servers(self._served(), request),
            ua.CreateSessionRequest: lambda connection, request: sessions.create(
                connection, self._served(), request
            ),
            ua.ActivateSessionRequest: sessions.activate,
            ua.CloseSessionRequest: sessions.close,
        }
        self._kinds = {
            _encoding_of(kind): kind for kind in (*self._strangers, *self._services, ua.CancelRequest)
        }

    def _served(self) -> Endpoints:
        assert self.endpoints is not None, "set before the port is open"
        return self.endpoints

    async def answer(self, connection: Connection, message: Message) -> None:
        """Answers one message; ends when the answer is sent, or is promised (Publish)."""
        self._counters.requests += 1
        handle = 0
        try:
            buffer = self._buffer(connection, message.body)
            kind = self._kind(buffer)
            header = _header_of(buffer)
            handle = header.RequestHandle
            if kind is None:
                raise Fault(_Codes.BadServiceUnsupported, "no such service")
            response = await self._serve(connection, message, kind, header, buffer)
        except Fault as fault:
            self._refuse(connection, message.request_id, handle, fault)
            return
        except TimeoutError:
            self._refuse(connection, message.request_id, handle, Fault(_Codes.BadTimeout, "took too long"))
            return
        if isinstance(response, asyncio.Future):
            self._promise(connection, message.request_id, header, response)
        else:
            await self._send(connection, message, handle, response)

    def _buffer(self, connection: Connection, body: bytes) -> BoundedBuffer:
        limits = self._limits
        steps = limits.decode_steps if connection.known else limits.decode_opening_steps
        return bounded(body, steps, limits.decode_depth)

    def _kind(self, buffer: BoundedBuffer) -> type | None:
        return self._kinds.get(decode_node_id(buffer.copy()))

    async def _serve(
        self,
        connection: Connection,
        message: Message,
        kind: type,
        header: ua.RequestHeader,
        buffer: BoundedBuffer,
    ) -> Any:
        session: Session | None = None
        stranger = self._strangers.get(kind)
        if stranger is None:
            session = self._sessions.find(header.AuthenticationToken, connection)
        if len(message.body) > self._limits.decode_inline_bytes:
            request = await self._apart(decode, kind, buffer)
        else:
            request = decode(kind, buffer)
        hint_s = header.TimeoutHint / 1000
        async with asyncio.timeout(min(hint_s, REQUEST_S_MAX) if hint_s else REQUEST_S_MAX):
            if stranger is not None:
                return await stranger(connection, request)
            assert session is not None, "found above"
            if kind is ua.CancelRequest:
                return _cancel(connection, session, request)
            return await self._services[kind](self._gateway, session, request)

    async def _apart(self, work: Callable[..., Any], *args: Any) -> Any:
        """In a thread, so that the loop serves others in between."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, work, *args)

    # --- answers ------------------------------------------------------------------------------------

    async def _send(self, connection: Connection, message: Message, handle: int, response: Any) -> None:
        large = len(message.body) > self._limits.decode_inline_bytes or type(response) in _LARGE_ANSWERS
        try:
            if isinstance(response, Encoded):
                body: bytes = response
            elif large:
                body = await self._apart(_encoded, response, handle)
            else:
                body = _encoded(response, handle)
            connection.send(message.request_id, body)
        except Fault as fault:
            self._refuse(connection, message.request_id, handle, fault)
        except MALFORMED as error:
            self._counters.bugs += 1
            self._log.tell("encoding", "an answer could not be encoded", error=str(error)[:200])
            refusal = Fault(_Codes.BadEncodingError, "the answer could not be encoded")
            self._refuse(connection, message.request_id, handle, refusal)

    def _refuse(self, connection: Connection, request_id: int, handle: int, fault: Fault) -> None:
        self._counters.requests_rejected += 1
        if fault.code in {_Codes.BadDecodingError, _Codes.BadEncodingLimitsExceeded}:
            self._counters.malformed += 1
            connection.malformed()
        self._log.tell(
            f"fault {fault.code:#x}",
            "a request was refused",
            peer=connection.channel.peer,
            why=str(fault)[:200],
        )
        response = ua.ServiceFault()
        response.ResponseHeader.ServiceResult = ua.StatusCode(cast("Any", fault.code))
        connection.send(request_id, _encoded(response, handle))

    def failed(self, connection: Connection, message: Message, error: BaseException) -> None:
        """A bug in a service: its client is told, the others do not notice."""
        self._counters.bugs += 1
        # No values: a password or a token may be among them.
        trace = "".join(traceback.format_tb(error.__traceback__)[-3:])
        self._log.tell("bug", "a service failed", error=type(error).__name__, trace=trace)
        response = ua.ServiceFault()
        response.ResponseHeader.ServiceResult = ua.StatusCode(cast("Any", _Codes.BadInternalError))
        handle = 0
        try:
            buffer = self._buffer(connection, message.body)
            self._kind(buffer)
            handle = _header_of(buffer).RequestHandle
        except Fault:
            pass
        connection.send(message.request_id, _encoded(response, handle))

    # --- promised answers ---------------------------------------------------------------------------

    def _promise(
        self,
        connection: Connection,
        request_id: int,
        header: ua.RequestHeader,
        future: asyncio.Future[Any],
    ) -> None:
        """Sends the answer when it is there, or BadTimeout when its TimeoutHint is over."""
        handle = header.RequestHandle
        connection.waiting[request_id] = (header.AuthenticationToken, handle, future)
        timer = None
        if header.TimeoutHint:
            late = Fault(_Codes.BadTimeout, "nothing to tell within its TimeoutHint")
            loop = asyncio.get_running_loop()
            timer = loop.call_later(header.TimeoutHint / 1000, _settle, future, late)

        def done(answered: asyncio.Future[Any]) -> None:
            if timer is not None:
                timer.cancel()
            connection.waiting.pop(request_id, None)
            if answered.cancelled():
                return
            error = answered.exception()
            if isinstance(error, Fault):
                self._refuse(connection, request_id, handle, error)
                return
            assert error is None, f"a promised answer ends with a response or a Fault, not {error!r}"
            response = answered.result()
            body = response if isinstance(response, Encoded) else _encoded(response, handle)
            connection.send(request_id, body)

        future.add_done_callback(done)


def _settle(future: asyncio.Future[Any], fault: Fault) -> None:
    if not future.done():
        future.set_exception(fault)


def _cancel(connection: Connection, session: Session, request: ua.CancelRequest) -> ua.CancelResponse:
    """Part 4, 5.7.5: promised answers with this handle end with BadRequestCancelledByClient."""
    wanted = request.Parameters.RequestHandle
    count = 0
    for token, handle, future in list(connection.waiting.values()):
        if token == session.token and handle == wanted and not future.done():
            future.set_exception(Fault(_Codes.BadRequestCancelledByClient, "cancelled"))
            count += 1
    return ua.CancelResponse(Parameters=ua.CancelResult(CancelCount=cast("Any", count)))


def _encoding_of(kind: type) -> ua.NodeId:
    identifier = getattr(ua.ObjectIds, f"{kind.__name__}_Encoding_DefaultBinary")
    return ua.NodeId(identifier)


def _header_of(buffer: BoundedBuffer) -> ua.RequestHeader:
    """The header behind the type id; the buffer stays at its beginning."""
    ahead = buffer.copy()
    decode_node_id(ahead)
    header: ua.RequestHeader = decode(ua.RequestHeader, ahead)
    return header


def _encoded(response: Any, handle: int) -> bytes:
    response.ResponseHeader.RequestHandle = handle
    response.ResponseHeader.Timestamp = datetime.now(UTC)
    return ua_binary.struct_to_binary(response)
