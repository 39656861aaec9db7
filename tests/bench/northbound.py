"""A server with tags that count, in a process of its own: `python -m tests.bench.northbound KIND TAGS`.

KIND: ours (the gateway, fed as its feed feeds it) or asyncua (a stock server). Nodes `ns=2;s=T0000`, ...; no
security, so that encryption is not what is measured. Prints its URL. Commands on stdin, one a line, each
answered by one line of JSON: `rate N` -> from now on N tags a second, in turn, count up by one, every 100 ms
some; `stop` -> how often each tag has counted, at least and at most; `mark` -> CPU seconds, wall seconds and
the longest and the 99 % turn of the loop since the last mark, memory; `storm N` -> N alarms at once, when it
began and how long until all were handed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from asyncua import Server, ua

from tests.system.gateway_rig import limited
from tests.system.gateway_subscribed import event, served

BATCH_S = 0.1
PULSE_S = 0.005


class Plant(Protocol):
    """What moves: set(first, count, value) gives `count` tags from `first` on their new values."""

    url: str

    async def set(self, tags: range, values: list[float]) -> None: ...

    async def storm(self, count: int) -> None: ...


class Ours:
    def __init__(self, gateway: Any) -> None:
        self.url = gateway.rig.url
        self._gateway = gateway

    async def set(self, tags: range, values: list[float]) -> None:
        now_ns = time.time_ns()
        rows = [[tag, value, 0, now_ns] for tag, value in zip(tags, values, strict=True)]
        self._gateway.values.take({"links": [], "values": rows, "texts": [], "journal": 0})

    async def storm(self, count: int) -> None:
        await self._gateway.subscriptions.deliver_all(event(str(at)) for at in range(count))


class Stock:
    def __init__(self, server: Server, nodes: list[ua.NodeId], alarms: Any, url: str) -> None:
        self.url = url
        self._server = server
        self._nodes = nodes
        self._alarms = alarms

    async def set(self, tags: range, values: list[float]) -> None:
        now: Any = datetime.now(UTC)
        write = self._server.iserver.aspace.write_attribute_value
        for tag, value in zip(tags, values, strict=True):
            variant = ua.Variant(value, ua.VariantType.Double)
            stamped = ua.DataValue(variant, SourceTimestamp=now, ServerTimestamp=now)
            await write(self._nodes[tag], ua.AttributeIds.Value, stamped)

    async def storm(self, count: int) -> None:
        for at in range(count):
            self._alarms.event.Message = ua.LocalizedText(str(at))
            await self._alarms.trigger()


@asynccontextmanager
async def ours(tags: int) -> AsyncIterator[Plant]:
    chosen = limited(items=500_000)
    async with served(tags, chosen=chosen) as gateway:
        yield Ours(gateway)


@asynccontextmanager
async def stock(tags: int) -> AsyncIterator[Plant]:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace("urn:test")
    nodes = []
    for at in range(tags):
        node = ua.NodeId(f"T{at:04d}", 2)
        await server.nodes.objects.add_variable(node, f"2:T{at:04d}", 1.0, ua.VariantType.Double)
        nodes.append(node)
    alarms = await server.get_event_generator()  # BaseEventType: less to send than our alarms
    async with server:
        port = server.bserver._server.sockets[0].getsockname()[1]
        yield Stock(server, nodes, alarms, f"opc.tcp://127.0.0.1:{port}")


class Pulse:
    """How long the loop was away each time."""

    def __init__(self) -> None:
        self.lags_s: list[float] = []

    async def run(self) -> None:
        while True:
            due = time.perf_counter() + PULSE_S
            await asyncio.sleep(PULSE_S)
            self.lags_s.append(time.perf_counter() - due)


class Bench:
    def __init__(self, plant: Plant, tags: int) -> None:
        self.plant = plant
        self.tags = tags
        self.pulse = Pulse()
        self._counts = [1.0] * tags
        self._next = 0
        self._rate = 0.0
        self._changing: asyncio.Task[None] | None = None
        self._mark = (time.process_time(), time.perf_counter())

    async def _change(self) -> None:
        """What is due; what is late is not left out, so an overloaded server falls behind."""
        begun, done = time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - begun) * self._rate)
            for _ in range(max(1, self.tags)):
                many = min(due - done, self.tags - self._next)
                if many <= 0:
                    break
                chosen = range(self._next, self._next + many)
                for tag in chosen:
                    self._counts[tag] += 1
                await self.plant.set(chosen, [self._counts[tag] for tag in chosen])
                done += many
                self._next = (self._next + many) % self.tags
                await asyncio.sleep(0)
            await asyncio.sleep(BATCH_S)

    async def rate(self, rate: str) -> Any:
        await self.stop()
        self._rate = float(rate)
        self._changing = asyncio.create_task(self._change())
        return {}

    async def stop(self) -> Any:
        if self._changing is not None:
            self._changing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._changing
            self._changing = None
        return {"least": min(self._counts), "most": max(self._counts), "sum": sum(self._counts)}

    async def mark(self) -> Any:
        now = (time.process_time(), time.perf_counter())
        lags = sorted(self.pulse.lags_s) or [0.0]
        told = {
            "cpu_s": now[0] - self._mark[0],
            "wall_s": now[1] - self._mark[1],
            "lag_max_ms": 1e3 * lags[-1],
            "lag_p99_ms": 1e3 * lags[int(0.99 * (len(lags) - 1))],
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        self._mark, self.pulse.lags_s = now, []
        return told

    async def freeze(self) -> Any:
        gc.collect()
        gc.freeze()
        return {}

    async def storm(self, count: str) -> Any:
        self.pulse.lags_s = []
        begun, at = time.perf_counter(), time.time()
        await self.plant.storm(int(count))
        return {"begun": at, "handed_over_s": time.perf_counter() - begun}


async def commands(bench: Bench) -> None:
    """Until stdin ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        name, *words = line.decode().split()
        done: Callable[..., Any] = getattr(bench, name)
        print(json.dumps(await done(*words)), flush=True)


async def main(kind: str, tags: int) -> None:
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with {"ours": ours, "asyncua": stock}[kind](tags) as plant:
        bench = Bench(plant, tags)
        pulse = asyncio.create_task(bench.pulse.run())
        print(plant.url, flush=True)
        await commands(bench)
        await bench.stop()
        pulse.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
