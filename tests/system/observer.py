"""What a PLC shows to somebody else: a plain asyncua client of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self, TypeVar

from asyncua import Client, ua
from asyncua.common.node import Node

from controller.plant.plant import Plant
from controller.plant.tags import NodeSource

START_S = 60.0
SAMPLING_MS = 50
QUEUE = 1000  # every value that a node took, not the newest only

_Found = TypeVar("_Found")


class Seen(NamedTuple):
    """One change of one node, when the client got it (UTC)."""

    tag: str
    value: Any
    utc_ns: int


class Observer:
    """Watches tags of one PLC from outside the service; `seen` grows in the order of arrival."""

    def __init__(self, plant: Plant, plc: str, endpoint: str, tags: Iterable[str]) -> None:
        self._plant = plant
        self._plc = next(one for one in plant.plcs if one.name == plc)
        self._endpoint = endpoint
        self._tags = list(tags)
        self._names: dict[str, str] = {}
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"observer {plc}")
        self.seen: list[Seen] = []

    def __enter__(self) -> Self:
        self._thread.start()
        for tag in self._tags:
            self.until(tag, lambda _: True, within_s=START_S)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._over is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(START_S)
        assert not self._thread.is_alive()

    def values(self, tag: str) -> list[Any]:
        return [one.value for one in self.seen if one.tag == tag]

    def now(self, tag: str) -> Any:
        return self.values(tag)[-1]

    def mark(self) -> int:
        """Where `until` may begin to look."""
        return len(self.seen)

    def until(
        self, tag: str, true: Callable[[Any], object], *, after: int = 0, within_s: float = START_S
    ) -> Seen:
        """The first change after a mark with such a value."""

        def found() -> Seen | None:
            return next((one for one in self.seen[after:] if one.tag == tag and true(one.value)), None)

        until_s = time.monotonic() + within_s
        with self._changed:
            while (hit := found()) is None:
                if self._failed is not None:
                    raise AssertionError(f"the observer of {self._plc.name} has ended") from self._failed
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    raise AssertionError(f"{tag} not so within {within_s:g} s; it showed {self.values(tag)}")
                self._changed.wait(left_s)
        return hit

    # --- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except (ua.UaError, OSError, TimeoutError) as error:
            self._failed = error
        with self._changed:
            self._changed.notify_all()

    async def _watch(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        client = Client(self._endpoint, timeout=START_S)
        await client.connect()
        try:
            nodes = [client.get_node(await self._node_id(client, tag)) for tag in self._tags]
            self._names = {node.nodeid.to_string(): tag for node, tag in zip(nodes, self._tags, strict=True)}
            subscription = await client.create_subscription(SAMPLING_MS, self)
            await subscription.subscribe_data_change(nodes, queuesize=QUEUE, sampling_interval=ua.Double(0))
            await self._over.wait()
        finally:
            await client.disconnect()

    async def _node_id(self, client: Client, tag: str) -> ua.NodeId:
        source = self._plant.tag(tag).source
        assert isinstance(source, NodeSource)
        index = await client.get_namespace_index(source.namespace)
        return ua.NodeId.from_string(f"ns={index};{source.identifier}")

    def datachange_notification(self, node: Node, value: Any, _: Any) -> None:
        with self._changed:
            self.seen.append(Seen(self._names[node.nodeid.to_string()], value, time.time_ns()))
            self._changed.notify_all()
