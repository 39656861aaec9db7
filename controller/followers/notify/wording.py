"""Alarms in a message's words: values with the digits that matter, limits, times; nothing that could do harm.

Texts come from configurations and people: what is no printable sign is left out before it reaches a
subject, a page or a chat.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Any, Final

from alarms.delivery import Item
from alarms.model import Alarm, Discrete, Level, Side
from controller.followers.notify.words import Words
from controller.plant.plant import Plant
from controller.plant.tags import Kind, Tag

TEXT_MAX: Final = 300
DIGITS: Final = 3
# Signs that turn the direction of a text, or are not seen: what they do to a sentence, nobody wrote.
_UNSEEN: Final = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Row:
    """One alarm, ready to be shown. value, limit: '' where it has none; said: the record's sentence then."""

    alarm: str
    tag: str
    text: str
    headline: str
    priority: int
    value: str
    limit: str
    since: str
    clock: str
    ago: str
    state: str
    first_out: bool
    said: str
    area: str
    interlock: str


def plain(text: object, most: int = TEXT_MAX) -> str:
    """One line of printable signs."""
    kept = "".join(" " if sign.isspace() else sign for sign in str(text) if _seen(sign))
    line = re.sub(r" {2,}", " ", kept).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _seen(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) not in _UNSEEN


def row_of(item: Item, plant: Plant, words: Words, at_ns: int) -> Row:
    """An alarm that the plant does not have any more is shown as its record has it."""
    rule = alarm_of(plant, item.alarm)
    tag = tag_of(plant, rule)
    value, limit = value_of(item, tag), limit_of(rule, plant, words)
    said = plain(item.text)
    text = plain(rule.text if rule is not None and rule.text else said)
    name = plain(tag.text) if tag is not None and limit else text
    return Row(
        alarm=plain(item.alarm),
        tag=tag.name if tag is not None else plain(rule.source if rule is not None else item.alarm),
        text=text,
        headline=_headline(item, rule, plant, plain(f"{name} {value}") if limit else text, words),
        priority=item.priority,
        value=value,
        limit=limit,
        since=plain(words.when(item.raised_ns, plant.timezone)),
        clock=words.clock(item.raised_ns, plant.timezone),
        ago=words.of("say", "ago", span=words.span((at_ns - item.raised_ns) / 1e9)),
        state=plain(words["state"].get(item.state, item.state)),
        first_out=item.first_out,
        said="" if value and limit else said.removeprefix(f"{text}: "),
        area=plain(dict(plant.areas).get(rule.area, rule.area) if rule is not None else ""),
        interlock=_interlock(item.data, plant),
    )


def alarm_of(plant: Plant, name: str) -> Alarm | None:
    return next((alarm for alarm in plant.alarms if alarm.id == name), None)


def tag_of(plant: Plant, alarm: Alarm | None) -> Tag | None:
    """The tag whose value the alarm judges, or that it is shown under; None for a machine or a service."""
    if alarm is None:
        return None
    if isinstance(alarm.condition, Level | Discrete):
        return plant.tags[alarm.condition.tag]
    index = plant.index.get(alarm.source)
    return None if index is None else plant.tags[index]


def value_of(item: Item, tag: Tag | None) -> str:
    """At the raise, '96.1 %' or 'alarm (7)'; '' when there was no usable value."""
    value = item.data.get("value")
    if not isinstance(value, int | float) or isinstance(value, bool) or tag is None:
        return ""
    return in_unit(float(value), tag)


def in_unit(value: float, tag: Tag) -> str:
    if not isfinite(value):
        return ""
    name = next((text for number, text in tag.states if number == value), "")
    if tag.kind in {Kind.STATE, Kind.DISCRETE} and name:
        return plain(f"{name} ({value:g})")
    return plain(f"{number(value, tag)} {tag.unit}")


def number(value: float, tag: Tag) -> str:
    """Three digits that matter, never less than the instrument resolves: 96.1, 21.4, 1013."""
    if value == 0 or not isfinite(value):
        return f"{value:g}"
    magnitude = floor(log10(abs(value)))
    if not -4 <= magnitude <= 7:
        return f"{value:.{DIGITS}g}"
    decimals = DIGITS - 1 - magnitude
    span = tag.high - tag.low
    if isfinite(span) and span > 0:
        decimals = max(decimals, min(2, 3 - floor(log10(span)) - 1))
    said = f"{value:.{max(0, decimals)}f}"
    return said.rstrip("0").rstrip(".") if "." in said else said


def limit_of(alarm: Alarm | None, plant: Plant, words: Words) -> str:
    """'95 % or above'; '' for a rule that is no fixed level: its record says what it was measured against."""
    if alarm is None or not isinstance(alarm.condition, Level) or not _fixed(alarm):
        return ""
    side = words.of("say", "range_high" if alarm.condition.side is Side.HIGH else "range_low")
    return plain(f"{bare_limit(alarm, plant)} {side}")


def bare_limit(alarm: Alarm, plant: Plant) -> str:
    """'95 %', of a fixed level."""
    rule = alarm.condition
    assert isinstance(rule, Level), "a level"
    assert isinstance(rule.limit, int | float), "a fixed one"
    return plain(f"{rule.limit:g} {plant.tags[rule.tag].unit}")


def _fixed(alarm: Alarm) -> bool:
    return isinstance(alarm.condition, Level) and isinstance(alarm.condition.limit, int | float)


def _headline(item: Item, rule: Alarm | None, plant: Plant, text: str, words: Words) -> str:
    """What it is in one line, without its id."""
    if rule is not None and _fixed(rule):
        return plain(f"{text} ({words.of('say', 'limit', limit=bare_limit(rule, plant))})")
    if rule is not None and isinstance(rule.condition, Discrete):
        return text
    return plain(item.text) or text


def _interlock(data: dict[str, Any], plant: Plant) -> str:
    name = data.get("interlock")
    found = next((one for one in plant.interlocks if one.name == name), None)
    return plain(f"{found.name} {found.text}") if found is not None else ""
