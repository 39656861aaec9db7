"""routes.yaml: who is told of an alarm, by which way, when, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from controller.plant.schema.alarmfile import PlainName
from controller.plant.schema.fields import Duration, Model, Text
from controller.plant.schema.sinkfile import Secret

WayName = Literal["mail", "chat", "mqtt"]
DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Language = Literal["en", "ja"]
StopName = Literal["acknowledged", "shelved", "returned"]
Clock = Annotated[str, Field(max_length=20, description="Local time of day, such as 08:30")]
Day = Annotated[str, Field(max_length=20, description="A day, such as 2027-01-04")]
Moment = Annotated[str, Field(max_length=30, description="Local day and time, such as 2027-01-04 09:00")]
Names = Annotated[list[PlainName], Field(min_length=1, description="People, rooms or rotas")]
People = Annotated[list[PlainName], Field(min_length=1, description="People who have it together")]
CalendarFile = Annotated[str, Field(max_length=200, description="An iCal file beside routes.yaml")]


class AddressEntry(Model):
    """One address; the first of the list is the one that is used unless a step says otherwise."""

    mail: str | None = Field(default=None, max_length=254, description="E-mail address")
    chat: str | None = Field(
        default=None, max_length=2000, description="Apprise URL, as env:NAME, file:PATH or credential:NAME"
    )
    mqtt: str | None = Field(default=None, max_length=300, description="Topic")


class RoomEntry(Model):
    """Nobody in particular: a chat group, a mailing list, a display."""

    name: PlainName
    text: Text = ""
    language: Language = "en"
    addresses: list[AddressEntry] = Field(min_length=1)
    every: Duration = Field(default="60 s", description="At most one message in this time, then a summary")


class PersonEntry(RoomEntry):
    """Somebody who can be told and can answer."""

    user: str = Field(default="", max_length=40, description="Account in heloop, to answer by")
    link_acknowledges: bool = Field(
        default=False, description="The link in a mail acknowledges its one alarm without a login"
    )


class TimesEntry(Model):
    """A named part of the week; what is not said is all of it."""

    name: PlainName
    days: list[DayName] | None = None
    from_: Clock | None = Field(default=None, alias="from")
    to: Clock | None = Field(default=None, description="Before `from`: on the next day")
    holidays: bool | None = Field(default=None, description="false: not on holidays; true: on holidays only")
    otherwise: PlainName | None = Field(default=None, description="The times in which these are not")


class HolidaysEntry(Model):
    """Days that `times` may leave out."""

    dates: list[Day] = Field(default=[])
    calendar: CalendarFile | None = None


class ShiftEntry(Model):
    """Who is on duty: `people` always, or `turns` one after the other."""

    times: PlainName | None = Field(default=None, description="Only then")
    people: People | None = None
    turns: list[PlainName | People] | None = Field(
        default=None, description="One name, or a list of names, for each turn"
    )
    from_: Day | None = Field(default=None, alias="from", description="Day on which the first turn begins")
    turn: Duration = Field(default="7 d", description="How long a turn is, in days")
    change: Clock = Field(default="00:00", description="When one hands over to the next")


class CoverEntry(Model):
    """Somebody stands in; a swap is two of these."""

    from_: Moment = Field(alias="from")
    to: Moment
    people: People


class RotaEntry(Model):
    """Who is on duty: the first cover that holds, then the calendar, then the first shift with anybody."""

    name: PlainName
    text: Text = ""
    shifts: list[ShiftEntry] = Field(default=[])
    covers: list[CoverEntry] = Field(default=[])
    calendar: CalendarFile | None = Field(
        default=None, description="Its events name people in their summary, or invite them"
    )
    hole_ok: PlainName | None = Field(default=None, description="Times in which nobody need be on duty")


class MatchEntry(Model):
    """What a route is for; a key that is left out matches everything."""

    areas: list[str] = Field(default=[])
    priorities: list[int] = Field(default=[])
    classes: list[str] = Field(default=[])
    tags: list[str] = Field(default=[], description="Ids of alarms; * stands for any text: 'ST-721.*'")


class StepEntry(Model):
    """Who is told, so long after the step before if nobody has answered."""

    to: Names
    after: Duration = Field(default=0.0, description="After the step before")
    ways: list[WayName] = Field(default=[], description="Which addresses; default: the first of each")
    times: PlainName | None = Field(default=None, description="Only then; else the next step at once")
    repeat: Duration | None = Field(default=None, description="Again so often")
    repeats: int | None = Field(default=None, ge=1, le=1000, description="At most; default: until it stops")


class RouteEntry(Model):
    """A branch: the first of `routes` below it that matches decides, else its own steps."""

    name: PlainName
    match: MatchEntry = Field(default=MatchEntry())
    delay: Duration = Field(default=0.0, description="What returns within it wakes nobody")
    steps: list[StepEntry] = Field(default=[])
    nobody: bool = Field(default=False, description="In place of `steps`: nobody is told of these")
    stop: list[StopName] = Field(default=["acknowledged", "shelved", "returned"], min_length=1)
    tell_return: bool = Field(default=False, description="Who was told is told that it has returned")
    tell_answered: bool = Field(default=True, description="Who was told is told that somebody has answered")
    quiet: PlainName | None = Field(default=None, description="Times in which it is kept for the digest")
    quiet_priorities: list[int] = Field(default=[3], min_length=1, description="Of these; never 1")
    digest: Clock = Field(default="08:00", description="When what was kept is told")
    routes: list[RouteEntry] = Field(default=[])


class MailEntry(Model):
    """The mail server that takes our mail."""

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = Field(default="", max_length=254)
    password: str = Secret
    ca: str = Field(default="", max_length=300, description="File with the certificates to trust")
    sender: str = Field(max_length=254, description="From: an address, or Name <address>")
    timeout: Duration = "20 s"


class BrokerEntry(Model):
    """The MQTT broker."""

    host: str = Field(min_length=1, max_length=253)
    port: int | None = Field(default=None, ge=1, le=65535, description="Default: 1883, with tls 8883")
    tls: bool = False
    user: str = Field(default="", max_length=254)
    password: str = Secret
    ca: str = Field(default="", max_length=300, description="File with the certificates to trust")
    timeout: Duration = "10 s"


class PageEntry(Model):
    """The page that a message's link leads to."""

    url: str = Field(default="", max_length=300, description="As people reach it")
    host: str = Field(default="127.0.0.1", min_length=1, max_length=253, description="It listens there")
    link: Duration = Field(default="12 h", description="How long a link acknowledges")


