"""Publish and Republish (Part 4, 5.14.5 and 5.14.6)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.ua import StatusCodes

from controller.opcua.gateway.services import Encoded, Fault, Services
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.subscriptions import encoding
from controller.opcua.gateway.subscriptions.requests import PublishQueue, Request

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway

# A client acknowledges what it got since its last request; more than all that could be kept is nonsense.
_ACKNOWLEDGED_MAX: Final = 10_000


async def publish(gateway: Gateway, session: Session, request: ua.PublishRequest) -> asyncio.Future[Any]:
    """Answered when a subscription of the session has something to say. Raises Fault."""
    queue = gateway.subscriptions.queue_of(session)
    acknowledged = request.Parameters.SubscriptionAcknowledgements or []
    if len(acknowledged) > _ACKNOWLEDGED_MAX:
        raise Fault(StatusCodes.BadTooManyOperations)
    results = [_acknowledge(queue, one) for one in acknowledged]
    if not queue.subscriptions and not queue.farewells:
        raise Fault(StatusCodes.BadNoSubscription)
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    queue.add(Request(future, request.RequestHeader.RequestHandle, results))
    return future


def _acknowledge(queue: PublishQueue, one: ua.SubscriptionAcknowledgement) -> int:
    subscription = queue.subscriptions.get(one.SubscriptionId)
    if subscription is None:
        return StatusCodes.BadSubscriptionIdInvalid
    return subscription.acknowledge(one.SequenceNumber)


async def republish(gateway: Gateway, session: Session, request: ua.RepublishRequest) -> Encoded:
    """A message that the client has not acknowledged and that is still kept. Raises Fault."""
    subscription = gateway.subscriptions.of(session, request.Parameters.SubscriptionId)
    subscription.tally.republish_requests += 1
    message = subscription.sent(request.Parameters.RetransmitSequenceNumber)
    if message is None:
        raise Fault(StatusCodes.BadMessageNotAvailable)
    subscription.tally.republished += 1
    at = encoding.ticks(datetime.now(UTC))
    return encoding.republish_response(request.RequestHeader.RequestHandle, at, message)


SERVICES: Final[Services] = {ua.PublishRequest: publish, ua.RepublishRequest: republish}
