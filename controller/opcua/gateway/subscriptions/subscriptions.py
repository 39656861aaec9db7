"""All subscriptions of the gateway, and the way from a change or an event to the items that want it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar

from asyncua import ua
from asyncua.ua import MonitoringMode, StatusCodes

from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.settings import Limits
from controller.opcua.gateway.subscriptions import encoding
from controller.opcua.gateway.subscriptions.data_items import DataItem, change_between
from controller.opcua.gateway.subscriptions.event_items import EventItem
from controller.opcua.gateway.subscriptions.item import Item
from controller.opcua.gateway.subscriptions.requests import PublishQueue
from controller.opcua.gateway.subscriptions.sampling import Sampler
from controller.opcua.gateway.subscriptions.spans import span_of
from controller.opcua.gateway.subscriptions.subject import Subject
from controller.opcua.gateway.subscriptions.subscription import Subscription, Terms

if TYPE_CHECKING:
    from controller.opcua.gateway.space.space import Space
    from controller.opcua.gateway.values import Indices, Values

# Changes of all tags for all clients at once are spread in turns this long, in their order.
_TURN_S: Final = 0.005
_HELD: Final = "publish"
Key = TypeVar("Key")
Value = TypeVar("Value")


class Subscriptions:
    """All of them. It watches `values` until `close`."""

    def __init__(self, space: Space, values: Values, limits: Limits) -> None:
        self.space = space
        self.values = values
        self.limits = limits
        self.sampler = Sampler()
        self.items = 0
        self.over_share = 0
        self._of_origin: Counter[str] = Counter()
        self._all: dict[int, Subscription] = {}
        self._number = 0
        self._item_number = 0
        self._by_tag: dict[int, dict[int, DataItem]] = {}
        self._last: dict[int, bytes] = {}
        self._by_notifier: dict[ua.NodeId, dict[int, EventItem]] = {}
        self._pending: deque[tuple[int, bytes]] = deque()
        self._turn: asyncio.Handle | None = None
        self._unwatch = values.watch(self._changed)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def made(self) -> int:
        """How many there have been since the start."""
        return self._number

    def all(self) -> list[Subscription]:
        return list(self._all.values())

    def close(self) -> None:
        """No timer is left behind."""
        self._unwatch()
        self.sampler.stop()
        if self._turn is not None:
            self._turn.cancel()
        for subscription in self.all():
            self.remove(subscription)

    # --- whose is it ---

    def queue_of(self, session: Session) -> PublishQueue:
        queue = session.held.get(_HELD)
        if queue is None:
            queue = session.held[_HELD] = PublishQueue(session, self.limits.publish_requests)
            session.closers.append(self._session_closed)
        assert isinstance(queue, PublishQueue), "nobody else holds something by this name"
        return queue

    def of(self, session: Session, number: int) -> Subscription:
        """The session's own subscription of this number, whose client lives. Raises Fault."""
        subscription = self.queue_of(session).subscriptions.get(number)
        if subscription is None:
            raise Fault(StatusCodes.BadSubscriptionIdInvalid)
        subscription.touch()
        return subscription

    def own(self, session: Session) -> list[Subscription]:
        """The session's."""
        queue = session.held.get(_HELD)
        return list(queue.subscriptions.values()) if isinstance(queue, PublishQueue) else []

    def find(self, number: int) -> Subscription | None:
        return self._all.get(number)

    def waiting(self, session: Session) -> int:
        """Publish requests of the session that wait."""
        queue = session.held.get(_HELD)
        return queue.waiting if isinstance(queue, PublishQueue) else 0

    # --- come and go ---

    def add(self, session: Session, terms: Terms) -> Subscription:
        queue = self.queue_of(session)
        self.check_room(queue)
        own = sum(one.origin == session.origin for one in self._all.values())
        if own >= self.limits.subscriptions_per_peer:
            self.over_share += 1
            raise Fault(StatusCodes.BadTooManySubscriptions, "too many subscriptions of one address")
        if len(self._all) >= self.limits.subscriptions:
            raise Fault(StatusCodes.BadTooManySubscriptions)
        self._number += 1
        subscription = Subscription(self._number, queue, terms, self._expired)
        self._all[subscription.id] = subscription
        return subscription

    def check_room(self, queue: PublishQueue) -> None:
        if len(queue.subscriptions) >= self.limits.subscriptions_per_session:
            raise Fault(StatusCodes.BadTooManySubscriptions)

    def remove(self, subscription: Subscription) -> None:
        queue = subscription.queue
        for item in list(subscription.items.values()):
            self.drop(item)
        subscription.orphan()
        subscription.stop()
        self._all.pop(subscription.id, None)
        if queue is not None:
            queue.settle()

    def _expired(self, subscription: Subscription) -> None:
        queue = subscription.queue
        if queue is not None:
            queue.tell(subscription.id, subscription.sequence, StatusCodes.BadTimeout)
        self.remove(subscription)

    def transfer(self, subscription: Subscription, queue: PublishQueue) -> None:
        """To another session; the one that had it is told."""
        old = subscription.queue
        subscription.orphan()
        if old is not None:
            old.tell(subscription.id, subscription.sequence, StatusCodes.GoodSubscriptionTransferred)
            old.settle()
        self._count(subscription, -len(subscription.items))
        subscription.adopt(queue)
        self._count(subscription, len(subscription.items))

    def _session_closed(self, session: Session, delete_subscriptions: bool) -> None:
        queue = self.queue_of(session)
        queue.farewells.clear()
        queue.refuse_all(StatusCodes.BadSessionClosed)
        for subscription in list(queue.subscriptions.values()):
            if delete_subscriptions:
                self.remove(subscription)
            else:
                subscription.orphan()

    # --- items ---

    def check_items(self, subscription: Subscription) -> None:
        """Whether it may have one more item. Raises Fault."""
        limits = self.limits
        if self._of_origin[subscription.origin] >= limits.items_per_peer:
            self.over_share += 1
            raise Fault(StatusCodes.BadTooManyMonitoredItems, "too many items of one address")
        if len(subscription.items) >= limits.items_per_subscription or self.items >= limits.items:
            raise Fault(StatusCodes.BadTooManyMonitoredItems)

    def next_item(self) -> int:
        self._item_number += 1
        return self._item_number

    def _count(self, subscription: Subscription, items: int) -> None:
        """So many more of its address; one that has none is forgotten."""
        counts, origin = self._of_origin, subscription.origin
        counts[origin] += items
        if not counts[origin]:
            del counts[origin]

    def keep(self, item: Item) -> None:
        """A new item. It hears nothing before its mode is set."""
        self.items += 1
        self._count(item.subscription, 1)
        item.subscription.items[item.id] = item
        if isinstance(item, EventItem):
            item.subscription.event_items += 1

    def drop(self, item: Item) -> None:
        """The item is gone, and nothing triggers it any more."""
        if item.subscription.items.pop(item.id, None) is None:
            return
        self.set_mode(item, MonitoringMode.Disabled)
        self.items -= 1
        self._count(item.subscription, -1)
        item.subscription.unlink(item)
        if isinstance(item, EventItem):
            item.subscription.event_items -= 1

    def set_mode(self, item: Item, mode: MonitoringMode) -> None:
        """Disabled: it hears nothing and forgets what it had. Else a data item starts with its value."""
        before, item.mode = item.mode, mode
        if mode is MonitoringMode.Disabled:
            self.detach(item)
            item.clear()
        elif before is MonitoringMode.Disabled:
            self.attach(item)
            if isinstance(item, DataItem):
                item.start()
        if mode is MonitoringMode.Reporting and item.waiting and not item.ready:
            item.subscription.has_news(item)

    def attach(self, item: Item) -> None:
        """To what it hears of, by its present settings. Its first value is not followed by an older one."""
        while self._pending:
            self._tell(*self._pending.popleft())
        if isinstance(item, EventItem):
            self._by_notifier.setdefault(item.node_id, {})[item.id] = item
        elif isinstance(item, DataItem):
            if item.tag is not None:
                self._last.setdefault(item.tag, self.values.encoded(item.tag))
                self._by_tag.setdefault(item.tag, {})[item.id] = item
            if item.tag is None or item.throttled:
                self.sampler.add(item)

    def detach(self, item: Item) -> None:
        if isinstance(item, EventItem):
            _forget(self._by_notifier, item.node_id, item.id)
        elif isinstance(item, DataItem):
            self.sampler.remove(item)
            if item.tag is not None and _forget(self._by_tag, item.tag, item.id):
                self._last.pop(item.tag, None)

    def turn_to(self, space: Space, turn_values: Callable[[], None], changed: Container[ua.NodeId]) -> None:
        """Another version of the plant: items follow their nodes, by the numbers that tags have now.

        turn_values: makes `values` those of the new version. changed: tags whose values mean something else.
        An item whose node has gone says so (BadNodeIdUnknown), until a version has it again.
        """
        while self._pending:
            self._tell(*self._pending.popleft())
        items = [item for one in self._all.values() for item in one.items.values()]
        own = [item for item in items if isinstance(item, DataItem) and item.of_tag]
        listening = [item for item in own if item.mode is not MonitoringMode.Disabled]
        for item in listening:
            self.detach(item)
        turn_values()
        self.space = space
        tags = {id_: getattr(space.find(id_), "tag", None) for id_ in {item.node_id for item in own}}
        for item in own:
            item.tag = tags[item.node_id]
            if item.filter.percent:
                span = span_of(space, item.node_id, item.subscription.caller)
                item.set_filter(item.filter.for_span(span), item.interval_ms, throttled=item.throttled)
        for item in listening:
            self.attach(item)
            if item.node_id in changed:
                item.tell_new_meaning()
            elif item.tag is None:
                item.sample()

    # --- values ---

    def _changed(self, tags: Indices) -> None:
        """The tags' values as they are now, to every item; at once, or in turns when they are many."""
        by_tag, encoded = self._by_tag, self.values.encoded
        self._pending.extend((tag, encoded(tag)) for tag in tags.tolist() if tag in by_tag)
        if self._turn is None:
            self._spread()

    def _spread(self) -> None:
        self._turn = None
        end_s = perf_counter() + _TURN_S
        pending = self._pending
        while pending:
            self._tell(*pending.popleft())
            if perf_counter() > end_s and pending:
                self._turn = asyncio.get_running_loop().call_soon(self._spread)
                return

    def _tell(self, tag: int, value: bytes) -> None:
        items = self._by_tag.get(tag)
        if not items:
            return
        change = change_between(self._last[tag], value)
        self._last[tag] = value
        variants: dict[ua.TimestampsToReturn, bytes] = {}
        for item in items.values():
            if change < item.least:
                continue
            if item.plain:
                payload = variants.get(item.times)
                if payload is None:
                    payload = variants[item.times] = encoding.with_times(value, item.times)
                item.push(payload)
            elif item.throttled:
                item.due = True
            else:
                item.offer(value, change)

    # --- events ---

    def deliver(self, event: PlantEvent) -> None:
        """To every item of its notifiers whose filter and whose client's role let it through."""
        subject = Subject(event, self.space)
        if event.to_all:
            for items in self._by_notifier.values():
                for item in items.values():
                    item.tell(subject)
            return
        for notifier in event.notifiers:
            for item in self._by_notifier.get(notifier, {}).values():
                subscription = item.subscription
                if event.only_for and subscription.id not in event.only_for:
                    continue
                if event.seen_by(subscription.caller):
                    item.offer(subject)

    async def deliver_all(self, events: Iterable[PlantEvent]) -> None:
        """Many at once, with turns for others between them."""
        end_s = perf_counter() + _TURN_S
        for event in events:
            self.deliver(event)
            if perf_counter() > end_s:
                await asyncio.sleep(0)
                end_s = perf_counter() + _TURN_S

    def event_items(self, session: Session, number: int, item: int | None = None) -> list[EventItem]:
        """For a ConditionRefresh: the event items of the session's subscription, or that one of them.

        Raises Fault: BadSubscriptionIdInvalid when it is not the session's, BadMonitoredItemIdInvalid.
        """
        subscription = self.of(session, number)
        if item is None:
            return [one for one in subscription.items.values() if isinstance(one, EventItem)]
        found = subscription.items.get(item)
        if not isinstance(found, EventItem):
            raise Fault(StatusCodes.BadMonitoredItemIdInvalid)
        return [found]

    def tell(self, items: Sequence[EventItem], event: PlantEvent, *, mark: bool = False) -> None:
        """To these items alone; mark: without their where clauses, as RefreshStart and RefreshEnd are."""
        subject = Subject(event, self.space)
        for item in items:
            if item.mode is MonitoringMode.Disabled or not event.seen_by(item.subscription.caller):
                continue
            if mark:
                item.tell(subject)
            elif item.node_id in event.notifiers:
                item.offer(subject)


def _forget(table: dict[Key, dict[int, Value]], key: Key, number: int) -> bool:
    """Whether nothing is left under the key."""
    inner = table.get(key)
    if inner is None:
        return False
    inner.pop(number, None)
    if not inner:
        del table[key]
    return not inner
