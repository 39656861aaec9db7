"""One connection from the first byte to the last: resolve, confirm, subscribe, say so, then pass on.

Every tag is read once before anything is trusted; only then comes LinkUp, and after it the changes. A node
the server refuses is named, marked Bad, and tried again alone; the others never wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from controller.core.inputs import Input, LinkReport, LinkUp
from controller.opcua.decoding import Items, Published
from controller.opcua.link.confirm import confirm, nothing_but
from controller.opcua.link.connection import Connection
from controller.opcua.link.counters import Counters
from controller.opcua.link.errors import LinkLost, Refused, first_lost
from controller.opcua.link.items import Created, Wanted, forget, monitor, subscribe
from controller.opcua.link.mapping import mapped
from controller.opcua.link.namespaces import CURRENT_TIME, namespaces_of, node_ids_of
from controller.opcua.link.points import Node, Table
from controller.opcua.link.publishing import Publisher, Subscription
from controller.opcua.link.retry import BadNodes
from controller.opcua.link.timing import Timing
from controller.opcua.link.writes import Writes
from controller.opcua.status import BAD, BAD_NODE_ID_UNKNOWN, describe
from controller.plant.plant import Plc

_CLOCK_MS = 1000.0
_NAMED_MAX = 50  # bad nodes reported by name at once; of more only the number is told


class Session:
    """What is known and running while one connection lives. `run` ends only by LinkLost or cancellation."""

    def __init__(
        self,
        plc: Plc,
        table: Table,
        connection: Connection,
        timing: Timing,
        counters: Counters,
        writes: Writes,
        deliver: Callable[[Input], None],
        after_gap: bool,
    ) -> None:
        self._plc = plc
        self._table = table
        self._connection = connection
        self._timing = timing
        self._counters = counters
        self._writes = writes
        self._deliver = deliver
        self._after_gap = after_gap
        self._publisher = Publisher(connection, timing, counters, self._message, self._gap)
        self._bad = BadNodes(timing)
        self._subscription_of: dict[int, Subscription] = {}
        self._item_ids: dict[int, int] = {}
        self._overflows = 0
        self._clock_seen: object = None
        self.up_mono_s: float | None = None

    async def run(self) -> None:
        await _or_lost(self._establish())
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._writes.run, self._publisher.run, self._renew, self._ping, self._tick):
                    tasks.create_task(_or_lost(work()), name=work.__qualname__)
        except* LinkLost as group:
            lost = first_lost(group)
        finally:
            await self._writes.close()
        raise lost

    @property
    def is_up(self) -> bool:
        return self.up_mono_s is not None

    # --- from nothing to LinkUp ---

    async def _establish(self) -> None:
        await self._connection.open()
        for kind, text in self._connection.warnings:
            self._report(kind, text)
        self._namespaces = await namespaces_of(self._connection)
        self._node_ids = node_ids_of(self._namespaces, self._table.nodes)
        for namespace in sorted({node.namespace for node in self._table.nodes} - set(self._namespaces)):
            count = sum(node.namespace == namespace for node in self._table.nodes)
            self._report(
                "namespace", f"the server has no namespace {namespace}; {count} nodes are Bad", count
            )
        await confirm(self._connection, self._timing, self._table, self._node_ids, self._take)
        revised = [line for name, nodes in self._groups() for line in await self._subscribe(name, nodes)]
        self._counters.connects += 1
        self._writes.open(self._connection, self._node_ids)
        self.up_mono_s = time.monotonic()
        self._deliver(LinkUp(self._plc.index, tuple(revised), self._after_gap))

    def _groups(self) -> list[tuple[str, tuple[Node, ...]]]:
        groups = self._table.groups()
        groups.setdefault("other", ())  # the server's clock goes there
        return list(groups.items())

    async def _subscribe(self, name: str, nodes: Sequence[Node]) -> list[tuple[str, float, float]]:
        """One subscription with its items; returns what was asked and what the server made of it."""
        is_fast = name == "fast"
        asked_ms = self._plc.fast_ms if is_fast else self._plc.normal_ms
        subscription = await self._subscription(name, asked_ms)
        sampling_ms = 0.0 if is_fast else asked_ms
        wanted = [self._wanted(node, sampling_ms) for node in nodes if node.handle in self._node_ids]
        if name == "other":
            wanted.append(Wanted(self._table.clock_handle, CURRENT_TIME, _CLOCK_MS, 1))
        created = await monitor(self._connection, self._timing, subscription, wanted)
        self._subscription_of.update((node.handle, subscription) for node in nodes)
        self._note(created)
        good = [item for item in created.values() if not item.status & BAD]
        sampled_ms = max((item.sampling_ms for item in good), default=0.0)
        if is_fast and good:
            self._check_fast(subscription.publishing_ms, sampled_ms, min(item.queue_size for item in good))
        return [
            (f"{name} publishing", asked_ms, subscription.publishing_ms),
            (f"{name} sampling", sampling_ms, sampled_ms),
        ]

    def _check_fast(self, publishing_ms: float, sampled_ms: float, queue: int) -> None:
        """Whether what interlocks read comes in time, and whether the queue holds what comes in between."""
        if publishing_ms + sampled_ms > self._plc.budget_ms:
            self._report(
                "slow",
                f"a change may take {publishing_ms:g} ms publishing, {sampled_ms:g} ms sampling,"
                f" more than the budget of {self._plc.budget_ms:g} ms",
            )
        if sampled_ms > 0 and queue * sampled_ms < publishing_ms:
            self._report(
                "queue",
                f"the server keeps {queue} values of a tag for {publishing_ms:g} ms and samples every"
                f" {sampled_ms:g} ms: changes may be lost unseen",
            )

    async def _subscription(self, name: str, asked_ms: float) -> Subscription:
        existing = list(self._publisher.subscriptions.values())
        try:
            priority = 100 if name == "fast" else 0
            subscription = await subscribe(self._connection, self._timing, name, asked_ms, priority)
        except Refused as refused:
            if not existing:
                raise
            # A PLC with few subscriptions: slower to decode, but nothing is left out.
            self._report("subscriptions", f"{name} shares subscription {existing[-1].name}: {refused}")
            return existing[-1]
        self._publisher.subscriptions[subscription.id] = subscription
        return subscription

    def _wanted(self, node: Node, sampling_ms: float) -> Wanted:
        return Wanted(node.handle, self._node_ids[node.handle], sampling_ms, self._timing.queue_size)

    # --- values and what they reveal ---

    def _message(self, message: Published) -> None:
        self._counters.notifications += 1
        self._counters.fresh_mono_s = time.monotonic()
        for items in message.items:
            self._counters.changes += items.total
            self._take(items)

    def _take(self, items: Items) -> None:
        """Hands the values over and follows up what they reveal."""
        result = mapped(self._table, items)
        if len(result.batch.tags) or result.batch.texts:
            self._deliver(result.batch)
        if result.overflows:
            self._overflows += result.overflows
            self._counters.overflows += result.overflows
        if result.clock is not None and result.clock != self._clock_seen:
            self._clock_seen = result.clock
            self._counters.server_time_mono_s = time.monotonic()
        for tag in result.wrong_types[:_NAMED_MAX] if not self.is_up else ():
            self._report("type", "the server's type is not the map's", tag=tag)
        if self._bad.recovering:
            self._recovered(set(items.handles.tolist()) | {other.handle for other in items.others})
        if result.nodes_lost and self.is_up:
            self._refused(result.nodes_lost, BAD_NODE_ID_UNKNOWN)

    def _gap(self, subscription: str, count: int) -> None:
        self._report("gap", f"{count} messages of subscription {subscription} could not be had again", count)

    # --- bad nodes ---

    def _note(self, created: dict[int, Created]) -> None:
        """Remembers the items; refused ones become Bad with the server's own status."""
        by_status: dict[int, list[int]] = {}
        now_s, any_back = time.monotonic(), False
        for handle, item in created.items():
            if handle == self._table.clock_handle:
                continue
            if item.status & BAD:
                by_status.setdefault(item.status, []).append(handle)
            else:
                self._item_ids[handle] = item.id
                if handle in self._bad:
                    self._bad.accepted(handle, now_s)
                    any_back = True
        if any_back:
            self._bad.hurry(now_s)
        for status, handles in by_status.items():
            self._refused(handles, status)
        self._counters.bad_nodes = self._bad.count()

    def _refused(self, handles: Sequence[int], status: int) -> None:
        now_s = time.monotonic()
        news = [handle for handle in handles if self._bad.refused(handle, now_s)]
        if news:
            self._take_bad(news, status)
        for handle in news[:_NAMED_MAX]:
            node = self._table.nodes[handle]
            self._report("bad_node", f"{node.name}: {describe(status)}", tag=node.tags[0].index)
        if len(news) > _NAMED_MAX:
            more = len(news) - _NAMED_MAX
            self._report("bad_node", f"and {more} more nodes: {describe(status)}", more)
        self._counters.bad_nodes = self._bad.count()

    def _take_bad(self, handles: Sequence[int], status: int) -> None:
        self._deliver(mapped(self._table, nothing_but(handles, status)).batch)

    def _recovered(self, seen: set[int]) -> None:
        for handle in sorted(seen & self._bad.recovering):
            self._bad.recovering.discard(handle)
            node = self._table.nodes[handle]
            self._report("node_back", f"{node.name} is there again", tag=node.tags[0].index)

    async def _try_again(self) -> None:
        """Creates the items that are due once more; a namespace that came or moved needs a new connection."""
        due = self._bad.due(time.monotonic())
        if not due and len(self._node_ids) == len(self._table.nodes):
            return
        namespaces = await namespaces_of(self._connection)
        if node_ids_of(namespaces, self._table.nodes) != self._node_ids:
            raise LinkLost("the server's namespaces have changed")
        by_subscription: dict[int, list[int]] = {}
        for handle in due:
            by_subscription.setdefault(self._subscription_of[handle].id, []).append(handle)
        for number, handles in by_subscription.items():
            subscription = self._publisher.subscriptions[number]
            gone = [self._item_ids.pop(handle) for handle in handles if handle in self._item_ids]
            if gone:
                await forget(self._connection, subscription, gone)
            sampling_ms = 0.0 if subscription.name == "fast" else subscription.requested_ms
            wanted = [self._wanted(self._table.nodes[handle], sampling_ms) for handle in handles]
            self._note(await monitor(self._connection, self._timing, subscription, wanted))

    # --- while it lives ---

    async def _tick(self) -> None:
        """Once a second: what is summed up is told, what is due is tried."""
        while True:
            await asyncio.sleep(self._timing.report_every_s)
            if self._overflows:
                count, self._overflows = self._overflows, 0
                self._report("overflow", f"a queue in the server lost values of {count} changes", count)
            self._check_clock()
            await self._try_again()

    def _check_clock(self) -> None:
        """The server's own clock stands in as the sign of life while the map's counter cannot be read."""
        alive = self._table.of_tag.get(self._plc.alive)
        moved = self._counters.server_time_mono_s
        if moved is None or (alive is not None and alive[0].handle not in self._bad):
            return
        still_s = time.monotonic() - moved
        if self._clock_seen is not None and still_s > max(self._plc.alive_after_s, 3 * _CLOCK_MS / 1000):
            raise LinkLost(f"the server's clock has stood still for {still_s:.0f} s")

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(0.75 * self._connection.channel_s)
            await self._connection.renew()
            await namespaces_of(self._connection)  # the server takes the new keys with the first request

    async def _ping(self) -> None:
        """A request well within the session's life: it keeps the session and finds a mute server."""
        while True:
            await asyncio.sleep(self._connection.session_s / 3)
            await namespaces_of(self._connection)

    def _report(self, kind: str, text: str, count: int = 1, tag: int | None = None) -> None:
        self._deliver(LinkReport(self._plc.index, kind, text, count, tag))


async def _or_lost(work: Coroutine[Any, Any, None]) -> None:
    """What is refused here is something that no connection can do without."""
    try:
        await work
    except Refused as refused:
        raise LinkLost(refused.reason) from refused
