"""Monitored items of values over the wire: Part 4, 5.13 and 7.22.2, Part 8, 7.2."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.ua import MonitoringMode, StatusCodes

from controller.opcua.gateway.space.names import of_plant, standard
from controller.opcua.status import BAD_NO_DATA, overflowed
from tests.system.gateway_rig import limited
from tests.system.gateway_subscribed import AREA, Asking, Served, codes, refused, select, served, until

T1, T2, T3 = (of_plant(f"T000{at}") for at in (1, 2, 3))
SWITCH, LABEL = of_plant("SWITCH"), of_plant("LABEL")
RANGE = of_plant("T0001/EURange")
NAMESPACES = standard(ua.ObjectIds.Server_NamespaceArray)
SAMPLING, DISABLED, REPORTING = MonitoringMode.Sampling, MonitoringMode.Disabled, MonitoringMode.Reporting
DISPLAY_NAME = 4


def change(deadband: int, band: float, trigger: int = 1) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(ua.DataChangeTrigger(trigger), deadband, band)


def moded(subscription: int, mode: MonitoringMode, *items: int) -> ua.SetMonitoringModeRequest:
    return ua.SetMonitoringModeRequest(
        Parameters=ua.SetMonitoringModeParameters(subscription, mode, list(items))
    )


def modified(subscription: int, item: int, **terms: Any) -> ua.ModifyMonitoredItemsRequest:
    asked = ua.MonitoringParameters(**{"ClientHandle": 1, "SamplingInterval": 0.0, "QueueSize": 10, **terms})
    one = ua.MonitoredItemModifyRequest(item, asked)
    times = ua.TimestampsToReturn.Both
    return ua.ModifyMonitoredItemsRequest(
        Parameters=ua.ModifyMonitoredItemsParameters(subscription, times, [one])
    )


def deleted(subscription: int, *items: int) -> ua.DeleteMonitoredItemsRequest:
    return ua.DeleteMonitoredItemsRequest(
        Parameters=ua.DeleteMonitoredItemsParameters(subscription, list(items))
    )


def linked(
    subscription: int, item: int, add: list[int] | None = None, remove: list[int] | None = None
) -> ua.SetTriggeringRequest:
    return ua.SetTriggeringRequest(
        Parameters=ua.SetTriggeringParameters(subscription, item, add or [], remove or [])
    )


async def subscribed(client: Any, **more: Any) -> tuple[Asking, int]:
    asking = Asking(client)
    return asking, (await asking.subscribe(**{"keep_alive": 2, **more})).SubscriptionId


async def values_after(gateway: Served, asking: Asking, *steps: float) -> list[Any]:
    """T0001 takes these values in one cycle; what the client gets of it."""
    for value in steps:
        gateway.change({"T0001": value})
    return [value for _, value in await asking.values()]


# --- values ---


async def test_values_come_with_status_and_both_times() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        await asking.monitor(number, T1, LABEL, SWITCH)
        await asking.publish()
        gateway.change({"T0001": 7.5, "SWITCH": 0}, status=0x40000000, at_ns=1_700_000_000_000_000_000)
        gateway.say("LABEL", "dewar 8")
        (told,) = (await asking.publish()).NotificationMessage.NotificationData
        by_handle = {item.ClientHandle: item.Value for item in told.MonitoredItems}
        assert by_handle[1].Value == ua.Variant(7.5, ua.VariantType.Double)
        assert by_handle[1].StatusCode.value == 0x40000000
        assert by_handle[1].SourceTimestamp.timestamp() == 1_700_000_000
        assert by_handle[1].ServerTimestamp is not None
        assert by_handle[2].Value.Value == "dewar 8"
        assert by_handle[3].Value.Value is False


@pytest.mark.parametrize("times", list(ua.TimestampsToReturn)[:4])
@pytest.mark.parametrize("node", [T1, NAMESPACES, RANGE])
async def test_the_times_are_those_that_were_asked_for(times: ua.TimestampsToReturn, node: ua.NodeId) -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        await asking.monitor(number, node, times=times)
        (told,) = (await asking.publish()).NotificationMessage.NotificationData
        value = told.MonitoredItems[0].Value
        assert (value.ServerTimestamp is not None) == (times.name in {"Server", "Both"})
        assert (value.SourceTimestamp is not None) == (times.name in {"Source", "Both"} and node is T1)


async def test_a_lost_feed_turns_everything_bad_for_everybody() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        await asking.monitor(number, T1, LABEL)
        await asking.publish()
        gateway.values.lose("gone")
        (told,) = (await asking.publish()).NotificationMessage.NotificationData
        assert codes([item.Value for item in told.MonitoredItems]) == [StatusCodes.BadNoCommunication] * 2


async def test_a_full_queue_says_so() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        await asking.monitor(number, T1, QueueSize=3)
        await asking.monitor(number, T1, QueueSize=3, DiscardOldest=False, ClientHandle=2)
        await asking.monitor(number, T1, QueueSize=1, ClientHandle=3)
        await asking.publish()
        for value in range(2, 8):
            gateway.change({"T0001": value})
        (told,) = (await asking.publish()).NotificationMessage.NotificationData
        got: dict[int, list[Any]] = {1: [], 2: [], 3: []}
        for item in told.MonitoredItems:
            marked = overflowed(item.Value.StatusCode.value)
            got[item.ClientHandle].append((item.Value.Value.Value, marked))
        assert got == {
            1: [(5, True), (6, False), (7, False)],
            2: [(2, False), (3, False), (7, True)],
            3: [(7, False)],  # a queue of one is the newest value, not a loss
        }


@pytest.mark.parametrize(
    ("filter_", "steps", "expected"),
    [
        (None, (1, 1.5, 1.5, 2), [1.5, 2]),
        (change(1, 1.0), (1.5, 2.0, 2.1, 3.0, 3.2), [2.1, 3.2]),
        (change(2, 10.0), (5, 6, 6.1, 11, 11.2), [6.1, 11.2]),  # 10 % of 0..50
        (change(0, 0, trigger=0), (2, 3), []),
        (change(0, 0, trigger=2), (1, 2), [1, 2]),
    ],
)
async def test_filters_of_changes(filter_: Any, steps: tuple[float, ...], expected: list[float]) -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        (made,) = await asking.monitor(number, T1, filter_=filter_)
        assert made.StatusCode.is_good()
        await asking.publish()
        assert await values_after(gateway, asking, *steps) == expected


async def test_a_new_status_passes_every_deadband() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        await asking.monitor(number, T1, filter_=change(1, 100.0))
        await asking.publish()
        gateway.change({"T0001": 1.0}, status=BAD_NO_DATA)
        gateway.change({"T0001": 2.0}, status=BAD_NO_DATA)
        gateway.change({"T0001": 2.0})
        (told,) = (await asking.publish()).NotificationMessage.NotificationData
        assert codes([item.Value for item in told.MonitoredItems]) == [BAD_NO_DATA, StatusCodes.Good]


async def test_a_slower_sampling_interval_is_kept() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        (made,) = await asking.monitor(number, T1, SamplingInterval=250.0)
        assert made.RevisedSamplingInterval == 300
        await asking.publish()
        for value in range(2, 6):
            gateway.change({"T0001": value})
        got: list[Any] = []
        while not got:
            got = await asking.values()
        assert got == [(1, 5.0)]  # one sample, though the queue has room for ten


async def test_other_attributes_and_nodes_are_read_at_their_interval() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        await asking.monitor(number, T1, attribute=DISPLAY_NAME)
        await asking.monitor(number, NAMESPACES, ClientHandle=2, index_range="0")
        got = dict(await asking.values())
        assert got[1].Text == "T0001"
        assert got[2] == ["http://opcfoundation.org/UA/"]
        assert await asking.values() == []  # nothing changes, nothing is sent
        live = {"value": 1}
        nodes = gateway.subscriptions.space._providers[0]
        current = standard(ua.ObjectIds.Server_ServiceLevel)
        nodes.bind(  # type: ignore[attr-defined]
            current.Identifier, lambda _: ua.DataValue(ua.Variant(live["value"], ua.VariantType.Byte))
        )
        await asking.monitor(number, current, ClientHandle=3)
        assert await asking.values() == [(3, 1)]
        live["value"] = 2
        assert await asking.values() == [(3, 2)]


# --- refusals ---


@pytest.mark.parametrize(
    ("node", "more", "code"),
    [
        (of_plant("NEON"), {}, StatusCodes.BadNodeIdUnknown),
        (ua.NodeId(), {}, StatusCodes.BadNodeIdUnknown),
        (T1, {"attribute": 99}, StatusCodes.BadAttributeIdInvalid),
        (AREA, {}, StatusCodes.BadAttributeIdInvalid),  # an object has no value
        (
            T1,
            {"attribute": 12, "filter_": ua.EventFilter(select("Message"))},
            StatusCodes.BadAttributeIdInvalid,
        ),
        (T1, {"filter_": change(2, 200.0)}, StatusCodes.BadDeadbandFilterInvalid),
        (T1, {"filter_": change(1, -1.0)}, StatusCodes.BadDeadbandFilterInvalid),
        (RANGE, {"filter_": change(1, 1.0)}, StatusCodes.BadFilterNotAllowed),
        (SWITCH, {"filter_": change(2, 1.0)}, StatusCodes.BadFilterNotAllowed),
        (LABEL, {"filter_": change(1, 1.0)}, StatusCodes.BadFilterNotAllowed),
        (T1, {"attribute": DISPLAY_NAME, "filter_": change(0, 0)}, StatusCodes.BadFilterNotAllowed),
        (T1, {"filter_": ua.EventFilter(select("Message"))}, StatusCodes.BadFilterNotAllowed),
        (T1, {"filter_": ua.AggregateFilter()}, StatusCodes.BadMonitoredItemFilterUnsupported),
        (NAMESPACES, {"index_range": "nonsense"}, StatusCodes.BadIndexRangeInvalid),
        (NAMESPACES, {"index_range": "5:2"}, StatusCodes.BadIndexRangeInvalid),
        (NAMESPACES, {"index_range": "900"}, StatusCodes.BadIndexRangeNoData),
        (T1, {"index_range": "0"}, StatusCodes.BadIndexRangeNoData),
    ],
)
async def test_an_item_that_cannot_be_is_refused_alone(
    node: ua.NodeId, more: dict[str, Any], code: int
) -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        (bad,) = await asking.monitor(number, node, **more)
        (good,) = await asking.monitor(number, T2)
        assert codes([bad, good]) == [code, StatusCodes.Good]
        assert bad.MonitoredItemId == 0
        assert await asking.values() == [(1, 1.0)]


async def test_an_encoding_other_than_binary_is_refused() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        results = []
        for name, attribute in (
            ("Default XML", 13),
            ("Default Binary", 13),
            ("Default Binary", DISPLAY_NAME),
        ):
            what = ua.ReadValueId(T1, attribute, DataEncoding=ua.QualifiedName(name))
            one = ua.MonitoredItemCreateRequest(what, REPORTING, ua.MonitoringParameters())
            asked = ua.CreateMonitoredItemsParameters(number, ua.TimestampsToReturn.Both, [one])
            results += (await asking.ask(ua.CreateMonitoredItemsRequest(Parameters=asked))).Results
        assert codes(results) == [
            StatusCodes.BadDataEncodingUnsupported,
            StatusCodes.Good,
            StatusCodes.BadDataEncodingInvalid,
        ]


async def test_limits_of_items() -> None:
    few = limited(items_per_subscription=3, items=4, items_per_call=3, queue_max=5)
    async with served(chosen=few) as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        other = (await asking.subscribe()).SubscriptionId
        with refused(StatusCodes.BadTooManyOperations):
            await asking.monitor(number, *[T1] * 4)
        with refused(StatusCodes.BadNothingToDo):
            await asking.monitor(number)
        with refused(StatusCodes.BadTimestampsToReturnInvalid):
            await asking.monitor(number, T1, times=ua.TimestampsToReturn.Invalid)
        first = await asking.monitor(number, T1, T2, QueueSize=2**32 - 1)
        assert [one.RevisedQueueSize for one in first] == [5, 5]
        more = await asking.monitor(number, T1, T2)
        assert codes(more) == [StatusCodes.Good, StatusCodes.BadTooManyMonitoredItems]  # of a subscription
        last = await asking.monitor(other, T1, T2)
        assert codes(last) == [StatusCodes.Good, StatusCodes.BadTooManyMonitoredItems]  # of all
        for request in (deleted(number), moded(number, SAMPLING)):
            with refused(StatusCodes.BadNothingToDo):
                await asking.ask(request)
        results = (await asking.ask(deleted(number, 1, 1, 999))).Results
        unknown = StatusCodes.BadMonitoredItemIdInvalid
        assert codes(results) == [StatusCodes.Good, unknown, unknown]
        assert codes(await asking.monitor(other, T2)) == [StatusCodes.Good]
        assert gateway.subscriptions.items == 4


# --- modes and terms ---


async def test_a_sampling_item_collects_and_a_disabled_one_forgets() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        (made,) = await asking.monitor(number, T1, mode=SAMPLING)
        item = made.MonitoredItemId
        assert await values_after(gateway, asking, 2, 3) == []
        results = (await asking.ask(moded(number, REPORTING, item, 77))).Parameters.Results
        assert codes(results) == [StatusCodes.Good, StatusCodes.BadMonitoredItemIdInvalid]
        assert [value for _, value in await asking.values()] == [1, 2, 3]
        gateway.change({"T0001": 4})
        await asking.ask(moded(number, DISABLED, item))
        assert await values_after(gateway, asking, 5) == []
        await asking.ask(moded(number, REPORTING, item))
        assert [value for _, value in await asking.values()] == [5]  # where it is now


async def test_new_terms_for_an_item() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        (made,) = await asking.monitor(number, T1, mode=SAMPLING)
        item = made.MonitoredItemId
        for value in range(2, 7):
            gateway.change({"T0001": value})
        terms = {"ClientHandle": 8, "QueueSize": 2, "Filter": change(1, 1.0), "SamplingInterval": 100.0}
        (result,) = (await asking.ask(modified(number, item, **terms))).Results
        assert (result.StatusCode.value, result.RevisedQueueSize, result.RevisedSamplingInterval) == (
            0,
            2,
            100,
        )
        await asking.ask(moded(number, REPORTING, item))
        assert await asking.values() == [(8, 5), (8, 6)]
        assert await values_after(gateway, asking, 6.5, 7.5) == [7.5]
        (unknown,) = (await asking.ask(modified(number, 99))).Results
        assert unknown.StatusCode.value == StatusCodes.BadMonitoredItemIdInvalid
        (bad,) = (await asking.ask(modified(number, item, Filter=change(1, -1.0)))).Results
        assert bad.StatusCode.value == StatusCodes.BadDeadbandFilterInvalid


async def test_an_item_speaks_when_the_one_it_is_linked_to_does() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        (trigger,) = await asking.monitor(number, T1)
        (dependent,) = await asking.monitor(number, T2, mode=SAMPLING, ClientHandle=2)
        t, d = trigger.MonitoredItemId, dependent.MonitoredItemId
        await asking.publish()
        result = (await asking.ask(linked(number, t, add=[d, 99]))).Parameters
        assert codes(result.AddResults) == [StatusCodes.Good, StatusCodes.BadMonitoredItemIdInvalid]
        gateway.change({"T0002": 2})
        assert await asking.values() == []
        gateway.change({"T0001": 9})
        assert sorted(await asking.values()) == [(1, 9), (2, 1), (2, 2)]
        gateway.change({"T0002": 3})
        assert await asking.values() == []  # triggered once, not for ever
        await asking.ask(moded(number, SAMPLING, t))
        gateway.change({"T0001": 10})
        assert await asking.values() == [(2, 3)]  # a sampling trigger reports not itself
        result = (await asking.ask(linked(number, t, remove=[d, 99]))).Parameters
        assert codes(result.RemoveResults) == [StatusCodes.Good, StatusCodes.BadMonitoredItemIdInvalid]
        gateway.change({"T0001": 11, "T0002": 4})
        assert await asking.values() == []


async def test_links_go_with_their_items() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        made = await asking.monitor(number, T1, T2, T3, mode=SAMPLING)
        one, two, three = (item.MonitoredItemId for item in made)
        await asking.ask(linked(number, one, add=[two, three]))
        await asking.ask(deleted(number, two))
        await asking.ask(moded(number, REPORTING, one))
        gateway.change({"T0001": 5})
        got = await asking.values()
        assert {handle for handle, _ in got} == {1, 3}
        with refused(StatusCodes.BadNothingToDo):
            await asking.ask(linked(number, one))
        with refused(StatusCodes.BadMonitoredItemIdInvalid):
            await asking.ask(linked(number, 999, add=[one]))


# --- many ---


async def test_changes_of_everything_at_once_reach_everybody_in_order() -> None:
    """More than one turn of the loop can spread; nothing is lost or overtaken."""
    async with served(300) as gateway, gateway.rig.client(mode=None) as client:
        asking, number = await subscribed(client)
        nodes = [of_plant(f"T{at:04d}") for at in range(300)]
        for _ in range(10):
            await asking.monitor(number, *nodes, QueueSize=20)
        await asking.publish()
        for value in range(2, 7):
            gateway.change({f"T{at:04d}": value for at in range(300)})
        got: dict[int, list[Any]] = {}
        while sum(map(len, got.values())) < 300 * 10 * 5:
            for handle, value in await asking.values():
                got.setdefault(handle, []).append(value)
        for each in got.values():
            assert sorted(each) == sorted([2, 3, 4, 5, 6] * 10)


async def test_nothing_is_left_when_all_has_gone() -> None:
    async with served() as gateway:
        async with gateway.rig.client(mode=None) as client:
            asking, number = await subscribed(client)
            await asking.monitor(number, T1, LABEL, NAMESPACES)
            await asking.monitor(number, AREA, attribute=12, filter_=ua.EventFilter(select("Message")))
        subscriptions = gateway.subscriptions
        await until(lambda: len(subscriptions) == 0)
        assert subscriptions.items == 0
        assert not subscriptions._by_tag
        assert not subscriptions._by_notifier
        assert not subscriptions.sampler._groups
