"""How a request finds its service: each module lists the request types it serves and by which function.

A service is `async (gateway, session, request) -> response`, with asyncua's generated request and response
types. What is wrong with the whole request is raised as Fault; what is wrong with one of its operations is
a StatusCode in the response. A service never blocks the loop: what reads disk runs in a thread.

A service whose answer comes later (Publish) returns an asyncio.Future of it. The dispatcher sends it when it
is there and serves the next requests meanwhile; the future is done already when the client has cancelled it,
its TimeoutHint is over or its channel has gone, so whoever holds it asks `future.done()` first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from controller.opcua import status

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session


TURN_S: Final = 0.005  # of one request, until others have their turn
_Item = TypeVar("_Item")


class Fault(Exception):
    """The whole request is refused with this StatusCode (a ServiceFault, Part 4, 7.34)."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or status.name(code))
        self.code = code


class Encoded(bytes):
    """A response that is encoded already, type id and header included: it is only sent."""


async def in_turns(items: Iterable[_Item]) -> AsyncIterator[_Item]:
    """The operations of a large request, so that other clients are served in between."""
    until_s = time.perf_counter() + TURN_S
    for item in items:
        yield item
        if time.perf_counter() > until_s:
            await asyncio.sleep(0)
            until_s = time.perf_counter() + TURN_S


Service = Callable[["Gateway", "Session", Any], Awaitable[Any]]
Services = Mapping[type, Service]
