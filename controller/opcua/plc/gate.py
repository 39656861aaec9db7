"""What a bad network or a hung process does to bytes: keeps them, delays them, cuts them off."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

HELD_BYTES_MAX: Final = 4 * 2**20  # beyond this a held connection breaks, as a real one would


class Gate:
    """The state of one link, shared by all connections over it.

    held: nothing moves, in either direction, and nothing is lost (TCP stays open). delay_s: every byte
    comes that much later, in order.
    """

    def __init__(self) -> None:
        self.held = False
        self.delay_s = 0.0
        self._pipes: set[Pipe] = set()

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False
        for pipe in list(self._pipes):
            pipe.resume()

    def attach(self, pipe: Pipe) -> None:
        self._pipes.add(pipe)

    def detach(self, pipe: Pipe) -> None:
        self._pipes.discard(pipe)


class Sink(Protocol):
    """Where bytes come out of a pipe; None is the end of the stream."""

    def __call__(self, data: bytes | None, /) -> None: ...


class Pipe:
    """One direction of one connection behind a gate; keeps the order."""

    def __init__(self, gate: Gate, sink: Sink, broken: Callable[[], None]) -> None:
        self._gate = gate
        self._sink = sink
        self._broken = broken
        self._queue: deque[tuple[float, bytes | None]] = deque()
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()
        gate.attach(self)

    def feed(self, data: bytes | None) -> None:
        if self._closed:
            return
        if not self._queue and not self._gate.held and self._gate.delay_s == 0.0:
            self._deliver(data)
            return
        self._queue.append((self._loop.time() + self._gate.delay_s, data))
        self._bytes += len(data or b"")
        if self._bytes > HELD_BYTES_MAX:
            self.close()
            self._broken()
            return
        self.resume()

    def resume(self) -> None:
        if self._queue and not self._gate.held and self._timer is None:
            self._timer = self._loop.call_at(self._queue[0][0], self._flush)

    def close(self) -> None:
        """Forgets what it holds, and takes nothing more."""
        self._closed = True
        self._gate.detach(self)
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._queue and not self._gate.held and self._queue[0][0] <= now:
            _, data = self._queue.popleft()
            self._bytes -= len(data or b"")
            self._deliver(data)
        self.resume()

    def _deliver(self, data: bytes | None) -> None:
        self._sink(data)
        if data is None:
            self.close()
