"""One asyncua client, used for one connection and then thrown away.

asyncua gives the codec, the secure channel and the session; its reconnecting, its watchdogs and its publish
loop are not used (docs/reference/link.md says why). Every await here has an end, and everything a peer can
cause comes out as `LinkLost` or `Refused`.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar

from asyncua import Client, ua
from asyncua.client.ua_client import UASocketProtocol
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary

from controller.opcua.link.errors import FROM_THE_WIRE, LinkLost, Refused, sorted_out
from controller.opcua.link.security import Identity, secure
from controller.opcua.link.timing import Timing
from controller.plant.plant import Security

_T = TypeVar("_T")
_TICKS_1970: Final = 116_444_736_000_000_000  # 100 ns from 1601 (Part 6, 5.2.2.5)
_PUBLISH_REQUEST: Final = ua.FourByteNodeId(ua.Int32(826))
_NULL_TEXT: Final = b"\xff\xff\xff\xff"
_NO_EXTENSION: Final = b"\0\0\0"


class Connection:
    """Socket, secure channel and session to one endpoint. `warnings`: what operators should know of it."""

    def __init__(self, endpoint: str, security: Security, identity: Identity | None, timing: Timing) -> None:
        self._timing = timing
        self._security = security
        self._identity = identity
        self._client = Client(endpoint, timeout=timing.step_s)
        self._client.name = "heloop"
        self._client.description = "heloop link"
        self._client.application_uri = "urn:heloop:link"
        self._client.session_timeout = round(timing.session_s * 1000)
        self._client.secure_channel_timeout = round(timing.channel_s * 1000)
        self.warnings: list[tuple[str, str]] = []

    @property
    def session_s(self) -> float:
        """How long the server keeps a silent session, as revised by it."""
        return self._client.session_timeout / 1000

    @property
    def channel_s(self) -> float:
        return self._client.secure_channel_timeout / 1000

    async def open(self) -> None:
        client = self._client
        unchecked = await self.step("security", secure(client, self._security, self._identity))
        if unchecked is not None:
            self.warnings.append(("certificate", unchecked))
        await self.step("connect", client.connect_socket())
        await self.step("hello", client.send_hello())
        try:
            await self.step("open secure channel", client.open_secure_channel())
        except (LinkLost, Refused) as error:
            raise LinkLost(error.reason + self._advice()) from error
        await self.step("create session", client.create_session())
        await self.step("activate session", self._activate())

    def _advice(self) -> str:
        """What mostly helps when a server does not open an encrypted channel; few say why (Part 4, 6.1.3)."""
        if self._security.policy == "None":
            return ""
        return "; does it trust our certificate? `heloop certs export FILE`, and trust that there"

    async def _activate(self) -> None:
        # The client was told user and password by `secure`; only it knows how to encrypt them.
        user, password = self._client._username, self._client._password  # noqa: SLF001
        if password and self._security.mode != "SignAndEncrypt":
            token = self._client.server_policy(ua.UserTokenType.UserName).SecurityPolicyUri
            if not token or token == SecurityPolicyNone.URI:
                self.warnings.append(("password", "the password travels unencrypted; set policy and mode"))
        await self._client.activate_session(username=user, password=password)

    async def step(self, what: str, work: Awaitable[_T]) -> _T:
        """Awaits `work` for at most step_s."""
        try:
            async with asyncio.timeout(self._timing.step_s):
                return await work
        except (LinkLost, Refused):
            raise
        except FROM_THE_WIRE as error:
            raise sorted_out(what, error) from error

    async def renew(self) -> None:
        await self.step("renew secure channel", self._client.open_secure_channel(renew=True))
        self._client.uaclient.revolve_security_token()

    async def call(self, request: Any, answer: type[_T]) -> _T:
        """One request, its answer decoded by asyncua."""
        what = type(request).__name__.removesuffix("Request")
        body = await self.raw(request)
        try:
            response = struct_from_binary(answer, body)
            response.ResponseHeader.ServiceResult.check()  # type: ignore[attr-defined]
        except FROM_THE_WIRE as error:
            raise sorted_out(what, error) from error
        return response

    async def raw(self, request: Any) -> Any:
        """One request; the answer's body as asyncua's buffer."""
        what = type(request).__name__.removesuffix("Request")
        return await self.step(what, self._protocol().send_request(request))

    def send(self, request: Any) -> asyncio.Future[Buffer]:
        """Sends the request before it returns; the answer's body is the future's. Raises Refused, LinkLost.

        For writes: a task of their own would leave only when the loop's present step is over.
        """
        try:
            protocol = self._protocol()
            sent: asyncio.Future[Buffer] = protocol._send_request(request, self._timing.step_s)  # noqa: SLF001
        except FROM_THE_WIRE as error:
            raise sorted_out("Write", error) from error
        return sent

    async def answered(self, sent: asyncio.Future[Buffer], answer: type[_T]) -> _T:
        """The answer to what was sent, decoded by asyncua. Raises TimeoutError, Refused, LinkLost."""
        try:
            body = await sent
            self._protocol().check_answer(body, "")
            response = struct_from_binary(answer, body)
            response.ResponseHeader.ServiceResult.check()  # type: ignore[attr-defined]
        except TimeoutError:
            raise
        except FROM_THE_WIRE as error:
            raise sorted_out("Write", error) from error
        return response

    async def publish(self, acknowledged: Sequence[tuple[int, int]]) -> bytes:
        """One PublishRequest with (subscription, sequence number) pairs, and the body of its answer.

        The answer comes when the server has something to say, so nothing here times out.
        """
        try:
            protocol = self._protocol()
            answer = await _sent(protocol, publish_request(protocol.authentication_token, acknowledged))
            protocol.check_answer(answer, "")
        except FROM_THE_WIRE as error:
            raise sorted_out("publish", error) from error
        return bytes(answer)

    def _protocol(self) -> UASocketProtocol:
        protocol = self._client.uaclient.protocol
        if protocol is None:
            raise LinkLost("the connection was closed")
        return protocol

    async def close(self) -> None:
        """Tells the server, if it listens for close_s; then the socket goes, whatever happened."""
        protocol = self._client.uaclient.protocol
        transport = protocol.transport if protocol is not None else None
        try:
            if transport is not None and not transport.is_closing():
                async with asyncio.timeout(self._timing.close_s):
                    await self._client.close_session()
                    await self._client.close_secure_channel()
        except FROM_THE_WIRE:
            pass  # the server is gone or mute; it forgets the session after session_s
        finally:
            self._client.disconnect_socket()
            if transport is not None:
                transport.abort()


def publish_request(token: ua.NodeId, acknowledged: Sequence[tuple[int, int]]) -> bytes:
    """A PublishRequest as bytes (Part 4, 5.14.5; Part 6, 5.2): asyncua builds the same from seven objects."""
    numbers = [number for pair in acknowledged for number in pair]
    return b"".join(
        (
            nodeid_to_binary(_PUBLISH_REQUEST),
            nodeid_to_binary(token),
            # Request handle 0 (answers are told apart by the channel's request id), no diagnostics.
            struct.pack("<qII", time.time_ns() // 100 + _TICKS_1970, 0, 0),
            _NULL_TEXT,  # audit entry
            struct.pack("<I", 0),  # no time-out
            _NO_EXTENSION,
            struct.pack(f"<i{len(numbers)}I", len(acknowledged), *numbers),
        )
    )


async def _sent(protocol: UASocketProtocol, body: bytes) -> Buffer:
    """What asyncua's own sending does (version 2.1.0, which a test holds us to), with a body that is made."""
    if protocol.transport is None:
        raise ConnectionError("the connection was closed")
    number = protocol._request_id + 1  # noqa: SLF001
    protocol.revolve_security_token()
    message = protocol._connection.message_to_binary(body, request_id=number)  # noqa: SLF001
    protocol._request_id = number  # noqa: SLF001
    answer: asyncio.Future[Buffer] = asyncio.get_running_loop().create_future()
    protocol._callbackmap[number] = answer  # noqa: SLF001
    protocol.transport.write(message)
    return await answer
