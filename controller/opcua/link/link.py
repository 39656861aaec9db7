"""The link of one PLC: connections one after the other, each with a client object of its own."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from controller.core.effects import Write
from controller.core.inputs import Input, LinkDown, LinkReport
from controller.opcua.link.connection import Connection
from controller.opcua.link.counters import Counters
from controller.opcua.link.errors import LinkLost
from controller.opcua.link.points import table_of
from controller.opcua.link.security import Identity
from controller.opcua.link.session import Session
from controller.opcua.link.timing import Timing
from controller.opcua.link.writes import Writes
from controller.plant.plant import Plant, Plc


class Link:
    """Keeps one session to `plc` for as long as `run` runs.

    deliver: synchronous, never blocks; called in the event loop's thread with Batch, LinkUp, LinkDown,
    LinkReport and WriteDone. chance: numbers in 0..1 for the jitter.
    """

    def __init__(
        self,
        plc: Plc,
        plant: Plant,
        endpoint: str,
        deliver: Callable[[Input], None],
        *,
        identity: Identity | None = None,
        timing: Timing | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.plc = plc
        self.endpoint = endpoint
        self.counters = Counters()
        self._timing = timing or Timing()
        self._identity = identity
        self._deliver = deliver
        self._chance = chance
        self._table = table_of(plant, plc.index)
        self._writes = Writes(self._table, self._timing, self.counters, deliver)
        self._session: Session | None = None
        self._stood_s = 0.0  # how long the last connection was up
        self._wanted_anew: asyncio.Event | None = None
        self._reason = ""
        self._said = ""
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def is_up(self) -> bool:
        return self._session is not None and self._session.is_up

    def write(self, write: Write) -> None:
        """Sends `write` at once, or says at once why not; its end comes as WriteDone."""
        self._writes.put(write)

    def reconnect(self, reason: str) -> None:
        """Gives up the present connection, whatever it is doing, for a new one with a new client object."""
        self._reason = reason
        if self._wanted_anew is not None:
            self._wanted_anew.set()

    async def run(self) -> None:
        """Until cancelled. Leaves no task, and says good-bye to the server if it still listens."""
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what it has to say is in our own reports
        self._wanted_anew = asyncio.Event()
        delay_s = self._timing.backoff_first_s
        had_values = False
        try:
            while True:
                was_up, reason = await self._connect_once(after_gap=had_values)
                had_values = had_values or was_up
                self._say_down(reason, was_up)
                if self._stood_s >= self._timing.steady_s:
                    delay_s = self._timing.backoff_first_s
                if not self._wanted_anew.is_set():
                    await self._pause(delay_s * (0.5 + self._chance() / 2))
                    delay_s = min(2 * delay_s, self._timing.backoff_cap_s)
        finally:
            if self._closing:
                await asyncio.wait(self._closing)

    async def _connect_once(self, after_gap: bool) -> tuple[bool, str]:
        """One connection from beginning to end: was it up, and why did it end."""
        assert self._wanted_anew is not None
        self._wanted_anew.clear()
        connection = Connection(self.endpoint, self.plc.security, self._identity, self._timing)
        session = self._session = Session(
            self.plc,
            self._table,
            connection,
            self._timing,
            self.counters,
            self._writes,
            self._deliver,
            after_gap,
        )
        running = asyncio.create_task(session.run(), name=f"link {self.plc.name}")
        anew = asyncio.create_task(self._wanted_anew.wait(), name=f"link {self.plc.name}: new wanted")
        try:
            await asyncio.wait((running, anew), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._session = None
            self._stood_s = 0.0 if session.up_mono_s is None else time.monotonic() - session.up_mono_s
            await _ended(running, anew)
            closing = asyncio.create_task(connection.close(), name=f"link {self.plc.name}: close")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            lost = _lost(running)  # also by who is stopped meanwhile: an error that nobody asks for is logged
        return session.is_up, self._reason if lost is None else lost.reason

    async def _pause(self, seconds: float) -> None:
        assert self._wanted_anew is not None
        try:
            async with asyncio.timeout(seconds):
                await self._wanted_anew.wait()
        except TimeoutError:
            return

    def _say_down(self, reason: str, was_up: bool) -> None:
        """Once when it is lost; while it stays away, only when the reason changes."""
        if was_up:
            self.counters.disconnects += 1
        if was_up or not self._said:
            self._deliver(LinkDown(self.plc.index, reason))
        elif reason != self._said:
            self._deliver(LinkReport(self.plc.index, "connect", reason))
        self._said = reason


def _lost(running: asyncio.Task[None]) -> LinkLost | None:
    """Why a session has ended; None: it was told to. Raises what a bug raised."""
    error = None if running.cancelled() else running.exception()
    if error is not None and not isinstance(error, LinkLost):
        raise error
    return error


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancels until they have ended: before Python 3.12 a `wait_for` inside may swallow a cancellation."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.05)
