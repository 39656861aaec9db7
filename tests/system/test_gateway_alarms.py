"""Conditions over the wire, from a core that decides to a client that is told and acts (Part 9)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from asyncua import ua

from alarms.snapshot import to_data
from controller.core.clock import Now
from controller.opcua.gateway import orders as orders_module
from controller.opcua.gateway.conditions import cursor as cursor_module
from controller.opcua.gateway.conditions.refreshing import refresh
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.names import of_plant, standard
from tests.system.gateway_alarms import (
    CONDITION_TYPE,
    REFRESH,
    REFRESH_2,
    SERVER,
    Alarmed,
    Operator,
    alarmed,
    at_once,
    living,
    mark,
    milliseconds,
    number,
    octets,
    over,
    text,
)
from tests.system.gateway_rig import behind

HH, H = "LT-201.HH", "LT-201.H"
O = ua.ObjectIds  # noqa: E741 - as everywhere where there are many of them
ACKNOWLEDGE = standard(O.AcknowledgeableConditionType_Acknowledge)
ACKNOWLEDGEABLE = standard(O.AcknowledgeableConditionType)
CONFIRM = standard(O.AcknowledgeableConditionType_Confirm)
TIMED = standard(O.ShelvedStateMachineType_TimedShelved)
COMMENT = standard(O.ConditionType_AddComment)


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Alarmed]:
    async with alarmed(tmp_path / "data") as all_of_it:
        yield all_of_it


def of(name: str, heard: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in heard if event["ConditionName"] == name]


def tells(name: str, path: str, value: Any) -> Any:
    """Whether the newest notification of a condition says so."""

    def said(heard: list[dict[str, Any]]) -> bool:
        told = [one for one in of(name, heard) if one["BranchId"] == ua.NodeId()]
        shown = told[-1][path] if told else None
        return bool(told) and (shown.Text if isinstance(shown, ua.LocalizedText) else shown) == value

    return said


async def test_from_the_alarm_to_the_reset(plant: Alarmed) -> None:
    async with plant.rig.client("operator") as client:
        desk = Operator(client)
        await desk.looks()
        plant.bag(96.0)
        raised = of(HH, await desk.hears(tells(HH, "ActiveState/Id", True)))[-1]
        assert raised["EventType"] == standard(O.NonExclusiveLevelAlarmType)
        assert raised[""] == of_plant(HH), "the ConditionId"
        assert raised["SourceNode"] == of_plant("LT-201")
        assert (raised["AckedState/Id"], raised["Retain"]) == (False, True)
        assert await desk.calls(HH, ACKNOWLEDGE, octets(raised["EventId"]), text("valve shut")) == "Good"
        acked = of(HH, await desk.hears(tells(HH, "AckedState/Id", True)))[-1]
        assert (acked["Comment"].Text, acked["ClientUserId"]) == ("valve shut", "operator")
        assert acked["ConfirmedState/Id"] is False
        assert await desk.calls(HH, f"{HH}/Confirm", octets(acked["EventId"]), text("")) == "Good"
        await desk.hears(tells(HH, "ConfirmedState/Id", True))
        assert await desk.calls(HH, f"{HH}/Reset") == "BadInvalidState", "it stands"
        plant.bag(50.0)
        latched = of(HH, await desk.hears(tells(HH, "ActiveState/Id", False)))[-1]
        assert (latched["LatchedState/Id"], latched["Retain"]) == (True, True)
        assert await desk.calls(HH, standard(O.AlarmConditionType_Reset2), text("looked at it")) == "Good"
        over_now = of(HH, await desk.hears(tells(HH, "LatchedState/Id", False)))[-1]
        assert over_now["Retain"] is False
        assert len({one["EventId"] for one in (raised, acked, latched, over_now)}) == 4


async def test_what_is_wrong_with_a_call(plant: Alarmed) -> None:
    plant.bag(96.0)
    event = await plant.is_so(HH, "ActiveState/Id", True)
    milder = await plant.is_so(H, "ActiveState/Id", True)
    old = octets(b"\0" * 16)
    async with plant.rig.client("operator") as client:
        desk = Operator(client)
        wrong: list[tuple[Any, Any, tuple[ua.Variant, ...], str]] = [
            (HH, ACKNOWLEDGE, (old, text("")), "BadEventIdUnknown"),
            (HH, ACKNOWLEDGE, (octets(b"x"), text("")), "BadEventIdUnknown"),
            (HH, ACKNOWLEDGE, (ua.Variant(None, ua.VariantType.ByteString), text("")), "BadEventIdUnknown"),
            (HH, ACKNOWLEDGE, (octets(milder), text("")), "BadEventIdUnknown"),
            (H, ACKNOWLEDGE, (octets(event), text("")), "BadEventIdUnknown"),
            (HH, CONFIRM, (octets(event), text("")), "BadConditionBranchAlreadyConfirmed"),
            (HH, COMMENT, (old, text("?")), "BadEventIdUnknown"),
            (HH, COMMENT, (octets(event), text("x" * 1001)), "BadInvalidArgument"),
            (HH, ACKNOWLEDGE, (octets(event),), "BadArgumentsMissing"),
            (HH, ACKNOWLEDGE, (octets(event), text(""), text("")), "BadTooManyArguments"),
            (HH, ACKNOWLEDGE, (text("event"), text("")), "BadInvalidArgument"),
            (
                standard(O.AcknowledgeableConditionType),
                ACKNOWLEDGE,
                (octets(event), text("")),
                "BadNodeIdInvalid",
            ),
            (standard(O.ConditionType), COMMENT, (octets(event), text("")), "BadNodeIdInvalid"),
            (standard(O.AlarmConditionType), standard(O.AlarmConditionType_Reset), (), "BadNodeIdInvalid"),
            ("LT-999.HH", ACKNOWLEDGE, (octets(event), text("")), "BadNodeIdUnknown"),
            (ua.NodeId(), ACKNOWLEDGE, (octets(event), text("")), "BadNodeIdInvalid"),
            (HH, f"{H}/Acknowledge", (octets(event), text("")), "BadMethodInvalid"),
            (HH, standard(O.Server_GetMonitoredItems), (number(1),), "BadMethodInvalid"),
            (HH, "LT-201", (), "BadMethodInvalid"),
            (H, f"{H}/Reset", (), "BadMethodInvalid"),
            (HH, "LT-201.HH/Enable", (), "BadConditionAlreadyEnabled"),
            (HH, standard(O.ConditionType_Disable), (), "BadUserAccessDenied"),
            (H, f"{H}/ShelvingState/Unshelve", (), "BadConditionNotShelved"),
            (H, "LT-201.H/Suppress2", (text("because"),), "BadUserAccessDenied"),
            (H, "LT-201.H/RemoveFromService2", (text("because"),), "BadUserAccessDenied"),
            (f"{H}/ShelvingState", ACKNOWLEDGE, (octets(milder), text("")), "BadMethodInvalid"),
            (f"{H}/AckedState", ACKNOWLEDGE, (octets(milder), text("")), "BadNodeClassInvalid"),
            ("LT-201", ACKNOWLEDGE, (octets(milder), text("")), "BadNodeClassInvalid"),
        ]
        results = await desk.results(*((target, method, given) for target, method, given, _ in wrong))
        assert [one.StatusCode.name for one in results] == [code for *_, code in wrong]
        by_type = results[10]
        assert [code.name for code in by_type.InputArgumentResults] == ["BadTypeMismatch", "Good"]
        assert await desk.calls(HH, ACKNOWLEDGE, octets(event), text("")) == "Good"
        await plant.is_so(HH, "AckedState/Id", True)
        again = await desk.calls(HH, ACKNOWLEDGE, octets(event), text(""))
        assert again == "BadConditionBranchAlreadyAcked"
        with pytest.raises(ua.UaStatusCodeError, match="BadNothingToDo"):
            await desk.results()
    async with plant.rig.client("viewer") as client:
        desk = Operator(client)
        assert await desk.calls(H, ACKNOWLEDGE, octets(milder), text("")) == "BadUserAccessDenied"
        assert (await desk.calls(H, f"{H}/GetGroupMemberships")) == "Good"


async def test_the_reason_of_a_refusal_comes_along_when_asked_for(plant: Alarmed) -> None:
    async with plant.rig.client("operator") as client:
        request = ua.CallRequest()
        request.RequestHeader.ReturnDiagnostics = 0x80
        request.Parameters.MethodsToCall = [
            ua.CallMethodRequest(of_plant(H), standard(O.AlarmConditionType_ShelvingState_Unshelve), []),
            ua.CallMethodRequest(of_plant(H), standard(O.AlarmConditionType_GetGroupMemberships), []),
        ]
        answer = await Operator(client).ask(request)
        assert [one.AdditionalInfo for one in answer.DiagnosticInfos] == ["LT-201.H is not shelved", None]
        groups = answer.Results[1].OutputArguments[0].Value
        assert of_plant("AlarmGroups/link_R") in groups


async def test_shelves(plant: Alarmed) -> None:
    shelf = f"{H}/ShelvingState"
    timed, once = f"{shelf}/TimedShelve", f"{shelf}/OneShotShelve2"
    of_type = standard(O.ShelvedStateMachineType_TimedShelve)
    unshelve = standard(O.AlarmConditionType_ShelvingState_Unshelve2)
    async with plant.rig.client("operator") as client:
        desk = Operator(client)
        await desk.looks()
        for wrong in (0.0, -1.0, float("nan"), float("inf"), 9 * 3_600_000.0):
            assert await desk.calls(shelf, timed, milliseconds(wrong)) == "BadShelvingTimeOutOfRange"
        strict = standard(O.AlarmConditionType_ShelvingState_TimedShelve)
        refused = await desk.calls(HH, strict, milliseconds(1000.0))
        assert refused == "BadShelvingTimeOutOfRange", "priority 1"
        assert await desk.calls(H, of_type, milliseconds(600_000.0)) == "Good"
        await desk.hears(tells(H, "ShelvingState/CurrentState", "Timed Shelved"))
        node = plant.rig.gateway.space.find(of_plant(f"{shelf}/UnshelveTime"))
        assert node is not None
        left = node.attribute(ua.AttributeIds.Value, None).Value.Value
        assert 590_000.0 < left <= 600_000.0
        assert await desk.calls(shelf, once, text("until it returns")) == "Good"
        heard = await desk.hears(tells(H, "ShelvingState/CurrentState", "One Shot Shelved"))
        assert heard[-1]["Comment"].Text is None
        assert await desk.calls(shelf, once, text("again")) == "BadConditionAlreadyShelved"
        assert await desk.calls(H, unshelve, text("")) == "Good"
        await desk.hears(tells(H, "ShelvingState/CurrentState", "Unshelved"))
        assert (
            await desk.calls(H, f"{shelf}/TimedShelve2", milliseconds(300.0), text("for a moment")) == "Good"
        )
        await desk.hears(tells(H, "ShelvingState/CurrentState", "Timed Shelved"))
        await desk.hears(tells(H, "ShelvingState/CurrentState", "Unshelved"))


async def test_a_supervisor_suppresses_takes_out_of_service_and_silences(plant: Alarmed) -> None:
    plant.bag(91.0)
    await plant.is_so(H, "ActiveState/Id", True)
    async with plant.rig.client("supervisor") as client:
        desk = Operator(client)
        await desk.looks()
        for method, state, back in (
            ("Suppress", "SuppressedState/Id", "Unsuppress"),
            ("RemoveFromService", "OutOfServiceState/Id", "PlaceInService"),
        ):
            assert await desk.calls(H, f"{H}/{method}") == "BadInvalidArgument", "it takes a comment"
            assert await desk.calls(H, f"{H}/{back}") == "BadInvalidState"
            assert await desk.calls(H, f"{H}/{method}2", text("transmitter changed")) == "Good"
            await desk.hears(tells(H, state, True))
            assert await desk.calls(H, f"{H}/{method}2", text("again")) == "BadInvalidState"
            assert await desk.calls(H, f"{H}/{back}") == "Good"
            await desk.hears(tells(H, state, False))
        assert await desk.calls(HH, f"{HH}/Suppress2", text("priority 1")) == "BadUserAccessDenied"
        assert await desk.calls(H, f"{H}/Silence") == "Good"
        await desk.hears(tells(H, "SilenceState/Id", True))
        assert await desk.calls(H, f"{H}/Silence") == "BadInvalidState"


async def test_a_refresh_is_for_the_one_who_asks(plant: Alarmed) -> None:
    plant.bag(96.0)
    await plant.is_so(H, "ActiveState/Id", True)
    async with plant.rig.client("operator") as client, plant.rig.client("viewer") as other:
        desk, passer_by = Operator(client), Operator(other)
        nothing = ua.ContentFilter(
            [
                ua.ContentFilterElement(
                    ua.FilterOperator.OfType, [ua.LiteralOperand(ua.Variant(standard(O.DialogConditionType)))]
                )
            ]
        )
        await desk.looks()
        await passer_by.looks(where=nothing)
        shown = await desk.refreshes()
        assert {HH, H} <= {one["ConditionName"] for one in shown}
        assert next(iter(of(HH, shown)))["EventId"] == plant.event(HH)
        hush = passer_by.publishing(30)
        await asyncio.wait([hush], timeout=0.5)
        assert not hush.done() or not hush.result().NotificationMessage.NotificationData
        # Their own refresh shows the marks, though their filter lets nothing through.
        subscription = number(passer_by.subscription)
        assert await passer_by.calls(CONDITION_TYPE, REFRESH, subscription) == "Good"
        marks = await passer_by.hears(lambda heard: any(mark(one) == "end" for one in heard))
        assert [mark(one) for one in marks] in (["start", "end"], ["end"])
        wrong = [
            (CONDITION_TYPE, REFRESH, (number(desk.subscription),), "BadUserAccessDenied"),
            (CONDITION_TYPE, REFRESH, (number(999_999),), "BadSubscriptionIdInvalid"),
            (CONDITION_TYPE, REFRESH, (), "BadArgumentsMissing"),
            (CONDITION_TYPE, REFRESH, (text("1"),), "BadInvalidArgument"),
            (HH, REFRESH, (subscription,), "BadMethodInvalid"),
            (SERVER, REFRESH, (subscription,), "BadMethodInvalid"),
            (CONDITION_TYPE, REFRESH_2, (subscription, number(999_999)), "BadMonitoredItemIdInvalid"),
            (CONDITION_TYPE, REFRESH_2, (subscription, number(passer_by.item)), "Good"),
        ]
        found = await passer_by.results(*((target, method, given) for target, method, given, _ in wrong))
        assert [one.StatusCode.name for one in found] == [code for *_, code in wrong]
        empty = (await passer_by.subscribe(100)).SubscriptionId
        assert await passer_by.calls(CONDITION_TYPE, REFRESH, number(empty)) == "BadNothingToDo"


async def test_one_refresh_at_a_time(plant: Alarmed) -> None:
    async with plant.rig.client("operator") as client:
        desk = Operator(client)
        await desk.looks()
        plant.conditions.refreshing.add(desk.subscription)
        assert await desk.calls(CONDITION_TYPE, REFRESH, number(desk.subscription)) == "BadRefreshInProgress"
        plant.conditions.refreshing.clear()
        assert await desk.calls(CONDITION_TYPE, REFRESH, number(desk.subscription)) == "Good"
        with pytest.raises(Fault):
            await refresh(plant.rig.gateway, next(iter(plant.rig.gateway.sessions.all())), [12345])
        assert plant.conditions.refreshing == set()


async def test_only_what_is_below_the_notifier(plant: Alarmed) -> None:
    plant.bag(96.0)
    await plant.is_so(H, "ActiveState/Id", True)
    async with plant.rig.client("operator") as client:
        bag, whole = Operator(client), Operator(client)
        await bag.looks(of_plant("Area/recovery"))
        await whole.looks(of_plant("Plant"))
        result = await bag.calls(CONDITION_TYPE, REFRESH, number(bag.subscription))
        assert result == "Good"
        heard = await bag.hears(lambda so_far: any(mark(one) == "end" for one in so_far))
        assert of(HH, heard) == []
        assert of(HH, await whole.refreshes()) != []


async def test_an_alarm_that_comes_again_can_be_acknowledged_twice(plant: Alarmed) -> None:
    plant.bag(91.0)
    first = await plant.is_so(H, "ActiveState/Id", True)
    plant.bag(50.0)
    await plant.is_so(H, "ActiveState/Id", False)
    plant.bag(91.0)
    second = await plant.is_so(H, "ActiveState/Id", True)
    async with plant.rig.client("operator") as client:
        desk = Operator(client)
        await desk.looks()
        trunk, branch = sorted(of(H, await desk.refreshes()), key=lambda one: one["BranchId"] != ua.NodeId())
        assert (trunk["ActiveState/Id"], branch["ActiveState/Id"]) == (True, False)
        assert trunk["EventId"] == second
        assert await desk.calls(H, COMMENT, octets(branch["EventId"]), text("the first one")) == "Good"
        told = of(H, await desk.hears(lambda heard: of(H, heard)))[-1]
        assert (told["BranchId"], told["Comment"].Text) == (branch["BranchId"], "the first one")
        assert await desk.calls(H, ACKNOWLEDGE, octets(first), text("")) == "Good", "as it was told then"
        told = of(H, await desk.hears(lambda heard: of(H, heard)))[-1]
        assert (told["BranchId"], told["Retain"]) == (branch["BranchId"], False)
        assert await desk.calls(H, ACKNOWLEDGE, octets(branch["EventId"]), text("")) == "BadEventIdUnknown"
        assert await desk.calls(H, ACKNOWLEDGE, octets(second), text("")) == "Good"


async def test_event_ids_outlive_the_gateway(tmp_path: Path) -> None:
    """What an operator has on the screen can be acknowledged though the gateway was started anew."""
    async with behind(tmp_path / "data", at_once()) as core, living(core):
        async with over(core) as before:
            before.bag(91.0)
            await before.is_so(H, "ActiveState/Id", True)
            before.bag(50.0)
            await before.is_so(H, "ActiveState/Id", False)
            before.bag(91.0)
            await before.is_so(H, "ActiveState/Id", True)
            async with before.rig.client("operator") as client:
                desk = Operator(client)
                await desk.looks()
                shown = of(H, await desk.refreshes())
        async with over(core) as after, after.rig.client("operator") as client:
            desk = Operator(client)
            await desk.looks()
            again = of(H, await desk.refreshes())
            assert [(one["EventId"], one["BranchId"]) for one in again] == [
                (one["EventId"], one["BranchId"]) for one in shown
            ]
            for one in shown:
                assert await desk.calls(H, ACKNOWLEDGE, octets(one["EventId"]), text("")) == "Good"


async def test_a_journal_that_is_another_one_asks_for_a_refresh(
    plant: Alarmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with plant.rig.client("operator") as client:
        desk = Operator(client)
        await desk.looks()
        original = cursor_module.Cursor._next
        once = [True]

        def lost(self: Any) -> Any:
            page = original(self)
            return page._replace(gap=once.pop()) if once else page

        monkeypatch.setattr(cursor_module.Cursor, "_next", lost)
        plant.cursor.wake()
        required = standard(O.RefreshRequiredEventType)
        heard = await desk.hears(lambda so_far: any(one["EventType"] == required for one in so_far))
        assert plant.cursor.reloads == 1
        assert heard
        plant.bag(91.0)
        await desk.hears(tells(H, "ActiveState/Id", True))


async def test_what_people_do_is_audited_for_supervisors_only(plant: Alarmed) -> None:
    plant.bag(91.0)
    event = await plant.is_so(H, "ActiveState/Id", True)
    audits = {O.AuditConditionAcknowledgeEventType, O.AuditConditionShelvingEventType}

    def audited(heard: list[dict[str, Any]]) -> list[int]:
        return [one["EventType"].Identifier for one in heard if one["EventType"].Identifier in audits]

    async with plant.rig.client("supervisor") as chief, plant.rig.client("operator") as client:
        desk, office = Operator(client), Operator(chief)
        await desk.looks()
        await office.looks()
        assert await desk.calls(H, ACKNOWLEDGE, octets(event), text("seen")) == "Good"
        assert await desk.calls(H, f"{H}/ShelvingState/Unshelve") == "BadConditionNotShelved"
        seen = await office.hears(lambda heard: len(audited(heard)) == 2)
        assert set(audited(seen)) == audits
        acked, shelved = (one for one in plant.told if one.type.Identifier in audits)
        assert acked.fields["ConditionEventId"].Value == event
        assert acked.fields["ClientUserId"].Value == "operator"
        assert (acked.fields["SourceName"].Value, acked.fields["Status"].Value) == (
            "Method/Acknowledge",
            True,
        )
        assert acked.fields["SourceNode"].Value == of_plant(H)
        assert shelved.fields["Status"].Value is False
        assert shelved.fields["StatusCodeId"].Value.name == "BadConditionNotShelved"
        assert audited(await desk.hears(tells(H, "AckedState/Id", True))) == []
        unknown = await desk.calls(H, ACKNOWLEDGE, ua.Variant(None, ua.VariantType.ByteString), text(""))
        assert unknown == "BadEventIdUnknown"
        await office.hears(lambda heard: len(audited(heard)) == 1)


async def test_interlocks_and_links_tell_too(plant: Alarmed) -> None:
    async with plant.rig.client("viewer") as client:
        desk = Operator(client)
        await desk.looks()
        plant.behind.tell({"LSLL-202": 0.0})
        heard = await desk.hears(
            lambda so_far: any("I-06 tripped" in str(one["Message"].Text) for one in so_far)
        )
        trip = next(one for one in heard if "I-06 tripped" in str(one["Message"].Text))
        assert trip["SourceNode"] == of_plant("Interlock/I-06")
        assert trip["EventType"] == standard(O.BaseEventType)
        assert len(trip["EventId"]) == 16


async def test_a_client_without_a_name_sees_and_does_not_act(plant: Alarmed) -> None:
    plant.bag(91.0)
    event = await plant.is_so(H, "ActiveState/Id", True)
    async with plant.rig.client(None, mode=None) as client:
        assert await Operator(client).calls(H, ACKNOWLEDGE, octets(event), text("")) == "BadUserAccessDenied"


async def test_many_in_one_request_leave_room_for_others(
    plant: Alarmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments on all alarms go to the core side by side, but not all at once."""
    monkeypatch.setattr(orders_module, "WAITING", 10)
    alarms = [alarm.id for alarm in plant.behind.plant.alarms]
    async with plant.rig.client("operator") as client:
        results = await Operator(client).results(
            *((alarm, COMMENT, (octets(b"\0" * 16), text("x"))) for alarm in alarms)
        )
        assert {one.StatusCode.name for one in results} == {"BadEventIdUnknown"}


