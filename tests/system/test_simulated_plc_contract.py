"""docs/reference/plc-contract.md, clause by clause, over OPC UA against the university plant's own PLCs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import Client, ua

from controller.opcua.plc import Simulation
from controller.plant.config import find_plant, load
from controller.plant.plant import Command, Plant
from controller.plant.tags import NodeSource, Tag
from controller.simulator import SimulatedPlant

NONE, ACCEPTED, BY_INTERLOCK, BY_MODE, BUSY, BY_EPOCH, UNKNOWN_WORD = range(7)
SECOND = 10  # updates


@pytest.fixture(scope="module")
def university() -> Plant:
    loaded = load(find_plant("university"))
    assert loaded.plant is not None, loaded.errors
    return loaded.plant


class Owner:
    """One service as a PLC sees it: writes by tag name, value only, exact type."""

    def __init__(self, simulation: Simulation, client: Client, plc: int) -> None:
        self.simulation = simulation
        self.client = client
        self.plc = simulation.plant.plcs[plc]
        self.beat = 0

    async def connect(self) -> None:
        await self.client.connect()
        self.index = await self.client.get_namespace_index(self.plc.namespaces[0])

    def _node(self, tag: Tag) -> ua.NodeId:
        assert isinstance(tag.source, NodeSource)
        return ua.NodeId(tag.source.identifier.removeprefix("s="), self.index)

    async def read(self, tag: int | str) -> Any:
        found = self.simulation.plant.tag(tag) if isinstance(tag, str) else self.simulation.plant.tags[tag]
        values = await self.client.uaclient.read_attributes([self._node(found)], ua.AttributeIds.Value)
        return values[0].Value.Value

    async def write(self, *fields: tuple[int, int]) -> None:
        items = []
        for index, value in fields:
            tag = self.simulation.plant.tags[index]
            assert isinstance(tag.source, NodeSource)
            variant = ua.Variant(value, ua.VariantType[tag.source.raw.value])
            items.append(ua.WriteValue(self._node(tag), ua.AttributeIds.Value, Value=ua.DataValue(variant)))
        results = await self.client.uaclient.write(ua.WriteParameters(items))
        assert [status.name for status in results] == ["Good"] * len(fields)

    async def send(self, command: Command, word: int, sequence: int, epoch: int = 1) -> tuple[int, int]:
        """One command, and (result, echo) after the PLC's next scan."""
        await self.write((command.word, word), (command.epoch, epoch), (command.sequence, sequence))
        await self.simulation.advance()
        return await self.read(command.result), await self.read(command.echo)

    async def beats(self, seconds: int, epoch: int = 1) -> None:
        """A heartbeat each second."""
        assert self.plc.heartbeat is not None
        assert self.plc.epoch is not None
        for _ in range(seconds):
            self.beat = (self.beat + 1) & 0xFFFF
            await self.write((self.plc.heartbeat, self.beat), (self.plc.epoch, epoch))
            await self.simulation.advance(SECOND)

    async def remote(self) -> bool:
        assert self.plc.remote is not None
        return bool(await self.read(self.plc.remote))


@asynccontextmanager
async def running(plant: Plant, **options: Any) -> AsyncIterator[Simulation]:
    simulation = Simulation(plant, SimulatedPlant(plant, seed=7), **options)
    try:
        await simulation.start()
        await simulation.advance()
        yield simulation
    finally:
        await simulation.stop()


@asynccontextmanager
async def owned(simulation: Simulation, name: str) -> AsyncIterator[Owner]:
    plc = [plc.name for plc in simulation.plant.plcs].index(name)
    owner = Owner(simulation, Client(simulation.servers[plc].endpoint), plc)
    await owner.connect()
    try:
        yield owner
    finally:
        with suppress(ConnectionError, ua.UaError, TimeoutError):
            await owner.client.disconnect()


def command(plant: Plant, name: str) -> Command:
    return next(found for found in plant.commands if found.name == name)


# --- a command -------------------------------------------------------------------------------------


async def test_a_command_is_answered_with_result_and_echo_and_shows_in_feedback(university: Plant) -> None:
    stop = command(university, "C-301.CMD")
    async with running(university) as simulation, owned(simulation, "R") as service:
        assert await service.read("XS-301") == 9
        assert await service.send(stop, stop.named("stop").value, 1) == (ACCEPTED, 1)
        await simulation.advance(20 * SECOND)
        assert await service.read("XS-301") != 9


async def test_the_same_sequence_again_does_nothing_and_zero_is_none(university: Plant) -> None:
    c301 = command(university, "C-301.CMD")
    async with running(university) as simulation, owned(simulation, "R") as service:
        assert await service.send(c301, 77, 5) == (UNKNOWN_WORD, 5)
        assert await service.send(c301, c301.named("stop").value, 5) == (UNKNOWN_WORD, 5)
        assert await service.send(c301, c301.named("stop").value, 0) == (UNKNOWN_WORD, 5)
        await simulation.advance(20 * SECOND)
        assert await service.read("XS-301") == 9


async def test_the_sequence_wraps(university: Plant) -> None:
    c301 = command(university, "C-301.CMD")
    async with running(university) as simulation, owned(simulation, "R") as service:
        assert await service.send(c301, 77, 65535) == (UNKNOWN_WORD, 65535)
        assert await service.send(c301, 78, 1) == (UNKNOWN_WORD, 1)


