"""The page's port: a bounded number of connections, each for a short while, and a pace for every address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, cast

from aiohttp import web

from controller.doors.origins import origin_of

CONNECTIONS: Final = 64
CONNECTIONS_EACH: Final = 8
LIFE_S: Final = 40.0  # longer than the slowest answer; a phone opens another one
PER_S: Final = 0.5
BURST: Final = 30
REMEMBERED_MAX: Final = 2_000


class Door:
    """Makes the protocol of a new connection. refused: how many there was no room for."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._open: dict[str, int] = {}
        self.refused = 0

    def __call__(self) -> asyncio.Protocol:
        return _Guarded(self, cast(asyncio.Protocol, self._server()))

    def come(self, peer: str) -> bool:
        if sum(self._open.values()) >= CONNECTIONS or self._open.get(peer, 0) >= CONNECTIONS_EACH:
            self.refused += 1
            return False
        self._open[peer] = self._open.get(peer, 0) + 1
        return True

    def go(self, peer: str) -> None:
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]


class _Guarded(asyncio.Protocol):
    """A connection that is let in, handed on to aiohttp, and ended when its time is over."""

    def __init__(self, door: Door, inner: asyncio.Protocol) -> None:
        self._door, self._inner = door, inner
        self._peer = ""
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "TCP"
        name = transport.get_extra_info("peername")
        peer = origin_of(str(name[0]) if name else "")
        if not self._door.come(peer):
            transport.abort()
            return
        self._peer = peer
        self._end = asyncio.get_running_loop().call_later(LIFE_S, transport.abort)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._end is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._end is not None else None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if self._end is None:
            return
        self._end.cancel()
        self._end = None
        self._door.go(self._peer)
        self._inner.connection_lost(error)


class Pace:
    """How many requests an address may make: `burst` at once, then `per_s`."""

    def __init__(
        self, per_s: float = PER_S, burst: int = BURST, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._burst, self._now_s = per_s, burst, now_s
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, peer: str) -> bool:
        key, now_s = origin_of(peer), self._now_s()
        left, since_s = self._left.pop(key, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - since_s) * self._per_s)
        good = left >= 1
        self._left[key] = (
            left - 1 if good else left,
            now_s,
        )  # the newest last: the oldest is forgotten first
        while len(self._left) > REMEMBERED_MAX:
            del self._left[next(iter(self._left))]
        return good
