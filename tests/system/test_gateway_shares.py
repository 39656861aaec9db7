"""One hostile address takes what it can get; clients at other addresses come in and stay."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from asyncua import ua

from controller.doors.origins import origin_of
from controller.opcua.gateway.security.shares import to_go
from tests.system.gateway_rig import bare, limited
from tests.system.gateway_subscribed import served
from tests.system.gateway_wire import Wire, opened, wire
from tests.system.test_gateway_sessions import READS

CODES = ua.StatusCodes
HOSTILE, GOOD = "127.0.0.66", "127.0.0.2"


async def created(one: Wire) -> int:
    """The code of a CreateSession; its session is not activated."""
    answer = await one.ask(ua.CreateSessionRequest())
    if isinstance(answer, ua.CreateSessionResponse):
        one.session = answer.Parameters.AuthenticationToken
    return int(answer.ResponseHeader.ServiceResult.value)


async def let_in(one: Wire) -> bool:
    answer = await one.ask(ua.ActivateSessionRequest())
    return bool(answer.ResponseHeader.ServiceResult.is_good())


@pytest.mark.parametrize(
    ("peer", "origin"),
    [
        ("10.0.3.4", "10.0.3.4"),
        ("::ffff:10.0.3.4", "10.0.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_a_network_of_ipv6_is_one_address_as_all_of_it_belongs_to_one_host(peer: str, origin: str) -> None:
    assert origin_of(peer) == origin


def test_who_has_most_makes_room_with_the_oldest_it_has() -> None:
    assert to_go(["a1", "b1", "b2", "a2", "b3"], lambda one: one[0]) == "b1"
    assert to_go([], str) is None


async def test_an_address_that_opens_all_the_connections_it_can_leaves_a_third_to_others() -> None:
    chosen = limited(connections=30, connections_per_peer=20)
    async with bare(chosen, tables=[READS]) as gateway, AsyncExitStack() as stack:
        port = gateway.listening.port
        half_open = [await stack.enter_async_context(wire(port, GOOD)) for _ in range(10)]
        for _ in range(90):
            await stack.enter_async_context(wire(port, HOSTILE))
        while gateway.counters.connections < 100:
            await asyncio.sleep(0.01)
        assert len(gateway.listening.connections) <= 30
        assert gateway.counters.connections_over_share == 70
        for one in half_open:  # they came first and have no session, and still nobody pushed them out
            await one.hello()
            await one.open()
            await one.log_in()


async def test_a_flood_from_one_address_pushes_out_its_own_when_all_connections_are_taken() -> None:
    chosen = limited(connections=12, connections_per_peer=10)
    async with bare(chosen, tables=[READS]) as gateway, AsyncExitStack() as stack:
        port = gateway.listening.port
        first = await stack.enter_async_context(wire(port, GOOD))
        for _ in range(30):
            await stack.enter_async_context(wire(port, HOSTILE))
        others = [await stack.enter_async_context(wire(port, f"127.0.0.{n}")) for n in range(100, 105)]
        for one in (first, *others):
            await one.hello()
            await one.open()
            await one.log_in()


async def test_an_address_with_a_session_on_each_of_its_connections_is_refused_more_of_them() -> None:
    chosen = limited(connections=30, connections_per_peer=5)
    async with bare(chosen, tables=[READS]) as gateway, AsyncExitStack() as stack:
        port = gateway.listening.port
        for _ in range(5):
            await (await stack.enter_async_context(opened(port, HOSTILE))).log_in()
        one_more = await stack.enter_async_context(wire(port, HOSTILE))
        assert await one_more.error() == CODES.BadTcpServerTooBusy
        await (await stack.enter_async_context(opened(port, GOOD))).log_in()


async def test_an_address_that_takes_all_the_sessions_it_can_leaves_others_theirs() -> None:
    """Sessions that were never activated, and those of nobody in particular: both cost nothing to make."""
    chosen = limited(sessions=20, sessions_named_reserve=2, sessions_per_peer=12)
    async with bare(chosen, tables=[READS]) as gateway, AsyncExitStack() as stack:
        port, counters = gateway.listening.port, gateway.counters
        waiting = await stack.enter_async_context(opened(port, GOOD))
        assert await created(waiting) == 0
        hostile = [await stack.enter_async_context(opened(port, HOSTILE)) for _ in range(16)]
        codes = [await created(one) for one in hostile]
        assert set(codes) == {0}, "its own that were never activated make room"
        assert counters.sessions_over_share == 4
        entered = [await let_in(one) for one in hostile]
        assert entered == [False] * 4 + [True] * 12
        assert await created(hostile[0]) == CODES.BadTooManySessions
        assert counters.sessions_over_share == 5
        assert await let_in(waiting), "it has been waiting since before the flood"
        for _ in range(5):
            await (await stack.enter_async_context(opened(port, GOOD))).log_in()


async def test_who_leaves_sessions_behind_does_not_shut_out_a_good_client_at_the_same_address() -> None:
    """Sessions without a name whose connections are gone make room; those in use do not."""
    async with bare(limited(sessions_per_peer=3), tables=[READS]) as gateway, AsyncExitStack() as stack:
        port = gateway.listening.port
        staying = await stack.enter_async_context(opened(port, GOOD))
        await staying.log_in()
        for _ in range(2):
            async with opened(port, GOOD) as hostile:
                await hostile.log_in()
        for _ in range(2):
            await (await stack.enter_async_context(opened(port, GOOD))).log_in()
        assert gateway.counters.sessions_aborted == 2
        late = await stack.enter_async_context(opened(port, GOOD))
        assert await created(late) == CODES.BadTooManySessions, "all three are in use now"
        assert await let_in(staying)


async def test_a_client_that_moves_to_another_address_counts_there() -> None:
    chosen = limited(sessions_per_peer=1)
    async with bare(chosen, tables=[READS]) as gateway, AsyncExitStack() as stack:
        async with gateway.client("operator"):
            (session,) = gateway.gateway.sessions.all()
            session.peer = GOOD  # as if it had come from there, over its certificate
            await (await stack.enter_async_context(opened(gateway.listening.port))).log_in()
        assert gateway.counters.sessions_over_share == 0


async def _subscribes(one: Wire) -> int:
    answer = await one.ask(ua.CreateSubscriptionRequest())
    return int(answer.ResponseHeader.ServiceResult.value)


async def test_subscriptions_that_outlive_their_sessions_count_to_their_address() -> None:
    """Else closing sessions and keeping the subscriptions would in the end take all of them."""
    chosen = limited(subscriptions=10, subscriptions_per_peer=6, subscriptions_per_session=3)
    async with served(10, chosen) as gateway, AsyncExitStack() as stack:
        port = gateway.rig.listening.port
        codes = []
        for _ in range(3):
            async with opened(port, HOSTILE) as one:
                await one.log_in()
                codes += [await _subscribes(one) for _ in range(3)]
                await one.ask(ua.CloseSessionRequest(DeleteSubscriptions=False))
        assert codes == [0] * 6 + [CODES.BadTooManySubscriptions] * 3
        assert gateway.subscriptions.over_share == 3
        good = await stack.enter_async_context(opened(port, GOOD))
        await good.log_in()
        assert [await _subscribes(good) for _ in range(3)] == [0] * 3


async def _monitors(one: Wire, count: int) -> list[int]:
    made = await one.ask(ua.CreateSubscriptionRequest())
    asked = ua.CreateMonitoredItemsRequest()
    asked.Parameters.SubscriptionId = made.Parameters.SubscriptionId
    tag = ua.ReadValueId(ua.NodeId(ua.ObjectIds.Server_ServiceLevel), ua.AttributeIds.Value)
    item = ua.MonitoredItemCreateRequest(ItemToMonitor=tag, MonitoringMode=ua.MonitoringMode.Disabled)
    asked.Parameters.ItemsToCreate = [item] * count
    asked.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    return [result.StatusCode.value for result in (await one.ask(asked)).Results]


async def test_one_address_cannot_have_all_the_monitored_items() -> None:
    chosen = limited(items=50, items_per_peer=30)
    async with served(10, chosen) as gateway, AsyncExitStack() as stack:
        port = gateway.rig.listening.port
        hostile = await stack.enter_async_context(opened(port, HOSTILE))
        await hostile.log_in()
        assert await _monitors(hostile, 20) == [0] * 20
        assert await _monitors(hostile, 20) == [0] * 10 + [CODES.BadTooManyMonitoredItems] * 10
        good = await stack.enter_async_context(opened(port, GOOD))
        await good.log_in()
        assert await _monitors(good, 20) == [0] * 20
        gone = ua.DeleteSubscriptionsRequest()
        gone.Parameters.SubscriptionIds = [1, 2]
        await hostile.ask(gone)
        assert await _monitors(hostile, 30) == [0] * 30
