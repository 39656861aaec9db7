"""What each simulated PLC shows and allows, seen by a stock OPC UA client over loopback."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from asyncua import Client, ua

from alarms.signal import BAD_SENSOR_FAILURE
from controller.opcua.plc import STYLES as VENDORS
from controller.opcua.plc import SimulatedPlcServer
from tests.system.steady_plant import (
    CODESYS,
    NAMES,
    S7,
    TWINCAT,
    URIS,
    Notes,
    SteadyMachine,
    connected,
    only,
    serving,
    steady_plant,
)

EVERY = pytest.mark.parametrize("plc", [S7, CODESYS, TWINCAT], ids=["s7", "codesys", "twincat"])
UINT16 = ua.VariantType.UInt16


@pytest.fixture
def machine() -> SteadyMachine:
    return SteadyMachine(steady_plant())


@EVERY
async def test_the_namespace_stands_where_the_vendor_puts_it(machine: SteadyMachine, plc: int) -> None:
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        assert peer.index == (3, 4, 4)[plc]
        assert (await peer.client.get_namespace_array())[peer.index] == URIS[plc]


@EVERY
async def test_values_are_shown_as_the_plc_keeps_them(machine: SteadyMachine, plc: int) -> None:
    name = NAMES[plc]
    machine.set(f"{name}.PRESSURE", 12.5)
    machine.set(f"{name}.LEVEL", 53.2)
    machine.set(f"{name}.SWITCH", 1.0)
    machine.set(f"{name}.METER", 70_000.0)
    machine.set(f"{name}.METER_HIGH_FIRST", 70_000.0)
    machine.set(f"{name}.LABEL", "HE-17")
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        assert await peer.value("PT") == 12.5
        assert await peer.value("LT") == 532
        assert await peer.value("LSH") is True
        assert await peer.value("FQ") == [70_000 & 0xFFFF, 1]
        assert await peer.value("FQH") == [1, 70_000 & 0xFFFF]
        assert await peer.value("XS") == "HE-17"
        kinds = {node: (await peer.read(node)).Value.VariantType.name for node in ("PT", "LT", "LSH", "XS")}
        assert kinds == {"PT": "Float", "LT": "Int16", "LSH": "Boolean", "XS": "String"}


async def test_bits_of_one_word_have_a_polarity_each(machine: SteadyMachine) -> None:
    async with serving(machine, CODESYS) as server, connected(server.endpoint, CODESYS) as peer:
        seen = {}
        for high in (0, 1):
            for low in (0, 1):
                machine.set("R.HIGH_BIT", high)
                machine.set("R.LOW_BIT", low)
                server.update()
                seen[high, low] = await peer.value("W")
    assert seen == {(0, 0): [0, 0x8000], (0, 1): [0, 0], (1, 0): [0, 0x8008], (1, 1): [0, 0x0008]}


async def test_a_broken_sensor_is_a_sentinel_where_there_is_one_and_bad_where_there_is_none(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        machine.set("L.LEVEL", 50.0, BAD_SENSOR_FAILURE)
        machine.set("L.PRESSURE", 50.0, BAD_SENSOR_FAILURE)
        server.update()
        level, pressure = await peer.read("LT"), await peer.read("PT")
        assert (level.Value.Value, level.StatusCode.value) == (32767, 0)
        assert pressure.StatusCode.value == BAD_SENSOR_FAILURE
        machine.set("L.LEVEL", 50.0)
        server.update()
        assert await peer.value("LT") == 500


async def test_a_value_beyond_its_type_saturates(machine: SteadyMachine) -> None:
    machine.set("L.LEVEL", 1e6)
    machine.set("L.COUNT", -5.0)
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        assert await peer.value("LT") == 32767
        assert await peer.value("WD") == 0


async def test_a_node_that_is_not_there_is_unknown(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        missing = await peer.read("NOWHERE")
        assert missing.StatusCode.name == "BadNodeIdUnknown"
        assert await peer.write(("NOWHERE", only(1, UINT16))) == ["BadNodeIdUnknown"]


@EVERY
async def test_a_browser_finds_every_node_with_its_text(machine: SteadyMachine, plc: int) -> None:
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        found: dict[str, str] = {}
        heads = [peer.client.get_objects_node()]
        while heads:
            for child in await heads.pop().get_children():
                heads.append(child)
                if child.nodeid.NamespaceIndex == peer.index and (
                    await child.read_node_class() == ua.NodeClass.Variable
                ):
                    found[str(child.nodeid.Identifier)] = (await child.read_description()).Text or ""
        expected = {node.identifier.removeprefix("s=") for node in server.image.nodes.values()}
        assert set(found) == expected
        assert found[str(peer.node_id("PT").Identifier)] == f"{NAMES[plc]}.PRESSURE"


# --- writing ---------------------------------------------------------------------------------------


@EVERY
async def test_one_write_request_reaches_the_machine_in_its_order(machine: SteadyMachine, plc: int) -> None:
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        fields = (
            ("CMD", only(2, UINT16)),
            ("EPO", only(7, ua.VariantType.UInt32)),
            ("SEQ", only(41, UINT16)),
        )
        assert await peer.write(*fields) == ["Good"] * 3
        name = NAMES[plc]
        assert machine.writes == [
            (plc, [(f"{name}.WORD", 2.0), (f"{name}.EPOCH", 7.0), (f"{name}.SEQUENCE", 41.0)])
        ]
        assert [await peer.value(node) for node, _ in fields] == [2, 7, 41]


@EVERY
async def test_only_command_nodes_are_writable(machine: SteadyMachine, plc: int) -> None:
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        results = await peer.write(
            ("PT", only(1.0, ua.VariantType.Float)), ("W", only([0, 1], UINT16)), ("CMD", only(1, UINT16))
        )
        refused = "BadUserAccessDenied" if plc == CODESYS else "BadNotWritable"
        assert results == [refused, refused, "Good"]
        assert machine.writes == [(plc, [(f"{NAMES[plc]}.WORD", 1.0)])]
        writable = {
            node.identifier
            for node in server.image.nodes.values()
            if ua.AccessLevel.CurrentWrite
            in await peer.client.get_node(
                ua.NodeId(node.identifier.removeprefix("s="), peer.index)
            ).get_access_level()
        }
        assert len(writable) == 3


@EVERY
async def test_a_write_must_have_the_exact_type(machine: SteadyMachine, plc: int) -> None:
    wrong = [
        only(1, ua.VariantType.Int64),
        only(1, ua.VariantType.Int16),
        only(1.0, ua.VariantType.Double),
        only([1], UINT16),
        only(True, ua.VariantType.Boolean),
    ]
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        for value in wrong:
            assert await peer.write(("CMD", value)) == ["BadTypeMismatch"]
        assert machine.writes == []


async def test_an_s7_refuses_a_write_with_a_time_or_a_status(machine: SteadyMachine) -> None:
    variant = ua.Variant(1, UINT16)
    now = datetime.now(UTC)
    stamped = [
        ua.DataValue(variant, SourceTimestamp=now),
        ua.DataValue(variant, ServerTimestamp=now),
        ua.DataValue(variant, StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.UncertainLastUsableValue))),
    ]
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        for value in stamped:
            assert await peer.write(("CMD", value)) == ["BadWriteNotSupported"]
        assert machine.writes == []
        assert await peer.write(("CMD", only(1, UINT16))) == ["Good"]


async def test_the_others_take_a_write_with_a_time(machine: SteadyMachine) -> None:
    value = ua.DataValue(ua.Variant(1, UINT16), SourceTimestamp=datetime.now(UTC))
    for plc in (CODESYS, TWINCAT):
        async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
            assert await peer.write(("CMD", value)) == ["Good"]


# --- limits ----------------------------------------------------------------------------------------


@EVERY
async def test_one_session_too_many_is_refused_and_a_closed_one_makes_room(
    machine: SteadyMachine, plc: int
) -> None:
    async with serving(machine, plc) as server:
        clients = [Client(server.endpoint) for _ in range(server.style.sessions_max)]
        for client in clients:
            await client.connect()
        late = Client(server.endpoint)
        with pytest.raises(ua.uaerrors.BadTooManySessions):
            await late.connect()
        await clients.pop().disconnect()
        await late.connect()
        for client in (late, *clients):
            await client.disconnect()
        assert server.sessions == 0


@EVERY
async def test_a_request_with_more_nodes_than_the_plc_says_it_takes_is_refused(
    machine: SteadyMachine, plc: int
) -> None:
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        limit_id = ua.NodeId(ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead)
        limit = await peer.client.get_node(limit_id).read_value()
        assert limit == VENDORS[server.style.name].nodes_per_call
        nodes = [peer.node_id("PT")] * limit
        values = await peer.client.uaclient.read_attributes(nodes, ua.AttributeIds.Value)
        assert len(values) == limit
        with pytest.raises(ua.uaerrors.BadTooManyOperations):
            await peer.client.uaclient.read_attributes([*nodes, peer.node_id("LT")], ua.AttributeIds.Value)


async def test_an_s7_grants_a_short_session(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        client = Client(server.endpoint)
        client.session_timeout = 3_600_000
        async with client:
            assert client.session_timeout == 30_000


@EVERY
async def test_publishing_and_queues_are_revised(machine: SteadyMachine, plc: int) -> None:
    async with serving(machine, plc) as server, connected(server.endpoint, plc) as peer:
        asked = ua.CreateSubscriptionParameters(10.0, 100, 10, 0, True, 0)
        subscription = await peer.client.uaclient.create_subscription(asked, lambda _: None)
        assert subscription.RevisedPublishingInterval == (100.0, 50.0, 50.0)[plc]
        wish = ua.MonitoringParameters(
            ClientHandle=1, SamplingInterval=0.0, QueueSize=10_000, DiscardOldest=True
        )
        item = ua.MonitoredItemCreateRequest(
            ua.ReadValueId(peer.node_id("PT"), ua.AttributeIds.Value), ua.MonitoringMode.Reporting, wish
        )
        params = ua.CreateMonitoredItemsParameters(
            subscription.SubscriptionId, ua.TimestampsToReturn.Both, [item]
        )
        (result,) = await peer.client.uaclient.create_monitored_items(params)
        assert 10 <= result.RevisedQueueSize == server.style.queue_max
        assert result.RevisedSamplingInterval == server.style.sampling_ms


# --- change notifications --------------------------------------------------------------------------


async def test_every_update_within_a_publishing_interval_arrives_in_order(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        notes = Notes()
        subscription = await peer.client.create_subscription(100, notes)
        node = peer.client.get_node(peer.node_id("PT"))
        await subscription.subscribe_data_change(node, queuesize=10, sampling_interval=ua.Double(0))
        assert (await notes.next())[1].Value.Value == 0.0
        for value in range(1, 9):
            machine.set("L.PRESSURE", float(value))
            server.update()
        arrived = [(await notes.next())[1] for _ in range(8)]
        assert [value.Value.Value for value in arrived] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert all(value.StatusCode.value == 0 for value in arrived)


async def test_a_queue_that_runs_over_drops_its_oldest_and_marks_the_next(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        notes = Notes()
        subscription = await peer.client.create_subscription(100, notes)
        node = peer.client.get_node(peer.node_id("PT"))
        await subscription.subscribe_data_change(node, queuesize=3, sampling_interval=ua.Double(0))
        await notes.next()
        for value in range(1, 7):
            machine.set("L.PRESSURE", float(value))
            server.update()
        arrived = [(await notes.next())[1] for _ in range(3)]
        assert [value.Value.Value for value in arrived] == [4, 5, 6]
        assert [value.StatusCode.value for value in arrived] == [0x480, 0, 0]


async def test_a_notification_holds_no_more_than_the_client_takes(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        arrived: asyncio.Queue[ua.PublishResult] = asyncio.Queue()
        asked = ua.CreateSubscriptionParameters(100.0, 1000, 100, 3, True, 0)
        subscription = await peer.client.uaclient.create_subscription(asked, arrived.put_nowait)
        items = [
            ua.MonitoredItemCreateRequest(
                ua.ReadValueId(peer.node_id(node), ua.AttributeIds.Value),
                ua.MonitoringMode.Reporting,
                ua.MonitoringParameters(
                    ClientHandle=n, SamplingInterval=0.0, QueueSize=10, DiscardOldest=True
                ),
            )
            for n, node in enumerate(("PT", "LT", "WD", "LSH", "XS"))
        ]
        await peer.client.uaclient.create_monitored_items(
            ua.CreateMonitoredItemsParameters(subscription.SubscriptionId, ua.TimestampsToReturn.Both, items)
        )
        sizes: list[tuple[int, bool]] = []
        while sum(size for size, _ in sizes) < 5:
            result = await asyncio.wait_for(arrived.get(), 5)
            changes = result.NotificationMessage.NotificationData
            sizes += [(len(change.MonitoredItems), result.MoreNotifications) for change in changes]
        assert sizes == [(3, True), (2, False)]


async def test_what_did_not_change_is_not_sent(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        notes = Notes()
        subscription = await peer.client.create_subscription(100, notes)
        nodes = [peer.client.get_node(peer.node_id(name)) for name in ("LT", "PT")]
        await subscription.subscribe_data_change(nodes, queuesize=10, sampling_interval=ua.Double(0))
        await notes.next()
        await notes.next()
        machine.set("L.LEVEL", 0.04)  # less than one digit of its converter
        server.update()
        machine.set("L.PRESSURE", 1.0)
        server.update()
        name, value = await notes.next()
        assert (name, value.Value.Value) == (str(nodes[1].nodeid.Identifier), 1.0)


async def test_both_times_are_the_plc_clock(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, connected(server.endpoint, S7) as peer:
        server.skew(-3600.0)
        machine.set("L.PRESSURE", 1.0)
        server.update()
        value = await peer.read("PT")
        assert value.SourceTimestamp == value.ServerTimestamp
        assert value.SourceTimestamp is not None
        assert 3599.0 < (datetime.now(UTC) - value.SourceTimestamp).total_seconds() < 3601.0


async def test_a_frozen_gateway_goes_on_answering_with_old_values(machine: SteadyMachine) -> None:
    frozen = type(machine.computers[0])(frozen=True)
    async with serving(machine, CODESYS) as server, connected(server.endpoint, CODESYS) as peer:
        machine.set("R.PRESSURE", 1.0)
        server.update()
        machine.computers[CODESYS] = frozen
        machine.set("R.PRESSURE", 2.0)
        server.update()
        value = await peer.read("PT")
        assert (value.Value.Value, value.StatusCode.value) == (1.0, 0)


# --- cost ------------------------------------------------------------------------------------------


async def test_a_plc_of_200_tags_starts_within_a_second() -> None:
    machine = SteadyMachine(steady_plant(extra_per_plc=200))
    server = SimulatedPlcServer(machine.plant, S7, machine)
    began = time.process_time()
    await server.start()
    took_s = time.process_time() - began
    await server.stop()
    assert took_s < 1.0
