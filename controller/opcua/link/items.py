"""Monitored items: created in chunks, refused ones found by halving, each result under its node's handle."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from asyncua import ua

from controller.opcua.link.connection import Connection
from controller.opcua.link.errors import Refused
from controller.opcua.link.publishing import Subscription
from controller.opcua.link.timing import Timing

_T = TypeVar("_T")
_NOTIFICATIONS_MAX: Final = 20_000  # per publish; 0 means "no limit" to most servers and "none" to some


@dataclass(frozen=True, slots=True)
class Wanted:
    """A node to be monitored under a handle."""

    handle: int
    node_id: ua.NodeId
    sampling_ms: float
    queue_size: int


@dataclass(frozen=True, slots=True)
class Created:
    """The server's answer: status of the item, its id there, what it made of sampling and queue."""

    status: int
    id: int = 0
    sampling_ms: float = 0.0
    queue_size: int = 0


async def in_chunks(
    entries: Sequence[_T],
    size: int,
    call: Callable[[Sequence[_T]], Awaitable[None]],
    refused: Callable[[_T, int], None],
) -> None:
    """`call` on chunks. One that is refused as a whole is halved until the culprits stand alone."""
    for start in range(0, len(entries), size):
        chunk = entries[start : start + size]
        try:
            await call(chunk)
        except Refused as error:
            if len(chunk) == 1:
                refused(chunk[0], error.status)
            else:
                await in_chunks(chunk, (len(chunk) + 1) // 2, call, refused)


async def subscribe(
    connection: Connection, timing: Timing, name: str, publishing_ms: float, priority: int
) -> Subscription:
    """A subscription whose keep-alives come often enough to notice its death soon."""
    request = ua.CreateSubscriptionRequest()
    wanted = request.Parameters
    wanted.RequestedPublishingInterval = publishing_ms
    wanted.RequestedMaxKeepAliveCount = max(1, round(timing.keepalive_s * 1000 / publishing_ms))
    wanted.RequestedLifetimeCount = max(
        3 * wanted.RequestedMaxKeepAliveCount, math.ceil(timing.lifetime_s * 1000 / publishing_ms)
    )
    wanted.MaxNotificationsPerPublish = _NOTIFICATIONS_MAX
    wanted.PublishingEnabled = True
    wanted.Priority = priority
    answer = (await connection.call(request, ua.CreateSubscriptionResponse)).Parameters
    keepalive_s = answer.RevisedPublishingInterval * max(1, answer.RevisedMaxKeepAliveCount) / 1000
    return Subscription(
        id=answer.SubscriptionId,
        name=name,
        requested_ms=publishing_ms,
        publishing_ms=answer.RevisedPublishingInterval,
        silence_s=timing.keepalives_missed * keepalive_s,
        seen_mono_s=time.monotonic(),
    )


async def monitor(
    connection: Connection, timing: Timing, subscription: Subscription, wanted: Sequence[Wanted]
) -> dict[int, Created]:
    """Creates the items; every handle gets an answer."""
    created: dict[int, Created] = {}

    async def create(chunk: Sequence[Wanted]) -> None:
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = subscription.id
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Source
        request.Parameters.ItemsToCreate = [_item(entry) for entry in chunk]
        answer = await connection.call(request, ua.CreateMonitoredItemsResponse)
        for entry, result in zip(chunk, answer.Results, strict=False):
            created[entry.handle] = Created(
                result.StatusCode.value,
                result.MonitoredItemId,
                result.RevisedSamplingInterval,
                result.RevisedQueueSize,
            )

    def refused(entry: Wanted, status: int) -> None:
        created[entry.handle] = Created(status)

    await in_chunks(wanted, timing.chunk, create, refused)
    return created


def _item(wanted: Wanted) -> ua.MonitoredItemCreateRequest:
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor.NodeId = wanted.node_id
    item.ItemToMonitor.AttributeId = ua.AttributeIds.Value
    item.MonitoringMode = ua.MonitoringMode.Reporting
    item.RequestedParameters.ClientHandle = wanted.handle
    item.RequestedParameters.SamplingInterval = wanted.sampling_ms
    item.RequestedParameters.QueueSize = wanted.queue_size
    item.RequestedParameters.DiscardOldest = True
    return item


async def forget(connection: Connection, subscription: Subscription, ids: Sequence[int]) -> None:
    """Deletes items whose node went away; that the server may have done so itself is fine."""
    request = ua.DeleteMonitoredItemsRequest()
    request.Parameters.SubscriptionId = subscription.id
    request.Parameters.MonitoredItemIds = list(ids)
    try:
        await connection.call(request, ua.DeleteMonitoredItemsResponse)
    except Refused:
        return
