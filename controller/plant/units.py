"""Units of the plant, and quantities such as '5 mbarg' in the unit of a tag.

Used while loading only. Conversions are pint's, with definitions of our own, in which gauge,
absolute and differential pressure are three dimensions, and gas volumes at 0, 15 and 20 °C three
more: pint then refuses to mix them. pint takes 0.8 s to import, so it is asked only when a
quantity is written in another unit than its tag's.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Final

from controller.plant.problems import did_you_mean

if TYPE_CHECKING:
    from pint import UnitRegistry

# name -> pint definition. Gas volumes are named after their reference temperature (101.325 kPa).
DEFINITIONS: Final = {
    "s": "[time]",
    "ms": "0.001 * s",
    "min": "60 * s",
    "h": "3600 * s",
    "d": "86400 * s",
    "day": "86400 * s",
    "bar": "[differential_pressure]",
    "mbar": "0.001 * bar",
    "MPa": "10 * bar",
    "kPa": "0.01 * bar",
    "barg": "[gauge_pressure]",
    "mbarg": "0.001 * barg",
    "MPag": "10 * barg",
    "kPag": "0.01 * barg",
    "bara": "[absolute_pressure]",
    "mbara": "0.001 * bara",
    "MPaa": "10 * bara",
    "kPaa": "0.01 * bara",
    "K": "[temperature]",
    "degC": "K; offset: 273.15",
    "fraction": "[fraction]",
    "percent": "0.01 * fraction",
    "ppmv": "1e-6 * fraction",
    "vpm": "1e-6 * fraction",
    "ppb": "1e-9 * fraction",
    "percentHe": "[helium_fraction]",
    "percentO2": "[oxygen_fraction]",
    "Nm3": "[volume_at_0_degC]",
    "m3_15": "[volume_at_15_degC]",
    "m3_20": "[volume_at_20_degC]",
    "m3": "[volume]",
    "L": "0.001 * m3",
    "kg": "[mass]",
    "g": "0.001 * kg",
    "W": "[power]",
    "kW": "1000 * W",
    "kWh": "1000 * W * h",
    "V": "[voltage]",
    "mV": "0.001 * V",
    "A": "[current]",
    "mA": "0.001 * A",
    "ohm": "[resistance]",
    "rev": "[revolution]",
    "rps": "rev / s",
    "rpm": "rev / min",
    "gal": "[acceleration]",
    "pulse": "[pulse]",
    "count": "[count]",
    "dBm": "[signal_strength]",
    "mm": "[length]",
}
WRITTEN: Final = {"%": "percent", "°C": "degC", "%He": "percentHe", "%O2": "percentO2"}
UNITS: Final = frozenset(
    [name for name in DEFINITIONS if name not in WRITTEN.values() and name != "fraction"] + list(WRITTEN)
)
# A difference of two pressures has no gauge or absolute; deadbands and hysteresis are differences.
DIFFERENCE: Final = {
    **{f"{prefix}{kind}": prefix for prefix in ("bar", "mbar", "MPa", "kPa") for kind in "ga"},
    "degC": "K",
}
_KINDS: Final = {
    "differential_pressure": "a pressure difference",
    "gauge_pressure": "gauge pressure",
    "absolute_pressure": "absolute pressure",
    "volume_at_0_degC": "gas volume at 0 °C",
    "volume_at_15_degC": "gas volume at 15 °C",
    "volume_at_20_degC": "gas volume at 20 °C",
}
_ATMOSPHERE_BAR: Final = 1.01325
_CELSIUS_OF_VOLUME: Final = {"volume_at_0_degC": 0.0, "volume_at_15_degC": 15.0, "volume_at_20_degC": 20.0}
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


class UnitError(ValueError):
    """A quantity that cannot be read, with the fix in the message."""


def check_unit(unit: str) -> None:
    """Raises UnitError when the unit is none we know. The empty unit is fine."""
    for part in unit.split("/") if unit else ():
        if part not in UNITS:
            hint = did_you_mean(part, UNITS) or "; known are " + " ".join(sorted(UNITS))
            raise UnitError(f"unknown unit {unit!r}{hint}")


def value_in(quantity: float | str, unit: str, *, difference: bool = False) -> float:
    """The quantity as a number in `unit`; a bare number is in it already.

    difference: it is a deadband or hysteresis, so 2 K is 2 °C and 1 mbar is 1 mbarg.
    """
    if not isinstance(quantity, str):
        return _finite(quantity, quantity)
    number, given = _split(quantity)
    if not given or given == unit:
        return number
    check_unit(given)
    if not unit:
        raise UnitError(f"'{quantity}' has a unit, but the value it is compared with has none; leave it out")
    if any(part not in UNITS for part in unit.split("/")):
        return number  # the tag's own unit is none, and reported there
    source, target = _named(given, difference=difference), _named(unit, difference=difference)
    source = _of_the_same_kind(source, target)
    converted = _converted(number, source, target)
    if converted is None:
        raise UnitError(_why_not(quantity, number, source, target, given, unit))
    return converted


def seconds(quantity: float | str) -> float:
    """A duration in seconds: '10 s', '30 min', '1 d'; bare numbers are seconds. Never negative."""
    if isinstance(quantity, str):
        number, given = _split(quantity)
        if given and given not in _SECONDS:
            raise UnitError(f"'{quantity}' is no duration; write it in ms, s, min, h or d")
        number *= _SECONDS[given or "s"]
    else:
        number = _finite(quantity, quantity)
    if number < 0:
        raise UnitError(f"'{quantity}' is negative; a duration is 0 or more")
    return number


def compatible(unit: str, other: str) -> bool:
    """Whether values in one unit may be written in the other."""
    if unit == other:
        return True
    if not unit or not other:
        return False
    target = _named(other)
    return _converted(1.0, _of_the_same_kind(_named(unit), target), target) is not None


def _split(quantity: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise UnitError(f"'{quantity}' is no quantity; write a number and a unit, such as '5 mbarg'")
    return _finite(float(match[1]), quantity), match[2]


def _finite(number: float, written: float | str) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise UnitError(f"'{str(written)[:30]}' is not a finite number")
    return value


def _named(unit: str, *, difference: bool = False) -> str:
    """The unit in pint's words: '%He/h' -> 'percentHe/h'. A rate is of differences: 'barg/h' -> 'bar/h'."""
    parts = [WRITTEN.get(part, part) for part in unit.split("/")]
    if difference or len(parts) > 1:
        parts = [DIFFERENCE.get(part, part) for part in parts]
    return "/".join(parts)


