"""The span of a node's EURange, which deadbands in percent are of (Part 8, 6.2)."""

from __future__ import annotations

from typing import Final

from asyncua import ua

from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.space import Space

_HAS_PROPERTY: Final = standard(ua.ObjectIds.HasProperty)


def span_of(space: Space, of: ua.NodeId, caller: Caller) -> float | None:
    """None for a node without an EURange."""
    for child in space.children(of, _HAS_PROPERTY):
        node = space.find(child)
        if node is not None and node.browse_name.Name == "EURange":
            variant = node.attribute(ua.AttributeIds.Value, caller).Value
            if variant is not None and isinstance(variant.Value, ua.Range):
                return float(variant.Value.High - variant.Value.Low)
    return None
