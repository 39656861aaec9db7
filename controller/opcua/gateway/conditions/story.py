"""What else happens, as events: interlocks, links, commands, the service, and what people asked for.

Each journal event that is no condition's becomes one event of its source (Part 5, 6.4), with the journal's
own hash as its id. What a person asked for, through whichever door, becomes an audit event of the method it
amounts to, seen by supervisors (Part 5, 6.5; for alarms Part 9, 5.10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from asyncua import ua

from alarms.operations import Action
from controller.opcua.gateway.conditions.conditions import KINDS
from controller.opcua.gateway.conditions.identity import plain_event
from controller.opcua.gateway.conditions.notifiers import SERVER
from controller.opcua.gateway.conditions.snapshot import FALSE, NOTHING, TRUE, VT, at, duration, text
from controller.opcua.gateway.conditions.status import code_named
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.orders import DOOR
from controller.opcua.gateway.space.names import of_plant, standard
from controller.record.chain import Entry

_O: Final = ua.ObjectIds
SILENT: Final = ("interlock.window", "alarm.", "alarms.", "gateway.")  # long, or told by somebody else
SYSTEM: Final = ("link.", "quality.", "epoch.", "service.", "clock.", "record.", "journal.", "retention.")
SUPERVISOR: Final = "supervisor"
_NUMBERS: Final = frozenset(range(int(VT.Boolean), int(VT.Double) + 1))
WRITTEN: Final = "written"  # of a request's arguments: it was a Write of a node
# What a person's action amounts to: event type and method name, with the method's id on its type.
CONDITION_AUDITS: Final[Mapping[str, tuple[int, str, int]]] = {
    Action.ACKNOWLEDGE: (
        _O.AuditConditionAcknowledgeEventType,
        "Acknowledge",
        _O.AcknowledgeableConditionType_Acknowledge,
    ),
    Action.CONFIRM: (
        _O.AuditConditionConfirmEventType,
        "Confirm",
        _O.AcknowledgeableConditionType_Confirm,
    ),
    Action.COMMENT: (_O.AuditConditionCommentEventType, "AddComment", _O.ConditionType_AddComment),
    Action.RESET: (_O.AuditConditionResetEventType, "Reset", _O.AlarmConditionType_Reset),
    Action.SILENCE: (_O.AuditConditionSilenceEventType, "Silence", _O.AlarmConditionType_Silence),
    Action.SHELVE: (
        _O.AuditConditionShelvingEventType,
        "TimedShelve",
        _O.AlarmConditionType_ShelvingState_TimedShelve,
    ),
    Action.SHELVE_ONCE: (
        _O.AuditConditionShelvingEventType,
        "OneShotShelve",
        _O.AlarmConditionType_ShelvingState_OneShotShelve,
    ),
    Action.UNSHELVE: (
        _O.AuditConditionShelvingEventType,
        "Unshelve",
        _O.AlarmConditionType_ShelvingState_Unshelve,
    ),
    Action.SUPPRESS: (_O.AuditConditionSuppressionEventType, "Suppress", _O.AlarmConditionType_Suppress),
    Action.UNSUPPRESS: (
        _O.AuditConditionSuppressionEventType,
        "Unsuppress",
        _O.AlarmConditionType_Unsuppress,
    ),
    Action.REMOVE_FROM_SERVICE: (
        _O.AuditConditionOutOfServiceEventType,
        "RemoveFromService",
        _O.AlarmConditionType_RemoveFromService,
    ),
    Action.RETURN_TO_SERVICE: (
        _O.AuditConditionOutOfServiceEventType,
        "PlaceInService",
        _O.AlarmConditionType_PlaceInService,
    ),
    Action.ENABLE: (_O.AuditConditionEnableEventType, "Enable", _O.ConditionType_Enable),
    Action.DISABLE: (_O.AuditConditionEnableEventType, "Disable", _O.ConditionType_Disable),
}
# What is asked of interlocks and commands: the method's path below its object.
METHODS: Final = {
    "reset": "Reset",
    "acknowledge": "Acknowledge",
    "bypass": "Bypass/Request",
    "confirm_bypass": "Bypass/Confirm",
    "unbypass": "Bypass/Remove",
    "inhibit_check": "EffectCheck/Inhibit",
    "allow_check": "EffectCheck/Allow",
    "command": "Send",
}
WITH_EVENT: Final = frozenset({Action.ACKNOWLEDGE, Action.CONFIRM, Action.COMMENT})


class Story:
    """source_node: the node of a journal source, the Server for one that has none. alarms: their ids."""

    def __init__(
        self,
        alarms: frozenset[str],
        source_node: Callable[[str], ua.NodeId],
        notifiers: Callable[[ua.NodeId], frozenset[ua.NodeId]],
        server: str,
    ) -> None:
        self._alarms = alarms
        self._source_node = source_node
        self._notifiers = notifiers
        self._server = ua.Variant(server, VT.String)

    def tell(self, entry: Entry) -> PlantEvent | None:
        """None for what is a condition's, or of no interest outside."""
        if entry.kind.startswith("request."):
            return self._asked(entry)
        if entry.kind.startswith(SILENT):
            return None
        source = self._source_node(entry.source)
        fields = _common(entry, self._type(entry.kind), source, entry.source)
        return PlantEvent(fields["EventType"].Value, fields, self._notifiers(source))

    def _type(self, kind: str) -> int:
        if kind == "link.lost":
            return _O.DeviceFailureEventType
        system = kind.startswith(SYSTEM) or kind in KINDS
        return _O.SystemEventType if system else _O.BaseEventType

    # --- people --------------------------------------------------------------------------------

    def _asked(self, entry: Entry) -> PlantEvent:
        data = entry.data
        action, target = str(data.get("action", "")), str(data.get("target", ""))
        of_alarm = action in CONDITION_AUDITS and (target in self._alarms or "filter" in data.get("args", {}))
        source = self._source_node(target)
        if of_alarm:
            kind, name, number = CONDITION_AUDITS[action]
            method = standard(number)
        else:
            kind, name = _O.AuditUpdateMethodEventType, METHODS.get(action, action)
            path = source.Identifier
            own = action in METHODS and isinstance(path, str)
            method = of_plant(f"{path!s}/{name}") if own else ua.NodeId()
        accepted, written = entry.kind == "request.accepted", _written(data)
        if written:
            return self._write(entry, source, accepted=accepted, written=written)
        fields = {
            **_common(entry, kind, source, f"Method/{name}"),
            **self._of_audit(entry, accepted=accepted),
            "MethodId": ua.Variant(method, VT.NodeId),
            "InputArguments": ua.Variant(_inputs(data), VT.Variant, is_array=True),
        }
        if of_alarm:
            _of_condition(fields, action, data)
        return PlantEvent(standard(kind), fields, frozenset({SERVER}), audience=SUPERVISOR)

    def _write(
        self, entry: Entry, source: ua.NodeId, *, accepted: bool, written: tuple[int, float | None, float]
    ) -> PlantEvent:
        """A command that was asked for by a Write of its word: type, old and new value (Part 5, 6.4.26)."""
        kind, (number, old, new) = _O.AuditWriteUpdateEventType, written
        fields = {
            **_common(entry, kind, source, "Attribute/Write"),
            **self._of_audit(entry, accepted=accepted),
            "AttributeId": ua.Variant(int(ua.AttributeIds.Value), VT.UInt32),
            "IndexRange": ua.Variant("", VT.String),
            "NewValue": ua.Variant(new, VT(number)),
            "OldValue": ua.Variant() if old is None else ua.Variant(old, VT(number)),
        }
        return PlantEvent(standard(kind), fields, frozenset({SERVER}), audience=SUPERVISOR)

    def _of_audit(self, entry: Entry, *, accepted: bool) -> dict[str, ua.Variant]:
        """The fields of AuditEventType (Part 5, 6.4.3)."""
        data = entry.data
        return {
            "ActionTimeStamp": at(entry.utc_ns),
            "Status": TRUE if accepted else FALSE,
            "ServerId": self._server,
            "ClientAuditEntryId": ua.Variant(str(data.get("args", {}).get("audit", "")), VT.String),
            "ClientUserId": ua.Variant(str(data.get("user", "")), VT.String),
            "StatusCodeId": ua.Variant(ua.StatusCode(ua.UInt32(_status(data, accepted))), VT.StatusCode),
        }


