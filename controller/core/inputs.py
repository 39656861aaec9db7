"""What goes into the core. All of it is recorded by the flight recorder, in this form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One notification of one PLC as struct-of-arrays, in engineering units.

    tags: int32 tag indices; values: float64; status: uint32 StatusCodes; source_ns: int64 UTC
    (0 = the PLC gave none). All of one length n; a tag may occur more than once, oldest first.
    texts: (tag index, text, status, source_ns) for string tags, the second lane.
    keepalive: nothing changed, but the subscription is alive.
    """

    plc: int
    tags: NDArray[np.int32]
    values: NDArray[np.float64]
    status: NDArray[np.uint32]
    source_ns: NDArray[np.int64]
    texts: tuple[tuple[int, str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The link has a session, its subscriptions and one confirmed value (or Bad) for every tag.

    revised: (what, requested_ms, revised_ms) of each subscription. gap: changes may have been
    missed since the link was last up (no republish possible).
    """

    plc: int
    revised: tuple[tuple[str, float, float], ...] = ()
    gap: bool = False


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The link has lost its session (or never got one): `reason` in words for people."""

    plc: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkReport:
    """Something a link noticed: kind 'gap' | 'overflow' | 'bad_node' | 'slow' | 'namespace' ..."""

    plc: int
    kind: str
    text: str
    count: int = 1
    tag: int | None = None


@dataclass(frozen=True, slots=True)
class WriteDone:
    """The transport's word on a write: the PLC's server answered `status` (or BadTimeout)."""

    intent: int
    status: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks through a front door (design: feed and commands).

    action: 'reset' | 'acknowledge' | 'bypass' | 'confirm_bypass' | 'unbypass' | 'inhibit_check' |
    'command' | ...; target: interlock, command or alarm id; args by action; session identifies the
    login, so that a second person is a second session. door: where they were authenticated ('opcua'),
    empty for the machine's own people.
    """

    id: str
    user: str
    role: str
    action: str
    target: str
    args: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    session: str = ""
    door: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A record a follower or the shell wants in the journal (delivery receipts, disk limits...)."""

    kind: str
    source: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


Input = Batch | LinkUp | LinkDown | LinkReport | WriteDone | Request | Note
