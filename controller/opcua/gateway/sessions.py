"""Sessions: who may have one, what it is bound to, and when it ends (Part 4, 5.7).

A session belongs to the certificate, policy and mode of the channel that created it. Its token is 32 random
bytes and is good on the one connection it is bound to; another connection may take it over only with the
same certificate and as the same user. Without a certificate nothing proves who takes over, so there it is
possible only once the old connection has gone, and from the same address.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from uuid import uuid4

from asyncua import ua

from controller.core.roles import LADDER
from controller.doors.origins import origin_of
from controller.opcua.gateway.discovery import Endpoints
from controller.opcua.gateway.security.access import Access, Hear, What, thumbprint
from controller.opcua.gateway.security.limits import Counters
from controller.opcua.gateway.security.policies import NONCE_BYTES, Policies, uris_of
from controller.opcua.gateway.security.shares import to_go
from controller.opcua.gateway.security.tokens import holds_key, reveal, token_of
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.session import About, Caller, Session
from controller.opcua.gateway.settings import Settings

if TYPE_CHECKING:
    from controller.opcua.gateway.transport import Connection

_Codes: Final = ua.StatusCodes
NAME_MAX: Final = 200
_NO_SECURITY: Final = frozenset({_Codes.BadTooManySessions, _Codes.BadSessionClosed, _Codes.BadShutdown})
_MECHANISMS: Final = {ua.UserNameIdentityToken: "UserName", ua.X509IdentityToken: "Certificate"}


class Authenticates(Protocol):
    """Who a user identity token is. token None: anonymous; passwords come in clear. Raises Fault."""

    async def authenticate(
        self,
        token: Any | None,
        *,
        session: Session,
        peer: str,
        encrypted: bool,
        certificate: bytes | None,
        verify: Callable[[bytes], bool],
    ) -> Caller: ...


class Sessions:
    """All of them. now_s: the monotonic clock. tell: hears what happened, for audit; must not block."""

    def __init__(
        self,
        settings: Settings,
        policies: Policies,
        authentication: Authenticates,
        counters: Counters,
        now_s: Callable[[], float],
        tell: Hear = lambda _: None,
    ) -> None:
        self.counters = counters
        self.tell = tell
        self.stopping = False  # nobody new is let in
        self._settings = settings
        self._limits = settings.limits
        self._policies = policies
        self._authentication = authentication
        self._now_s = now_s
        self._by_token: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._by_token)

    def all(self) -> list[Session]:
        return list(self._by_token.values())

    def find(self, token: ua.NodeId, connection: Connection) -> Session:
        """The activated session of a request. Raises Fault, and ends one that was never activated."""
        session = self._of(token)
        if session.channel is not connection:
            raise Fault(_Codes.BadSecureChannelIdInvalid, "the session belongs to another channel")
        session.touched_s = self._now_s()
        if not session.active:
            self.counters.sessions_aborted += 1
            self.end(session, delete_subscriptions=True)
            raise Fault(_Codes.BadSessionNotActivated, "the session was never activated")
        return session

    def _of(self, token: ua.NodeId) -> Session:
        key = token.Identifier
        session = self._by_token.get(key) if isinstance(key, bytes) and not token.NamespaceIndex else None
        if session is None:
            raise Fault(_Codes.BadSessionIdInvalid, "no such session")
        return session

    # --- create -------------------------------------------------------------------------------------

    async def create(
        self, connection: Connection, endpoints: Endpoints, request: ua.CreateSessionRequest
    ) -> ua.CreateSessionResponse:
        """Raises Fault, and counts what was refused."""
        asked = request.Parameters
        try:
            self._check_channel(connection, asked)
            self._make_room(connection)
        except Fault as fault:
            self._count_rejected(fault)
            self._told(What.CREATED, connection, None, fault)
            raise
        session = self._new(connection, asked)
        self._by_token[cast("bytes", session.token.Identifier)] = session
        self.counters.sessions_created += 1
        self._told(What.CREATED, connection, session)
        channel = connection.channel
        identity = channel.identity
        result = ua.CreateSessionResult()
        result.SessionId = session.id
        result.AuthenticationToken = cast("Any", session.token)
        result.RevisedSessionTimeout = cast("Any", session.timeout_ms)
        result.ServerNonce = cast("Any", session.nonce)
        if channel.secured and identity is not None:
            result.ServerCertificate = cast("Any", identity.chain)
        result.ServerEndpoints = endpoints.all(asked.EndpointUrl or "")
        result.ServerSignature = channel.sign(channel.certificate + (asked.ClientNonce or b""))
        result.MaxRequestMessageSize = cast("Any", self._limits.message_bytes)
        return ua.CreateSessionResponse(Parameters=result)

    def _check_channel(self, connection: Connection, asked: ua.CreateSessionParameters) -> None:
        channel = connection.channel
        if self.stopping:
            raise Fault(_Codes.BadShutdown, "the gateway stops")
        if not channel.secured:
            if self._settings.plain != "read":
                raise Fault(_Codes.BadSecurityPolicyRejected, "without security there is only discovery")
            return
        if len(asked.ClientNonce or b"") < NONCE_BYTES:
            raise Fault(_Codes.BadNonceInvalid, f"a nonce has at least {NONCE_BYTES} bytes")
        stated = asked.ClientCertificate or b""
        if not hmac.compare_digest(stated, channel.certificate) and not hmac.compare_digest(
            stated, channel.chain
        ):
            raise Fault(_Codes.BadCertificateInvalid, "not the certificate of the channel")
        if (asked.ClientDescription.ApplicationUri or "") not in uris_of(channel.certificate):
            raise Fault(_Codes.BadCertificateUriInvalid, "the certificate is of another application")

    def _count_rejected(self, fault: Fault) -> None:
        """All that is refused here is for security, but for sessions that are too many, over, or too late."""
        self.counters.sessions_rejected += 1
        self.counters.security_rejected_sessions += fault.code not in _NO_SECURITY

    def _make_room(self, connection: Connection) -> None:
        """The oldest session that was never activated goes first (Part 4, 5.7.2.1), then an abandoned one:
        without a name, its connection gone. Who has a name may come back for theirs.

        Over its share an address makes room among its own; when all are taken, the one that has most does.
        """
        own = [session for session in self._by_token.values() if session.channel is connection]
        if len(own) >= self._limits.sessions_per_channel:
            raise Fault(_Codes.BadTooManySessions, "too many sessions on one channel")
        here, why = self.all(), "all sessions are in use"
        own = [session for session in here if session.origin == origin_of(connection.channel.peer)]
        if len(own) >= self._limits.sessions_per_peer:
            self.counters.sessions_over_share += 1
            here, why = own, "too many sessions from one address"
        elif len(here) < self._limits.sessions:
            return
        unused = [session for session in here if not session.active]
        abandoned = [one for one in here if one.active and not one.caller.user and _is_alone(one)]
        gone = to_go(unused or abandoned, lambda one: one.origin)
        if gone is None:
            raise Fault(_Codes.BadTooManySessions, why)
        self.counters.sessions_aborted += 1
        self.end(gone, delete_subscriptions=True)

    def _new(self, connection: Connection, asked: ua.CreateSessionParameters) -> Session:
        limits, channel = self._limits, connection.channel
        wanted_s = asked.RequestedSessionTimeout / 1000
        timeout_s = min(max(wanted_s, limits.session_s_min), limits.session_s_max)
        if not isfinite(wanted_s):
            timeout_s = limits.session_s_max
        number = uuid4()
        name = (asked.SessionName or f"session {number}")[:NAME_MAX]
        return Session(
            id=ua.NodeId(cast("Any", number), cast("Any", 1)),
            name=name,
            timeout_ms=timeout_s * 1000,
            channel=connection,
            peer=channel.peer,
            application=(asked.ClientDescription.ApplicationUri or "")[:NAME_MAX],
            certificate=channel.certificate,
            security=(channel.policy_uri, int(channel.mode)),
            nonce=secrets.token_bytes(NONCE_BYTES),
            touched_s=self._now_s(),
            max_response_bytes=asked.MaxResponseMessageSize,
            about=_about(asked),
        )

    # --- activate -----------------------------------------------------------------------------------

    async def activate(
        self, connection: Connection, request: ua.ActivateSessionRequest
    ) -> ua.ActivateSessionResponse:
        """A first activation, another user on the same channel, or the same user on a new channel."""
        asked = request.Parameters
        session = self._of(request.RequestHeader.AuthenticationToken)
        try:
            self._check_binding(session, connection)
            caller = await self._caller(session, connection, asked)
            self._check_caller(session, connection, caller)
        except Fault as fault:
            self._count_rejected(fault)
            self._told(What.ACTIVATED, connection, session, fault)
            raise
        if session.channel is not connection and session.channel is not None:
            session.channel.ended(session, _Codes.BadSecureChannelClosed)
        session.caller = caller
        session.channel = connection
        session.peer = connection.channel.peer
        session.active = True
        session.touched_s = self._now_s()
        session.about.mechanism = _MECHANISMS.get(type(asked.UserIdentityToken), "Anonymous")
        session.about.users.append(caller.user)
        session.locales = tuple(str(locale) for locale in asked.LocaleIds[:8] if locale)
        connection.activated()
        self._told(What.ACTIVATED, connection, session)
        result = ua.ActivateSessionResult(ServerNonce=cast("Any", session.nonce))
        return ua.ActivateSessionResponse(Parameters=result)

    def _check_binding(self, session: Session, connection: Connection) -> None:
        channel = connection.channel
        if session.security != (channel.policy_uri, int(channel.mode)) or not hmac.compare_digest(
            session.certificate, channel.certificate
        ):
            raise Fault(_Codes.BadSecurityChecksFailed, "the session belongs to another application")
        if session.channel is connection:
            return
        if not session.active:
            raise Fault(_Codes.BadSecureChannelIdInvalid, "activate it on the channel that created it")
        if not channel.secured and (session.channel is not None or session.peer != channel.peer):
            raise Fault(_Codes.BadSecureChannelIdInvalid, "without a certificate nothing proves whose it is")

    async def _caller(
        self, session: Session, connection: Connection, asked: ua.ActivateSessionParameters
    ) -> Caller:
        """Who it is. The nonce is used up, whatever comes out."""
        channel, identity = connection.channel, connection.channel.identity
        nonce, session.nonce = session.nonce, secrets.token_bytes(NONCE_BYTES)
        signed: tuple[bytes, ...] = ()
        if channel.secured and identity is not None:
            signed = (identity.der + nonce, identity.chain + nonce)
            signature = asked.ClientSignature.Signature or b""
            if not any(channel.signed(one, signature) for one in signed):
                raise Fault(_Codes.BadApplicationSignatureInvalid, "not signed by the channel's certificate")
        token = token_of(asked, channel)
        if token is None:
            if not self._settings.anonymous:
                raise Fault(_Codes.BadIdentityTokenRejected, "nobody comes in without a name")
        elif isinstance(token, ua.UserNameIdentityToken):
            reveal(token, channel, self._policies, nonce)
        caller = await self._authentication.authenticate(
            token,
            session=session,
            peer=channel.peer,
            encrypted=channel.encrypted,
            certificate=channel.certificate or None,
            verify=lambda der: holds_key(der, asked.UserTokenSignature, signed, channel),
        )
        return caller if channel.secured else replace(caller, role=LADDER[0])

    def _check_caller(self, session: Session, connection: Connection, caller: Caller) -> None:
        """Once more after waiting for the answer: the session or the connection may have ended."""
        if self._by_token.get(cast("bytes", session.token.Identifier)) is not session or connection.closed:
            raise Fault(_Codes.BadSessionClosed, "it ended meanwhile")
        if session.channel is not connection:
            self._check_binding(session, connection)
            if caller.user != session.caller.user:
                raise Fault(_Codes.BadIdentityChangeNotSupported, "another user on another channel")
        if not caller.user and not session.active:
            anonymous = sum(one.active and not one.caller.user for one in self._by_token.values())
            if anonymous >= self._limits.sessions - self._limits.sessions_named_reserve:
                raise Fault(_Codes.BadTooManySessions, "the last sessions are for users with a name")

    # --- the end ------------------------------------------------------------------------------------

    async def close(self, connection: Connection, request: ua.CloseSessionRequest) -> ua.CloseSessionResponse:
        session = self._of(request.RequestHeader.AuthenticationToken)
        if session.channel is not connection:
            raise Fault(_Codes.BadSecureChannelIdInvalid, "the session belongs to another channel")
        self.end(session, delete_subscriptions=bool(request.DeleteSubscriptions))
        return ua.CloseSessionResponse()

    def end(self, session: Session, *, delete_subscriptions: bool) -> None:
        self._by_token.pop(cast("bytes", session.token.Identifier), None)
        connection, session.channel = session.channel, None
        session.close(delete_subscriptions)
        self._told(What.ENDED, connection, session)
        if connection is not None:
            connection.ended(session, _Codes.BadSessionClosed)

    def disconnected(self, connection: Connection) -> None:
        """Activated sessions wait for their client until their time-out; others end with the connection."""
        for session in self.all():
            if session.channel is connection:
                session.channel = None
                if not session.active:
                    self.counters.sessions_aborted += 1
                    self.end(session, delete_subscriptions=True)

    def has_active(self, connection: Connection) -> bool:
        return any(session.active and session.channel is connection for session in self._by_token.values())

    def connections(self) -> set[Connection]:
        """Those that an activated session is bound to."""
        return {session.channel for session in self._by_token.values() if session.active and session.channel}

    def idle_s(self, session: Session) -> float:
        """Since its last request."""
        return self._now_s() - session.touched_s

    def expire(self) -> None:
        """Ends what has timed out. To be called every second."""
        now_s = self._now_s()
        for session in self.all():
            allowed_s = session.timeout_ms / 1000 if session.active else self._limits.activation_s
            if now_s - session.touched_s > allowed_s:
                self.counters.sessions_timed_out += 1
                self.end(session, delete_subscriptions=False)

    def _told(
        self, what: What, connection: Connection | None, session: Session | None, fault: Fault | None = None
    ) -> None:
        channel = None if connection is None else connection.channel
        access = Access(
            what,
            session.peer if channel is None and session is not None else channel.peer if channel else "",
            code=fault.code if fault else 0,
            why=str(fault) if fault else "",
            policy=session.security[0] if session else channel.policy_uri if channel else "",
            mode=channel.mode.name if channel else "",
            thumbprint=thumbprint(
                session.certificate if session else channel.certificate if channel else b""
            ),
            application=session.application if session else "",
            session=session.id if session else None,
            name=session.name if session else "",
            user=session.caller.user if session else "",
            role=session.caller.role if session else "",
        )
        self.tell(access)

    def end_all(self) -> None:
        for session in self.all():
            self.end(session, delete_subscriptions=True)


def _is_alone(session: Session) -> bool:
    return session.channel is None or session.channel.closed


def _about(asked: ua.CreateSessionParameters) -> About:
    """What the client says of itself, no longer than is good for a list."""
    given, client = asked.ClientDescription, ua.ApplicationDescription()
    client.ApplicationUri = cast("Any", (given.ApplicationUri or "")[:NAME_MAX])
    client.ProductUri = cast("Any", (given.ProductUri or "")[:NAME_MAX])
    client.ApplicationType = given.ApplicationType
    if given.ApplicationName is not None:
        client.ApplicationName = ua.LocalizedText((given.ApplicationName.Text or "")[:NAME_MAX])
    return About(client, (asked.EndpointUrl or "")[:NAME_MAX], (asked.ServerUri or "")[:NAME_MAX])
