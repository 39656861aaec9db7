"""Hostile peers on the gateway's port: cut off for a reason, at little cost, and nobody else notices."""

from __future__ import annotations

import asyncio
import gc
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from asyncua import ua
from asyncua.ua import ua_binary

from controller.opcua.gateway.services import Services
from tests.system.gateway_rig import Rig, bare, limited, settings
from tests.system.gateway_wire import Wire, chunk, hello, opened, text, wire
from tests.system.test_gateway_sessions import READS

CODES = ua.StatusCodes
MIB = 2**20
SECURED = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
CURRENT_TIME = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)


class Hand:
    """A clock that a test turns forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@asynccontextmanager
async def healthy(gateway: Rig, patience_s: float = 2.0) -> AsyncIterator[None]:
    """A good client reads all the time while the block runs; it never waits longer than patience_s."""
    waits: list[float] = []

    async def read() -> None:
        async with opened(gateway.listening.port) as good:
            await good.log_in()
            while True:
                since_s = time.perf_counter()
                asked = ua.ReadRequest()
                asked.Parameters.NodesToRead = [ua.ReadValueId(CURRENT_TIME, ua.AttributeIds.Value)]
                answer = await good.ask(asked)
                assert answer.ResponseHeader.ServiceResult.is_good()
                waits.append(time.perf_counter() - since_s)
                await asyncio.sleep(0.02)

    task = asyncio.create_task(read())
    while not waits and not task.done():
        await asyncio.sleep(0.01)
    try:
        yield
        assert not task.done(), task.exception()
        before = len(waits)
        while len(waits) < before + 2 and not task.done():
            await asyncio.sleep(0.01)
        assert not task.done(), task.exception()
        assert max(waits) < patience_s
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: plant\r\n\r\n", CODES.BadTcpMessageTypeInvalid),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), CODES.BadTcpMessageTypeInvalid),
        (bytes(64), CODES.BadTcpMessageTypeInvalid),
        (struct.pack("<3scI", b"MSG", b"F", 64) + bytes(56), CODES.BadTcpMessageTypeInvalid),
        (struct.pack("<3scI", b"HEL", b"F", 2**31), CODES.BadTcpMessageTooLarge),
        (struct.pack("<3scI", b"HEL", b"F", 7), CODES.BadTcpMessageTooLarge),
        (struct.pack("<3scI", b"HEL", b"X", 60), CODES.BadTcpMessageTypeInvalid),
        (chunk(b"HEL", bytes(8)), CODES.BadDecodingError),
        (chunk(b"HEL", struct.pack("<5Ii", 0, 65536, 65536, 0, 0, -7)), CODES.BadDecodingError),
        (hello("x" * 4097), CODES.BadTcpMessageTooLarge),
        (hello(buffer=1024), CODES.BadTcpInternalError),
    ],
)  # fmt: skip
async def test_who_does_not_begin_as_a_client_is_told_so_and_cut_off(said: bytes, code: int) -> None:
    async with bare(tables=[READS]) as gateway, wire(gateway.listening.port) as stranger:
        stranger.send(said)
        assert await stranger.error() == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (hello(), CODES.BadTcpMessageTypeInvalid),
        (chunk(b"MSG", struct.pack("<4I", 0, 0, 1, 1) + bytes(60)), CODES.BadTcpMessageTypeInvalid),
        (struct.pack("<3scI", b"OPN", b"F", 2**31), CODES.BadTcpMessageTooLarge),
        (chunk(b"OPN", bytes(4) + text("urn:mine") + text(None) * 2), CODES.BadSecurityPolicyRejected),
        (chunk(b"OPN", bytes(4) + text("x" * 9000) + text(None) * 2), CODES.BadSecurityPolicyRejected),
        (chunk(b"OPN", bytes(4) + text(None) * 3), CODES.BadSecurityPolicyRejected),
        (
            chunk(b"OPN", bytes(4) + text(SECURED) + text(b"0" * 900) + text(b"1" * 20) + bytes(256)),
            CODES.BadCertificateInvalid,
        ),
        (chunk(b"OPN", bytes(4)), CODES.BadDecodingError),
        (chunk(b"OPN", b"", b"C"), CODES.BadTcpMessageTypeInvalid),
    ],
)  # fmt: skip
async def test_who_opens_no_channel_rightly_is_cut_off(said: bytes, code: int) -> None:
    async with bare(tables=[READS]) as gateway, wire(gateway.listening.port) as stranger:
        await stranger.hello()
        stranger.send(said)
        assert await stranger.error() == code


async def test_no_message_counts_before_or_beside_its_own_channel() -> None:
    """Neither token 0 before the first one, nor another channel's number, nor an old sequence number."""
    async with bare(tables=[READS]) as gateway:
        async with opened(gateway.listening.port) as one:
            one.channel += 1
            one.put(ua.GetEndpointsRequest())
            assert await one.error() == CODES.BadTcpSecureChannelUnknown
        async with opened(gateway.listening.port) as one:
            one.token = 0
            one.put(ua.GetEndpointsRequest())
            assert await one.error() == CODES.BadSecureChannelTokenUnknown
        async with opened(gateway.listening.port) as one:
            await one.ask(ua.GetEndpointsRequest())
            one.number -= 1
            one.put(ua.GetEndpointsRequest())
            assert await one.error() == CODES.BadSequenceNumberInvalid
        async with opened(gateway.listening.port) as one:
            one.send(one.opening(renew=False))
            assert await one.error() == CODES.BadRequestTypeInvalid
        async with wire(gateway.listening.port) as one:
            await one.hello()
            one.send(one.opening(renew=True))
            assert await one.error() == CODES.BadRequestTypeInvalid


