"""Journal events that are no condition's, as a client of the gateway hears of them."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua

from controller.opcua.gateway.arguments import built_in, check
from controller.opcua.gateway.conditions.notifiers import SERVER
from controller.opcua.gateway.conditions.status import OTHERWISE, code_named
from controller.opcua.gateway.conditions.story import Story
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.names import of_plant, standard
from controller.record.chain import Entry

O = ua.ObjectIds  # noqa: E741 - as everywhere where there are many of them
NODES = {"R": of_plant("PLC/R"), "I-06": of_plant("Interlock/I-06"), "LT-201.HH": of_plant("LT-201.HH")}


def told(kind: str, source: str = "", text: str = "", severity: int = 500, **data: Any) -> PlantEvent | None:
    story = Story(
        frozenset({"LT-201.HH"}),
        lambda name: NODES.get(name, SERVER),
        lambda node: frozenset({node, SERVER}),
        "urn:heloop:gateway",
    )
    entry = Entry(7, kind, source, text, 1_767_600_000_000_000_000, 1.0, severity, data, bytes(range(32)))
    return story.tell(entry)


@pytest.mark.parametrize(
    ("kind", "source", "type_"),
    [
        ("link.lost", "R", O.DeviceFailureEventType),
        ("link.restored", "R", O.SystemEventType),
        ("quality.stale", "LT-201", O.SystemEventType),
        ("service.started", "heloop", O.SystemEventType),
        ("suppression.began", "cold_mode_off", O.SystemEventType),
        ("flood.began", "alarms", O.SystemEventType),
        ("interlock.tripped", "I-06", O.BaseEventType),
        ("command.result", "C-301.CMD", O.BaseEventType),
    ],
)
def test_the_type_of_an_event(kind: str, source: str, type_: int) -> None:
    event = told(kind, source, "what happened")
    assert event is not None
    assert event.type == standard(type_)
    assert event.fields["SourceNode"].Value == NODES.get(source, SERVER)
    assert event.fields["EventId"].Value == bytes(range(16)), "the journal's hash, the same for ever"
    assert event.fields["Message"].Value.Text == "what happened"
    assert event.audience == "viewer"


@pytest.mark.parametrize("kind", ["alarm.raised", "alarm.memory", "interlock.window", "gateway.login"])
def test_what_others_tell_is_not_told_twice(kind: str) -> None:
    assert told(kind, "LT-201.HH") is None


def test_a_severity_is_one_of_opc_ua() -> None:
    for given, shown in ((0, 1), (100, 100), (5000, 1000)):
        event = told("link.lost", "R", severity=given)
        assert event is not None
        assert event.fields["Severity"].Value == shown


def asked(kind: str = "request.accepted", **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"user": "ito", "role": "operator", "action": "shelve", "target": "LT-201.HH"}
    data |= {"args": {"for_s": 600, "audit": "ticket 7"}, "reason": "calibration", **changes}
    event = told(kind, str(data["target"]), **data)
    assert event is not None
    assert event.audience == "supervisor"
    return {path: variant.Value for path, variant in event.fields.items()}


def test_a_shelf_in_the_audit() -> None:
    fields = asked()
    assert fields["EventType"] == standard(O.AuditConditionShelvingEventType)
    assert (fields["SourceNode"], fields["SourceName"]) == (NODES["LT-201.HH"], "Method/TimedShelve")
    assert fields["MethodId"] == standard(O.AlarmConditionType_ShelvingState_TimedShelve)
    assert (fields["ShelvingTime"], fields["Status"]) == (600_000.0, True)
    assert (fields["ClientUserId"], fields["ClientAuditEntryId"]) == ("ito", "ticket 7")


def test_a_refused_acknowledgement_in_the_audit() -> None:
    refused = {"codes": ["BadEventIdUnknown"], "args": {"event": "00"}, "action": "acknowledge"}
    fields = asked("request.refused", **refused)
    assert fields["EventType"] == standard(O.AuditConditionAcknowledgeEventType)
    assert (fields["Status"], fields["StatusCodeId"].name) == (False, "BadEventIdUnknown")
    assert (fields["ConditionEventId"], fields["Comment"].Text) == (b"\0", "calibration")
    assert asked("request.refused", **refused | {"args": {"event": "no hex"}})["ConditionEventId"] is None


def test_a_write_of_a_command_is_told_as_one_only_when_our_own_door_says_so() -> None:
    """Whoever else brings such arguments along gets the audit of a command, and breaks nothing."""
    write = {"action": "command", "target": "C-301.CMD", "door": "opcua"}
    fields = asked(**write, args={"word": "stop", "written": [5, 1, 2]})
    assert fields["EventType"] == standard(O.AuditWriteUpdateEventType)
    assert (fields["OldValue"], fields["NewValue"], fields["AttributeId"]) == (1, 2, 13)
    assert asked(**write, args={"word": "stop", "written": [5, None, 2]})["OldValue"] is None
    for junk in (True, [], [5, 1], [99, 1, 2], ["5", 1, 2], [5, "1", 2], {"a": 1}):
        shown = asked(**write, args={"word": "stop", "written": junk})
        assert shown["EventType"] == standard(O.AuditUpdateMethodEventType)
    elsewhere = asked(**write | {"door": ""}, args={"word": "stop", "written": [5, 1, 10**9]})
    assert elsewhere["EventType"] == standard(O.AuditUpdateMethodEventType)


def test_what_is_asked_of_an_interlock_in_the_audit() -> None:
    fields = asked(action="reset", target="I-06", args={})
    assert fields["EventType"] == standard(O.AuditUpdateMethodEventType)
    assert (fields["SourceNode"], fields["SourceName"]) == (NODES["I-06"], "Method/Reset")
    assert fields["MethodId"] == of_plant("Interlock/I-06/Reset")
    assert asked(action="join", target="nobody", args={})["MethodId"] == ua.NodeId()
    whole_area = asked(action="acknowledge", target="", args={"filter": {"area": "bag"}})
    assert whole_area["EventType"] == standard(O.AuditConditionAcknowledgeEventType)


def test_codes_by_name() -> None:
    assert code_named("BadConditionNotShelved") == ua.StatusCodes.BadConditionNotShelved
    assert code_named("") == code_named("Good") == code_named("BadJoke") == OTHERWISE


def test_arguments_against_what_is_declared() -> None:
    declared = [
        ua.Argument("EventId", standard(O.ByteString), -1),
        ua.Argument("Time", standard(O.Duration), -1),
        ua.Argument("Anything", standard(O.BaseDataType), -1),
    ]
    good = [ua.Variant(b"x"), ua.Variant(1.5), ua.Variant("whatever")]
    check(declared, good, ua.CallMethodResult())
    check(declared, [ua.Variant(), *good[1:]], ua.CallMethodResult())
    result = ua.CallMethodResult()
    with pytest.raises(Fault) as fault:
        check(declared, [good[0], ua.Variant([1.5, 2.5]), ua.Variant(1)], result)
    assert fault.value.code == ua.StatusCodes.BadInvalidArgument
    assert [code.name for code in result.InputArgumentResults] == ["Good", "BadTypeMismatch", "Good"]
    assert built_in(standard(O.Duration)) is ua.VariantType.Double
    assert built_in(of_plant("Type")) is None
