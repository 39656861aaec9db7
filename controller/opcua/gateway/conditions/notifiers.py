"""Whom an event reaches: its source and every notifier above it, up to the Server (Part 3, 7.17 and 7.18)."""

from __future__ import annotations

from typing import Final

from asyncua import ua

from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.space import Space

SERVER: Final = standard(ua.ObjectIds.Server)
EVENT_SOURCE: Final = standard(ua.ObjectIds.HasEventSource)


class Notifiers:
    """Walks the references once per node; they do not change while the gateway lives."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._known: dict[ua.NodeId, frozenset[ua.NodeId]] = {}
        self._kinds: dict[ua.NodeId, bool] = {}

    def of(self, source: ua.NodeId) -> frozenset[ua.NodeId]:
        known = self._known.get(source)
        if known is None:
            self._known[source] = frozenset({source, SERVER})  # what leads back here adds nothing
            above = [self.of(target) for target in self._above(source)]
            known = self._known[source] = frozenset({source, SERVER}.union(*above))
        return known

    def _above(self, source: ua.NodeId) -> list[ua.NodeId]:
        node = self._space.find(source)
        references = () if node is None else node.references()
        return [one.target for one in references if not one.forward and self._tells(one.type)]

    def _tells(self, kind: ua.NodeId) -> bool:
        known = self._kinds.get(kind)
        if known is None:
            known = self._kinds[kind] = self._space.is_subtype(kind, EVENT_SOURCE)
        return known
