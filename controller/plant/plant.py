"""The plant as the service sees it: a frozen tree, made once from the configuration.

Everything refers to everything else by index, so that the core works on arrays. Times that end in
`_s` are plant seconds for processes and wall seconds for links, handshakes and quality (see
docs/explanation/time.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from alarms.annunciator import Settings
from alarms.model import Alarm
from alarms.suppression import FirstOutGroup, Suppression
from controller.plant.mimic import Mimic
from controller.plant.notification import Notification
from controller.plant.sinks import Influx
from controller.plant.tags import Tag

SERVICE_NAME: Final = "heloop"  # the source of what the service says of itself
CERTIFICATES: Final = "heloop.CERTIFICATE"  # the alarm, and the fact it stands for: one ends soon
FOLLOWERS: Final = "heloop.FOLLOWER"  # the same: what goes on to others is not taken
PARKED: Final = "heloop.PARKED"  # the same: a follower has put aside what is refused for good
ROTAS: Final = "heloop.ROTA"  # the same: at some time soon nobody is on duty

# --- conditions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compare:
    """One tag against a limit, in the tag's unit.

    op: '>' '>=' '<' '<='. Once true it stays true until the value is back by `hysteresis`.
    for_s: plant seconds the comparison must hold. hold_s: plant seconds for which the last verdict
    stands in when the value is not Good (an analyser being calibrated), then UNKNOWN.
    """

    tag: int
    op: str
    limit: float
    for_s: float = 0.0
    hysteresis: float = 0.0
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """A discrete or state tag is one of the values, for at least for_s plant seconds."""

    tag: int
    values: tuple[int, ...]
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tripped:
    """Another interlock stands tripped (its latch included)."""

    interlock: int


@dataclass(frozen=True, slots=True)
class Vote:
    """needed out of len(terms): any = 1ooM, all = MooM. for_s delays the vote's own verdict."""

    needed: int
    terms: tuple[Condition, ...]
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Not:
    term: Condition


Condition = Compare | State | Tripped | Vote | Not


def tags_of(condition: Condition) -> Iterator[int]:
    """The tags that a condition reads."""
    match condition:
        case Compare() | State():
            yield condition.tag
        case Vote():
            for term in condition.terms:
                yield from tags_of(term)
        case Not():
            yield from tags_of(condition.term)
        case Tripped():
            return


# --- commands --------------------------------------------------------------------------------


class Origin(Enum):
    """Who may send a word: the service by itself, or only a person through it."""

    AUTOMATIC = "automatic"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command: its number, who may send it, and what proves that it took effect.

    proof: feedback that must hold within within_s wall seconds of the write; None = echo alone.
    at_most: (times, plant seconds) the proof may come true, whoever did it, before people are refused
    the word: a motor's starts per hour.
    """

    name: str
    value: int
    origin: Origin
    proof: Condition | None
    within_s: float
    at_most: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a PLC with its handshake (docs/reference/plc-contract.md).

    The five nodes are tags of their own. words run from the safest to the least safe; when several
    interlocks want different words the safest wins. style 'toggle': every new sequence number
    flips the machine, so it is sent only when Good feedback says the machine is not there yet.
    """

    index: int
    name: str
    text: str
    plc: int
    word: int
    sequence: int
    epoch: int
    echo: int
    result: int
    words: tuple[Word, ...]
    style: str = "sequence"  # 'sequence' | 'toggle'
    line: tuple[str, int] = ("", 0)

    def named(self, name: str) -> Word:
        return next(w for w in self.words if w.name == name)


@dataclass(frozen=True, slots=True)
class Permissive:
    """A permission the service holds. Withheld, it refuses the guarded words of operators."""

    index: int
    name: str
    text: str
    guards: tuple[tuple[int, str], ...]  # (command index, word name)


# --- interlocks ------------------------------------------------------------------------------


class By(Enum):
    SERVICE = "service"  # we write it
    PLC = "plc"  # the PLC does it; we check that it came in time


@dataclass(frozen=True, slots=True)
class CommandEffect:
    """by service: send `word` to `command`."""

    command: int
    word: str


@dataclass(frozen=True, slots=True)
class WithholdEffect:
    """by service: the permissive is withheld while the trip stands."""

    permissive: int


@dataclass(frozen=True, slots=True)
class CheckedEffect:
    """by plc: `condition` must hold within within_s plant seconds of the cause (`text` says what it is)."""

    condition: Condition
    within_s: float
    text: str


Effect = CommandEffect | WithholdEffect | CheckedEffect


