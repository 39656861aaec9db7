"""Writes out: each at once, once, value only, in the node's own type, and its end always reported.

A write is one WriteRequest. It is never sent a second time, whatever happens: a PLC that toggles on a
command would undo it. Trip writes (intent > 0) leave before heartbeats; of heartbeats (intent 0) only
the newest waits. What is not sent by its deadline is dropped and says so.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from asyncua import ua

from controller.core.effects import Write
from controller.core.inputs import LinkReport, WriteDone
from controller.opcua.link.connection import Connection
from controller.opcua.link.counters import Counters
from controller.opcua.link.errors import LinkLost, Refused
from controller.opcua.link.points import Table
from controller.opcua.link.timing import Timing
from controller.opcua.status import (
    BAD,
    BAD_COMMUNICATION_ERROR,
    BAD_CONFIGURATION_ERROR,
    BAD_NODE_ID_UNKNOWN,
    BAD_NOT_CONNECTED,
    BAD_OUT_OF_RANGE,
    BAD_TIMEOUT,
    BAD_TOO_MANY_OPERATIONS,
    BAD_UNEXPECTED_ERROR,
    GOOD,
    describe,
)
from controller.plant.scaling import to_raw
from controller.plant.tags import NodeSource


class Writes:
    """The way of a PLC's writes from the core to the wire. `put` never blocks and never raises.

    A heartbeat ends without a WriteDone; when heartbeats begin to fail, or work again, one report says so.
    """

    def __init__(
        self,
        table: Table,
        timing: Timing,
        counters: Counters,
        deliver: Callable[[WriteDone | LinkReport], None],
    ) -> None:
        self._table = table
        self._timing = timing
        self._counters = counters
        self._deliver = deliver
        self._waiting: deque[Write] = deque()
        self._heartbeat: Write | None = None
        self._sending: dict[asyncio.Task[None], Write] = {}
        self._heartbeat_status = GOOD
        self._connection: Connection | None = None
        self._node_ids: Mapping[int, ua.NodeId] = {}
        self._broken: asyncio.Future[None] | None = None

    def put(self, write: Write) -> None:
        if self._connection is None:
            self._done(write, BAD_NOT_CONNECTED)
        elif write.intent == 0:
            self._heartbeat = write
            self._send_next()
        elif len(self._waiting) + len(self._sending) >= self._timing.writes_queued:
            self._counters.writes_refused += 1
            self._done(write, BAD_TOO_MANY_OPERATIONS)
        else:
            self._waiting.append(write)
            self._send_next()

    def open(self, connection: Connection, node_ids: Mapping[int, ua.NodeId]) -> None:
        """From now on writes go out on this connection."""
        self._connection, self._node_ids = connection, node_ids
        self._broken = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Never returns; raises the exception of a write that ended by a bug."""
        assert self._broken is not None
        await self._broken

    async def close(self) -> None:
        """The connection is gone: every write that has not ended by now ends here."""
        self._connection = self._heartbeat = None
        cut_off, self._sending = self._sending, {}
        waiting, self._waiting = self._waiting, deque()
        for task, write in cut_off.items():
            task.cancel()
            self._done(write, BAD_COMMUNICATION_ERROR)  # sent, and nobody knows what became of it
        for write in waiting:
            self._done(write, BAD_NOT_CONNECTED)
        await asyncio.gather(*cut_off, return_exceptions=True)

    def _send_next(self) -> None:
        """Starts what may start: trips first; one heartbeat at a time, and only when no trip waits."""
        while self._waiting and len(self._sending) < self._timing.writes_in_flight:
            self._start(self._waiting.popleft())
        if self._heartbeat is None or self._waiting:
            return
        if all(write.intent for write in self._sending.values()):
            beat, self._heartbeat = self._heartbeat, None
            self._start(beat)

    def _start(self, write: Write) -> None:
        """Sends it before anything else of this turn of the loop; only its answer is waited for in a task."""
        sent = self._sent(write)
        task = asyncio.create_task(self._follow(write, sent), name=f"write {write.intent}")
        self._sending[task] = write
        task.add_done_callback(self._ended)

    def _sent(self, write: Write) -> asyncio.Future[Any] | int:
        """The answer to come, or the status that says why nothing was sent."""
        if write.deadline_mono_s <= time.monotonic():
            return BAD_TIMEOUT
        request = self._request(write)
        if isinstance(request, int):
            return request
        if self._connection is None:
            return BAD_NOT_CONNECTED
        try:
            sent = self._connection.send(request)
        except (Refused, LinkLost) as error:
            return error.status if isinstance(error, Refused) else BAD_COMMUNICATION_ERROR
        sent.add_done_callback(_looked_at)
        return sent

    async def _follow(self, write: Write, sent: asyncio.Future[Any] | int) -> None:
        status = sent if isinstance(sent, int) else await self._answer(write, sent)
        task = asyncio.current_task()
        if task is not None and self._sending.pop(task, None) is not None:
            self._done(write, status)
            self._send_next()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A write that ends by an exception is a bug, and must not stay silent."""
        self._sending.pop(task, None)
        if not task.cancelled() and (bug := task.exception()) and self._broken and not self._broken.done():
            self._broken.set_exception(bug)

    async def _answer(self, write: Write, sent: asyncio.Future[Any]) -> int:
        if self._connection is None:
            return BAD_COMMUNICATION_ERROR
        try:
            async with asyncio.timeout(write.deadline_mono_s - time.monotonic()):
                response = await self._connection.answered(sent, ua.WriteResponse)
        except TimeoutError:
            return BAD_TIMEOUT
        except (Refused, LinkLost) as error:
            # When the link is lost the publish loop notices too, and ends the connection.
            return error.status if isinstance(error, Refused) else BAD_COMMUNICATION_ERROR
        statuses = [result.value for result in response.Results]
        if len(statuses) != len(write.fields):
            return BAD_UNEXPECTED_ERROR
        return next((status for status in statuses if status & BAD), GOOD)

    def _request(self, write: Write) -> ua.WriteRequest | int:
        """The request, or the status that says why there cannot be one."""
        request = ua.WriteRequest()
        for tag_index, value in write.fields:
            node, tag = self._table.of_tag.get(tag_index, (None, None))
            source = tag.source if tag is not None else None
            if tag is None or node is None or not isinstance(source, NodeSource):
                return BAD_CONFIGURATION_ERROR
            if source.bit is not None or source.words != 1:
                return BAD_CONFIGURATION_ERROR  # part of a word cannot be written without touching the rest
            node_id = self._node_ids.get(node.handle)
            if node_id is None:
                return BAD_NODE_ID_UNKNOWN
            try:
                raw = to_raw(tag, value)
            except ValueError:
                return BAD_OUT_OF_RANGE
            request.Parameters.NodesToWrite.append(_value_only(node_id, source, raw))
        return request

    def _done(self, write: Write, status: int) -> None:
        if write.intent != 0:
            self._counters.writes += 1
            self._counters.writes_failed += status != GOOD
            self._deliver(WriteDone(write.intent, status))
            return
        self._counters.heartbeats += status == GOOD
        if status not in (self._heartbeat_status, BAD_NOT_CONNECTED):
            self._heartbeat_status = status
            text = (
                "the heartbeat is taken again"
                if status == GOOD
                else f"the heartbeat fails: {describe(status)}"
            )
            self._deliver(LinkReport(write.plc, "heartbeat", text))


def _looked_at(sent: asyncio.Future[Any]) -> None:
    """A connection that closes before the answer is awaited fails it, and nobody else would ask why."""
    if not sent.cancelled():
        sent.exception()


def _value_only(node_id: ua.NodeId, source: NodeSource, raw: int | float | bool | str) -> ua.WriteValue:
    """Neither status nor time: an S7 refuses a write that carries one. An element is written by its range."""
    kind = ua.VariantType[source.raw.value]
    item = ua.WriteValue()
    item.NodeId = node_id
    item.AttributeId = ua.AttributeIds.Value
    if source.element is None:
        item.Value = ua.DataValue(ua.Variant(raw, kind), StatusCode=None)
    else:
        item.IndexRange = str(source.element)
        item.Value = ua.DataValue(ua.Variant([raw], kind), StatusCode=None)
    return item
