"""A map against its live server: what is missing, of another type, not writable, or not in the map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asyncua import ua

from controller.opcua.browse.walk import connected, kind_of, number_of, read, status_of, walk
from controller.opcua.link.namespaces import namespaces_of, node_ids_of
from controller.opcua.link.points import Node, table_of
from controller.opcua.link.security import Identity
from controller.opcua.status import BAD, NODE_LOST, describe, name
from controller.plant.plant import Plant, Plc
from controller.plant.tags import NodeSource, Tag


@dataclass(frozen=True, slots=True)
class Difference:
    """kind: 'namespace' | 'missing' | 'type' | 'element' | 'access' | 'value' | 'unmapped'.

    tag: the tag it is about, '' when it is about none. is_error: the map cannot work as it stands.
    """

    kind: str
    tag: str
    text: str
    is_error: bool = True


async def differences(
    plant: Plant,
    plc: Plc,
    endpoint: str | None = None,
    identity: Identity | None = None,
    *,
    unmapped: bool = True,
) -> tuple[Difference, ...]:
    """Everything in which the map of `plc` and the server at `endpoint` (default: the map's) differ."""
    where = endpoint or plc.endpoint
    table = table_of(plant, plc.index)
    async with connected(where, plc.security, identity) as connection:
        namespaces = await namespaces_of(connection)
        node_ids = node_ids_of(namespaces, table.nodes)
        nodes = [node for node in table.nodes if node.handle in node_ids]
        values = await read(connection, [(node_ids[n.handle], ua.AttributeIds.Value) for n in nodes])
        levels = await read(connection, [(node_ids[n.handle], ua.AttributeIds.AccessLevel) for n in nodes])
    found = [
        Difference("namespace", "", f"the server has no namespace {uri}")
        for uri in sorted({node.namespace for node in table.nodes} - set(namespaces))
    ]
    for node, value, level in zip(nodes, values, levels, strict=True):
        found.extend(_of_node(node, value, level))
    if unmapped:
        known = {(node.namespace, node.identifier) for node in table.nodes}
        seen = await walk(where, plc.security, identity, watch_s=0)
        found.extend(
            Difference("unmapped", "", f"{v.identifier} ({v.text}) is not in the map", is_error=False)
            for v in seen.variables
            if (v.namespace, v.identifier) not in known and v.namespace in plc.namespaces
        )
    return tuple(found)


def _of_node(node: Node, value: ua.DataValue, level: ua.DataValue) -> Iterator[Difference]:
    status = status_of(value)
    if status in NODE_LOST:
        for tag in node.tags:
            yield Difference("missing", tag.name, f"{node.identifier}: {describe(status)}")
        return
    access = number_of(level)
    for tag in node.tags:
        if access is not None and not access & 1:
            yield Difference("access", tag.name, f"{node.identifier} cannot be read", is_error=False)
        if access is not None and tag.access == "command" and not access & 2:
            yield Difference(
                "access", tag.name, f"{node.identifier} cannot be written, and the tag is a command"
            )
        if status & BAD:
            yield Difference("value", tag.name, f"{node.identifier} is {name(status)}", is_error=False)
        else:
            yield from _of_type(tag, node, value)


def _of_type(tag: Tag, node: Node, value: ua.DataValue) -> Iterator[Difference]:
    raw, length = kind_of(value)
    source = tag.source
    assert isinstance(source, NodeSource)
    if raw is None and value.Value is not None and value.Value.Value is None:
        return  # a null says nothing of its type
    if raw is not source.raw:
        there = raw.value if raw else "of no type a tag can have"
        yield Difference("type", tag.name, f"{node.identifier} is {there}, the map says {source.raw.value}")
    is_array = source.element is not None or source.words > 1
    if is_array != (length is not None):
        words = ("an array", "one value") if length is not None else ("one value", "an array")
        yield Difference(
            "type", tag.name, f"{node.identifier} is {words[0]}, the map takes it for {words[1]}"
        )
    elif length is not None and (source.element or 0) + source.words > length:
        yield Difference(
            "element", tag.name, f"{node.identifier} has {length} elements; there is no {source.element}"
        )
