"""Mail, by submission to one server (RFC 6409): one letter to one person each, so that each has its result.

4xx, a lost connection and a refused login pass one day and are tried again; a 5xx of the recipient or of
the letter is final. Connections are kept for a few seconds: a storm of letters shares them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from email.message import EmailMessage
from typing import Final

import aiosmtplib

from alarms.delivery import Message
from alarms.routes import Address
from controller.followers.notify.ways import DELIVERED, Form, Outcome, Write, in_thread, reason, ssl_context
from controller.followers.secrets import NoSecret, secret
from controller.plant.notification import Mail

IDLE_S: Final = 10.0
WHOLE_TIMES: Final = 3.0  # how many timeouts of a single answer a letter may take as a whole
TOO_LARGE: Final = 552  # RFC 1870, 6.1: to MAIL FROM or the letter, which then goes without its picture
LOGIN: Final = frozenset({530, 534, 535, 538})  # RFC 4954, 6
Lost = (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError, EOFError)


class MailWay:
    """write: makes the letter."""

    def __init__(self, settings: Mail, write: Write[EmailMessage]) -> None:
        self._settings = settings
        self._write = write
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    async def send(self, message: Message, address: Address, form: Form = Form.FULL) -> Outcome:
        """One attempt; a full letter that is too large goes without its picture."""
        letter = await in_thread(self._write, message, address, form)
        outcome = await self.post(letter, address.target)
        too_large = outcome.final and outcome.reason.startswith(str(TOO_LARGE))
        if too_large and form is Form.FULL:
            return await self.send(message, address, Form.SMALL)
        return outcome

    async def post(self, letter: EmailMessage, target: str) -> Outcome:
        """One letter to one address, as it is."""
        try:
            async with asyncio.timeout(self._settings.timeout_s * WHOLE_TIMES):
                connection = await self._connection()
                with contextlib.ExitStack() as otherwise:
                    otherwise.callback(connection.close)
                    outcome = await self._sent(connection, letter, target)
                    otherwise.pop_all()
                self._keep(connection)
                return outcome
        except NoSecret as error:
            return Outcome(False, str(error))
        except Lost as error:
            return Outcome(False, self._lost(error))
        except ValueError as error:  # an address that cannot be sent
            return Outcome(False, reason(error), final=True)

    async def _sent(self, connection: aiosmtplib.SMTP, letter: EmailMessage, target: str) -> Outcome:
        """What the server says of it; raises when it says nothing, or nothing about this letter."""
        try:
            await connection.sendmail(self._settings.sender, [target], letter.as_bytes())
        except aiosmtplib.SMTPRecipientsRefused as refused:
            return _of(refused.recipients[0])
        except aiosmtplib.SMTPDataError as refused:
            return _of(refused)
        except aiosmtplib.SMTPSenderRefused as refused:
            if refused.code != TOO_LARGE:
                raise
            return _of(refused)
        return DELIVERED

    async def probe(self) -> Outcome | None:
        """Up to the login: whether the server would take a letter."""
        try:
            async with asyncio.timeout(self._settings.timeout_s * WHOLE_TIMES):
                connection = await self._connection()
        except NoSecret as error:
            return Outcome(False, str(error))
        except Lost as error:
            return Outcome(False, self._lost(error))
        self._keep(connection)
        return DELIVERED

    async def close(self) -> None:
        """Says good-bye where there is somebody to hear it."""
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            with contextlib.suppress(*Lost):
                await connection.quit(timeout=1.0)
            connection.close()

    async def _connection(self) -> aiosmtplib.SMTP:
        """One that has just answered, else a new one."""
        while self._idle:
            connection, since_s = self._idle.pop()
            if time.monotonic() - since_s < IDLE_S:
                with contextlib.ExitStack() as otherwise, contextlib.suppress(*Lost):
                    otherwise.callback(connection.close)
                    await connection.noop()
                    otherwise.pop_all()
                    return connection
            connection.close()
        return await self._connected()

    async def _connected(self) -> aiosmtplib.SMTP:
        settings = self._settings
        connection = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_s,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=ssl_context(settings.ca) if settings.tls != "none" else None,
            username=settings.user or None,
            password=secret(settings.password) if settings.user else None,
        )
        with contextlib.ExitStack() as otherwise:
            otherwise.callback(connection.close)
            await connection.connect()
            otherwise.pop_all()
        return connection

    def _keep(self, connection: aiosmtplib.SMTP) -> None:
        if connection.is_connected:
            self._idle.append((connection, time.monotonic()))

    def _lost(self, error: Exception) -> str:
        """In words for people; of a refused login no more than its code, since servers quote it back."""
        where = f"mail server {self._settings.host}:{self._settings.port}"
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            return f"{where} refuses the login of {self._settings.user}: {error.code}"
        if isinstance(error, aiosmtplib.SMTPSenderRefused):
            return f"{where} refuses the sender {self._settings.sender}: {error.code} {reason(error.message)}"
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return f"{where} answers {error.code} {reason(error.message)}"
        if isinstance(error, TimeoutError):
            return f"{where} does not answer in time"
        return f"{where}: {_said(error)}"


def _said(error: Exception) -> str:
    """Without the address, which stands before it."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
        return os.strerror(cause.errno).lower()
    return reason(cause or error) or type(error).__name__


def _of(refused: aiosmtplib.SMTPResponseException) -> Outcome:
    """A 5xx is final, but for one that asks for another login: that is ours to set right."""
    final = refused.code >= 500 and refused.code not in LOGIN
    return Outcome(False, f"{refused.code} {reason(refused.message)}", final)
