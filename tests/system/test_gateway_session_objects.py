"""Each session is an object below SessionsDiagnosticsSummary: what it says, to whom, and for how long."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncua import Client, ua

from controller.opcua.gateway.session import Session
from controller.opcua.gateway.space.names import standard
from tests.system.gateway_subscribed import Asking, codes
from tests.system.gateway_whole import Whole, whole

A = ua.AttributeIds
ID = ua.ObjectIds
CODES = ua.StatusCodes
SUMMARY = standard(ID.Server_ServerDiagnostics_SessionsDiagnosticsSummary)
ARRAY = standard(ID.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionDiagnosticsArray)
ARRAYS = {"0:SessionDiagnosticsArray", "0:SessionSecurityDiagnosticsArray"}
SECURITY = "0:SessionSecurityDiagnostics"
UNKNOWN = {CODES.BadNodeIdUnknown}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole(tmp_path) as made:
        yield made


async def own(client: Client) -> ua.SessionDiagnosticsDataType:
    """What the array says to a client that is shown no other session."""
    rows: list[ua.SessionDiagnosticsDataType] = await client.get_node(ARRAY).read_value()
    (row,) = rows
    return row


async def browsed(client: Client, node: ua.NodeId, most: int = 0) -> list[ua.BrowseResult]:
    """What it has by HasComponent, page by page."""
    wanted = ua.BrowseDescription(
        node, ua.BrowseDirection.Forward, standard(ID.HasComponent), True, ua.NodeClass.Unspecified, 63
    )
    pages = await client.uaclient.browse(
        ua.BrowseParameters(RequestedMaxReferencesPerNode=most, NodesToBrowse=[wanted])
    )
    while pages[-1].ContinuationPoint:
        points = [pages[-1].ContinuationPoint]
        pages += await client.uaclient.browse_next(
            ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=points)
        )
    return list(pages)


async def children(client: Client, node: ua.NodeId) -> dict[str, ua.ReferenceDescription]:
    """By BrowseName with the namespace."""
    found = [one for page in await browsed(client, node) for one in page.References]
    return {one.BrowseName.to_string(): one for one in found}


async def objects(client: Client, most: int = 0) -> list[list[ua.NodeId]]:
    """The sessions that it is shown, page by page."""
    return [
        [one.NodeId for one in page.References if one.BrowseName.to_string() not in ARRAYS]
        for page in await browsed(client, SUMMARY, most)
    ]


async def translated(client: Client, start: ua.NodeId, *names: tuple[int, str]) -> tuple[int, set[ua.NodeId]]:
    elements = [
        ua.RelativePathElement(standard(ID.HasComponent), False, True, ua.QualifiedName(name, index))
        for index, name in names
    ]
    paths = [ua.BrowsePath(start, ua.RelativePath(elements))]
    (result,) = await client.uaclient.translate_browsepaths_to_nodeids(paths)
    return result.StatusCode.value, {one.TargetId for one in result.Targets or ()}


async def read(client: Client, *nodes: ua.NodeId, attribute: int = A.Value) -> list[Any]:
    """In one request, so that little is counted in between."""
    asked = ua.ReadParameters(NodesToRead=[ua.ReadValueId(one, attribute) for one in nodes])
    return list(await client.uaclient.read(asked))


async def codes_of(client: Client, *nodes: ua.NodeId, attribute: int = A.Value) -> set[int]:
    return {one.StatusCode.value for one in await read(client, *nodes, attribute=attribute)}


def steady(row: Any) -> dict[str, Any]:
    """Without what differs from one look to the next."""
    return {name: value for name, value in asdict(row).items() if name != "ClientLastContactTime"}


async def told(desk: Asking) -> int:
    """The StatusCode of the next value."""
    (notification,) = (await desk.publish()).NotificationMessage.NotificationData
    (item,) = notification.MonitoredItems
    return int(item.Value.StatusCode.value)


class TestWhatItSays:
    async def test_its_name_is_the_sessions_its_id_the_session_id_and_its_parts_the_standards(
        self, here: Whole
    ) -> None:
        async with here.client("operator") as client:
            row, found = await own(client), await children(client, SUMMARY)
            (name,) = found.keys() - ARRAYS
            assert name == f"1:{row.SessionName}"
            assert found[name].NodeId == row.SessionId
            assert found[name].TypeDefinition == standard(ID.SessionDiagnosticsObjectType)
            parts = await children(client, row.SessionId)
            assert {one: part.TypeDefinition for one, part in parts.items()} == {
                "0:SessionDiagnostics": standard(ID.SessionDiagnosticsVariableType),
                SECURITY: standard(ID.SessionSecurityDiagnosticsType),
                "0:SubscriptionDiagnosticsArray": standard(ID.SubscriptionDiagnosticsArrayType),
            }
            for one in (row.SessionId, *(part.NodeId for part in parts.values())):
                (above,) = await client.get_node(one).get_referenced_nodes(
                    ID.HasComponent, ua.BrowseDirection.Inverse
                )
                assert above.nodeid == (SUMMARY if one == row.SessionId else row.SessionId)

    async def test_its_parts_say_what_the_array_says_of_it(self, here: Whole) -> None:
        async with here.client("operator") as client:
            row = await own(client)
            session = (await children(client, row.SessionId))["0:SessionDiagnostics"].NodeId
            fields = await children(client, session)
            assert set(fields) == {f"0:{name}" for name in asdict(row)}
            ids = [one.NodeId for one in fields.values()]
            while True:  # until no other request was counted in between
                first, single, *values, last = await read(client, ARRAY, session, *ids, ARRAY)
                (before,), (after,) = first.Value.Value, last.Value.Value
                if steady(before) == steady(after):
                    break
            assert steady(single.Value.Value) == steady(before)
            for name, value in zip(fields, values, strict=True):
                expected = getattr(before, name.removeprefix("0:"))
                if name == "0:ClientLastContactTime":
                    assert abs((value.Value.Value - expected).total_seconds()) < 1.0
                else:
                    assert value.Value.Value == expected, name

    async def test_its_parts_have_the_types_that_the_standard_declares(self, here: Whole) -> None:
        """Data type and rank are those of the type's declaration, and the value is of that type."""
        async with here.client("admin") as client:
            parts = await children(client, (await own(client)).SessionId)
            for name, kind in (
                ("0:SessionDiagnostics", ID.SessionDiagnosticsVariableType),
                (SECURITY, ID.SessionSecurityDiagnosticsType),
            ):
                declared = await children(client, standard(kind))
                made = await children(client, parts[name].NodeId)
                assert made.keys() == declared.keys()
                for part, reference in made.items():
                    assert reference.TypeDefinition == standard(ID.BaseDataVariableType)
                    node, type_ = client.get_node(reference.NodeId), client.get_node(declared[part].NodeId)
                    assert await node.read_data_type() == await type_.read_data_type(), part
                    assert await node.read_value_rank() == await type_.read_value_rank(), part
                    held = (await node.read_data_value()).Value
                    assert held is not None, part
                    assert held.VariantType is await node.read_data_type_as_variant_type(), part
                    assert held.is_array is (await node.read_value_rank() == 1), part

    async def test_it_lists_the_subscriptions_of_its_session_alone(self, here: Whole) -> None:
        async with here.client("operator") as client, here.client("engineer") as engineer:
            number = (await Asking(client).subscribe(100)).SubscriptionId
            await Asking(engineer).subscribe(100)
            row = await own(client)
            array = (await children(engineer, row.SessionId))["0:SubscriptionDiagnosticsArray"].NodeId
            (found,) = await read(engineer, array)
            assert [(one.SubscriptionId, one.SessionId) for one in found.Value.Value] == [
                (number, row.SessionId)
            ]


