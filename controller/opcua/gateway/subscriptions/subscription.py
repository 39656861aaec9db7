"""One subscription: its cycle, its keep-alives, its life-time, and what it sent (Part 4, 5.14.1)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from asyncua.ua import MonitoringMode, StatusCodes

from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.subscriptions import encoding
from controller.opcua.gateway.subscriptions.data_items import DataItem
from controller.opcua.gateway.subscriptions.event_items import EventItem
from controller.opcua.gateway.subscriptions.item import Item

if TYPE_CHECKING:
    from controller.opcua.gateway.subscriptions.requests import PublishQueue, Request

# One message: some 2 ms of the loop. What is over follows in the next, with a turn for others between.
NOTIFICATIONS_MAX: Final = 5_000
MESSAGE_BYTES: Final = 1_048_576
_OVERHEAD_BYTES: Final = 4_096
_LIKELY_BYTES: Final = (
    2_048  # of a large notification: so many are taken at once that it hardly gets too long
)
# For Republish: at least twice the Publish requests a session may have waiting (5.14.1.1).
SENT_MAX: Final = 64
SENT_BYTES: Final = 4_194_304
_SEQUENCE_LAST: Final = 2**32 - 1


@dataclass(slots=True)
class Terms:
    """What was agreed with the client. Counts are cycles; notifications: the most in one message."""

    interval_ms: float
    keep_alive: int
    lifetime: int
    notifications: int
    priority: int


@dataclass(slots=True)
class Tally:
    """What happened so far, for diagnostics (Part 5, 12.15)."""

    modified: int = 0
    enabled: int = 0
    disabled: int = 0
    republish_requests: int = 0
    republished: int = 0
    transferred: int = 0
    transferred_to_same: int = 0
    publish_requests: int = 0
    values: int = 0
    events: int = 0
    late: int = 0
    discarded: int = 0
    overflows: int = 0
    event_overflows: int = 0


class Subscription:
    """One subscription. queue: of the session it belongs to, None when that is gone.

    expired is called when nobody asked for its whole life-time. triggering: its items with links.
    """

    def __init__(
        self, number: int, queue: PublishQueue, terms: Terms, expired: Callable[[Subscription], None]
    ) -> None:
        self.id = number
        self.items: dict[int, Item] = {}
        self.event_items = 0
        self.triggering: dict[int, Item] = {}
        self.enabled = True
        self.late = False
        self.late_since = 0.0
        self.terms = terms
        self.tally = Tally()
        self._expired = expired
        self._ready: deque[Item] = deque()
        self._sent: OrderedDict[int, bytes] = OrderedDict()
        self._sent_bytes = 0
        self._sequence = 1
        self._silent = terms.keep_alive - 1  # the first cycle tells that it lives, with or without news
        self._unasked = 0
        self._loop = asyncio.get_running_loop()
        self._next_s = self._loop.time()
        self.queue: PublishQueue | None = None
        self.adopt(queue)
        self._timer = self._schedule()

    @property
    def priority(self) -> int:
        return self.terms.priority

    @property
    def sequence(self) -> int:
        """The number of its next message."""
        return self._sequence

    @property
    def caller(self) -> Caller:
        """Who sees what it sends; whose it was while it has no session."""
        return self._owner if self.queue is None else self.queue.session.caller

    def adopt(self, queue: PublishQueue) -> None:
        """It belongs to this session from now on."""
        self.queue = queue
        queue.subscriptions[self.id] = self
        self._owner = queue.session.caller
        self.origin = queue.session.origin
        self.application = queue.session.application
        self.certificate = queue.session.certificate
        self.touch()

    def orphan(self) -> None:
        """Its session is gone; it waits for another to take it over until its life-time ends."""
        if self.queue is not None:
            self._owner = self.queue.session.caller
            self.queue.subscriptions.pop(self.id, None)
        self.queue = None
        self.late = False

    def stop(self) -> None:
        self._timer.cancel()
        self._ready.clear()
        self._sent.clear()

    def touch(self) -> None:
        """The client is there: the life-time starts anew."""
        self._unasked = 0

    # --- cycle ---

    def revise(self, terms: Terms) -> None:
        """The new interval counts from now."""
        self.terms = terms
        self.touch()
        self._timer.cancel()
        self._next_s = self._loop.time()
        self._timer = self._schedule()

    def _schedule(self) -> asyncio.TimerHandle:
        """On the same beat, unless the loop was away for longer than one."""
        interval_s = self.terms.interval_ms / 1000
        now_s = self._loop.time()
        self._next_s = max(self._next_s + interval_s, now_s)
        return self._loop.call_at(self._next_s, self._cycle)

    def _cycle(self) -> None:
        self._timer = self._schedule()
        asked = bool(self.queue)
        self._unasked = 0 if asked else self._unasked + 1
        if self._unasked >= self.terms.lifetime:
            self._expired(self)
            return
        self._silent += 1
        if (self.enabled and self.has_ready) or self._silent >= self.terms.keep_alive:
            if asked:
                self.serve()
            elif self.queue is not None and not self.late:
                self.late = True
                self.late_since = self._loop.time()
                self.tally.late += 1

    def serve(self) -> None:
        """Sends what there is, or a keep-alive; the rest of it waits for the next request."""
        request = self.queue.take() if self.queue is not None else None
        if request is None:
            return
        self.late = False
        self.tally.publish_requests += 1
        notifications = self._collect() if self.enabled else []
        self._silent = 0
        if not notifications:
            message = encoding.notification_message(self._sequence, encoding.ticks(datetime.now(UTC)), ())
            request.answer(self.id, tuple(self._sent), message, more=False)
            return
        more = self.has_ready
        self._send(request, notifications, more=more)
        if more:
            self.late = True
            self.late_since = self._loop.time()
            self._loop.call_soon(self._serve_rest)

    def _serve_rest(self) -> None:
        if self.late and self.queue:
            self.serve()

    def _send(self, request: Request, notifications: list[bytes], *, more: bool) -> None:
        message = encoding.notification_message(
            self._sequence, encoding.ticks(datetime.now(UTC)), notifications
        )
        self._sent[self._sequence] = message
        self._sent_bytes += len(message)
        while len(self._sent) > SENT_MAX or (self._sent_bytes > SENT_BYTES and len(self._sent) > 1):
            _, dropped = self._sent.popitem(last=False)
            self.tally.discarded += 1
            self._sent_bytes -= len(dropped)
        self._sequence = 1 if self._sequence == _SEQUENCE_LAST else self._sequence + 1
        request.answer(self.id, tuple(self._sent), message, more=more)

    # --- what to send ---

    def has_news(self, item: Item) -> None:
        """The item has something to report; to be called when it is not ready yet."""
        item.ready = True
        self._ready.append(item)

    @property
    def has_ready(self) -> bool:
        """Items that were deleted, disabled or emptied meanwhile leave the row here."""
        ready = self._ready
        while ready and not (ready[0].waiting and ready[0].reports):
            ready.popleft().ready = False
        return bool(ready)

    def trigger(self, item: Item) -> None:
        """What the item is linked to is reported once, if it only samples (5.13.1.6)."""
        for number in item.links:
            linked = self.items[number]
            if linked.mode is MonitoringMode.Sampling and linked.waiting:
                linked.triggered = True
                if not linked.ready:
                    self.has_news(linked)

    def unlink(self, item: Item) -> None:
        """Nothing triggers the item any more, nor does it trigger anything."""
        self.triggering.pop(item.id, None)
        for other in self.triggering.values():
            other.links.discard(item.id)

    def _collect(self) -> list[bytes]:
        room = min(self.terms.notifications or NOTIFICATIONS_MAX, NOTIFICATIONS_MAX)
        left = self._message_bytes()
        changes: list[bytes] = []
        events: list[bytes] = []
        ready = self._ready
        while room > 0 and left > 0 and ready:
            item = ready[0]
            if len(item.queue) == 1 and item.mode is MonitoringMode.Reporting and type(item) is DataItem:
                payload = item.queue.pop()  # nearly every item of nearly every message
                changes.append(item.handle)
                changes.append(payload)
                left -= len(payload) + 4
                room -= 1
                item.ready = False
                ready.popleft()
                continue
            if not self.has_ready:
                break
            item = ready[0]
            taken = item.take(min(room, max(left // _LIKELY_BYTES, 1)))
            parts = events if isinstance(item, EventItem) else changes
            for payload in taken:
                parts.append(item.handle)
                parts.append(payload)
                left -= len(payload) + 4
            room -= len(taken)
            if not item.waiting:
                item.triggered = False
        self.tally.values += len(changes) // 2
        self.tally.events += len(events) // 2
        notifications = [encoding.data_change(changes, len(changes) // 2)] if changes else []
        if events:
            notifications.append(encoding.event_list(events, len(events) // 2))
        return notifications

    def _message_bytes(self) -> int:
        """What the client takes in one response; the last item's notifications may go a little beyond."""
        room = MESSAGE_BYTES
        if self.queue is not None:
            session = self.queue.session
            if session.channel is not None:
                room = min(room, session.channel.channel.answer_bytes_max)
            room = min(room, session.max_response_bytes or room)
        return max(room * 3 // 4 - _OVERHEAD_BYTES, 1)

    # --- what was sent ---

    @property
    def silent(self) -> int:
        """Cycles since it said something."""
        return self._silent

    @property
    def unasked(self) -> int:
        """Cycles since its client asked for something."""
        return self._unasked

    @property
    def available(self) -> list[int]:
        return list(self._sent)

    def acknowledge(self, sequence: int) -> int:
        message = self._sent.pop(sequence, None)
        if message is None:
            return StatusCodes.BadSequenceNumberUnknown
        self._sent_bytes -= len(message)
        return StatusCodes.Good

    def sent(self, sequence: int) -> bytes | None:
        """The NotificationMessage for Republish."""
        return self._sent.get(sequence)
