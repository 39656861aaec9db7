"""What comes out of the core: data for the shell to carry out. Nothing here acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controller.core.clock import Due
from controller.core.inputs import Batch


@dataclass(frozen=True, slots=True)
class Write:
    """One write request to one PLC: raw order matters, all in one WriteRequest.

    intent: number of the command's intent (0 for heartbeats, which need none). fields: (tag index,
    engineering value) in the order to be written. context goes into the intent ring so that a
    killed service can say what it was about to do.
    """

    plc: int
    intent: int
    fields: tuple[tuple[int, float], ...]
    deadline_mono_s: float
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the journal. kind is dotted ('interlock.tripped'), source a tag, interlock or PLC name.

    severity: OPC UA 1..1000. data: JSON-able; what the core needs to fold its state again.
    """

    kind: str
    source: str
    text: str
    utc_ns: int
    plant_s: float
    severity: int = 100
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """What changed in the image in this step, after quality rules; for the feed and the archive.

    flags, uint8 per value: 1 = source time replaced by the receive time. original_ns: the source
    time as it came, where replaced.
    """

    batch: Batch
    flags: Any = None
    original_ns: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a Request; the shell sends it once the step's events are committed."""

    request: str
    accepted: bool
    reason: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The PLC's counter stands still though the session claims to live: take a new client object."""

    plc: int
    reason: str


Effect = Write | Event | Values | Reply | Reconnect


@dataclass(frozen=True, slots=True)
class Step:
    """What one call of the core decided, and when it wants the next."""

    effects: tuple[Effect, ...]
    due: Due
