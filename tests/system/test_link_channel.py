"""What a link needs of channel and session: certificates, logins, renewals, namespaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from alarms.signal import GOOD
from controller.opcua.certificates import Certificate, Store
from controller.opcua.link import Identity, secret
from controller.opcua.link.errors import LinkLost
from controller.opcua.plc import Access, SimulatedPlcServer
from controller.opcua.status import BAD_NODE_ID_UNKNOWN
from controller.plant.plant import Plant, Security
from tests.system.linked import BRISK, linked, with_plc
from tests.system.steady_plant import S7, URIS, SteadyMachine, serving, steady_plant

ENCRYPTED = Security("Basic256Sha256", "SignAndEncrypt")


def pressure_only(**plc: object) -> Plant:
    """The steady plant with one tag on its first PLC."""
    plant = steady_plant()
    tag = replace(plant.tag("L.PRESSURE"), index=0)
    return with_plc(replace(plant, tags=(tag,), index={"L.PRESSURE": 0}), S7, **plc)


async def certificate(folder: Path, name: str, uri: str, use: object) -> tuple[Path, Path]:
    key, cert = folder / f"{name}.pem", folder / f"{name}.der"
    await setup_self_signed_certificate(key, cert, uri, "localhost", [use], {})  # type: ignore[list-item]
    return cert, key


class Plain:
    """A server of asyncua, as plain as it comes, with the pressure's node if `with_node`."""

    def __init__(self) -> None:
        self.server = Server()
        self.endpoint = ""

    async def start(self, encrypted: tuple[Path, Path] | None, with_node: bool) -> None:
        await self.server.init()
        self.server.set_endpoint("opc.tcp://127.0.0.1:0")
        if encrypted:
            await self.server.load_certificate(encrypted[0])
            await self.server.load_private_key(encrypted[1])
            self.server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        else:
            self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        if with_node:
            await self.load_program()
        await self.server.start()
        assert self.server.bserver is not None
        self.endpoint = f"opc.tcp://127.0.0.1:{self.server.bserver.port}"
        self.server.set_endpoint(self.endpoint)

    async def load_program(self) -> None:
        index = await self.server.register_namespace(URIS[S7])
        node = ua.NodeId('"DB"."PT"', index)
        await self.server.nodes.objects.add_variable(node, "PT", 2.5, ua.VariantType.Float)


@asynccontextmanager
async def plain(
    *, encrypted: tuple[Path, Path] | None = None, with_node: bool = True
) -> AsyncIterator[Plain]:
    server = Plain()
    await server.start(encrypted, with_node)
    try:
        yield server
    finally:
        await server.server.stop()


# --- encryption ---------------------------------------------------------------------------------------


@pytest.fixture
async def keys(tmp_path: Path) -> tuple[Identity, tuple[Path, Path]]:
    """Ours, which trusts nobody yet, and the server's."""
    mine = await certificate(tmp_path, "link", "urn:heloop:link", ExtendedKeyUsageOID.CLIENT_AUTH)
    theirs = await certificate(
        tmp_path, "plc", "urn:freeopcua:python:server", ExtendedKeyUsageOID.SERVER_AUTH
    )
    return Identity(*mine, Store(tmp_path / "pki")), theirs


async def test_a_server_whose_certificate_is_trusted_is_spoken_to_in_secret(
    keys: tuple[Identity, tuple[Path, Path]],
) -> None:
    identity, theirs = keys
    assert identity.store is not None
    identity.store.trust(Certificate.read(theirs[0].read_bytes()))
    plant = pressure_only(security=ENCRYPTED)
    async with (
        plain(encrypted=theirs) as server,
        linked(plant, S7, server.endpoint, identity=identity) as (_, heard),
    ):
        assert heard.last("L.PRESSURE")[:2] == (2.5, GOOD)
        (remark,) = heard.reports("certificate")
        assert "made for localhost, not for 127.0.0.1" in remark.text  # a person has trusted it all the same


async def test_a_server_nobody_trusts_is_refused_with_its_thumbprint(
    keys: tuple[Identity, tuple[Path, Path]],
) -> None:
    identity, theirs = keys
    plant = pressure_only(security=ENCRYPTED)
    async with (
        plain(encrypted=theirs) as server,
        linked(plant, S7, server.endpoint, identity=identity, wait=False) as (link, heard),
    ):
        await heard.until(lambda: heard.downs)
        assert identity.store is not None
        (shown,) = identity.store.rejects()
        assert shown.der == theirs[0].read_bytes()
        assert f"`heloop certs trust {shown.thumbprint[:16]}`" in heard.downs[0]
        assert link.counters.connects == 0


async def test_encryption_without_a_certificate_of_our_own_is_said_to_need_one() -> None:
    plant = pressure_only(security=ENCRYPTED)
    async with linked(plant, S7, "opc.tcp://127.0.0.1:9", wait=False) as (_, heard):
        await heard.until(lambda: heard.downs)
        assert "needs a client certificate" in heard.downs[0]


