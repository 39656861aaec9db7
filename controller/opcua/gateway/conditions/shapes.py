"""What stands at a browse path below a condition, as its type and the types of its components declare it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from asyncua import ua

from controller.opcua.gateway.session import NOBODY
from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.node import Node
from controller.opcua.gateway.space.space import Space

_A: Final = ua.AttributeIds
_AGGREGATES: Final = standard(ua.ObjectIds.Aggregates)


@dataclass(frozen=True, slots=True)
class Shape:
    """One child: how it hangs on its parent, and what it is. inputs, outputs: of a method."""

    reference: ua.NodeId
    declaration: ua.NodeId
    name: str
    node_class: ua.NodeClass
    type_definition: ua.NodeId | None
    data_type: ua.NodeId | None = None
    rank: int = -1
    inputs: tuple[ua.Argument, ...] = ()
    outputs: tuple[ua.Argument, ...] = ()


class Shapes:
    """Looks things up in the standard nodes; the answers never change."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.of = lru_cache(maxsize=None)(self._of)

    def _of(self, kind: ua.NodeId, path: str) -> Shape | None:
        """The shape at 'AckedState/Id' of an instance of this type; None when the type has no such thing."""
        head, _, rest = path.rpartition("/")
        if not head:
            return self._found(self._line(kind), rest)
        parent = self.of(kind, head)
        if parent is None:
            return None
        line = [parent.declaration]
        if parent.type_definition is not None:
            line += self._line(parent.type_definition)
        return self._found(line, rest)

    def inputs_of(self, method: ua.NodeId) -> tuple[ua.Argument, ...]:
        """What a standard method takes."""
        return self._arguments(method, "InputArguments")

    def _line(self, kind: ua.NodeId) -> list[ua.NodeId]:
        """The type and those above it, the nearest first."""
        line = [kind]
        subtype = standard(ua.ObjectIds.HasSubtype)
        while True:
            above = [
                r.target for r in self._space.references(line[-1]) if r.type == subtype and not r.forward
            ]
            if not above:
                return line
            line.append(above[0])

    def _found(self, owners: Sequence[ua.NodeId], name: str) -> Shape | None:
        for owner in owners:
            for reference in self._space.references(owner):
                if not reference.forward or not self._space.is_subtype(reference.type, _AGGREGATES):
                    continue
                node = self._space.find(reference.target)
                if node is not None and node.browse_name.Name == name:
                    return self._shape(reference.type, node)
        return None

    def _shape(self, reference: ua.NodeId, node: Node) -> Shape:
        variable = node.node_class is ua.NodeClass.Variable
        data_type = node.attribute(_A.DataType, NOBODY).Value if variable else None
        rank = node.attribute(_A.ValueRank, NOBODY).Value if variable else None
        method = node.node_class is ua.NodeClass.Method
        return Shape(
            reference,
            node.id,
            str(node.browse_name.Name),
            node.node_class,
            node.type_definition,
            None if data_type is None else data_type.Value,
            -1 if rank is None else int(rank.Value),
            self._arguments(node.id, "InputArguments") if method else (),
            self._arguments(node.id, "OutputArguments") if method else (),
        )

    def _arguments(self, method: ua.NodeId, name: str) -> tuple[ua.Argument, ...]:
        found = self._found([method], name)
        node = None if found is None else self._space.find(found.declaration)
        if node is None:
            return ()
        value = node.attribute(_A.Value, NOBODY).Value
        return () if value is None or value.Value is None else tuple(value.Value)
