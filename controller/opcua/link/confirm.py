"""One confirmed value for every tag before anything is trusted: reads in chunks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from asyncua import ua
from asyncua.ua.uaerrors import UaError

from controller.opcua.decoding import Items, decode_read
from controller.opcua.link.connection import Connection
from controller.opcua.link.errors import LinkLost
from controller.opcua.link.items import in_chunks
from controller.opcua.link.points import Table
from controller.opcua.link.timing import Timing
from controller.opcua.status import BAD_NO_DATA, BAD_NODE_ID_UNKNOWN


def nothing_but(handles: Sequence[int], status: int) -> Items:
    """The same Bad status for each of the handles, without a value or a time."""
    length = len(handles)
    return Items(
        handles=np.array(handles, np.uint32),
        values=np.full(length, np.nan),
        status=np.full(length, status, np.uint32),
        source_ns=np.zeros(length, np.int64),
        kinds=np.zeros(length, np.uint8),
    )


async def confirm(
    connection: Connection,
    timing: Timing,
    table: Table,
    node_ids: Mapping[int, ua.NodeId],
    take: Callable[[Items], None],
) -> None:
    """Calls `take` with a value, or a Bad status, for every node of the table."""

    async def read(chunk: Sequence[int]) -> None:
        request = ua.ReadRequest()
        request.Parameters.MaxAge = 0
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Source
        request.Parameters.NodesToRead = [
            ua.ReadValueId(NodeId=node_ids[handle], AttributeId=ua.AttributeIds.Value) for handle in chunk
        ]
        body = bytes(await connection.raw(request))
        try:
            items = decode_read(body)
        except UaError as error:
            raise LinkLost(f"read: {error}") from error
        if items.total > len(chunk):
            raise LinkLost("read: more answers than questions")
        if items.total < len(chunk):
            take(nothing_but(chunk[items.total :], BAD_NO_DATA))
        handles = np.array(chunk, np.uint32)
        others = tuple(other._replace(handle=chunk[other.handle]) for other in items.others)
        take(items._replace(handles=handles[items.handles], others=others))

    unresolved = [node.handle for node in table.nodes if node.handle not in node_ids]
    if unresolved:
        take(nothing_but(unresolved, BAD_NODE_ID_UNKNOWN))
    await in_chunks(
        sorted(node_ids), timing.chunk, read, lambda handle, status: take(nothing_but([handle], status))
    )
