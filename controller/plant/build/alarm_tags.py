"""Which tags an alarm lives on, through derived tags down to the PLCs."""

from __future__ import annotations

from alarms.limits import watch
from alarms.model import Condition
from controller.plant.draft import Draft
from controller.plant.tags import Derived, Tag


def tags_read(condition: Condition, draft: Draft) -> list[Tag]:
    """In the order in which the condition names them."""
    tags = list(draft.tags.values())
    return [tags[index] for index in dict.fromkeys(gate.tag for gate in watch(condition).gates)]


def plcs_read(condition: Condition, tags: list[Tag]) -> set[int]:
    """The PLCs whose values decide on the condition."""
    found: set[int] = set()
    waiting = [gate.tag for gate in watch(condition).gates]
    while waiting:
        tag = tags[waiting.pop()]
        if isinstance(tag.source, Derived):
            waiting += tag.source.inputs
        else:
            found.add(tag.source.plc)
    return found
