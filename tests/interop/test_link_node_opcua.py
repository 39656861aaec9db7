"""The link against another maker's server: node-opcua."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from math import isnan
from pathlib import Path

import pytest
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from alarms.signal import GOOD
from controller.core.inputs import LinkUp
from controller.opcua.link import Identity
from controller.opcua.status import BAD_NODE_ID_UNKNOWN, BAD_TYPE_MISMATCH
from controller.plant.plant import Security
from tests.interop.node_server import PASSWORD, USER, NodeServer, interop_plant
from tests.system.linked import linked, with_plc, write

pytestmark = pytest.mark.needs("node-opcua")


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeServer]:
    """One for all: it takes seconds to start."""
    server = NodeServer(tmp_path_factory.mktemp("node"))
    yield server
    server.stop()


@pytest.fixture
def server(process: NodeServer) -> NodeServer:
    process.as_at_first()
    return process


async def identity_in(folder: Path) -> Identity:
    uri = "urn:heloop:link"
    key, certificate = folder / "key.pem", folder / "certificate.der"
    await setup_self_signed_certificate(
        key, certificate, uri, "heloop", [ExtendedKeyUsageOID.CLIENT_AUTH], {}
    )
    return Identity(certificate, key, application_uri=uri)


async def test_values_of_every_type_changes_and_writes(server: NodeServer) -> None:
    plant = interop_plant()
    async with linked(plant, 0, server.endpoint) as (link, heard):
        confirmed = {tag.name: heard.last(tag.name).value for tag in plant.tags if tag.name != "LABEL"}
        assert confirmed == {
            "COUNT": 0,
            "PRESSURE": 1.5,
            "LEVEL": pytest.approx(43.2),
            "SWITCH": 1,
            "METER": 70000,
            "ENERGY": 0.1,
            "HOURS": -5,
            "SMALL": -3,
            "BYTE": 200,
            "SECOND": 2,
            "LONG": 131073,
            "BIT": 1,
            "WORD": 0,
            "EPOCH": 0,
            "SEQUENCE": 0,
        }
        assert heard.texts("LABEL")[-1] == ("dewar 7", GOOD)
        assert {what: got for what, _, got in heard.of(LinkUp)[0].revised}["fast publishing"] == 50
        server.put("PRESSURE", 2.5)
        server.put("WORDS", [5, 6, 0])
        server.put("LABEL", "dewar 8")
        await heard.until(
            lambda: (
                heard.last("PRESSURE").value == 2.5
                and heard.last("BIT").value == 0
                and heard.texts("LABEL")[-1] == ("dewar 8", GOOD)
            )
        )
        assert heard.last("LONG").value == 393221
        server.tell("bad", "ENERGY")
        await heard.until(lambda: isnan(heard.last("ENERGY").value))
        assert heard.last("ENERGY").status == 0x808B0000  # BadDeviceFailure, as it was sent
        link.write(write(plant, 1, ("WORD", 2.0), ("EPOCH", 7.0), ("SEQUENCE", 9.0)))
        await heard.until(lambda: heard.done(1) and heard.last("SEQUENCE").value == 9)
        assert heard.done(1) == [GOOD]
        assert heard.reports("type") == heard.reports("bad_node") == heard.reports("gap") == []


async def test_a_type_that_is_not_the_maps_is_refused_by_both_sides(server: NodeServer) -> None:
    plant = interop_plant()
    word = plant.index["WORD"]
    source = replace(plant.tags[word].source, raw=plant.tags[plant.index["EPOCH"]].source.raw)
    tags = tuple(replace(tag, source=source) if tag.index == word else tag for tag in plant.tags)
    wrong = replace(plant, tags=tags)
    async with linked(wrong, 0, server.endpoint) as (link, heard):
        assert heard.last("WORD").status == BAD_TYPE_MISMATCH
        link.write(write(wrong, 1, ("WORD", 2.0)))
        await heard.until(lambda: heard.done(1))
        assert heard.done(1) == [BAD_TYPE_MISMATCH]


async def test_a_node_that_goes_and_comes(server: NodeServer) -> None:
    plant = interop_plant()
    async with linked(plant, 0, server.endpoint) as (_, heard):
        server.tell("remove", "LEVEL")
        await heard.until(lambda: heard.last("LEVEL").status == BAD_NODE_ID_UNKNOWN)
        server.put("PRESSURE", 3.5)
        await heard.reads("PRESSURE", 3.5)
        server.tell("add", "LEVEL")
        await heard.until(lambda: heard.last("LEVEL").status == GOOD)
        assert heard.downs == []


async def test_a_server_that_stops_and_goes_on_and_one_that_drops_the_session(server: NodeServer) -> None:
    plant = interop_plant()
    async with linked(plant, 0, server.endpoint) as (_, heard):
        server.tell("ticks", "50")
        server.process.send_signal(signal.SIGSTOP)
        await heard.until(lambda: heard.downs)
        server.process.send_signal(signal.SIGCONT)
        await heard.until(lambda: heard.ups == 2)
        counted = len(heard.values("COUNT"))
        await heard.until(lambda: len(heard.values("COUNT")) > counted + 5)
        server.tell("drop")
        await heard.until(lambda: heard.ups == 3)
        counted = len(heard.values("COUNT"))
        await heard.until(lambda: len(heard.values("COUNT")) > counted + 5)


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("None", "None"),
        ("Basic256Sha256", "Sign"),
        ("Basic256Sha256", "SignAndEncrypt"),
        ("Aes256_Sha256_RsaPss", "SignAndEncrypt"),
    ],
)
async def test_with_user_and_password_over_each_kind_of_channel(
    server: NodeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, mode: str
) -> None:
    monkeypatch.setenv("INTEROP_PASSWORD", PASSWORD)
    security = Security(policy, mode, USER, "env:INTEROP_PASSWORD")
    plant = with_plc(interop_plant(), 0, security=security)
    identity = await identity_in(tmp_path)
    async with linked(plant, 0, server.endpoint, identity=identity) as (_, heard):
        assert heard.last("PRESSURE").value == 1.5
        assert len(heard.reports("certificate")) == (policy != "None")  # taken, but not checked: said
        assert heard.reports("password") == []  # the server's own token policy encrypts it


async def test_a_wrong_password_is_said_and_tried_again_slowly(
    server: NodeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEROP_PASSWORD", "neon")
    plant = with_plc(interop_plant(), 0, security=Security(user=USER, password="env:INTEROP_PASSWORD"))
    async with linked(plant, 0, server.endpoint, wait=False) as (link, heard):
        await heard.until(lambda: heard.downs)
        assert "activate session" in heard.downs[0]
        assert link.counters.connects == 0
