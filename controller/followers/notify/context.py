"""What a message is made from, besides itself: the plant, the one who gets it, and what others were told."""

from __future__ import annotations

from dataclasses import dataclass

from alarms.routes import Address, Recipient
from controller.followers.notify.links import Links
from controller.followers.notify.templates import Templates
from controller.plant.plant import Plant


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told, or was to be. state: 'sent' | 'waiting' | 'given_up' | 'withdrawn'."""

    recipient: str
    way: str
    at_ns: int
    state: str = "sent"


@dataclass(frozen=True, slots=True)
class Picture:
    """The trend of one tag. low, high, last: of the hour, in the tag's unit."""

    png: bytes
    low: float
    high: float
    last: float


@dataclass(frozen=True, slots=True)
class Context:
    """sender: From of a mail. links: None where there is no page. picture: of `trend_tag`'s tag."""

    plant: Plant
    recipient: Recipient
    address: Address
    templates: Templates
    sender: str = ""
    links: Links | None = None
    picture: Picture | None = None
    told: tuple[Told, ...] = ()