async def test_a_renewed_token_takes_over_when_it_is_used_and_not_before() -> None:
    async with bare(tables=[READS]) as gateway, opened(gateway.listening.port) as one:
        old = one.token
        await one.open(renew=True)
        new, one.token = one.token, old
        assert (await one.ask(ua.GetEndpointsRequest())).ResponseHeader.ServiceResult.is_good()
        one.token = new
        assert (await one.ask(ua.GetEndpointsRequest())).ResponseHeader.ServiceResult.is_good()
        one.token = old
        assert (await one.ask(ua.GetEndpointsRequest())).ResponseHeader.ServiceResult.is_good(), "on its way"


async def test_a_channel_that_is_not_renewed_ends() -> None:
    hand = Hand()
    async with bare(limited(idle_s=1e9), tables=[READS], now_s=hand) as gateway:
        async with opened(gateway.listening.port) as one:
            hand.ahead_s = 600 * 1.25 + 1
            one.put(ua.GetEndpointsRequest())
            assert await one.error() == CODES.BadSecureChannelTokenUnknown
        async with opened(gateway.listening.port) as one:
            hand.ahead_s *= 2
            gateway.listening.look()
            assert await one.error() == CODES.BadTimeout


async def test_whoever_takes_too_long_is_not_waited_for() -> None:
    """Half-open connections, a hello byte by byte (slowloris), a message that never ends, no session."""
    hand = Hand()
    async with bare(tables=[READS], now_s=hand) as gateway, AsyncExitStack() as stack:
        port = gateway.listening.port
        silent = await stack.enter_async_context(wire(port))
        slow = await stack.enter_async_context(wire(port))
        for byte in hello()[:10]:
            slow.send(bytes([byte]))
            await asyncio.sleep(0)
        greeted = await stack.enter_async_context(wire(port))
        await greeted.hello()
        torn = await stack.enter_async_context(opened(port))
        torn.send(torn.secured(bytes(100), 1, final=b"C"))
        torn.send(torn.secured(bytes(100))[:50])
        idle = await stack.enter_async_context(opened(port))
        await idle.ask(ua.GetEndpointsRequest())
        for passed_s, cut in [(6, silent), (0, slow), (5, greeted), (10, torn), (41, idle)]:
            hand.ahead_s += passed_s
            gateway.listening.look()
            assert await cut.error() == CODES.BadTimeout
        assert not gateway.listening.connections
        assert gateway.counters.connections_timed_out == 5


