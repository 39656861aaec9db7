"""What can happen between a PLC and the service, on real sockets: each fault does what it says, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from controller.opcua.plc import KINDS, STYLES, FaultProxy, SimulatedPlcServer, parse_link_fault
from tests.system.steady_plant import (
    S7,
    TWINCAT,
    URIS,
    Notes,
    Peer,
    SteadyMachine,
    connected,
    only,
    serving,
    steady_plant,
)

SILENCE_S = 0.3


@pytest.fixture
def machine() -> SteadyMachine:
    return SteadyMachine(steady_plant())


async def silent(answer: Awaitable[Any]) -> asyncio.Future[Any]:
    """Nothing comes for SILENCE_S; the pending answer, to be awaited when the fault is over."""
    pending: asyncio.Future[Any] = asyncio.ensure_future(answer)
    done, _ = await asyncio.wait([pending], timeout=SILENCE_S)
    assert not done, f"answered although the link is dead: {pending}"
    return pending


async def watch(peer: Peer, node: str, notes: Notes) -> None:
    """A fast subscription to one node, its first value taken."""
    subscription = await peer.client.create_subscription(100, notes)
    await subscription.subscribe_data_change(
        peer.client.get_node(peer.node_id(node)), queuesize=10, sampling_interval=ua.Double(0)
    )
    await notes.next()


async def lost(client: Client) -> None:
    """The client has noticed that its connection is gone."""

    async def read_until_it_fails() -> None:
        while True:
            await client.nodes.server_state.read_value()

    with pytest.raises((ConnectionError, ua.UaError)):
        await asyncio.wait_for(read_until_it_fails(), 10)


# --- off and on ------------------------------------------------------------------------------------


async def test_a_plc_that_goes_down_refuses_connections_and_comes_back_on_its_port(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server:
        endpoint = server.endpoint
        client = Client(endpoint)
        await client.connect()
        await server.go_down()
        await lost(client)
        with pytest.raises(ConnectionError):
            await Client(endpoint).connect()
        await client.disconnect()
        assert server.sessions == 0
        await server.come_up()
        assert server.endpoint == endpoint
        async with connected(endpoint, S7) as peer:
            assert peer.index == 3
            assert await peer.value("PT") == 0.0


async def test_a_restart_moves_the_namespace_and_the_old_index_finds_nothing(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        async with connected(server.endpoint, S7) as peer:
            old = peer.node_id("PT")
        await server.go_down()
        machine.set("L.PRESSURE", 3.5)
        await server.come_up(moved=1)
        async with connected(server.endpoint, S7) as peer:
            assert (old.NamespaceIndex, peer.index) == (3, 4)
            assert (await peer.client.get_namespace_array())[4] == URIS[S7]
            values = await peer.client.uaclient.read_attributes([old], ua.AttributeIds.Value)
            assert values[0].StatusCode.name == "BadNodeIdUnknown"
            assert await peer.value("PT") == 3.5


async def test_ten_restarts_leave_nothing_behind(machine: SteadyMachine) -> None:
    async with serving(machine, TWINCAT) as server:
        tasks = len(asyncio.all_tasks())
        for n in range(10):
            async with connected(server.endpoint, TWINCAT) as peer:
                await watch(peer, "PT", Notes())
                await server.go_down()
            await server.come_up(moved=1)
            assert server.sessions == 0, n
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == tasks


# --- connected, and nothing flows ------------------------------------------------------------------


async def test_a_hung_server_keeps_the_connection_and_answers_when_it_wakes(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        server.hold(hung=True)
        machine.set("L.PRESSURE", 7.0)
        server.update()  # stands still: the value is not taken over
        answer = await silent(peer.value("PT"))
        server.release()
        assert await answer == 0.0
        server.update()
        assert await peer.value("PT") == 7.0


async def test_a_black_hole_swallows_what_a_living_server_publishes_and_gives_it_back_in_order(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        notes = Notes()
        await watch(peer, "PT", notes)
        server.hold(hung=False)
        for value in (1.0, 2.0, 3.0):
            machine.set("L.PRESSURE", value)
            server.update()
        first = await silent(notes.next())
        server.release()
        arrived = [await first, await notes.next(), await notes.next()]
        assert [value.Value.Value for _, value in arrived] == [1.0, 2.0, 3.0]


async def test_a_connection_made_while_the_server_hangs_is_served_afterwards(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        server.hold(hung=True)
        client = Client(server.endpoint)
        connecting = await silent(client.connect())
        server.release()
        await connecting
        await client.disconnect()


async def test_a_server_that_hangs_can_be_stopped(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7, timeout_s=1.0):
        server.hold(hung=True)
        await server.stop()
        assert not server.running


async def test_dropped_sessions_fall_silent_and_any_request_is_told_so(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        notes = Notes()
        await watch(peer, "PT", notes)
        await server.drop_sessions()
        machine.set("L.PRESSURE", 1.0)
        server.update()
        waiting = await silent(notes.next())
        with pytest.raises(ua.uaerrors.BadSessionIdInvalid):
            await peer.value("PT")
        waiting.cancel()
        async with connected(server.endpoint, S7) as fresh:
            assert await fresh.value("PT") == 1.0


async def test_forgotten_subscriptions_fall_silent_while_the_session_lives(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        notes = Notes()
        await watch(peer, "PT", notes)
        await server.forget_subscriptions()
        machine.set("L.PRESSURE", 1.0)
        server.update()
        waiting = await silent(notes.next())
        assert await peer.value("PT") == 1.0
        waiting.cancel()
        with pytest.raises(ua.uaerrors.BadNoSubscription):
            await peer.client.uaclient.session.publish([])


async def test_a_node_that_vanishes_is_bad_alone(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        notes = Notes()
        await watch(peer, "PT", notes)
        server.take_out("L.PRESSURE")
        _, value = await notes.next()
        assert value.StatusCode.name == "BadNodeIdUnknown"
        assert (await peer.read("PT")).StatusCode.name == "BadNodeIdUnknown"
        assert (await peer.read("LT")).StatusCode.name == "Good"
        machine.set("L.PRESSURE", 4.0)
        server.update()
        server.put_back("L.PRESSURE")
        assert await peer.value("PT") == 4.0


async def test_a_lost_notification_leaves_a_gap_that_republish_fills(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        arrived: asyncio.Queue[ua.PublishResult] = asyncio.Queue()
        asked = ua.CreateSubscriptionParameters(100.0, 1000, 100, 0, True, 0)
        subscription = await peer.client.uaclient.create_subscription(asked, arrived.put_nowait)
        wish = ua.MonitoringParameters(ClientHandle=1, SamplingInterval=0.0, QueueSize=10, DiscardOldest=True)
        item = ua.MonitoredItemCreateRequest(
            ua.ReadValueId(peer.node_id("PT"), ua.AttributeIds.Value), ua.MonitoringMode.Reporting, wish
        )
        await peer.client.uaclient.create_monitored_items(
            ua.CreateMonitoredItemsParameters(subscription.SubscriptionId, ua.TimestampsToReturn.Both, [item])
        )
        while not (await asyncio.wait_for(arrived.get(), 5)).NotificationMessage.NotificationData:
            pass
        server.lose_notifications(1)
        machine.set("L.PRESSURE", 1.0)
        server.update()
        while server.notifications_to_lose:
            await asyncio.sleep(0)
        machine.set("L.PRESSURE", 2.0)
        server.update()
        result = await asyncio.wait_for(arrived.get(), 5)
        number = result.NotificationMessage.SequenceNumber
        assert number == 3
        assert number - 1 in result.AvailableSequenceNumbers
        missed = await peer.client.uaclient.session.republish(subscription.SubscriptionId, number - 1)
        assert missed.NotificationData[0].MonitoredItems[0].Value.Value.Value == 1.0
        with pytest.raises(ua.uaerrors.BadMessageNotAvailable):
            await peer.client.uaclient.session.republish(subscription.SubscriptionId, 99)


# --- slow ------------------------------------------------------------------------------------------


async def test_a_slow_link_delays_both_ways(machine: SteadyMachine) -> None:
    loop = asyncio.get_running_loop()
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        server.delay(0.05)
        began = loop.time()
        await peer.value("PT")
        assert loop.time() - began >= 0.1
        server.delay(0.0)


# --- the proxy -------------------------------------------------------------------------------------


async def test_the_proxy_passes_holds_delays_cuts_and_refuses(machine: SteadyMachine) -> None:
    loop = asyncio.get_running_loop()
    async with serving(machine, S7) as server:
        proxy = FaultProxy(int(server.endpoint.rpartition(":")[2]))
        await proxy.start()
        async with connected(proxy.endpoint, S7) as peer:
            assert await peer.write(("CMD", only(3, ua.VariantType.UInt16))) == ["Good"]
            proxy.hold()
            answer = await silent(peer.value("CMD"))
            proxy.release()
            assert await answer == 3
            proxy.delay(0.05)
            began = loop.time()
            await peer.value("CMD")
            assert loop.time() - began >= 0.1
            proxy.delay(0.0)
            await proxy.refuse()
            with pytest.raises(ConnectionError):
                await Client(proxy.endpoint).connect()
            assert await peer.value("CMD") == 3
            proxy.cut()
            await lost(peer.client)
        await proxy.start()
        async with connected(proxy.endpoint, S7) as peer:
            assert await peer.value("CMD") == 3
        await proxy.stop()


async def test_a_proxy_before_a_dead_server_breaks_the_connection(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        port = int(server.endpoint.rpartition(":")[2])
    proxy = FaultProxy(port)
    await proxy.start()
    with pytest.raises((ConnectionError, ua.UaError, TimeoutError)):
        await Client(proxy.endpoint, timeout=2).connect()
    await proxy.stop()


# --- names -----------------------------------------------------------------------------------------


def test_link_faults_are_named_by_kind_target_and_amount() -> None:
    plant = steady_plant()
    fault = parse_link_fault("slow:S:300ms:2min", plant)
    assert (fault.kind, fault.plc, fault.amount, fault.for_s) == ("slow", TWINCAT, 0.3, 120.0)
    assert parse_link_fault("skew:L:-1h", plant).amount == -3600.0
    assert parse_link_fault("kill:L", plant).amount == 10.0
    bad = parse_link_fault("badnode:R.LEVEL:5s", plant)
    assert (bad.plc, bad.tag, bad.for_s) == (1, "R.LEVEL", 5.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hang", "expected KIND:TARGET"),
        ("melt:L", "KIND one of kill"),
        ("hang:Q", "no PLC 'Q'; this plant has L, R, S"),
        ("hang:L:soon", "'soon' is no duration"),
        ("badnode:XX-1", "no tag 'XX-1'"),
        ("kill:L:-5s", "only a clock"),
    ],
)
def test_a_link_fault_that_cannot_be_is_refused_with_what_was_expected(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_link_fault(text, steady_plant())


async def test_stopping_a_server_that_never_started_is_no_error(machine: SteadyMachine) -> None:
    server = SimulatedPlcServer(machine.plant, S7, machine)
    await server.stop()
    assert not server.running


def test_the_reference_page_names_every_kind_of_link_fault_and_every_style() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/plc-contract.md").read_text()
    assert [kind for kind in KINDS if f"| `{kind}:" not in page] == []
    assert [name for name in STYLES if f"`{name}`" not in page] == []
