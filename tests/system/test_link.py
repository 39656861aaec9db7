"""A link and a simulated PLC on real sockets: values in, writes out, and what the link says about itself."""

from __future__ import annotations

import asyncio
import importlib.metadata
import tomllib
from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import pytest

from alarms.signal import BAD_SENSOR_FAILURE, GOOD, UNCERTAIN
from controller.core.inputs import Batch, LinkUp
from controller.opcua.link import Timing
from controller.opcua.status import (
    BAD_NODE_ID_UNKNOWN,
    BAD_NOT_CONNECTED,
    BAD_OUT_OF_RANGE,
    BAD_TIMEOUT,
    BAD_TOO_MANY_OPERATIONS,
    BAD_TYPE_MISMATCH,
)
from controller.plant.tags import NodeSource, Raw
from tests.system.linked import BRISK, linked, with_fast, with_plc, write
from tests.system.steady_plant import CODESYS, S7, TWINCAT, SteadyMachine, connected, serving, steady_plant


@pytest.fixture
def machine() -> SteadyMachine:
    plant = with_fast(steady_plant(), *(f"{plc}.{name}" for plc in "LRS" for name in ("COUNT", "PRESSURE")))
    return SteadyMachine(plant)


def test_asyncua_is_the_version_whose_inside_the_link_was_built_on() -> None:
    """Another version: read docs/reference/link.md, run everything here and in interop, then pin anew."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "asyncua==2.1.0" in project["project"]["dependencies"]
    assert importlib.metadata.version("asyncua") == "2.1.0"


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("plc", [S7, CODESYS, TWINCAT], ids=["s7", "codesys", "twincat"])
async def test_every_tag_has_one_confirmed_value_before_the_link_says_it_is_up(
    machine: SteadyMachine, plc: int
) -> None:
    p = "LRS"[plc]
    machine.set(f"{p}.PRESSURE", 12.5)
    machine.set(f"{p}.LEVEL", 43.2)
    machine.set(f"{p}.METER", 70000)
    machine.set(f"{p}.METER_HIGH_FIRST", 70001)
    machine.set(f"{p}.HIGH_BIT", 1)
    machine.set(f"{p}.LOW_BIT", 1)
    machine.set(f"{p}.LABEL", "dewar 7")
    async with serving(machine, plc) as server, linked(machine.plant, plc, server.endpoint) as (_, heard):
        before_up = heard.inputs[: heard.inputs.index(heard.of(LinkUp)[0])]
        confirmed = [item for item in before_up if isinstance(item, Batch)]
        tags = {int(tag) for batch in confirmed for tag in batch.tags} | {
            text[0] for batch in confirmed for text in batch.texts
        }
        assert tags == {tag.index for tag in machine.plant.tags if tag.plc == plc}
        assert heard.last(f"{p}.PRESSURE")[:2] == (12.5, GOOD)
        assert heard.last(f"{p}.LEVEL").value == pytest.approx(43.2)
        assert heard.last(f"{p}.METER").value == 70000
        assert heard.last(f"{p}.METER_HIGH_FIRST").value == 70001
        assert [heard.last(f"{p}.{bit}").value for bit in ("HIGH_BIT", "LOW_BIT")] == [1, 1]
        assert heard.texts(f"{p}.LABEL")[-1] == ("dewar 7", GOOD)


async def test_a_change_in_the_plc_arrives_with_value_status_and_source_time(machine: SteadyMachine) -> None:
    async with (
        serving(machine, CODESYS) as server,
        linked(machine.plant, CODESYS, server.endpoint) as (_, heard),
    ):
        for value, status in ((3.25, GOOD), (3.5, UNCERTAIN), (4.0, GOOD)):
            machine.set("R.PRESSURE", value, status)
            server.update()
            await heard.reads("R.PRESSURE", value)
            assert heard.last("R.PRESSURE").status == status
        times = [sample.source_ns for sample in heard.samples("R.PRESSURE")]
        assert times == sorted(times)
        assert times[-1] > 1_700_000_000 * 10**9


async def test_a_bad_value_has_no_number_and_keeps_its_exact_status(machine: SteadyMachine) -> None:
    async with (
        serving(machine, CODESYS) as server,
        linked(machine.plant, CODESYS, server.endpoint) as (_, heard),
    ):
        machine.set("R.PRESSURE", 3.0, 0x808D0000)  # BadDeviceFailure... as the PLC says it
        server.update()
        await heard.until(lambda: heard.last("R.PRESSURE").status == 0x808D0000)
        assert isnan(heard.last("R.PRESSURE").value)


async def test_a_sentinel_is_a_broken_sensor_and_not_a_level(machine: SteadyMachine) -> None:
    async with (
        serving(machine, CODESYS) as server,
        linked(machine.plant, CODESYS, server.endpoint) as (_, heard),
    ):
        machine.set("R.LEVEL", 3276.7)  # raw 32767
        server.update()
        await heard.until(lambda: heard.last("R.LEVEL").status == BAD_SENSOR_FAILURE)
        assert isnan(heard.last("R.LEVEL").value)


async def test_a_tag_whose_type_differs_from_the_map_is_bad_and_named(machine: SteadyMachine) -> None:
    plant = machine.plant
    tags = list(plant.tags)
    index = plant.index["R.COUNT"]
    source = tags[index].source
    assert isinstance(source, NodeSource)
    tags[index] = replace(tags[index], source=replace(source, raw=Raw.FLOAT))
    mapped = replace(plant, tags=tuple(tags))
    async with serving(machine, CODESYS) as server, linked(mapped, CODESYS, server.endpoint) as (_, heard):
        assert heard.last("R.COUNT").status == BAD_TYPE_MISMATCH
        assert [report.tag for report in heard.reports("type")] == [index]


async def test_what_was_asked_for_and_what_the_server_made_of_it_is_told(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (_, heard):
        revised = {what: (asked, got) for what, asked, got in heard.of(LinkUp)[0].revised}
        assert revised["fast publishing"] == (50.0, 100.0)  # an S7 does not publish faster
        assert revised["fast sampling"] == (0.0, 100.0)
        assert not heard.reports("slow")  # 200 ms is within the budget of 1 s


async def test_a_server_slower_than_the_interlocks_allow_is_reported(machine: SteadyMachine) -> None:
    plant = with_plc(machine.plant, S7, budget_ms=150.0)
    async with serving(machine, S7) as server, linked(plant, S7, server.endpoint) as (_, heard):
        (report,) = heard.reports("slow")
        assert "100 ms publishing, 100 ms sampling" in report.text


async def test_a_queue_too_short_for_what_comes_between_two_publishings_is_reported(
    machine: SteadyMachine,
) -> None:
    timing = replace(BRISK, queue_size=1)  # TwinCAT: sampled every 10 ms, published every 50 ms
    async with (
        serving(machine, TWINCAT) as server,
        linked(machine.plant, TWINCAT, server.endpoint, timing=timing) as (_, heard),
    ):
        (report,) = heard.reports("queue")
        assert "keeps 1 values of a tag for 50 ms and samples every 10 ms" in report.text


async def test_values_lost_in_the_servers_queue_are_counted_and_the_mark_is_taken_off(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        for value in range(1, 40):  # the queue holds 10
            machine.set("L.PRESSURE", value)
            server.update()
        await heard.until(lambda: heard.reports("overflow"))
        assert heard.values("L.PRESSURE")[-10:] == list(range(30, 40))
        assert {sample.status for sample in heard.samples("L.PRESSURE")} == {GOOD}
        assert link.counters.overflows == sum(r.count for r in heard.reports("overflow")) == 1


async def test_a_server_that_takes_few_items_a_call_gets_smaller_calls(machine: SteadyMachine) -> None:
    wide = SteadyMachine(steady_plant(extra_per_plc=260))
    timing = Timing(chunk=1000, keepalive_s=0.2)  # CODESYS takes 100
    async with (
        serving(wide, CODESYS) as server,
        linked(wide.plant, CODESYS, server.endpoint, timing=timing) as (_, heard),
    ):
        assert not heard.reports("bad_node")
        wide.set("R.X259", 7.0)
        server.update()
        await heard.reads("R.X259", 7.0)


# --- writes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("plc", [S7, CODESYS, TWINCAT], ids=["s7", "codesys", "twincat"])
async def test_a_write_carries_the_value_only_in_the_nodes_own_type_and_in_the_given_order(
    machine: SteadyMachine, plc: int
) -> None:
    p = "LRS"[plc]
    fields = ((f"{p}.WORD", 2.0), (f"{p}.EPOCH", 70000.0), (f"{p}.SEQUENCE", 9.0))
    async with serving(machine, plc) as server, linked(machine.plant, plc, server.endpoint) as (link, heard):
        link.write(write(machine.plant, 1, *fields, plc=plc))
        await heard.until(lambda: heard.done(1))
        assert heard.done(1) == [GOOD]
        assert machine.writes == [(plc, list(fields))]
        await heard.reads(f"{p}.WORD", 2.0)  # and it can be read back


async def test_a_write_the_plc_refuses_ends_with_the_plcs_own_status(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        link.write(write(machine.plant, 1, ("L.PRESSURE", 2.0)))
        await heard.until(lambda: heard.done(1))
        assert heard.done(1) == [0x803B0000]  # BadNotWritable
        assert machine.writes == []


@pytest.mark.parametrize(
    ("field", "status"),
    [(("L.WORD", 70000.0), BAD_OUT_OF_RANGE), (("L.WORD", nan), BAD_OUT_OF_RANGE)],
    ids=["too large", "not a number"],
)
async def test_what_the_node_cannot_hold_is_not_sent(
    machine: SteadyMachine, field: tuple[str, float], status: int
) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        link.write(write(machine.plant, 1, field))
        await heard.until(lambda: heard.done(1))
        assert (heard.done(1), machine.writes) == ([status], [])


async def test_a_write_without_a_link_ends_at_once(machine: SteadyMachine) -> None:
    async with linked(machine.plant, S7, "opc.tcp://127.0.0.1:9", wait=False) as (link, heard):
        link.write(write(machine.plant, 1, ("L.WORD", 2.0)))
        assert heard.done(1) == [BAD_NOT_CONNECTED]


async def test_a_write_whose_time_is_over_is_not_sent(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        link.write(write(machine.plant, 1, ("L.WORD", 2.0), within_s=-0.001))
        await heard.until(lambda: heard.done(1))
        assert (heard.done(1), machine.writes) == ([BAD_TIMEOUT], [])


async def test_a_write_that_is_not_answered_in_time_ends_as_timed_out_and_is_never_sent_again(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        server.hold(hung=True)
        link.write(write(machine.plant, 1, ("L.WORD", 2.0), within_s=0.1))
        await heard.until(lambda: heard.done(1))
        assert heard.done(1) == [BAD_TIMEOUT]
        server.release()
        link.write(write(machine.plant, 2, ("L.WORD", 3.0)))
        await heard.until(lambda: heard.done(2) and heard.last("L.WORD").value == 3.0)
        assert [fields for _, fields in machine.writes].count([("L.WORD", 2.0)]) <= 1


async def test_more_writes_than_the_queue_holds_are_refused_and_counted(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        server.hold(hung=True)
        for intent in range(1, 67):
            link.write(write(machine.plant, intent, ("L.WORD", 2.0), within_s=0.1))
        assert [heard.done(intent) for intent in (65, 66)] == [[BAD_TOO_MANY_OPERATIONS]] * 2
        assert link.counters.writes_refused == 2
        await heard.until(lambda: all(heard.done(intent) for intent in range(1, 67)))
        assert all(heard.done(intent) == [BAD_TIMEOUT] for intent in range(1, 65))
        server.release()


async def test_trip_writes_leave_before_heartbeats_and_only_the_newest_heartbeat_waits(
    machine: SteadyMachine,
) -> None:
    timing = Timing(writes_in_flight=1, keepalive_s=0.2)
    async with (
        serving(machine, S7) as server,
        linked(machine.plant, S7, server.endpoint, timing=timing) as (link, heard),
    ):
        for beat in (1.0, 2.0, 3.0):
            link.write(write(machine.plant, 0, ("L.EPOCH", beat)))
        for intent in (1, 2):
            link.write(write(machine.plant, intent, ("L.WORD", float(intent))))
        await heard.until(lambda: link.counters.heartbeats == 2 and heard.done(2))
        sent = [fields[0] for _, fields in machine.writes]
        # The first heartbeat was on its way when the others came; trips then overtook what waited.
        assert sent == [("L.EPOCH", 1.0), ("L.WORD", 1.0), ("L.WORD", 2.0), ("L.EPOCH", 3.0)]


async def test_heartbeats_that_fail_are_reported_once_and_once_more_when_they_work_again(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        for _ in range(2):
            link.write(write(machine.plant, 0, ("L.PRESSURE", 1.0)))
            await heard.until(lambda: heard.reports("heartbeat"))
        link.write(write(machine.plant, 0, ("L.EPOCH", 1.0)))
        await heard.until(lambda: len(heard.reports("heartbeat")) == 2)
        assert "BadNotWritable" in heard.reports("heartbeat")[0].text
        assert "again" in heard.reports("heartbeat")[1].text


async def test_a_write_on_its_way_when_the_link_breaks_ends_as_unknown_and_is_not_repeated(
    machine: SteadyMachine,
) -> None:
    async with serving(machine, S7) as server, linked(machine.plant, S7, server.endpoint) as (link, heard):
        server.hold(hung=True)
        link.write(write(machine.plant, 1, ("L.WORD", 2.0)))
        await asyncio.sleep(0)  # it leaves
        await server.go_down()
        await heard.until(lambda: heard.done(1))
        assert heard.done(1) == [0x80050000]  # BadCommunicationError: nobody knows
        await server.come_up()
        await heard.until(lambda: heard.ups == 2)
        assert machine.writes == []


# --- its end --------------------------------------------------------------------------------------


async def test_a_link_that_stops_says_good_bye(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        async with linked(machine.plant, S7, server.endpoint):
            assert server.sessions == 1
        assert server.sessions == 0


async def test_a_link_can_be_stopped_at_every_moment_of_a_connect(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        for turns in range(0, 120, 7):
            async with linked(machine.plant, S7, server.endpoint, wait=False):
                for _ in range(turns):
                    await asyncio.sleep(0)
        async with connected(server.endpoint, S7) as peer:
            assert await peer.value("WD") == 0


async def test_a_link_can_be_stopped_while_the_server_is_mute(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        async with linked(machine.plant, S7, server.endpoint, timing=BRISK):
            server.hold(hung=True)
        server.release()


async def test_a_tag_the_server_does_not_have_is_bad_from_the_start(machine: SteadyMachine) -> None:
    async with serving(machine, S7) as server:
        server.take_out("L.LEVEL")
        async with linked(machine.plant, S7, server.endpoint) as (_, heard):
            assert heard.last("L.LEVEL").status == BAD_NODE_ID_UNKNOWN
            (report,) = heard.reports("bad_node")
            assert report.tag == machine.plant.index["L.LEVEL"]
            assert "L.LEVEL" in report.text
