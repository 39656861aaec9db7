"""A map drafted from a live server, and a map compared with one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.opcua.browse import LinkLost, differences, draft, walk
from controller.opcua.plc import SimulatedPlcServer
from controller.plant.config import load
from controller.plant.plant import Plant
from controller.plant.tags import NodeSource, Raw
from tests.system.linked import with_plc
from tests.system.steady_plant import CODESYS, S7, TWINCAT, URIS, SteadyMachine, serving, steady_plant

PLANT = """\
plant: drafted
timezone: Asia/Tokyo
simulator: turbine
areas: []
plcs:
  - plc_x.yaml
"""


@asynccontextmanager
async def counting(machine: SteadyMachine, server: SimulatedPlcServer, tag: str) -> AsyncIterator[None]:
    """The tag moves while the block runs."""
    loop = asyncio.get_running_loop()
    timer: asyncio.Handle
    beat = 0

    def update() -> None:
        nonlocal beat, timer
        beat += 1
        machine.set(tag, beat)
        server.update()
        timer = loop.call_later(0.02, update)

    timer = loop.call_soon(update)
    yield
    timer.cancel()


@pytest.mark.parametrize("plc", [S7, CODESYS, TWINCAT], ids=["s7", "codesys", "twincat"])
async def test_a_drafted_map_is_valid_and_has_every_variable_with_its_type(plc: int, tmp_path: Path) -> None:
    machine = SteadyMachine(steady_plant())
    p = "LRS"[plc]
    async with serving(machine, plc) as server, counting(machine, server, f"{p}.COUNT"):
        text = draft(await walk(server.endpoint, watch_s=0.2), "X")
    (tmp_path / "plant.yaml").write_text(PLANT)
    (tmp_path / "interlocks.yaml").write_text("interlocks: []\n")
    (tmp_path / "plc_x.yaml").write_text(text)
    to_do = [problem.message for problem in load(tmp_path).errors]
    assert to_do
    assert all("`range` is missing" in message for message in to_do)  # which only a person can know
    (tmp_path / "plc_x.yaml").write_text(
        re.sub(r"(    raw: (?!Boolean|String).*)", r"\1\n    range: 0..100", text)
    )
    loaded = load(tmp_path)
    assert loaded.errors == ()
    assert loaded.plant is not None
    (drafted,) = loaded.plant.plcs
    assert drafted.namespaces == (URIS[plc],)

    def nodes(plant: Plant, which: int) -> set[tuple[str, Raw]]:
        sources = [tag.source for tag in plant.tags if tag.plc == which]
        return {(s.identifier, s.raw) for s in sources if isinstance(s, NodeSource)}

    assert nodes(loaded.plant, 0) == nodes(machine.plant, plc)
    alive = loaded.plant.tags[drafted.alive].source
    counter = machine.plant.tag(f"{p}.COUNT").source
    assert isinstance(alive, NodeSource)
    assert isinstance(counter, NodeSource)
    assert alive.identifier == counter.identifier  # the one that moved


async def test_a_draft_says_when_nothing_moved_and_what_was_left_out() -> None:
    machine = SteadyMachine(steady_plant())
    async with serving(machine, S7) as server:
        text = draft(await walk(server.endpoint, watch_s=0))
    assert "alive: MISSING" in text
    assert "PT" in text


async def test_a_map_that_fits_its_server_differs_in_nothing() -> None:
    machine = SteadyMachine(steady_plant())
    async with serving(machine, CODESYS) as server:
        found = await differences(machine.plant, machine.plant.plcs[CODESYS], server.endpoint)
    assert found == ()


async def test_every_way_in_which_a_map_can_be_wrong_is_named_with_its_tag() -> None:
    machine = SteadyMachine(steady_plant())
    plant = machine.plant

    def changed(name: str, **how: object) -> None:
        nonlocal plant
        tags = list(plant.tags)
        index = plant.index[name]
        source = tags[index].source
        assert isinstance(source, NodeSource)
        access = str(how.pop("access", tags[index].access))
        tags[index] = replace(tags[index], source=replace(source, **how), access=access)
        plant = replace(plant, tags=tuple(tags))

    changed("R.PRESSURE", raw=Raw.DOUBLE)
    changed("R.LEVEL", access="command")
    changed("R.SWITCH", element=0)
    changed("R.HIGH_BIT", element=40)
    changed("R.LABEL", namespace="urn:elsewhere")
    async with serving(machine, CODESYS) as server:
        server.take_out("R.COUNT")
        found = await differences(plant, plant.plcs[CODESYS], server.endpoint)
    named = {(difference.kind, difference.tag) for difference in found}
    assert named == {
        ("type", "R.PRESSURE"),
        ("access", "R.LEVEL"),
        ("type", "R.SWITCH"),
        ("element", "R.HIGH_BIT"),
        ("namespace", ""),
        ("missing", "R.COUNT"),
        ("unmapped", ""),  # the label is there, but not where the map looks
    }
    assert [d.kind for d in found if not d.is_error] == ["unmapped"]


async def test_a_server_that_is_not_there_is_a_reason_and_no_traceback() -> None:
    plant = with_plc(steady_plant(), S7, endpoint="opc.tcp://127.0.0.1:9")
    with pytest.raises(LinkLost, match="connect"):
        await differences(plant, plant.plcs[S7])
    with pytest.raises(LinkLost, match="connect"):
        await walk("opc.tcp://127.0.0.1:9")