@dataclass(frozen=True, slots=True)
class Cause:
    """One named cause of an interlock; the first to come is the first-out. id: stable, e.g. 'LT-201<10'."""

    id: str
    text: str
    condition: Condition
    effects: tuple[int, ...] = ()  # indices into Interlock.effects; empty = all of them
    latch: bool | None = None  # None: as the interlock


class ResetBy(Enum):
    AUTOMATIC = "automatic"  # when the reset condition has held
    OPERATOR = "operator"  # a person, when the reset condition holds
    LOCAL = "local"  # only at the machine: the PLC's own bit clears it


@dataclass(frozen=True, slots=True)
class Reset:
    """condition None = the cause is gone. for_s: plant seconds it must hold; at_least_s since the trip."""

    by: ResetBy
    condition: Condition | None = None
    for_s: float = 0.0
    at_least_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Bypass:
    """Allowed only for effects by the service. role: the lowest that may; max_s: wall seconds."""

    max_s: float
    role: str
    two_persons: bool = False


class Unknown(Enum):
    TRIP = "trip"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Interlock:
    """Cause and effect, with its latch, reset and bypass rules.

    needed: how many causes must be true (1 = any). kind 'trip' | 'permissive'. `by` is SERVICE when
    any effect is ours, else PLC (mirrored). on_unknown applies to acting interlocks.
    while_: evaluated only while this holds (masking at start and the like); UNKNOWN counts as holding.
    """

    index: int
    name: str
    text: str
    kind: str
    by: By
    causes: tuple[Cause, ...]
    needed: int
    effects: tuple[Effect, ...]
    latch: bool
    reset: Reset
    on_unknown: Unknown
    unknown_delay_s: float
    bypass: Bypass | None
    hard_wired: bool = False
    while_: Condition | None = None
    parent: int | None = None  # a cascade: the interlock whose trip explains this one
    help: str = ""
    test_interval_days: int | None = None
    line: tuple[str, int] = ("", 0)

    @property
    def trip_fact(self) -> str:
        """What the alarm system is told by when it trips; the id of its alarm too."""
        return f"{self.name}.TRIP"

    @property
    def effect_fact(self) -> str:
        """The same for an effect that is missing."""
        return f"{self.name}.EFFECT"

    def reads(self) -> tuple[int, ...]:
        """The tags of its causes, the first first."""
        return tuple(dict.fromkeys(tag for cause in self.causes for tag in tags_of(cause.condition)))


# --- PLCs and the whole ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Security:
    policy: str = "None"  # OPC UA security policy name, e.g. 'Basic256Sha256'
    mode: str = "None"  # 'None' | 'Sign' | 'SignAndEncrypt'
    user: str | None = None
    password: str | None = None  # a reference: 'env:NAME', 'file:PATH', 'credential:NAME'


@dataclass(frozen=True, slots=True)
class Plc:
    """One controller. fast_ms, normal_ms: requested publishing intervals; budget_ms: what an
    interlock input may take from change to arrival before it is reported.

    alive: tag that moves while the PLC lives. heartbeat, epoch: tags we write. remote: tag that
    reads 1 while the PLC accepts commands. clock: tag TS-995-like computed skew.
    """

    index: int
    name: str
    text: str
    endpoint: str
    namespaces: tuple[str, ...]
    alive: int
    alive_after_s: float
    heartbeat: int | None
    epoch: int | None
    remote: int | None
    fast_ms: float
    normal_ms: float
    budget_ms: float
    security: Security = field(default_factory=Security)
    style: str = "s7-1500"  # what the simulated PLC imitates: 's7-1500' | 'codesys' | 'twincat'
    line: tuple[str, int] = ("", 0)


@dataclass(frozen=True, slots=True)
class Plant:
    """A whole plant, checked. `text_hash` identifies the configuration texts it came from."""

    name: str
    text: str
    timezone: str
    simulator: str  # 'turbine' | 'cryocooler'
    link_grace_s: float
    areas: tuple[tuple[str, str], ...]
    plcs: tuple[Plc, ...]
    tags: tuple[Tag, ...]
    commands: tuple[Command, ...]
    permissives: tuple[Permissive, ...]
    interlocks: tuple[Interlock, ...]
    text_hash: str
    index: dict[str, int]  # tag name -> tag index
    mimic: Mimic | None = None
    alarms: tuple[Alarm, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    first_out_groups: tuple[FirstOutGroup, ...] = ()
    annunciator: Settings = field(default_factory=Settings)
    influx: Influx | None = None
    notification: Notification | None = None

    def tag(self, name: str) -> Tag:
        return self.tags[self.index[name]]
