"""The plant's texts change and the core starts with the new ones, while clients stay at the gateway."""

from __future__ import annotations

import asyncio
import shutil
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from controller.opcua.gateway.reload import finder
from controller.opcua.gateway.running import Running, serving
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.space.names import of_plant, standard
from controller.plant import config
from controller.plant.plant import Plant
from controller.record.recording import FOLDER, texts_file
from tests.system.gateway_alarms import living
from tests.system.gateway_rig import Behind, _ClientOf, behind
from tests.system.gateway_subscribed import Asking, events_of, select

CODES = ua.StatusCodes
SEMANTICS_CHANGED = 0x4000
NEW_TAG = """
  - name: TT-199
    text: bag temperature
    unit: °C
    range: -20..60
    area: bag
    node: s=|var|RCV-PLC.Application.GVL.TT199
    raw: Int16
    scale: 0.1
  - name: LT-201
"""


@dataclass
class Folder:
    """The plant's texts on disk, as an engineer changes them."""

    path: Path

    @classmethod
    def of_tutorial(cls, path: Path) -> Folder:
        shutil.copytree(config.find_plant("tutorial"), path)
        return cls(path)

    def plant(self) -> Plant:
        loaded = config.load(self.path)
        assert loaded.plant is not None, loaded.errors
        return loaded.plant

    def change(self, old: str, new: str) -> Plant:
        file = self.path / "plc_r.yaml"
        text = file.read_text()
        assert text.count(old) == 1, old
        file.write_text(text.replace(old, new))
        return self.plant()

    def extended(self) -> Plant:
        """One more tag before all others, and PT-204 goes further up."""
        self.change("range: -5..30", "range: -5..40")
        return self.change("\n  - name: LT-201\n", NEW_TAG)


@asynccontextmanager
async def gateway_of(folder: Folder, data: Path) -> AsyncIterator[Running]:
    chosen = Settings(port=0, name="127.0.0.1", plain="read")
    async with serving(folder.plant(), data, chosen, find=finder(folder.path, data), demo=True) as running:
        yield running


@asynccontextmanager
async def core_of(plant: Plant, data: Path, running: Running) -> AsyncIterator[Behind]:
    """A core with these texts; when the block begins the gateway shows its values."""
    async with behind(data, plant) as core, living(core):
        values = running.gateway.values
        async with asyncio.timeout(30):
            while not (values.up and values.status(core.plant.index["PT-204"]) == 0):
                await asyncio.sleep(0.01)
        yield core
    async with asyncio.timeout(10):
        while running.gateway.values.up:
            await asyncio.sleep(0.01)


def client_at(running: Running, user: str = "operator") -> _ClientOf:
    mode = ua.MessageSecurityMode.SignAndEncrypt
    return _ClientOf(running.listening.url, user, mode, SecurityPolicyBasic256Sha256, None)


class Desk(Asking):
    """What a client at the gateway has got: values by node, newest last, and events by type."""

    def __init__(self, client: Client, *tags: str) -> None:
        super().__init__(client)
        self.tags = tags
        self.got: dict[str, list[ua.DataValue]] = {tag: [] for tag in tags}
        self.heard: list[list[Any]] = []
        self.subscription = 0

    async def look(self, **parameters: Any) -> None:
        self.subscription = (await self.subscribe(100)).SubscriptionId
        nodes = [of_plant(tag) for tag in self.tags]
        for result in await self.monitor(self.subscription, *nodes, **parameters):
            assert result.StatusCode.is_good(), result
        chosen = ua.EventFilter(select("EventType", "SourceNode", "Changes", "Message"))
        await self.monitor(
            self.subscription, standard(ua.ObjectIds.Server), filter_=chosen, attribute=12, ClientHandle=99
        )

    async def until(self, seen: Any) -> None:
        async with asyncio.timeout(30):
            while not seen():
                result = await self.publish(within_s=30)
                for notification in result.NotificationMessage.NotificationData or ():
                    if isinstance(notification, ua.DataChangeNotification):
                        for item in notification.MonitoredItems:
                            self.got[self.tags[item.ClientHandle - 1]].append(item.Value)
                self.heard += events_of(result)

    async def publishes(self, *, on: bool) -> None:
        asked = ua.SetPublishingModeRequest()
        asked.Parameters.PublishingEnabled = on
        asked.Parameters.SubscriptionIds = [self.subscription]
        await self.ask(asked)

    def codes(self, tag: str) -> list[int]:
        return [value.StatusCode.value for value in self.got[tag]]

    def of_type(self, kind: int) -> list[Any]:
        return [changes for type_, _, changes, _ in self.heard if type_ == standard(kind)]


