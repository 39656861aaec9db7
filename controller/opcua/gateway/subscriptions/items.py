"""The services of monitored items (Part 4, 5.13): create, modify, mode, triggering, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from asyncua import ua
from asyncua.ua import StatusCodes

from controller.opcua.gateway.services import Fault, Services
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.subscriptions.event_items import EventItem
from controller.opcua.gateway.subscriptions.filters import FilterRefused, event_filter
from controller.opcua.gateway.subscriptions.item import Item
from controller.opcua.gateway.subscriptions.making import configure, make
from controller.opcua.gateway.subscriptions.subscribing import checked_list
from controller.opcua.gateway.subscriptions.subscription import Subscription
from controller.opcua.plc.wire import status_code

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.subscriptions.subscriptions import Subscriptions

# Between two turns for others: making one item takes some 50 us, an event filter up to 1 ms.
_BATCH: Final = 50
_LINKS_MAX: Final = 1_000


def _checked_times(asked: Any) -> None:
    if asked.TimestampsToReturn not in set(ua.TimestampsToReturn) - {ua.TimestampsToReturn.Invalid}:
        raise Fault(StatusCodes.BadTimestampsToReturnInvalid)


async def create(
    gateway: Gateway, session: Session, request: ua.CreateMonitoredItemsRequest
) -> ua.CreateMonitoredItemsResponse:
    asked = request.Parameters
    subscription = gateway.subscriptions.of(session, asked.SubscriptionId)
    _checked_times(asked)
    wanted = checked_list(asked.ItemsToCreate, gateway.subscriptions.limits.items_per_call)
    results = []
    for count, one in enumerate(wanted, 1):
        results.append(_create(gateway.subscriptions, subscription, one, asked.TimestampsToReturn))
        await _pause(count, gateway.subscriptions, subscription, session)
    return ua.CreateMonitoredItemsResponse(Results=results)


async def _pause(
    count: int, subscriptions: Subscriptions, subscription: Subscription, session: Session
) -> None:
    """A turn for others now and then; meanwhile the subscription may have gone. Raises Fault then."""
    if count % _BATCH:
        return
    await asyncio.sleep(0)
    if subscriptions.queue_of(session).subscriptions.get(subscription.id) is not subscription:
        raise Fault(StatusCodes.BadSubscriptionIdInvalid)


def _create(
    subscriptions: Subscriptions, subscription: Subscription, asked: ua.MonitoredItemCreateRequest, times: Any
) -> ua.MonitoredItemCreateResult:
    result = ua.MonitoredItemCreateResult()
    try:
        item, told = make(subscriptions, subscription, asked, times)
        configure(subscriptions, item, asked.RequestedParameters, result)
    except FilterRefused as refused:
        result.StatusCode = status_code(refused.code)
        result.FilterResult = cast("Any", refused.result or ua.ExtensionObject())
        return result
    except Fault as fault:
        result.StatusCode = status_code(fault.code)
        return result
    result.MonitoredItemId = cast("Any", item.id)
    if told is not None:
        result.FilterResult = told
    subscriptions.keep(item)
    subscriptions.set_mode(item, asked.MonitoringMode)
    return result


async def modify(
    gateway: Gateway, session: Session, request: ua.ModifyMonitoredItemsRequest
) -> ua.ModifyMonitoredItemsResponse:
    asked = request.Parameters
    subscription = gateway.subscriptions.of(session, asked.SubscriptionId)
    _checked_times(asked)
    wanted = checked_list(asked.ItemsToModify, gateway.subscriptions.limits.items_per_call)
    results = []
    for count, one in enumerate(wanted, 1):
        results.append(_modify(gateway.subscriptions, subscription, one, asked.TimestampsToReturn))
        await _pause(count, gateway.subscriptions, subscription, session)
    return ua.ModifyMonitoredItemsResponse(Results=results)


def _modify(
    subscriptions: Subscriptions, subscription: Subscription, asked: ua.MonitoredItemModifyRequest, times: Any
) -> ua.MonitoredItemModifyResult:
    result = ua.MonitoredItemModifyResult()
    item = subscription.items.get(asked.MonitoredItemId)
    if item is None:
        result.StatusCode = status_code(StatusCodes.BadMonitoredItemIdInvalid)
        return result
    try:
        filter_ = None
        if isinstance(item, EventItem):
            filter_, told = event_filter(asked.RequestedParameters.Filter, subscriptions.space)
            result.FilterResult = cast("Any", told or ua.ExtensionObject())
        configure(subscriptions, item, asked.RequestedParameters, result, filter_)
    except FilterRefused as refused:
        result.StatusCode = status_code(refused.code)
        result.FilterResult = cast("Any", refused.result or ua.ExtensionObject())
    except Fault as fault:
        result.StatusCode = status_code(fault.code)
    else:
        if not isinstance(item, EventItem):
            item.times = times  # type: ignore[attr-defined]
    return result


def _found(
    gateway: Gateway, subscription: Subscription, numbers: Sequence[int]
) -> list[tuple[Item | None, ua.StatusCode]]:
    """The items of these ids and each one's result."""
    wanted = checked_list(numbers, gateway.subscriptions.limits.items_per_call)
    unknown = status_code(StatusCodes.BadMonitoredItemIdInvalid)
    items = [subscription.items.get(number) for number in wanted]
    return [(item, unknown if item is None else status_code(StatusCodes.Good)) for item in items]


