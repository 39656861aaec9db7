"""From an alarm rule to its condition type (Part 9, 5.8) and to what such a condition carries besides.

One alarm is one condition with one limit. So an exclusive level alarm has the state of that limit alone,
and a combination of conditions is an OffNormal alarm without a state it could point to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncua import ua

from alarms.model import (
    Alarm,
    ByState,
    Condition,
    Count,
    Deviation,
    Direction,
    Discrepancy,
    Discrete,
    FromTag,
    Frozen,
    Held,
    Level,
    Limit,
    Quality,
    Rate,
    Side,
    Skew,
    Stale,
    Told,
    parts,
)
from controller.plant.tags import Tag

Reading = Callable[[int], float | None]  # the present value of a tag; None when it is not usable

STATES: Final = {"HH": "HighHigh", "H": "High", "L": "Low", "LL": "LowLow"}
SYSTEM_CLASSES: Final = frozenset({"link", "system", "service", "certificate"})
TRIPS: Final = frozenset({"trip", "tripped"})  # a state's name in the plant files
CERTIFICATE: Final = "certificate"  # the alarm class of what expires
CLASSES: Final[Mapping[str, tuple[int, str]]] = {
    "process": (ua.ObjectIds.ProcessConditionClassType, "ProcessConditionClassType"),
    "sequence": (ua.ObjectIds.ProcessConditionClassType, "ProcessConditionClassType"),
    "leak": (ua.ObjectIds.ProcessConditionClassType, "ProcessConditionClassType"),
    "safety": (ua.ObjectIds.SafetyConditionClassType, "SafetyConditionClassType"),
    "trip": (ua.ObjectIds.SafetyConditionClassType, "SafetyConditionClassType"),
    "instrument": (ua.ObjectIds.MaintenanceConditionClassType, "MaintenanceConditionClassType"),
    "meter": (ua.ObjectIds.MaintenanceConditionClassType, "MaintenanceConditionClassType"),
    "maintenance": (ua.ObjectIds.MaintenanceConditionClassType, "MaintenanceConditionClassType"),
    "test": (ua.ObjectIds.TestingConditionClassType, "TestingConditionClassType"),
    "link": (ua.ObjectIds.SystemConditionClassType, "SystemConditionClassType"),
    "system": (ua.ObjectIds.SystemConditionClassType, "SystemConditionClassType"),
    "service": (ua.ObjectIds.SystemConditionClassType, "SystemConditionClassType"),
    "certificate": (ua.ObjectIds.SystemConditionClassType, "SystemConditionClassType"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What an alarm is in Part 9.

    type: name of the condition type. tag: the input, None for a combination. limits: state name ->
    (limit, side); a callable limit reads the plant. deadband: in the tag's unit. exclusive: LimitState
    instead of one state per limit. setpoint, target: tags that a deviation or discrepancy follows.
    within_s: ExpectedTime of a discrepancy.
    """

    type: str
    tag: int | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)
    deadband: float | None = None
    exclusive: bool = False
    setpoint: int | None = None
    target: int | None = None
    within_s: float | None = None
    per_s: float | None = None

    @property
    def id(self) -> ua.NodeId:
        return ua.NodeId(ua.Int32(getattr(ua.ObjectIds, self.type)))


def kind_of(alarm: Alarm, tags: Sequence[Tag] = ()) -> Kind:
    """tags: the plant's, by index; a state that they call a trip makes a TripAlarm."""
    condition = _bare(alarm.condition)
    if isinstance(condition, Discrepancy):
        seen = condition.open_switch if condition.open_switch is not None else condition.closed_switch
        return Kind("DiscrepancyAlarmType", seen, target=condition.command, within_s=condition.within_s)
    limited = _limited(alarm, condition)
    return limited or Kind(_off_normal(alarm, condition, tags), _input(alarm.condition))


