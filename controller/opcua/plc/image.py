"""The memory of one PLC: raw values by node, and where in them each tag lies.

Pure. Tags come in engineering units and leave as the numbers, bits, array elements and word pairs that
the PLC would show; only what changed is handed on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Final

from alarms.signal import BAD_SENSOR_FAILURE, GOOD, is_bad
from controller.plant.plant import Plant
from controller.plant.scaling import BITS, FLOATS, SIGNED, from_raw, raw_bounds, split, to_raw
from controller.plant.tags import NodeSource, Raw, Tag

Scalar = bool | int | float | str

ZERO: Final[dict[Raw, Scalar]] = {Raw.BOOLEAN: False, Raw.STRING: "", Raw.FLOAT: 0.0, Raw.DOUBLE: 0.0}


@dataclass(slots=True, eq=False)
class Node:
    """One node: its raw value (`cells`, one unless it is an array), its status, the tags it carries.

    command: the tag a client may write through it; None = read only.
    """

    namespace: str
    identifier: str
    raw: Raw
    cells: list[Scalar]
    array: bool = False
    status: int = GOOD
    tags: list[int] = field(default_factory=list)
    command: Tag | None = None
    text: str = ""
    changed: bool = False

    @property
    def value(self) -> Scalar | list[Scalar]:
        return list(self.cells) if self.array else self.cells[0]


@dataclass(slots=True, eq=False)
class Place:
    """Where a tag lies in its node, and what was last put there."""

    tag: Tag
    source: NodeSource
    node: Node
    value: float | str | None = None
    status: int = -1
    low: float = -inf
    high: float = inf

    def __post_init__(self) -> None:
        """low, high: what the type can hold. A PLC's converter saturates; it does not wrap."""
        bounds = raw_bounds(self.source.raw, self.source.words)
        if bounds is not None and self.source.bit is None:
            ends = [bound * self.source.scale + self.source.offset for bound in bounds]
            self.low, self.high = min(ends), max(ends)

    def raw(self) -> Scalar:
        """The number, bit or text that stands for the present value."""
        if isinstance(self.value, str):
            return to_raw(self.tag, self.value)
        assert self.value is not None
        return to_raw(self.tag, min(max(self.value, self.low), self.high))


class Image:
    """All nodes of one PLC, in the order of the tags in its map."""

    def __init__(self, plant: Plant, plc: int) -> None:
        self.nodes: dict[tuple[str, str], Node] = {}
        self.places: dict[int, Place] = {}
        for tag in plant.tags:
            if isinstance(tag.source, NodeSource) and tag.source.plc == plc:
                self._place(tag, tag.source)

    def _place(self, tag: Tag, source: NodeSource) -> None:
        key = (source.namespace, source.identifier)
        zero = ZERO.get(source.raw, 0)
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = Node(*key, source.raw, [zero])
        if source.element is not None or source.words > 1:
            last = (source.element or 0) + source.words
            node.array = True
            node.cells.extend([zero] * (last - len(node.cells)))
        if tag.access == "command" and source.bit is None and not node.array:
            node.command = tag
        node.tags.append(tag.index)
        node.text = tag.text if len(node.tags) == 1 else f"{len(node.tags)} signals"
        self.places[tag.index] = Place(tag, source, node)

    def update(self, readings: Iterable[tuple[int, float | str, int]]) -> list[Node]:
        """Takes the machine's readings over; returns the nodes whose raw value or status changed."""
        changed: list[Node] = []
        for index, value, status in readings:
            place = self.places.get(index)
            if place is None or (value == place.value and status == place.status):
                continue
            place.value, place.status = value, status
            if self._put(place) and not place.node.changed:
                place.node.changed = True
                changed.append(place.node)
        for node in changed:
            node.changed = False
        return changed

    def _put(self, place: Place) -> bool:
        """Lays one tag's value into its node; true when that changed anything."""
        node, source, status = place.node, place.source, place.status
        broken = is_bad(status) or not (isinstance(place.value, str) or isfinite(place.value or 0.0))
        altered = False
        if broken and source.sentinels:
            # Such a PLC knows no quality: a broken sensor is a number that cannot be, status Good.
            altered = self._lay(node, source, source.sentinels[0])
            status = GOOD
        elif not broken:
            altered = self._lay(node, source, place.raw())
        elif not is_bad(status):
            status = BAD_SENSOR_FAILURE
        if len(node.tags) > 1:
            # A word of bits or an array has one status: bad only when nothing in it can be trusted.
            status = GOOD if any(not is_bad(self.places[tag].status) for tag in node.tags) else status
        altered = altered or status != node.status
        node.status = status
        return altered

    def _lay(self, node: Node, source: NodeSource, cell: Scalar) -> bool:
        at = source.element or 0
        if source.bit is not None:
            cells: list[Scalar] = [_with_bit(source.raw, int(node.cells[at]), source.bit, on=bool(cell))]
        elif source.words > 1:
            cells = list(split(source, int(cell)))
        else:
            cells = [_fit(source.raw, cell)]
        if node.cells[at : at + len(cells)] == cells:
            return False
        node.cells[at : at + len(cells)] = cells
        return True

    def accept(self, node: Node, raw: bool | int | float) -> tuple[int, float]:
        """A client wrote raw into a command node: what that means as (tag index, engineering value)."""
        assert node.command is not None, f"{node.identifier} is not for writing"
        node.cells[0] = raw
        self.places[node.command.index].value = None  # the machine's next word on it counts again
        value, _ = from_raw(node.command, raw)
        return node.command.index, float(value)


def _fit(raw: Raw, cell: Scalar) -> Scalar:
    """A cell of the exact Python type of its node."""
    if raw is Raw.BOOLEAN:
        return bool(cell)
    if raw in FLOATS:
        return float(cell)
    return round(cell) if isinstance(cell, float) else cell


def _with_bit(raw: Raw, word: int, bit: int, *, on: bool) -> int:
    """The word with one bit set or cleared, as its type shows it: bit 15 of an Int16 is its sign."""
    width = BITS[raw]
    word = word & ((1 << width) - 1) & ~(1 << bit) | on << bit
    return word - (1 << width) if raw in SIGNED and word >> (width - 1) else word
