"""Rules and values in words, for events, refusals and `explain`. One wording everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final, assert_never

from alarms.signal import (
    BAD_CONFIGURATION_ERROR,
    BAD_NO_COMMUNICATION,
    BAD_NO_DATA,
    BAD_NODE_ID_UNKNOWN,
    BAD_OUT_OF_RANGE,
    BAD_SENSOR_FAILURE,
    BAD_TIMEOUT,
    BAD_WAITING_FOR_INITIAL_DATA,
    is_good,
    is_uncertain,
)
from controller.core.image import Image
from controller.plant.plant import Compare, Condition, Not, Plant, State, Tripped, Vote
from controller.plant.tags import Tag

STATUS_WORDS: Final = {
    BAD_WAITING_FOR_INITIAL_DATA: "no value yet",
    BAD_NO_COMMUNICATION: "no communication with its PLC",
    BAD_SENSOR_FAILURE: "sensor failed or stands still",
    BAD_NO_DATA: "no report for too long",
    BAD_TIMEOUT: "time-out",
    BAD_NODE_ID_UNKNOWN: "its node is not there",
    BAD_CONFIGURATION_ERROR: "configuration error",
    BAD_OUT_OF_RANGE: "out of range, or no number comes out",
}


def meant(name: str, known: Iterable[str]) -> str:
    """'; did you mean LT-201?' for a name that there is not, whatever its case; '' when nothing is near."""
    by_case = {one.upper(): one for one in known}
    close = get_close_matches(name.upper(), by_case, n=1, cutoff=0.6)
    return f"; did you mean {by_case[close[0]]}?" if close else ""


def number(value: float) -> str:
    return f"{value:.6g}"


def span(seconds: float) -> str:
    """A duration the way an operator says it."""
    if seconds >= 5400:
        return f"{seconds / 3600:.3g} h"
    if seconds >= 90:
        return f"{seconds / 60:.3g} min"
    return f"{seconds:.3g} s"


def in_unit(tag: Tag, value: float) -> str:
    for state, text in tag.states:
        if state == value:
            return f"{number(value)} ({text})"
    return f"{number(value)} {tag.unit}".rstrip()


def reading(tag: Tag, image: Image) -> str:
    """What a tag shows now: `8.4 ppm`, or why it shows nothing."""
    status = image.status.item(tag.index)
    if is_good(status):
        return in_unit(tag, image.value.item(tag.index)) if tag.index not in image.texts else "text"
    words = STATUS_WORDS.get(status & 0xFFFF0000, f"status 0x{status:08X}")
    return f"{'uncertain' if is_uncertain(status) else 'bad'}: {words}"


def rule(plant: Plant, condition: Condition) -> str:
    """`PT-303 < 0.2 mbarg for 2 s and XS-301 is 9 (under load)`."""
    match condition:
        case Compare():
            tag = plant.tags[condition.tag]
            text = f"{tag.name} {condition.op} {in_unit(tag, condition.limit)}"
            return text + _standing(condition.for_s)
        case State():
            tag = plant.tags[condition.tag]
            values = " or ".join(in_unit(tag, value) for value in condition.values)
            return f"{tag.name} is {values}" + _standing(condition.for_s)
        case Tripped():
            return f"{plant.interlocks[condition.interlock].name} tripped"
        case Not():
            return f"not ({rule(plant, condition.term)})"
        case Vote():
            return _votes(plant, condition)
        case _:
            assert_never(condition)


def _standing(for_s: float) -> str:
    return f" for {span(for_s)}" if for_s else ""


def _votes(plant: Plant, vote: Vote) -> str:
    parts = [rule(plant, term) for term in vote.terms]
    if len(parts) > 1:
        parts = [f"({part})" if " and " in part or " or " in part else part for part in parts]
    if vote.needed == len(parts):
        text = " and ".join(parts)
    elif vote.needed == 1:
        text = " or ".join(parts)
    else:
        text = f"{vote.needed} of {len(parts)}: " + ", ".join(parts)
    return f"({text}){_standing(vote.for_s)}" if vote.for_s else text
