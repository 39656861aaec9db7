"""What a client may monitor, and on which terms: from a request to an item (Part 4, 5.13.2, 7.21, 7.22)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from asyncua import ua
from asyncua.ua import AttributeIds, MonitoringMode, StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaprotocol_auto import DataChangeFilter  # what decodes; `ua.` has a subclass of it

from controller.opcua.gateway.index_range import sliced
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.subscriptions.data_items import DataItem
from controller.opcua.gateway.subscriptions.event_items import QUEUE_DEFAULT, EventItem
from controller.opcua.gateway.subscriptions.filters import (
    ANY_CHANGE,
    DataFilter,
    data_filter,
    event_filter,
    is_given,
)
from controller.opcua.gateway.subscriptions.item import Item
from controller.opcua.gateway.subscriptions.sampling import revised_ms
from controller.opcua.gateway.subscriptions.spans import span_of
from controller.opcua.plc.wire import status_code
from controller.opcua.status import BAD

if TYPE_CHECKING:
    from controller.opcua.gateway.session import Caller
    from controller.opcua.gateway.space.node import Node
    from controller.opcua.gateway.subscriptions.subscription import Subscription
    from controller.opcua.gateway.subscriptions.subscriptions import Subscriptions

# Of a session. Each looks at every event; the areas and PLCs of a plant are some dozens.
EVENT_ITEMS_MAX: Final = 50
SAMPLING_MAX_MS: Final = 3_600_000.0
_SUBSCRIBE_TO_EVENTS: Final = 0x01
_READ: Final = 0x01
_DEFAULT_BINARY: Final = "Default Binary"
# What the node says about access is the answer to the client, not a value to report.
_REFUSALS: Final = frozenset(
    {StatusCodes.BadAttributeIdInvalid, StatusCodes.BadNotReadable, StatusCodes.BadUserAccessDenied}
)


def make(
    subscriptions: Subscriptions, subscription: Subscription, asked: ua.MonitoredItemCreateRequest, times: Any
) -> tuple[Item, Any]:
    """The item, not yet kept, and its filter's result. Raises Fault."""
    what = asked.ItemToMonitor
    subscriptions.check_items(subscription)
    node = subscriptions.space.seen(what.NodeId, subscription.caller)
    if node is None:
        raise Fault(StatusCodes.BadNodeIdUnknown)
    number = subscriptions.next_item()
    if what.AttributeId == AttributeIds.EventNotifier:
        return _event_item(subscriptions, subscription, node, number, asked)
    item = _data_item(subscriptions, subscription, node, number, what)
    item.times = times
    return item, None


def _event_item(
    subscriptions: Subscriptions,
    subscription: Subscription,
    node: Node,
    number: int,
    asked: ua.MonitoredItemCreateRequest,
) -> tuple[EventItem, Any]:
    notifier = node.attribute(AttributeIds.EventNotifier, subscription.caller)
    if _code(notifier) == StatusCodes.BadAttributeIdInvalid:
        raise Fault(StatusCodes.BadAttributeIdInvalid)
    if notifier.Value is None or not (notifier.Value.Value or 0) & _SUBSCRIBE_TO_EVENTS:
        raise Fault(StatusCodes.BadNotSupported)
    if _event_items(subscription) >= EVENT_ITEMS_MAX:
        raise Fault(StatusCodes.BadTooManyMonitoredItems)
    filter_, result = event_filter(asked.RequestedParameters.Filter, subscriptions.space)
    return EventItem(subscription, number, asked.ItemToMonitor, filter_, subscriptions.space), result


def _event_items(subscription: Subscription) -> int:
    """How many its session has."""
    if subscription.queue is None:
        return subscription.event_items
    return sum(one.event_items for one in subscription.queue.subscriptions.values())


def _data_item(
    subscriptions: Subscriptions, subscription: Subscription, node: Node, number: int, what: ua.ReadValueId
) -> DataItem:
    try:
        attribute = AttributeIds(what.AttributeId)
    except ValueError:
        raise Fault(StatusCodes.BadAttributeIdInvalid) from None
    encoding = what.DataEncoding
    if encoding is not None and encoding.Name:
        if attribute is not AttributeIds.Value:
            raise Fault(StatusCodes.BadDataEncodingInvalid)
        if encoding.Name != _DEFAULT_BINARY:
            raise Fault(StatusCodes.BadDataEncodingUnsupported)
    present = node.attribute(attribute, subscription.caller)
    if _code(present) in _REFUSALS:
        raise Fault(_code(present))
    tag: int | None = None
    if attribute is AttributeIds.Value:
        _check_readable(node, subscription.caller)
        tag = getattr(node, "tag", None) if not what.IndexRange else None
    read = _reader(subscriptions, what.IndexRange or "")
    if what.IndexRange and _code(present) < BAD:
        _part_of(present, what.IndexRange)  # one that can never fit is refused now
    return DataItem(subscription, number, what, tag, read)


