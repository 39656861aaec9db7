"""plant.yaml: the plant as a whole, permissives, and what is computed from other tags."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from controller.plant.schema.fields import Help, Model, Name, Prose, Range, Text
from controller.plant.schema.plcfile import Alarm, AlarmOptions, ArchiveRule, KindName, Level, Normal
from controller.plant.schema.sinkfile import InfluxEntry


class Area(Model):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=30)
    text: Prose = ""
    help: Help | None = Field(default=None, description="Default help of the area's priority 3 alarms")


class Guard(Model):
    """A word that is refused to operators while the permission is withheld."""

    command: str
    word: str


class PermissiveEntry(Model):
    """A permission that interlocks withhold."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    text: Text
    guards: list[Guard] = Field(default=[])


class DerivedEntry(AlarmOptions):
    """A tag computed by the service from other tags."""

    name: Name
    text: Text
    unit: str = ""
    range: Range | None = None
    normal: Normal = ""
    area: str = ""
    kind: KindName | None = None
    expression: str = Field(max_length=1000)
    states: dict[int, Text] = Field(default={})
    archive: ArchiveRule | None = None
    alarms: dict[Level, Alarm] = Field(default={})


class PlantHead(Model):
    """plant.yaml without its lists of blocks."""

    plant: str = Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)
    text: Prose = ""
    timezone: str = "UTC"
    simulator: Literal["turbine", "cryocooler"]
    link_grace_s: float = Field(default=30.0, ge=0, le=600)
    plcs: list[str] = Field(min_length=1, description="The PLC files, in order")
    influx: InfluxEntry | None = Field(default=None, description="The InfluxDB that the record goes on to")


class PlantFile(PlantHead):
    """plant.yaml"""

    areas: list[Area] = Field(default=[])
    permissives: list[PermissiveEntry] = Field(default=[])
    derived: list[DerivedEntry] = Field(default=[])
