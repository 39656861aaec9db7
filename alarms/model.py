"""What an alarm is, once the configuration has been checked: frozen, in engineering units, by tag index.

An alarm is one limit or condition with an id of its own ('LT-201.HH'), a priority, an acknowledgement
and a shelf of its own. Delays and windows of process conditions count plant seconds; those of quality,
stale and frozen conditions count wall seconds, because a link does not run faster when the plant does.
A delay of 0 means at once, never "off".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Side(StrEnum):
    HIGH = "high"
    LOW = "low"


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"
    EITHER = "either"


# --- limits ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FromTag:
    """The limit is the present value of another tag, plus `offset`; not usable = the verdict is unknown."""

    tag: int
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class ByState:
    """The limit depends on an operating state: the first case with the state tag's value, else `otherwise`.

    None as a limit means that there is no alarm in that state.
    """

    tag: int
    cases: tuple[tuple[int, float | FromTag | None], ...]
    otherwise: float | FromTag | None = None


Limit = float | FromTag | ByState


@dataclass(frozen=True, slots=True)
class Curve:
    """What a value should be, by plant seconds since a state tag entered one of `states`.

    points: (seconds, value), interpolated, flat outside. late_s shifts the curve: so much later than
    the reference is still in order. Outside `states` there is nothing to compare with: no alarm.
    """

    points: tuple[tuple[float, float], ...]
    state_tag: int
    states: tuple[int, ...]
    late_s: float = 0.0


# --- conditions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Level:
    """value >= limit (high) or <= limit (low); once true, until it is back by more than the deadband.

    hold_uncertain: Uncertain is not usable for this alarm (otherwise it counts like Good).
    """

    tag: int
    side: Side
    limit: Limit
    deadband: float = 0.0
    hold_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """The change over the last window_s plant seconds, as units per `per_s` seconds, reaches `limit`."""

    tag: int
    window_s: float
    limit: float
    per_s: float = 1.0
    direction: Direction = Direction.EITHER
    deadband: float = 0.0
    hold_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Deviation:
    """The value is off a set-point tag or a reference curve by `limit` or more, in the direction named."""

    tag: int
    reference: FromTag | Curve
    limit: float
    direction: Direction = Direction.EITHER
    deadband: float = 0.0
    hold_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Discrete:
    """A discrete or state tag has one of `values`; off_normal: it has none of them."""

    tag: int
    values: tuple[int, ...]
    off_normal: bool = False
    hold_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit of an alarm word, counted from 0; polarity differs from bit to bit."""

    tag: int
    bit: int
    active_when: int = 1
    hold_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A valve's limit switches have not followed its command within within_s plant seconds.

    Either switch may be missing. open_value: the command's value that means open.
    """

    command: int
    open_switch: int | None
    closed_switch: int | None
    within_s: float
    open_value: int = 1


@dataclass(frozen=True, slots=True)
class Quality:
    """The tag's status is Bad (or Uncertain, where asked); `codes` narrows it to these StatusCodes."""

    tag: int
    uncertain: bool = False
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Stale:
    """No report of the tag for after_s wall seconds; `codes`: statuses that say the same."""

    tag: int
    after_s: float
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Frozen:
    """The value has not moved by more than `tolerance` for after_s wall seconds; `codes` say the same."""

    tag: int
    after_s: float
    tolerance: float = 0.0
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Skew:
    """A clock difference in seconds, of either sign, reaches `limit`."""

    tag: int
    limit: float
    deadband: float = 0.0


@dataclass(frozen=True, slots=True)
class Count:
    """`condition` has become true `times` times within the last window_s plant seconds."""

    condition: Condition
    times: int
    window_s: float


@dataclass(frozen=True, slots=True)
class All:
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """At least `needed` of the terms."""

    needed: int
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    term: Condition


@dataclass(frozen=True, slots=True)
class Held:
    """The term has been true for for_s plant seconds without a break; unknown stops the clock."""

    term: Condition
    for_s: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Another alarm is active."""

    alarm: str


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody else decides: true from when the engine is told of `fact` ('S-05.TRIP') until it is over.

    tags: what that decision lives on, so that a lost link can speak for it.
    """

    fact: str
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """What stands behind a fact: in words, and as data that is recorded with the alarm."""

    text: str
    data: dict[str, Any] = field(default_factory=dict)


Condition = (
    Level
    | Rate
    | Deviation
    | Discrete
    | Bit
    | Discrepancy
    | Quality
    | Stale
    | Frozen
    | Skew
    | Count
    | All
    | AnyOf
    | Vote
    | Not
    | Held
    | Standing
    | Told
)
NotProcess = (Quality, Stale, Frozen, Told)


def parts(condition: Condition) -> Iterator[Condition]:
    """The condition and everything in it."""
    yield condition
    match condition:
        case All(terms) | AnyOf(terms) | Vote(_, terms):
            for term in terms:
                yield from parts(term)
        case Not(term) | Held(term) | Count(term):
            yield from parts(term)
        case _:
            pass


def counts_wall_time(condition: Condition) -> bool:
    """Delays of what is about links, instruments and handshakes, not the process, run on wall seconds."""
    leaves = [part for part in parts(condition) if not isinstance(part, All | AnyOf | Vote | Not)]
    return all(isinstance(leaf, NotProcess) for leaf in leaves)


# --- the alarm -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Help:
    """What the person needs who reads the alarm at night (part of rationalisation, IEC 62682)."""

    cause: str = ""
    consequence: str = ""
    action: str = ""
    time_allowed: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm with everything that rationalisation decides about it.

    source: the tag or machine it is shown under. level: 'LL' 'L' 'H' 'HH' ranks alarms of one tag, so
    that the worse one speaks for the milder; exclusive: while the worse stands, the milder is not active
    at all (Part 9 ExclusiveLimitAlarmType), otherwise both are. confirm: acknowledging takes a second step.
    realarm_s: wall seconds after which a standing alarm speaks again (Part 9 ReAlarmTime).
    """

    id: str
    condition: Condition
    priority: int
    source: str = ""
    level: str = ""
    text: str = ""
    area: str = ""
    alarm_class: str = "process"
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    realarm_s: float | None = None
    latching: bool = False
    confirm: bool = False
    exclusive: bool = False
    enabled: bool = True
    help: Help = field(default_factory=Help)


# OPC UA severity 1..1000 (Part 9, 5.5.2 leaves the mapping to us), in the three bands clients colour.
SEVERITY = {1: 900, 2: 600, 3: 300}
LEVELS = ("L", "LL", "H", "HH")
WORSE = {"L": "LL", "H": "HH"}