class TestWhoSeesIt:
    async def test_below_an_engineer_the_session_of_another_is_not_there_whichever_way_one_asks(
        self, here: Whole
    ) -> None:
        async with (
            here.client("operator") as operator,
            here.client() as viewer,
            here.client("engineer") as engineer,
        ):
            other, mine = await own(operator), await own(viewer)
            parts = await children(operator, other.SessionId)
            field = (await children(operator, parts["0:SessionDiagnostics"].NodeId))["0:ReadCount"].NodeId
            hidden = [other.SessionId, *(part.NodeId for part in parts.values()), field]
            assert await objects(viewer) == [[mine.SessionId]]
            assert await objects(operator) == [[other.SessionId]]
            assert {mine.SessionId, other.SessionId} < set((await objects(engineer))[0])
            for attribute in (A.Value, A.BrowseName, A.UserAccessLevel):
                assert await codes_of(viewer, *hidden, attribute=attribute) == UNKNOWN
            for node in hidden:
                assert [page.StatusCode.value for page in await browsed(viewer, node)] == [*UNKNOWN]
            names = (1, other.SessionName), (0, "SubscriptionDiagnosticsArray")
            assert mine.SessionName == other.SessionName, "as clients of one maker are called"
            array = parts["0:SubscriptionDiagnosticsArray"].NodeId
            assert array in (await translated(engineer, SUMMARY, *names))[1]
            code, found = await translated(viewer, SUMMARY, *names)
            assert (code, len(found), array in found) == (0, 1, False)
            assert (await translated(viewer, other.SessionId, names[1]))[0] in UNKNOWN
            desk = Asking(viewer)
            number = (await desk.subscribe(100)).SubscriptionId
            assert set(codes(await desk.monitor(number, *hidden))) == UNKNOWN
            value = ua.WriteValue(field, A.Value, Value=ua.DataValue(ua.Variant(1)))
            (written,) = await viewer.uaclient.write(ua.WriteParameters([value]))
            assert written.value in UNKNOWN
            asked = ua.CallMethodRequest(other.SessionId, standard(ID.Server_GetMonitoredItems), [])
            (called,) = await viewer.uaclient.call([asked])
            assert called.StatusCode.value in UNKNOWN
            assert await codes_of(engineer, field, array) == {0}

    async def test_who_steps_down_loses_sight_of_what_they_watched(self, here: Whole) -> None:
        async with here.client("operator") as operator, here.client("engineer") as client:
            session = (await children(operator, (await own(operator)).SessionId))[
                "0:SessionDiagnostics"
            ].NodeId
            name = (await children(operator, session))["0:SessionName"].NodeId
            desk = Asking(client)
            await desk.monitor((await desk.subscribe(100)).SubscriptionId, name)
            assert await told(desk) == 0
            await client.activate_session(username="operator", password="demo-operator")
            assert await told(desk) in UNKNOWN

    async def test_its_security_is_for_administrators_and_its_nodes_say_so(self, here: Whole) -> None:
        async with (
            here.client("operator") as operator,
            here.client("engineer") as engineer,
            here.client("admin") as admin,
        ):
            node = (await children(operator, (await own(operator)).SessionId))[SECURITY].NodeId
            fields = {name: one.NodeId for name, one in (await children(operator, node)).items()}
            for client in (operator, engineer):
                assert await codes_of(client, node, *fields.values()) == {CODES.BadUserAccessDenied}
                levels = await read(client, node, *fields.values(), attribute=A.UserAccessLevel)
                assert {one.Value.Value for one in levels} == {0}
                (granted,) = await read(client, node, attribute=A.UserRolePermissions)
                flags = {bool(one.Permissions & ua.PermissionType.Read) for one in granted.Value.Value}
                assert flags == {False}
            values = await read(admin, *fields.values())
            said = {name: value.Value.Value for name, value in zip(fields, values, strict=True)}
            assert said["0:ClientUserIdOfSession"] == "operator"
            assert said["0:ClientUserIdHistory"] == ["operator"]
            assert (said["0:Encoding"], said["0:SecurityMode"]) == ("UA Binary", 3)
            assert len(said["0:ClientCertificate"]) > 500
            (level,) = await read(admin, node, attribute=A.UserAccessLevel)
            assert level.Value.Value == 1

    async def test_its_security_does_not_travel_without_encryption(self, here: Whole) -> None:
        async with here.client("admin", mode=ua.MessageSecurityMode.Sign) as admin:
            node = (await children(admin, (await own(admin)).SessionId))[SECURITY].NodeId
            array = ua.NodeId(
                ua.ObjectIds.Server_ServerDiagnostics_SessionsDiagnosticsSummary_SessionSecurityDiagnosticsArray
            )
            assert await codes_of(admin, node, array) == {CODES.BadSecurityModeInsufficient}
            (restricted,) = await read(admin, node, attribute=A.AccessRestrictions)
            assert restricted.Value.Value == 2


