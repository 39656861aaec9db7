"""A message as a chat has it, plain text without marks; and as MQTT has it, JSON for programs.

The JSON is a contract: docs/reference/notification-messages.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from alarms.delivery import Item, Message
from alarms.model import Alarm
from controller.followers.notify.bare import bare
from controller.followers.notify.context import Context
from controller.followers.notify.letter import template_values
from controller.followers.notify.view import view_of
from controller.followers.notify.wording import alarm_of, plain, tag_of
from controller.plant.tags import Tag

FORMAT: Final = 1
BODY_MAX: Final = 3_500  # LINE takes 5,000 signs, Telegram 4,096, Discord cuts into messages of 2,000
_CALL: Final = re.compile(r"<(?=[!@#])|(?<![\w.+-])@(?=\w)")  # what would call a whole room


def chat_text(message: Message, context: Context) -> tuple[str, str]:
    """(title, body)"""
    view = view_of(message, context)
    body = context.templates.render("chat.txt", template_values(view)).strip()
    body = re.sub(r"\n{3,}", "\n\n", body)
    if len(body) > BODY_MAX:
        body = f"{body[: BODY_MAX - 1]}…"
    return _quiet(view.subject), _quiet(body)


def bare_chat(message: Message, plant: str) -> tuple[str, str]:
    """(title, body) in its plainest form. plant: its name."""
    said = bare(message, plant)
    return _quiet(said.subject), _quiet(said.text.strip())


def _quiet(text: str) -> str:
    """Signs that look the same and call nobody."""
    return _CALL.sub(lambda found: "‹" if found[0] == "<" else "@\u2060", text)


def mqtt_payload(message: Message, context: Context) -> bytes:
    view, plant = view_of(message, context), context.plant
    rules = [alarm_of(plant, item.alarm) for item in message.items]
    alarms = [
        _alarm(item, rule, tag_of(plant, rule)) for item, rule in zip(message.items, rules, strict=True)
    ]
    texts = {
        "language": view.w.language,
        "title": view.subject,
        "lead": view.lead,
        "because": view.because,
    }
    return _payload(message, plant.name, texts, alarms, {"link": view.link} if view.link else {})


def bare_payload(message: Message, plant: str) -> bytes:
    """In its plainest form: every name of the contract, of alarms what the message holds. plant: its name."""
    said = bare(message, plant)
    texts = {"language": "en", "title": said.subject, "lead": said.lead, "because": plain(message.because)}
    alarms = [_alarm(replace(item, data={}), None, None) for item in message.items]
    return _payload(message, plant, texts, alarms, {"bare": True})


def _payload(
    message: Message,
    plant: str,
    texts: dict[str, str],
    alarms: Sequence[dict[str, Any]],
    more: dict[str, Any],
) -> bytes:
    return msgspec.json.encode(
        {
            "format": FORMAT,
            "id": message.id,
            "plant": plant,
            "incident": message.incident,
            "why": message.why.value,
            "priority": message.priority,
            "at": _iso(message.at_ns),
            "to": message.recipient,
            **texts,
            "count": max(message.count, len(message.items)),
            "held_back": message.held_back,
            "alarms": alarms,
            **more,
        }
    )


def _alarm(item: Item, rule: Alarm | None, tag: Tag | None) -> dict[str, Any]:
    value = item.data.get("value")
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return {
        "id": item.alarm,
        "event": item.event,
        "priority": item.priority,
        "state": item.state,
        "since": _iso(item.raised_ns),
        "first_out": item.first_out,
        "tag": tag.name if tag is not None else "",
        "area": rule.area if rule is not None else "",
        "text": plain(rule.text if rule is not None else ""),
        "said": plain(item.text),
        "value": value if usable else None,
        "unit": tag.unit if tag is not None else "",
    }


def _iso(at_ns: int) -> str:
    """UTC with milliseconds."""
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}Z"
