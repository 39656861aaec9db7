"""The nodes of one simulated PLC in its server: made from its image, moved, taken out, kept current."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue

from alarms.signal import is_bad
from controller.opcua.plc.address_space import READ, READ_WRITE, add_object, add_variable, remove
from controller.opcua.plc.image import Image, Node
from controller.opcua.plc.styles import Style
from controller.opcua.plc.subscriptions import publish
from controller.opcua.plc.wire import data_value, node_id


class PlcNodes:
    """Which node of the image stands where in the address space, under the namespaces of the moment."""

    def __init__(self, space: AddressSpace, image: Image, style: Style, name: str) -> None:
        self._space = space
        self._image = image
        self._style = style
        self._name = name
        self._ids: dict[int, ua.NodeId] = {}
        self._held: dict[int, AttributeValue] = {}
        self._nodes: dict[ua.NodeId, Node] = {}
        self._folders: dict[tuple[str, ...], ua.NodeId] = {}
        self._top: ua.NodeId | None = None

    def build(self, index: dict[str, int], now: datetime) -> None:
        """Makes all nodes; index: namespace URI -> index."""
        namespace = min(index.values())
        self._top = node_id(self._name, namespace)
        add_object(
            self._space,
            self._top,
            node_id(ua.ObjectIds.ObjectsFolder),
            self._name,
            ua.ObjectIds.FolderType,
            namespace,
        )
        for node in self._image.nodes.values():
            self.add(node, index[node.namespace], now)

    def add(self, node: Node, namespace: int, now: datetime) -> None:
        kind, _, rest = node.identifier.partition("=")
        at = node_id(int(rest) if kind == "i" else rest, namespace)
        path = _path(rest, self._style.separators)
        held = add_variable(
            self._space,
            at,
            self._folder(path[:-1], namespace),
            path[-1],
            _variant(node),
            ua.VariantType[node.raw.value].value,
            text=node.text,
            access=READ_WRITE if node.command is not None else READ,
            sampling_ms=self._style.sampling_ms,
        )
        held.value = _data_value(node, now)
        self._ids[id(node)] = at
        self._held[id(node)] = held
        self._nodes[at] = node

    def clear(self) -> None:
        """Takes all nodes out, folders too: the controller is down, or comes up under another index."""
        for gone in [*self._nodes, *reversed(self._folders.values())]:
            remove(self._space, gone)
        if self._top is not None:
            remove(self._space, self._top)
        for known in (self._ids, self._held, self._nodes, self._folders):
            known.clear()
        self._top = None

    def find(self, wanted: ua.NodeId) -> Node | None:
        return self._nodes.get(wanted)

    def has(self, node: Node) -> bool:
        return id(node) in self._ids

    def take_out(self, node: Node, now: datetime) -> None:
        """One node vanishes, as after a download that renamed it: who monitors it is told so."""
        gone = self._ids.pop(id(node))
        held = self._held.pop(id(node))
        publish(held, data_value(None, ua.StatusCodes.BadNodeIdUnknown, now))
        del self._nodes[gone]
        remove(self._space, gone)

    def publish(self, changed: Iterable[Node], now: datetime) -> None:
        """Gives new values to the address space and to whoever monitors them."""
        for node in changed:
            held = self._held.get(id(node))
            if held is not None:
                publish(held, _data_value(node, now))

    def _folder(self, path: tuple[str, ...], namespace: int) -> ua.NodeId:
        """The folder of a path such as DB_CB / ST721, made when first needed."""
        assert self._top is not None
        if not path:
            return self._top
        if path not in self._folders:
            parent = self._folder(path[:-1], namespace)
            folder = node_id("/".join((self._name, *path)), namespace)
            add_object(self._space, folder, parent, path[-1], ua.ObjectIds.FolderType, namespace)
            self._folders[path] = folder
        return self._folders[path]


def _path(identifier: str, separators: str) -> tuple[str, ...]:
    """The folders and the name in an identifier: '"DB_CB"."ST721"."PV"' -> DB_CB, ST721, PV."""
    text = identifier.removeprefix("|var|")
    for separator in separators:
        text = text.replace(separator, "\0")
    return tuple(part for part in text.split("\0") if part) or (identifier,)


def _variant(node: Node) -> ua.Variant:
    return ua.Variant(node.value, ua.VariantType[node.raw.value])


def _data_value(node: Node, now: datetime) -> ua.DataValue:
    return data_value(None if is_bad(node.status) else _variant(node), node.status, now)
