"""Clients that send null where others send an empty list or text, as open62541's does (Part 6, 5.2.5)."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from asyncua import Client, ua
from asyncua.client.ua_client import UASocketProtocol

from tests.system.fuzzed import SERVED
from tests.system.gateway_whole import Whole, whole

OPENING = (ua.GetEndpointsRequest, ua.FindServersRequest, ua.CreateSessionRequest, ua.ActivateSessionRequest)
INTERNAL = ua.StatusCodes.BadInternalError
SERVER = ua.NodeId(ua.ObjectIds.Server)


def nulled(value: Any) -> Any:
    """The same, with null for each list, text and byte string that is empty."""
    if isinstance(value, list):
        return [nulled(one) for one in value] or None
    if value in {"", b""} if isinstance(value, str | bytes) else False:
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            held = getattr(value, field.name)
            if isinstance(held, list | str | bytes) or (
                dataclasses.is_dataclass(held) and not isinstance(held, ua.NodeId | ua.Variant)
            ):
                setattr(value, field.name, nulled(held))
    return value


def element_of(kind: Any, name: str) -> Any:
    """A default element of a list of structures; None when it is a list of something else."""
    (inner,) = get_args(get_type_hints(kind, {"ua": ua})[name]) or (None,)
    return inner() if isinstance(inner, type) and dataclasses.is_dataclass(inner) else None


def skeletons(kind: Any) -> Iterator[Any]:
    """A request with nothing in it, and one with an empty element in each of its lists."""
    yield kind()
    request = kind()
    parameters = getattr(request, "Parameters", request)
    for field in dataclasses.fields(parameters):
        if isinstance(getattr(parameters, field.name), list):
            element = element_of(type(parameters), field.name)
            if element is not None:
                setattr(parameters, field.name, [element])
    yield request


def _lists(request: Any) -> Iterator[list[Any]]:
    parameters = getattr(request, "Parameters", request)
    for field in dataclasses.fields(parameters):
        held = getattr(parameters, field.name)
        if isinstance(held, list):
            yield held


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Whole]:
    """A gateway; whatever asyncua's client asks of it is nulled first."""
    send = UASocketProtocol._send_request

    def sent(self: UASocketProtocol, request: Any, *more: Any, **others: Any) -> Any:
        if isinstance(request, ua.ActivateSessionRequest):
            request.Parameters.LocaleIds = []  # asyncua asks for English
        return send(self, nulled(request), *more, **others)

    monkeypatch.setattr(UASocketProtocol, "_send_request", sent)
    async with whole(tmp_path) as gateway:
        yield gateway
        assert gateway.running.gateway.sessions.counters.bugs == 0


async def asked(client: Client, request: Any) -> int:
    """The StatusCode that the service answers with, whatever else is in its answer."""
    try:
        await client.uaclient.protocol.send_request(request)
    except ua.UaStatusCodeError as error:
        return int(error.code)
    return 0


async def test_a_request_that_leaves_out_what_it_can_is_no_riddle(here: Whole) -> None:
    asked_for = [
        one for kind in (*SERVED, *OPENING) if kind is not ua.PublishRequest for one in skeletons(kind)
    ]
    assert sum(any(_lists(one)) for one in asked_for) > 10, "some have an element in their lists"
    async with here.client("engineer") as client:
        for request in asked_for:
            assert await asked(client, request) != INTERNAL, request
        assert await client.get_node("ns=2;s=PT-303").read_value() == pytest.approx(3.0), "others go on"


async def test_a_client_that_sends_null_for_empty_does_a_days_work(here: Whole) -> None:
    told: list[Any] = []

    class Heard:
        def datachange_notification(self, *change: Any) -> None:
            told.append(change)

        def event_notification(self, event: Any) -> None:
            told.append(event)

    async with here.client("operator") as client:
        tag = client.get_node("ns=2;s=LT-201")
        assert [one.nodeid for one in await client.nodes.objects.get_children()]
        assert await tag.read_value() >= 0
        subscription = await client.create_subscription(100, Heard())
        await subscription.subscribe_data_change(tag)
        await subscription.subscribe_events()
        await here.when(lambda: told)
        now = datetime.now(UTC)
        assert await tag.read_raw_history(now - timedelta(minutes=5), now)
        start = client.get_node("ns=2;s=Command/C-301.CMD/start")
        with pytest.raises(ua.UaStatusCodeError) as refused:
            await client.get_node("ns=2;s=Command/C-301.CMD").call_method(start.nodeid)
        assert refused.value.code == ua.StatusCodes.BadArgumentsMissing
        await subscription.delete()


def _filters() -> Iterator[tuple[ua.AttributeIds, Any]]:
    """Of the Server and of a tag: a condition's NodeId has no path (Part 9, 5.5.2), so that path is null."""
    events, value = ua.AttributeIds.EventNotifier, ua.AttributeIds.Value
    condition = ua.SimpleAttributeOperand(ua.NodeId(ua.ObjectIds.ConditionType), [], ua.AttributeIds.NodeId)
    nameless = ua.SimpleAttributeOperand(ua.NodeId(), [ua.QualifiedName("", 0)], value)
    for clauses in ([condition], [nameless], []):
        for elements in ([], [ua.ContentFilterElement(ua.FilterOperator.Equals, [])]):
            yield events, ua.EventFilter(clauses, ua.ContentFilter(elements))
    yield value, ua.DataChangeFilter()


async def test_filters_full_of_nulls_are_judged_each_for_itself(here: Whole) -> None:
    request = ua.CreateMonitoredItemsRequest()
    request.Parameters.ItemsToCreate = [
        ua.MonitoredItemCreateRequest(
            ua.ReadValueId(
                ua.NodeId("LT-201", 2) if attribute == ua.AttributeIds.Value else SERVER, attribute
            ),
            RequestedParameters=ua.MonitoringParameters(Filter=filter_),
        )
        for attribute, filter_ in _filters()
    ]
    async with here.client() as client:
        made = await client.uaclient.create_subscription(ua.CreateSubscriptionParameters(), lambda _: None)
        request.Parameters.SubscriptionId = made.SubscriptionId
        results = await client.uaclient.create_monitored_items(request.Parameters)
    assert [result.StatusCode.name for result in results] == [
        "Good",
        *["BadEventFilterInvalid"] * 5,
        "Good",
    ]


@pytest.mark.parametrize(
    "details",
    [ua.ReadRawModifiedDetails, ua.ReadProcessedDetails, ua.ReadAtTimeDetails, ua.ReadEventDetails],
)
async def test_a_history_read_full_of_nulls_is_answered(here: Whole, details: Any) -> None:
    request = ua.HistoryReadRequest()
    request.Parameters.HistoryReadDetails = details()
    request.Parameters.NodesToRead = [ua.HistoryReadValueId(ua.NodeId("LT-201", 2))]
    async with here.client() as client:
        assert await asked(client, request) != INTERNAL