async def test_an_older_owner_is_refused_in_command_and_heartbeat(university: Plant) -> None:
    c301 = command(university, "C-301.CMD")
    stop = c301.named("stop").value
    async with running(university) as simulation, owned(simulation, "R") as service:
        await service.beats(1, epoch=5)
        assert await service.send(c301, stop, 1, epoch=4) == (BY_EPOCH, 1)
        await service.beats(31, epoch=4)
        assert not await service.remote()
        await service.beats(12, epoch=5)
        assert await service.remote()
        assert await service.send(c301, stop, 2, epoch=5) == (ACCEPTED, 2)


async def test_a_toggle_flips_with_every_new_sequence_whatever_the_word(university: Plant) -> None:
    toggles = [found for found in university.commands if found.style == "toggle"]
    assert toggles, "the university plant has a toggling booster"
    booster = toggles[0]
    name = university.plcs[booster.plc].name
    async with running(university, speed=30.0) as simulation, owned(simulation, name) as service:
        before = await service.read("XS-109")
        word = booster.words[0].value
        assert (await service.send(booster, word, 1))[0] == ACCEPTED
        await simulation.advance(10 * SECOND)  # 5 min of plant time: the motor has stood long enough
        flipped = await service.read("XS-109")
        assert (await service.send(booster, word, 2))[0] == ACCEPTED
        await simulation.advance(2 * SECOND)
        assert flipped != before
        assert await service.read("XS-109") == before


# --- heartbeat both ways ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["S", "R", "L"])
async def test_without_a_heartbeat_remote_mode_drops_after_30_s_and_comes_back_after_10(
    university: Plant, name: str
) -> None:
    async with running(university, held=True) as simulation, owned(simulation, name) as service:
        await service.beats(2)
        await simulation.advance(27 * SECOND)
        assert await service.remote()
        await simulation.advance(4 * SECOND)
        assert not await service.remote()
        await service.beats(8)
        assert not await service.remote()
        await service.beats(4)
        assert await service.remote()


async def test_not_in_remote_mode_a_command_is_refused_by_mode(university: Plant) -> None:
    c301 = command(university, "C-301.CMD")
    async with running(university) as simulation, owned(simulation, "R") as service:
        await simulation.advance(31 * SECOND)
        assert await service.send(c301, c301.named("stop").value, 1) == (BY_MODE, 1)
        assert await service.read("XS-301") == 9


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_the_plc_counts_seconds_of_wall_time(university: Plant, speed: float) -> None:
    async with running(university, speed=speed) as simulation, owned(simulation, "R") as service:
        before = await service.read(service.plc.alive)
        await simulation.advance(5 * SECOND)
        assert (await service.read(service.plc.alive) - before) & 0xFFFF == 5


# --- faults of a PLC's computer --------------------------------------------------------------------


async def test_f12_plc_l_is_away_for_90_s_and_comes_back_with_moved_namespace_and_slow_clock(
    university: Plant,
) -> None:
    plc = [plc.name for plc in university.plcs].index("L")
    async with running(university) as simulation:
        server = simulation.servers[plc]
        async with owned(simulation, "L") as service:
            assert service.index == 3
            simulation.inject("F12")
            await simulation.advance()
            await simulation.advance()
        ran = [server.running]
        for wait_s in (88, 3):
            await simulation.advance(wait_s * SECOND)
            ran.append(server.running)
        assert ran == [False, False, True]
        async with owned(simulation, "L") as service:
            assert service.index == 4
            tag = university.tag("PT-604")
            values = await service.client.uaclient.read_attributes(
                [service._node(tag)], ua.AttributeIds.Value
            )
            stamp = values[0].SourceTimestamp
            assert stamp is not None
            behind_s = (datetime.now(UTC) - stamp).total_seconds()
            assert 3599.0 < behind_s < 3620.0


async def test_f11_plc_r_goes_on_answering_with_old_values_and_swallows_commands(university: Plant) -> None:
    c301 = command(university, "C-301.CMD")
    async with running(university) as simulation, owned(simulation, "R") as service:
        simulation.inject("F11")
        await simulation.advance(2)
        counter, level = await service.read(service.plc.alive), await service.read("LT-201")
        await service.write((c301.word, c301.named("stop").value), (c301.epoch, 1), (c301.sequence, 1))
        await simulation.advance(30 * SECOND)
        assert await service.read(service.plc.alive) == counter
        assert await service.read("LT-201") == level
        assert await service.read(c301.echo) == 0


async def test_a_fault_the_plant_does_not_have_is_refused(university: Plant) -> None:
    async with running(university) as simulation:
        with pytest.raises(ValueError, match="F99"):
            simulation.inject("F99")


# --- the whole plant -------------------------------------------------------------------------------


async def test_every_tag_of_the_plant_can_be_read_from_its_plc(university: Plant) -> None:
    async with running(university) as simulation:
        for plc in university.plcs:
            async with owned(simulation, plc.name) as service:
                tags = [tag for tag in university.tags if tag.plc == plc.index]
                for at in range(0, len(tags), 100):
                    nodes = [service._node(tag) for tag in tags[at : at + 100]]
                    values = await service.client.uaclient.read_attributes(nodes, ua.AttributeIds.Value)
                    bad = [
                        (tag.name, value.StatusCode.name)
                        for tag, value in zip(tags[at : at + 100], values, strict=True)
                        if not value.StatusCode.is_good()
                    ]
                    assert bad == []
