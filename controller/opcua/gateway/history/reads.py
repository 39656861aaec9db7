"""One node's read of values: what was asked, checked; and its next page, from disk, in a thread.

A page is bounded in values and in time. What a page does not reach is left for the next, so a read over
years costs the gateway no more than one over an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from asyncua import ua

from controller.opcua.gateway.history import raw, wire
from controller.opcua.gateway.history.aggregates import Aggregate, Result, processed
from controller.opcua.gateway.history.bounds import interpolated, simple
from controller.opcua.gateway.history.intervals import Intervals, count, divided
from controller.opcua.gateway.history.quality import GOOD_NO_DATA, Mask, Points, Setup, Times, kinds, points
from controller.opcua.gateway.history.records import Records, one_after_another
from controller.opcua.gateway.space.tag_types import tag_type
from controller.plant.tags import Kind, Tag
from controller.record.chunks import Rows
from controller.record.history import HOUR_NS, History

_V: Final = ua.VariantType
NONE: Final = points([], np.nan, 0)
ROWS_MAX: Final = 2_000_000  # that one page is calculated from: 60 MB; 115 days of a value every 5 s
AT_TIMES_A_STEP: Final = 100
REPLACED_BY: Final = "heloop"
_RESULTS: Final = {Result.DOUBLE: _V.Double, Result.COUNT: _V.Int32}
_TEXT_AGGREGATES: Final = frozenset({"Interpolative", "Count", "Start", "End"})
_STEPPED: Final = frozenset({Kind.DISCRETE, Kind.STATE, Kind.WORD, Kind.TEXT})


class Answer(NamedTuple):
    """status: of the read; position: where the next page goes on. more: there is a next page."""

    status: int
    data: ua.ExtensionObject | None = None
    position: Any = None
    more: bool = False


class Refused(Exception):
    """This one read cannot be done; code: why."""

    def __init__(self, code: int) -> None:
        super().__init__(hex(code))
        self.code = code


class Read(Protocol):
    """page: the next values, at most `limit`, in a thread. Raises Refused, RecordError, sqlite3.Error.

    nothing: a page without values, for when there was no time to begin.
    """

    def nothing(self) -> ua.ExtensionObject: ...

    def page(self, history: History, position: Any, limit: int, deadline_s: float) -> Answer: ...


def no_values() -> ua.ExtensionObject:
    return wire.history_data(NONE, _V.Double)


def is_stepped(tag: Tag) -> bool:
    """Between two of its values the first stands (Part 11, 5.2.3, Stepped)."""
    return tag.kind in _STEPPED


def setup_of(tag: Tag, asked: ua.AggregateConfiguration | None = None) -> Setup:
    """As the client wants it, or the server's defaults. Raises Refused for one that is none."""
    if asked is None or asked.UseServerCapabilitiesDefaults:
        return Setup(stepped=is_stepped(tag))
    setup = Setup(
        stepped=is_stepped(tag),
        uncertain_is_bad=bool(asked.TreatUncertainAsBad),
        percent_bad=int(asked.PercentDataBad),
        percent_good=int(asked.PercentDataGood),
        sloped_extrapolation=bool(asked.UseSlopedExtrapolation),
    )
    if not setup.possible():
        raise Refused(ua.StatusCodes.BadAggregateInvalidInputs)
    return setup


@dataclass(frozen=True, slots=True)
class RawRead:
    tag: Tag
    what: raw.Wanted

    def nothing(self) -> ua.ExtensionObject:
        return wire.modified_data(NONE, NONE.time_ns, "", _V.Double) if self.what.modified else no_values()

    def page(self, history: History, position: Any, limit: int, deadline_s: float) -> Answer:
        records = Records(history, self.tag.name, deadline_s)
        found = raw.page(self.what, position, records, limit)
        kind = tag_type(self.tag).kind
        if self.what.modified:
            own = found.points._replace(time_ns=found.rows.original_ns)
            data = wire.modified_data(own, found.rows.time_ns, REPLACED_BY, kind, records.texts)
        else:
            data = wire.history_data(found.points, kind, records.texts)
        nothing = not len(found.points.time_ns) and found.next is None and position is None
        return Answer(GOOD_NO_DATA if nothing else 0, data, found.next, found.next is not None)


