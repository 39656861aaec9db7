"""Quantities, durations and ranges as numbers; what cannot be read is reported where it stands."""

from __future__ import annotations

import math
import re

from controller.plant.document import Place
from controller.plant.problems import Problems
from controller.plant.units import UnitError, seconds, value_in

_RANGE = re.compile(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*\.\.\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


def number(
    place: Place, quantity: float | str, unit: str, problems: Problems, *, difference: bool = False
) -> float | None:
    """The quantity in `unit`, or None and a problem."""
    try:
        return value_in(quantity, unit, difference=difference)
    except UnitError as error:
        problems.error(place, str(error))
        return None


def duration_s(place: Place, quantity: float | str | None, problems: Problems, default: float = 0.0) -> float:
    """The duration in seconds; the default where none is given or it cannot be read."""
    if quantity is None:
        return default
    try:
        return seconds(quantity)
    except UnitError as error:
        problems.error(place, str(error))
        return default


def duration_or_none(place: Place, quantity: float | str | None, problems: Problems) -> float | None:
    """A duration that, where given, is more than 0."""
    if quantity is None:
        return None
    value = duration_s(place, quantity, problems, math.nan)
    if value == 0:
        problems.error(place, f"'{quantity}' must be more than 0")
    return value if value > 0 else None


def limits(place: Place, text: str, problems: Problems) -> tuple[float, float] | None:
    """'-10..200' as (-10.0, 200.0)."""
    match = _RANGE.fullmatch(text)
    try:
        low, high = (float(match[1]), float(match[2])) if match else (math.nan, math.nan)
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high)):
        problems.error(place, f"'{text}' is no range; write low..high in the tag's unit, such as -10..200")
        return None
    if low >= high:
        problems.error(place, f"'{text}' is empty: the lower end must be below the upper")
        return None
    return low, high