def _common(entry: Entry, kind: int, source: ua.NodeId, name: str) -> dict[str, ua.Variant]:
    """What every event has (Part 5, 6.4.2)."""
    return {
        "EventId": ua.Variant(plain_event(entry), VT.ByteString),
        "EventType": ua.Variant(standard(kind), VT.NodeId),
        "SourceNode": ua.Variant(source, VT.NodeId),
        "SourceName": ua.Variant(name, VT.String),
        "Time": at(entry.utc_ns),
        "ReceiveTime": at(entry.utc_ns),
        "Message": text(entry.text),
        "Severity": ua.Variant(min(max(entry.severity, 1), 1000), VT.UInt16),
    }


def _status(data: Mapping[str, Any], accepted: bool) -> int:
    if accepted:
        return int(ua.StatusCodes.Good)
    codes = data.get("codes") or [""]
    return code_named(str(codes[0]))


def _inputs(data: Mapping[str, Any]) -> list[ua.Variant]:
    """What was asked, as the journal has it: arguments by name, then the reason."""
    said = [f"{name}={value}" for name, value in data.get("args", {}).items()]
    return [ua.Variant(one, VT.String) for one in (*said, str(data.get("reason", "")))]


def _of_condition(fields: dict[str, ua.Variant], action: str, data: Mapping[str, Any]) -> None:
    """The fields of the audit events of Part 9, 5.10."""
    args = data.get("args", {})
    comment = str(data.get("reason", ""))
    if action in WITH_EVENT:
        event = str(args.get("event", ""))
        fields["ConditionEventId"] = ua.Variant(_bytes(event), VT.ByteString)
        fields["Comment"] = text(comment)
    if action == Action.SHELVE:
        fields["ShelvingTime"] = duration(float(args["for_s"])) if _is_number(args.get("for_s")) else NOTHING


def _written(data: Mapping[str, Any]) -> tuple[int, float | None, float] | None:
    """Built-in type, old and new value of a Write; None for what is none, whatever others may bring along."""
    if data.get("door") != DOOR:
        return None
    match data.get("args", {}).get(WRITTEN):
        case [int(number), None | int() | float() as old, int() | float() as new] if number in _NUMBERS:
            return number, old, new
        case _:
            return None


def _bytes(hexadecimal: str) -> bytes | None:
    try:
        return bytes.fromhex(hexadecimal) or None
    except ValueError:
        return None  # somebody asked with an id that is none; the audit shows that too


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
