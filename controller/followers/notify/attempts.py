"""Attempts: which messages go now, a bounded number of each way at once, one at a time to an address.

A way that hangs holds up its own slots only; the last slot of each is kept for priority 1. A pause after
an attempt that failed is counted by the steady clock and forgotten with the process: after a restart
everything that waits is tried at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from alarms import routes
from alarms.delivery import Message, retry_s
from controller.followers.notify.place import Row
from controller.followers.notify.ways import Form, Outcome, Way

SLOTS: Final = {routes.Way.MAIL: 4, routes.Way.CHAT: 6, routes.Way.MQTT: 4}


class Attempts:
    """ways: how messages leave. addresses: by id."""

    def __init__(self, ways: Mapping[routes.Way, Way], addresses: Mapping[str, routes.Address]) -> None:
        self.ways, self.addresses = ways, addresses
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._not_before_s: dict[str, float] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._broken: BaseException | None = None
        self.wake = asyncio.Event()

    def ready(self, rows: Sequence[Row]) -> list[Row]:
        """Of what has not left (worst first), what is to be tried now."""
        now_s = time.monotonic()
        left = {row.id for row in rows}
        self._not_before_s = {
            one: at_s for one, at_s in self._not_before_s.items() if at_s > now_s and one in left
        }
        busy = {address for address, _ in self._running.values()}
        used = Counter(self.addresses[one].way for one in busy if one in self.addresses)
        found = []
        for row in rows:
            if row.id in self._running or row.id in self._outcomes or row.address in busy:
                continue
            if row.id in self._not_before_s or row.address not in self.addresses:
                continue
            way = self.addresses[row.address].way
            if used[way] >= SLOTS[way] - (row.priority != 1):
                continue
            used[way] += 1
            busy.add(row.address)
            found.append(row)
        return found

    def is_on_its_way(self, one: str) -> bool:
        return one in self._running or one in self._outcomes

    def start(self, row: Row, message: Message) -> None:
        """An attempt, which is on disk already as begun."""
        task = asyncio.create_task(self._attempt(row, message), name=f"send {row.id}")
        task.add_done_callback(self._look_at)
        self._running[row.id] = (row.address, task)

    def outcomes(self) -> list[tuple[str, Outcome]]:
        """Of attempts that have ended, kept until they are `settled`. A bug in an attempt comes out here."""
        self.wake.clear()
        if self._broken is not None:
            raise self._broken
        return list(self._outcomes.items())

    def settled(self, one: str, attempts: int | None = None) -> None:
        """Its outcome is on disk. attempts: so many have been made, and it is tried again after a pause."""
        self._outcomes.pop(one, None)
        self._not_before_s.pop(one, None)
        if attempts is not None:
            self._not_before_s[one] = time.monotonic() + retry_s(attempts)

    def next_s(self) -> float | None:
        """Seconds until a pause ends; None: nothing waits for one."""
        return min(self._not_before_s.values()) - time.monotonic() if self._not_before_s else None

    async def close(self) -> None:
        """What is on its way is left there: its row says so, and it is sent once more after the start."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for way in self.ways.values():
            await way.close()

    def _look_at(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self.wake.set()

    async def _attempt(self, row: Row, message: Message) -> None:
        try:
            address = self.addresses[row.address]
            form = Form.BARE if row.is_bare else Form.FULL
            self._outcomes[row.id] = await self.ways[address.way].send(message, address, form)
        finally:
            del self._running[row.id]
            self.wake.set()