async def test_a_missing_password_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    plant = pressure_only(security=Security(user="heloop", password="env:NO_SUCH_PASSWORD"))
    async with linked(plant, S7, "opc.tcp://127.0.0.1:9", wait=False) as (_, heard):
        await heard.until(lambda: heard.downs)
        assert "env:NO_SUCH_PASSWORD" in heard.downs[0]


async def test_a_login_over_an_open_channel_works_and_is_remarked_upon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLC_PASSWORD", "helium 4")
    machine = SteadyMachine(steady_plant())
    plant = with_plc(machine.plant, S7, security=Security(user="heloop", password="env:PLC_PASSWORD"))
    access = Access(passwords={"heloop": "helium 4"})
    server = SimulatedPlcServer(machine.plant, S7, machine, access=access)
    await server.start()
    async with linked(plant, S7, server.endpoint) as (_, heard):
        assert heard.last("L.PRESSURE").status == GOOD
        assert len(heard.reports("password")) == 1
    await server.stop()


def test_secrets_come_from_where_they_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plc").write_text("helium 4\n")
    monkeypatch.setenv("PLC_PASSWORD", "helium 3")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found = [
        secret(reference) for reference in ("env:PLC_PASSWORD", f"file:{tmp_path}/plc", "credential:plc")
    ]
    assert found == ["helium 3", "helium 4", "helium 4"]
    for reference in ("env:NOT_THERE", "file:/not/there", "credential:other", "helium 4"):
        with pytest.raises(LinkLost, match="the secret"):
            secret(reference)


# --- renewals, life-times, namespaces --------------------------------------------------------------------


async def test_the_channel_is_renewed_before_it_ends_and_nothing_is_lost() -> None:
    machine = SteadyMachine(steady_plant())
    timing = replace(BRISK, channel_s=0.6)
    async with (
        serving(machine, S7) as server,
        linked(machine.plant, S7, server.endpoint, timing=timing) as (link, heard),
    ):
        for value in range(1, 6):  # at 500 ms publishing this takes some five renewals
            machine.set("L.PRESSURE", value)
            server.update()
            await heard.reads("L.PRESSURE", value)
        assert (heard.downs, link.counters.gaps) == ([], 0)


async def test_a_channel_that_cannot_be_renewed_ends_the_connection() -> None:
    machine = SteadyMachine(steady_plant())
    timing = replace(BRISK, channel_s=0.2, step_s=0.3, keepalive_s=20)
    async with (
        serving(machine, S7) as server,
        linked(machine.plant, S7, server.endpoint, timing=timing) as (_, heard),
    ):
        server.hold(hung=True)  # no silence is noticed within 60 s, but the renewal is not answered
        await heard.until(lambda: heard.downs)
        assert "renew secure channel" in heard.downs[0]
        server.release()


async def test_a_session_with_a_short_life_is_kept() -> None:
    machine = SteadyMachine(steady_plant())
    timing = replace(BRISK, session_s=0.6, keepalive_s=20)  # without our asking it would end
    async with (
        serving(machine, S7) as server,
        linked(machine.plant, S7, server.endpoint, timing=timing) as (_, heard),
    ):
        for value in range(1, 5):
            machine.set("L.PRESSURE", value)
            server.update()
            await heard.reads("L.PRESSURE", value)
        assert heard.downs == []


async def test_a_program_that_is_loaded_later_brings_its_tags_to_life() -> None:
    plant = pressure_only()
    async with plain(with_node=False) as server, linked(plant, S7, server.endpoint) as (_, heard):
        assert heard.last("L.PRESSURE").status == BAD_NODE_ID_UNKNOWN
        await server.load_program()
        await heard.until(lambda: heard.last("L.PRESSURE")[:2] == (2.5, GOOD))
        assert heard.downs == ["the server's namespaces have changed"]


async def test_the_servers_clock_stands_in_for_a_counter_that_cannot_be_read() -> None:
    machine = SteadyMachine(steady_plant())
    plant = with_plc(machine.plant, S7, alive_after_s=0.1)
    async with serving(machine, S7) as server, linked(plant, S7, server.endpoint) as (_, heard):
        server.take_out("L.COUNT")
        server.update()  # the last the server does; it goes on answering
        await heard.until(lambda: heard.downs)
        assert "clock has stood still" in heard.downs[0]


async def test_the_reason_is_said_again_only_when_it_changes() -> None:
    machine = SteadyMachine(steady_plant())
    async with serving(machine, S7) as server:
        await server.go_down()
        async with linked(machine.plant, S7, server.endpoint, wait=False) as (_, heard):
            await heard.until(lambda: heard.downs)
            await server.come_up()
            server.hold(hung=True)
            await heard.until(lambda: heard.reports("connect"))
            assert "no answer" in heard.reports("connect")[-1].text
            assert len(heard.downs) == 1
            server.release()
