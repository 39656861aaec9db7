"""One TCP connection: bytes to chunks, requests to the dispatcher, answers back; and its patience.

Connections take turns: each starts one request in a turn of the loop, however many it has sent. Memory per
connection is bounded: one chunk, one message, `in_work` requests, `unsent_bytes` of answers. While a bound
is reached nothing more is read, so a peer that floods or does not read waits in its own TCP window.
Patience is bounded too: `check`, called every second, ends what takes too long.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.ua import ua_binary

from controller.doors.origins import origin_of
from controller.opcua.gateway.channel import Channel, Message, Phase, Trust
from controller.opcua.gateway.dispatch import Asked, Dispatcher
from controller.opcua.gateway.security.access import Access, What, thumbprint
from controller.opcua.gateway.security.limits import Counters, QuietLog, Rate
from controller.opcua.gateway.security.policies import Policies
from controller.opcua.gateway.security.shares import to_go
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.sessions import Sessions
from controller.opcua.gateway.settings import Limits

_HEADER: Final = struct.Struct("<3scI")
_Codes: Final = ua.StatusCodes
MALFORMED_MAX: Final = 10  # undecodable requests until we stop to believe that it is an OPC UA client
CLOSING_S: Final = 2.0  # for the last words to a peer
# What may come in each phase; everything else ends the connection.
_EXPECTED: Final = {
    Phase.HELLO: frozenset({b"HEL"}),
    Phase.READY: frozenset({b"OPN"}),
    Phase.OPEN: frozenset({b"OPN", b"MSG", b"CLO"}),
    Phase.CLOSED: frozenset[bytes](),
}


@dataclass(frozen=True, slots=True)
class Shared:
    """What all connections share. now_s: the monotonic clock. aside: threads for cryptography and codec."""

    policies: Policies
    limits: Limits
    trust: Trust
    dispatcher: Dispatcher
    sessions: Sessions
    counters: Counters
    openings: Rate
    log: QuietLog
    now_s: Callable[[], float]
    connections: set[Connection]
    aside: Executor


class Connection(asyncio.Protocol):
    """What `Session.channel` is. known: a session was activated on it, so larger messages are taken."""

    def __init__(self, shared: Shared) -> None:
        self.known = False
        self.lost = asyncio.Event()
        self.waiting: dict[asyncio.Future[Any], Asked] = {}
        self._shared = shared
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = False
        self._again = False
        self._work_bytes = 0
        self._reading = True
        self._malformed = 0
        now_s = shared.now_s()
        self._since_s = now_s
        self._idle_s = now_s
        self._message_s: float | None = None
        self._stalled_s: float | None = None
        self._closing_s: float | None = None
        self.channel = Channel(shared.policies, shared.limits, "", shared.now_s, shared.trust)

    # --- the socket ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        shared = self._shared
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.channel.peer = str(peer[0]) if peer else ""
        transport.set_write_buffer_limits(high=shared.limits.unsent_bytes)
        shared.counters.connections += 1
        has_room = self._make_room()
        shared.connections.add(self)
        if not has_room:
            shared.counters.connections_refused += 1
            self._fail(Fault(_Codes.BadTcpServerTooBusy, "too many connections"))

    def _make_room(self) -> bool:
        """Half-open connections keep nobody out: the oldest without a session goes.

        Over its share an address makes room among its own; when all are taken, the one that has most does.
        """
        shared, here = self._shared, list(self._shared.connections)
        own = [connection for connection in here if connection.origin == self.origin]
        if len(own) >= shared.limits.connections_per_peer:
            shared.counters.connections_over_share += 1
            here = own
        elif len(here) < shared.limits.connections:
            return True
        used = shared.sessions.connections()
        idle = sorted((one for one in here if one not in used), key=lambda one: one.since_s)
        gone = to_go(idle, lambda one: one.origin)
        if gone is None:
            return False
        gone.abort()
        shared.connections.discard(gone)
        return True

    @property
    def origin(self) -> str:
        """Whose share it counts to."""
        return origin_of(self.channel.peer)

    @property
    def closed(self) -> bool:
        return self.lost.is_set()

    @property
    def stalled(self) -> bool:
        """Its answers wait for a peer that does not read."""
        return self._stalled_s is not None

    @property
    def since_s(self) -> float:
        return self._since_s

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's signature)
        self.lost.set()
        self._shared.connections.discard(self)
        for future in list(self.waiting):
            future.cancel()
        self.waiting.clear()
        for task in list(self._tasks):
            task.cancel()
        self._buffer.clear()
        self._shared.sessions.disconnected(self)

    def data_received(self, data: bytes) -> None:
        if self._closing_s is None:
            self._buffer += data
            self._advance()

    def pause_writing(self) -> None:
        self._stalled_s = self._shared.now_s()
        self._set_reading()

    def resume_writing(self) -> None:
        self._stalled_s = None
        self._advance()

    # --- in -----------------------------------------------------------------------------------------

    @property
    def _busy(self) -> bool:
        """Nothing more is taken from the peer for now; it is us who are slow, or its own reading."""
        limits = self._shared.limits
        at_work = len(self._tasks) >= limits.in_work or self._work_bytes >= limits.in_work_bytes
        return at_work or self._opening or self._stalled_s is not None

    def _advance(self) -> None:
        """Takes the chunks that are there, up to one whole message; the next when others had their turn."""
        started = False
        try:
            while not (started or self._again or self._busy) and (chunk := self._next_chunk()) is not None:
                started = self._take(chunk)
        except Fault as fault:
            self._fail(fault)
            return
        if started:
            self._again = True
            asyncio.get_running_loop().call_soon(self._go_on)
        unfinished = bool(self._buffer) or self.channel.mid_message
        if not unfinished or self._busy or self._again:
            self._message_s = None
        elif self._message_s is None:
            self._message_s = self._shared.now_s()
        self._set_reading()

    def _go_on(self) -> None:
        self._again = False
        if not self.closed:
            self._advance()

    def _next_chunk(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < _HEADER.size or self._closing_s is not None:
            return None
        kind, final, size = _HEADER.unpack_from(buffer)
        if kind not in _EXPECTED[self.channel.phase] or final not in b"FCA":
            raise Fault(_Codes.BadTcpMessageTypeInvalid, "not what comes now")
        if not _HEADER.size <= size <= self.channel.chunk_bytes_max():
            raise Fault(_Codes.BadTcpMessageTooLarge, "a chunk over the agreed size")
        if len(buffer) < size:
            return None
        chunk = bytes(buffer[:size])
        del buffer[:size]
        return chunk

    def _take(self, chunk: bytes) -> bool:
        """Whether a request was started."""
        match chunk[:3]:
            case b"HEL":
                self._write(self.channel.hello(chunk[_HEADER.size :]))
            case b"OPN":
                self._open(chunk)
            case b"MSG":
                if (message := self.channel.receive(chunk)) is not None:
                    self._start(message)
                    return True
            case _:
                self.channel.closing(chunk)
                self._close()
        return False

    def _open(self, chunk: bytes) -> None:
        """In a thread: two RSA operations and a look at the trust list would hold up everybody else."""
        if not self._shared.openings.allows(self.channel.peer):
            raise Fault(_Codes.BadTcpServerTooBusy, "too many channels at once from one address")
        self._opening = True
        task = asyncio.get_running_loop().create_task(self._opened(chunk), name="opcua opening")
        self._tasks.add(task)
        task.add_done_callback(self._opening_ended)

    def _opening_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._shared.counters.bugs += 1
            self._shared.log.tell("bug", "a channel could not be opened", error=type(error).__name__)
            self._fail(Fault(_Codes.BadInternalError, "a fault of the gateway"))

    async def _opened(self, chunk: bytes) -> None:
        first = self.channel.phase is Phase.READY
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._shared.aside, self.channel.open, chunk)
        except Fault as fault:
            self._told(fault)
            self._fail(fault)
            return
        if first:
            self._shared.counters.channels += 1
            self._told(None)
        self._write(answer)
        self._opening = False
        self._advance()

    def _told(self, fault: Fault | None) -> None:
        """For audit. Channels without security are discovery's daily bread and not told, unless refused."""
        channel = self.channel
        if fault is None and not channel.secured:
            return
        access = Access(
            What.CHANNEL,
            channel.peer,
            code=fault.code if fault else 0,
            why=str(fault) if fault else "",
            policy=channel.policy_uri,
            mode=channel.mode.name,
            thumbprint=thumbprint(channel.certificate),
        )
        self._shared.sessions.tell(access)

    def _start(self, message: Message) -> None:
        task = asyncio.get_running_loop().create_task(
            self._shared.dispatcher.answer(self, message), name="opcua request"
        )
        self._tasks.add(task)
        self._work_bytes += len(message.body)
        task.add_done_callback(lambda done: self._ended(done, message))

    def _ended(self, task: asyncio.Task[None], message: Message) -> None:
        self._tasks.discard(task)
        self._work_bytes -= len(message.body)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._shared.dispatcher.failed(self, message, error)
        if self._closing_s is None and not self.closed:
            self._advance()

    def _set_reading(self) -> None:
        full = len(self._buffer) > self._shared.limits.chunk_bytes
        wanted = not (self._busy or full) and self._closing_s is None
        if self._transport is None or self._transport.is_closing() or wanted == self._reading:
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # --- out ----------------------------------------------------------------------------------------

    def send(self, request_id: int, body: bytes) -> None:
        """An encoded response. Raises Fault(BadResponseTooLarge); does nothing when the peer has gone."""
        if not self.closed and self._closing_s is None and self.channel.phase is Phase.OPEN:
            self._write(self.channel.seal(request_id, body))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # --- sessions -----------------------------------------------------------------------------------

    def activated(self) -> None:
        self.known = True
        self.channel.message_bytes_max = self._shared.limits.message_bytes

    def ended(self, session: Session, code: int) -> None:
        """A session is over, or has moved to another connection: what it waits for here is answered."""
        for future, asked in list(self.waiting.items()):
            if asked.session is session and not future.done():
                future.set_exception(Fault(code, "the session has ended or moved"))
        self._idle_s = self._shared.now_s()

    def malformed(self) -> None:
        """A request that could not be decoded."""
        self._malformed += 1
        if self._malformed >= MALFORMED_MAX:
            self._fail(Fault(_Codes.BadDecodingError, "too many requests that are none"))

    # --- patience and the end -----------------------------------------------------------------------

    def check(self, now_s: float) -> None:
        """Ends what has taken too long."""
        limits, counters = self._shared.limits, self._shared.counters
        if self._closing_s is not None:
            if now_s - self._closing_s > CLOSING_S:
                self.abort()
            return
        if self._stalled_s is not None and now_s - self._stalled_s > limits.stall_s:
            counters.stalled += 1
            self._shared.log.tell("stalled", "a client does not read", peer=self.channel.peer)
            self.abort()
        elif why := self._late(now_s):
            counters.connections_timed_out += 1
            self._fail(Fault(_Codes.BadTimeout, why))

    def _late(self, now_s: float) -> str:
        limits, phase = self._shared.limits, self.channel.phase
        age_s = now_s - self._since_s
        if phase is Phase.HELLO and age_s > limits.hello_s:
            return "no hello"
        if phase is Phase.READY and age_s > limits.channel_s:
            return "no secure channel"
        if self._message_s is not None and now_s - self._message_s > limits.message_s:
            return "a message that does not end"
        if self.channel.expired:
            return "its token was not renewed"
        if self._shared.sessions.has_active(self):
            self._idle_s = now_s
        elif now_s - self._idle_s > limits.idle_s:
            return "no session"
        return ""

    def _fail(self, fault: Fault) -> None:
        """Tells the peer why, and closes. What it did wrong in cryptography it is not told."""
        if self._closing_s is not None or self.closed:
            return
        self._shared.log.tell(
            f"closed {fault.code:#x}", "a connection was closed", peer=self.channel.peer, why=str(fault)[:200]
        )
        told = "" if fault.code == _Codes.BadSecurityChecksFailed else str(fault)[:200]
        reason = ua.ErrorMessage(ua.StatusCode(fault.code), told)  # type: ignore[arg-type]
        self._write(ua_binary.uatcp_to_binary(ua.MessageType.Error, reason))  # type: ignore[arg-type]
        self._close()

    def _close(self) -> None:
        self._closing_s = self._shared.now_s()
        self.channel.phase = Phase.CLOSED
        self._buffer.clear()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cuts the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def shut(self) -> None:
        """We stop."""
        self._fail(Fault(_Codes.BadShutdown, "the gateway stops"))

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return list(self._tasks)
