"""The Publish requests a session has waiting, and the subscriptions that answer them (Part 4, 5.14.5)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asyncua.ua import StatusCodes

from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.subscriptions import encoding

if TYPE_CHECKING:
    from controller.opcua.gateway.session import Session
    from controller.opcua.gateway.subscriptions.subscription import Subscription


@dataclass(slots=True)
class Request:
    """One Publish request. results: the StatusCodes of its acknowledgements."""

    future: asyncio.Future[Any]
    handle: int
    results: Sequence[int] = ()

    def answer(self, subscription: int, available: Sequence[int], message: bytes, *, more: bool) -> None:
        at = encoding.ticks(datetime.now(UTC))
        response = encoding.publish_response(
            self.handle, at, subscription, available, more, message, self.results
        )
        self.future.set_result(response)

    def refuse(self, code: int) -> None:
        self.future.set_exception(Fault(code))


@dataclass(slots=True)
class PublishQueue:
    """Of one session. farewells: (subscription id, sequence number, StatusCode) of those gone, to be told."""

    session: Session
    room: int
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    farewells: deque[tuple[int, int, int]] = field(default_factory=deque)
    _waiting: deque[Request] = field(default_factory=deque)

    def take(self) -> Request | None:
        """The oldest request that is still wanted; it must be answered now."""
        while self._waiting:
            request = self._waiting.popleft()
            if not request.future.done():  # cancelled, timed out, or its connection has gone
                return request
        return None

    def __bool__(self) -> bool:
        """Whether a request is waiting."""
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()
        return bool(self._waiting)

    def add(self, request: Request) -> None:
        """A new request: it goes to whom it came too late for, or waits for the next cycle."""
        if len(self._waiting) >= self.room:
            self._waiting = deque(one for one in self._waiting if not one.future.done())
        if len(self._waiting) >= self.room:
            self._waiting.popleft().refuse(StatusCodes.BadTooManyPublishRequests)
        self._waiting.append(request)
        for subscription in self.subscriptions.values():
            subscription.touch()
        if self.farewells:
            self._say_farewell()
            return
        late = [one for one in self.subscriptions.values() if one.late]
        if late:
            max(late, key=lambda one: (one.priority, -one.late_since)).serve()

    def tell(self, subscription: int, sequence: int, status: int) -> None:
        """The subscription is gone from this session, by StatusChangeNotification."""
        self.farewells.append((subscription, sequence, status))
        if self:
            self._say_farewell()

    def _say_farewell(self) -> None:
        while self.farewells and (request := self.take()) is not None:
            subscription, sequence, status = self.farewells.popleft()
            at = encoding.ticks(datetime.now(UTC))
            message = encoding.notification_message(sequence, at, [encoding.status_change(status)])
            request.answer(subscription, (), message, more=False)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(not one.future.done() for one in self._waiting)

    def refuse_all(self, code: int) -> None:
        """What waits is answered with this code: nothing will ever answer it otherwise."""
        while (request := self.take()) is not None:
            request.refuse(code)

    def settle(self) -> None:
        """After a subscription left: with the last one the requests have nobody to wait for."""
        if not self.subscriptions and not self.farewells:
            self.refuse_all(StatusCodes.BadNoSubscription)
