"""alarms.yaml: alarms that are more than a level beside a tag, classes, and what suppresses what."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.plant.schema.alarmconditions import AlarmCondition
from controller.plant.schema.fields import Duration, Help, Model, Name, Text

AlarmId = Annotated[
    str, Field(max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", description="Such as LT-201.HH")
]
Members = Annotated[
    list[str],
    Field(min_length=1, description="Ids of alarms; * stands for any text: 'ST-721.*'"),
]
PlainName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class ClassEntry(Model):
    """A class of alarms, with what its alarms have unless they say otherwise."""

    name: PlainName
    text: Text
    latching: bool = False
    confirm: bool = Field(default=False, description="Acknowledging takes a second step")
    realarm: Duration | None = Field(default=None, description="A standing alarm speaks again (wall time)")


class AlarmEntry(Model):
    """One alarm; `name` is its id."""

    name: AlarmId
    text: Text
    when: AlarmCondition
    priority: int = Field(description="1 act now, 2 within half an hour, 3 advisory")
    source: Name | None = Field(
        default=None, description="Tag it is shown under; default: the first it reads"
    )
    area: str | None = Field(default=None, description="Default: the source's")
    delay: Duration | None = Field(default=None, description="The condition must hold this long")
    off_delay: Duration | None = Field(default=None, description="It must be gone this long")
    class_: str | None = Field(default=None, alias="class", description="Default: process")
    latching: bool | None = None
    confirm: bool | None = None
    realarm: Duration | None = None
    enabled: bool = True
    help: Help | None = None


class SuppressionEntry(Model):
    """While a state, or another alarm, stands, alarms keep their value and place but do not speak."""

    name: PlainName
    text: Text
    when: AlarmCondition | None = Field(default=None, description="The state; this or `parent`")
    parent: str | None = Field(default=None, description="The alarm that explains these")
    entry: Duration | None = Field(default=None, description="Begins so long after the state was entered")
    exit: Duration | None = Field(default=None, description="Ends so long after the state was left")
    at_most: Duration | None = Field(default=None, description="Ends after so long though the state lasts")
    unknown: Duration = Field(default="60 s", description="Ends when the state is unknown for so long")
    alarms: Members
    areas: list[str] = Field(default=[], description="Patterns take alarms of these areas only")
    except_: list[str] = Field(default=[], alias="except", description="Not these (ids or patterns)")


class StageEntry(Model):
    name: Text
    alarms: Members


class FirstOutEntry(Model):
    """A cascade: what follows in time from the same or an earlier stage is shown beneath the first."""

    name: PlainName
    text: Text
    window: Duration = "60 s"
    stages: list[StageEntry] = Field(min_length=1)


class AnnunciatorEntry(Model):
    """When people are told one by one, and when a flood is counted instead."""

    flood_begins: int = Field(default=10, description="More announcements within the window are a flood")
    flood_ends: int = Field(default=5, description="Fewer end it")
    flood_window: Duration = Field(default="10 min", description="Wall time")
    grouped: list[int] = Field(default=[3], description="Priorities that are counted during a flood")
    initial: list[int] = Field(
        default=[1], description="Priorities announced though they stood when their rule was new"
    )


class AlarmFile(Model):
    """alarms.yaml"""

    annunciator: AnnunciatorEntry = Field(default=AnnunciatorEntry())
    alarms: list[AlarmEntry] = Field(default=[])
    classes: list[ClassEntry] = Field(default=[])
    suppressions: list[SuppressionEntry] = Field(default=[])
    first_out: list[FirstOutEntry] = Field(default=[])
