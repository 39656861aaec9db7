"""A real mail server (aiosmtpd) in the test's own loop, which can be told to misbehave."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import warnings
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from controller.plant.notification import Mail


@dataclass
class Got:
    """A letter that the server has taken. user: who had logged in."""

    sender: str
    recipient: str
    letter: EmailMessage
    tls: bool
    user: str

    @property
    def id(self) -> str:
        return str(self.letter["Message-ID"])


@dataclass
class MailServer:
    """refuse: address -> answer to it. faults: of the next letters, one each:

    'die' closes the connection when the letter has come, untaken; 'forget' takes it and closes without an
    answer; 'hang' takes nothing and does not answer; anything else is the answer. delay_s: before each.
    """

    port: int = 0
    got: list[Got] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    faults: deque[str] = field(default_factory=deque)
    forgotten: Counter[str] = field(default_factory=Counter)  # Message-ID -> taken without an answer
    delay_s: float = 0.0
    connections: int = 0
    open: list[_Smtp] = field(default_factory=list)
    down: bool = False
    on_take: Callable[[], None] | None = None  # called with a letter just taken, before the answer
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def settings(self, **others: Any) -> Mail:
        ours = Mail("127.0.0.1", self.port, tls="none", sender="heloop@plant.example", timeout_s=5.0)
        return replace(ours, **others)

    async def until(self, count: int, within_s: float = 30.0) -> list[Got]:
        """As soon as so many letters have come."""
        async with asyncio.timeout(within_s):
            while len(self.got) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.got

    # --- aiosmtpd's names -------------------------------------------------------------------------

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        fault = self.faults.popleft() if self.faults else ""
        if fault == "hang":
            await self.closing.wait()
            return "451 closing"
        if fault == "die":
            _abort(server)
            return "451 gone"
        if fault not in {"", "forget"}:
            return fault
        self._take(session, envelope)
        if self.on_take is not None:
            self.on_take()
        if fault == "forget":
            self.forgotten[self.got[-1].id] += 1
            _abort(server)
        return "250 taken"

    def _take(self, session: Session, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        user = session.auth_data.login.decode() if session.auth_data else ""
        for recipient in envelope.rcpt_tos:
            tls = session.ssl is not None
            self.got.append(Got(str(envelope.mail_from), recipient, letter, tls, user))
        self.changed.set()


class _Smtp(SMTP):
    """Counts connections; while the server is `down` they end at once."""

    def connection_made(self, transport: Any) -> None:
        handler = self.event_handler
        assert isinstance(handler, MailServer)
        handler.connections += 1
        handler.open.append(self)
        super().connection_made(transport)
        if handler.down:
            transport.abort()

    async def ended(self) -> None:
        """Closed, and its task is gone."""
        _abort(self)
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
            await asyncio.gather(self._handler_coroutine, return_exceptions=True)


def _abort(server: SMTP) -> None:
    if server.transport is not None:
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()


@asynccontextmanager
async def mail_server(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
    port: int = 0,
    size: int = 10_000_000,
) -> AsyncIterator[MailServer]:
    """starttls: asked for after EHLO, and required; tls: from the first byte; login: (user, password)."""
    handler = MailServer()

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = login == (data.login.decode(), data.password.decode())
        return AuthResult(success=good, handled=False, auth_data=data)

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of TLS from the first byte it does not know
            return _Smtp(
                handler,
                hostname="mail.test",
                data_size_limit=size,
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_required=login is not None,
                auth_require_tls=tls is None,
                authenticator=authenticate if login else None,
                enable_SMTPUTF8=False,
            )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, ssl=tls)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        handler.closing.set()
        server.close()
        await server.wait_closed()
        for smtp in handler.open:
            await smtp.ended()
