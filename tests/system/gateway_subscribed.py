"""A gateway whose values and events a test makes: tags T0000 .., SWITCH and LABEL, and one area."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.services import Services
from controller.opcua.gateway.settings import Limits, Settings
from controller.opcua.gateway.space.layout import Layout
from controller.opcua.gateway.space.names import PLANT, namespaces, of_plant, standard
from controller.opcua.gateway.space.node import Node, Reference
from controller.opcua.gateway.space.nodes import ObjectNode
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.space.tags import TagNodes
from controller.opcua.gateway.subscriptions import items, publish, subscribing
from controller.opcua.gateway.subscriptions.subscriptions import Subscriptions
from controller.opcua.gateway.values import Values
from controller.plant.plant import Plant
from controller.plant.tags import Kind, NodeSource, Raw, Tag
from tests.interop.node_server import interop_plant
from tests.system.gateway_rig import Rig, bare, settings

SERVER = standard(ua.ObjectIds.Server)
AREA = of_plant("Area/east")
SILENT = of_plant("Area/silent")  # an object that notifies of nothing
ALARM_TYPE = standard(ua.ObjectIds.AlarmConditionType)
LEVEL_TYPE = standard(ua.ObjectIds.ExclusiveLevelAlarmType)
SYSTEM_TYPE = standard(ua.ObjectIds.SystemEventType)


def plant_of(count: int) -> Plant:
    """count analog tags from 0 to 50, a switch and a text."""
    rows = [(f"T{at:04d}", Kind.ANALOG, Raw.DOUBLE) for at in range(count)]
    rows += [("SWITCH", Kind.DISCRETE, Raw.BOOLEAN), ("LABEL", Kind.TEXT, Raw.STRING)]
    tags = tuple(
        Tag(
            index=at,
            name=name,
            text=f"tag {at}",
            kind=kind,
            unit="bar" if kind is Kind.ANALOG else "",
            area="east",
            low=0,
            high=50,
            source=NodeSource(0, "urn:test", f"s={name}", raw),
        )
        for at, (name, kind, raw) in enumerate(rows)
    )
    whole = interop_plant()
    return whole.__class__(
        **{name: getattr(whole, name) for name in whole.__slots__ if name not in {"tags", "index"}},
        tags=tags,
        index={tag.name: tag.index for tag in tags},
    )


class PlantNodes:
    """The tags, an area that notifies of events and one object that does not."""

    def __init__(self, plant: Plant, values: Values) -> None:
        self._tags = TagNodes(plant, Layout.of(plant), values)

    def find(self, node_id: ua.NodeId) -> Node | None:
        if node_id.NamespaceIndex != PLANT or not isinstance(node_id.Identifier, str):
            return None
        if node_id in {AREA, SILENT}:
            name = ua.QualifiedName(node_id.Identifier.partition("/")[2], PLANT)
            return ObjectNode(id=node_id, browse_name=name, event_notifier=int(node_id == AREA))
        head, *rest = node_id.Identifier.split("/")
        return self._tags.find(head, rest)

    def added_references(self, _: ua.NodeId) -> Sequence[Reference]:
        return ()


async def _read(gateway: Any, session: Any, request: ua.ReadRequest) -> ua.ReadResponse:
    """asyncua's client asks for the server's state as long as it is connected."""
    results = []
    for one in request.Parameters.NodesToRead:
        node = gateway.space.find(one.NodeId)
        results.append(node.attribute(ua.AttributeIds(one.AttributeId), session.caller))
    return ua.ReadResponse(Results=results)


TABLES: list[Services] = [subscribing.SERVICES, publish.SERVICES, items.SERVICES, {ua.ReadRequest: _read}]


@dataclass(slots=True)
class Served:
    """A gateway and the hand that moves its plant."""

    rig: Rig
    plant: Plant
    values: Values
    subscriptions: Subscriptions

    def change(self, numbers: Mapping[str, float], status: int = 0, at_ns: int = 0) -> None:
        """Values as the feed brings them, all at once."""
        at_ns = at_ns or time.time_ns()
        rows = [[self.plant.index[name], value, status, at_ns] for name, value in numbers.items()]
        self.values.take({"links": [], "values": rows, "texts": [], "journal": 0})

    def say(self, name: str, text: str) -> None:
        rows = [[self.plant.index[name], text, 0, time.time_ns()]]
        self.values.take({"links": [], "values": [], "texts": rows, "journal": 0})


@asynccontextmanager
async def served(
    count: int = 10, chosen: Settings | None = None, limits: Limits | None = None
) -> AsyncIterator[Served]:
    chosen = chosen or settings()
    plant = plant_of(count)
    values = Values(plant)
    standard_nodes = StandardNodes()
    uris = ua.Variant(namespaces(plant, "urn:heloop:gateway"), ua.VariantType.String)
    standard_nodes.bind(ua.ObjectIds.Server_NamespaceArray, lambda _: ua.DataValue(uris))
    space = Space(plant, [standard_nodes, PlantNodes(plant, values)])
    subscriptions = Subscriptions(space, values, limits or chosen.limits)
    snapshot = {
        "version": plant.text_hash,
        "links": [],
        "values": [[tag.index, 1.0, 0, time.time_ns()] for tag in plant.tags[:-1]],
        "texts": [[len(plant.tags) - 1, "dewar 7", 0, time.time_ns()]],
        "journal": 0,
    }
    values.take({"snapshot": snapshot})
    try:
        async with bare(
            chosen, TABLES, plant=plant, space=space, values=values, subscriptions=subscriptions
        ) as rig:
            yield Served(rig, plant, values, subscriptions)
    finally:
        subscriptions.close()


def event(
    message: str = "level high",
    severity: int = 700,
    type_: ua.NodeId = LEVEL_TYPE,
    source: str = "LT-201",
    audience: str = "viewer",
    **more: ua.Variant,
) -> PlantEvent:
    """An alarm of the area, as the conditions make it."""
    now = datetime.now(UTC)
    fields = {
        "EventId": ua.Variant(secrets.token_bytes(16), ua.VariantType.ByteString),
        "EventType": ua.Variant(type_, ua.VariantType.NodeId),
        "SourceNode": ua.Variant(of_plant(source), ua.VariantType.NodeId),
        "SourceName": ua.Variant(source, ua.VariantType.String),
        "Time": ua.Variant(now, ua.VariantType.DateTime),
        "ReceiveTime": ua.Variant(now, ua.VariantType.DateTime),
        "Message": ua.Variant(ua.LocalizedText(message)),
        "Severity": ua.Variant(severity, ua.VariantType.UInt16),
        "ActiveState/Id": ua.Variant(severity > 500, ua.VariantType.Boolean),
        **more,
    }
    condition = of_plant(f"{source}.HH")
    return PlantEvent(type_, fields, frozenset({AREA, SERVER}), condition=condition, audience=audience)


def select(*paths: str) -> list[ua.SimpleAttributeOperand]:
    """Fields by path, of any event type; '' is the ConditionId."""
    base = standard(ua.ObjectIds.BaseEventType)
    return [
        ua.SimpleAttributeOperand(base, [ua.QualifiedName(name) for name in path.split("/")], 13)
        if path
        else ua.SimpleAttributeOperand(standard(ua.ObjectIds.ConditionType), [], 1)
        for path in paths
    ]


class Asking:
    """asyncua's client, one request at a time: what Part 4 says is tested message by message."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(self, request: Any, within_s: float = 10.0) -> Any:
        """The response. Raises UaStatusCodeError for a ServiceFault."""
        name = type(request).__name__.replace("Request", "Response")
        data: Buffer = await self.client.uaclient._send_request(request, within_s)
        response = struct_from_binary(getattr(ua, name), data)
        response.ResponseHeader.ServiceResult.check()
        return response

    async def subscribe(self, interval_ms: float = 100, **more: Any) -> ua.CreateSubscriptionResult:
        asked = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=interval_ms,
            RequestedLifetimeCount=more.pop("lifetime", 1000),
            RequestedMaxKeepAliveCount=more.pop("keep_alive", 100),
            **more,
        )
        response = await self.ask(ua.CreateSubscriptionRequest(Parameters=asked))
        made: ua.CreateSubscriptionResult = response.Parameters
        return made

    async def monitor(
        self,
        subscription: int,
        *nodes: ua.NodeId,
        filter_: Any = None,
        attribute: int = 13,
        mode: ua.MonitoringMode = ua.MonitoringMode.Reporting,
        times: ua.TimestampsToReturn = ua.TimestampsToReturn.Both,
        index_range: str | None = None,
        **parameters: Any,
    ) -> list[ua.MonitoredItemCreateResult]:
        """Client handles count from 1; sampling is as fast as it goes, queues hold 10."""
        wanted = []
        for at, node in enumerate(nodes, 1):
            asked = ua.MonitoringParameters(
                **{"ClientHandle": at, "SamplingInterval": 0.0, "QueueSize": 10, **parameters}
            )
            if filter_ is not None:
                asked.Filter = filter_
            what = ua.ReadValueId(node, attribute, IndexRange=index_range)
            wanted.append(ua.MonitoredItemCreateRequest(what, mode, asked))
        asked_all = ua.CreateMonitoredItemsParameters(subscription, times, wanted)
        return list((await self.ask(ua.CreateMonitoredItemsRequest(Parameters=asked_all))).Results)

    async def publish(self, *acknowledged: tuple[int, int], within_s: float = 10.0) -> ua.PublishResult:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = [
            ua.SubscriptionAcknowledgement(*one) for one in acknowledged
        ]
        published: ua.PublishResult = (await self.ask(request, within_s)).Parameters
        return published

    def publishing(self, within_s: float = 10.0) -> asyncio.Task[ua.PublishResult]:
        return asyncio.ensure_future(self.publish(within_s=within_s))

    async def values(self) -> list[tuple[int, Any]]:
        """(client handle, value) of the next message."""
        return values_of(await self.publish())

    async def events(self) -> list[list[Any]]:
        """The fields of each event of the next message."""
        return events_of(await self.publish())


def values_of(result: ua.PublishResult) -> list[tuple[int, Any]]:
    return [
        (item.ClientHandle, item.Value.Value.Value)
        for notification in result.NotificationMessage.NotificationData
        if isinstance(notification, ua.DataChangeNotification)
        for item in notification.MonitoredItems
    ]


def events_of(result: ua.PublishResult) -> list[list[Any]]:
    return [
        [field.Value for field in one.EventFields]
        for notification in result.NotificationMessage.NotificationData
        if isinstance(notification, ua.EventNotificationList)
        for one in notification.Events
    ]


async def until(holds: Callable[[], bool]) -> None:
    """Waits for the gateway to come to it. Raises TimeoutError after 10 s."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


def codes(results: Sequence[Any]) -> list[int]:
    """The StatusCodes of operation results."""
    return [getattr(one, "StatusCode", one).value for one in results]


@contextmanager
def refused(code: int) -> Iterator[None]:
    """The whole request is answered with a ServiceFault of this code."""
    with pytest.raises(ua.UaStatusCodeError) as fault:
        yield
    assert fault.value.code == code, hex(fault.value.code)
