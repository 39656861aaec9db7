"""Event ids: the core's, those that one record makes of several, and what an id says by itself.

The core mints an id of a running number and a digest of its source (`alarms.records.event_id`). One record
may change several conditions or branches; each of their notifications has the record's number with a digest
of its own. So an id tells which condition or branch it is of, and since when: nothing has to be remembered
for it to be acknowledged, by this process or by one that is started after it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from alarms.lifecycle import Branch, Facts
from controller.record.chain import Entry

LENGTH: Final = 16
_NUMBER: Final = 8
TRUNK: Final = ""


@lru_cache(maxsize=8192)
def digest(source: str) -> bytes:
    """As `alarms.records.event_id` has it."""
    return blake2b(source.encode(), digest_size=LENGTH - _NUMBER).digest()


def event_of(number: int, alarm: str, branch: str = TRUNK) -> bytes:
    """The id of what the record with this number made of an alarm, or of one of its branches."""
    return number.to_bytes(_NUMBER, "big") + digest(f"{alarm}#{branch}" if branch else alarm)


def plain_event(entry: Entry) -> bytes:
    """The id of an event that is no condition's: the journal's own hash of it, which never changes."""
    return entry.hash[:LENGTH]


def number_of(event: bytes) -> int:
    return int.from_bytes(event[:_NUMBER], "big")


def activation_number(activation: str) -> int:
    return number_of(bytes.fromhex(activation)) if activation else 0


def belongs(event: bytes, alarm: str, facts: Facts, newest: int) -> str | None:
    """Whose event it is: TRUNK, a branch's id, or None when it is none of this alarm that still counts.

    newest: the number of the newest record that was folded.
    """
    if len(event) != LENGTH or number_of(event) > newest:
        return None
    for branch in facts.branches:
        if event[_NUMBER:] == digest(f"{alarm}#{branch.id}"):
            return branch.id
    if event[_NUMBER:] != digest(alarm):
        return None
    number = number_of(event)
    if number >= activation_number(facts.activation):
        return TRUNK
    return next((one.id for one in facts.branches if _was(one, number)), None)


def _was(branch: Branch, number: int) -> bool:
    """Whether the branch was the trunk when a record had this number."""
    last = branch.events[-1] if branch.events else branch.id
    return activation_number(branch.id) <= number <= activation_number(last)


def core_event(facts: Facts, whose: str) -> str:
    """An id by which the core knows this activation ('' when it has none)."""
    if whose == TRUNK:
        return facts.events[-1] if facts.events else ""
    return next((one.events[-1] for one in facts.branches if one.id == whose and one.events), "")
