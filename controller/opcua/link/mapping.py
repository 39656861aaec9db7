"""Decoded items -> one `Batch`: engineering units, honest statuses, texts in their own lane.

A value that is Bad is NaN: nobody can mistake it for the last good one. A Good value that cannot be meant
(NaN, a sentinel, another type than the map says) becomes Bad here, with a status that says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.inputs import Batch
from controller.opcua.decoding import Items, Other
from controller.opcua.link.points import ARRAY, KINDS, Node, Table
from controller.opcua.status import (
    BAD,
    BAD_INDEX_RANGE_NO_DATA,
    BAD_NO_DATA,
    BAD_OUT_OF_RANGE,
    BAD_SENSOR_FAILURE,
    BAD_TYPE_MISMATCH,
    NODE_LOST,
    OVERFLOW,
    without_overflow,
)
from controller.plant.scaling import SENTINEL_TOLERANCE, joined
from controller.plant.tags import NodeSource, Raw

_TYPE_AND_ARRAY = ARRAY | 0x3F
_NODE_LOST = np.array(sorted(NODE_LOST), np.uint32)
_STRIPPED = np.frompyfunc(without_overflow, 1, 1)


class Mapped(NamedTuple):
    """The batch, and what was noticed on the way: overflow bits, nodes that went away, wrong types."""

    batch: Batch
    overflows: int
    nodes_lost: tuple[int, ...]
    wrong_types: tuple[int, ...]
    clock: Any = None


def mapped(table: Table, items: Items) -> Mapped:
    """Everything `items` say about the tags of `table`, oldest first per tag."""
    if not items.others and (plain := _plain(table, items)) is not None:
        return Mapped(plain, 0, (), ())
    slow: list[Other] = list(items.others)
    known = items.handles < len(table.nodes)
    if not known.all() or (len(known) and table.slow[items.handles].any()):
        is_slow = known.copy()
        is_slow[known] = table.slow[items.handles[known]]
        slow = sorted([*slow, *_as_others(items, is_slow)], key=lambda other: other.at)
        items = _only(items, known & ~is_slow)
    handles, raw, status, source_ns, kinds, _ = items
    overflow = (status & OVERFLOW) == OVERFLOW
    overflows = int(np.count_nonzero(overflow))
    if overflows:
        status = status.copy()
        status[overflow] = _STRIPPED(status[overflow]).astype(np.uint32)
    lost = handles[np.isin(status, _NODE_LOST)] if (status & BAD).any() else handles[:0]
    rows, repeat = _rows(table, handles)
    if repeat is not None:
        raw, status, source_ns, kinds = raw[repeat], status[repeat], source_ns[repeat], kinds[repeat]
    values, status, wrong = _converted(table, rows, raw, status, kinds)
    batch = Batch(table.plc, table.points.tag[rows], values, status, source_ns)
    result = Mapped(batch, overflows, tuple(lost.tolist()), tuple(table.points.tag[rows[wrong]].tolist()))
    return _with_slow(table, result, slow) if slow else result


def _plain(table: Table, items: Items) -> Batch | None:
    """The usual case in few steps: one number per node, all Good, of the map's types, nothing special."""
    handles, points = items.handles, table.points
    if not len(handles) or handles.max() >= len(table.nodes) or items.status.any():
        return None
    if not table.plain[handles].all():
        return None
    rows = table.first[handles]
    if not (items.kinds == points.kind[rows]).all():
        return None
    values = items.values * points.times[rows] / points.per[rows] + points.offset[rows]
    if not np.isfinite(values).all():
        return None
    return Batch(table.plc, points.tag[rows], values, items.status, items.source_ns)


def _only(items: Items, keep: NDArray[np.bool_]) -> Items:
    handles, values, status, source_ns, kinds, _ = items
    return Items(handles[keep], values[keep], status[keep], source_ns[keep], kinds[keep])


