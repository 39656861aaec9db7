"""What all ways have in common: one message to one address, once, and what came of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from alarms.delivery import Message
from alarms.routes import Address

REASON_MAX: Final = 300
HEARTBEAT: Final = "heartbeat"  # among troubles, beside the names of addresses
PAGE: Final = "page"

Written_co = TypeVar("Written_co", covariant=True)


class Outcome(NamedTuple):
    """Of one attempt. final: the server does not take it for this address, now or later.

    reason: '' when it was delivered; never with a secret in it.
    """

    delivered: bool
    reason: str = ""
    final: bool = False


DELIVERED: Final = Outcome(True)


class Form(Enum):
    """How much of a message is written."""

    FULL = "full"
    SMALL = "small"  # without its picture: the server takes no larger one
    BARE = "bare"  # fixed sentences alone (bare.py): writing it has gone wrong before


class Way(Protocol):
    """A way of sending. `send` returns within its own time limit and raises nothing but a bug's exception."""

    async def send(self, message: Message, address: Address, form: Form = Form.FULL) -> Outcome: ...
    async def probe(self) -> Outcome | None:
        """Whether its server answers, without a message; None: only a message can tell."""
        ...

    async def close(self) -> None: ...


class Write(Protocol[Written_co]):
    """Writes a message as a way needs it."""

    def __call__(self, message: Message, address: Address, form: Form) -> Written_co: ...


async def in_thread(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Pictures and templates cost tens of milliseconds: the loop goes on meanwhile."""
    return await asyncio.to_thread(call, *arguments, **named)


def reason(text: object) -> str:
    """In one line, not too long: what servers answer goes into records and to people."""
    return " ".join(str(text).split())[:REASON_MAX]


def ssl_context(ca: str) -> ssl.SSLContext:
    """Trusts the certificates of `ca`, or the system's. Raises OSError, ssl.SSLError."""
    return ssl.create_default_context(cafile=ca or None)