async def set_mode(
    gateway: Gateway, session: Session, request: ua.SetMonitoringModeRequest
) -> ua.SetMonitoringModeResponse:
    asked = request.Parameters
    subscription = gateway.subscriptions.of(session, asked.SubscriptionId)
    found = _found(gateway, subscription, asked.MonitoredItemIds)
    for item, _ in found:
        if item is not None:
            gateway.subscriptions.set_mode(item, asked.MonitoringMode)
    results = [result for _, result in found]
    return ua.SetMonitoringModeResponse(Parameters=ua.SetMonitoringModeResult(results))


async def delete(
    gateway: Gateway, session: Session, request: ua.DeleteMonitoredItemsRequest
) -> ua.DeleteMonitoredItemsResponse:
    asked = request.Parameters
    subscription = gateway.subscriptions.of(session, asked.SubscriptionId)
    results = []
    for item, result in _found(gateway, subscription, asked.MonitoredItemIds):
        again = item is not None and item.id not in subscription.items
        results.append(status_code(StatusCodes.BadMonitoredItemIdInvalid) if again else result)
        if item is not None:
            gateway.subscriptions.drop(item)
    return ua.DeleteMonitoredItemsResponse(Results=results)


async def set_triggering(
    gateway: Gateway, session: Session, request: ua.SetTriggeringRequest
) -> ua.SetTriggeringResponse:
    """Links go before new ones come (5.13.5.1)."""
    asked = request.Parameters
    subscription = gateway.subscriptions.of(session, asked.SubscriptionId)
    away, new = asked.LinksToRemove or [], asked.LinksToAdd or []
    if not away and not new:
        raise Fault(StatusCodes.BadNothingToDo)
    if len(away) + len(new) > gateway.subscriptions.limits.items_per_call:
        raise Fault(StatusCodes.BadTooManyOperations)
    item = subscription.items.get(asked.TriggeringItemId)
    if item is None:
        raise Fault(StatusCodes.BadMonitoredItemIdInvalid)
    result = ua.SetTriggeringResult()
    for number in away:
        known = number in item.links
        item.links.discard(number)
        result.RemoveResults.append(_link_code(known))
    for number in new:
        if number in subscription.items and number not in item.links and len(item.links) >= _LINKS_MAX:
            result.AddResults.append(status_code(StatusCodes.BadTooManyMonitoredItems))
            continue
        known = number in subscription.items
        if known:
            item.links.add(number)
        result.AddResults.append(_link_code(known))
    if item.links:
        subscription.triggering[item.id] = item
    else:
        subscription.triggering.pop(item.id, None)
    return ua.SetTriggeringResponse(Parameters=result)


def _link_code(known: bool) -> ua.StatusCode:
    return status_code(StatusCodes.Good if known else StatusCodes.BadMonitoredItemIdInvalid)


SERVICES: Final[Services] = {
    ua.CreateMonitoredItemsRequest: create,
    ua.ModifyMonitoredItemsRequest: modify,
    ua.SetMonitoringModeRequest: set_mode,
    ua.SetTriggeringRequest: set_triggering,
    ua.DeleteMonitoredItemsRequest: delete,
}
