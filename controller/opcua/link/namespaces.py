"""NodeIds are stored with namespace URIs; the index belongs to one connection and is looked up in each."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from asyncua import ua

from controller.opcua.link.connection import Connection
from controller.opcua.link.points import Node

_NAMESPACE_ARRAY = ua.NodeId(ua.Int32(2255), ua.Int16(0))
CURRENT_TIME = ua.NodeId(ua.Int32(2258), ua.Int16(0))  # Server.ServerStatus.CurrentTime


async def namespaces_of(connection: Connection) -> tuple[str, ...]:
    """The server's NamespaceArray, in its order."""
    request = ua.ReadRequest()
    request.Parameters.NodesToRead = [
        ua.ReadValueId(NodeId=_NAMESPACE_ARRAY, AttributeId=ua.AttributeIds.Value)
    ]
    answer = await connection.call(request, ua.ReadResponse)
    value = answer.Results[0].Value.Value if answer.Results else None
    return tuple(uri or "" for uri in value) if isinstance(value, list) else ()


def node_id(namespaces: tuple[str, ...], namespace: str, identifier: str) -> ua.NodeId | None:
    """The NodeId of 's=...', 'i=...', 'g=...' or 'b=...' in this connection; None: the URI is not there."""
    if namespace not in namespaces:
        return None
    index = ua.Int16(namespaces.index(namespace))
    form, _, text = identifier.partition("=")
    if form == "i":
        return ua.NodeId(ua.Int32(text), index)
    if form == "g":
        return ua.NodeId(ua.Guid(text), index)
    if form == "b":
        return ua.NodeId(ua.ByteString(base64.b64decode(text)), index)
    return ua.NodeId(ua.String(text), index)


def node_ids_of(namespaces: tuple[str, ...], nodes: Iterable[Node]) -> dict[int, ua.NodeId]:
    """By handle; nodes whose namespace the server does not have are left out."""
    found = ((node.handle, node_id(namespaces, node.namespace, node.identifier)) for node in nodes)
    return {handle: known for handle, known in found if known is not None}
