"""Raw values with their bounds, page by page, in either direction (Part 11, 4.6 and 6.5.3.2).

A read starts at its origin and goes towards its far end. Bounds are the values at the two, or the nearest
outside; where there is none, a null value with BadBoundNotFound stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from controller.opcua.gateway.history.quality import BAD_BOUND_NOT_FOUND, Points, points
from controller.opcua.gateway.history.records import UNENDING, Found, Records, one_after_another
from controller.record.chunks import Rows, no_rows
from controller.record.samples import REPLACED

MODIFIED_SPAN: Final = 100_000
# The stand-in for a bound beyond an end that was not named (Part 11, 4.6, notes of Table 1).
_ONE_S_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """far_ns None: as many values as it takes. most: values in all, or per page when both times are given.

    0 is no limit. bounds: the bounding values are wanted too. modified: what was replaced is, instead.
    """

    origin_ns: int
    far_ns: int | None
    backward: bool
    most: int = 0
    bounds: bool = False
    modified: bool = False


class Position(NamedTuple):
    """Where the next page goes on. left: values still owed, when only one time was given."""

    from_ns: int
    left: int
    last_ns: int | None


class Page(NamedTuple):
    """rows belong to all points but the stand-ins: original times of modified values are there."""

    points: Points
    rows: Rows
    next: Position | None


def wanted(
    start_ns: int | None, end_ns: int | None, most: int, *, bounds: bool, modified: bool
) -> Wanted | None:
    """None: less than two of start, end and number were given."""
    if start_ns is None and end_ns is None:
        return None
    if start_ns is None or end_ns is None:
        if most == 0:
            return None
        backward = start_ns is None
        origin = end_ns if start_ns is None else start_ns
        assert origin is not None
        return Wanted(origin, None, backward, most, bounds, modified)
    return Wanted(start_ns, end_ns, end_ns < start_ns, most, bounds, modified)


def page(what: Wanted, position: Position | None, records: Records, limit: int) -> Page:
    """The next values, at most `limit`."""
    if what.far_ns is None:
        left = position.left if position else what.most
        room, owed = min(left, limit), left
    else:
        room = min(what.most, limit) if what.most else limit
        owed = UNENDING
    told = _Told(what)
    if position is None:
        start = told.origin(records)
    else:
        start, told.last_ns = position.from_ns, position.last_ns
    reached, exhausted = told.inside(records, start, room)
    if exhausted and what.bounds and told.count < room:
        told.far_end(records)
    elif exhausted and not (what.bounds and told.count < owed):
        return Page(told.points(), told.rows(), None)
    elif told.count < owed:
        return Page(told.points(), told.rows(), Position(reached, owed - told.count, told.last_ns))
    return Page(told.points(), told.rows(), None)


class _Told:
    """What a page holds so far, in the order of telling."""

    def __init__(self, what: Wanted) -> None:
        self._what = what
        self._parts: list[Points] = []
        self._rows: list[Rows] = []
        self.count = 0
        self.last_ns: int | None = None

    def origin(self, records: Records) -> int:
        """Tells the bound at the origin when it is wanted; returns from where the rest goes on."""
        what = self._what
        if not what.bounds:
            return what.origin_ns + 1 if what.backward else what.origin_ns
        nearest = _nearest(records, what.origin_ns, after=what.backward)
        if len(nearest):
            self._add(nearest)
        else:
            self._stand_in(what.origin_ns)
        return what.origin_ns if what.backward else what.origin_ns + 1

    def inside(self, records: Records, from_ns: int, room: int) -> tuple[int, bool]:
        """Tells what lies between; (where it goes on, whether nothing is left there)."""
        what = self._what
        room -= self.count
        if what.backward:
            low, high = 0 if what.far_ns is None else what.far_ns + 1, from_ns
        else:
            far = UNENDING if what.far_ns is None else what.far_ns
            low, high = from_ns, max(far, what.origin_ns + (not what.bounds))
        if low >= high:
            return from_ns, True
        found = _replaced(what, records, low, high, room + 1) if what.modified else None
        found = found or _between(what, records, low, high, room + 1)
        if len(found.rows) > room:
            return self._add_cut(found.rows, room), False
        self._add(_directed(found.rows, what))
        return found.reached_ns, found.reached_ns == (low if what.backward else high)

    def _add_cut(self, rows: Rows, room: int) -> int:
        """One row more was found than fits: there is a next page, which begins with it."""
        if self._what.backward:
            self._add(_directed(rows.where(slice(len(rows) - room, None)), self._what))
            return int(rows.time_ns[len(rows) - room - 1]) + 1
        self._add(rows.where(slice(0, room)))
        return int(rows.time_ns[room])

    def far_end(self, records: Records) -> None:
        """The bound at the far end, or what stands in for it."""
        what = self._what
        if what.far_ns is None:
            last = what.origin_ns if self.last_ns is None else self.last_ns
            self._stand_in(last - _ONE_S_NS if what.backward else last + _ONE_S_NS)
            return
        same = what.far_ns == what.origin_ns  # a span of nothing: the value at it was told already
        nearest = _nearest(records, what.far_ns + same, after=not what.backward)
        if len(nearest):
            self._add(nearest)
        else:
            self._stand_in(what.far_ns)

    def points(self) -> Points:
        if not self._parts:
            return _points(no_rows())
        return Points(*(np.concatenate(columns) for columns in zip(*self._parts, strict=True)))

    def rows(self) -> Rows:
        return one_after_another(*self._rows)

    def _add(self, rows: Rows) -> None:
        if len(rows):
            self._parts.append(_points(rows))
            self._rows.append(rows)
            self.count += len(rows)
            self.last_ns = int(rows.time_ns[-1])

    def _stand_in(self, time_ns: int) -> None:
        self._parts.append(points([time_ns], np.nan, BAD_BOUND_NOT_FOUND, given=False))
        self.count += 1


def _between(what: Wanted, records: Records, low: int, high: int, most: int) -> Found:
    return records.backward(low, high, most) if what.backward else records.forward(low, high, most)


def _replaced(what: Wanted, records: Records, low: int, high: int, most: int) -> Found:
    """Only rows whose time was replaced. They are rare: much is looked at for a page."""
    parts: list[Rows] = []
    missing = most
    while low < high and missing > 0:
        found = _between(what, records, low, high, MODIFIED_SPAN)
        parts.append(found.rows.where((found.rows.flags & REPLACED) > 0))
        missing -= len(parts[-1])
        low, high = (low, found.reached_ns) if what.backward else (found.reached_ns, high)
        if records.late():
            break
    rows = one_after_another(*(parts[::-1] if what.backward else parts))
    if missing < 0:
        rows = rows.where(slice(len(rows) - most, None) if what.backward else slice(0, most))
    return Found(rows, high if what.backward else low)


def _nearest(records: Records, at_ns: int, *, after: bool) -> Rows:
    """The row at the time, or else the nearest before or after it."""
    if after:
        return records.after(at_ns, _any).where(slice(0, 1))
    rows = records.before(at_ns + 1, _any)
    return rows.where(slice(len(rows) - 1, None)) if len(rows) else rows


def _any(rows: Rows) -> np.ndarray:
    return np.ones(len(rows), np.bool_)


def _directed(rows: Rows, what: Wanted) -> Rows:
    return rows.where(slice(None, None, -1)) if what.backward else rows


def _points(rows: Rows) -> Points:
    # A Bad row keeps the last value the PLC had; clients get it with its status, as they do live.
    return points(rows.time_ns, rows.values, rows.status, ~np.isnan(rows.values))
