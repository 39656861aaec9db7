"""Sequence numbers, acknowledgements and silence, against a server that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary, struct_to_binary

from controller.opcua.decoding import Published
from controller.opcua.link.connection import publish_request
from controller.opcua.link.counters import Counters
from controller.opcua.link.errors import LinkLost, Refused, first_lost
from controller.opcua.link.items import in_chunks
from controller.opcua.link.publishing import Publisher, Subscription, missing_before, sequence_after
from controller.opcua.link.retry import BadNodes
from controller.opcua.link.timing import Timing
from controller.opcua.status import BAD_NO_SUBSCRIPTION, BAD_TIMEOUT, BAD_TOO_MANY_PUBLISH_REQUESTS

NUMBER = 5
LAST = 0xFFFFFFFF


def frame(kind: int) -> bytes:
    return nodeid_to_binary(ua.FourByteNodeId(kind)) + struct.pack("<qIIBi", 0, 0, 0, 0, -1) + b"\0\0\0"


def note(sequence: int, value: float | None) -> bytes:
    """A NotificationMessage with one Double, or without anything."""
    head = struct.pack("<Iq", sequence, 0)
    if value is None:
        return head + struct.pack("<i", 0)
    body = struct.pack("<iIBBdi", 1, 0, 1, 11, value, -1)
    data = nodeid_to_binary(ua.FourByteNodeId(811)) + b"\1" + struct.pack("<i", len(body)) + body
    return head + struct.pack("<i", 1) + data


def published(sequence: int, value: float | None = None, subscription: int = NUMBER) -> bytes:
    return (
        frame(829)
        + struct.pack("<IiB", subscription, 0, 0)
        + note(sequence, value)
        + struct.pack("<ii", 0, 0)
    )


class ScriptedServer:
    """Stands where a Connection stands. `says`: bodies or errors, in order; then it is mute."""

    def __init__(self, *says: bytes | Exception) -> None:
        self.says = list(says)
        self.keeps: dict[int, bytes] = {}  # what Republish gets
        self.acknowledged: list[int] = []
        self.asked_again: list[int] = []
        self.requests = 0
        self.on_republish: Callable[[], None] = lambda: None

    async def publish(self, acknowledged: list[tuple[int, int]]) -> bytes:
        self.requests += 1
        self.acknowledged += [sequence for _, sequence in acknowledged]
        if not self.says:
            await asyncio.get_running_loop().create_future()
        answer = self.says.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def raw(self, request: ua.RepublishRequest) -> bytes:
        sequence = request.Parameters.RetransmitSequenceNumber
        self.asked_again.append(sequence)
        self.on_republish()
        await asyncio.sleep(0)
        if sequence not in self.keeps:
            raise Refused("republish", ua.StatusCodes.BadMessageNotAvailable)
        return self.keeps[sequence]


class Run:
    """A publisher at work on a scripted server until that is mute, or the link is lost."""

    def __init__(self, server: ScriptedServer, timing: Timing | None = None, silence_s: float = 60.0) -> None:
        self.counters = Counters()
        self.values: list[float] = []
        self.gaps: list[tuple[str, int]] = []
        self.server = server
        self.publisher = Publisher(
            server,
            timing or Timing(outstanding=2),
            self.counters,
            self._message,
            lambda *gap: self.gaps.append(gap),
        )
        self.publisher.subscriptions[NUMBER] = Subscription(NUMBER, "fast", 50, 50, silence_s, 0.0)

    def _message(self, message: Published) -> None:
        self.values.extend(float(value) for items in message.items for value in items.values)

    async def until_mute(self) -> str:
        """The reason for which the link was lost, or ''."""
        running = asyncio.create_task(self.publisher.run())
        for _ in range(200):
            await asyncio.sleep(0)
        running.cancel()
        reason = ""
        try:
            await running
        except* LinkLost as group:
            reason = first_lost(group).reason
        except* asyncio.CancelledError:
            pass
        return reason

    async def until_lost(self) -> str:
        try:
            await self.publisher.run()
        except* LinkLost as group:
            reason = first_lost(group).reason
        return reason


async def test_messages_in_order_are_passed_on_and_acknowledged() -> None:
    run = Run(ScriptedServer(*(published(n, float(n)) for n in (1, 2, 3))))
    assert await run.until_mute() == ""
    assert (run.values, run.server.acknowledged, run.gaps) == ([1, 2, 3], [1, 2, 3], [])


async def test_a_keep_alive_takes_no_number_and_is_not_acknowledged() -> None:
    run = Run(ScriptedServer(published(1), published(1, 1.0), published(2), published(2), published(2, 2.0)))
    assert await run.until_mute() == ""
    assert (run.values, run.server.acknowledged) == ([1, 2], [1, 2])
    assert run.counters.keepalives == 3


async def test_a_missing_message_is_asked_for_and_comes_before_the_later_ones() -> None:
    server = ScriptedServer(published(1, 1.0), published(4, 4.0), published(5, 5.0))
    server.keeps = {n: frame(835) + note(n, float(n)) for n in (2, 3)}
    run = Run(server)
    assert await run.until_mute() == ""
    assert (run.values, run.gaps, server.asked_again) == ([1, 2, 3, 4, 5], [], [2, 3])
    assert run.counters.republished == 2


async def test_a_keep_alive_that_is_ahead_shows_that_the_last_message_was_lost() -> None:
    server = ScriptedServer(published(1, 1.0), published(3))
    server.keeps = {2: frame(835) + note(2, 2.0)}
    run = Run(server)
    assert await run.until_mute() == ""
    assert (run.values, run.gaps) == ([1, 2], [])


async def test_what_the_server_no_longer_has_is_a_gap_and_the_rest_goes_on() -> None:
    server = ScriptedServer(published(1, 1.0), published(4, 4.0), published(5, 5.0))
    server.keeps = {3: frame(835) + note(3, 3.0)}
    run = Run(server)
    assert await run.until_mute() == ""
    assert (run.values, run.gaps, run.counters.gaps) == ([1, 3, 4, 5], [("fast", 1)], 1)


async def test_a_server_that_answers_a_republish_with_nothing_does_not_keep_us_asking() -> None:
    server = ScriptedServer(published(1, 1.0), published(3, 3.0))
    server.keeps = {2: frame(835) + note(0, None)}
    run = Run(server)
    assert await run.until_mute() == ""
    assert (run.values, run.gaps, server.asked_again) == ([1, 3], [("fast", 1)], [2])


async def test_more_missing_messages_than_are_worth_asking_for_are_a_gap() -> None:
    server = ScriptedServer(published(1, 1.0), published(1002, 9.0))
    run = Run(server)
    assert await run.until_mute() == ""
    assert (run.values, run.gaps) == ([1, 9], [("fast", 1000)])
    assert len(server.asked_again) == 100


async def test_a_message_that_comes_twice_is_passed_on_once() -> None:
    run = Run(ScriptedServer(published(1, 1.0), published(2, 2.0), published(1, 1.0), published(3, 3.0)))
    assert await run.until_mute() == ""
    assert (run.values, run.gaps) == ([1, 2, 3], [])


async def test_the_number_after_the_largest_is_one() -> None:
    run = Run(
        ScriptedServer(published(LAST - 1, 1.0), published(LAST, 2.0), published(1, 3.0), published(2, 4.0))
    )
    assert await run.until_mute() == ""
    assert (run.values, run.gaps) == ([1, 2, 3, 4], [])


async def test_a_malformed_message_counts_as_lost_and_is_asked_for_again() -> None:
    server = ScriptedServer(published(1, 1.0), published(2, 2.0)[:-9], published(3, 3.0))
    server.keeps = {2: frame(835) + note(2, 2.0)}
    run = Run(server)
    assert await run.until_mute() == ""
    assert (run.values, run.counters.malformed) == ([1, 2, 3], 1)


async def test_a_server_that_only_talks_nonsense_is_given_up() -> None:
    run = Run(ScriptedServer(b"", b"\1\2\3", published(1, 1.0)[:40]))
    assert "publish" in await run.until_mute()


async def test_messages_of_a_subscription_that_is_gone_are_nobodys() -> None:
    run = Run(ScriptedServer(published(1, 1.0, subscription=99), published(1, 2.0)))
    assert await run.until_mute() == ""
    assert run.values == [2]


async def test_a_server_that_wants_fewer_requests_gets_fewer() -> None:
    too_many = Refused("publish", BAD_TOO_MANY_PUBLISH_REQUESTS)
    run = Run(ScriptedServer(published(1, 1.0), too_many, published(2, 2.0)), Timing(outstanding=3))
    assert await run.until_mute() == ""
    assert run.values == [1, 2]


async def test_a_request_that_timed_out_in_the_server_is_followed_by_another() -> None:
    run = Run(ScriptedServer(Refused("publish", BAD_TIMEOUT), published(1, 1.0)))
    assert await run.until_mute() == ""
    assert run.values == [1]


@pytest.mark.parametrize(
    "answer",
    [Refused("publish", BAD_NO_SUBSCRIPTION), Refused("publish", 0x80080000), LinkLost("publish: gone")],
    ids=["no subscription", "out of memory", "connection lost"],
)
async def test_any_other_refusal_ends_the_connection(answer: Exception) -> None:
    assert "publish" in await Run(ScriptedServer(answer)).until_lost()


async def test_a_subscription_that_the_server_ended_ends_the_connection() -> None:
    change = struct.pack("<IB", ua.StatusCodes.BadTimeout, 0)
    data = nodeid_to_binary(ua.FourByteNodeId(820)) + b"\1" + struct.pack("<i", len(change)) + change
    body = frame(829) + struct.pack("<IiBIqi", NUMBER, 0, 0, 1, 0, 1) + data + struct.pack("<ii", 0, 0)
    assert "BadTimeout" in await Run(ScriptedServer(body)).until_lost()


async def test_a_subscription_that_falls_silent_ends_the_connection() -> None:
    reason = await Run(
        ScriptedServer(published(1, 1.0)), Timing(keepalive_s=0.02), silence_s=0.05
    ).until_lost()
    assert "fast has been silent" in reason


@pytest.mark.parametrize("acknowledged", [[], [(5, 1)], [(5, 1), (7, 4294967295)]])
@pytest.mark.parametrize("token", [ua.NodeId(1005), ua.NodeId(b"0123456789", 1), ua.NodeId("token", 3)])
def test_a_publish_request_is_what_asyncua_would_send(
    acknowledged: list[tuple[int, int]], token: ua.NodeId
) -> None:
    theirs = struct_from_binary(ua.PublishRequest, Buffer(publish_request(token, acknowledged)))
    pairs = [(a.SubscriptionId, a.SequenceNumber) for a in theirs.Parameters.SubscriptionAcknowledgements]
    assert (theirs.RequestHeader.AuthenticationToken, pairs) == (token, acknowledged)
    again = struct_from_binary(ua.PublishRequest, Buffer(struct_to_binary(theirs)))
    assert again == theirs
    assert len(struct_to_binary(theirs)) == len(publish_request(token, acknowledged))


# --- the arithmetic of numbers that wrap -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "came", "missing"),
    [(1, 1, 0), (1, 4, 3), (4, 1, -3), (LAST, 1, 1), (LAST, LAST, 0), (1, LAST, -1), (LAST - 1, 2, 3)],
)
def test_missing_messages_are_counted_across_the_wrap(expected: int, came: int, missing: int) -> None:
    assert missing_before(expected, came) == missing


def test_zero_is_never_a_sequence_number() -> None:
    assert [sequence_after(n) for n in (1, LAST - 1, LAST)] == [2, LAST, 1]


# --- bad nodes, and calls that are refused as a whole ------------------------------------------------------


def test_a_bad_node_is_news_once_and_is_tried_at_growing_intervals() -> None:
    bad = BadNodes(Timing(retry_first_s=1, retry_cap_s=4))
    assert [bad.refused(7, 0.0), bad.refused(7, 1.0)] == [True, False]
    assert [bad.due(t) for t in (2.9, 3.0)] == [[], [7]]
    bad.refused(7, 3.0)
    bad.refused(7, 7.0)
    assert [bad.due(t) for t in (10.9, 11.0)] == [[], [7]]  # not later than the cap
    assert bad.count() == 1


def test_when_one_node_is_back_the_others_are_tried_soon() -> None:
    bad = BadNodes(Timing(retry_first_s=1, retry_cap_s=60))
    for _ in range(6):
        bad.refused(1, 0.0)
        bad.refused(2, 0.0)
    bad.accepted(1, 10.0)
    bad.hurry(10.0)
    assert (bad.due(11.0), 1 in bad, 2 in bad, bad.recovering) == ([2], False, True, {1})


def test_a_server_that_takes_a_node_and_still_does_not_know_it_makes_no_news() -> None:
    bad = BadNodes(Timing(retry_first_s=1, retry_cap_s=60))
    assert bad.refused(1, 0.0)
    bad.accepted(1, 1.0)
    assert not bad.refused(1, 1.5)  # no value came in between
    bad.accepted(1, 5.0)
    bad.recovering.discard(1)  # a value came
    assert bad.refused(1, 6.0)


def test_a_node_that_was_well_for_long_begins_with_the_shortest_interval_again() -> None:
    bad = BadNodes(Timing(retry_first_s=1, retry_cap_s=60))
    for _ in range(5):
        bad.refused(1, 0.0)
    bad.accepted(1, 20.0)
    bad.refused(1, 100.0)
    assert bad.due(101.0) == [1]


async def test_the_culprits_in_a_refused_call_are_found_by_halving() -> None:
    taken: list[int] = []
    refused: dict[int, int] = {}
    calls = 0

    async def call(chunk: object) -> None:
        nonlocal calls
        assert isinstance(chunk, list)
        calls += 1
        if set(chunk) & {3, 77}:
            raise Refused("create", 0x80340000)
        taken.extend(chunk)

    await in_chunks(list(range(100)), 50, call, refused.__setitem__)
    assert sorted(taken) == [n for n in range(100) if n not in (3, 77)]
    assert refused == {3: 0x80340000, 77: 0x80340000}
    assert calls < 30
