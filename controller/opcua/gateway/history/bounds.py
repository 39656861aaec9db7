"""What the value is at a time that has none: bounding values (Part 13, 3.1.8 interpolated, 3.1.9 simple)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.opcua.gateway.history.quality import (
    BAD_NO_DATA,
    INTERPOLATED,
    SUBNORMAL,
    Kinds,
    Points,
    Setup,
    Times,
    points,
)
from controller.record.chunks import Rows


def interpolated(rows: Rows, kinds: Kinds, setup: Setup, at_ns: Times, *, stepped: bool) -> Points:
    """From the nearest usable values on either side; what lies between them costs only the status.

    A usable row at the very time is told as it is. Beyond the last value it is extrapolated, which is
    Uncertain. Before the first there is BadNoData.
    """
    places = np.flatnonzero(kinds.usable)
    if not len(places):
        return points(at_ns, np.nan, BAD_NO_DATA, given=False)
    times, values = rows.time_ns[places], rows.values[places]
    before = np.searchsorted(times, at_ns, "right") - 1
    known = before >= 0
    before = np.maximum(before, 0)
    after = np.minimum(before + 1, len(places) - 1)
    exact = known & (times[before] == at_ns)
    beyond = before == after
    value = values[before].copy()
    if not stepped:
        inside = ~beyond
        value[inside] = _line(times, values, before[inside], after[inside], at_ns[inside])
        if setup.sloped_extrapolation and len(places) > 1:
            last = len(places) - 1
            value[beyond] = _line(times, values, last - 1, last, at_ns[beyond])
    doubtful = _doubtful(rows, kinds, places, before, after, at_ns, stepped=stepped)
    status = np.where(doubtful, SUBNORMAL | INTERPOLATED, INTERPOLATED)
    status[exact] = rows.status[places[before[exact]]]
    value[exact] = values[before[exact]]
    status[~known] = BAD_NO_DATA
    return points(at_ns, value, status, known)


def _line(times: Times, values: NDArray[np.float64], before: Any, after: Any, at_ns: Times) -> Any:
    share = (at_ns - times[before]) / (times[after] - times[before])
    return values[before] + (values[after] - values[before]) * share


def _doubtful(
    rows: Rows, kinds: Kinds, places: Any, before: Any, after: Any, at_ns: Times, *, stepped: bool
) -> Any:
    """Where a value was skipped, or is uncertain itself, or nothing comes after."""
    uncertain = ~kinds.good[places]
    if stepped:
        newest = np.searchsorted(rows.time_ns, at_ns, "right") - 1
        skipped = newest != places[before]
        return uncertain[before] | skipped | (newest == len(rows) - 1)
    skipped = places[after] - places[before] > 1
    return uncertain[before] | uncertain[after] | skipped | (before == after)


def simple(rows: Rows, kinds: Kinds, setup: Setup, at_ns: Times) -> Points:
    """From the values right before and after, whatever they are: a Bad one leaves nothing to be told."""
    if not len(rows):
        return points(at_ns, np.nan, BAD_NO_DATA, given=False)
    before = np.searchsorted(rows.time_ns, at_ns, "right") - 1
    known = before >= 0
    before = np.maximum(before, 0)
    after = np.minimum(before + 1, len(rows) - 1)
    exact = known & (rows.time_ns[before] == at_ns)
    beyond = before == after
    value = rows.values[before].copy()
    sloped = ~beyond & ~exact & kinds.usable[before] & kinds.usable[after] & (not setup.stepped)
    value[sloped] = _line(rows.time_ns, rows.values, before[sloped], after[sloped], at_ns[sloped])
    doubtful = ~kinds.good[before] | beyond
    if not setup.stepped:
        doubtful |= ~kinds.good[after]
    status = np.where(doubtful, SUBNORMAL | INTERPOLATED, INTERPOLATED)
    status[exact] = rows.status[before[exact]]
    nothing = ~known | ~kinds.usable[before]
    status[nothing] = BAD_NO_DATA
    return points(at_ns, value, status, ~nothing)