def _of_the_same_kind(source: str, target: str) -> str:
    """A plain fraction is one of helium or oxygen where the tag says so: '9000 ppmv' on a %O2 tag."""
    if target in {"percentHe", "percentO2"} and source in {"percent", "ppmv", "vpm", "ppb"}:
        return {"percent": "", "ppmv": "1e-4 * ", "vpm": "1e-4 * ", "ppb": "1e-7 * "}[source] + target
    if source in {"percentHe", "percentO2"} and target in {"percent", "ppmv", "vpm", "ppb"}:
        return "percent"
    return source


@cache
def _registry() -> UnitRegistry[float]:
    """pint with our units and no others."""
    from pint import UnitRegistry  # noqa: PLC0415 - 0.8 s, see above

    registry: UnitRegistry[float] = UnitRegistry(None)
    for name, definition in DEFINITIONS.items():
        registry.define(f"{name} = {definition}")
    return registry


@cache
def _converted(number: float, source: str, target: str) -> float | None:
    """number source -> target, None when they are different things."""
    from pint import DimensionalityError  # noqa: PLC0415

    registry = _registry()
    factor, _, bare = source.rpartition(" * ")
    try:
        quantity = registry.Quantity(number * float(factor or 1.0), bare)
        return float(f"{quantity.to(target).magnitude:.12g}")  # 0.3 mbar is 0.0003 bar, to the last digit
    except DimensionalityError:
        return None


def _kind(unit: str) -> str:
    """The dimension's name, '' for compound ones."""
    dimensions = list(_registry().get_dimensionality(unit.split("/", maxsplit=1)[0]))
    return dimensions[0].strip("[]") if len(dimensions) == 1 else ""


def _why_not(quantity: str, number: float, source: str, target: str, given: str, unit: str) -> str:
    """The mismatch in words, with the value to write instead where there is one."""
    kinds = _kind(source.rpartition(" * ")[2]), _kind(target)
    gauge, absolute = "gauge_pressure", "absolute_pressure"
    if set(kinds) == {gauge, absolute}:
        bar = number * _per_base(source)
        bar += _ATMOSPHERE_BAR if kinds[1] == absolute else -_ATMOSPHERE_BAR
        return (
            f"'{quantity}' is {_KINDS[kinds[0]]}, the tag is in {unit} ({_KINDS[kinds[1]]}); "
            f"they differ by the air pressure: write about {bar / _per_base(target):.6g} {unit}"
        )
    if set(kinds) <= set(_CELSIUS_OF_VOLUME):
        ratio = (273.15 + _CELSIUS_OF_VOLUME[kinds[1]]) / (273.15 + _CELSIUS_OF_VOLUME[kinds[0]])
        scale = _per_base(source) / _per_base(target)
        return (
            f"'{quantity}' is {_KINDS[kinds[0]]}, the tag is in {unit} ({_KINDS[kinds[1]]}); "
            f"write {number * ratio * scale:.6g} {unit}"
        )
    if {"differential_pressure"} < set(kinds) <= set(_KINDS):
        return (
            f"'{quantity}' is {_KINDS[kinds[0]]}, the tag is in {unit} ({_KINDS[kinds[1]]}); "
            f"say which pressure is meant by writing it in {unit}"
        )
    return (
        f"'{quantity}' is in {given}, the tag is in {unit}, which measures something else; write it in {unit}"
    )


def _per_base(unit: str) -> float:
    return float(_registry().Quantity(1.0, unit).to_base_units().magnitude)
