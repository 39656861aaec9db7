"""What hostile peers cost the gateway: its memory, and the waiting of a good client meanwhile.

The gateway, the good client and the hostile peers are processes of their own. The good client reads one
value every 20 ms; "quiet" is its waiting without anybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import psutil
from asyncua import ua

from tests.bench import Table
from tests.system.gateway_wire import Wire, opened, wire
from tests.system.programs import Order, Program
from tests.system.service import free_ports

PERIOD_S: Final = 0.02
MIB: Final = 2**20
CURRENT_TIME: Final = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)
PLANT: Final = "university"


def run(quick: bool) -> Table:
    table = Table("gateway: hostile peers", "none", f"{PLANT}; each for {_seconds(quick):g} s")
    with tempfile.TemporaryDirectory() as folder:
        port = free_ports(1)
        arguments = ["gateway", PLANT, "--data", f"{folder}/data", "--demo-users", "--port-base", str(port)]
        with Program(Order(arguments, errors=Path(folder, "errors"))) as program:
            program.line("ready ")
            process = psutil.Process(program.pid)
            for name, probe in PROBES.items():
                asyncio.run(_measure(table, name, probe, port, process, _seconds(quick)))
    return table


def _seconds(quick: bool) -> float:
    return 2.0 if quick else 10.0


async def _measure(
    table: Table, name: str, probe: Probe, port: int, process: psutil.Process, for_s: float
) -> None:
    before = process.memory_info().rss
    command = [sys.executable, "-m", "tests.bench.hostile", str(port), str(for_s)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 (a bench)
    assert client.stdout is not None
    await asyncio.to_thread(client.stdout.readline)  # it has its session
    until_s = time.monotonic() + for_s
    grown = before
    rounds = 0
    while time.monotonic() < until_s:
        with contextlib.suppress(ConnectionError, AssertionError):  # being cut off is the point
            await probe(port)
        rounds += 1
        grown = max(grown, process.memory_info().rss)
    waits_ms = sorted(float(one) for one in (await asyncio.to_thread(client.stdout.readline)).split())
    client.wait()
    p99 = waits_ms[len(waits_ms) * 99 // 100]
    table.add(f"{name}: a good client waits, p99", p99, None, "ms", better="less")
    table.add(f"{name}: a good client waits, at most", waits_ms[-1], None, "ms", better="less")
    table.add(f"{name}: memory grown", (grown - before) / MIB, None, "MB", better="less")
    table.notes.append(f"{name}: {len(waits_ms)} reads of the good client, {rounds} rounds")


# --- what they do -----------------------------------------------------------------------------------------

Probe = Callable[[int], Awaitable[None]]


async def _quiet(_: int) -> None:
    await asyncio.sleep(0.5)


async def _garbage(port: int) -> None:
    async with wire(port) as one:
        one.send(b"GET / HTTP/1.1\r\n\r\n" * 100)
        await one.error()


async def _two_gigabytes(port: int) -> None:
    async with wire(port) as one:
        one.send(struct.pack("<3scI", b"HEL", b"F", 2**31) + bytes(4 * MIB))
        await one.error()


async def _never_finished(port: int) -> None:
    async with opened(port) as one:
        await one.log_in()
        for _ in range(31 * MIB // 60_000):
            one.send(one.secured(bytes(60_000), 7, final=b"C"))
        await one.error()


async def _sessions(port: int) -> None:
    async with opened(port) as one:
        for _ in range(300):
            one.put(ua.CreateSessionRequest())
        for _ in range(300):
            await one.answer()


async def _deaf(port: int) -> None:
    """Reads the largest node a thousand times and none of the answers."""
    async with opened(port) as one:
        await one.log_in()
        asked = ua.ReadRequest()
        asked.Parameters.NodesToRead = [ua.ReadValueId(CURRENT_TIME, ua.AttributeIds.Value)] * 500
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            one.put(asked)
        await asyncio.sleep(1.0)


async def _bombs(port: int) -> None:
    """Arrays of nothing that announce 2**31 elements."""
    async with opened(port) as one:
        await one.log_in()
        value = struct.pack("<iBBIiBBi", 1, 0, 84, 13, -1, 1, 0x80, 2**31 - 1)
        asked = ua.WriteRequest()
        asked.RequestHeader.AuthenticationToken = one.session
        from asyncua.ua import ua_binary

        head = ua_binary.struct_to_binary(asked)[:-4]
        for _ in range(9):
            one.send(one.secured(head + value))
            await one.answer()


async def _connections(port: int) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(500):
            await stack.enter_async_context(wire(port))


async def _channels(port: int) -> None:
    """A channel, and another, and another."""
    for _ in range(20):
        async with opened(port):
            pass


PROBES: Final[dict[str, Probe]] = {
    "quiet": _quiet,
    "garbage": _garbage,
    "2 GiB announced": _two_gigabytes,
    "31 MB never finished": _never_finished,
    "300 sessions": _sessions,
    "unread answers": _deaf,
    "arrays of nothing": _bombs,
    "500 connections": _connections,
    "channels": _channels,
}


# --- the good client, in a process of its own -------------------------------------------------------------


async def _good(port: int, for_s: float) -> None:
    waits_ms: list[float] = []
    async with opened(port) as one:
        await one.log_in()
        print("ready", flush=True)
        until_s = time.monotonic() + for_s
        while time.monotonic() < until_s:
            waits_ms.append(await _read(one))
            await asyncio.sleep(PERIOD_S)
    print(" ".join(f"{one:.2f}" for one in waits_ms), flush=True)


async def _read(one: Wire) -> float:
    since_s = time.perf_counter()
    asked = ua.ReadRequest()
    asked.Parameters.NodesToRead = [ua.ReadValueId(CURRENT_TIME, ua.AttributeIds.Value)]
    answer = await one.ask(asked)
    answer.ResponseHeader.ServiceResult.check()
    return (time.perf_counter() - since_s) * 1e3


if __name__ == "__main__":
    asyncio.run(_good(int(sys.argv[1]), float(sys.argv[2])))