def is_good(desk: Desk, tag: str) -> bool:
    return bool(desk.got[tag]) and desk.codes(tag)[-1] == 0


async def test_clients_stay_and_are_told_what_came_and_what_means_something_else(tmp_path: Path) -> None:
    folder, data = Folder.of_tutorial(tmp_path / "plant"), tmp_path / "data"
    async with gateway_of(folder, data) as running, AsyncExitStack() as stays:
        async with core_of(folder.plant(), data, running) as core:
            client = await stays.enter_async_context(client_at(running))
            core.tell({"PT-204": 7.0, "PT-303": 3.0})
            desk = Desk(client, "PT-204", "PT-303")
            await desk.look()
            await desk.until(lambda: is_good(desk, "PT-204") and is_good(desk, "PT-303"))
            range_ = client.get_node(of_plant("PT-204/EURange"))
            versions = [client.get_node(of_plant(f"Area/{one}/NodeVersion")) for one in ("bag", "recovery")]
            before = [await one.read_value() for one in versions]
            assert (await range_.read_value()).High == 30
            assert ua.AccessLevel.SemanticChange in await range_.get_access_level()
        async with core_of(folder.extended(), data, running) as core:
            core.tell({"PT-204": 35.0, "PT-303": 4.0, "TT-199": 21.0})
            await desk.until(lambda: desk.got["PT-204"][-1].Value.Value == 35.0)
            await desk.until(lambda: desk.got["PT-303"][-1].Value.Value == 4.0)
            assert (await range_.read_value()).High == 40
            after = [await one.read_value() for one in versions]
            assert after[0] != before[0], "one tag more hangs on the bag"
            assert after[1] == before[1]
            marked = [code for code in desk.codes("PT-204") if code & SEMANTICS_CHANGED]
            assert len(marked) == 1, "in one notification, and never in a read"
            assert desk.codes("PT-204")[-1] == 0
            assert not any(code & SEMANTICS_CHANGED for code in desk.codes("PT-303"))
            assert await client.get_node(of_plant("TT-199")).read_value() == 21.0
            (model,) = desk.of_type(ua.ObjectIds.GeneralModelChangeEventType)
            told = {one.Affected.Identifier: one.Verb for one in model}
            assert told == {"TT-199": 1, "Area/bag": 4, "PLC/R": 4}
            (semantic,) = desk.of_type(ua.ObjectIds.SemanticChangeEventType)
            assert [(one.Affected, one.AffectedType) for one in semantic] == [
                (of_plant("PT-204"), standard(ua.ObjectIds.AnalogUnitRangeType))
            ]
            assert any(one[0] == standard(ua.ObjectIds.RefreshRequiredEventType) for one in desk.heard)
            (session,) = running.gateway.sessions.all()
            assert session.caller.user == "operator"
            assert len(await client.get_node(session.id).get_children()) == 3, "its diagnostics stay too"


async def test_an_item_of_a_tag_that_is_gone_says_so_and_lives_on_when_it_comes_back(tmp_path: Path) -> None:
    folder, data = Folder.of_tutorial(tmp_path / "plant"), tmp_path / "data"
    original = (folder.path / "plc_r.yaml").read_text()
    folder.extended()
    async with gateway_of(folder, data) as running, AsyncExitStack() as stays:
        async with core_of(folder.plant(), data, running) as core:
            client = await stays.enter_async_context(client_at(running))
            core.tell({"TT-199": 21.0})
            desk = Desk(client, "TT-199")
            await desk.look()
            await desk.until(lambda: is_good(desk, "TT-199"))
        extended = (folder.path / "plc_r.yaml").read_text()
        (folder.path / "plc_r.yaml").write_text(original)
        async with core_of(folder.plant(), data, running):
            await desk.until(lambda: desk.codes("TT-199")[-1] == CODES.BadNodeIdUnknown)
            (gone,) = desk.of_type(ua.ObjectIds.GeneralModelChangeEventType)
            assert {one.Affected.Identifier: one.Verb for one in gone} == {
                "TT-199": 2,
                "Area/bag": 8,
                "PLC/R": 8,
            }
        (folder.path / "plc_r.yaml").write_text(extended)
        async with core_of(folder.plant(), data, running) as core:
            core.tell({"TT-199": 22.0})
            # the core's values at rest may be published first
            await desk.until(lambda: is_good(desk, "TT-199") and desk.got["TT-199"][-1].Value.Value == 22.0)


