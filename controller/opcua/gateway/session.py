"""A client's session: who it is, what it may hold, and what it holds (Part 4, 5.7)."""

from __future__ import annotations

import secrets
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from asyncua import ua

from controller.core.roles import LADDER, at_least
from controller.doors.origins import origin_of

USERS_MAX: Final = 10  # of a session's history


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: as the journal will name them. role: of the ladder viewer < operator < .. < admin.

    session names the OPC UA session, so that a second person can be told from the first.
    encrypted: the channel's mode is SignAndEncrypt, so secrets may be shown.
    """

    user: str
    role: str
    session: str
    client: str = ""
    encrypted: bool = False

    def may(self, role: str) -> bool:
        return at_least(self.role, role)


NOBODY: Final = Caller("", LADDER[0], "")


def _token() -> ua.NodeId:
    return ua.NodeId(cast("ua.ByteString", secrets.token_bytes(32)), cast("ua.Int16", 0))


@dataclass(slots=True)
class About:
    """What diagnostics show of a session. client: as it describes itself; url, uri: of us, as it asked for.

    served, failed: requests by service. mechanism: how its user came in. users: who it was, newest last.
    """

    client: ua.ApplicationDescription = field(default_factory=ua.ApplicationDescription)
    url: str = ""
    uri: str = ""
    mechanism: str = ""
    users: deque[str] = field(default_factory=lambda: deque(maxlen=USERS_MAX))
    served: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    denied: int = 0


@dataclass(slots=True, eq=False)
class Session:
    """One session. token: the authentication token, 32 random bytes; never shown to anyone but its client.

    channel: the connection it is bound to now (None between two). closers: called once when it ends,
    by what holds things for it (subscriptions, continuation points). held: such things, by owner's key.
    certificate and security (policy URI, mode): of the channel that created it; only such a channel may
    take it over. nonce: what the next signature must be made over. touched_s: its last request, monotonic.
    """

    id: ua.NodeId
    name: str
    timeout_ms: float
    token: ua.NodeId = field(default_factory=_token, repr=False)
    caller: Caller = NOBODY
    active: bool = False
    channel: Any = None
    peer: str = ""
    application: str = ""
    certificate: bytes = b""
    security: tuple[str, int] = ("", 0)
    nonce: bytes = field(default=b"", repr=False)
    touched_s: float = 0.0
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    about: About = field(default_factory=About)
    locales: tuple[str, ...] = ()
    max_response_bytes: int = 0
    held: dict[str, Any] = field(default_factory=dict)
    closers: list[Callable[[Session, bool], None]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Whose share it counts to."""
        return origin_of(self.peer)

    def close(self, delete_subscriptions: bool) -> None:
        """Everything held for it goes; subscriptions stay until their lifetime ends when not deleted."""
        self.active = False
        for closer in self.closers:
            closer(self, delete_subscriptions)
        self.held.clear()
