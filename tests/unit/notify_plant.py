"""A small plant's routes for stories about notification: three technicians in Berlin, a room, a rota."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from alarms.model import Alarm, Discrete, Level, Side
from alarms.routes import (
    Address,
    Match,
    Recipient,
    Rota,
    Route,
    Routes,
    Shift,
    Step,
    Times,
    Way,
)

BERLIN = "Europe/Berlin"
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def at(text: str, timezone: str = BERLIN, fold: int = 0) -> int:
    """'2026-11-23 03:00' on the plant's clock, in UTC nanoseconds."""
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone), fold=fold)
    return round(wall.timestamp()) * SECOND


def person(name: str, *ways: Way, **rest: Any) -> Recipient:
    ways = ways or (Way.MAIL, Way.CHAT)
    addresses = tuple(Address(f"{name}.{way}", way, f"{name}@{way}.example") for way in ways)
    return Recipient(name, addresses, **{"user": name, **rest})


SATO = person("sato", every_s=60.0)
ITO = person("ito", every_s=60.0)
BAUER = person("bauer", every_s=60.0)
ROOM = person("room", Way.CHAT, room=True, user="")
OFFICE = Times("office", frozenset(range(5)), 8 * 60, 17 * 60, holidays=False)
NIGHT = Times("night", otherwise="office")
TURNS = Shift("", turns=(("sato",), ("ito",)), turns_from=date(2026, 11, 2), change_min=9 * 60)
ROTA = Rota("technician", (TURNS,))
CHRISTMAS = frozenset({date(2026, 12, 25), date(2027, 1, 1)})

URGENT = Route(
    "urgent",
    Match(priorities=frozenset({1})),
    (
        Step(("technician",), repeat_s=300.0),
        Step(("bauer",), after_s=600.0, ways=(Way.MAIL, Way.CHAT)),
    ),
)
SOON = Route(
    "soon",
    Match(priorities=frozenset({2})),
    (Step(("technician",)), Step(("bauer",), after_s=1800.0)),
    delay_s=60.0,
    tell_return=True,
)
ADVICE = Route("advice", Match(priorities=frozenset({3})), (Step(("room",)),), delay_s=120.0, quiet="night")
ROUTES = Routes(
    BERLIN,
    (SATO, ITO, BAUER, ROOM),
    (Route("all", steps=(Step(("room",)),), children=(URGENT, SOON, ADVICE)),),
    (ROTA,),
    (OFFICE, NIGHT),
    CHRISTMAS,
    trouble=("bauer",),
)


def alarm(name: str, priority: int = 1, area: str = "recovery", **rest: Any) -> Alarm:
    return Alarm(name, Level(0, Side.HIGH, 1.0), priority, name.partition(".")[0], "", "", area, **rest)


def trip(name: str, **rest: Any) -> Alarm:
    return Alarm(name, Discrete(0, (1,)), 1, name.partition(".")[0], "", "", "liquefier", **rest)


def with_routes(*children: Route, **changes: Any) -> Routes:
    """The same people under other routes."""
    return replace(ROUTES, routes=(Route("all", steps=(Step(("room",)),), children=children),), **changes)
