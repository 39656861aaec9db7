"""From a message to its answer: whose request it is, which service serves it, what goes back.

Who asks is settled before the request itself is decoded, so a stranger's message costs its header only.
Every request gets exactly one answer: the service's response, or a ServiceFault with the reason's code.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from asyncua import ua
from asyncua.ua import ua_binary

from controller.opcua.gateway.decoding import MALFORMED, bounded, decode, decode_node_id
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
REFERENCES_INLINE: Final = 200  # of a Browse answer; more are encoded in a thread, as history always is
_SECURITY: Final = frozenset(
    {
        *(_Codes.BadSecurityChecksFailed, _Codes.BadSecurityPolicyRejected, _Codes.BadCertificateInvalid),
        *(_Codes.BadCertificateUriInvalid, _Codes.BadNonceInvalid, _Codes.BadApplicationSignatureInvalid),
        *(_Codes.BadUserAccessDenied, _Codes.BadUserSignatureInvalid, _Codes.BadIdentityTokenInvalid),
        *(_Codes.BadIdentityTokenRejected, _Codes.BadIdentityChangeNotSupported),
        *(_Codes.BadSessionIdInvalid, _Codes.BadSecureChannelIdInvalid, _Codes.BadSessionNotActivated),
    }
)
_ADDITIONAL_INFO: Final = 0x08  # of RequestHeader.ReturnDiagnostics: what was wrong, in words


@dataclass(slots=True, eq=False)
class Asked:
    """One request, as far as its answer needs to know. hint_s: its TimeoutHint, 0 when it has none."""

    connection: Connection
    request_id: int
    handle: int = 0
    token: ua.NodeId = field(default_factory=ua.NodeId, repr=False)
    hint_s: float = 0.0
    diagnostics: int = 0
    session: Session | None = None
    service: str = ""

    def read(self, header: ua.RequestHeader) -> None:
        self.handle = header.RequestHandle
        self.token = header.AuthenticationToken
        self.hint_s = header.TimeoutHint / 1000
        self.diagnostics = header.ReturnDiagnostics


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
        asked = Asked(connection, message.request_id)
        try:
            response = await self._serve(asked, message.body)
        except Fault as fault:
            self._refuse(asked, fault)
        except TimeoutError:
            self._refuse(asked, Fault(_Codes.BadTimeout, "took too long"))
        else:
            if isinstance(response, asyncio.Future):
                self._promise(asked, response)
            elif _is_large(response) or len(message.body) > self._limits.decode_inline_bytes:
                self._send(asked, await self._apart(self._encoded, asked, response))
            else:
                self._send(asked, self._encoded(asked, response))

    async def _serve(self, asked: Asked, body: bytes) -> Any:
        """The response, or the future of one. Raises Fault."""
        limits, connection = self._limits, asked.connection
        steps = limits.decode_steps if connection.known else limits.decode_opening_steps
        buffer = bounded(body, min(steps, len(body)), limits.decode_depth)  # no value takes less than a byte
        ahead = buffer.copy()
        type_id = decode_node_id(ahead)
        asked.read(decode(ua.RequestHeader, ahead))
        kind = self._kinds.get(type_id)
        if kind is None:
            raise Fault(_Codes.BadServiceUnsupported, "no such service")
        stranger = self._strangers.get(kind)
        if stranger is None:
            asked.session = self._sessions.find(asked.token, connection)
            asked.service = kind.__name__.removesuffix("Request")
            asked.session.about.served[asked.service] += 1
        if len(body) > limits.decode_inline_bytes:
            request = await self._apart(decode, kind, buffer)
        else:
            request = decode(kind, buffer)
        async with asyncio.timeout(min(asked.hint_s or REQUEST_S_MAX, REQUEST_S_MAX)):
            if stranger is not None:
                return await stranger(connection, request)
            assert asked.session is not None, "found above"
            if kind is ua.CancelRequest:
                return self._cancel(connection, asked.session, request)
            return await self._services[kind](self._gateway, asked.session, request)

    async def _apart(self, work: Callable[..., Any], *args: Any) -> Any:
        """In a thread, so that the loop serves others in between."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, work, *args)

    # --- answers ------------------------------------------------------------------------------------

    def _encoded(self, asked: Asked, response: Any) -> bytes | Fault:
        """A Fault in its place when it cannot be encoded: a bug, but one client's."""
        if isinstance(response, Encoded):
            return response
        try:
            return _bytes_of(response, asked.handle)
        except MALFORMED as error:
            self._counters.bugs += 1
            self._log.tell("encoding", "an answer could not be encoded", error=str(error)[:200])
            return Fault(_Codes.BadEncodingError, "the answer could not be encoded")

    def _send(self, asked: Asked, body: bytes | Fault) -> None:
        if isinstance(body, Fault):
            self._refuse(asked, body)
            return
        most = 0 if asked.session is None else asked.session.max_response_bytes
        try:
            if most and len(body) > most:
                raise Fault(_Codes.BadResponseTooLarge, f"{len(body)} bytes")
            asked.connection.send(asked.request_id, body)
        except Fault as fault:
            self._refuse(asked, fault)

    def _refuse(self, asked: Asked, fault: Fault) -> None:
        self._counters.requests_rejected += 1
        self._counters.security_rejected_requests += fault.code in _SECURITY
        if asked.session is not None:
            asked.session.about.failed[asked.service] += 1
            asked.session.about.denied += fault.code in _SECURITY
        if fault.code in {_Codes.BadDecodingError, _Codes.BadEncodingLimitsExceeded}:
            self._counters.malformed += 1
            asked.connection.malformed()
        peer, why = asked.connection.channel.peer, str(fault)[:200]
        self._log.tell(f"fault {fault.code:#x}", "a request was refused", peer=peer, why=why)
        response = ua.ServiceFault()
        response.ResponseHeader.ServiceResult = ua.StatusCode(cast("Any", fault.code))
        if asked.diagnostics & _ADDITIONAL_INFO and fault.code != _Codes.BadSecurityChecksFailed:
            response.ResponseHeader.ServiceDiagnostics = ua.DiagnosticInfo(AdditionalInfo=cast("Any", why))
        with contextlib.suppress(Fault):  # a peer that takes not even this much gets nothing
            asked.connection.send(asked.request_id, _bytes_of(response, asked.handle))

    def failed(self, connection: Connection, message: Message, error: BaseException) -> None:
        """A bug in a service: its client is told, the others do not notice."""
        asked = Asked(connection, message.request_id)
        with contextlib.suppress(Fault):
            ahead = bounded(message.body, self._limits.decode_steps, self._limits.decode_depth)
            decode_node_id(ahead)
            asked.read(decode(ua.RequestHeader, ahead))
        self._bug(asked, error)

    def _bug(self, asked: Asked, error: BaseException) -> None:
        self._counters.bugs += 1
        # No values: a password or a token may be among them.
        trace = "".join(traceback.format_tb(error.__traceback__)[-3:])
        self._log.tell("bug", "a service failed", error=type(error).__name__, trace=trace)
        self._refuse(asked, Fault(_Codes.BadInternalError, "a fault of the gateway; its log has it"))

    # --- promised answers ---------------------------------------------------------------------------

    def _promise(self, asked: Asked, future: asyncio.Future[Any]) -> None:
        """Sends the answer when it is there, or BadTimeout when its TimeoutHint is over."""
        asked.connection.waiting[future] = asked
        timer = None
        if asked.hint_s:
            late = Fault(_Codes.BadTimeout, "nothing to tell within its TimeoutHint")
            timer = asyncio.get_running_loop().call_later(asked.hint_s, _settle, future, late)

        def done(answered: asyncio.Future[Any]) -> None:
            if timer is not None:
                timer.cancel()
            asked.connection.waiting.pop(answered, None)
            if answered.cancelled():
                return
            error = answered.exception()
            if error is None:
                self._send(asked, self._encoded(asked, answered.result()))
            elif isinstance(error, Fault):
                self._refuse(asked, error)
            else:  # no task of a request is left that could tell it
                self._bug(asked, error)

        future.add_done_callback(done)

    def _cancel(
        self, connection: Connection, session: Session, request: ua.CancelRequest
    ) -> ua.CancelResponse:
        """Part 4, 5.7.5: promised answers with this handle end with BadRequestCancelledByClient."""
        wanted, count = request.Parameters.RequestHandle, 0
        for future, asked in list(connection.waiting.items()):
            if asked.session is session and asked.handle == wanted and not future.done():
                future.set_exception(Fault(_Codes.BadRequestCancelledByClient, "cancelled"))
                count += 1
        return ua.CancelResponse(Parameters=ua.CancelResult(CancelCount=cast("Any", count)))


def _settle(future: asyncio.Future[Any], fault: Fault) -> None:
    if not future.done():
        future.set_exception(fault)


def _encoding_of(kind: type) -> ua.NodeId:
    return ua.NodeId(getattr(ua.ObjectIds, f"{kind.__name__}_Encoding_DefaultBinary"))


def _is_large(response: Any) -> bool:
    """Whether encoding it would hold up the others; the answers to large requests are anyway."""
    if isinstance(response, ua.BrowseResponse | ua.BrowseNextResponse):
        results = response.Results if isinstance(response, ua.BrowseResponse) else response.Parameters.Results
        return sum(len(result.References or ()) for result in results) > REFERENCES_INLINE
    return isinstance(response, ua.HistoryReadResponse)


def _bytes_of(response: Any, handle: int) -> bytes:
    response.ResponseHeader.RequestHandle = handle
    response.ResponseHeader.Timestamp = datetime.now(UTC)
    return ua_binary.struct_to_binary(response)
