"""ConditionRefresh and ConditionRefresh2 (Part 9, 5.5.7 and 5.5.8): to the one who asks, and nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from controller.opcua.gateway.conditions.refresh import marker
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.names import standard

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session
    from controller.opcua.gateway.subscriptions.event_items import EventItem

_Codes: Final = ua.StatusCodes
REFRESHES: Final = frozenset(
    {
        standard(ua.ObjectIds.ConditionType_ConditionRefresh),
        standard(ua.ObjectIds.ConditionType_ConditionRefresh2),
    }
)
TURN_S: Final = 0.005


async def refresh(gateway: Gateway, session: Session, values: Sequence[Any]) -> list[ua.Variant]:
    """values: the subscription, and for ConditionRefresh2 one of its items. Raises Fault."""
    subscription = int(values[0])
    items = _items(gateway, session, subscription, int(values[1]) if len(values) > 1 else None)
    running = gateway.conditions.refreshing
    if subscription in running:
        raise Fault(_Codes.BadRefreshInProgress, "the refresh before is not complete yet")
    running.add(subscription)
    try:
        await _send(gateway, items)
    finally:
        running.discard(subscription)
    return []


def _items(gateway: Gateway, session: Session, subscription: int, item: int | None) -> list[EventItem]:
    subscriptions = gateway.subscriptions
    try:
        items = subscriptions.event_items(session, subscription, item)
    except Fault as fault:
        theirs = fault.code == _Codes.BadSubscriptionIdInvalid and subscriptions.find(subscription)
        if theirs:
            raise Fault(_Codes.BadUserAccessDenied, "the subscription is another session's") from fault
        raise
    if not items:
        raise Fault(_Codes.BadNothingToDo, "the subscription monitors no events")
    return items


async def _send(gateway: Gateway, items: Sequence[EventItem]) -> None:
    """Start, what is of interest, end; new events may come between, as they are newer than what is repeated.

    A condition that turns meanwhile is not repeated as it was: its own notification is on its way.
    """
    conditions, subscriptions = gateway.conditions, gateway.subscriptions
    subscriptions.tell(items, marker(ua.ObjectIds.RefreshStartEventType, time.time_ns()), mark=True)
    end_s = time.perf_counter() + TURN_S
    for alarm in conditions.of_interest():
        for event in conditions.told_of(alarm):
            subscriptions.tell(items, event)
        if time.perf_counter() > end_s:
            await asyncio.sleep(0)
            end_s = time.perf_counter() + TURN_S
    subscriptions.tell(items, marker(ua.ObjectIds.RefreshEndEventType, time.time_ns()), mark=True)
