"""A gateway with conditions over a core in this process: the tutorial plant, its bag about to overflow.

`alarmed(tmp_path)` starts both; `Alarmed.bag(96)` is the level in the bag as the PLC's link would bring it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any

from asyncua import ua

from alarms.model import Alarm
from controller.opcua.gateway import attributes, call, view
from controller.opcua.gateway.conditions.conditions import Conditions
from controller.opcua.gateway.conditions.cursor import Cursor
from controller.opcua.gateway.conditions.making import make
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.shown import Shown
from controller.opcua.gateway.space.names import of_plant, standard
from controller.opcua.gateway.space.plant import PlantNodes
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.subscriptions import items, publish, subscribing
from controller.opcua.gateway.subscriptions.subscriptions import Subscriptions
from controller.opcua.gateway.values import Values
from controller.plant.plant import Plant
from tests.system.gateway_rig import Behind, Rig, bare, behind, settings, tutorial
from tests.system.gateway_subscribed import Asking, events_of, select

SERVICES = [module.SERVICES for module in (attributes, view, subscribing, publish, items, call)]

CONDITION_TYPE = standard(ua.ObjectIds.ConditionType)
SERVER = standard(ua.ObjectIds.Server)
REFRESH = standard(ua.ObjectIds.ConditionType_ConditionRefresh)
REFRESH_2 = standard(ua.ObjectIds.ConditionType_ConditionRefresh2)
FIELDS = (
    "EventType",
    "ConditionName",
    "EventId",
    "ActiveState/Id",
    "AckedState/Id",
    "ConfirmedState/Id",
    "Retain",
    "BranchId",
    "Comment",
    "ClientUserId",
    "SourceNode",
    "ShelvingState/CurrentState",
    "SuppressedState/Id",
    "OutOfServiceState/Id",
    "SilenceState/Id",
    "LatchedState/Id",
    "Message",
    "",
)
REST = {
    "LT-201": 50.0,
    "PT-204": 5.0,
    "PT-303": 3.0,
    "PT-316": 5.0,
    "PT-317": 3.0,
    "LSLL-202": 1.0,
    "XS-301": 4.0,
}
MARKS = {ua.ObjectIds.RefreshStartEventType: "start", ua.ObjectIds.RefreshEndEventType: "end"}


def at_once() -> Plant:
    """The tutorial plant; its alarms have no delays, and LT-201.HH latches and takes a second step."""
    plant = tutorial()
    return replace(plant, alarms=tuple(_changed(alarm) for alarm in plant.alarms))


def _changed(alarm: Alarm) -> Alarm:
    strict = alarm.id == "LT-201.HH"
    return replace(alarm, on_delay_s=0.0, off_delay_s=0.0, confirm=strict, latching=strict)


@dataclass(slots=True)
class Alarmed:
    """rig: the gateway; behind: the core; cursor: what reads the journal."""

    rig: Rig
    behind: Behind
    conditions: Conditions
    subscriptions: Subscriptions
    cursor: Cursor
    told: list[PlantEvent]

    def bag(self, level: float) -> None:
        """The level in the bag in percent."""
        self.behind.tell({"LT-201": level})

    async def when(self, seen: Callable[[], Any]) -> Any:
        """As soon as it is so; the core, its disk and the feed need their turns."""
        async with asyncio.timeout(20):
            while not (found := seen()):
                await asyncio.sleep(0.005)
        return found

    def event(self, alarm: str, path: str = "EventId") -> Any:
        """A field of the newest notification of a condition, branches not counted."""
        for event in reversed(self.told):
            fields = event.fields
            same = fields.get("ConditionName") is not None and fields["ConditionName"].Value == alarm
            if same and fields["BranchId"].Value == ua.NodeId():
                return fields[path].Value
        return None

    async def is_so(self, alarm: str, path: str, value: Any) -> bytes:
        """Waits until the newest notification of a condition says so; its event id."""
        await self.when(lambda: self.event(alarm, path) == value)
        return bytes(self.event(alarm))


@asynccontextmanager
async def over(
    core: Behind, chosen: Settings | None = None, tables: Sequence[Any] = ()
) -> AsyncIterator[Alarmed]:
    """A gateway over a core that runs."""
    chosen = chosen or settings()
    plant = core.plant
    values = Values(plant)
    orders = Orders(core.place.commands)
    picture = Picture(orders, values)
    space = Space(plant, [StandardNodes(), PlantNodes(plant, values, picture)])

    def read(tag: int) -> float | None:
        value = values.number(tag)
        return None if isnan(value) or values.status(tag) else value

    made = make(plant, space, read, chosen.application_uri)
    space.add(made.nodes)
    subscriptions = Subscriptions(space, values, chosen.limits)
    told: list[PlantEvent] = []

    def deliver(event: PlantEvent) -> None:
        told.append(event)
        subscriptions.deliver(event)

    cursor = Cursor(core.data, made.conditions, made.story, deliver)
    await cursor.load()
    values.watch_journal(cursor.wake)
    orders.shown = Shown(values, cursor, picture)
    follow = (values.follow(core.place.feed), cursor.follow(), picture.follow())
    tasks = [asyncio.create_task(one) for one in follow]
    parts = {"plant": plant, "space": space, "values": values, "orders": orders}
    parts |= {"conditions": made.conditions, "subscriptions": subscriptions}
    try:
        async with bare(chosen, [*SERVICES, *tables], **parts) as rig:
            yield Alarmed(rig, core, made.conditions, subscriptions, cursor, told)
    finally:
        subscriptions.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await orders.close()


@asynccontextmanager
async def alarmed(data: Path, **more: Any) -> AsyncIterator[Alarmed]:
    """A core without PLCs and its gateway; the bag is half full."""
    async with behind(data, at_once()) as core, living(core), over(core, **more) as all_of_it:
        await all_of_it.when(lambda: all_of_it.rig.gateway.values.status(core.plant.index["LT-201"]) == 0)
        yield all_of_it


@asynccontextmanager
async def living(core: Behind) -> AsyncIterator[None]:
    """The PLC's values at rest, and its counter that moves."""
    core.tell({tag.name: 0.0 for tag in core.plant.tags} | REST)

    async def beats() -> None:
        for count in itertools.count(1):
            core.tell({"WD-992": float(count % 60_000)})
            await asyncio.sleep(0.25)

    task = asyncio.create_task(beats())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Operator(Asking):
    """A client at a desk: subscribed to the plant's events, with its hands on the methods."""

    subscription = 0
    item = 0

    async def looks(self, notifier: ua.NodeId = SERVER, where: ua.ContentFilter | None = None) -> None:
        """Subscribes to everything below a notifier."""
        self.subscription = (await self.subscribe(100)).SubscriptionId
        wanted = ua.EventFilter(select(*FIELDS), where or ua.ContentFilter())
        (made,) = await self.monitor(
            self.subscription,
            notifier,
            filter_=wanted,
            attribute=ua.AttributeIds.EventNotifier,
            QueueSize=5_000,
        )
        made.StatusCode.check()
        self.item = made.MonitoredItemId

    async def hears(
        self, until: Callable[[list[dict[str, Any]]], Any], within_s: float = 20.0
    ) -> list[dict[str, Any]]:
        """What is notified from now on, until it is enough."""
        heard: list[dict[str, Any]] = []
        async with asyncio.timeout(within_s):
            while not until(heard):
                result = await self.publish(within_s=within_s)
                heard += [dict(zip(FIELDS, one, strict=True)) for one in events_of(result)]
        return heard

    async def calls(self, target: ua.NodeId | str, method: ua.NodeId | str, *arguments: ua.Variant) -> str:
        """One method; the name of its StatusCode."""
        (result,) = await self.results((target, method, arguments))
        return str(result.StatusCode.name)

    async def results(self, *calls: tuple[Any, Any, Sequence[ua.Variant]]) -> list[ua.CallMethodResult]:
        asked = [
            ua.CallMethodRequest(_node(target), _node(method), list(arguments))
            for target, method, arguments in calls
        ]
        request = ua.CallRequest(Parameters=ua.CallParameters(asked))
        return list((await self.ask(request)).Results)

    async def refreshes(self) -> list[dict[str, Any]]:
        """What stands, between the two marks."""
        status = await self.calls(
            CONDITION_TYPE, REFRESH, ua.Variant(self.subscription, ua.VariantType.UInt32)
        )
        assert status == "Good", status
        heard = await self.hears(lambda so_far: any(mark(one) == "end" for one in so_far))
        start = next(place for place, one in enumerate(heard) if mark(one) == "start")
        end = next(place for place, one in enumerate(heard) if mark(one) == "end")
        return heard[start + 1 : end]


def mark(event: dict[str, Any]) -> str:
    """'start' or 'end' of a refresh, else ''."""
    return MARKS.get(event["EventType"].Identifier, "")


def _node(name: ua.NodeId | str) -> ua.NodeId:
    return of_plant(name) if isinstance(name, str) else name


def text(words: str, locale: str | None = "en") -> ua.Variant:
    return ua.Variant(ua.LocalizedText(words, locale), ua.VariantType.LocalizedText)


def octets(value: bytes) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.ByteString)


def milliseconds(value: float) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.Double)


def number(value: int) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.UInt32)
