"""Monitored items of events over the wire: filters, queues, who sees what, refresh (Part 4, 7.22.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua import FilterOperator as Op
from asyncua.ua import MonitoringMode, StatusCodes

from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.names import of_plant, standard
from tests.system.gateway_rig import limited
from tests.system.gateway_subscribed import (
    ALARM_TYPE,
    AREA,
    LEVEL_TYPE,
    SERVER,
    SILENT,
    SYSTEM_TYPE,
    Asking,
    codes,
    event,
    events_of,
    select,
    served,
)

EVENTS = 12
OVERFLOW = standard(ua.ObjectIds.EventQueueOverflowEventType)
FIELDS = ("Message", "Severity")


def filtered(*elements: tuple[Any, ...], fields: tuple[str, ...] = FIELDS) -> ua.EventFilter:
    made = [ua.ContentFilterElement(operator, list(operands)) for operator, *operands in elements]
    return ua.EventFilter(select(*fields), ua.ContentFilter(made))


def of_type(type_: ua.NodeId) -> tuple[Any, ...]:
    return (Op.OfType, ua.LiteralOperand(ua.Variant(type_)))


async def listening(
    client: Any, node: ua.NodeId = SERVER, filter_: Any = None, **more: Any
) -> tuple[Asking, int, ua.MonitoredItemCreateResult]:
    asking = Asking(client)
    number = (await asking.subscribe(keep_alive=2)).SubscriptionId
    (made,) = await asking.monitor(
        number, node, attribute=EVENTS, filter_=filtered() if filter_ is None else filter_, **more
    )
    await asking.publish()  # the first keep-alive
    return asking, number, made


def texts(fields: list[list[Any]]) -> list[str]:
    return [one[0].Text for one in fields]


async def test_events_reach_the_items_of_their_notifiers() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number, made = await listening(client)
        assert (made.StatusCode.value, made.RevisedQueueSize, made.RevisedSamplingInterval) == (0, 10, 0)
        (area,) = await asking.monitor(number, AREA, attribute=EVENTS, filter_=filtered(), ClientHandle=2)
        assert area.StatusCode.is_good()
        gateway.subscriptions.deliver(event())
        result = await asking.publish()
        handles = [one.ClientHandle for one in result.NotificationMessage.NotificationData[0].Events]
        assert sorted(handles) == [1, 2]
        assert events_of(result)[0][1] == 700


async def test_nodes_without_events_and_items_without_a_filter_are_refused() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number, _ = await listening(client)
        invalid = StatusCodes.BadEventFilterInvalid
        for node, filter_, code in (
            (SILENT, filtered(), StatusCodes.BadNotSupported),
            (of_plant("T0001"), filtered(), StatusCodes.BadAttributeIdInvalid),
            (SERVER, None, invalid),
            (SERVER, ua.DataChangeFilter(), invalid),
            (SERVER, ua.EventFilter(), invalid),
            (SERVER, filtered((Op.InView, ua.LiteralOperand(ua.Variant(1)))), invalid),
        ):
            results = await asking.monitor(number, node, attribute=EVENTS, filter_=filter_)
            assert codes(results) == [code]


async def test_a_filter_that_is_wrong_says_where() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number, _ = await listening(client)
        wrong = filtered((Op.Not, ua.ElementOperand(0)))
        (refused_,) = await asking.monitor(number, SERVER, attribute=EVENTS, filter_=wrong)
        (element,) = refused_.FilterResult.WhereClauseResult.ElementResults
        assert codes(element.OperandStatusCodes) == [StatusCodes.BadFilterElementInvalid]
        partly = filtered()
        name = [ua.QualifiedName("Neon")]
        partly.SelectClauses.append(ua.SimpleAttributeOperand(LEVEL_TYPE, name, 13))
        (taken,) = await asking.monitor(number, SERVER, attribute=EVENTS, filter_=partly)
        assert taken.StatusCode.is_good()
        assert codes(taken.FilterResult.SelectClauseResults) == [0, 0, StatusCodes.BadNodeIdUnknown]
        gateway.subscriptions.deliver(event())
        assert [fields[2:] for fields in await asking.events()] == [[], [None]]


async def test_where_clauses_know_subtypes_fields_and_conditions() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        severe = (Op.GreaterThanOrEqual, select("Severity")[0], ua.LiteralOperand(ua.Variant(600)))
        named = (Op.Like, select("SourceName")[0], ua.LiteralOperand(ua.Variant("LT-%")))
        both = (Op.And, ua.ElementOperand(1), ua.ElementOperand(2))
        (this,) = select("")
        condition = (Op.Equals, this, ua.LiteralOperand(ua.Variant(of_plant("PT-1.HH"))))
        asking, number, _ = await listening(client, filter_=filtered(of_type(ALARM_TYPE)))
        for handle, elements in enumerate(((both, severe, named), (condition,)), 2):
            await asking.monitor(
                number, SERVER, attribute=EVENTS, filter_=filtered(*elements), ClientHandle=handle
            )
        deliver = gateway.subscriptions.deliver
        deliver(event("level", 700))
        deliver(event("mild", 300))
        deliver(event("pressure", 800, source="PT-1"))
        deliver(event("system", 800, SYSTEM_TYPE))
        got: dict[int, list[str]] = {}
        (told,) = (await asking.publish()).NotificationMessage.NotificationData
        for one in told.Events:
            got.setdefault(one.ClientHandle, []).append(one.EventFields[0].Value.Text)
        assert got == {1: ["level", "mild", "pressure"], 2: ["level", "system"], 3: ["pressure"]}


async def test_a_full_queue_tells_that_events_were_lost() -> None:
    only_alarms = filtered(of_type(ALARM_TYPE), fields=("Message", "EventType", "SourceName"))
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number, _ = await listening(client, filter_=only_alarms, QueueSize=3)
        await asking.monitor(
            number,
            AREA,
            attribute=EVENTS,
            filter_=only_alarms,
            QueueSize=3,
            DiscardOldest=False,
            ClientHandle=2,
        )
        for at in range(5):
            gateway.subscriptions.deliver(event(str(at)))
        (told,) = (await asking.publish()).NotificationMessage.NotificationData
        got: dict[int, list[Any]] = {1: [], 2: []}
        for one in told.Events:
            message, type_, source = (field.Value for field in one.EventFields)
            got[one.ClientHandle].append(source if type_ == OVERFLOW else message.Text)
        lost = "Internal/EventQueueOverflow"
        please = "events were lost: refresh the present conditions"
        assert got == {1: [lost, please, "2", "3", "4"], 2: ["0", "1", "4", lost, please]}
        gateway.subscriptions.deliver(event("next"))
        assert texts(await asking.events()) == ["next"] * 2  # told once


async def test_queue_sizes_of_events() -> None:
    few = limited(event_queue_max=50)
    async with served(chosen=few) as gateway, gateway.rig.client(mode=None) as client:
        asking, number, _ = await listening(client)
        sizes = []
        for size in (0, 1, 2, 2**32 - 1):
            (made,) = await asking.monitor(
                number,
                SERVER,
                attribute=EVENTS,
                filter_=filtered(),
                QueueSize=size,
                mode=MonitoringMode.Sampling,
            )
            sizes.append(made.RevisedQueueSize)
        assert sizes == [50, 50, 2, 50]


async def test_audit_events_are_for_those_who_may_see_them() -> None:
    async with (
        served() as gateway,
        gateway.rig.client("operator") as one,
        gateway.rig.client("supervisor") as two,
    ):
        asking, _, _ = await listening(one)
        chief, _, _ = await listening(two)
        gateway.subscriptions.deliver(event("audit", audience="supervisor"))
        gateway.subscriptions.deliver(event("alarm"))
        assert texts(await asking.events()) == ["alarm"]
        assert texts(await chief.events()) == ["audit", "alarm"]


async def test_a_new_filter_counts_from_now() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number, made = await listening(client)
        asked = ua.MonitoringParameters(ClientHandle=5, QueueSize=7, Filter=filtered(of_type(SYSTEM_TYPE)))
        one = ua.MonitoredItemModifyRequest(made.MonitoredItemId, asked)
        times = ua.TimestampsToReturn.Both
        request = ua.ModifyMonitoredItemsRequest(
            Parameters=ua.ModifyMonitoredItemsParameters(number, times, [one])
        )
        (result,) = (await asking.ask(request)).Results
        assert (result.StatusCode.value, result.RevisedQueueSize) == (0, 7)
        gateway.subscriptions.deliver(event("alarm"))
        gateway.subscriptions.deliver(event("system", type_=SYSTEM_TYPE))
        assert texts(await asking.events()) == ["system"]
        asked.Filter = ua.EventFilter()
        (result,) = (await asking.ask(request)).Results
        assert result.StatusCode.value == StatusCodes.BadEventFilterInvalid


async def test_a_refresh_reaches_only_who_asked_and_its_marks_pass_every_filter() -> None:
    async with (
        served() as gateway,
        gateway.rig.client("operator") as one,
        gateway.rig.client("viewer") as two,
    ):
        asking, number, made = await listening(one, filter_=filtered(of_type(ALARM_TYPE)))
        other, _, _ = await listening(two)
        subscriptions = gateway.subscriptions
        mine = next(
            session for session in gateway.rig.gateway.sessions.all() if session.caller.user == "operator"
        )
        items = subscriptions.event_items(mine, number)
        assert items == subscriptions.event_items(mine, number, made.MonitoredItemId)
        for wrong, code in (
            ((mine, 99), StatusCodes.BadSubscriptionIdInvalid),
            ((mine, number, 99), StatusCodes.BadMonitoredItemIdInvalid),
        ):
            with pytest.raises(Fault) as fault:
                subscriptions.event_items(*wrong)
            assert fault.value.code == code
        mark = event("start", type_=standard(ua.ObjectIds.RefreshStartEventType))
        subscriptions.tell(items, mark, mark=True)
        subscriptions.tell(items, event("again"))
        subscriptions.tell(items, event("no alarm", type_=SYSTEM_TYPE))
        assert texts(await asking.events()) == ["start", "again"]
        assert await other.events() == []


async def test_a_storm_is_spread_and_complete() -> None:
    """600 alarms to 5 subscribers; the loop is never held for long (the bench measures how long)."""
    storm = [event(str(at)) for at in range(600)]
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        for _ in range(5):
            number = (await asking.subscribe()).SubscriptionId
            await asking.monitor(
                number, SERVER, attribute=EVENTS, filter_=filtered(of_type(ALARM_TYPE)), QueueSize=1000
            )
        sending = asyncio.ensure_future(gateway.subscriptions.deliver_all(storm))
        got: dict[int, list[str]] = {}
        while sum(map(len, got.values())) < 3_000:
            result = await asking.publish()
            got.setdefault(result.SubscriptionId, []).extend(texts(events_of(result)))
        await sending
        assert all(each == [str(at) for at in range(600)] for each in got.values())


async def test_event_items_are_few_and_so_are_those_of_all_subscriptions_of_a_session() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking, number, _ = await listening(client)
        other = (await asking.subscribe()).SubscriptionId
        nodes = [SERVER] * 30
        first = await asking.monitor(number, *nodes, attribute=EVENTS, filter_=filtered())
        then = await asking.monitor(other, *nodes, attribute=EVENTS, filter_=filtered())
        assert codes(first) == [StatusCodes.Good] * 30
        assert codes(then) == [StatusCodes.Good] * 19 + [StatusCodes.BadTooManyMonitoredItems] * 11
