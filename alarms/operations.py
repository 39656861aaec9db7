"""What people do to alarms: who may do what, on which alarm, and why not.

`decide` is pure: an operation and the facts of one alarm give the record to be written, or a refusal
with the StatusCode of OPC UA Part 9 and a sentence. Nothing happens without user, reason and time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from alarms.lifecycle import TRANSITIONS, Event, Facts, State, state_of
from alarms.model import Alarm
from alarms.records import Kind
from alarms.shelving import ENDS, Cover, hold_of, longest_s


class Action(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    CONFIRM = "confirm"
    COMMENT = "comment"
    RESET = "reset"
    SILENCE = "silence"
    SHELVE = "shelve"
    SHELVE_ONCE = "shelve_once"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    REMOVE_FROM_SERVICE = "remove_from_service"
    RETURN_TO_SERVICE = "return_to_service"
    ENABLE = "enable"
    DISABLE = "disable"


ROLES: Final = ("viewer", "operator", "engineer", "supervisor", "admin")
LOWEST_ROLE: Final[dict[Action, str]] = {
    Action.ACKNOWLEDGE: "operator",
    Action.CONFIRM: "operator",
    Action.COMMENT: "operator",
    Action.RESET: "operator",
    Action.SILENCE: "operator",
    Action.SHELVE: "operator",
    Action.SHELVE_ONCE: "operator",
    Action.UNSHELVE: "operator",
    Action.SUPPRESS: "supervisor",
    Action.UNSUPPRESS: "supervisor",
    Action.REMOVE_FROM_SERVICE: "supervisor",
    Action.RETURN_TO_SERVICE: "supervisor",
}


class Code(StrEnum):
    """StatusCodes of the refusals (OPC UA Part 9, clauses 5.5 to 5.8)."""

    ACCESS_DENIED = "BadUserAccessDenied"
    UNKNOWN_ALARM = "BadNodeIdUnknown"
    UNKNOWN_EVENT = "BadEventIdUnknown"
    ALREADY_ACKNOWLEDGED = "BadConditionBranchAlreadyAcked"
    ALREADY_CONFIRMED = "BadConditionBranchAlreadyConfirmed"
    ALREADY_SHELVED = "BadConditionAlreadyShelved"
    NOT_SHELVED = "BadConditionNotShelved"
    ALREADY_ENABLED = "BadConditionAlreadyEnabled"
    SHELVING_TIME = "BadShelvingTimeOutOfRange"
    INVALID_STATE = "BadInvalidState"
    INVALID_ARGUMENT = "BadInvalidArgument"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which alarms are meant: all that fit every given field. tag, id: patterns with * and ?."""

    id: str = "*"
    tag: str = "*"
    area: str = ""
    alarm_class: str = ""
    priorities: tuple[int, ...] = (1, 2, 3)
    states: tuple[State, ...] = ()
    incident: str = ""

    def fits(self, alarm: Alarm, facts: Facts, shown: State) -> bool:
        return (
            alarm.priority in self.priorities
            and fnmatchcase(alarm.id, self.id)
            and fnmatchcase(alarm.source, self.tag)
            and self.area in {"", alarm.area}
            and self.alarm_class in {"", alarm.alarm_class}
            and (not self.states or shown in self.states)
            and self.incident in {"", facts.incident}
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """targets: alarm ids, or a filter. event: the event id acknowledged or confirmed (Part 9, 5.7.3);
    '' means the alarm with all its branches. for_s: wall seconds a cover is wanted for."""

    action: Action
    user: str
    role: str
    targets: tuple[str, ...] | Filter
    reason: str = ""
    for_s: float | None = None
    event: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    alarm: str
    code: Code
    text: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be recorded for one alarm."""

    kind: Kind
    data: dict[str, Any]
    text: str


Decision = Deed | Refusal


def denied(operation: Operation) -> Refusal | None:
    """Whether the person may do such a thing at all."""
    action, role = operation.action, operation.role
    if action is Action.DISABLE:
        text = "nobody may disable an alarm; take it out of service, or remove it from the configuration"
        return Refusal("", Code.ACCESS_DENIED, text)
    if action is Action.ENABLE:
        return None
    needed = LOWEST_ROLE[action]
    if role not in ROLES or ROLES.index(role) < ROLES.index(needed):
        words = action.replace("_", " ")
        return Refusal("", Code.ACCESS_DENIED, f"to {words} takes {needed} or higher, {role} is not enough")
    return None


def decide(operation: Operation, alarm: Alarm, facts: Facts, utc_ns: int) -> Decision:
    """The record that the operation makes of one alarm, or why it is refused."""
    return _DECIDE[operation.action](operation, alarm, facts, utc_ns)


def _who(operation: Operation) -> dict[str, Any]:
    return {"user": operation.user, "reason": operation.reason}


def _by(operation: Operation, what: str) -> str:
    return f"{what} by {operation.user}" + (f": {operation.reason}" if operation.reason else "")


def _meant(operation: Operation, facts: Facts) -> tuple[bool, list[str]] | None:
    """(the present activation?, branch ids) that the operation means; None = an unknown event id."""
    if not operation.event:
        return True, [branch.id for branch in facts.branches]
    if operation.event in facts.events:
        return True, []
    named = [branch.id for branch in facts.branches if operation.event in branch.events]
    return (False, named) if named else None


def _unknown_event(operation: Operation, alarm: Alarm) -> Refusal:
    return Refusal(alarm.id, Code.UNKNOWN_EVENT, f"{operation.event} is no event of {alarm.id} that waits")


def _acknowledge(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    meant = _meant(operation, facts)
    if meant is None:
        return _unknown_event(operation, alarm)
    trunk = meant[0] and not facts.acknowledged
    branches = [one.id for one in facts.branches if one.id in meant[1] and not one.acknowledged]
    if not trunk and not branches:
        return Refusal(alarm.id, Code.ALREADY_ACKNOWLEDGED, f"{alarm.id} has nothing to acknowledge")
    data = {**_who(operation), "trunk": trunk, "branches": branches, "confirm": alarm.confirm}
    return Deed(Kind.ACKNOWLEDGED, data, _by(operation, "acknowledged"))


def _confirm(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    meant = _meant(operation, facts)
    if meant is None:
        return _unknown_event(operation, alarm)
    trunk = meant[0] and not facts.confirmed
    branches = [one.id for one in facts.branches if one.id in meant[1] and not one.confirmed]
    if not trunk and not branches:
        return Refusal(alarm.id, Code.ALREADY_CONFIRMED, f"{alarm.id} has nothing to confirm")
    return Deed(
        Kind.CONFIRMED, {**_who(operation), "trunk": trunk, "branches": branches}, _by(operation, "confirmed")
    )


def _comment(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    if not operation.reason:
        return Refusal(alarm.id, Code.INVALID_ARGUMENT, "a comment needs a text")
    meant = _meant(operation, facts) if operation.event else (True, [])
    if meant is None:
        return _unknown_event(operation, alarm)
    data = {**_who(operation), "trunk": meant[0], "branches": meant[1]}
    return Deed(Kind.COMMENTED, data, _by(operation, "comment"))


def _reset(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    if Event.RESET not in TRANSITIONS[state_of(facts)] or not facts.confirmed:
        if not facts.latched:
            why = "it stands" if facts.active else "it is not latched"
        else:
            why = "it is not acknowledged" if not facts.acknowledged else "it is not confirmed"
        return Refusal(alarm.id, Code.INVALID_STATE, f"{alarm.id} cannot be reset: {why}")
    return Deed(Kind.RESET, _who(operation), _by(operation, "reset"))


def _silence(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    if facts.silenced or not (facts.standing or not facts.acknowledged):
        why = "is silent already" if facts.silenced else "makes no sound"
        return Refusal(alarm.id, Code.INVALID_STATE, f"{alarm.id} {why}")
    return Deed(Kind.SILENCED, _who(operation), _by(operation, "silenced"))


def _cover(
    operation: Operation, alarm: Alarm, facts: Facts, utc_ns: int, cover: Cover, kind: Kind, words: str
) -> Decision:
    """Shelf, suppression and out of service follow one rule; only the longest time differs."""
    longest = longest_s(cover, alarm.priority)
    if not longest:
        return Refusal(
            alarm.id,
            Code.SHELVING_TIME if cover is Cover.SHELF else Code.ACCESS_DENIED,
            f"{alarm.id} has priority 1 and is never {words}",
        )
    once = operation.action is Action.SHELVE_ONCE
    before = hold_of(facts, cover)
    if before is not None and (once or cover is not Cover.SHELF) and before.kind == _kind_of(once):
        code = Code.ALREADY_SHELVED if cover is Cover.SHELF else Code.INVALID_STATE
        return Refusal(alarm.id, code, f"{alarm.id} is {words} already")
    since_ns = utc_ns if before is None else before.since_utc_ns
    left_s = longest - (utc_ns - since_ns) / 1e9
    wanted_s = left_s if once else operation.for_s
    if wanted_s is None or not 0 < wanted_s <= left_s:
        text = f"{alarm.id} (priority {alarm.priority}) can be {words} for at most {_spoken(left_s)} from now"
        return Refusal(alarm.id, Code.SHELVING_TIME, text)
    if cover is not Cover.SHELF and not operation.reason:
        return Refusal(alarm.id, Code.INVALID_ARGUMENT, f"{words} needs a reason")
    data = {
        **_who(operation),
        "kind": _kind_of(once),
        "since_utc_ns": since_ns,
        "until_utc_ns": utc_ns + round(wanted_s * 1e9),
    }
    return Deed(kind, data, _by(operation, f"{words} for {_spoken(wanted_s)}"))


def _kind_of(once: bool) -> str:
    return "one-shot" if once else "timed"


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.4g} h"


def _shelve(operation: Operation, alarm: Alarm, facts: Facts, utc_ns: int) -> Decision:
    return _cover(operation, alarm, facts, utc_ns, Cover.SHELF, Kind.SHELVED, "shelved")


def _suppress(operation: Operation, alarm: Alarm, facts: Facts, utc_ns: int) -> Decision:
    return _cover(operation, alarm, facts, utc_ns, Cover.SUPPRESSED, Kind.SUPPRESSED, "suppressed")


def _remove(operation: Operation, alarm: Alarm, facts: Facts, utc_ns: int) -> Decision:
    return _cover(
        operation, alarm, facts, utc_ns, Cover.OUT_OF_SERVICE, Kind.OUT_OF_SERVICE, "taken out of service"
    )


def _uncover(operation: Operation, alarm: Alarm, facts: Facts, cover: Cover, words: str) -> Decision:
    if hold_of(facts, cover) is None:
        code = Code.NOT_SHELVED if cover is Cover.SHELF else Code.INVALID_STATE
        return Refusal(alarm.id, code, f"{alarm.id} is not {words}")
    return Deed(ENDS[cover], {**_who(operation), "by": "user"}, _by(operation, f"no longer {words}"))


def _unshelve(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    return _uncover(operation, alarm, facts, Cover.SHELF, "shelved")


def _unsuppress(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    return _uncover(operation, alarm, facts, Cover.SUPPRESSED, "suppressed")


def _return(operation: Operation, alarm: Alarm, facts: Facts, _: int) -> Decision:
    return _uncover(operation, alarm, facts, Cover.OUT_OF_SERVICE, "out of service")


def _enable(_: Operation, alarm: Alarm, __: Facts, ___: int) -> Decision:
    if alarm.enabled:
        return Refusal(alarm.id, Code.ALREADY_ENABLED, f"{alarm.id} is enabled")
    return Refusal(alarm.id, Code.ACCESS_DENIED, f"{alarm.id} is disabled in the configuration")


_DECIDE: Final[dict[Action, Callable[[Operation, Alarm, Facts, int], Decision]]] = {
    Action.ACKNOWLEDGE: _acknowledge,
    Action.CONFIRM: _confirm,
    Action.COMMENT: _comment,
    Action.RESET: _reset,
    Action.SILENCE: _silence,
    Action.SHELVE: _shelve,
    Action.SHELVE_ONCE: _shelve,
    Action.UNSHELVE: _unshelve,
    Action.SUPPRESS: _suppress,
    Action.UNSUPPRESS: _unsuppress,
    Action.REMOVE_FROM_SERVICE: _remove,
    Action.RETURN_TO_SERVICE: _return,
    Action.ENABLE: _enable,
    Action.DISABLE: _enable,
}
