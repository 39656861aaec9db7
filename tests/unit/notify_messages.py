"""Messages for tests: the university's bag is full at three in the morning."""

from __future__ import annotations

import calendar
from functools import cache
from typing import Any

from alarms.delivery import Item, Message, Why
from alarms.routes import Address, Recipient, Way
from controller.followers.notify.context import Context, Picture, Told
from controller.followers.notify.links import Links
from controller.followers.notify.templates import Templates
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant

S = 1_000_000_000
AT = calendar.timegm((2026, 11, 22, 18, 12, 45)) * S  # 03:12:45 in Japan, on the 23rd
PICTURE = Picture(b"\x89PNG drawn", 61.2, 96.83, 96.83)


@cache
def university() -> Plant:
    plant = load(find_plant("university")).plant
    assert plant is not None
    return plant


def item(alarm: str = "LT-201.HH", priority: int = 1, value: float | None = 96.12, **more: Any) -> Item:
    known = {"alarm": alarm, "event": f"event-of-{alarm}", "priority": priority, "raised_ns": AT}
    known["text"] = f"{alarm}: its record"
    known["data"] = {"value": value}
    return Item(**{**known, **more})


def message(why: Why = Why.FIRST, *items: Item, **more: Any) -> Message:
    chosen = items or (item(),)
    known: dict[str, Any] = {
        "id": f"bag sato.mail {why}",
        "recipient": "sato",
        "address": "sato.mail",
        "why": why,
        "incident": "bag",
        "opens": why is Why.FIRST,
        "priority": min((one.priority for one in chosen), default=0),
        "at_ns": AT + 125 * S,
        "items": chosen,
        "count": len(chosen),
        "because": "step 2 of route night: no answer for 10 min",
    }
    return Message(**{**known, **more})


def context(
    language: str = "en", way: Way = Way.MAIL, templates: Templates | None = None, **more: Any
) -> Context:
    address = Address("sato.mail", way, "sato@helium.example")
    person = Recipient("sato", (address,), language=language, user="sato", **more.pop("person", {}))
    known: dict[str, Any] = {
        "sender": "heloop <heloop@helium.example>",
        "links": Links(b"k" * 32, "https://heloop.example", 12),
        "picture": PICTURE,
        "told": (Told("tanaka", "mail", AT + 4 * S),),
    }
    return Context(university(), person, address, templates or Templates(), **{**known, **more})
