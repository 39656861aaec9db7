"""What the alarm system writes down, and the ids it gives: every change of state is one record.

A record has the shape of a journal event (kind, source, text, times, severity, data), so that the
core passes it on as it is and an event read back from the journal is as good as a record for folding.
Event ids are a running number and a digest of the source: the same inputs give the same ids, and no
two events of one journal share one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Protocol


class Kind(StrEnum):
    RAISED = "alarm.raised"
    RETURNED = "alarm.returned"
    ANNOUNCED = "alarm.announced"
    ACKNOWLEDGED = "alarm.acknowledged"
    CONFIRMED = "alarm.confirmed"
    COMMENTED = "alarm.commented"
    RESET = "alarm.reset"
    SILENCED = "alarm.silenced"
    SHELVED = "alarm.shelved"
    UNSHELVED = "alarm.unshelved"
    SUPPRESSED = "alarm.suppressed"
    UNSUPPRESSED = "alarm.unsuppressed"
    OUT_OF_SERVICE = "alarm.out_of_service"
    IN_SERVICE = "alarm.in_service"
    QUALITY = "alarm.quality"
    MEMORY = "alarm.memory"
    SUPPRESSION_BEGAN = "suppression.began"
    SUPPRESSION_ENDED = "suppression.ended"
    INCIDENT_CLOSED = "incident.closed"
    FLOOD_BEGAN = "flood.began"
    FLOOD_ENDED = "flood.ended"
    CONFIGURED = "alarms.configured"


class Recorded(Protocol):
    """A record, live or from the journal."""

    @property
    def kind(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def utc_ns(self) -> int: ...
    @property
    def plant_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Record:
    """One change. data is JSON-able; 'n' and 'event' in it are its number and its event id.

    A record that is to be announced has data['announce'] (the reason); a raise that is not has
    data['withheld'] (why not).
    """

    kind: str
    source: str
    text: str
    utc_ns: int
    plant_s: float
    severity: int = 100
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def event(self) -> str:
        return str(self.data["event"])

    @property
    def announce(self) -> str | None:
        """Why people are told of it; None when they are not."""
        return self.data.get("announce")


_DIGESTS: dict[str, str] = {}


def event_id(number: int, source: str) -> str:
    """16 bytes as hex: the number, then a digest of the source."""
    digest = _DIGESTS.get(source)
    if digest is None:
        digest = _DIGESTS[source] = blake2b(source.encode(), digest_size=8).hexdigest()
    return f"{number:016x}{digest}"