class TestHowLong:
    async def test_it_goes_with_its_session_and_who_watched_it_is_told(self, here: Whole) -> None:
        async with here.client("engineer") as engineer:
            desk = Asking(engineer)
            number = (await desk.subscribe(100)).SubscriptionId
            async with here.client("operator") as operator:
                gone = (await own(operator)).SessionId
                session = (await children(operator, gone))["0:SessionDiagnostics"].NodeId
                name = (await children(operator, session))["0:SessionName"].NodeId
                assert codes(await desk.monitor(number, name)) == [0]
                assert await told(desk) == 0
                assert gone in (await objects(engineer))[0]
            assert await told(desk) in UNKNOWN
            assert gone not in (await objects(engineer))[0]
            assert await codes_of(engineer, gone, session, name) == UNKNOWN

    async def test_ids_that_only_look_like_a_sessions_are_unknown(self, here: Whole) -> None:
        async with here.client("operator") as client:
            number = str((await own(client)).SessionId.Identifier)
            good = f"Session/{number}/SessionDiagnostics"
            assert await codes_of(client, ua.NodeId(good, 1)) == {0}
            wrong: list[UUID | str] = [
                UUID(int=7),
                *("Session", "Session/", f"Session/{number}", f"Session/{number}/", f"{good}/", f"{good}/No"),
                *(f"{good}/ReadCount/", f"Session/{number}/No", good.upper(), f"session/{good[8:]}"),
                f"Session/{number.upper()}/SessionDiagnostics",
                f"Session/{{{number}}}/SessionDiagnostics",
                "Session/nobody/SessionDiagnostics",
            ]
            nodes = [ua.NodeId(one, 1) for one in wrong] + [ua.NodeId(good, 2), ua.NodeId(UUID(number), 2)]
            assert await codes_of(client, *nodes, attribute=A.NodeId) == UNKNOWN

    async def test_a_hundred_come_in_pages_without_those_that_are_hidden(self, here: Whole) -> None:
        async with here.client("engineer") as engineer, here.client() as viewer:
            mine, sessions = (await own(viewer)).SessionId, here.running.gateway.sessions
            for at in range(98):
                made = Session(ua.NodeId(uuid4(), 1), f"station {at}", 600_000.0, active=True)
                made.touched_s = time.monotonic()
                assert isinstance(made.token.Identifier, bytes)
                sessions._by_token[made.token.Identifier] = made
            pages = await objects(engineer, most=30)
            assert [len(page) for page in pages] == [28, 30, 30, 12], "with two arrays"
            assert {one for page in pages for one in page} == {one.id for one in sessions.all()}
            assert await objects(viewer, most=30) == [[mine]]
