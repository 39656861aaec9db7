"""What happened at the door, for audit: channels and sessions, let in or refused (Part 5, 6.4.3 to 6.4.7).

Logins by name are told by `authentication`; these are the applications and their connections.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from asyncua import ua


class What(Enum):
    """The audit event type that each becomes."""

    CHANNEL = "AuditOpenSecureChannelEventType"
    CREATED = "AuditCreateSessionEventType"
    ACTIVATED = "AuditActivateSessionEventType"
    ENDED = "AuditSessionEventType"
    CANCELLED = "AuditCancelEventType"


@dataclass(frozen=True, slots=True)
class Access:
    """code: 0 when let in, else the StatusCode of the refusal; why: in words, for the journal only.

    thumbprint: of the peer's certificate, SHA-1 in hex as other tools show it; '' without security.
    """

    what: What
    peer: str
    code: int = 0
    why: str = ""
    policy: str = ""
    mode: str = ""
    thumbprint: str = ""
    application: str = ""
    session: ua.NodeId | None = None
    name: str = ""
    user: str = ""
    role: str = ""


Hear = Callable[[Access], None]


def thumbprint(der: bytes) -> str:
    return hashlib.sha1(der, usedforsecurity=False).hexdigest() if der else ""
