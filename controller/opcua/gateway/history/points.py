"""Continuation points of history reads: random, of one session, few (Part 4, 7.9; Part 11, 6.3).

A point holds the read as it was first asked and how far it has got, so that what a client sends along with
it cannot lead anywhere else.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, NamedTuple

from asyncua import ua

from controller.opcua.gateway.session import Session

_HELD: Final = "history"
_BYTES: Final = 16


class Continuation(NamedTuple):
    """node: the client names it again, and it must be the same. read, position: what goes on, and where."""

    node: ua.NodeId
    read: Any
    position: Any


def put(session: Session, continuation: Continuation, most: int) -> bytes:
    """Keeps it under a new point; beyond `most` of a session the oldest is forgotten."""
    held: dict[bytes, Continuation] = session.held.setdefault(_HELD, {})
    point = secrets.token_bytes(_BYTES)
    held[point] = continuation
    while len(held) > most:
        del held[next(iter(held))]
    return point


def take(session: Session, node: ua.NodeId, point: bytes) -> Continuation | None:
    """What goes on there, once; None when there is no such point for this node in this session."""
    held: dict[bytes, Continuation] = session.held.get(_HELD, {})
    found = held.get(point)
    if found is None or found.node != node:
        return None
    return held.pop(point)
