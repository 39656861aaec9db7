"""The life of an alarm: the states of ANSI/ISA-18.2-2016 (IEC 62682) and what leads from one to the next.

Everything that may happen to an alarm's state stands in the tables below; the diagrams in
docs/reference/alarm-states.md are drawn from them. What is not in a table is refused and changes
nothing. Five small machines run side by side, because their facts are independent of each other: the
alarm itself, its confirmation, its shelf, its suppression and its service. What is displayed is a
function of all of them (`displayed`), never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class State(Enum):
    """Letters and names of ISA-18.2. A to F are states of the alarm; G, H and I cover them."""

    NORMAL = "A"
    UNACKNOWLEDGED = "B"
    ACKNOWLEDGED = "C"
    RETURNED_UNACKNOWLEDGED = "D"
    LATCHED_UNACKNOWLEDGED = "E"
    LATCHED_ACKNOWLEDGED = "F"
    SHELVED = "G"
    SUPPRESSED_BY_DESIGN = "H"
    OUT_OF_SERVICE = "I"


class Event(StrEnum):
    """What can happen to an alarm.

    TAKEN_OVER: a worse alarm of the tag has come back to this one, which people know of already.
    ABSORBED: a worse alarm of the tag speaks for this one now. Both only for exclusive limits.
    RETURNED_UNSEEN: it came and went while suppressed by design; nobody has to acknowledge that.
    REARMED: it is put before people again as if it were new (re-alarm time, end of a shelf).
    """

    RAISED = "raised"
    TAKEN_OVER = "taken over"
    RETURNED = "returned"
    RETURNED_LATCHING = "returned, latching"
    RETURNED_UNSEEN = "returned unseen"
    ABSORBED = "absorbed"
    ACKNOWLEDGED = "acknowledged"
    RESET = "reset"
    REARMED = "rearmed"


_A, _B, _C = State.NORMAL, State.UNACKNOWLEDGED, State.ACKNOWLEDGED
_D, _E, _F = State.RETURNED_UNACKNOWLEDGED, State.LATCHED_UNACKNOWLEDGED, State.LATCHED_ACKNOWLEDGED

TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = {
    State.NORMAL: {
        Event.RAISED: _B,
        Event.TAKEN_OVER: _C,
    },
    State.UNACKNOWLEDGED: {
        Event.ACKNOWLEDGED: _C,
        Event.RETURNED: _D,
        Event.RETURNED_LATCHING: _E,
        Event.RETURNED_UNSEEN: _A,
        Event.ABSORBED: _A,
        Event.REARMED: _B,
    },
    State.ACKNOWLEDGED: {
        Event.RETURNED: _A,
        Event.RETURNED_LATCHING: _F,
        Event.RETURNED_UNSEEN: _A,
        Event.ABSORBED: _A,
        Event.REARMED: _B,
    },
    State.RETURNED_UNACKNOWLEDGED: {
        Event.RAISED: _B,  # the earlier activation lives on as a branch
        Event.ACKNOWLEDGED: _A,
    },
    State.LATCHED_UNACKNOWLEDGED: {
        Event.RAISED: _B,  # likewise
        Event.ACKNOWLEDGED: _F,
        Event.REARMED: _E,
    },
    State.LATCHED_ACKNOWLEDGED: {
        Event.RAISED: _B,
        Event.RESET: _A,
        Event.REARMED: _E,
    },
}


class Machine(StrEnum):
    """The machines beside the alarm's own. Names of OPC UA Part 9, 5.7 and 5.8."""

    CONFIRMATION = "confirmation"
    SHELVING = "shelving"
    SUPPRESSION = "suppression"
    SERVICE = "service"
    SILENCE = "silence"


BESIDE: Final[Mapping[Machine, Mapping[str, Mapping[str, str]]]] = {
    Machine.CONFIRMATION: {
        "Confirmed": {"acknowledge (second step required)": "Unconfirmed"},
        "Unconfirmed": {"confirm": "Confirmed", "raise": "Confirmed"},
    },
    Machine.SHELVING: {
        "Unshelved": {"shelve": "TimedShelved", "shelve once": "OneShotShelved"},
        "TimedShelved": {
            "shelve": "TimedShelved",
            "shelve once": "OneShotShelved",
            "unshelve": "Unshelved",
            "expire": "Unshelved",
        },
        "OneShotShelved": {
            "shelve": "TimedShelved",
            "unshelve": "Unshelved",
            "expire": "Unshelved",
            "return": "Unshelved",
        },
    },
    Machine.SUPPRESSION: {
        "Unsuppressed": {"suppress": "Suppressed"},
        "Suppressed": {"unsuppress": "Unsuppressed", "expire": "Unsuppressed"},
    },
    Machine.SERVICE: {
        "InService": {"remove from service": "OutOfService"},
        "OutOfService": {"return to service": "InService", "expire": "InService"},
    },
    Machine.SILENCE: {
        "NotSilenced": {"silence": "Silenced"},
        "Silenced": {"raise": "NotSilenced", "rearm": "NotSilenced", "return": "NotSilenced"},
    },
}


