"""What a notification of a condition says: all its fields, made once of the alarm's facts and its rule.

Static fields (type, names, limits that do not move) are made once per alarm and shared; what depends on the
facts is added. The result is never changed. Paths are browse paths with '/' between names (Part 9, 5.5 to
5.8); `Form.paths` is all that a condition of this kind ever says, and so what its node has below it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from asyncua import ua

from alarms.lifecycle import Branch, Facts, State, displayed
from alarms.model import SEVERITY, Alarm
from alarms.shelving import Cover, longest_s
from controller.opcua.certificates import WARN_DAYS, Certificate
from controller.opcua.gateway.conditions.shapes import Shape
from controller.opcua.gateway.conditions.types import STATES, Kind, Reading, condition_class, present
from controller.opcua.gateway.event import Shared

VT = ua.VariantType
NOTHING: Final = Shared()
TRUE: Final = Shared(True, VT.Boolean)
FALSE: Final = Shared(False, VT.Boolean)
NO_TIME: Final = NOTHING
NO_BRANCH: Final = Shared(ua.NodeId(), VT.NodeId)
_NO_TEXT: Final = Shared(ua.LocalizedText(), VT.LocalizedText)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS: Final = {  # (true, false): the words of Part 9 for two-state variables (Annex A has them in English)
    "EnabledState": ("Enabled", "Disabled"),
    "AckedState": ("Acknowledged", "Unacknowledged"),
    "ConfirmedState": ("Confirmed", "Unconfirmed"),
    "ActiveState": ("Active", "Inactive"),
    "LatchedState": ("Latched", "Unlatched"),
    "SuppressedState": ("Suppressed", "Unsuppressed"),
    "OutOfServiceState": ("Out of Service", "In Service"),
    "SilenceState": ("Silenced", "Not Silenced"),
    "HighHighState": ("HighHigh active", "HighHigh inactive"),
    "HighState": ("High active", "High inactive"),
    "LowState": ("Low active", "Low inactive"),
    "LowLowState": ("LowLow active", "LowLow inactive"),
}
_SHELVES: Final = {
    "": ("Unshelved", ua.ObjectIds.ShelvedStateMachineType_Unshelved),
    "timed": ("Timed Shelved", ua.ObjectIds.ShelvedStateMachineType_TimedShelved),
    "one-shot": ("One Shot Shelved", ua.ObjectIds.ShelvedStateMachineType_OneShotShelved),
}
_LIMIT_STATES: Final = {
    "HighHigh": ua.ObjectIds.ExclusiveLimitStateMachineType_HighHigh,
    "High": ua.ObjectIds.ExclusiveLimitStateMachineType_High,
    "Low": ua.ObjectIds.ExclusiveLimitStateMachineType_Low,
    "LowLow": ua.ObjectIds.ExclusiveLimitStateMachineType_LowLow,
}
_SHOWN: Final = {state: state.name.replace("_", " ").capitalize() for state in State}


class Said(NamedTuple):
    """The record behind a notification. user: who did it, '' for the plant itself."""

    event: bytes
    utc_ns: int
    text: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the facts do not say.

    suppressed_by: the operating state that suppresses the alarm by design, in words. now_ns: the time for
    which UnshelveTime is given. over: this is the last that is heard of a branch.
    """

    suppressed_by: str = ""
    now_ns: int = 0
    over: bool = False


def text(words: str) -> ua.Variant:
    return Shared(ua.LocalizedText(words, "en"), VT.LocalizedText)