async def test_a_slow_client_with_a_queue_of_one_still_learns_that_the_range_is_another(
    tmp_path: Path,
) -> None:
    """The marked value is replaced by the next before it is published; the mark is not."""
    folder, data = Folder.of_tutorial(tmp_path / "plant"), tmp_path / "data"
    async with gateway_of(folder, data) as running, AsyncExitStack() as stays:
        async with core_of(folder.plant(), data, running) as core:
            client = await stays.enter_async_context(client_at(running))
            core.tell({"PT-204": 7.0})
            desk = Desk(client, "PT-204")
            await desk.look(QueueSize=1)
            await desk.until(lambda: is_good(desk, "PT-204"))
            await desk.publishes(on=False)
        async with core_of(folder.extended(), data, running) as core:
            core.tell({"PT-204": 35.0})
            async with asyncio.timeout(20):
                while running.gateway.values.number(core.plant.index["PT-204"]) != 35.0:
                    await asyncio.sleep(0.01)
            await desk.publishes(on=True)
            seen = len(desk.got["PT-204"])
            await desk.until(lambda: len(desk.got["PT-204"]) > seen)
            (last,) = desk.got["PT-204"][seen:]
            assert (last.Value.Value, last.StatusCode.value) == (35.0, SEMANTICS_CHANGED)
            assert (await client.get_node(of_plant("PT-204")).read_data_value()).StatusCode.value == 0


async def test_alarms_go_on_through_a_change_of_the_plant(tmp_path: Path) -> None:
    """What stood stands, by its new limit."""
    folder, data = Folder.of_tutorial(tmp_path / "plant"), tmp_path / "data"
    async with gateway_of(folder, data) as running, AsyncExitStack() as stays:
        async with core_of(folder.plant(), data, running) as core:
            client = await stays.enter_async_context(client_at(running))
            core.tell({"LT-201": 99.0})
            retain = client.get_node(of_plant("LT-201.HH/Retain"))
            async with asyncio.timeout(30):
                while not await retain.read_value():
                    await asyncio.sleep(0.05)
        folder.change("      HH:\n        limit: 95\n", "      HH:\n        limit: 94\n")
        async with core_of(folder.plant(), data, running) as core:
            core.tell({"LT-201": 99.0})
            limit = client.get_node(of_plant("LT-201.HH/HighHighLimit"))
            assert await limit.read_value() == 94
            assert await retain.read_value()
            (session,) = running.gateway.sessions.all()
            assert session.active


async def test_without_the_texts_that_the_core_runs_no_value_is_shown_and_it_is_said_why(
    tmp_path: Path,
) -> None:
    folder, data = Folder.of_tutorial(tmp_path / "plant"), tmp_path / "data"
    texts = {path.name: path.read_text() for path in folder.path.glob("*.yaml")}
    async with gateway_of(folder, data) as running, AsyncExitStack() as stays:
        client = await stays.enter_async_context(client_at(running))
        changed = folder.extended()
        new = {path.name: path.read_text() for path in folder.path.glob("*.yaml")}
        for name, text in texts.items():
            (folder.path / name).write_text(text)
        async with behind(data, changed) as core, living(core):
            reason = client.get_node(of_plant("Service/Reason"))
            async with asyncio.timeout(20):
                while "are not here" not in await reason.read_value():
                    await asyncio.sleep(0.05)
            shown = await client.get_node(of_plant("PT-204")).read_data_value(raise_on_bad_status=False)
            assert shown.StatusCode.value in {CODES.BadNoCommunication, CODES.BadWaitingForInitialData}
            assert await client.get_node("i=2267").read_value() == 1
            kept = texts_file(data / FOLDER, changed.text_hash)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(zlib.compress(msgspec.json.encode(new)))
            async with asyncio.timeout(20):
                while not running.gateway.values.up:
                    await asyncio.sleep(0.05)
            assert await client.get_node(of_plant("TT-199")).read_display_name()
            assert await reason.read_value() == ""