# --- facts -----------------------------------------------------------------------------------


class Hold(NamedTuple):
    """Somebody has taken the alarm away from people's eyes until a time: who, why, since, until.

    kind: 'timed' or 'one-shot' for a shelf.
    """

    user: str
    reason: str
    since_utc_ns: int
    until_utc_ns: int
    kind: str = "timed"


class Comment(NamedTuple):
    user: str = ""
    text: str = ""
    utc_ns: int = 0


class Branch(NamedTuple):
    """An earlier activation that still waits for people (Part 9: a ConditionBranch)."""

    id: str
    raised_utc_ns: int
    returned_utc_ns: int
    acknowledged: bool
    confirmed: bool
    events: tuple[str, ...]
    comment: Comment = Comment()


class Facts(NamedTuple):
    """All that is known about one alarm, each fact by itself; a fold of its events.

    presented: people have been shown this activation. activation: event id of its raise.
    events: ids that may be acknowledged, newest last. quality: StatusCode of its signal.
    incident: event id of the first-out it belongs to; consequence: kept beneath it.
    """

    active: bool = False
    acknowledged: bool = True
    confirmed: bool = True
    latched: bool = False
    silenced: bool = False
    shelf: Hold | None = None
    suppressed: Hold | None = None
    out_of_service: Hold | None = None
    presented: bool = False
    activation: str = ""
    incident: str = ""
    consequence: bool = False
    value: float | None = None
    quality: int = 0
    raised_utc_ns: int = 0
    returned_utc_ns: int = 0
    announced_utc_ns: int = 0
    acknowledged_utc_ns: int = 0
    acknowledged_by: str = ""
    comment: Comment = Comment()
    events: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()

    @property
    def retained(self) -> bool:
        """Of interest to a client that asks for the present conditions (Part 9, 5.5.2 Retain)."""
        clean = self.acknowledged and self.confirmed and not self.latched
        return self.active or not clean or bool(self.branches)

    @property
    def standing(self) -> bool:
        """The condition holds, or held and is latched."""
        return self.active or self.latched


IDLE: Final = Facts()

# state -> (active, acknowledged, latched); its inverse is `state_of`.
_FACTS_OF: Final = MappingProxyType(
    {
        State.NORMAL: (False, True, False),
        State.UNACKNOWLEDGED: (True, False, False),
        State.ACKNOWLEDGED: (True, True, False),
        State.RETURNED_UNACKNOWLEDGED: (False, False, False),
        State.LATCHED_UNACKNOWLEDGED: (False, False, True),
        State.LATCHED_ACKNOWLEDGED: (False, True, True),
    }
)
_STATE_OF: Final = MappingProxyType({facts: state for state, facts in _FACTS_OF.items()})


class NotAllowedError(Exception):
    """The event does not lead anywhere from the present state; the facts are as before."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"an alarm that is {state.name.lower().replace('_', ' ')} cannot be {event}")
        self.state = state
        self.event = event


def state_of(facts: Facts) -> State:
    """The alarm's own state, A to F."""
    return _STATE_OF[facts.active, facts.acknowledged, facts.latched]


def displayed(facts: Facts, *, suppressed_by_design: bool = False, enabled: bool = True) -> State:
    """What a list shows: out of service covers suppression, suppression a shelf, a shelf the rest."""
    if facts.out_of_service is not None or not enabled:
        return State.OUT_OF_SERVICE
    if facts.suppressed is not None or facts.consequence or suppressed_by_design:
        return State.SUPPRESSED_BY_DESIGN
    if facts.shelf is not None:
        return State.SHELVED
    return state_of(facts)


def facts_after(facts: Facts, event: Event) -> tuple[bool, bool, bool]:
    """(active, acknowledged, latched) after the event; what the table does not have is refused."""
    state = state_of(facts)
    after = TRANSITIONS[state].get(event)
    if after is None:
        raise NotAllowedError(state, event)
    return _FACTS_OF[after]


def advance(facts: Facts, event: Event) -> Facts:
    """The facts after the event. Refused ones raise and change nothing."""
    active, acknowledged, latched = facts_after(facts, event)
    return facts._replace(active=active, acknowledged=acknowledged, latched=latched)
