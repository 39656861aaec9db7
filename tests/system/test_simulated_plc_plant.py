"""A whole plant of simulated PLCs: its clock, its faults by schedule, and how it is steered while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from controller.opcua.plc import UPDATE_S, Computer, Simulation, ask, run_simulation
from controller.plant.plant import Plant
from tests.system.steady_plant import CODESYS, NAMES, S7, Notes, SteadyMachine, connected, steady_plant


@pytest.fixture
def plant() -> Plant:
    return steady_plant()


@pytest.fixture
def machine(plant: Plant) -> SteadyMachine:
    return SteadyMachine(plant)


@asynccontextmanager
async def stepped(plant: Plant, machine: SteadyMachine, **options: Any) -> AsyncIterator[Simulation]:
    """A simulation that serves, but moves on only by advance()."""
    simulation = Simulation(plant, machine, **options)
    try:
        await simulation.start()
        yield simulation
    finally:
        await simulation.stop()


@asynccontextmanager
async def hosted(plant: Plant, machine: SteadyMachine, **options: Any) -> AsyncIterator[Simulation]:
    """A simulation that runs by the clock until the test is over."""
    ready: asyncio.Future[Simulation] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_simulation(plant, machine, ready=ready, **options))
    either: list[asyncio.Future[Any]] = [ready, task]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield ready.result()
    finally:
        ready.result().end()
        await task


# --- time ------------------------------------------------------------------------------------------


async def test_plant_time_runs_at_its_speed_and_heartbeats_at_the_wall_s(
    plant: Plant, machine: SteadyMachine
) -> None:
    async with stepped(plant, machine, speed=60.0) as simulation:
        await simulation.advance(quanta=5)
        assert machine.plant_s == pytest.approx(60.0 * 5 * UPDATE_S)
        assert machine.wall_s == pytest.approx(5 * UPDATE_S)
        assert simulation.plant_s == pytest.approx(machine.plant_s)


async def test_held_the_plant_waits_while_heartbeats_go_on(plant: Plant, machine: SteadyMachine) -> None:
    async with stepped(plant, machine, speed=60.0, held=True) as simulation:
        await simulation.advance(quanta=20)
        assert machine.plant_s == 0.0
        assert machine.wall_s == pytest.approx(2.0)
        simulation.begin()
        await simulation.advance()
        assert machine.plant_s == pytest.approx(6.0)


async def test_nodes_follow_ten_times_a_second_at_any_speed(plant: Plant, machine: SteadyMachine) -> None:
    async with (
        hosted(plant, machine, speed=600.0) as simulation,
        connected(simulation.servers[CODESYS].endpoint, CODESYS) as peer,
    ):
        notes = Notes()
        subscription = await peer.client.create_subscription(50, notes)
        node = peer.client.get_node(peer.node_id("PT"))
        await subscription.subscribe_data_change(node, queuesize=10, sampling_interval=ua.Double(0))
        stamps = []
        for value in range(1, 9):
            stamp = (await notes.next())[1].SourceTimestamp
            assert stamp is not None
            stamps.append(stamp)
            machine.set("R.PRESSURE", float(value))
        # Six changes between the second and the last: on a busy machine later, never sooner.
        assert (stamps[7] - stamps[1]).total_seconds() >= 5 * UPDATE_S


# --- faults of the plant ---------------------------------------------------------------------------


async def test_a_plc_that_the_machine_restarts_is_gone_and_comes_back_moved(
    plant: Plant, machine: SteadyMachine
) -> None:
    async with stepped(plant, machine) as simulation:
        server = simulation.servers[S7]
        machine.computers[S7] = Computer(online=False)
        await simulation.advance()
        assert [server.running for server in simulation.servers] == [False, True, True]
        with pytest.raises(ConnectionError):
            await Client(server.endpoint).connect()
        machine.computers[S7] = Computer(clock_offset_s=-3600.0, restarts=1)
        await simulation.advance()
        async with connected(server.endpoint, S7) as peer:
            assert peer.index == 4
            machine.set("L.PRESSURE", 1.0)
            await simulation.advance()
            stamp = (await peer.read("PT")).SourceTimestamp
        assert stamp is not None
        assert 3599.0 < (datetime.now(UTC) - stamp).total_seconds() < 3605.0


async def test_faults_of_the_plant_are_the_machine_s_and_those_of_links_wait_for_their_plant_second(
    plant: Plant, machine: SteadyMachine
) -> None:
    async with stepped(plant, machine, speed=10.0) as simulation:
        simulation.inject("F4", 60.0)
        simulation.inject("kill:L:100ms", 2.0)
        assert machine.faults == [("F4", 60.0)]
        await simulation.advance()
        assert simulation.servers[S7].running
        await simulation.advance()
        assert not simulation.servers[S7].running
        while not simulation.servers[S7].running:
            await asyncio.sleep(0)
            await simulation.advance()
        async with connected(simulation.servers[S7].endpoint, S7) as peer:
            assert peer.index == 3


async def test_every_kind_of_link_fault_can_be_told_to_a_running_plant(
    plant: Plant, machine: SteadyMachine
) -> None:
    async with stepped(plant, machine) as simulation:
        for text in (
            "hang:R:0s",
            "blackhole:R:0s",
            "slow:R:1ms:0s",
            "skew:R:10s",
            "drop:R",
            "forget:R",
            "lose:R:0",
            "badnode:R.LEVEL:0s",
            "restart:R:0s",
        ):
            simulation.inject(text)
            await simulation.advance()
            await simulation.advance()
        async with connected(simulation.servers[CODESYS].endpoint, CODESYS) as peer:
            assert peer.index == 5
            assert await peer.value("LT") == 0


# --- steering --------------------------------------------------------------------------------------


async def test_a_held_plant_is_started_over_its_control_socket(
    plant: Plant, machine: SteadyMachine, tmp_path: Path
) -> None:
    control = tmp_path / "sim.sock"
    async with hosted(plant, machine, held=True, control=control):
        before = await ask(control, {"do": "status"})
        assert (before["ok"], before["running"], before["plant_s"]) == (True, False, 0.0)
        assert [plc["name"] for plc in before["plcs"]] == list(NAMES)
        after = await ask(control, {"do": "start"})
        assert after["running"]
        while not machine.plant_s:
            await asyncio.sleep(0)
        assert await ask(control, {"do": "fault", "name": "F4"})
        assert machine.faults[0][0] == "F4"
        assert (await ask(control, {"do": "fault", "name": "F1", "at_s": 90}))["ok"]
        assert machine.faults[1] == ("F1", 90.0)
    assert not control.exists()


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"do": "fault", "name": "hang:Q"}, "no PLC 'Q'"),
        ({"do": "dance"}, "unknown request"),
        ({"do": "fault"}, "unknown request"),
        ([], "unknown request"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_reason(
    plant: Plant, machine: SteadyMachine, tmp_path: Path, request_: Any, says: str
) -> None:
    control = tmp_path / "sim.sock"
    async with hosted(plant, machine, control=control):
        answer = await ask(control, request_)
        assert not answer["ok"]
        assert says in answer["error"]


async def test_stop_over_the_control_socket_ends_it(
    plant: Plant, machine: SteadyMachine, tmp_path: Path
) -> None:
    control = tmp_path / "sim.sock"
    ready: asyncio.Future[Simulation] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_simulation(plant, machine, control=control, ready=ready))
    simulation = await ready
    await ask(control, {"do": "stop"})
    await asyncio.wait_for(task, 5)
    assert not any(server.running for server in simulation.servers)


async def test_cancelled_it_closes_everything(plant: Plant, machine: SteadyMachine) -> None:
    ready: asyncio.Future[Simulation] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_simulation(plant, machine, ready=ready))
    simulation = await ready
    async with connected(simulation.servers[S7].endpoint, S7, timeout_s=1.0):
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert not any(server.running for server in simulation.servers)


async def test_a_port_that_is_taken_is_said_and_nothing_stays_open(
    plant: Plant, machine: SteadyMachine
) -> None:
    async with stepped(plant, machine) as other:
        taken = int(other.servers[1].endpoint.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            await run_simulation(plant, SteadyMachine(plant), port_base=taken - 2)


def test_a_plant_cannot_run_backwards(plant: Plant, machine: SteadyMachine) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        Simulation(plant, machine, speed=0.0)
