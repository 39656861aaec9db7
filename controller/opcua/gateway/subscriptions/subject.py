"""One event as filters look at it: whatever is worked out for one client is kept for the next.

A storm goes to every subscriber: its fields are encoded once, and clients with the same filter share the
filter's verdict and the bytes.
"""

from __future__ import annotations

from typing import Final, Protocol

from asyncua import ua
from asyncua.ua.ua_binary import variant_to_binary

from controller.opcua.gateway.event import PlantEvent, Shared
from controller.opcua.gateway.subscriptions.conversion import Term, term_of

CONDITION_ID: Final = ""  # the path of the ConditionId: empty, with the NodeId attribute (Part 9, 5.5.2)
_NULL: Final = b"\x00"


class Types(Protocol):
    """What filters ask of the address space."""

    def is_subtype(self, type_: ua.NodeId, base: ua.NodeId, /) -> bool: ...


class Subject:
    """A PlantEvent with what was derived from it."""

    __slots__ = ("_encoded", "_of_type", "_rendered", "_terms", "_types", "event")

    def __init__(self, event: PlantEvent, types: Types) -> None:
        self.event = event
        self._types = types
        self._encoded: dict[str, bytes] = {}
        self._terms: dict[str, Term | None] = {}
        self._of_type: dict[ua.NodeId, bool] = {}
        self._rendered: dict[bytes, bytes | None] = {}

    def is_of(self, type_: ua.NodeId) -> bool:
        """Whether the event is of this type or a subtype of it."""
        known = self._of_type.get(type_)
        if known is None:
            same = type_ == self.event.type
            known = self._of_type[type_] = same or self._types.is_subtype(self.event.type, type_)
        return known

    def variant(self, path: str) -> ua.Variant | None:
        if path != CONDITION_ID:
            return self.event.fields.get(path)
        condition = self.event.condition
        return None if condition is None else ua.Variant(condition, ua.VariantType.NodeId)

    def term(self, path: str) -> Term | None:
        if path not in self._terms:
            variant = self.variant(path)
            self._terms[path] = None if variant is None else term_of(variant)
        return self._terms[path]

    def encoded(self, path: str) -> bytes:
        """The field as an encoded Variant; a field the event does not have is null."""
        known = self._encoded.get(path)
        if known is None:
            variant = self.variant(path)
            if isinstance(variant, Shared):
                known = variant.binary
            else:
                known = _NULL if variant is None else variant_to_binary(variant)
            self._encoded[path] = known
        return known

    def rendered(self, filter_: EventRendering) -> bytes | None:
        """The encoded field list for this filter, None where its where clause refuses the event."""
        key = filter_.signature
        if key not in self._rendered:
            self._rendered[key] = filter_.fields(self) if filter_.passes(self) else None
        return self._rendered[key]


class EventRendering(Protocol):
    """A filter as the subject sees it. Equal signatures select and refuse the same."""

    @property
    def signature(self) -> bytes: ...
    def passes(self, subject: Subject) -> bool: ...
    def fields(self, subject: Subject) -> bytes: ...
