"""What leaves: messages to people, and what the sending process is asked to do. Frozen and JSON-able."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

ITEMS_MAX: Final = 20
RETRY_FIRST_S: Final = 5.0
RETRY_MOST_S: Final = 300.0


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


CALLS: Final = (Why.FIRST, Why.WORSE, Why.ESCALATED, Why.MORE, Why.AGAIN)
"""Messages that ask for an answer, the strongest first."""


@dataclass(frozen=True, slots=True)
class Item:
    """One alarm in a message. event: its EventId, to acknowledge it by.

    state: 'active', 'latched', 'returned', 'acknowledged', 'consequence', 'grouped' (counted into a
    flood), 'shelved', 'suppressed', 'out of service' or 'removed'.
    """

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
    ITEMS_MAX; count: all there are. held_back: how many messages were held back for it.
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


def retry_s(attempt: int) -> float:
    """How long to wait after the n-th failed attempt (from 1): doubling, at most five minutes."""
    return min(RETRY_FIRST_S * 2.0 ** min(max(attempt, 1) - 1, 20), RETRY_MOST_S)


def message_data(message: Message) -> dict[str, Any]:
    """JSON-able."""
    return {**asdict(message), "why": message.why.value, "items": [asdict(item) for item in message.items]}


def message_of(data: dict[str, Any]) -> Message:
    items = tuple(Item(**item) for item in data["items"])
    return Message(**{**data, "why": Why(data["why"]), "items": items})
