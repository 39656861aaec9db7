"""The plant as a client sees it over the wire: the tree, types, values, writes, methods, and refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.ua.uaerrors import UaStatusCodeError

from controller.opcua.gateway.settings import Limits
from controller.opcua.gateway.space.names import standard
from tests.system.gateway_whole import Whole, node, whole

_ID = ua.ObjectIds
Codes = ua.StatusCodes
ONE_WAY = {standard(_ID.HasAlarmSuppressionGroup)}  # of a group one asks for its members


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole(tmp_path) as made:
        yield made


async def refusal(work: Any) -> int:
    with pytest.raises(UaStatusCodeError) as error:
        await work
    return int(error.value.code)


class TestTheTree:
    async def test_from_objects_down_to_a_tag_and_its_properties(self, here: Whole) -> None:
        async with here.client() as client:
            plant = await client.nodes.objects.get_child("2:tutorial")
            bag = await plant.get_child(["2:Areas", "2:bag"])
            level = await bag.get_child("2:LT-201")
            assert level.nodeid == node("LT-201"), "ids are the plant's own names"
            assert (await level.read_type_definition()).Identifier == _ID.AnalogUnitRangeType
            spread = await (await level.get_child("0:EURange")).read_value()
            assert (spread.Low, spread.High) == (0.0, 100.0)
            unit = await (await level.get_child("0:EngineeringUnits")).read_value()
            assert (unit.UnitId, unit.NamespaceUri.rpartition("/")[2]) == (20529, "cefact")
            state = client.get_node(node("XS-301"))
            assert (await state.read_type_definition()).Identifier == _ID.MultiStateDiscreteType
            switch = client.get_node(node("LSLL-202"))
            assert (await switch.read_type_definition()).Identifier == _ID.TwoStateDiscreteType
            assert (await switch.read_data_type()).Identifier == _ID.Boolean

    async def test_events_flow_from_a_tag_up_to_the_server(self, here: Whole) -> None:
        async with here.client() as client:
            at, way = client.get_node(node("LT-201")), []
            for _ in range(4):
                above = await at.get_referenced_nodes(_ID.HasEventSource, ua.BrowseDirection.Inverse)
                if not above:
                    break
                at = above[0]
                way.append(at.nodeid)
            assert way == [node("Area/bag"), node("Plant"), standard(_ID.Server)]

    async def test_every_reference_leads_somewhere_and_back(self, here: Whole) -> None:
        """Whatever the providers make: no dead ends, and both ends know of each other."""
        space = here.running.gateway.space
        waiting, seen = [node("Plant")], {node("Plant")}
        while waiting:
            one = waiting.pop()
            for reference in space.references(one):
                there = space.find(reference.target)
                assert there is not None, (one, reference)
                if reference.target.NamespaceIndex == 0 or reference.type in ONE_WAY:
                    continue
                back = reference._replace(target=one, forward=not reference.forward)
                typed = reference.type == standard(_ID.HasTypeDefinition)
                assert typed or back in space.references(reference.target), (one, reference)
                if reference.target not in seen:
                    seen.add(reference.target)
                    waiting.append(reference.target)
        assert len(seen) > 300

    async def test_a_long_answer_comes_in_pages_that_belong_to_the_session(self, here: Whole) -> None:
        async with here.client() as client, here.client() as other:
            wanted = ua.BrowseDescription(
                standard(_ID.BaseEventType), ua.BrowseDirection.Both, ua.NodeId(), True, 0, 63
            )
            everything = (await browse(client, wanted, 0))[0].References
            (page,) = await browse(client, wanted, 3)
            found = list(page.References)
            assert len(found) == 3
            stolen = await browse_next(other, page.ContinuationPoint)
            assert stolen.StatusCode.value == Codes.BadContinuationPointInvalid
            while page.ContinuationPoint:
                used = page.ContinuationPoint
                page = await browse_next(client, used)
                found += page.References
            assert [one.NodeId for one in found] == [one.NodeId for one in everything]
            again = await browse_next(client, used)
            assert again.StatusCode.value == Codes.BadContinuationPointInvalid

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"NodeId": ua.NodeId("nowhere", 2)}, Codes.BadNodeIdUnknown),
            ({"ReferenceTypeId": ua.NodeId(58)}, Codes.BadReferenceTypeIdInvalid),
            ({"ReferenceTypeId": ua.NodeId(999_999)}, Codes.BadReferenceTypeIdInvalid),
            ({"BrowseDirection": ua.BrowseDirection.Invalid}, Codes.BadBrowseDirectionInvalid),
        ],
    )
    async def test_a_browse_that_makes_no_sense_says_why(
        self, here: Whole, changes: dict[str, Any], code: int
    ) -> None:
        wanted = ua.BrowseDescription(node("Plant"), ua.BrowseDirection.Forward, ua.NodeId(), True, 0, 63)
        for name, value in changes.items():
            setattr(wanted, name, value)
        async with here.client() as client:
            (result,) = await browse(client, wanted, 0)
        assert result.StatusCode.value == code


async def browse(client: Client, wanted: ua.BrowseDescription, most: int) -> list[ua.BrowseResult]:
    asked = ua.BrowseParameters()
    asked.NodesToBrowse, asked.RequestedMaxReferencesPerNode = [wanted], most
    return list(await client.uaclient.browse(asked))


async def browse_next(client: Client, point: bytes) -> ua.BrowseResult:
    asked = ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=[point])
    (result,) = await client.uaclient.browse_next(asked)
    return result


class TestValues:
    async def test_a_value_comes_with_the_plcs_time_and_status(self, here: Whole) -> None:
        at_ns = 1_790_000_000_123_456_000
        here.behind.tell({"PT-303": 7.5}, 0x40920000, at_ns)
        index = here.behind.plant.index["PT-303"]
        await here.when(lambda: here.running.gateway.values.number(index) == 7.5)
        async with here.client() as client:
            value = await client.get_node(node("PT-303")).read_data_value(raise_on_bad_status=False)
        assert (value.Value.Value, value.Value.VariantType) == (7.5, ua.VariantType.Double)
        assert value.StatusCode.value & 0xFFFF0000 == 0x40920000

    async def test_when_the_core_is_gone_nothing_looks_good(self, here: Whole) -> None:
        async with here.client() as client:
            level = client.get_node(standard(_ID.Server_ServiceLevel))
            assert await level.read_value() == 255
            here.running.gateway.values.lose("the core was killed")
            value = await client.get_node(node("PT-303")).read_data_value(raise_on_bad_status=False)
            assert value.StatusCode.value == Codes.BadNoCommunication
            assert value.Value.Value == pytest.approx(3.0), "the last value is kept"
            assert await level.read_value() == 1

    async def test_when_a_newer_service_owns_the_plc_this_one_is_the_standby(self, here: Whole) -> None:
        async with here.client() as client:
            level = client.get_node(standard(_ID.Server_ServiceLevel))
            fenced = client.get_node(node("PLC/R/Fenced"))
            await here.when(lambda: here.running.picture.status)
            assert (await level.read_value(), await fenced.read_value()) == (255, False)
            here.behind.tell({"OWNER-EPOCH.R": 4e9, "PT-303": 7.5})
            await here.when(lambda: here.running.picture.status["plcs"][0]["fenced"])
            assert (await level.read_value(), await fenced.read_value()) == (100, True)
            assert await client.get_node(node("PT-303")).read_value() == 7.5, "what is seen is still true"

    @pytest.mark.parametrize(
        ("path", "attribute", "index_range", "code"),
        [
            ("nowhere", 13, None, Codes.BadNodeIdUnknown),
            ("PT-303", 99, None, Codes.BadAttributeIdInvalid),
            ("Plant", 13, None, Codes.BadAttributeIdInvalid),
            ("PT-303", 13, "0", Codes.BadIndexRangeNoData),
            ("Interlock/S-01/Causes", 13, "1:0", Codes.BadIndexRangeInvalid),
            ("Interlock/S-01/Causes", 13, "x", Codes.BadIndexRangeInvalid),
            ("Interlock/S-01/Causes", 13, "900", Codes.BadIndexRangeNoData),
        ],
    )
    async def test_a_read_that_makes_no_sense_says_why(
        self, here: Whole, path: str, attribute: int, index_range: str | None, code: int
    ) -> None:
        async with here.client() as client:
            result = await read(client, path, attribute, index_range)
        assert result.StatusCode.value == code

    async def test_a_part_of_an_array(self, here: Whole) -> None:
        async with here.client() as client:
            words = (await read(client, "Command/C-301.CMD/Words", 13, None)).Value.Value
            assert (await read(client, "Command/C-301.CMD/Words", 13, "1")).Value.Value == [words[1]]

    async def test_the_server_says_what_it_is_and_how_much_it_takes(self, here: Whole) -> None:
        limits = here.running.gateway.settings.limits
        async with here.client() as client:
            status = await client.get_node(standard(_ID.Server_ServerStatus)).read_value()
            assert status.State == ua.ServerState.Running
            assert status.BuildInfo.ProductUri == "urn:heloop"
            most = _ID.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead
            assert await client.get_node(standard(most)).read_value() == limits.nodes_per_read
            count = _ID.Server_ServerDiagnostics_ServerDiagnosticsSummary_CurrentSessionCount
            assert await client.get_node(standard(count)).read_value() == 1
            uris = await client.get_namespace_array()
            assert uris[2:] == ["urn:heloop:plant:tutorial", "urn:heloop:types"]


async def read(client: Client, path: str, attribute: int, index_range: str | None) -> ua.DataValue:
    one = ua.ReadValueId(node(path), attribute, index_range, ua.QualifiedName())
    asked = ua.ReadParameters(0, ua.TimestampsToReturn.Both, [one])
    (result,) = await client.uaclient.read(asked)
    return result


class TestWrites:
    async def test_nothing_but_a_commands_word_can_be_written(self, here: Whole) -> None:
        async with here.client("admin") as client:
            for path, value in (("PT-303", 1.0), ("LT-201/EURange", ua.Range(0, 1)), ("C-301.SEQ", 1)):
                target = client.get_node(node(path))
                kind = await target.read_data_type_as_variant_type()
                code = await refusal(target.write_value(ua.DataValue(ua.Variant(value, kind))))
                assert code == Codes.BadNotWritable, path
            name = client.get_node(node("PT-303"))
            written = ua.DataValue(ua.Variant(ua.LocalizedText("mine")))
            code = await refusal(name.write_attribute(ua.AttributeIds.DisplayName, written))
            assert code == Codes.BadNotWritable

    @pytest.mark.parametrize("user", [None, "viewer"])
    async def test_who_may_only_look_writes_no_command(self, here: Whole, user: str | None) -> None:
        async with here.client(user) as client:
            target = client.get_node(node("C-301.CMD"))
            assert not await target.get_user_access_level() & {ua.AccessLevel.CurrentWrite}
            word = ua.DataValue(ua.Variant(2, await target.read_data_type_as_variant_type()))
            assert await refusal(target.write_value(word)) == Codes.BadUserAccessDenied

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (ua.Variant(2.0, ua.VariantType.Double), Codes.BadTypeMismatch),
            (ua.Variant([2], ua.VariantType.Int32), Codes.BadTypeMismatch),
            (ua.Variant(77, ua.VariantType.Int32), Codes.BadOutOfRange),
        ],
    )
    async def test_a_word_that_is_none_is_refused(self, here: Whole, value: ua.Variant, code: int) -> None:
        async with here.client("operator") as client:
            target = client.get_node(node("C-301.CMD"))
            kind = await target.read_data_type_as_variant_type()
            if value.VariantType is ua.VariantType.Int32:
                value = ua.Variant(value.Value, kind)
            assert await refusal(target.write_value(ua.DataValue(value))) == code

    async def test_an_operators_word_is_the_cores_to_decide_and_in_the_journal_by_name(
        self, here: Whole
    ) -> None:
        async with here.client("operator") as client:
            target = client.get_node(node("C-301.CMD"))
            word = ua.DataValue(ua.Variant(1, await target.read_data_type_as_variant_type()))
            here.behind.tell({"LSLL-202": 0.0})
            code = await refusal(target.write_value(word))
        assert code != Codes.BadInternalError
        with here.behind.journal.reader() as reader:
            asked = [entry for entry in reader.events() if entry.kind == "request.refused"]
        assert asked[-1].data["user"] == "operator"
        assert asked[-1].data["door"] == "opcua"
        assert asked[-1].data["action"] == "command"


class TestMethods:
    async def test_a_reset_is_refused_in_the_cores_words(self, here: Whole) -> None:
        async with here.client("operator") as client:
            interlock = client.get_node(node("Interlock/S-01"))
            state = await (await interlock.get_child("3:State")).read_value()
            texts = await (await interlock.get_child(["3:State", "0:EnumStrings"])).read_value()
            assert texts[state].Text == "clear"
            code = await refusal(interlock.call_method("3:Reset", ua.Variant("all is well")))
            assert code == Codes.BadInvalidState

    async def test_a_bypass_takes_a_supervisor_a_reason_and_shows(self, here: Whole) -> None:
        async with here.client("operator") as client:
            bypass = client.get_node(node("Interlock/S-01/Bypass"))
            minutes = ua.Variant(5.0, ua.VariantType.Double)
            code = await refusal(bypass.call_method("3:Request", ua.Variant("pump test"), minutes))
            assert code == Codes.BadUserAccessDenied
        async with here.client("supervisor") as client:
            bypass = client.get_node(node("Interlock/S-01/Bypass"))
            code = await refusal(bypass.call_method("3:Request", ua.Variant(""), minutes))
            assert code == Codes.BadInvalidArgument
            await bypass.call_method("3:Request", ua.Variant("pump test"), minutes)
            user = await bypass.get_child("3:User")
            assert await user.read_value() == "supervisor", "what was done is seen at once"
            await bypass.call_method("3:Remove", ua.Variant("done"))

    async def test_who_may_only_look_finds_no_method_to_execute(self, here: Whole) -> None:
        async with here.client() as client:
            reset = client.get_node(node("Interlock/S-01/Reset"))
            held = await reset.read_attribute(ua.AttributeIds.UserExecutable)
            assert held.Value.Value is False
            parent = client.get_node(node("Interlock/S-01"))
            code = await refusal(parent.call_method("3:Reset", ua.Variant("mine")))
            assert code == Codes.BadUserAccessDenied


async def test_requests_over_the_limit_are_refused_as_a_whole(tmp_path: Path) -> None:
    limits = Limits(nodes_per_read=3, nodes_per_browse=1, nodes_per_write=1)
    async with whole(tmp_path, limits) as here, here.client() as client:
        nodes = [client.get_node(node("PT-303"))] * 4
        assert await refusal(client.read_values(nodes)) == Codes.BadTooManyOperations
        assert len(await client.read_values(nodes[:3])) == 3


async def test_a_wrong_password_is_a_supervisors_audit_event_and_in_the_journal(tmp_path: Path) -> None:
    async with whole(tmp_path) as here:
        heard: list[Any] = []

        class Listener:
            def event_notification(self, event: Any) -> None:
                heard.append(event)

        async with here.client("supervisor") as client:
            subscription = await client.create_subscription(100, Listener())
            kind = client.get_node(standard(_ID.AuditActivateSessionEventType))
            await subscription.subscribe_events(standard(_ID.Server), kind)
            with pytest.raises(UaStatusCodeError):
                async with here.client("engineer", "not it"):
                    pass
            await here.when(lambda: any("engineer" in str(event.Message.Text) for event in heard))

        def recorded() -> list[Any]:
            with here.behind.journal.reader() as reader:
                return [one for one in reader.events() if one.kind == "gateway.login_refused"]

        (entry, *_) = await here.when(recorded)
        assert (entry.data["user"], entry.data["door"]) == ("engineer", "opcua")
        assert "not it" not in str(entry)