async def test_a_session_that_nobody_uses_ends_and_one_never_activated_sooner() -> None:
    hand = Hand()
    async with bare(tables=[READS], now_s=hand) as gateway, AsyncExitStack() as stack:
        port = gateway.listening.port
        used = await stack.enter_async_context(opened(port))
        await used.log_in()
        half = await stack.enter_async_context(opened(port))
        await half.ask(ua.CreateSessionRequest())
        assert len(gateway.gateway.sessions) == 2
        hand.ahead_s += 31
        gateway.listening.look()
        assert len(gateway.gateway.sessions) == 1
        hand.ahead_s += 3600
        gateway.gateway.sessions.expire()
        assert len(gateway.gateway.sessions) == 0
        assert gateway.counters.sessions_timed_out == 2


async def test_never_finished_messages_are_not_kept() -> None:
    """Four peers stream 31 MB each in chunks that never end; before a session 64 KB is enough to know."""
    async with bare(tables=[READS]) as gateway, healthy(gateway):
        before = resident()
        for activated in (False, True):
            for _ in range(2):
                async with opened(gateway.listening.port) as one:
                    if activated:
                        await one.log_in()
                    part = bytes(60_000)
                    for _ in range(31 * MIB // len(part)):
                        one.send(one.secured(part, 7, final=b"C"))
                    assert await one.error() == CODES.BadTcpMessageTooLarge
        assert resident() - before < 24 * MIB


async def test_many_tiny_chunks_are_no_message_either() -> None:
    async with bare(tables=[READS]) as gateway, opened(gateway.listening.port) as one:
        for _ in range(2_000):
            one.send(one.secured(b"", 7, final=b"C"))
        assert await one.error() == CODES.BadTcpMessageTooLarge


async def test_an_aborted_message_is_forgotten_and_the_channel_lives() -> None:
    async with bare(tables=[READS]) as gateway, opened(gateway.listening.port) as one:
        one.send(one.secured(bytes(60_000), 7, final=b"C"))
        one.send(one.secured(struct.pack("<I", 0) + text("never mind"), 7, final=b"A"))
        assert (await one.ask(ua.GetEndpointsRequest())).Endpoints


def _null_array() -> bytes:
    """A Variant of 2**31-1 Nulls in five bytes."""
    return b"\x80" + struct.pack("<i", 2**31 - 1)


def _deep_variant(levels: int) -> bytes:
    return (b"\x98" + struct.pack("<i", 1)) * levels + b"\x00"


def _deep_structure(levels: int) -> bytes:
    """SimpleAttributeOperand-like nesting: an ExtensionObject whose body is a LiteralOperand with another."""
    body = b"\x00"
    for _ in range(levels):
        inner = b"\x16" + body if body != b"\x00" else body  # a Variant that holds an ExtensionObject
        body = ua_binary.nodeid_to_binary(ua.FourByteNodeId(597)) + b"\x01" + text(inner)
    return b"\x16" + body


def _string_array(length: int) -> bytes:
    return b"\x8c" + struct.pack("<i", 2**31 - 1) + struct.pack("<i", length)


HOSTILE_VALUES = {
    "2**31 nulls": _null_array(),
    "lengths that go backwards": _string_array(-4),
    "2**31 strings": _string_array(0),
    "a negative array": b"\x86" + struct.pack("<i", -9),
    "variants in variants": _deep_variant(12_000),
    "structures in structures": _deep_structure(40),
    "a matrix of nothing": b"\xc6" + struct.pack("<i", 0) + struct.pack("<3i", 2, 2**30, 2**30),
    "a matrix to be filled up": b"\xc6" + struct.pack("<7i", 1, 5, 4, 9, 111, 10, 100),
    "a matrix turned inside out": b"\xc6" + struct.pack("<5i", 1, 5, 2, -1, -1),
    "bytes that are not there": b"\x0f" + struct.pack("<i", 2**31 - 1),
    "a structure without its body": b"\x16" + ua_binary.nodeid_to_binary(ua.FourByteNodeId(597)) + b"\x00",
}


@pytest.mark.parametrize("value", HOSTILE_VALUES.values(), ids=list(HOSTILE_VALUES))
async def test_a_value_made_to_hurt_is_refused_in_no_time(value: bytes) -> None:
    """In a Write, decoded because the session is known; the connection lives on and answers the next."""
    tables = [{**READS, ua.WriteRequest: _written}]
    async with bare(tables=tables) as gateway, healthy(gateway), opened(gateway.listening.port) as one:
        await one.log_in()
        before, since_s = resident(), time.perf_counter()
        asked = ua.WriteRequest()
        asked.RequestHeader.AuthenticationToken = one.session
        head = ua_binary.struct_to_binary(asked)[:-4]
        node = struct.pack("<i", 1) + b"\x00\x54" + struct.pack("<I", 13) + text(None) + b"\x01" + value
        one.send(one.secured(head + node))
        answer = await one.answer()
        code = answer.ResponseHeader.ServiceResult.value
        assert code in {CODES.BadDecodingError, CODES.BadEncodingLimitsExceeded}
        assert time.perf_counter() - since_s < 3
        assert resident() - before < 64 * MIB
        assert (await one.ask(ua.GetEndpointsRequest())).Endpoints


async def _written(_: Any, __: Any, request: ua.WriteRequest) -> ua.WriteResponse:
    raise AssertionError(f"decoded: {request}")


async def test_who_sends_nothing_but_nonsense_is_no_client() -> None:
    async with bare(tables=[READS]) as gateway, opened(gateway.listening.port) as one:
        for _ in range(30):
            one.send(one.secured(b"\x01\x00\xac\x01" + b"\xff" * 50))
        while (kind := (await one.message())[0]) == b"MSG":
            pass
        assert kind == b"ERR"
        assert 10 <= gateway.counters.malformed < 30


async def test_sessions_on_one_channel_have_a_limit() -> None:
    async with bare(tables=[READS]) as gateway, healthy(gateway), opened(gateway.listening.port) as one:
        for _ in range(300):
            one.put(ua.CreateSessionRequest())
        codes = [(await one.answer()).ResponseHeader.ServiceResult.value for _ in range(300)]
        assert codes.count(0) == 5
        assert set(codes) == {0, CODES.BadTooManySessions}


async def test_sessions_have_a_limit_and_the_last_are_for_people_with_a_name() -> None:
    chosen = limited(sessions=8, sessions_named_reserve=2)
    async with bare(chosen, tables=[READS]) as gateway, AsyncExitStack() as stack:
        strangers = [await stack.enter_async_context(opened(gateway.listening.port)) for _ in range(9)]
        for one in strangers[:6]:
            await one.log_in()
        made = await strangers[6].ask(ua.CreateSessionRequest())
        strangers[6].session = made.Parameters.AuthenticationToken
        refused = await strangers[6].ask(ua.ActivateSessionRequest())
        assert refused.ResponseHeader.ServiceResult.value == CODES.BadTooManySessions
        for one in strangers[7:]:
            made = await one.ask(ua.CreateSessionRequest())
            assert made.ResponseHeader.ServiceResult.is_good(), "the one never activated made room"
        async with gateway.client("operator") as client:
            assert await client.get_node("i=2258").read_value() == "operator"


async def _large(_: Any, __: Any, request: ua.ReadRequest) -> ua.ReadResponse:
    value = ua.DataValue(ua.Variant(bytes(MIB)))
    return ua.ReadResponse(Results=[value for _ in request.Parameters.NodesToRead])


LARGE: Services = {ua.ReadRequest: _large}


async def test_answers_that_nobody_reads_are_not_piled_up() -> None:
    """300 requests for 1 MB each: the gateway stops working on them, and cuts the peer off after a while."""
    hand = Hand()
    async with bare(tables=[LARGE], now_s=hand) as gateway, healthy(gateway):
        before = resident()
        async with opened(gateway.listening.port) as deaf:
            await deaf.log_in()
            deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
            asked = ua.ReadRequest()
            asked.Parameters.NodesToRead = [ua.ReadValueId(CURRENT_TIME, ua.AttributeIds.Value)]
            for _ in range(300):
                deaf.put(asked)
            while not any(one.stalled for one in gateway.listening.connections):
                await asyncio.sleep(0.01)
            connection = next(one for one in gateway.listening.connections if one.stalled)
            assert resident() - before < 100 * MIB
            hand.ahead_s += 21
            gateway.listening.look()
            await connection.lost.wait()
        assert gateway.counters.stalled == 1


async def test_five_hundred_connections_do_not_keep_a_client_out() -> None:
    chosen = limited(connections=100)
    async with bare(chosen, tables=[READS]) as gateway, healthy(gateway), AsyncExitStack() as stack:
        port = gateway.listening.port
        for _ in range(500):
            await stack.enter_async_context(wire(port))
        async with opened(port) as late:
            await late.log_in()
            assert len(gateway.listening.connections) <= 101


async def test_a_flood_of_channels_from_one_address_is_slowed_down() -> None:
    async with bare(limited(openings_burst=5, openings_per_s=0.001), tables=[READS]) as gateway:
        for _ in range(5):
            async with opened(gateway.listening.port):
                pass
        async with wire(gateway.listening.port) as one:
            await one.hello()
            one.send(one.opening())
            assert await one.error() == CODES.BadTcpServerTooBusy


async def test_a_bug_in_a_service_is_its_clients_answer_and_nobody_elses() -> None:
    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    tables = [{**READS, ua.BrowseRequest: broken}]
    async with bare(tables=tables) as gateway, healthy(gateway), opened(gateway.listening.port) as one:
        await one.log_in()
        answer = await one.ask(ua.BrowseRequest())
        assert answer.ResponseHeader.ServiceResult.value == CODES.BadInternalError
        assert gateway.counters.bugs == 1


async def test_a_gateway_that_stops_tells_its_clients_and_leaves_nothing() -> None:
    async with AsyncExitStack() as stack:
        async with bare(settings(), tables=[READS]) as gateway:
            one: Wire = await stack.enter_async_context(opened(gateway.listening.port))
            await one.log_in()
        assert await one.error() == CODES.BadShutdown
        assert not gateway.listening.connections


async def test_a_browse_of_the_same_large_folder_many_times_has_a_bounded_answer(tmp_path: Path) -> None:
    """Each node gets what is left of 200 references; where nothing is left, a continuation point or none."""
    from tests.system.gateway_historic import historic

    async with (
        historic(tmp_path, browse_references_in_all=200) as gateway,
        healthy(gateway),
        opened(gateway.listening.port) as one,
    ):
        await one.log_in()
        asked = ua.BrowseRequest()
        types = ua.BrowseDescription(NodeId=ua.NodeId(ua.ObjectIds.BaseEventType), ResultMask=63)
        types.BrowseDirection = ua.BrowseDirection.Forward
        asked.Parameters.NodesToBrowse = [types] * 200
        results = (await one.ask(asked)).Results
        assert sum(len(result.References) for result in results) <= 200
        assert [result.StatusCode.value for result in results].count(CODES.BadNoContinuationPoints) > 100
        last = next(result for result in reversed(results) if result.ContinuationPoint)
        more = ua.BrowseNextRequest()
        more.Parameters.ReleaseContinuationPoints = False
        more.Parameters.ContinuationPoints = [last.ContinuationPoint]
        going_on = (await one.ask(more)).Parameters.Results[0]
        assert len(going_on.References) == len(results[0].References)
