"""Clients that subscribe to everything, in a process of their own, with a decoder that costs little.

`python -m tests.bench.subscribers URL CLIENTS ITEMS INTERVAL_MS QUEUE EVENTS [NAME]` (EVENTS 1: an event
item each and no values; NAME: how tags are called, `T{:04d}` if not said). Prints `ready` when all have their
first values. Commands on stdin, one a line, each answered by one line of JSON: `mark` -> since the last mark:
changes that came, how many were lost on the way (the tags count), CPU seconds, and how old the values were
when they came: 50 % and 99 % of them, each value counted, the wait for its publishing cycle included;
`events N` -> when the last client had got N events.
"""

from __future__ import annotations

import asyncio
import json
import logging
import struct
import sys
import time
from typing import Any

import numpy as np
from asyncua import Client, ua

from controller.opcua.decoding import decode_publish
from tests.system.gateway_subscribed import Asking, select

AT_ONCE = 500  # items of one request
OUTSTANDING = 3
AGE_MS_MAX = 60_000
EVENTS_BEGIN = b"\x01\x00\x94\x03\x01"  # the type of an EventNotificationList, with a body


class Subscriber:
    """One client. got: changes of each item; last: its newest value; first: that before the mark."""

    def __init__(self, items: int, name: str) -> None:
        self.name = name
        self.got = np.zeros(items + 1, np.int64)
        self.last = np.zeros(items + 1)
        self.first = np.zeros(items + 1)
        self.events = 0
        self.ages = np.zeros(AGE_MS_MAX + 1, np.int64)  # values by their age in ms
        self.overflowed = 0

    async def run(self, url: str, interval_ms: float, queue: int, events: bool) -> None:
        client = Client(url, timeout=60, watchdog_intervall=3600)
        await client.connect()
        asking = Asking(client)
        number = (await asking.subscribe(interval_ms)).SubscriptionId
        if events:
            fields = ("EventId", "EventType", "SourceName", "Time", "Message", "Severity")
            severe = [*select("Severity"), ua.LiteralOperand(ua.Variant(1, ua.VariantType.UInt16))]
            operator = ua.FilterOperator.GreaterThanOrEqual  # asyncua's server knows OfType without subtypes
            where = ua.ContentFilter([ua.ContentFilterElement(operator, severe)])
            wanted = ua.EventFilter(select(*fields), where)
            await asking.monitor(number, ua.NodeId(2253), attribute=12, filter_=wanted, QueueSize=5000)
        for first in range(0, 0 if events else len(self.got) - 1, AT_ONCE):
            nodes = [
                ua.NodeId(self.name.format(at), 2)
                for at in range(first, min(first + AT_ONCE, len(self.got) - 1))
            ]
            await self._monitor(asking, number, nodes, first + 1, interval_ms, queue)
        acknowledged: list[tuple[int, int]] = []
        for _ in range(OUTSTANDING):
            task = asyncio.ensure_future(self._publish(client, acknowledged))
            task.add_done_callback(_fail)

    async def _monitor(
        self, asking: Asking, number: int, nodes: list[ua.NodeId], handle: int, interval_ms: float, queue: int
    ) -> None:
        wanted = [
            ua.MonitoredItemCreateRequest(
                ua.ReadValueId(node, ua.AttributeIds.Value),
                ua.MonitoringMode.Reporting,
                ua.MonitoringParameters(handle + at, 0.0 if queue > 1 else interval_ms, QueueSize=queue),
            )
            for at, node in enumerate(nodes)
        ]
        asked = ua.CreateMonitoredItemsParameters(number, ua.TimestampsToReturn.Both, wanted)
        results = (await asking.ask(ua.CreateMonitoredItemsRequest(Parameters=asked), 60)).Results
        assert all(one.StatusCode.is_good() for one in results), results[0]

    async def _publish(self, client: Client, acknowledged: list[tuple[int, int]]) -> None:
        while True:
            request = ua.PublishRequest()
            request.Parameters.SubscriptionAcknowledgements = [
                ua.SubscriptionAcknowledgement(*one) for one in acknowledged
            ]
            acknowledged.clear()
            data = await client.uaclient._send_request(request, 0)
            body = data.read(len(data))
            self._take(body)
            told = decode_publish(body)
            if told.notifications:
                acknowledged.append((told.subscription, told.sequence))
            now = time.time()
            for items in told.items:
                self.got += np.bincount(items.handles, minlength=len(self.got))
                self.last[items.handles] = items.values
                self.overflowed += int(np.count_nonzero(items.status & 0x480 == 0x480))
                ages_ms = np.clip(now * 1e3 - items.source_ns / 1e6, 0, AGE_MS_MAX).astype(np.int64)
                self.ages += np.bincount(ages_ms, minlength=len(self.ages))

    def _take(self, body: bytes) -> None:
        """Events are only counted."""
        at = body.find(EVENTS_BEGIN)
        if at >= 0:
            self.events += struct.unpack_from("<i", body, at + len(EVENTS_BEGIN) + 4)[0]


def age_ms(all_: list[Subscriber], share: float) -> float:
    """The age that this share of all values did not exceed."""
    counts = np.cumsum(np.sum([one.ages for one in all_], axis=0))
    return float(np.searchsorted(counts, share * counts[-1])) if counts[-1] else float("inf")


def _fail(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        print(f"a client failed: {task.exception()!r}", file=sys.stderr)
        sys.exit(1)


async def main(
    url: str, clients: int, items: int, interval_ms: float, queue: int, events: bool, name: str
) -> None:
    logging.disable(logging.CRITICAL)
    all_ = [Subscriber(items, name) for _ in range(clients)]
    for one in all_:
        await one.run(url, interval_ms, queue, events)
    while not events and not all(one.got[1:].all() for one in all_):
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    cpu_s = time.process_time()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        command, *words = line.decode().split()
        told: dict[str, Any]
        if command == "events":
            while min(one.events for one in all_) < int(words[0]):
                await asyncio.sleep(0.001)
            told = {"at": time.time()}
        else:
            got = sum(int(one.got[1:].sum()) for one in all_)
            moved = sum(float((one.last - one.first)[1:].sum()) for one in all_)
            told = {
                "changes": got,
                "lost": moved - got,
                "overflowed": sum(one.overflowed for one in all_),
                "sum": min(float(one.last[1:].sum()) for one in all_),
                "cpu_s": time.process_time() - cpu_s,
                "age_p50_ms": age_ms(all_, 0.5),
                "age_p99_ms": age_ms(all_, 0.99),
            }
            cpu_s = time.process_time()
            for one in all_:
                one.got[:] = 0
                one.first[:] = one.last
                one.overflowed = 0
                one.ages[:] = 0
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    url, clients, items, interval_ms, queue, events, *name = sys.argv[1:]
    called = name[0] if name else "T{:04d}"
    asyncio.run(main(url, int(clients), int(items), float(interval_ms), int(queue), events == "1", called))
