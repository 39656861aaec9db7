"""Event history: what is read of old is what subscribers were told then (Part 11, 6.5.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua

from controller.opcua.gateway.conditions.making import make
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.history import chronicle, events, history
from controller.opcua.gateway.history.chronicle import Chronicle
from controller.opcua.gateway.history.history import Histories
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.names import of_plant, standard
from tests.system.gateway_alarms import Alarmed, alarmed
from tests.system.gateway_subscribed import ALARM_TYPE, Asking, select

SERVER, AREA = standard(ua.ObjectIds.Server), of_plant("Area/bag")
FIELDS = (
    "EventId",
    "EventType",
    "Time",
    "Message",
    "ConditionName",
    "ActiveState/Id",
    "AckedState/Id",
    "BranchId",
    "",
)
VIEWER = Caller("viewer", "viewer", "")
NEVER = datetime(1601, 1, 1, tzinfo=UTC)
Codes = ua.StatusCodes
REFRESH = standard(ua.ObjectIds.RefreshRequiredEventType)  # of subscribers, not of the plant


class Reading(Asking):
    async def past_events(
        self,
        start: datetime | None,
        end: datetime | None,
        number: int = 0,
        *,
        node: ua.NodeId = SERVER,
        where: ua.ContentFilter | None = None,
        point: bytes | None = None,
        fields: tuple[str, ...] = FIELDS,
    ) -> ua.HistoryReadResult:
        wanted = ua.EventFilter(select(*fields), where or ua.ContentFilter())
        details = ua.ReadEventDetails(number, start or NEVER, end or NEVER, wanted)
        asked = ua.HistoryReadParameters(
            details,
            ua.TimestampsToReturn.Neither,
            False,
            [ua.HistoryReadValueId(node, ContinuationPoint=point)],
        )
        results: list[ua.HistoryReadResult]
        results = (await self.ask(ua.HistoryReadRequest(Parameters=asked))).Results
        (result,) = results
        return result

    async def all_events(self, *span: Any, **more: Any) -> list[list[Any]]:
        """Of all pages."""
        found, point = [], None
        while True:
            result = await self.past_events(*span, point=point, **more)
            result.StatusCode.check()
            found += rows(result)
            point = result.ContinuationPoint
            if point is None:
                return found


def rows(result: ua.HistoryReadResult) -> list[list[Any]]:
    return [[field.Value for field in event.EventFields] for event in result.HistoryData.Events]


def row(event: PlantEvent) -> list[Any]:
    """As it was told live."""
    found = [None if (field := event.fields.get(path)) is None else field.Value for path in FIELDS[:-1]]
    return [*found, event.condition]


def of_type(kind: ua.NodeId) -> ua.ContentFilter:
    operand = ua.LiteralOperand(ua.Variant(kind, ua.VariantType.NodeId))
    return ua.ContentFilter([ua.ContentFilterElement(ua.FilterOperator.OfType, [operand])])


@asynccontextmanager
async def remembered(tmp_path: Path, **more: Any) -> AsyncIterator[Alarmed]:
    """The bag has overflowed twice, unacknowledged in between, and is half full again."""
    async with alarmed(tmp_path, tables=[history.SERVICES], **more) as plant:
        gateway = plant.rig.gateway
        story = make(gateway.plant, gateway.space, lambda _: None, gateway.settings.application_uri).story
        gateway.histories = Histories(tmp_path, Chronicle(plant.conditions, story))
        for level in (97.0, 50.0, 98.0, 50.0):
            plant.bag(level)
            await plant.is_so("LT-201.HH", "ActiveState/Id", level > 90)
        await plant.when(lambda: plant.conditions.seq >= plant.behind.journal.reader().head().seq)
        yield plant
        gateway.histories.close()


def now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


async def test_what_was_told_is_read_again_with_the_same_ids(tmp_path: Path) -> None:
    async with remembered(tmp_path) as plant, plant.rig.client("viewer") as client:
        ask = Reading(client)
        found = await ask.all_events(now() - timedelta(hours=1), now())
        told = [row(event) for event in plant.told if event.seen_by(VIEWER) and event.type != REFRESH]
        first = [event[0] for event in found].index(told[0][0])
        assert found[first : first + len(told)] == told
        assert any(event[7] != ua.NodeId() for event in found if event[4] == "LT-201.HH")  # a branch


async def test_direction_number_and_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "WINDOW", 3)
    monkeypatch.setattr(chronicle, "MARK_EVERY", 2)
    async with remembered(tmp_path) as plant, plant.rig.client("viewer") as client:
        ask = Reading(client)
        whole = await ask.all_events(now() - timedelta(hours=1), now())
        assert len(whole) > 8
        assert await ask.all_events(now() - timedelta(hours=1), now(), 2) == whole
        assert await ask.all_events(now(), now() - timedelta(hours=1)) == whole[::-1]
        assert await ask.all_events(now(), now() - timedelta(hours=1), 3) == whole[::-1]
        newest = await ask.past_events(None, now(), 4)
        assert (rows(newest), newest.ContinuationPoint) == (whole[::-1][:4], None)
        oldest = await ask.past_events(now() - timedelta(hours=1), None, 4)
        assert (rows(oldest), oldest.ContinuationPoint) == (whole[:4], None)
        nothing = await ask.past_events(now(), now() + timedelta(hours=1))
        assert (nothing.StatusCode.value, rows(nothing)) == (Codes.GoodNoData, [])


async def test_filters_and_notifiers_are_those_of_subscriptions(tmp_path: Path) -> None:
    async with remembered(tmp_path) as plant, plant.rig.client("viewer") as client:
        ask = Reading(client)
        span = (now() - timedelta(hours=1), now())
        alarms = await ask.all_events(*span, where=of_type(ALARM_TYPE))
        assert alarms
        assert all(event[4] for event in alarms)
        assert len(alarms) < len(await ask.all_events(*span))
        tag = await ask.past_events(*span, node=of_plant("LT-201"))
        assert tag.StatusCode.value == Codes.BadHistoryOperationUnsupported
        refused = await ask.past_events(*span, fields=())
        assert refused.StatusCode.value == Codes.BadEventFilterInvalid
        unknown = await ask.past_events(*span, node=of_plant("NO-1"))
        assert unknown.StatusCode.value == Codes.BadNodeIdUnknown
        unbounded = await ask.past_events(now(), None)
        assert unbounded.StatusCode.value == Codes.BadInvalidTimestampArgument
        area = next(path for path, _ in plant.rig.gateway.plant.areas)
        of_area = await ask.all_events(*span, node=of_plant(f"Area/{area}"))
        assert len(of_area) <= len(await ask.all_events(*span))


async def test_when_the_time_is_up_the_next_page_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with remembered(tmp_path) as plant, plant.rig.client("viewer") as client:
        ask = Reading(client)
        whole = await ask.all_events(now() - timedelta(hours=1), now())
        monkeypatch.setattr(history, "READ_S", 0.0)
        monkeypatch.setattr(chronicle, "MARK_EVERY", 1)
        fresh = Chronicle(plant.conditions, plant.rig.gateway.histories._chronicle._story)
        plant.rig.gateway.histories._chronicle = fresh
        assert await ask.all_events(now() - timedelta(hours=1), now()) == whole


async def test_asyncuas_own_call_reads_events(tmp_path: Path) -> None:
    async with remembered(tmp_path) as plant, plant.rig.client("viewer") as client:
        found = await client.nodes.server.read_event_history(now() - timedelta(hours=1), now(), 5)
        assert len(found) == 5
        assert all(vars(event)["EventId"] for event in found)
