"""Whom an event reaches: its source and every notifier above it, up to the Server (Part 3, 7.17 and 7.18)."""

from __future__ import annotations

from typing import Final

from asyncua import ua

from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.space import Space

SERVER: Final = standard(ua.ObjectIds.Server)
EVENT_SOURCE: Final = standard(ua.ObjectIds.HasEventSource)


class Notifiers:
    """Walks the references once per source; they do not change while the gateway lives."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._known: dict[ua.NodeId, frozenset[ua.NodeId]] = {}

    def of(self, source: ua.NodeId) -> frozenset[ua.NodeId]:
        known = self._known.get(source)
        if known is None:
            known = self._known[source] = frozenset(self._above(source) | {SERVER})
        return known

    def _above(self, source: ua.NodeId) -> set[ua.NodeId]:
        found, ahead = {source}, [source]
        while ahead:
            for reference in self._space.references(ahead.pop()):
                up = not reference.forward and self._space.is_subtype(reference.type, EVENT_SOURCE)
                if up and reference.target not in found:
                    found.add(reference.target)
                    ahead.append(reference.target)
        return found
