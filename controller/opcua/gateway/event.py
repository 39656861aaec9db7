"""What the gateway tells: one event with all its fields, made once, filtered for each client (Part 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

from controller.opcua.gateway.session import Caller


class Shared(ua.Variant):
    """A value that many events have, such as 'Enabled': encoded once. Never changed once it is made."""

    __slots__ = ("_binary",)

    @property
    def binary(self) -> bytes:
        try:
            return self._binary
        except AttributeError:
            self._binary: bytes = variant_to_binary(self)
            return self._binary


# A field's browse path with '/' between names, for example 'EventId', 'AckedState/Id'. '' with
# condition=True is the ConditionId (Part 9, 5.5.2: empty path and the NodeId attribute).
Fields = Mapping[str, ua.Variant]


@dataclass(frozen=True, slots=True)
class PlantEvent:
    """One event. type: the event type's node id. fields: by path, standard namespace names unqualified.

    notifiers: nodes whose subscribers get it, from source up to Server. condition: its ConditionId.
    audience: the least role that may see it ('viewer': everybody; audit events: 'supervisor').
    to_all: whoever monitors events gets it, past every filter (RefreshRequired, Part 9, 4.5).
    """

    type: ua.NodeId
    fields: Fields
    notifiers: frozenset[ua.NodeId]
    condition: ua.NodeId | None = None
    audience: str = "viewer"
    only_for: frozenset[int] = field(default_factory=frozenset)
    to_all: bool = False

    def seen_by(self, caller: Caller) -> bool:
        return caller.may(self.audience)
