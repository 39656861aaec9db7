"""Connected, but nothing flows: each way a PLC can be lost, and the link fetches it back by itself."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from functools import partial

import pytest

from alarms.signal import GOOD
from controller.core.inputs import LinkDown, LinkUp
from controller.opcua.link import Timing
from controller.opcua.plc import FaultProxy, SimulatedPlcServer
from controller.opcua.status import BAD_NODE_ID_UNKNOWN
from tests.system.linked import BRISK, PATIENCE_S, Heard, linked, with_fast, with_plc, write
from tests.system.plc_process import plc_process
from tests.system.steady_plant import CODESYS, S7, URIS, SteadyMachine, serving, steady_plant

# As in service: what a PLC that comes back has to wait for is measured with these.
SERVICE = Timing()


@pytest.fixture
def machine() -> SteadyMachine:
    return SteadyMachine(with_fast(steady_plant(), "L.COUNT", "R.COUNT"))


async def flows(
    machine: SteadyMachine, server: SimulatedPlcServer, heard: Heard, tag: str, value: float
) -> None:
    """A change in the PLC arrives."""
    machine.set(tag, value)
    server.update()
    await heard.reads(tag, value)


# --- the four cases -------------------------------------------------------------------------------


async def test_a_plc_that_restarts_with_its_namespace_elsewhere_is_found_again(
    machine: SteadyMachine,
) -> None:
    async with (
        serving(machine, S7) as server,
        linked(machine.plant, S7, server.endpoint, timing=SERVICE) as (link, heard),
    ):
        await server.go_down()
        await heard.until(lambda: heard.downs)
        await server.come_up(moved=2)
        await heard.until(lambda: heard.ups == 2)
        await flows(machine, server, heard, "L.PRESSURE", 21.0)
        link.write(write(machine.plant, 1, ("L.WORD", 3.0)))  # and writes go to the right node
        await heard.until(lambda: heard.done(1))
        assert heard.done(1) == [GOOD]
        assert machine.writes == [(S7, [("L.WORD", 3.0)])]
        assert [up.gap for up in heard.of(LinkUp)] == [False, True]


async def test_a_plc_that_forgets_its_sessions_and_tells_nobody_is_connected_anew(
    machine: SteadyMachine,
) -> None:
    async with (
        serving(machine, S7) as server,
        linked(machine.plant, S7, server.endpoint, timing=SERVICE) as (_, heard),
    ):
        await server.drop_sessions()
        await heard.until(lambda: heard.ups == 2)
        await flows(machine, server, heard, "L.PRESSURE", 22.0)
        assert len(heard.downs) == 1


async def test_one_bad_node_among_two_hundred_stops_no_other_and_is_named_and_comes_back() -> None:
    machine = SteadyMachine(steady_plant(extra_per_plc=200))
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        server.take_out("L.X117")
        await heard.until(lambda: heard.reports("bad_node"))
        assert heard.last("L.X117").status == BAD_NODE_ID_UNKNOWN
        for tag in ("L.X0", "L.X116", "L.X118", "L.X199"):
            await flows(machine, server, heard, tag, 5.0)
        (report,) = heard.reports("bad_node")
        assert (report.tag, link.counters.bad_nodes) == (machine.plant.index["L.X117"], 1)
        machine.set("L.X117", 17.0)
        server.update()
        server.put_back("L.X117")
        await heard.until(lambda: heard.reports("node_back"))
        assert heard.last("L.X117")[:2] == (17.0, GOOD)
        assert (len(heard.reports("bad_node")), link.counters.bad_nodes, heard.downs) == (1, 0, [])


async def test_a_node_that_is_missing_from_the_start_comes_when_the_plc_has_it(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server:
        server.take_out("L.LEVEL")
        async with linked(machine.plant, S7, server.endpoint) as (_, heard):
            assert heard.last("L.LEVEL").status == BAD_NODE_ID_UNKNOWN
            server.put_back("L.LEVEL")
            await heard.until(lambda: heard.reports("node_back"))
            assert heard.last("L.LEVEL").status == GOOD


async def test_a_server_that_hangs_is_noticed_and_fetched_back_when_it_goes_on(
    machine: SteadyMachine,
) -> None:
    async with (
        serving(machine, S7) as server,
        linked(machine.plant, S7, server.endpoint, timing=SERVICE) as (_, heard),
    ):
        server.hold(hung=True)
        await heard.until(lambda: heard.downs)
        assert "silent" in heard.downs[0]
        server.release()
        await heard.until(lambda: heard.ups == 2)
        await flows(machine, server, heard, "L.PRESSURE", 23.0)


# --- the same with a real process -----------------------------------------------------------------


async def test_a_server_process_that_is_stopped_and_one_that_is_killed_are_both_fetched_back(
    machine: SteadyMachine,
) -> None:
    async with (
        plc_process(CODESYS) as (process, endpoint),
        linked(machine.plant, CODESYS, endpoint) as (_, heard),
    ):
        process.send_signal(signal.SIGSTOP)
        await heard.until(lambda: heard.downs)
        process.send_signal(signal.SIGCONT)
        await heard.until(lambda: heard.ups == 2)
        counts = len(heard.values("R.COUNT"))
        await heard.until(lambda: len(heard.values("R.COUNT")) > counts + 2)
        process.kill()
        await heard.until(lambda: len(heard.downs) == 2)
        port = int(endpoint.rsplit(":", 1)[1])
        async with plc_process(CODESYS, port):
            await heard.until(lambda: heard.ups == 3)
            counts = len(heard.values("R.COUNT"))
            await heard.until(lambda: len(heard.values("R.COUNT")) > counts + 2)


# --- networks -------------------------------------------------------------------------------------


async def test_a_network_that_swallows_everything_is_noticed_and_left(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        proxy = FaultProxy(int(server.endpoint.rsplit(":", 1)[1]))
        await proxy.start()
        async with linked(machine.plant, S7, proxy.endpoint) as (_, heard):
            proxy.hold()
            await heard.until(lambda: heard.downs)
            proxy.cut()  # what was swallowed stays swallowed
            proxy.release()
            await heard.until(lambda: heard.ups == 2)
            await flows(machine, server, heard, "L.PRESSURE", 24.0)
        await proxy.stop()


async def test_a_cut_connection_is_noticed_at_once(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        proxy = FaultProxy(int(server.endpoint.rsplit(":", 1)[1]))
        await proxy.start()
        async with linked(machine.plant, S7, proxy.endpoint, timing=SERVICE) as (_, heard):
            proxy.cut()
            await heard.until(lambda: heard.downs, within_s=1.0)
            await heard.until(lambda: heard.ups == 2)
        await proxy.stop()


async def test_a_slow_network_is_no_reason_to_give_up(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        proxy = FaultProxy(int(server.endpoint.rsplit(":", 1)[1]))
        await proxy.start()
        proxy.delay(0.05)
        async with linked(machine.plant, S7, proxy.endpoint, timing=SERVICE) as (_, heard):
            await flows(machine, server, heard, "L.PRESSURE", 25.0)
            assert heard.downs == []
        await proxy.stop()


async def test_a_notification_lost_on_the_way_is_asked_for_again_and_comes_in_order(
    machine: SteadyMachine,
) -> None:
    plant = with_plc(machine.plant, S7, normal_ms=60_000.0)  # so that only the fast subscription has news
    async with serving(machine, S7) as server, linked(plant, S7, server.endpoint) as (link, heard):
        await flows(machine, server, heard, "L.COUNT", 1.0)
        server.lose_notifications(2)

        def lost_or_read(lost: int, value: float) -> bool:
            return server.notifications_to_lose < lost or heard.last("L.COUNT").value == value

        for value in (2.0, 3.0, 4.0):
            lost = server.notifications_to_lose
            machine.set("L.COUNT", value)
            server.update()
            await heard.until(partial(lost_or_read, lost, value))
        await heard.reads("L.COUNT", 4.0)
        assert heard.values("L.COUNT")[-4:] == [1.0, 2.0, 3.0, 4.0]
        assert (link.counters.republished, link.counters.gaps, heard.reports("gap")) == (2, 0, [])


# --- the core asks, or the server is not there at all ---------------------------------------------


async def test_the_core_can_ask_for_a_new_connection_at_any_time(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        link.reconnect("the PLC's counter stands still")
        await heard.until(lambda: heard.ups == 2)
        assert heard.downs == ["the PLC's counter stands still"]
        await flows(machine, server, heard, "L.PRESSURE", 26.0)
        assert link.counters.connects == 2


async def test_a_plc_that_is_not_there_is_said_once_and_found_when_it_comes(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        await server.go_down()
        async with linked(machine.plant, S7, server.endpoint, wait=False) as (link, heard):
            await heard.until(lambda: heard.of(LinkDown))
            before = link.is_up
            await server.come_up()
            await heard.until(lambda: heard.ups)
            assert (before, link.is_up) == (False, True), heard.inputs
            assert len(heard.downs) == 1


async def test_a_plc_without_its_program_is_up_with_bad_tags_until_the_program_is_there(
    machine: SteadyMachine,
) -> None:
    plcs = [replace(p, namespaces=("urn:not-there-yet",)) if p.index == S7 else p for p in machine.plant.plcs]
    bare = SteadyMachine(replace(machine.plant, plcs=tuple(plcs), tags=()))
    async with serving(bare, S7) as empty, linked(machine.plant, S7, empty.endpoint) as (_, heard):
        assert heard.last("L.PRESSURE").status == BAD_NODE_ID_UNKNOWN
        (report,) = heard.reports("namespace")
        assert URIS[S7] in report.text


async def test_a_server_with_no_session_to_spare_is_tried_again_until_it_has_one(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server:
        others = [linked(machine.plant, S7, server.endpoint) for _ in range(server.style.sessions_max)]
        for other in others:
            await other.__aenter__()
        async with linked(machine.plant, S7, server.endpoint, wait=False, timing=BRISK) as (_, heard):
            await heard.until(lambda: heard.downs)
            assert "BadTooManySessions" in heard.downs[0]
            for other in others:
                await other.__aexit__(None, None, None)
            await heard.until(lambda: heard.ups, within_s=PATIENCE_S)


async def test_a_link_that_slept_itself_does_not_blame_the_server(machine: SteadyMachine) -> None:
    """On waking it first reads what has arrived meanwhile; nobody was silent but itself."""
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (_, heard):
        threading.Event().wait(1.0)  # the loop stands still for longer than a silence may last
        await flows(machine, server, heard, "L.PRESSURE", 27.0)
        assert heard.downs == []
