"""All variables of a server outside the standard's own namespace, with type, access, unit and range."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from asyncua import ua

from controller.opcua.link.connection import Connection
from controller.opcua.link.errors import LinkLost, Refused
from controller.opcua.link.items import in_chunks
from controller.opcua.link.namespaces import namespaces_of
from controller.opcua.link.security import Identity
from controller.opcua.link.timing import Timing
from controller.plant.plant import Security
from controller.plant.tags import Raw

NODES_MAX: Final = 50_000
_TIMING: Final = Timing(step_s=15.0)
_BROWSE_CHUNK: Final = 50
_READ_CHUNK: Final = 100
_OBJECTS: Final = ua.NodeId(ua.Int32(85), ua.Int16(0))
_HIERARCHICAL: Final = ua.NodeId(ua.Int32(33), ua.Int16(0))
_RAWS: Final = {raw.value: raw for raw in Raw}
_COUNTING: Final = frozenset((Raw.BYTE, Raw.UINT16, Raw.UINT32, Raw.UINT64, Raw.INT16, Raw.INT32, Raw.INT64))


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. path: browse names from Objects down. raw None: no type a tag can have.

    length: of an array, None for a scalar. moves: its number changed while we looked.
    """

    namespace: str
    identifier: str
    path: tuple[str, ...]
    text: str
    raw: Raw | None = None
    length: int | None = None
    status: int = 0
    readable: bool = True
    writable: bool = False
    unit: str = ""
    low: float | None = None
    high: float | None = None
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a server has. cut: there was more than NODES_MAX."""

    endpoint: str
    namespaces: tuple[str, ...]
    variables: tuple[Variable, ...]
    cut: bool = False


@asynccontextmanager
async def connected(
    endpoint: str, security: Security | None, identity: Identity | None
) -> AsyncIterator[Connection]:
    """A connection for looking only."""
    connection = Connection(endpoint, security or Security(), identity, _TIMING)
    try:
        await connection.open()
        yield connection
    except Refused as refused:
        raise LinkLost(refused.reason) from refused
    finally:
        await connection.close()


async def walk(
    endpoint: str,
    security: Security | None = None,
    identity: Identity | None = None,
    *,
    watch_s: float = 1.5,
) -> Found:
    """Browses everything, reads it, and reads whole numbers again after watch_s to see which move."""
    async with connected(endpoint, security, identity) as connection:
        namespaces = await namespaces_of(connection)
        places, properties, cut = await _browse(connection, namespaces)
        ids = list(places)
        values = await read(connection, [(node, ua.AttributeIds.Value) for node in ids])
        levels = await read(connection, [(node, ua.AttributeIds.AccessLevel) for node in ids])
        extras = await _extras(connection, properties)
        found = {
            node: _described(places[node], value, level, extras.get(node, {}))
            for node, value, level in zip(ids, values, levels, strict=True)
        }
        counting = [node for node in ids if found[node].raw in _COUNTING and found[node].length is None]
        await asyncio.sleep(watch_s)
        again = await read(connection, [(node, ua.AttributeIds.Value) for node in counting])
        before = dict(zip(ids, values, strict=True))
        for node, value in zip(counting, again, strict=True):
            moved = number_of(value) != number_of(before[node])
            found[node] = replace(found[node], moves=moved and number_of(value) is not None)
    return Found(endpoint, namespaces, tuple(found.values()), cut)


async def read(
    connection: Connection, wanted: Sequence[tuple[ua.NodeId, ua.AttributeIds]]
) -> list[ua.DataValue]:
    """One DataValue for each; what a server refuses to read at all comes as its Bad status."""
    answers: dict[int, ua.DataValue] = {}

    async def call(chunk: Sequence[int]) -> None:
        request = ua.ReadRequest()
        request.Parameters.NodesToRead = [
            ua.ReadValueId(NodeId=wanted[at][0], AttributeId=wanted[at][1]) for at in chunk
        ]
        response = await connection.call(request, ua.ReadResponse)
        answers.update(zip(chunk, response.Results, strict=False))

    def refused(at: int, status: int) -> None:
        answers[at] = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(status)))

    await in_chunks(range(len(wanted)), _READ_CHUNK, call, refused)
    return [answers.get(at, ua.DataValue()) for at in range(len(wanted))]


def kind_of(value: ua.DataValue) -> tuple[Raw | None, int | None]:
    """The type of a value as tags have it, and its length if it is an array."""
    variant = value.Value
    name = getattr(variant.VariantType, "name", "") if variant is not None else ""
    raw = _RAWS.get(name)
    if variant is None or not variant.is_array:
        return raw, None
    return raw, len(variant.Value or ())


def number_of(value: ua.DataValue) -> int | None:
    number = value.Value.Value if value.Value is not None else None
    return number if isinstance(number, int) else None


def status_of(value: ua.DataValue) -> int:
    return int(value.StatusCode.value) if value.StatusCode is not None else 0


def identifier_of(node: ua.NodeId) -> str:
    """'s=...', 'i=...', 'g=...' or 'b=...': the NodeId without its namespace."""
    identifier = node.Identifier
    if isinstance(identifier, int):
        return f"i={identifier}"
    if isinstance(identifier, bytes):
        return f"b={base64.b64encode(identifier).decode()}"
    return f"g={identifier}" if isinstance(identifier, uuid.UUID) else f"s={identifier}"


@dataclass(frozen=True, slots=True)
class _Place:
    namespace: str
    identifier: str
    path: tuple[str, ...]
    text: str


_Properties = dict[ua.NodeId, list[tuple[str, ua.NodeId]]]


async def _browse(
    connection: Connection, namespaces: tuple[str, ...]
) -> tuple[dict[ua.NodeId, _Place], _Properties, bool]:
    """Breadth first from Objects. Of namespace 0 only the properties of variables are looked at."""
    places: dict[ua.NodeId, _Place] = {}
    properties: _Properties = {}
    paths: dict[ua.NodeId, tuple[str, ...]] = {_OBJECTS: ()}
    level = [_OBJECTS]
    while level:
        following: list[ua.NodeId] = []
        for parent, reference in [pair async for pair in _references(connection, level)]:
            node = ua.NodeId(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex)
            name = reference.BrowseName.Name or ""
            if reference.BrowseName.NamespaceIndex == 0 and name in ("EURange", "EngineeringUnits"):
                properties.setdefault(parent, []).append((name, node))
                continue
            if node.NamespaceIndex in (0, 1) or node in paths:
                continue  # the standard's and the server's own nodes are no process values
            if len(paths) >= NODES_MAX:
                return places, properties, True
            paths[node] = (*paths[parent], name)
            following.append(node)
            if reference.NodeClass == ua.NodeClass.Variable:
                uri = namespaces[node.NamespaceIndex] if node.NamespaceIndex < len(namespaces) else ""
                text = (reference.DisplayName.Text or name).strip()
                places[node] = _Place(uri, identifier_of(node), paths[node], text)
        level = following
    return places, properties, False


async def _references(
    connection: Connection, nodes: Sequence[ua.NodeId]
) -> AsyncIterator[tuple[ua.NodeId, ua.ReferenceDescription]]:
    for start in range(0, len(nodes), _BROWSE_CHUNK):
        chunk = nodes[start : start + _BROWSE_CHUNK]
        request = ua.BrowseRequest()
        request.Parameters.RequestedMaxReferencesPerNode = ua.UInt32(1000)
        request.Parameters.NodesToBrowse = [_description(node) for node in chunk]
        answer = await connection.call(request, ua.BrowseResponse)
        waiting = list(zip(chunk, answer.Results, strict=False))
        while waiting:
            for node, result in waiting:
                for reference in result.References or ():
                    yield node, reference
            waiting = await _more(connection, waiting)


async def _more(
    connection: Connection, results: Iterable[tuple[ua.NodeId, ua.BrowseResult]]
) -> list[tuple[ua.NodeId, ua.BrowseResult]]:
    """What the servers kept back under a continuation point."""
    kept = [(node, result.ContinuationPoint) for node, result in results if result.ContinuationPoint]
    if not kept:
        return []
    request = ua.BrowseNextRequest()
    request.Parameters.ReleaseContinuationPoints = False
    request.Parameters.ContinuationPoints = [point for _, point in kept]
    answer = await connection.call(request, ua.BrowseNextResponse)
    return list(zip([node for node, _ in kept], answer.Parameters.Results, strict=False))


def _description(node: ua.NodeId) -> ua.BrowseDescription:
    wanted = ua.BrowseDescription()
    wanted.NodeId = node
    wanted.BrowseDirection = ua.BrowseDirection.Forward
    wanted.ReferenceTypeId = _HIERARCHICAL
    wanted.IncludeSubtypes = True
    wanted.NodeClassMask = ua.UInt32(ua.NodeClass.Object | ua.NodeClass.Variable)
    wanted.ResultMask = ua.UInt32(ua.BrowseResultMask.All)
    return wanted


async def _extras(connection: Connection, properties: _Properties) -> dict[ua.NodeId, dict[str, Any]]:
    """Values of the EURange and EngineeringUnits properties, by variable."""
    wanted = [(parent, name, node) for parent, named in properties.items() for name, node in named]
    values = await read(connection, [(node, ua.AttributeIds.Value) for _, _, node in wanted])
    extras: dict[ua.NodeId, dict[str, Any]] = {}
    for (parent, name, _), value in zip(wanted, values, strict=True):
        extras.setdefault(parent, {})[name] = value.Value.Value if value.Value is not None else None
    return extras


def _described(place: _Place, value: ua.DataValue, level: ua.DataValue, extras: dict[str, Any]) -> Variable:
    raw, length = kind_of(value)
    access = number_of(level) or 0
    unit, reach = extras.get("EngineeringUnits"), extras.get("EURange")
    return Variable(
        namespace=place.namespace,
        identifier=place.identifier,
        path=place.path,
        text=place.text,
        raw=raw,
        length=length,
        status=status_of(value),
        readable=bool(access & 1),
        writable=bool(access & 2),
        unit=unit.DisplayName.Text or "" if isinstance(unit, ua.EUInformation) else "",
        low=reach.Low if isinstance(reach, ua.Range) else None,
        high=reach.High if isinstance(reach, ua.Range) else None,
    )
