"""The address space: every provider's nodes as one, with the references they hang onto each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from asyncua import ua

from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.node import Node, Provider, Reference
from controller.plant.plant import Plant

_SUBTYPE: Final = standard(ua.ObjectIds.HasSubtype)
DEPTH_MAX: Final = 64  # of a type tree: the standard's deepest has 8


class Space:
    """Types do not change while it lives, so what follows from them is remembered.

    hides: whether this caller may not know of the node with this id (no permission Browse: Part 3, 8.55).
    """

    def __init__(
        self,
        plant: Plant,
        providers: Sequence[Provider],
        hides: Callable[[ua.NodeId, Caller], bool] = lambda *_: False,
    ) -> None:
        self.plant = plant
        self.hides = hides
        self._providers = list(providers)
        self._supertypes: dict[ua.NodeId, frozenset[ua.NodeId]] = {}

    def add(self, provider: Provider) -> None:
        """One more provider, before the first client is served."""
        self._providers.append(provider)
        self._supertypes.clear()

    def find(self, node_id: ua.NodeId) -> Node | None:
        for provider in self._providers:
            node = provider.find(node_id)
            if node is not None:
                return node
        return None

    def seen(self, node_id: ua.NodeId, caller: Caller) -> Node | None:
        """The node, if this caller may know of it: one that is hidden is as if it were not there."""
        return None if self.hides(node_id, caller) else self.find(node_id)

    def references(self, node_id: ua.NodeId) -> list[Reference]:
        """Of the node by itself and what others add, each once; nothing when there is no such node."""
        node = self.find(node_id)
        if node is None:
            return []
        found = dict.fromkeys(node.references())
        for provider in self._providers:
            found.update(dict.fromkeys(provider.added_references(node_id)))
        return list(found)

    def is_subtype(self, kind: ua.NodeId, base: ua.NodeId) -> bool:
        """Whether `kind` is `base` or below it."""
        return kind == base or base in self.supertypes(kind)

    def supertypes(self, kind: ua.NodeId) -> frozenset[ua.NodeId]:
        """All types above this one, itself not included; empty for what is no type."""
        known = self._supertypes.get(kind)
        if known is None:
            known = frozenset(self._above(kind))
            if self.find(kind) is not None:  # made-up ids of clients are not remembered
                self._supertypes[kind] = known
        return known

    def _above(self, kind: ua.NodeId) -> Iterator[ua.NodeId]:
        for _ in range(DEPTH_MAX):
            above = next(
                (r.target for r in self.references(kind) if r.type == _SUBTYPE and not r.forward), None
            )
            if above is None:
                return
            yield above
            kind = above

    def type_children(self, kind: ua.NodeId) -> list[ua.NodeId]:
        """The types right below this one."""
        return [r.target for r in self.references(kind) if r.type == _SUBTYPE and r.forward]

    def children(self, node_id: ua.NodeId, base: ua.NodeId) -> list[ua.NodeId]:
        """Forward targets by references of type `base` or its subtypes."""
        return [r.target for r in self.references(node_id) if r.forward and self.is_subtype(r.type, base)]