class HeartbeatEntry(Model):
    """A sign of life to somebody outside, who calls when it stays away."""

    every: Duration = "15 min"
    url: str = Field(default="", max_length=2000, description="Asked by GET; a reference as a rule")
    mail: str = Field(default="", max_length=254)


class TestAlarmEntry(Model):
    """The test of the whole way, at fixed times."""

    to: Names
    days: list[DayName] = Field(default=["mon"], min_length=1)
    at: Clock = "09:00"
    receipt: Duration = Field(default="5 min", description="Each server must have taken it within this")


class RouteHead(Model):
    """routes.yaml without its lists of blocks."""

    holidays: HolidaysEntry = Field(default=HolidaysEntry())
    trouble: list[PlainName] = Field(default=[], description="Told when another way does not deliver")
    undeliverable_after: Duration = Field(
        default="5 min", description="A way that fails so long is given up for the next address"
    )
    mail: MailEntry | None = None
    mqtt: BrokerEntry | None = None
    page: PageEntry = Field(default=PageEntry())
    heartbeat: HeartbeatEntry | None = None
    test: TestAlarmEntry | None = None
    templates: str = Field(default="", max_length=200, description="A folder with words of your own")


class RouteFile(RouteHead):
    """routes.yaml"""

    people: list[PersonEntry] = Field(default=[])
    rooms: list[RoomEntry] = Field(default=[])
    times: list[TimesEntry] = Field(default=[])
    rotas: list[RotaEntry] = Field(default=[])
    routes: list[RouteEntry]
