"""Who is told of an alarm, by which way, when, and for how long: frozen, checked, without addresses' secrets.

Read from a plant's routes.yaml. Times of day are those of the plant's time zone; everything else is UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final


class Way(StrEnum):
    """How a message leaves."""

    MAIL = "mail"
    CHAT = "chat"
    MQTT = "mqtt"


class Stop(StrEnum):
    """What ends the messages of a route's incident."""

    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Address:
    """id: 'sato.mail', what receipts and logs name. target: e-mail address, Apprise URL or topic.

    A chat's target is a reference (env:NAME, file:PATH, credential:NAME) as a rule: its URL is a secret.
    """

    id: str
    way: Way
    target: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, or a room (a chat group, a mailing list, a display): addresses in order of preference.

    user: the person's account, '' without. room: nobody in particular, so its links never acknowledge
    without a login. link_acknowledges: a mail's link acknowledges its one alarm without a login.
    every_s: at most one message in so many seconds; what is held back comes as one summary.
    """

    name: str
    addresses: tuple[Address, ...]
    text: str = ""
    language: str = "en"
    user: str = ""
    room: bool = False
    link_acknowledges: bool = False
    every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """A named part of the week, 'office'. days: 0 is Monday. from_min, to_min: minutes of the local day.

    to_min <= from_min runs into the next day. holidays: None counts them as any day, False leaves them
    out, True is on holidays alone. otherwise: the times in which these named ones are not ('night').
    """

    name: str
    days: frozenset[int] = frozenset(range(7))
    from_min: int = 0
    to_min: int = 24 * 60
    holidays: bool | None = None
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on duty in `times` ('' always): `people` at once, or one of `turns` after the other.

    turns: each has the duty for turn_days days from turns_from on, at change_min of the local day.
    """

    times: str = ""
    people: tuple[str, ...] = ()
    turns: tuple[tuple[str, ...], ...] = ()
    turns_from: date | None = None
    turn_days: int = 7
    change_min: int = 0


@dataclass(frozen=True, slots=True)
class Cover:
    """Somebody stands in, from an instant to another: written in routes.yaml, or read from a calendar."""

    from_ns: int
    to_ns: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rota:
    """Who is on duty: the first cover that holds, else the first shift that has anybody.

    hole_ok: times in which nobody need be on duty ('' none).
    """

    name: str
    shifts: tuple[Shift, ...] = ()
    covers: tuple[Cover, ...] = ()
    text: str = ""
    hole_ok: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What a route is for; an empty set matches everything. tags: patterns of alarm ids ('LT-201.*')."""

    areas: frozenset[str] = frozenset()
    priorities: frozenset[int] = frozenset()
    classes: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """to: names of rotas, people and rooms. after_s: since the step before, the first since the raise.

    Whom `to` means is asked when the step is due, and again at each repeat. ways: which addresses of
    each; empty, or a person who has none of them: the first address. times: only then ('' always);
    a step whose time it is not is passed over, and the next comes after its own after_s. When nobody is
    on duty the next comes at once. repeat_s: again so often until it stops, at most `repeats` times
    (0: until it stops), beside the steps that follow.
    """

    to: tuple[str, ...]
    after_s: float = 0.0
    ways: tuple[Way, ...] = ()
    times: str = ""
    repeat_s: float | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """A branch of the route tree: the first child that matches decides, else the route itself.

    name: unique in the tree. steps: without any, nobody is told, which is a decision too.
    delay_s: wait before the first message, so that what returns at once wakes nobody; the first step is
    due after it or after its own after_s, whichever is longer.
    stop: what ends it. tell_return: one message to those who were told when it has returned.
    tell_answered: one message to those who were told, except who answered, when somebody has.
    quiet: times in which alarms of quiet_priorities are not sent but kept for the digest ('' none);
    priority 1 never is. digest_min: minute of the local day at which what was kept is sent to the first
    step's recipients. from_place: file:line of it, for `explain`.
    """

    name: str
    match: Match = field(default_factory=Match)
    steps: tuple[Step, ...] = ()
    delay_s: float = 0.0
    stop: frozenset[Stop] = frozenset(Stop)
    tell_return: bool = False
    tell_answered: bool = True
    quiet: str = ""
    quiet_priorities: frozenset[int] = frozenset({3})
    digest_min: int = 8 * 60
    children: tuple[Route, ...] = ()
    from_place: str = ""


@dataclass(frozen=True, slots=True)
class Routes:
    """routes.yaml as a whole. timezone: IANA name, the plant's.

    trouble: recipients who are told, by any of their ways that works, that another way does not.
    undeliverable_after_s: how long a way may fail for a passing reason before the next one is taken.
    """

    timezone: str
    recipients: tuple[Recipient, ...]
    routes: tuple[Route, ...]
    rotas: tuple[Rota, ...] = ()
    times: tuple[Times, ...] = ()
    holidays: frozenset[date] = frozenset()
    trouble: tuple[str, ...] = ()
    undeliverable_after_s: float = 300.0


HOLE_DAYS: Final = 14  # how far ahead a rota is looked at for a hole
