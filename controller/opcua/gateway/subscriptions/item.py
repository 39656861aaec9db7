"""A monitored item: its queue, its mode, what it triggers (Part 4, 5.13.1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from asyncua import ua
from asyncua.ua import MonitoringMode

from controller.opcua.gateway.subscriptions import encoding

if TYPE_CHECKING:
    from controller.opcua.gateway.subscriptions.subscription import Subscription

_TAKEN_AT_ONCE: Final = 256


class Item(ABC):
    """What data and event items share. Queued are encoded notifications without their client handle.

    ready: it stands in its subscription's row of items with something to report. triggered: a sampling
    item whose triggering item has spoken (5.13.1.6). links: the ids of the items that this one triggers.
    """

    __slots__ = (
        "attribute",
        "discard_oldest",
        "handle",
        "id",
        "links",
        "mode",
        "node_id",
        "queue",
        "ready",
        "size",
        "subscription",
        "triggered",
    )

    def __init__(self, subscription: Subscription, number: int, asked: ua.ReadValueId, size: int) -> None:
        self.subscription = subscription
        self.id = number
        self.node_id: ua.NodeId = asked.NodeId
        self.attribute: int = asked.AttributeId
        self.handle = b""
        self.mode = MonitoringMode.Disabled
        self.size = size
        self.discard_oldest = True
        self.queue: list[bytes] = []
        self.ready = False
        self.triggered = False
        self.links: set[int] = set()

    @property
    def reports(self) -> bool:
        return self.mode is MonitoringMode.Reporting or self.triggered

    @property
    def waiting(self) -> int:
        """How many notifications it has to send."""
        return len(self.queue)

    def configure(self, handle: int, size: int, *, discard_oldest: bool) -> None:
        """A smaller queue discards by the same rule as a full one."""
        self.handle = encoding.handle_bytes(handle)
        self.discard_oldest = discard_oldest
        self.size = size
        kept, self.queue = self.queue, []
        for payload in kept:
            self._put(payload)

    def push(self, payload: bytes) -> None:
        """A notification: it goes into the queue, and to the client when the item reports."""
        if len(self.queue) < self.size:
            self.queue.append(payload)
        else:
            self._overflow(payload)
        if self.links:
            self.subscription.trigger(self)
        if not self.ready and (self.triggered or self.mode is MonitoringMode.Reporting):
            self.subscription.has_news(self)

    def _put(self, payload: bytes) -> None:
        if len(self.queue) < self.size:
            self.queue.append(payload)
        else:
            self._overflow(payload)

    @abstractmethod
    def _overflow(self, payload: bytes) -> None:
        """The queue is full: what is lost, and how it is told."""

    def take(self, room: int) -> list[bytes]:
        """At most so many notifications, to be sent now."""
        count = min(room, _TAKEN_AT_ONCE)
        taken = self.queue[:count]
        del self.queue[:count]
        return taken

    def clear(self) -> None:
        self.queue.clear()
        self.triggered = False


class DataQueue(Item):
    """A full queue of values: the neighbour of what was lost carries the overflow bit (5.13.1.5)."""

    __slots__ = ()

    def _overflow(self, payload: bytes) -> None:
        self.subscription.tally.overflows += 1
        queue, changed = self.queue, encoding.in_place_of
        if self.size == 1:
            queue[0] = changed(queue[0], payload)
        elif self.discard_oldest:
            lost = queue.pop(0)
            queue[0] = changed(lost, encoding.overflowed(queue[0]))
            queue.append(payload)
        else:
            queue[-1] = changed(queue[-1], encoding.overflowed(payload))