def _rows(table: Table, handles: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """The points of each handle, and the position each comes from (None: one point per handle)."""
    first, count = table.first[handles], table.count[handles]
    if (count == 1).all():
        return first, None
    repeat = np.repeat(np.arange(len(handles)), count)
    within = np.arange(len(repeat)) - np.repeat(np.cumsum(count) - count, count)
    return first[repeat] + within, repeat


def _converted(
    table: Table,
    rows: NDArray[np.int64],
    raw: NDArray[np.float64],
    status: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
) -> tuple[NDArray[np.float64], NDArray[np.uint32], NDArray[np.bool_]]:
    """Values in engineering units, their statuses, and which rows came in another type than the map says."""
    points = table.points
    with np.errstate(all="ignore"):  # a number too large for its arithmetic becomes infinite, then Bad
        values = raw * points.times[rows] / points.per[rows] + points.offset[rows]
        bits = points.bit[rows]
        is_bit = bits >= 0
        if is_bit.any():
            words = np.where(np.isfinite(raw), raw, 0.0).astype(np.int64)
            values[is_bit] = ((words >> np.maximum(bits, 0)) & 1 == points.active_when[rows])[is_bit]
    wrong = (kinds != points.kind[rows]) & (kinds != 0)
    unusable = ~np.isfinite(values) | ~np.isfinite(raw)
    broken = _is_sentinel(raw, points.sentinels[rows]) if points.sentinels.shape[1] else None
    if unusable.any() or wrong.any() or (broken is not None and broken.any()):
        good_enough = (status & BAD) == 0
        if broken is not None:
            status = np.where(broken & good_enough, BAD_SENSOR_FAILURE, status)
        status = np.where(unusable & good_enough, BAD_OUT_OF_RANGE, status)
        status = np.where((kinds == 0) & good_enough, BAD_NO_DATA, status)
        status = np.where(wrong & good_enough, BAD_TYPE_MISMATCH, status).astype(np.uint32)
    bad = (status & BAD) != 0
    if bad.any():
        values[bad] = np.nan
    return values, status, wrong


def _is_sentinel(raw: NDArray[np.float64], sentinels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each number is one of its row's sentinels, as close as scaling.from_raw takes them."""
    sent = raw[:, None]
    near = SENTINEL_TOLERANCE * np.maximum(np.abs(sent), np.abs(sentinels))
    return np.asarray((np.abs(sent - sentinels) <= near).any(axis=1))


def _as_others(items: Items, rows: NDArray[np.bool_]) -> Iterator[Other]:
    """Items of slow nodes that came through the fast lane: nulls, or a number where a text should be."""
    for at in np.flatnonzero(rows).tolist():
        kind = int(items.kinds[at])
        value = None if kind == 0 else float(items.values[at])
        handle, status = int(items.handles[at]), int(items.status[at])
        yield Other(at, handle, value, status, int(items.source_ns[at]), kind)


def _with_slow(table: Table, done: Mapped, slow: list[Other]) -> Mapped:
    """Adds texts, and numbers taken out of arrays, to what the fast lane made."""
    numbers: list[tuple[int, float, int, int, int]] = []
    texts: list[tuple[int, str, int, int]] = []
    overflows, clock = done.overflows, done.clock
    lost, wrong = list(done.nodes_lost), list(done.wrong_types)
    for other in slow:
        if other.handle == table.clock_handle:
            clock = other.value
        if other.handle >= len(table.nodes):
            continue
        node = table.nodes[other.handle]
        status = without_overflow(other.status)
        overflows += status != other.status
        if status in NODE_LOST:
            lost.append(other.handle)
        if node.raw is Raw.STRING:
            text, status = _text(other.value, status)
            texts.extend((tag.index, text, status, other.source_ns) for tag in node.tags)
            wrong.extend(tag.index for tag in node.tags if status == BAD_TYPE_MISMATCH)
        else:
            numbers.extend(_numbers(table, node, other._replace(status=status)))
    batch = done.batch
    if numbers:
        rows, raw, statuses, times, kinds = (np.array(column) for column in zip(*numbers, strict=True))
        values, status_array, mistyped = _converted(
            table, rows, raw.astype(np.float64), statuses.astype(np.uint32), kinds.astype(np.uint8)
        )
        wrong.extend(table.points.tag[rows[mistyped]].tolist())
        batch = Batch(
            batch.plc,
            np.concatenate((batch.tags, table.points.tag[rows])),
            np.concatenate((batch.values, values)),
            np.concatenate((batch.status, status_array)),
            np.concatenate((batch.source_ns, times.astype(np.int64))),
        )
    batch = Batch(batch.plc, batch.tags, batch.values, batch.status, batch.source_ns, tuple(texts))
    return Mapped(batch, overflows, tuple(lost), tuple(wrong), clock)


def _text(value: Any, status: int) -> tuple[str, int]:
    if isinstance(value, str):
        return value, status
    if status & BAD:
        return "", status
    return "", BAD_NO_DATA if value is None else BAD_TYPE_MISMATCH


def _numbers(table: Table, node: Node, other: Other) -> Iterator[tuple[int, float, int, int, int]]:
    """(point, raw number, status, source time, type) for each tag that a node's array feeds."""
    kind = other.kind & _TYPE_AND_ARRAY
    elements = np.ravel(other.value) if other.kind & ARRAY and kind == KINDS[node.raw] | ARRAY else None
    for at, tag in enumerate(node.tags):
        row = int(table.first[node.handle]) + at
        assert isinstance(tag.source, NodeSource)
        raw, status = _element(elements, tag.source, other.status)
        yield row, raw, status, other.source_ns, kind


def _element(elements: NDArray[Any] | None, source: NodeSource, status: int) -> tuple[float, int]:
    """One element, or the 32-bit number in two of them, low word first where the map says so."""
    if elements is None or status & BAD:
        return float("nan"), status
    at = source.element or 0
    if at + source.words > len(elements):
        return float("nan"), BAD_INDEX_RANGE_NO_DATA
    if source.words == 1:
        return float(elements[at]), status
    return float(joined(source, elements[at : at + 2].tolist())), status
