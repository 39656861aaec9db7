"""The plant's picture: equipment, pipes and where values stand on it. Drawn by whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Symbol(Enum):
    """What equipment looks like (ISO 10628-2 where it has a symbol)."""

    BAG = "bag"
    BANK = "bank"
    BOX = "box"
    COLD_BOX = "cold box"
    COMPRESSOR = "compressor"
    COOLER = "cooler"
    DEWAR = "dewar"
    FILTER = "filter"
    MAGNET = "magnet"
    TURBINE = "turbine"
    VALVE = "valve"
    VESSEL = "vessel"


class Side(Enum):
    """Where the name of equipment stands."""

    BELOW = "below"
    ABOVE = "above"
    LEFT = "left"
    RIGHT = "right"
    INSIDE = "inside"


class Fluid(Enum):
    IMPURE = "impure"
    PURE = "pure"
    LIQUID = "liquid"
    VENT = "vent"
    NITROGEN = "nitrogen"


@dataclass(frozen=True, slots=True)
class Equipment:
    """at, size: of its box in the picture's units, from the upper left. tag: what says how it is, or None."""

    name: str
    symbol: Symbol
    text: str
    at: tuple[float, float]
    size: tuple[float, float]
    tag: int | None = None
    label: Side = Side.BELOW


@dataclass(frozen=True, slots=True)
class Pipe:
    """A line through these points, with an arrow at its end."""

    fluid: Fluid
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a tag's value stands."""

    tag: int
    at: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mimic:
    """width, height: the picture's units; about pixels on a control-room screen."""

    text: str
    width: float
    height: float
    equipment: tuple[Equipment, ...]
    pipes: tuple[Pipe, ...]
    readings: tuple[Reading, ...]
