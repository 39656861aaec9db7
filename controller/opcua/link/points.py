"""From nodes to tags: which node feeds which tags, and the arithmetic between them, as arrays.

A node (one monitored item; its handle is its row here) feeds one or more points, a point one tag: the whole
number, one bit, one element of an array, or two words of it. Points of a node stand together, so a
notification becomes a batch by indexing, whatever it is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.plant.plant import Plant
from controller.plant.scaling import factors
from controller.plant.tags import NodeSource, Raw, Tag

# Built-in type numbers (Part 6, 5.1.2).
KINDS: Final[dict[Raw, int]] = {raw: number for number, raw in enumerate(Raw, start=1)}
ARRAY: Final = 0x80
_FAST: Final = "fast"
_SLOW: Final = "other"


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the PLC. group: the subscription it goes into."""

    handle: int
    namespace: str
    identifier: str
    raw: Raw
    tags: tuple[Tag, ...]
    group: str

    @property
    def name(self) -> str:
        """For people: the tags and where they come from."""
        names = ", ".join(tag.name for tag in self.tags[:4])
        more = f" and {len(self.tags) - 4} more" if len(self.tags) > 4 else ""
        return f"{names}{more} ({self.identifier})"


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """One row per tag: raw * times / per + offset. bit -1: the whole value.

    sentinels: raw values, rows padded with NaN (never equal).
    """

    tag: NDArray[np.int32]
    kind: NDArray[np.uint8]
    times: NDArray[np.float64]
    per: NDArray[np.float64]
    offset: NDArray[np.float64]
    bit: NDArray[np.int64]
    active_when: NDArray[np.int64]
    sentinels: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """All nodes of one PLC. Points of node h are first[h] .. first[h] + count[h].

    slow: nodes that feed texts or take elements out of arrays. plain: nodes that feed one number by scale
    and offset alone. clock_handle: ServerStatus.CurrentTime, which
    has no tag.
    """

    plc: int
    nodes: tuple[Node, ...]
    points: Points
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    slow: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    of_tag: dict[int, tuple[Node, Tag]]

    @property
    def clock_handle(self) -> int:
        return len(self.nodes)

    def groups(self) -> dict[str, tuple[Node, ...]]:
        """Nodes by subscription: the fast one, then one per scalar type, then what is slow to decode."""
        names = sorted(
            {node.group for node in self.nodes}, key=lambda name: (name != _FAST, name == _SLOW, name)
        )
        return {name: tuple(node for node in self.nodes if node.group == name) for name in names}


def table_of(plant: Plant, plc: int) -> Table:
    """The nodes behind the plant's tags of one PLC; the interlocks' first, then in the order of the map."""
    by_node: dict[tuple[str, str], list[tuple[Tag, NodeSource]]] = {}
    for tag in plant.tags:
        if isinstance(tag.source, NodeSource) and tag.source.plc == plc:
            by_node.setdefault((tag.source.namespace, tag.source.identifier), []).append((tag, tag.source))
    ordered = sorted(by_node.items(), key=lambda item: _rank(item[1]))
    nodes: list[Node] = []
    rows: list[tuple[Tag, NodeSource]] = []
    of_tag: dict[int, tuple[Node, Tag]] = {}
    for handle, ((namespace, identifier), fed) in enumerate(ordered):
        tags = tuple(tag for tag, _ in fed)
        node = Node(handle, namespace, identifier, fed[0][1].raw, tags, _group(fed))
        nodes.append(node)
        rows.extend(fed)
        of_tag.update((tag.index, (node, tag)) for tag in tags)
    counts = np.array([len(node.tags) for node in nodes], np.int64)
    return Table(
        plc=plc,
        nodes=tuple(nodes),
        points=_points(rows),
        first=np.concatenate(([0], np.cumsum(counts)[:-1])) if nodes else counts,
        count=counts,
        slow=np.array([_is_slow(fed) for _, fed in ordered], np.bool_),
        plain=np.array([_is_plain(fed) for _, fed in ordered], np.bool_),
        of_tag=of_tag,
    )


def _rank(fed: list[tuple[Tag, NodeSource]]) -> tuple[bool, int]:
    """Fast nodes first and by type, so that runs of one layout in a mixed notification are long."""
    return not any(tag.fast for tag, _ in fed), KINDS[fed[0][1].raw] if any(tag.fast for tag, _ in fed) else 0


def _is_slow(fed: list[tuple[Tag, NodeSource]]) -> bool:
    return any(
        source.raw is Raw.STRING or source.element is not None or source.words > 1 for _, source in fed
    )


def _is_plain(fed: list[tuple[Tag, NodeSource]]) -> bool:
    source = fed[0][1]
    return len(fed) == 1 and not _is_slow(fed) and source.bit is None and not source.sentinels


def _group(fed: list[tuple[Tag, NodeSource]]) -> str:
    if any(tag.fast for tag, _ in fed):
        return _FAST
    return _SLOW if _is_slow(fed) else fed[0][1].raw.value


def _points(rows: Sequence[tuple[Tag, NodeSource]]) -> Points:
    sources = [source for _, source in rows]
    times, per, offset = np.array([factors(source) for source in sources], np.float64).reshape(-1, 3).T
    widest = max((len(source.sentinels) for source in sources), default=0)
    sentinels = np.full((len(rows), widest), np.nan)
    for row, source in enumerate(sources):
        sentinels[row, : len(source.sentinels)] = source.sentinels
    return Points(
        tag=np.array([tag.index for tag, _ in rows], np.int32),
        kind=np.array([_kind(source) for source in sources], np.uint8),
        times=times.copy(),
        per=per.copy(),
        offset=offset.copy(),
        bit=np.array([-1 if source.bit is None else source.bit for source in sources], np.int64),
        active_when=np.array([source.active_when for source in sources], np.int64),
        sentinels=sentinels,
    )


def _kind(source: NodeSource) -> int:
    is_array = source.element is not None or source.words > 1
    return KINDS[source.raw] | ARRAY if is_array else KINDS[source.raw]
