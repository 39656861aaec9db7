"""A PLC with a security policy, by node-opcua: it takes Basic256Sha256, a password, and whom it trusts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alarms.signal import GOOD
from controller.cli import app
from controller.opcua.browse import differences
from controller.opcua.certificates import Certificate, Store
from controller.opcua.link import Identity
from controller.plant.plant import Security
from tests.interop.node_server import PASSWORD, USER, NodeServer, interop_plant
from tests.system.linked import linked, with_plc, write

pytestmark = pytest.mark.needs("node-opcua")
SECURED = Security("Basic256Sha256", "SignAndEncrypt", USER, "env:INTEROP_PASSWORD")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secured")


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[NodeServer]:
    """One for all: it takes seconds to start."""
    running = NodeServer(place / "node", secured=True)
    yield running
    running.stop()


async def heloop(*words: str, typed: str = "") -> Result:
    """A command in a thread of its own, since it has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(words), input=typed)


async def test_from_mutual_strangers_to_values_by_the_commands_alone(
    server: NodeServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an engineer does, in the order the messages say."""
    monkeypatch.setenv("INTEROP_PASSWORD", PASSWORD)
    data = str(place / "data")
    plant = with_plc(interop_plant(), 0, security=SECURED)
    identity = Identity.of(Store.of(place / "data"), "n")

    async with linked(plant, 0, server.endpoint, identity=identity, wait=False) as (link, heard):
        await heard.until(lambda: heard.downs)
        assert "is not trusted" in heard.downs[0]
        assert "heloop certs trust" in heard.downs[0]
        assert link.counters.connects == 0

    told = await heloop("certs", "doctor", server.endpoint, "--data", data)
    assert told.exit_code == 1
    assert "security:\n  policy: Basic256Sha256\n  mode: SignAndEncrypt\n" in told.output
    asked = await heloop("certs", "trust", server.endpoint, "--data", data, typed="n\n")
    assert asked.exit_code == 1
    trusted = await heloop("certs", "trust", server.endpoint, "--data", data, typed="y\n")
    assert trusted.exit_code == 0
    assert (await heloop("certs", "doctor", server.endpoint, "--data", data)).exit_code == 0

    async with linked(plant, 0, server.endpoint, identity=identity, wait=False) as (_, heard):
        await heard.until(lambda: heard.downs)
        assert "is not trusted" not in heard.downs[0], "now it is the server that does not trust us"
        assert "heloop certs export" in heard.downs[0]
    exported = await heloop("certs", "export", str(place / "heloop.pem"), "--data", data)
    assert exported.exit_code == 0, exported.output
    (ours,) = (place / "node" / "rejected").glob("*.pem")
    assert Certificate.read(ours.read_bytes()) == Certificate.read((place / "heloop.pem").read_bytes())
    ours.rename(place / "node" / "trusted" / "certs" / ours.name)  # as its own tools do it

    async with linked(plant, 0, server.endpoint, identity=identity) as (link, heard):
        assert heard.last("PRESSURE").value == 1.5
        assert heard.reports("password") == []
        server.put("PRESSURE", 2.5)
        await heard.reads("PRESSURE", 2.5)
        link.write(write(plant, 1, ("WORD", 2.0)))
        await heard.until(lambda: heard.done(1))
        assert heard.done(1) == [GOOD]
        server.tell("drop")
        await heard.until(lambda: heard.ups == 2)

    found = await differences(plant, plant.plcs[0], server.endpoint, identity, unmapped=False)
    assert [one.text for one in found if one.is_error] == []
    browsed = await heloop(
        *("browse", server.endpoint, "--policy", "best", "--user", USER, "--data", data),
        *("--password", "env:INTEROP_PASSWORD"),
    )
    assert browsed.exit_code == 0, browsed.output
    assert "security:\n  policy: Basic256Sha256\n  mode: SignAndEncrypt\n" in browsed.output
    assert 'password: "env:INTEROP_PASSWORD"' in browsed.output
    assert PASSWORD not in browsed.output
    assert "node: s=PRESSURE" in browsed.output or "s=PRESSURE" in browsed.output

    refused = await heloop(
        *("browse", server.endpoint, "--policy", "best", "--user", USER, "--data", data), typed="neon\n"
    )
    assert refused.exit_code == 1
    assert "activate session" in refused.output
    without = await heloop("browse", server.endpoint, "--data", data)
    assert without.exit_code == 1