async def test_what_stands_for_longer_than_the_snapshot_is_old(tmp_path: Path) -> None:
    """Its last notification is looked up in the journal, so that the refresh has the id that was told."""
    async with behind(tmp_path / "data", at_once()) as core, living(core):
        async with over(core) as before:
            before.bag(91.0)
            event = await before.is_so(H, "ActiveState/Id", True)
            async with before.rig.client("operator") as client:
                desk = Operator(client)
                assert (
                    await desk.calls(H, f"{H}/ShelvingState/TimedShelve", milliseconds(600_000.0)) == "Good"
                )
            shelved = await before.is_so(H, "ShelvingState/CurrentState/Id", TIMED)
            kept = msgspec.msgpack.encode({"durable": {}, "alarms": to_data(before.conditions.book)})
            now = Now(0.0, time.monotonic(), time.time_ns())
            await asyncio.wrap_future(core.journal.snapshot(kept, "2", now))
        async with over(core) as after:
            assert after.conditions.last(H).event == shelved != event
            assert after.conditions.last(H).text.startswith("shelved for 10 min by operator")
            assert after.conditions.whose(H, event) == ""


async def test_what_a_subscription_monitors_and_all_of_it_once_more(plant: Alarmed) -> None:
    """GetMonitoredItems and ResendData (Part 5, 9.1 and 9.2)."""
    monitored, resend = standard(O.Server_GetMonitoredItems), standard(O.Server_ResendData)
    async with plant.rig.client("operator") as client, plant.rig.client("viewer") as other:
        desk, stranger = Operator(client), Operator(other)
        await desk.looks()
        (tag,) = await desk.monitor(desk.subscription, of_plant("LT-201"))
        assert (await desk.values())[0][1] == 50.0
        subscription = number(desk.subscription)
        (result,) = await desk.results((SERVER, monitored, [subscription]))
        assert result.OutputArguments[0].Value == [desk.item, tag.MonitoredItemId]
        assert result.OutputArguments[1].Value == [1, 1]
        assert await desk.calls(SERVER, resend, subscription) == "Good"
        assert (await desk.values())[0][1] == 50.0
        assert await stranger.calls(SERVER, monitored, subscription) == "BadUserAccessDenied"
        assert await stranger.calls(SERVER, resend, number(999_999)) == "BadSubscriptionIdInvalid"
        assert await stranger.calls(SERVER, resend) == "BadArgumentsMissing"
        assert await stranger.calls(standard(O.ServerType), resend, subscription) == "BadMethodInvalid"


