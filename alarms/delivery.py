"""Messages of alarms: what is sent to whom and when, until somebody answers. Pure: no clock, no sockets.

The seam between routing and the process that sends: see `Delivery`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Why(StrEnum):
    """What a message is."""

    FIRST = "first"  # a new incident
    WORSE = "worse"  # the incident has become worse
    MORE = "more"  # further alarms of it
    AGAIN = "again"  # nobody has answered
    ESCALATED = "escalated"  # nobody has answered: the next step
    RETURNED = "returned"
    ANSWERED = "answered"  # told to those who were woken: somebody has it
    SUMMARY = "summary"  # what the rate limit held back
    DIGEST = "digest"  # what quiet hours kept
    TROUBLE = "trouble"  # another way does not deliver
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Item:
    """One alarm in a message. event: its EventId, to acknowledge it by. state: 'active', 'returned', ..."""

    alarm: str
    event: str
    priority: int
    raised_ns: int
    state: str = "active"
    first_out: bool = False
    text: str = ""  # what the record said: value, limit
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address.

    id: the same again after a restart, so a resend can be told from a new one. incident: the thread it
    belongs to, '' none. opens: the first of its thread to this address. items: worst first, at most
    ITEMS_MAX; count: all there are. held_back: how many messages it stands for.
    because: in words, for the receipt ('step 2 of route night: no answer for 10 min').
    """

    id: str
    recipient: str
    address: str
    why: Why
    incident: str
    opens: bool
    priority: int
    at_ns: int
    items: tuple[Item, ...] = ()
    count: int = 0
    held_back: int = 0
    because: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    message: Message


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A message that has not left need not leave any more: somebody has answered."""

    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """An event for the journal: kind is notify.WORD."""

    kind: str
    source: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


Effect = Send | Withdraw | Note
