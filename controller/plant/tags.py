"""What a tag is, once the configuration has been checked: frozen, in engineering units, by index."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """How a tag is shown and what may be compared with it."""

    ANALOG = "analog"
    DISCRETE = "discrete"  # 0/1
    STATE = "state"  # enumerated, with texts
    COUNTER = "counter"  # counts up and rolls over
    WORD = "word"  # a status or alarm word, read by its bits
    TEXT = "text"


class Raw(Enum):
    """The OPC UA built-in type of the node (Part 6, 5.1.2); a write must match it exactly."""

    BOOLEAN = "Boolean"
    SBYTE = "SByte"
    BYTE = "Byte"
    INT16 = "Int16"
    UINT16 = "UInt16"
    INT32 = "Int32"
    UINT32 = "UInt32"
    INT64 = "Int64"
    UINT64 = "UInt64"
    FLOAT = "Float"
    DOUBLE = "Double"
    STRING = "String"


@dataclass(frozen=True, slots=True)
class NodeSource:
    """Where in a PLC a tag comes from: value = raw * scale + offset.

    `element` picks one element of an array node; `bit` picks a bit of a word, true when the bit
    equals `active_when`. `words` = 2 reads a 32-bit number from two elements (`low_word_first`).
    """

    plc: int
    namespace: str
    identifier: str  # 's=...', 'i=...': the part of the NodeId behind the namespace index
    raw: Raw
    scale: float = 1.0
    offset: float = 0.0
    element: int | None = None
    bit: int | None = None
    active_when: int = 1
    words: int = 1
    low_word_first: bool = False
    sentinels: tuple[float, ...] = ()  # raw values that mean "sensor broken": status becomes Bad


@dataclass(frozen=True, slots=True)
class Derived:
    """A value computed by the service from other tags; a bad input makes a bad output."""

    expression: str
    inputs: tuple[int, ...]  # tag indices, in the order of the expression's names
    names: tuple[str, ...]  # the same tags by name, as the expression spells them: ('PT-107', 'TT-108')


@dataclass(frozen=True, slots=True)
class Archive:
    """A change smaller than the deadband is not archived, but never longer than max_interval_s."""

    deadband: float = 0.0
    max_interval_s: float = 60.0


@dataclass(frozen=True, slots=True)
class AlarmHelp:
    cause: str = ""
    consequence: str = ""
    action: str = ""
    time_allowed: str = ""


@dataclass(frozen=True, slots=True)
class AlarmLimit:
    """One alarm of a tag (its id is `TAG.LEVEL`). Times are plant seconds, limits in the tag's unit.

    level: LL L H HH for analogues; ON (value == limit) for the rest. exclusive, latching, confirm,
    realarm_s, alarm_class, hold_uncertain: as in alarms.model.Alarm, of which this becomes one.
    """

    level: str
    limit: float
    priority: int
    deadband: float
    on_delay_s: float
    off_delay_s: float
    help: AlarmHelp
    text: str = ""  # left out: the tag's text and the level in words
    alarm_class: str = "process"
    exclusive: bool = False
    latching: bool = False
    confirm: bool = False
    realarm_s: float | None = None
    enabled: bool = True
    hold_uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    """One measured, commanded or computed value.

    low, high: the instrument's range in `unit`. `states` names the values of a STATE or DISCRETE tag.
    """

    index: int
    name: str
    text: str
    kind: Kind
    unit: str
    area: str
    low: float
    high: float
    source: NodeSource | Derived
    normal: str = ""
    access: str = "read"  # 'read' | 'command'
    fast: bool = False  # an interlock reads it: fast subscription
    stale_after_s: float | None = None  # wall seconds without a report (keep-alives do not count)
    frozen_after_s: float | None = None  # wall seconds without a change on a noisy instrument
    archive: Archive = field(default_factory=Archive)
    states: tuple[tuple[int, str], ...] = ()
    alarms: tuple[AlarmLimit, ...] = ()
    line: tuple[str, int] = ("", 0)  # file and line it was read from

    @property
    def plc(self) -> int | None:
        return self.source.plc if isinstance(self.source, NodeSource) else None