class Heard:
    """asyncua's handler of events."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def event_notification(self, event: Any) -> None:
        self.events.append(event)

    def newest(self, alarm: str) -> Any:
        return next(
            (one for one in reversed(self.events) if getattr(one, "ConditionName", None) == alarm), None
        )


async def test_asyncuas_own_client_sees_acknowledges_and_refreshes(plant: Alarmed) -> None:
    async with plant.rig.client("operator") as client:
        heard = Heard()
        subscription = await client.create_subscription(100, heard)
        kinds = [client.get_node(standard(O.AlarmConditionType))]
        await subscription.subscribe_alarms_and_conditions(client.nodes.server, kinds)
        plant.bag(91.0)
        await plant.when(lambda: heard.newest(H))
        event = heard.newest(H)
        assert (event.SourceName, event.Severity) == ("LT-201", 300)
        assert getattr(event, "ActiveState/Id") is True
        condition = client.get_node(event.NodeId)
        assert condition.nodeid == of_plant(H)
        await condition.call_method("0:Acknowledge", event.EventId, ua.LocalizedText("seen", "en"))
        acked = await condition.get_child("0:AckedState")
        assert (await acked.read_value()).Text == "Acknowledged", "what was done is seen at once"
        await plant.when(lambda: getattr(heard.newest(H), "AckedState/Id"))
        with pytest.raises(ua.UaStatusCodeError, match="BadConditionBranchAlreadyAcked"):
            await condition.call_method("0:Acknowledge", event.EventId, ua.LocalizedText("seen", "en"))
        marks = len(heard.events)
        refresh_all = client.get_node(CONDITION_TYPE)
        await refresh_all.call_method("0:ConditionRefresh", number(subscription.subscription_id))
        ended = standard(O.RefreshEndEventType)
        await plant.when(lambda: any(one.EventType == ended for one in heard.events[marks:]))
        shelf = await condition.get_child("0:ShelvingState")
        await shelf.call_method("0:TimedShelve", 60_000.0)
        current = await shelf.get_child("0:CurrentState")
        assert (await current.read_value()).Text == "Timed Shelved"
        await subscription.delete()
