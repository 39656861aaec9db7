"""Which tags an alarm lives on, through derived tags down to the PLCs."""

from __future__ import annotations

from alarms.limits import watch
from alarms.model import Condition, Told, parts
from controller.plant.draft import Draft
from controller.plant.plant import Interlock
from controller.plant.tags import Derived, Tag


def tags_read(condition: Condition, draft: Draft) -> list[Tag]:
    """In the order in which the condition names them."""
    tags = list(draft.tags.values())
    return [tags[index] for index in dict.fromkeys(gate.tag for gate in watch(condition).gates)]


def plcs_read(condition: Condition, tags: list[Tag]) -> set[int]:
    """The PLCs whose values decide on the condition."""
    found: set[int] = set()
    waiting = [gate.tag for gate in watch(condition).gates]
    waiting += [tag for part in parts(condition) if isinstance(part, Told) for tag in part.tags]
    while waiting:
        tag = tags[waiting.pop()]
        if isinstance(tag.source, Derived):
            waiting += tag.source.inputs
        else:
            found.add(tag.source.plc)
    return found


def interlock_of(condition: Condition, draft: Draft) -> Interlock | None:
    """The interlock whose trip or effects it is about, if it is about one."""
    facts = {part.fact for part in parts(condition) if isinstance(part, Told)}
    return next((one for one in draft.interlocks if facts & {one.trip_fact, one.effect_fact}), None)


def area_of(rule: Interlock, draft: Draft) -> str:
    """Where its first cause is."""
    tags = list(draft.tags.values())
    return next((tags[tag].area for tag in rule.reads() if tags[tag].area), "")