@lru_cache(maxsize=1024)
def at(utc_ns: int) -> ua.Variant:
    """A UtcTime; null for 'never'. One notification says the same few times in many fields."""
    if not utc_ns:
        return NO_TIME
    return Shared(_EPOCH + timedelta(microseconds=utc_ns // 1000), VT.DateTime)


@lru_cache(maxsize=64)
def status(code: int) -> ua.Variant:
    return Shared(ua.StatusCode(ua.UInt32(code)), VT.StatusCode)


def node(number: int) -> ua.Variant:
    return Shared(ua.NodeId(ua.Int32(number)), VT.NodeId)


def duration(seconds: float) -> ua.Variant:
    return Shared(seconds * 1000.0, VT.Double)


_SAID: Final = {name: {True: text(yes), False: text(no)} for name, (yes, no) in _WORDS.items()}
_SHELF: Final = {kind: (text(words), node(number)) for kind, (words, number) in _SHELVES.items()}
_LIMIT: Final = {name: (text(name), node(number)) for name, number in _LIMIT_STATES.items()}
_DISPLAYED: Final = {state: text(words) for state, words in _SHOWN.items()}
_ACTIVE: Final = {name: text(name) for name in (*STATES.values(), "Active", "Inactive")}
_LAID: Final = {
    "": (_NO_TEXT, NO_BRANCH),
    "timed": (
        text("Unshelved to Timed Shelved"),
        node(ua.ObjectIds.ShelvedStateMachineType_UnshelvedToTimedShelved),
    ),
    "one-shot": (
        text("Unshelved to One Shot Shelved"),
        node(ua.ObjectIds.ShelvedStateMachineType_UnshelvedToOneShotShelved),
    ),
}
_UNSHELVED_TIME: Final = duration(0.0)


def _of_certificate(der: bytes) -> dict[str, ua.Variant]:
    """The server's own, though the alarm may stand for another's: the message says whose it is."""
    ends = Certificate(der).not_after if der else None
    return {
        "ExpirationDate": NO_TIME if ends is None else Shared(ends, VT.DateTime),
        "ExpirationLimit": duration(WARN_DAYS * 86_400.0),
        "CertificateType": node(ua.ObjectIds.RsaSha256ApplicationCertificateType),
        "Certificate": Shared(der or None, VT.ByteString),
    }


class Form:
    """One alarm's way of speaking. node_of: tag index -> its node id; source: the node it is shown under.

    methods: those it has, by path. certificate: the server's own, DER.
    moves: some of its limits follow the plant.
    """

    def __init__(
        self,
        alarm: Alarm,
        kind: Kind,
        source: ua.NodeId,
        node_of: Callable[[int], ua.NodeId],
        branch_node: Callable[[str], ua.NodeId],
        read: Reading,
        methods: Mapping[str, Shape] = MappingProxyType({}),
        certificate: bytes = b"",
    ) -> None:
        self.alarm = alarm
        self._certificate = certificate
        self.kind = kind
        self.severity = SEVERITY[alarm.priority]
        self.methods = methods
        self.source = source
        self._read = read
        self._branch_node = branch_node
        self._moving = {
            name: limit for name, limit in kind.limits.items() if not isinstance(limit, float | int)
        }
        self.moves = bool(self._moving)
        self.static = self._static(source, node_of)
        self.paths = tuple(self.fields(Facts(), Said(b"", 0, ""), Standing()))

    def renew(self, certificate: bytes) -> None:
        """The server has a new certificate of its own."""
        if self.kind.type == "CertificateExpirationAlarmType":
            self.static = {**self.static, **_of_certificate(certificate)}

    def fields(
        self, facts: Facts, said: Said, standing: Standing, branch: Branch | None = None
    ) -> Mapping[str, ua.Variant]:
        """Everything about the alarm's present activation, or about an earlier one that waits."""
        shown = facts if branch is None else of_branch(facts, branch)
        standing = standing if branch is None else replace(standing, suppressed_by="")
        fields = dict(self.static)
        fields["EventId"] = ua.Variant(said.event or None, VT.ByteString)
        fields["Time"] = fields["ReceiveTime"] = at(said.utc_ns)
        fields["Message"] = text(said.text)
        fields["BranchId"] = NO_BRANCH if branch is None else Shared(self._branch_node(branch.id), VT.NodeId)
        interesting = retained(facts) if branch is None else not standing.over
        fields["Retain"] = TRUE if interesting else FALSE
        fields["Quality"] = status(shown.quality)
        fields["Quality/SourceTimestamp"] = fields["Time"]
        fields["Comment"] = text(shown.comment.text) if shown.comment.text else _NO_TEXT
        fields["Comment/SourceTimestamp"] = at(shown.comment.utc_ns)
        fields["ClientUserId"] = Shared(said.user or _last_user(shown), VT.String)
        self._people(fields, shown)
        self._activity(fields, shown, standing, said)
        self._covers(fields, shown, standing, said)
        for name, limit in self._moving.items():
            fields[f"{name}Limit"] = _number(present(limit, self._read))
        return fields

    # --- what never changes --------------------------------------------------------------------

    def _static(self, source: ua.NodeId, node_of: Callable[[int], ua.NodeId]) -> dict[str, ua.Variant]:
        alarm, kind = self.alarm, self.kind
        class_id, class_name = condition_class(alarm)
        fields = {
            "EventType": Shared(kind.id, VT.NodeId),
            "SourceNode": Shared(source, VT.NodeId),
            "SourceName": Shared(alarm.source or alarm.id, VT.String),
            "Severity": Shared(self.severity, VT.UInt16),
            "ConditionClassId": Shared(class_id, VT.NodeId),
            "ConditionClassName": text(class_name),
            "ConditionSubClassId": Shared([], VT.NodeId, is_array=True),
            "ConditionSubClassName": Shared([], VT.LocalizedText, is_array=True),
            "ConditionName": Shared(alarm.id, VT.String),
            "SupportsFilteredRetain": FALSE,
            "LastSeverity": Shared(0, VT.UInt16),
            "LastSeverity/SourceTimestamp": NO_TIME,
            "EnabledState": _SAID["EnabledState"][alarm.enabled],
            "EnabledState/Id": TRUE if alarm.enabled else FALSE,
            "InputNode": Shared(ua.NodeId() if kind.tag is None else node_of(kind.tag), VT.NodeId),
            "MaxTimeShelved": duration(longest_s(Cover.SHELF, alarm.priority)),
            "OnDelay": duration(alarm.on_delay_s),
            "OffDelay": duration(alarm.off_delay_s),
        }
        if alarm.realarm_s is not None:
            fields["ReAlarmTime"] = duration(alarm.realarm_s)
        for name, limit in kind.limits.items():
            fields[f"{name}Limit"] = _number(limit if isinstance(limit, float | int) else None)
            fields[f"Severity{name}"] = Shared(self.severity, VT.UInt16)
            if kind.deadband is not None:
                fields[f"{name}Deadband"] = Shared(float(kind.deadband), VT.Double)
        self._of_type(fields, node_of)
        return fields

    def _of_type(self, fields: dict[str, ua.Variant], node_of: Callable[[int], ua.NodeId]) -> None:
        """Mandatory properties of single types (Part 9, 5.8.20 to 5.8.26)."""
        kind = self.kind
        if kind.type.endswith("DeviationAlarmType"):
            setpoint = ua.NodeId() if kind.setpoint is None else node_of(kind.setpoint)
            fields["SetpointNode"] = Shared(setpoint, VT.NodeId)
        if kind.type == "DiscrepancyAlarmType":
            assert kind.target is not None, "a discrepancy follows a command"
            fields["TargetValueNode"] = Shared(node_of(kind.target), VT.NodeId)
            fields["ExpectedTime"] = duration(kind.within_s or 0.0)
        if kind.type in OFF_NORMAL:
            fields["NormalState"] = Shared(ua.NodeId(), VT.NodeId)
        if kind.type == "CertificateExpirationAlarmType":
            fields.update(_of_certificate(self._certificate))

    # --- what people did -----------------------------------------------------------------------

    def _people(self, fields: dict[str, ua.Variant], facts: Facts) -> None:
        _state(fields, "AckedState", facts.acknowledged, facts.acknowledged_utc_ns or facts.raised_utc_ns)
        _state(fields, "ConfirmedState", facts.confirmed, 0)
        if self.alarm.latching:
            _state(fields, "LatchedState", facts.latched, facts.returned_utc_ns if facts.latched else 0)
        _state(fields, "SilenceState", facts.silenced, 0)

    def _activity(self, fields: dict[str, ua.Variant], facts: Facts, standing: Standing, said: Said) -> None:
        turned_ns = facts.raised_utc_ns if facts.active else facts.returned_utc_ns
        _state(fields, "ActiveState", facts.active, turned_ns)
        names = tuple(self.kind.limits)
        name = names[0] if len(names) == 1 else self._crossed(facts)
        fields["ActiveState/EffectiveDisplayName"] = _ACTIVE[
            "Inactive" if not facts.active else name or "Active"
        ]
        fields["ActiveState/EffectiveTransitionTime"] = at(turned_ns)
        by_design = bool(standing.suppressed_by)
        state = displayed(facts, suppressed_by_design=by_design, enabled=self.alarm.enabled)
        fields["EnabledState/EffectiveDisplayName"] = _DISPLAYED[state]
        fields["EnabledState/EffectiveTransitionTime"] = at(said.utc_ns)
        first = bool(facts.incident) and facts.incident == facts.activation
        fields["FirstInGroupFlag"] = TRUE if first else FALSE
        if not names:
            return
        if self.kind.exclusive:
            called, number = _LIMIT[name] if facts.active and name else (_NO_TEXT, NO_BRANCH)
            fields["LimitState/CurrentState"], fields["LimitState/CurrentState/Id"] = called, number
        else:
            for each in names:
                _state(fields, f"{each}State", facts.active and each == name, turned_ns)

    def _crossed(self, facts: Facts) -> str:
        """Of a limit for both directions: which one the value at the raise was beyond."""
        limits = self.kind.limits
        if not limits:
            return ""
        if facts.value is None:
            return next(iter(limits))
        return "High" if facts.value >= 0 else "Low"

    def _covers(self, fields: dict[str, ua.Variant], facts: Facts, standing: Standing, said: Said) -> None:
        suppressed = facts.suppressed is not None or facts.consequence or bool(standing.suppressed_by)
        since_ns = facts.suppressed.since_utc_ns if facts.suppressed is not None else 0
        _state(fields, "SuppressedState", suppressed, since_ns)
        out = facts.out_of_service
        _state(fields, "OutOfServiceState", out is not None, 0 if out is None else out.since_utc_ns)
        shelf = facts.shelf
        called, number = _SHELF["" if shelf is None else shelf.kind]
        fields["ShelvingState/CurrentState"], fields["ShelvingState/CurrentState/Id"] = called, number
        fields["ShelvingState/LastTransition"], fields["ShelvingState/LastTransition/Id"] = _LAID[
            "" if shelf is None else shelf.kind
        ]
        fields["ShelvingState/LastTransition/TransitionTime"] = (
            NO_TIME if shelf is None else at(shelf.since_utc_ns)
        )
        fields["ShelvingState/UnshelveTime"] = unshelve_time(facts, standing.now_ns or said.utc_ns)
        covered = suppressed or out is not None or shelf is not None
        fields["SuppressedOrShelved"] = TRUE if covered else FALSE


OFF_NORMAL: Final = frozenset(
    {
        "OffNormalAlarmType",
        "TripAlarmType",
        "SystemOffNormalAlarmType",
        "InstrumentDiagnosticAlarmType",
        "SystemDiagnosticAlarmType",
        "CertificateExpirationAlarmType",
    }
)


def unshelve_time(facts: Facts, now_ns: int) -> ua.Variant:
    """Milliseconds until the shelf ends by itself; 0 when there is none (Part 9, 5.8.17.1)."""
    if facts.shelf is None:
        return _UNSHELVED_TIME
    return duration(max(0.0, (facts.shelf.until_utc_ns - now_ns) / 1e9))


def retained(facts: Facts) -> bool:
    """Of interest: it stands or waits for somebody, an earlier activation does, or a person covers it.

    What is covered by a person is to be seen in a list of what is shelved, out of service, suppressed.
    """
    covered = facts.shelf is not None or facts.suppressed is not None or facts.out_of_service is not None
    return facts.retained or covered


def of_branch(facts: Facts, branch: Branch) -> Facts:
    """An earlier activation as it was when the alarm came again.

    Covers, quality and suppression are the alarm's as it is now, and change with it: its own events say them.
    """
    return facts._replace(
        shelf=None,
        suppressed=None,
        out_of_service=None,
        quality=0,
        active=False,
        acknowledged=branch.acknowledged,
        confirmed=branch.confirmed,
        latched=False,
        silenced=False,
        raised_utc_ns=branch.raised_utc_ns,
        returned_utc_ns=branch.returned_utc_ns,
        acknowledged_utc_ns=0,
        acknowledged_by="",
        activation=branch.id,
        incident="",
        consequence=False,
        comment=branch.comment,
    )


def _last_user(facts: Facts) -> str:
    if facts.acknowledged_utc_ns > facts.comment.utc_ns:
        return facts.acknowledged_by
    return facts.comment.user


def _number(value: Any) -> ua.Variant:
    return NOTHING if value is None else Shared(float(value), VT.Double)


def _state(fields: dict[str, ua.Variant], name: str, value: bool, utc_ns: int) -> None:
    fields[name] = _SAID[name][value]
    fields[f"{name}/Id"] = TRUE if value else FALSE
    fields[f"{name}/TransitionTime"] = at(utc_ns)
