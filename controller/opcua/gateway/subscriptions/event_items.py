"""Items that monitor events: filtered fields in a queue, and a word when some were lost (5.13.1.5)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Final

from asyncua import ua

from controller.opcua.gateway.conditions.refresh import required
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.subscriptions.item import Item
from controller.opcua.gateway.subscriptions.subject import Subject
from controller.opcua.plc.wire import node_id

if TYPE_CHECKING:
    from controller.opcua.gateway.subscriptions.filters import EventFilter
    from controller.opcua.gateway.subscriptions.subject import Types
    from controller.opcua.gateway.subscriptions.subscription import Subscription

SERVER: Final = node_id(ua.ObjectIds.Server)
_OVERFLOW_TYPE: Final = node_id(ua.ObjectIds.EventQueueOverflowEventType)
_SEVERITY: Final = 500  # not an alarm, but the client must refresh what it shows
# Queue sizes 0 and 1 ask for the server's own choice (7.21).
QUEUE_DEFAULT: Final = 2_000
REFRESH_AGAIN_S: Final = 30.0


def overflow_event() -> PlantEvent:
    """EventQueueOverflowEventType (Part 5, 6.4.34)."""
    now = datetime.now(UTC)
    fields = {
        "EventId": ua.Variant(secrets.token_bytes(16), ua.VariantType.ByteString),
        "EventType": ua.Variant(_OVERFLOW_TYPE, ua.VariantType.NodeId),
        "SourceNode": ua.Variant(SERVER, ua.VariantType.NodeId),
        "SourceName": ua.Variant("Internal/EventQueueOverflow", ua.VariantType.String),
        "Time": ua.Variant(now, ua.VariantType.DateTime),
        "ReceiveTime": ua.Variant(now, ua.VariantType.DateTime),
        "Message": ua.Variant(ua.LocalizedText("Events were lost: the queue of this item was full")),
        "Severity": ua.Variant(_SEVERITY, ua.VariantType.UInt16),
    }
    return PlantEvent(_OVERFLOW_TYPE, fields, frozenset({SERVER}))


class EventItem(Item):
    """One item. Its overflow event stands beside the queue, not in it, and passes no where clause.

    A client that has lost events is asked to refresh its conditions then (Part 9, 4.5 and 5.11.4).
    """

    __slots__ = ("_refresh_s", "_types", "filter", "lost")

    def __init__(
        self,
        subscription: Subscription,
        number: int,
        asked: ua.ReadValueId,
        filter_: EventFilter,
        types: Types,
    ) -> None:
        super().__init__(subscription, number, asked, QUEUE_DEFAULT)
        self.filter = filter_
        self._types = types
        self.lost = False
        self._refresh_s = 0.0

    @property
    def waiting(self) -> int:
        return len(self.queue) + self.lost

    def offer(self, subject: Subject) -> None:
        """An event of its node: into the queue when the filter lets it through."""
        fields = subject.rendered(self.filter)
        if fields is not None:
            self.push(fields)

    def tell(self, subject: Subject) -> None:
        """An event that passes without the where clause: the marks of a refresh (Part 9, 4.5)."""
        self.push(self.filter.fields(subject))

    def _overflow(self, payload: bytes) -> None:
        self.subscription.tally.event_overflows += not self.lost
        self.lost = True
        if self.discard_oldest:
            del self.queue[0]
            self.queue.append(payload)
        else:
            self.queue[-1] = payload

    def take(self, room: int) -> list[bytes]:
        if not self.lost:
            return super().take(room)
        if self.discard_oldest:
            self.lost = False
            self.queue[:0] = self._ask_to_refresh()
            return [self._fields(overflow_event()), *super().take(room - 1)]
        taken = super().take(room)
        if not self.queue and len(taken) < room:
            self.lost = False
            taken.append(self._fields(overflow_event()))
            self.queue += self._ask_to_refresh()
        return taken

    def _ask_to_refresh(self) -> list[bytes]:
        """RefreshRequired, once in a while: the queue may be too small for the refresh itself."""
        now_s = monotonic()
        if now_s < self._refresh_s:
            return []
        self._refresh_s = now_s + REFRESH_AGAIN_S
        return [self._fields(required(time_ns()))]

    def _fields(self, event: PlantEvent) -> bytes:
        return self.filter.fields(Subject(event, self._types))

    def clear(self) -> None:
        super().clear()
        self.lost = False