def _check_readable(node: Node, caller: Caller) -> None:
    for attribute, code in (
        (AttributeIds.AccessLevel, StatusCodes.BadNotReadable),
        (AttributeIds.UserAccessLevel, StatusCodes.BadUserAccessDenied),
    ):
        level = node.attribute(attribute, caller)
        if level.Value is not None and level.Value.Value is not None and not level.Value.Value & _READ:
            raise Fault(code)


def _code(value: ua.DataValue) -> int:
    return 0 if value.StatusCode is None else int(value.StatusCode.value)


def _reader(subscriptions: Subscriptions, index_range: str) -> Callable[[DataItem], bytes]:
    """How the item gets its present value: a tag's from the feed, ready encoded; others from the node."""

    def read(item: DataItem) -> bytes:
        if item.tag is not None:
            return subscriptions.values.encoded(item.tag)
        caller = item.subscription.caller
        node = subscriptions.space.seen(item.node_id, caller)
        if node is None:
            value = ua.DataValue(StatusCode=status_code(StatusCodes.BadNodeIdUnknown))
        else:
            value = node.attribute(AttributeIds(item.attribute), caller)
            if index_range and _code(value) < BAD:
                value = _part_or_code(value, index_range)
        if value.ServerTimestamp is None:
            value = replace(value, ServerTimestamp=cast("Any", datetime.now(UTC)))
        return struct_to_binary(value)

    return read


def _part_of(value: ua.DataValue, index_range: str) -> ua.DataValue:
    """Raises Fault when the value has no such part."""
    return replace(value, Value=sliced(value.Value or ua.Variant(), index_range))


def _part_or_code(value: ua.DataValue, index_range: str) -> ua.DataValue:
    """The part of an array, or why there is none just now: arrays change their size."""
    try:
        return _part_of(value, index_range)
    except Fault as fault:
        return replace(value, Value=ua.Variant(), StatusCode=status_code(fault.code))


# --- terms ---


def configure(
    subscriptions: Subscriptions, item: Item, asked: ua.MonitoringParameters, result: Any, filter_: Any = None
) -> None:
    """Sets what was asked, as far as it goes, and tells what was revised. Raises Fault before it sets any.

    result: of the create or modify request. filter_: an event item's new one.
    """
    if isinstance(item, EventItem):
        if filter_ is not None:
            item.filter = filter_
        size = QUEUE_DEFAULT if asked.QueueSize <= 1 else asked.QueueSize
        size = min(size, subscriptions.limits.event_queue_max)
        interval_ms = 0
    else:
        assert isinstance(item, DataItem), "there are no others"
        changes = _data_filter(subscriptions, item, asked.Filter)
        size = min(max(asked.QueueSize, 1), subscriptions.limits.queue_max)
        interval_ms = _set_sampling(subscriptions, item, asked.SamplingInterval, size, changes)
    item.configure(asked.ClientHandle, size, discard_oldest=bool(asked.DiscardOldest))
    result.RevisedSamplingInterval = float(interval_ms)
    result.RevisedQueueSize = size


def _data_filter(subscriptions: Subscriptions, item: DataItem, given: Any) -> DataFilter:
    if item.attribute != AttributeIds.Value:
        if is_given(given):
            raise Fault(StatusCodes.BadFilterNotAllowed)
        return ANY_CHANGE
    if not is_given(given):
        return ANY_CHANGE
    node = subscriptions.space.find(item.node_id)
    if node is None:
        raise Fault(StatusCodes.BadNodeIdUnknown)
    percent = isinstance(given, DataChangeFilter) and given.DeadbandType == ua.DeadbandType.Percent
    caller = item.subscription.caller
    present = node.attribute(AttributeIds.Value, caller)
    span = span_of(subscriptions.space, item.node_id, caller) if percent else None
    return data_filter(given, present, span)


def _set_sampling(
    subscriptions: Subscriptions, item: DataItem, asked_ms: float, size: int, changes: DataFilter
) -> int:
    """A tag's item is throttled where it wants less than the feed brings, unless its queue does that."""
    limits, publishing_ms = subscriptions.limits, item.subscription.terms.interval_ms
    least_ms = limits.sampling_s_min * 1000
    interval_ms = revised_ms(asked_ms, publishing_ms, least_ms, SAMPLING_MAX_MS)
    slower = interval_ms > least_ms
    newest_only = size == 1 and interval_ms <= publishing_ms and not changes.deadband
    listening = item.mode is not MonitoringMode.Disabled
    if listening:
        subscriptions.detach(item)
    item.set_filter(changes, interval_ms, throttled=slower and not newest_only)
    if listening:
        subscriptions.attach(item)
        item.refresh()
    return interval_ms
