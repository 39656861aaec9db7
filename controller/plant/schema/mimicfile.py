"""mimic.yaml: the plant as a picture."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from controller.plant.schema.alarmfile import PlainName
from controller.plant.schema.fields import Model, Name, Text

Point = Annotated[
    list[float], Field(min_length=2, max_length=2, description="x, y from the upper left, e.g. [220, 370]")
]
SymbolName = Literal[
    "bag",
    "bank",
    "box",
    "cold box",
    "compressor",
    "cooler",
    "dewar",
    "filter",
    "magnet",
    "turbine",
    "valve",
    "vessel",
]


class EquipmentEntry(Model):
    """One piece of equipment."""

    name: PlainName
    symbol: SymbolName
    text: Text
    at: Point
    size: Point
    tag: Name | None = Field(default=None, description="A state or switch: its text stands at the name")
    label: Literal["below", "above", "left", "right", "inside"] = "below"


class PipeEntry(Model):
    fluid: Literal["impure", "pure", "liquid", "vent", "nitrogen"]
    points: list[Point] = Field(min_length=2, description="The line's corners; the arrow is at the last")


class ReadingEntry(Model):
    tag: Name
    at: Point = Field(description="The upper left of the value")


class MimicFile(Model):
    """mimic.yaml"""

    mimic: Text
    size: Point
    equipment: list[EquipmentEntry] = Field(default=[])
    pipes: list[PipeEntry] = Field(default=[])
    readings: list[ReadingEntry] = Field(default=[])