@dataclass(frozen=True, slots=True)
class ProcessedRead:
    """position: how many intervals are told."""

    tag: Tag
    start_ns: int
    end_ns: int
    interval_ms: float
    aggregate: Aggregate
    setup: Setup

    def nothing(self) -> ua.ExtensionObject:
        return no_values()

    def page(self, history: History, position: Any, limit: int, deadline_s: float) -> Answer:
        records = Records(history, self.tag.name, deadline_s)
        if self.tag.kind is Kind.TEXT and self.aggregate.name not in _TEXT_AGGREGATES:
            raise Refused(ua.StatusCodes.BadAggregateInvalidInputs)
        told, number = position or 0, limit
        while True:
            intervals = divided(self.start_ns, self.end_ns, self.interval_ms, told, number)
            around = _around(records, self.setup, int(intervals.low[0]), int(intervals.high[-1]))
            if around is not None:
                break
            if len(intervals) == 1:
                raise Refused(ua.StatusCodes.BadTimeout)  # no page can be shorter than one interval
            number = max(1, len(intervals) // 8)
        answer = self._calculated(records, around, intervals)
        told += len(intervals)
        more = told < count(self.start_ns, self.end_ns, self.interval_ms)
        kind = _RESULTS.get(self.aggregate.result, tag_type(self.tag).kind)
        return Answer(0, wire.history_data(answer, kind, records.texts), told, more)

    def _calculated(self, records: Records, around: Rows, intervals: Intervals) -> Points:
        rows = with_standing(around, records.until_ns)
        return processed(self.aggregate, rows, intervals, self.setup, standing=rows is not around)


@dataclass(frozen=True, slots=True)
class AtTimeRead:
    """position: how many times are told."""

    tag: Tag
    times_ns: tuple[int, ...]
    simple_bounds: bool

    def nothing(self) -> ua.ExtensionObject:
        return no_values()

    def page(self, history: History, position: Any, limit: int, deadline_s: float) -> Answer:
        records = Records(history, self.tag.name, deadline_s)
        told = position or 0
        parts: list[Points] = []
        end = min(told + limit, len(self.times_ns))
        while told < end:
            step = np.array(self.times_ns[told : min(end, told + AT_TIMES_A_STEP)], np.int64)
            parts.append(self._at(records, step))
            told += len(step)
            if records.late():
                break
        answer = Points(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        data = wire.history_data(answer, tag_type(self.tag).kind, records.texts)
        return Answer(0, data, told, told < len(self.times_ns))

    def _at(self, records: Records, times_ns: Times) -> Points:
        """In the order asked for; times that lie close together are looked up together."""
        setup = setup_of(self.tag)
        order = np.argsort(times_ns, kind="stable")
        ordered = times_ns[order]
        answer = points(times_ns, np.nan, 0)
        edges = [0, *(np.flatnonzero(np.diff(ordered) > HOUR_NS) + 1).tolist(), len(ordered)]
        for first, after in pairwise(edges):
            cluster, places = ordered[first:after], order[first:after]
            around = _around(records, setup, int(cluster[0]), int(cluster[-1]))
            if around is None:
                raise Refused(ua.StatusCodes.BadTimeout)
            rows = with_standing(around, records.until_ns)
            how = kinds(rows, setup)
            if self.simple_bounds:
                found = simple(rows, how, setup, cluster)
            else:
                found = interpolated(rows, how, setup, cluster, stepped=setup.stepped)
            answer.values[places] = found.values
            answer.status[places] = found.status
            answer.given[places] = found.given
        return answer


def _around(records: Records, setup: Setup, low: int, high: int) -> Rows | None:
    """The rows of [low, high] with what bounds them; None: too many, or not in the time there is."""

    def usable(rows: Rows) -> Mask:
        return kinds(rows, setup).usable

    inside = records.forward(low, high + 1, ROWS_MAX)
    if inside.reached_ns < high + 1:
        return None
    return one_after_another(records.before(low, usable), inside.rows, records.after(high + 1, usable))


def with_standing(rows: Rows, until_ns: int) -> Rows:
    """With a last row more when the newest value stands until then: PLCs report changes only.

    The same rows when nothing is to be added.
    """
    if not len(rows) or rows.time_ns[-1] >= until_ns:
        return rows
    last = rows.where(slice(len(rows) - 1, None))
    standing = Rows(np.array([until_ns], np.int64), last.values, last.status, last.flags, last.original_ns)
    return one_after_another(rows, standing)