def _off_normal(alarm: Alarm, condition: Condition, tags: Sequence[Tag]) -> str:
    """Which kind of not being as it should."""
    if alarm.alarm_class == CERTIFICATE:
        return "CertificateExpirationAlarmType"
    if alarm.alarm_class in SYSTEM_CLASSES:
        return "SystemOffNormalAlarmType"
    if isinstance(condition, Skew):
        return "SystemDiagnosticAlarmType"
    if _of_instrument(alarm, condition):
        return "InstrumentDiagnosticAlarmType"
    trip = alarm.alarm_class == "trip" or _tells_of_a_trip(condition, tags)
    return "TripAlarmType" if trip else "OffNormalAlarmType"


def condition_class(alarm: Alarm) -> tuple[ua.NodeId, str]:
    """ConditionClassId and ConditionClassName; a class of the plant's own counts as process."""
    number, name = CLASSES.get(alarm.alarm_class, CLASSES["process"])
    return ua.NodeId(ua.Int32(number)), name


def present(limit: Limit, read: Reading) -> float | None:
    """The limit's value now; None where there is no limit, or it cannot be seen."""
    match limit:
        case FromTag(tag, offset):
            value = read(tag)
            return None if value is None else value + offset
        case ByState(tag, cases, otherwise):
            state = read(tag)
            if state is None:
                return None
            chosen = next((value for number, value in cases if number == state), otherwise)
            return None if chosen is None else present(chosen, read)
        case _:
            return float(limit)


def _bare(condition: Condition) -> Condition:
    """What is counted or held, without the counting."""
    while isinstance(condition, Held | Count):
        condition = condition.condition if isinstance(condition, Count) else condition.term
    return condition


def _input(condition: Condition) -> int | None:
    """The tag when there is but one."""
    tags = {part.tag for part in parts(condition) if hasattr(part, "tag")}
    return tags.pop() if len(tags) == 1 else None


def _tells_of_a_trip(condition: Condition, tags: Sequence[Tag]) -> bool:
    """An interlock's trip, or a machine's own word: the state that raises the alarm is called one."""
    if isinstance(condition, Told):
        return condition.fact.endswith(".TRIP")
    if not isinstance(condition, Discrete) or condition.off_normal or condition.tag >= len(tags):
        return False
    called = dict(tags[condition.tag].states)
    return any(called.get(value, "").lower() in TRIPS for value in condition.values)


def _of_instrument(alarm: Alarm, condition: Condition) -> bool:
    leaves = [part for part in parts(condition) if hasattr(part, "tag")]
    about = [isinstance(leaf, Quality | Stale | Frozen) for leaf in leaves]
    return alarm.alarm_class in {"instrument", "meter"} or (bool(about) and all(about))


def _limited(alarm: Alarm, condition: Condition) -> Kind | None:
    prefix = "Exclusive" if alarm.exclusive else "NonExclusive"
    match condition:
        case Level():
            name = STATES.get(alarm.level, "High" if condition.side is Side.HIGH else "Low")
            return Kind(
                f"{prefix}LevelAlarmType",
                condition.tag,
                {name: condition.limit},
                condition.deadband,
                alarm.exclusive,
            )
        case Rate():
            return Kind(
                f"{prefix}RateOfChangeAlarmType",
                condition.tag,
                _both(condition.direction, condition.limit),
                condition.deadband,
                alarm.exclusive,
                per_s=condition.per_s,
            )
        case Deviation():
            reference = condition.reference
            return Kind(
                f"{prefix}DeviationAlarmType",
                condition.tag,
                _both(condition.direction, condition.limit),
                condition.deadband,
                alarm.exclusive,
                setpoint=reference.tag if isinstance(reference, FromTag) else None,
            )
        case _:
            return None


def _both(direction: Direction, limit: float) -> dict[str, Limit]:
    """A change or deviation downwards is below a negative limit."""
    match direction:
        case Direction.UP:
            return {"High": limit}
        case Direction.DOWN:
            return {"Low": -limit}
        case Direction.EITHER:
            return {"High": limit, "Low": -limit}
