"""The services that make, change, hand over and end subscriptions (Part 4, 5.14.2-5.14.4, 5.14.7-5.14.8)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, cast

from asyncua import ua
from asyncua.ua import MonitoringMode, StatusCodes

from controller.opcua.gateway.services import Fault, Services
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.settings import Limits
from controller.opcua.gateway.subscriptions.data_items import DataItem
from controller.opcua.gateway.subscriptions.subscription import Subscription, Terms
from controller.opcua.plc.wire import status_code

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway

_KEEP_ALIVE_MAX: Final = 10_000
_KEEP_ALIVE_DEFAULT: Final = 10
_COUNT_MAX: Final = 2**32 - 1


def checked_list(given: Sequence[Any] | None, most: int) -> Sequence[Any]:
    """The operations of a request. Raises Fault when there are none or too many."""
    if not given:
        raise Fault(StatusCodes.BadNothingToDo)
    if len(given) > most:
        raise Fault(StatusCodes.BadTooManyOperations)
    return given


def revised_terms(asked: Any, limits: Limits) -> Terms:
    """What is agreed instead of what was asked: illegal values are revised, never refused (5.14.2.1)."""
    interval_ms = asked.RequestedPublishingInterval
    least_ms, most_ms = limits.publishing_s_min * 1000, limits.publishing_s_max * 1000
    interval_ms = min(max(interval_ms, least_ms), most_ms) if isfinite(interval_ms) else least_ms
    longest = max(int(limits.lifetime_s_max * 1000 / interval_ms), 3)
    keep_alive = min(asked.RequestedMaxKeepAliveCount or _KEEP_ALIVE_DEFAULT, _KEEP_ALIVE_MAX, longest // 3)
    lifetime = min(max(asked.RequestedLifetimeCount, 3 * keep_alive), max(longest, 3 * keep_alive))
    return Terms(interval_ms, keep_alive, lifetime, asked.MaxNotificationsPerPublish, asked.Priority)


async def create(
    gateway: Gateway, session: Session, request: ua.CreateSubscriptionRequest
) -> ua.CreateSubscriptionResponse:
    asked = request.Parameters
    terms = revised_terms(asked, gateway.subscriptions.limits)
    subscription = gateway.subscriptions.add(session, terms)
    subscription.enabled = bool(asked.PublishingEnabled)
    result = ua.CreateSubscriptionResult()
    result.SubscriptionId = cast("Any", subscription.id)
    _tell_terms(result, terms)
    return ua.CreateSubscriptionResponse(Parameters=result)


def _tell_terms(result: Any, terms: Terms) -> None:
    result.RevisedPublishingInterval = terms.interval_ms
    result.RevisedLifetimeCount = terms.lifetime
    result.RevisedMaxKeepAliveCount = terms.keep_alive


async def modify(
    gateway: Gateway, session: Session, request: ua.ModifySubscriptionRequest
) -> ua.ModifySubscriptionResponse:
    asked = request.Parameters
    subscription = gateway.subscriptions.of(session, asked.SubscriptionId)
    terms = revised_terms(asked, gateway.subscriptions.limits)
    subscription.revise(terms)
    subscription.tally.modified += 1
    result = ua.ModifySubscriptionResult()
    _tell_terms(result, terms)
    return ua.ModifySubscriptionResponse(Parameters=result)


def _each(gateway: Gateway, session: Session, numbers: Sequence[int]) -> list[Subscription | None]:
    """The session's own; None for every other number."""
    wanted = checked_list(numbers, gateway.subscriptions.limits.items_per_call)
    own = gateway.subscriptions.queue_of(session).subscriptions
    return [own.get(number) for number in wanted]


def _results(found: Sequence[Subscription | None]) -> list[ua.StatusCode]:
    bad = status_code(StatusCodes.BadSubscriptionIdInvalid)
    return [bad if one is None else status_code(StatusCodes.Good) for one in found]


async def set_publishing_mode(
    gateway: Gateway, session: Session, request: ua.SetPublishingModeRequest
) -> ua.SetPublishingModeResponse:
    found = _each(gateway, session, request.Parameters.SubscriptionIds)
    for subscription in found:
        if subscription is not None:
            subscription.touch()
            subscription.enabled = bool(request.Parameters.PublishingEnabled)
            subscription.tally.enabled += subscription.enabled
            subscription.tally.disabled += not subscription.enabled
    return ua.SetPublishingModeResponse(Parameters=ua.SetPublishingModeResult(_results(found)))


async def delete(
    gateway: Gateway, session: Session, request: ua.DeleteSubscriptionsRequest
) -> ua.DeleteSubscriptionsResponse:
    results = []
    for subscription in _each(gateway, session, request.Parameters.SubscriptionIds):
        again = subscription is not None and gateway.subscriptions.find(subscription.id) is None
        results += _results([None if again else subscription])
        if subscription is not None and not again:
            gateway.subscriptions.remove(subscription)
    return ua.DeleteSubscriptionsResponse(Results=results)


async def transfer(
    gateway: Gateway, session: Session, request: ua.TransferSubscriptionsRequest
) -> ua.TransferSubscriptionsResponse:
    """Only to a session of the same user, and of the same application where the user has no name (5.14.7)."""
    wanted = checked_list(request.Parameters.SubscriptionIds, gateway.subscriptions.limits.items_per_call)
    results = []
    for number in wanted:
        result = ua.TransferResult()
        try:
            subscription = _transferred(gateway, session, number)
        except Fault as fault:
            result.StatusCode = status_code(fault.code)
        else:
            result.AvailableSequenceNumbers = cast("Any", subscription.available)
            if request.Parameters.SendInitialValues:
                _send_initial_values(subscription)
        results.append(result)
    return ua.TransferSubscriptionsResponse(Parameters=ua.TransferSubscriptionsResult(results))


def _transferred(gateway: Gateway, session: Session, number: int) -> Subscription:
    """The subscription, now this session's. Raises Fault."""
    subscription = gateway.subscriptions.find(number)
    if subscription is None:
        raise Fault(StatusCodes.BadSubscriptionIdInvalid)
    queue = gateway.subscriptions.queue_of(session)
    if subscription.queue is queue:
        raise Fault(StatusCodes.BadNothingToDo)
    if subscription.caller.user != session.caller.user or not _same_application(subscription, session):
        raise Fault(StatusCodes.BadUserAccessDenied)
    gateway.subscriptions.check_room(queue)
    subscription.tally.transferred += 1
    subscription.tally.transferred_to_same += subscription.application == session.application
    gateway.subscriptions.transfer(subscription, queue)
    return subscription


def _same_application(subscription: Subscription, session: Session) -> bool:
    """A name proves itself by its password; without one only a certificate does."""
    if session.caller.user:
        return True
    same = hmac.compare_digest(subscription.certificate, session.certificate)
    return bool(session.certificate) and same and subscription.application == session.application


def _send_initial_values(subscription: Subscription) -> None:
    for item in subscription.items.values():
        if isinstance(item, DataItem) and item.mode is MonitoringMode.Reporting:
            item.again()


SERVICES: Final[Services] = {
    ua.CreateSubscriptionRequest: create,
    ua.ModifySubscriptionRequest: modify,
    ua.SetPublishingModeRequest: set_publishing_mode,
    ua.DeleteSubscriptionsRequest: delete,
    ua.TransferSubscriptionsRequest: transfer,
}
