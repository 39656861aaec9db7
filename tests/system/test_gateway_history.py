"""History over the wire, with asyncua's client: Part 11 and Part 13, Part 4, 5.10.3 and 5.10.5."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Node, ua

from controller.opcua.gateway.history import history
from controller.opcua.gateway.history.aggregates import AGGREGATES
from controller.opcua.gateway.space.names import of_plant, standard
from tests.system.gateway_historic import BAD, MINUTES, UNCERTAIN, historic, record
from tests.system.gateway_subscribed import Asking, refused

START = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
LEVEL, SWITCH = of_plant("LT-201"), of_plant("HS-390.R")
AVERAGE, COUNT, TIME_AVERAGE = standard(2342), standard(2352), standard(2343)
Codes = ua.StatusCodes


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    record(directory)
    return directory


def raw(
    start: datetime | None,
    end: datetime | None,
    number: int = 0,
    *,
    bounds: bool = False,
    modified: bool = False,
) -> ua.ReadRawModifiedDetails:
    none = datetime(1601, 1, 1, tzinfo=UTC)
    return ua.ReadRawModifiedDetails(modified, start or none, end or none, number, bounds)


def processed(
    start: datetime, end: datetime, interval_ms: float, *aggregates: ua.NodeId, **how: Any
) -> ua.ReadProcessedDetails:
    configuration = ua.AggregateConfiguration(**{"UseServerCapabilitiesDefaults": not how, **how})
    return ua.ReadProcessedDetails(start, end, interval_ms, list(aggregates), configuration)


class Reading(Asking):
    async def history(
        self,
        details: Any,
        *nodes: ua.NodeId,
        points: tuple[bytes | None, ...] = (None,),
        times: ua.TimestampsToReturn = ua.TimestampsToReturn.Source,
        release: bool = False,
        **more: Any,
    ) -> list[ua.HistoryReadResult]:
        asked = [
            ua.HistoryReadValueId(node, ContinuationPoint=point, **more)
            for node, point in zip(nodes, points * len(nodes), strict=False)
        ]
        parameters = ua.HistoryReadParameters(details, times, release, asked)
        return list((await self.ask(ua.HistoryReadRequest(Parameters=parameters))).Results)

    async def one(self, details: Any, node: ua.NodeId = LEVEL, **more: Any) -> ua.HistoryReadResult:
        (result,) = await self.history(details, node, **more)
        return result

    async def pages(self, details: Any, node: ua.NodeId = LEVEL) -> list[list[ua.DataValue]]:
        found, point = [], None
        while True:
            result = await self.one(details, node, points=(point,))
            result.StatusCode.check()
            found.append(result.HistoryData.DataValues)
            point = result.ContinuationPoint
            if point is None:
                return found


def told(result: ua.HistoryReadResult) -> list[tuple[float, Any, int]]:
    """(minutes, value, status)"""
    return [
        (
            (value.SourceTimestamp - START).total_seconds() / 60,
            value.Value.Value if value.Value is not None else None,
            value.StatusCode.value,
        )
        for value in result.HistoryData.DataValues
    ]


async def test_asyncuas_own_calls_read_the_whole_past(data: Path) -> None:
    async with historic(data, values_per_history_read=500) as gateway, gateway.client("viewer") as client:
        node = client.get_node(LEVEL)
        values = await node.read_raw_history(at(0), at(MINUTES), return_bounds=False)
        assert [value.Value.Value for value in values] == [m / 10 for m in range(MINUTES) for _ in range(6)]
        assert {value.StatusCode.value for value in values} == {0, BAD, UNCERTAIN}
        newest = await node.read_raw_history(None, at(1000), numvalues=3, return_bounds=False)
        assert [value.Value.Value for value in newest] == [35.9] * 3
        assert newest[0].SourceTimestamp == at(MINUTES) - timedelta(seconds=10)
        first = await node.read_raw_history(at(-5), None, numvalues=2)  # with bounds, as it asks by itself
        assert [value.StatusCode.value for value in first] == [Codes.BadBoundNotFound, 0]
        assert await node.read_raw_history(at(-50), at(-40), return_bounds=False) == []


async def test_bounds_direction_and_number(data: Path) -> None:
    async with historic(data) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        inside = await ask.one(raw(at(10.1), at(10.4), bounds=True))
        assert [round(minute * 6) for minute, _, _ in told(inside)] == [60, 61, 62, 63]
        backward = await ask.one(raw(at(10.4), at(10.1)))
        assert [round(minute * 6) for minute, _, _ in told(backward)] == [62, 61]
        empty = await ask.one(raw(at(-9), at(-8)))
        assert (empty.StatusCode.value, empty.HistoryData.DataValues) == (Codes.GoodNoData, [])
        switched = await ask.one(raw(at(0), at(1000)), SWITCH)
        assert [value for _, value, _ in told(switched)] == [False, True] * 3


async def test_continuation_points_are_of_one_session_node_and_use(data: Path) -> None:
    async with historic(data, continuation_points=3) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        pages = await ask.pages(raw(at(0), at(10), 7))
        assert [len(page) for page in pages] == [7] * 8 + [4]
        point = (await ask.one(raw(at(0), at(10), 7))).ContinuationPoint
        async with gateway.client("viewer") as other:
            stolen = await Reading(other).one(raw(at(0), at(10), 7), points=(point,))
            assert stolen.StatusCode.value == Codes.BadContinuationPointInvalid
        elsewhere = await ask.one(raw(at(0), at(10), 7), SWITCH, points=(point,))
        assert elsewhere.StatusCode.value == Codes.BadContinuationPointInvalid
        # What the client sends along cannot change what was asked for first.
        second = await ask.one(raw(at(300), at(301)), points=(point,))
        assert told(second)[0][0] == pytest.approx(7 / 6)
        again = await ask.one(raw(at(0), at(10), 7), points=(point,))
        assert again.StatusCode.value == Codes.BadContinuationPointInvalid
        for nonsense in (b"x", b"\0" * 16, b"y" * 5000):
            result = await ask.one(raw(at(0), at(10), 7), points=(nonsense,))
            assert result.StatusCode.value == Codes.BadContinuationPointInvalid


async def test_the_oldest_of_too_many_points_goes_and_points_are_released(data: Path) -> None:
    async with historic(data, continuation_points=3) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        first, *others = [(await ask.one(raw(at(0), at(10), 7))).ContinuationPoint for _ in range(4)]
        assert (await ask.one(raw(at(0), at(1)), points=(first,))).StatusCode.value == (
            Codes.BadContinuationPointInvalid
        )
        for expected in (0, Codes.BadContinuationPointInvalid):
            result = await ask.one(raw(at(0), at(1)), points=(others[0],), release=True)
            assert (result.StatusCode.value, result.HistoryData) in {
                (expected, None),
                (expected, result.HistoryData),
            }
            assert result.ContinuationPoint is None
        assert (await ask.one(raw(at(0), at(1)), points=(others[1],))).StatusCode.is_good()


async def test_modified_is_what_came_with_a_time_nobody_could_believe(data: Path) -> None:
    async with historic(data) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        result = await ask.one(raw(at(0), at(MINUTES), modified=True))
        (value,) = result.HistoryData.DataValues
        assert (value.Value.Value, value.SourceTimestamp.year) == (15.0, 1970)
        (info,) = result.HistoryData.ModificationInfos
        assert (info.ModificationTime, info.UserName) == (at(150), "heloop")
        none = await ask.one(raw(at(0), at(100), modified=True))
        assert none.StatusCode.value == Codes.GoodNoData
        wrong = await ask.one(raw(at(0), at(100), modified=True, bounds=True))
        assert wrong.StatusCode.value == Codes.BadInvalidArgument


async def test_at_time_interpolates_and_says_so(data: Path) -> None:
    times = [at(5), at(5 + 55 / 60), at(100.5), at(-1), at(4)]
    async with historic(data) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        result = await ask.one(ua.ReadAtTimeDetails(times, False))
        found = told(result)
        assert [value.SourceTimestamp for value in result.HistoryData.DataValues] == times
        assert found[0][1:] == (0.5, 0)
        assert found[1][1:] == (pytest.approx(0.55), 0x402)
        assert found[2][2] == 0x40A40402  # the minute was Bad
        assert found[3][1:] == (None, Codes.BadNoData)
        assert (await ask.one(ua.ReadAtTimeDetails([], False))).StatusCode.value == Codes.BadNothingToDo
        bad = await ask.one(ua.ReadAtTimeDetails([at(100.5)], True))
        assert told(bad)[0][1:] == (None, Codes.BadNoData)


async def test_processed_values_with_statuses_and_pages(data: Path) -> None:
    async with historic(data, values_per_history_read=100) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        minutes = await ask.pages(processed(at(0), at(MINUTES), 60_000, AVERAGE))
        assert [len(page) for page in minutes] == [100, 100, 100, 60]
        values = [value for page in minutes for value in page]
        assert values[50].Value.Value == pytest.approx(5.0)
        assert [values[m].StatusCode.value for m in (50, 100, 200)] == [
            0x401,
            Codes.BadNoData,
            Codes.BadNoData,
        ]
        both = await ask.history(processed(at(0), at(MINUTES), 3_600_000, COUNT, TIME_AVERAGE), LEVEL, LEVEL)
        assert [value for _, value, _ in told(both[0])] == [360, 354, 360, 354, 360, 360]
        assert told(both[1])[0][1] == pytest.approx(2.95, abs=0.01)
        running = await ask.one(
            processed(
                at(0), at(MINUTES), 3_600_000, standard(ua.ObjectIds.AggregateFunction_DurationInStateNonZero)
            ),
            SWITCH,
        )
        assert [value for _, value, _ in told(running)][:5] == [0, 3_600_000, 0, 3_600_000, 0]
        lenient = processed(
            at(200), at(201), 0, AVERAGE, TreatUncertainAsBad=False, PercentDataBad=100, PercentDataGood=100,
            UseSlopedExtrapolation=False,
        )  # fmt: skip
        assert told(await ask.one(lenient))[0][2] == Codes.BadNoData  # an average is of Good values alone


async def test_what_is_wrong_with_one_node_is_its_own_answer(data: Path) -> None:
    async with historic(data) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        nodes = [
            LEVEL,
            of_plant("NO-1"),
            of_plant("LT-201/EURange"),
            standard(ua.ObjectIds.Server),
            of_plant("Areas"),
        ]
        results = await ask.history(raw(at(0), at(1)), *nodes)
        assert [result.StatusCode.value for result in results] == [
            0,
            Codes.BadNodeIdUnknown,
            *[Codes.BadHistoryOperationUnsupported] * 3,
        ]
        for details, code in (
            (raw(at(0), None), Codes.BadInvalidTimestampArgument),
            (raw(None, None, 5), Codes.BadInvalidTimestampArgument),
            (processed(at(0), at(0), 1000, AVERAGE), Codes.BadInvalidArgument),
            (processed(at(0), at(1), -1, AVERAGE), Codes.BadInvalidArgument),
            (processed(at(0), at(1), 1000, standard(11285)), Codes.BadAggregateNotSupported),
            (processed(at(0), at(1), 1000, ua.NodeId("Average", 2)), Codes.BadAggregateNotSupported),
            (ua.ReadAnnotationDataDetails([at(0)]), Codes.BadHistoryOperationUnsupported),
        ):
            assert (await ask.one(details)).StatusCode.value == code
        impossible = {"TreatUncertainAsBad": True, "PercentDataBad": 10, "PercentDataGood": 10}
        result = await ask.one(processed(at(0), at(1), 1000, AVERAGE, **impossible))
        assert result.StatusCode.value == Codes.BadAggregateInvalidInputs
        indexed = await ask.one(raw(at(0), at(1)), IndexRange="1")
        assert indexed.StatusCode.value == Codes.BadIndexRangeNoData
        encoded = await ask.one(raw(at(0), at(1)), DataEncoding=ua.QualifiedName("Default XML"))
        assert encoded.StatusCode.value == Codes.BadDataEncodingInvalid
        served = await ask.one(raw(at(0), at(1)), times=ua.TimestampsToReturn.Server)
        assert served.StatusCode.value == Codes.BadTimestampNotSupported


async def test_what_is_wrong_with_the_request_refuses_all_of_it(data: Path) -> None:
    async with historic(data, nodes_per_history_read=4) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        with refused(Codes.BadNothingToDo):
            await ask.history(raw(at(0), at(1)))
        with refused(Codes.BadTooManyOperations):
            await ask.history(raw(at(0), at(1)), *[LEVEL] * 5)
        with refused(Codes.BadTimestampsToReturnInvalid):
            await ask.history(raw(at(0), at(1)), LEVEL, times=ua.TimestampsToReturn.Neither)
        with refused(Codes.BadAggregateListMismatch):
            await ask.history(processed(at(0), at(1), 1000, AVERAGE), LEVEL, LEVEL)
        with refused(Codes.BadHistoryOperationInvalid):
            await ask.history(None, LEVEL)


async def test_the_past_cannot_be_changed(data: Path) -> None:
    async with historic(data) as gateway, gateway.client("admin") as client:
        change = ua.DeleteRawModifiedDetails(NodeId=LEVEL, StartTime=at(0), EndTime=at(1))
        parameters = ua.HistoryUpdateParameters([change, change])
        response = await Reading(client).ask(ua.HistoryUpdateRequest(Parameters=parameters))
        assert [one.StatusCode.value for one in response.Results] == [
            Codes.BadHistoryOperationUnsupported
        ] * 2


async def test_what_can_be_read_can_be_browsed(data: Path) -> None:
    async with historic(data) as gateway, gateway.client("viewer") as client:
        node = client.get_node(LEVEL)
        (configuration,) = await node.get_referenced_nodes(ua.ObjectIds.HasHistoricalConfiguration)
        assert (
            await configuration.read_type_definition()
        ).Identifier == ua.ObjectIds.HistoricalDataConfigurationType
        children: dict[str | None, Node] = {
            (await child.read_browse_name()).Name: child for child in await configuration.get_children()
        }
        assert await children["Stepped"].read_value() is False
        assert await children["ExceptionDeviation"].read_value() == 0.2
        assert await children["MaxTimeInterval"].read_value() == 60_000.0
        functions = await children["AggregateFunctions"].get_children()
        assert {one.nodeid.Identifier for one in functions} == set(AGGREGATES)
        defaults = await children["AggregateConfiguration"].get_children()
        assert [await one.read_value() for one in defaults] == [True, 100, 100, False]
        assert ua.AccessLevel.HistoryRead in await node.get_access_level()
        assert (
            await _value(client, ua.ObjectIds.HistoryServerCapabilities_AccessHistoryDataCapability) is True
        )
        assert await _value(client, ua.ObjectIds.HistoryServerCapabilities_DeleteRawCapability) is False
        assert await _value(client, ua.ObjectIds.HistoryServerCapabilities_MaxReturnDataValues) == 10_000
        listed = client.get_node(standard(ua.ObjectIds.HistoryServerCapabilities_AggregateFunctions))
        assert len(await listed.get_children()) == len(AGGREGATES)
        server = await client.nodes.server.read_event_notifier()
        assert server == {ua.EventNotifier.SubscribeToEvents, ua.EventNotifier.HistoryRead}


async def _value(client: Client, number: int) -> Any:
    return await client.get_node(standard(number)).read_value()


async def test_a_node_that_no_time_was_left_for_is_read_with_its_point(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "READ_S", 0.0)
    async with historic(data) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        for details in (raw(at(0), at(5)), processed(at(0), at(5), 60_000, COUNT, COUNT)):
            first, second = await ask.history(details, LEVEL, LEVEL)
            assert told(first)
            assert (second.StatusCode.value, told(second)) == (0, [])
            assert second.ContinuationPoint
        point = (await ask.history(raw(at(0), at(5)), LEVEL, LEVEL))[1].ContinuationPoint
        assert len(told(await ask.one(raw(at(0), at(5)), points=(point,)))) == 30


async def test_an_answer_is_as_large_as_the_client_takes(data: Path) -> None:
    async with historic(data, response_bytes=48_000) as gateway, gateway.client("viewer") as client:
        ask = Reading(client)
        (whole,) = await ask.history(raw(at(0), at(MINUTES)), LEVEL)
        assert len(told(whole)) == 1_000
        several = await ask.history(raw(at(0), at(MINUTES)), *[LEVEL] * 4)
        assert [len(told(result)) for result in several] == [250] * 4
        assert all(result.ContinuationPoint for result in several)
