"""The aggregates there are, by the node id of their AggregateFunction object (Part 13, 4.2.2, 5.4.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from controller.opcua.gateway.history import counted, durations
from controller.opcua.gateway.history.intervals import Intervals, Question, question
from controller.opcua.gateway.history.quality import Points, Setup
from controller.record.chunks import Rows


class Result(Enum):
    """What type an aggregate's value has."""

    SOURCE = "as the tag's"
    DOUBLE = "Double"
    COUNT = "Int32"


class Aggregate(NamedTuple):
    """number: of its node in the standard namespace."""

    name: str
    number: int
    calculate: Callable[[Question], Points]
    result: Result


_ALL: Final = (
    Aggregate("Interpolative", 2341, durations.interpolative, Result.SOURCE),
    Aggregate("Average", 2342, counted.average, Result.DOUBLE),
    Aggregate("TimeAverage", 2343, durations.time_average, Result.DOUBLE),
    Aggregate("Total", 2344, durations.total, Result.DOUBLE),
    Aggregate("Minimum", 2346, counted.minimum, Result.SOURCE),
    Aggregate("Maximum", 2347, counted.maximum, Result.SOURCE),
    Aggregate("MinimumActualTime", 2348, counted.minimum_actual_time, Result.SOURCE),
    Aggregate("MaximumActualTime", 2349, counted.maximum_actual_time, Result.SOURCE),
    Aggregate("Range", 2350, counted.spread, Result.DOUBLE),
    Aggregate("Count", 2352, counted.count, Result.COUNT),
    Aggregate("Start", 2357, counted.start, Result.SOURCE),
    Aggregate("End", 2358, counted.end, Result.SOURCE),
    Aggregate("Delta", 2359, counted.delta, Result.DOUBLE),
    Aggregate("DurationGood", 2360, durations.duration_good, Result.DOUBLE),
    Aggregate("DurationBad", 2361, durations.duration_bad, Result.DOUBLE),
    Aggregate("PercentGood", 2362, durations.percent_good, Result.DOUBLE),
    Aggregate("PercentBad", 2363, durations.percent_bad, Result.DOUBLE),
    Aggregate("DurationInStateZero", 11307, durations.duration_in_zero, Result.DOUBLE),
    Aggregate("DurationInStateNonZero", 11308, durations.duration_in_nonzero, Result.DOUBLE),
    Aggregate("StandardDeviationSample", 11426, counted.deviation_sample, Result.DOUBLE),
    Aggregate("StandardDeviationPopulation", 11427, counted.deviation_population, Result.DOUBLE),
    Aggregate("VarianceSample", 11428, counted.variance_sample, Result.DOUBLE),
    Aggregate("VariancePopulation", 11429, counted.variance_population, Result.DOUBLE),
)
AGGREGATES: Final[Mapping[int, Aggregate]] = {aggregate.number: aggregate for aggregate in _ALL}


def processed(
    aggregate: Aggregate, rows: Rows, intervals: Intervals, setup: Setup, *, standing: bool = False
) -> Points:
    """One value an interval, in the direction in which time flows.

    rows: ascending, with the nearest usable ones beyond both ends of the span, as far as there are any.
    standing: the last row was never recorded; it says that the value before it stood until then.
    """
    answer = aggregate.calculate(question(rows, intervals, setup, standing=standing))
    return answer.backward() if intervals.backward else answer
