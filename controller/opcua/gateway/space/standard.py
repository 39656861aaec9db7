"""The standard nodes (OPC 10000-5), read from standard.jsonl; a line is decoded when it is asked for.

Start-up reads half a megabyte and splits it: a few milliseconds, against the 4 s and 40 MB of filling
asyncua's address space. What changes at run time (ServerStatus, ServiceLevel, limits) is bound to a
function by whoever knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import msgspec
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary

from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.space.node import Reference
from controller.opcua.gateway.space.nodes import NO_ATTRIBUTE, data_value

FILE: Final = "standard.jsonl"
_A: Final = ua.AttributeIds
_V: Final = ua.VariantType
_C: Final = ua.NodeClass
_TYPE_OF: Final = ua.ObjectIds.HasTypeDefinition
# attribute -> (key in the file, type, value that is not written, node classes that have it)
_PLAIN: Final = {
    _A.ValueRank: ("r", _V.Int32, -1, (_C.Variable, _C.VariableType)),
    _A.AccessLevel: ("", _V.Byte, 1, (_C.Variable,)),
    _A.AccessLevelEx: ("", _V.UInt32, 1, (_C.Variable,)),
    _A.UserAccessLevel: ("", _V.Byte, 1, (_C.Variable,)),
    _A.MinimumSamplingInterval: ("", _V.Double, 0.0, (_C.Variable,)),
    _A.Historizing: ("", _V.Boolean, False, (_C.Variable,)),
    _A.EventNotifier: ("n", _V.Byte, 0, (_C.Object, _C.View)),
    _A.IsAbstract: ("b", _V.Boolean, False, (_C.ObjectType, _C.VariableType, _C.ReferenceType, _C.DataType)),
    _A.Symmetric: ("s", _V.Boolean, False, (_C.ReferenceType,)),
    _A.Executable: ("x", _V.Boolean, True, (_C.Method,)),
    _A.UserExecutable: ("", _V.Boolean, True, (_C.Method,)),
    _A.WriteMask: ("", _V.UInt32, 0, tuple(_C)),
    _A.UserWriteMask: ("", _V.UInt32, 0, tuple(_C)),
}
# attribute -> (key in the file, type, how it is made of what is written there)
_WRITTEN: Final[dict[ua.AttributeIds, tuple[str, ua.VariantType, Callable[[Any], Any]]]] = {
    _A.Description: ("t", _V.LocalizedText, ua.LocalizedText),
    _A.InverseName: ("i", _V.LocalizedText, ua.LocalizedText),
    _A.DataType: ("d", _V.NodeId, standard),
    _A.ArrayDimensions: ("D", _V.UInt32, list),
}

Live = Callable[[Caller], ua.DataValue]


class StandardNode:
    """One standard node. live: where its value comes from at run time; user_access of it is read-only."""

    __slots__ = ("_links", "_more", "browse_name", "id", "live", "node_class", "type_definition")

    def __init__(self, row: list[Any], live: Live | None) -> None:
        number, node_class, name, links, self._more = row
        self.id = standard(number)
        self.node_class = ua.NodeClass(node_class)
        self.browse_name = ua.QualifiedName(name, 0)
        self._links: list[list[int]] = links
        self.live = live
        found = next((target for kind, target in links if kind == _TYPE_OF), None)
        self.type_definition = None if found is None else standard(found)

    def display_name(self) -> ua.LocalizedText:
        return ua.LocalizedText(self._more.get("l", self.browse_name.Name))

    def references(self) -> Sequence[Reference]:
        return [
            Reference(standard(kind), standard(abs(target)), forward=target > 0)
            for kind, target in self._links
        ]

    def attribute(self, attribute: ua.AttributeIds, caller: Caller) -> ua.DataValue:
        if attribute == _A.Value:
            return self._value(caller)
        if attribute in _PLAIN:
            key, kind, default, classes = _PLAIN[attribute]
            return (
                data_value(self._more.get(key, default), kind) if self.node_class in classes else NO_ATTRIBUTE
            )
        if attribute in _WRITTEN:
            key, kind, make = _WRITTEN[attribute]
            return data_value(make(self._more[key]), kind) if key in self._more else NO_ATTRIBUTE
        return self._of_all(attribute)

    def _of_all(self, attribute: ua.AttributeIds) -> ua.DataValue:
        match attribute:
            case _A.NodeId:
                return data_value(self.id, _V.NodeId)
            case _A.NodeClass:
                return data_value(int(self.node_class), _V.Int32)
            case _A.BrowseName:
                return data_value(self.browse_name, _V.QualifiedName)
            case _A.DisplayName:
                return data_value(self.display_name(), _V.LocalizedText)
            case _:
                return NO_ATTRIBUTE

    def _value(self, caller: Caller) -> ua.DataValue:
        if self.live is not None:
            return self.live(caller)
        if self.node_class not in {_C.Variable, _C.VariableType}:
            return NO_ATTRIBUTE
        if "v" not in self._more:
            return ua.DataValue(ua.Variant())
        return ua.DataValue(variant_from_binary(Buffer(bytes.fromhex(self._more["v"]))))


class StandardNodes:
    """The provider of namespace 0."""

    def __init__(self) -> None:
        text = resources.files(__package__).joinpath(FILE).read_bytes()
        self._lines = {int(line[1 : line.index(b",")]): line for line in text.splitlines()}
        self._decode = msgspec.json.Decoder().decode
        self._live: dict[int, Live] = {}
        self._found = lru_cache(maxsize=512)(self._make)

    def bind(self, number: int, live: Live) -> None:
        """From now on the node's value is what `live(caller)` says."""
        if number not in self._lines:
            raise KeyError(f"i={number} is no standard node of this server")
        self._live[int(number)] = live
        self._found.cache_clear()

    def find(self, node_id: ua.NodeId) -> StandardNode | None:
        if node_id.NamespaceIndex != 0 or not isinstance(node_id.Identifier, int):
            return None
        return self._found(node_id.Identifier)

    def added_references(self, node_id: ua.NodeId) -> Sequence[Reference]:
        del node_id
        return ()

    def numbers(self) -> Iterator[int]:
        return iter(self._lines)

    def _make(self, number: int) -> StandardNode | None:
        line = self._lines.get(number)
        return None if line is None else StandardNode(self._decode(line), self._live.get(number))
