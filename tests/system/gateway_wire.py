"""An OPC UA peer that says what a test wants, byte by byte: what a client library would never send."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"
PATIENCE_S = 30.0


def chunk(kind: bytes, body: bytes, final: bytes = b"F") -> bytes:
    """A chunk with its own size told rightly."""
    return struct.pack("<3scI", kind, final, 8 + len(body)) + body


def text(value: str | bytes | None) -> bytes:
    if value is None:
        return struct.pack("<i", -1)
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<i", len(data)) + data


def hello(url: str = "opc.tcp://localhost", buffer: int = 65_536) -> bytes:
    return chunk(b"HEL", struct.pack("<5I", 0, buffer, buffer, 0, 0) + text(url))


class Wire:
    """One connection without security. errors: the code of the ERR message, once it came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.channel = 0
        self.token = 0
        self.number = 0
        self.requests = 0
        self.session = ua.NodeId()
        self.final = b""

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def message(self) -> tuple[bytes, bytes]:
        """Kind and body (after the header) of the next chunk; (b'', b'') when the peer closed."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                head = await self.reader.readexactly(8)
                self.final = head[3:4]
                size = struct.unpack_from("<I", head, 4)[0]
                return head[:3], await self.reader.readexactly(size - 8)
            except (asyncio.IncompleteReadError, ConnectionError):
                return b"", b""

    async def error(self) -> int:
        """The code of the ERR that ends the connection; answers before it are passed over."""
        while True:
            kind, body = await self.message()
            assert kind, "closed without a word"
            if kind == b"ERR":
                assert await self.message() == (b"", b""), "closed after it"
                return int(struct.unpack_from("<I", body)[0])

    async def hello(self) -> None:
        self.send(hello())
        kind, _ = await self.message()
        assert kind == b"ACK"

    def sequence(self, request: int | None = None) -> bytes:
        self.number += 1
        if request is None:
            self.requests += 1
            request = self.requests
        return struct.pack("<2I", self.number, request)

    def opening(self, renew: bool = False, lifetime_ms: int = 600_000) -> bytes:
        asked = ua.OpenSecureChannelRequest()
        asked.Parameters.RequestType = ua.SecurityTokenRequestType(int(renew))
        asked.Parameters.SecurityMode = ua.MessageSecurityMode.None_
        asked.Parameters.RequestedLifetime = lifetime_ms
        asked.Parameters.ClientNonce = b""
        head = struct.pack("<I", self.channel) + text(NONE) + text(None) + text(None)
        return chunk(b"OPN", head + self.sequence() + ua_binary.struct_to_binary(asked))

    async def open(self, renew: bool = False) -> ua.OpenSecureChannelResult:
        self.send(self.opening(renew))
        kind, body = await self.message()
        assert kind == b"OPN", (kind, body)
        buffer = Buffer(body)
        buffer.skip(4)
        ua_binary.struct_from_binary(ua.AsymmetricAlgorithmHeader, buffer)
        buffer.skip(8)
        answer = ua_binary.struct_from_binary(ua.OpenSecureChannelResponse, buffer)
        self.channel = answer.Parameters.SecurityToken.ChannelId
        self.token = answer.Parameters.SecurityToken.TokenId
        result: ua.OpenSecureChannelResult = answer.Parameters
        return result

    def secured(
        self, body: bytes, request: int | None = None, kind: bytes = b"MSG", final: bytes = b"F"
    ) -> bytes:
        head = struct.pack("<2I", self.channel, self.token)
        return chunk(kind, head + self.sequence(request) + body, final)

    def put(self, request: Any) -> None:
        request.RequestHeader.AuthenticationToken = self.session
        self.send(self.secured(ua_binary.struct_to_binary(request)))

    async def answer(self) -> Any:
        """The next response, of whatever type it is."""
        body = b""
        while True:
            kind, part = await self.message()
            assert kind == b"MSG", (kind, part)
            body += part[16:]
            if self.final == b"F":
                break
        buffer = Buffer(body)
        kind_id = ua_binary.nodeid_from_binary(buffer.copy())
        return ua_binary.struct_from_binary(ua.extension_objects_by_typeid[kind_id], buffer)

    async def ask(self, request: Any) -> Any:
        self.put(request)
        return await self.answer()

    async def log_in(self) -> None:
        """An anonymous session, activated."""
        asked = ua.CreateSessionRequest()
        asked.Parameters.RequestedSessionTimeout = 3_600_000
        made = await self.ask(asked)
        assert isinstance(made, ua.CreateSessionResponse), made
        self.session = made.Parameters.AuthenticationToken
        done = await self.ask(ua.ActivateSessionRequest())
        assert done.ResponseHeader.ServiceResult.is_good(), done


@asynccontextmanager
async def wire(port: int, here: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """A connection that has said nothing yet. here: the address it comes from, of this machine's loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(here, 0))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def opened(port: int, here: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """A connection with a channel, without security."""
    async with wire(port, here) as made:
        await made.hello()
        await made.open()
        yield made
