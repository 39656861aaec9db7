"""Who may connect to a simulated PLC: by password, by secured channel, and nobody as asyncua's Admin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from controller.opcua.plc import Access, SimulatedPlcServer
from tests.system.steady_plant import S7, SteadyMachine, connected, steady_plant


@asynccontextmanager
async def guarded(access: Access) -> AsyncIterator[SimulatedPlcServer]:
    machine = SteadyMachine(steady_plant())
    server = SimulatedPlcServer(machine.plant, S7, machine, access=access)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def certificate(directory: Path, name: str, uri: str) -> tuple[Path, Path]:
    """A self-signed certificate for `uri` and its key, as files."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    paths = directory / f"{name}.der", directory / f"{name}.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.DER))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


@pytest.mark.parametrize(
    ("user", "password"), [(None, None), ("heloop", "wrong"), ("admin", "anything"), ("stranger", "secret")]
)
async def test_with_passwords_nobody_else_gets_in(user: str | None, password: str | None) -> None:
    async with guarded(Access(passwords={"heloop": "secret"})) as server:
        client = Client(server.endpoint)
        if user is not None:
            client.set_user(user)
            client.set_password(password or "")
        with pytest.raises((ua.UaError, IndexError)):  # anonymous finds no policy to log in with
            await client.connect()
        await client.disconnect()


async def test_a_named_user_gets_in_and_may_no_more_than_others() -> None:
    async with guarded(Access(passwords={"admin": "secret"})) as server:
        client = Client(server.endpoint)
        client.set_user("admin")
        client.set_password("secret")
        async with client:
            index = await client.get_namespace_index("urn:LIQ-PLC")
            node = client.get_node(ua.NodeId('"DB"."PT"', index))
            with pytest.raises(ua.uaerrors.BadNotWritable):
                await node.write_value(ua.DataValue(ua.Variant(1.0, ua.VariantType.Float)))


async def test_with_a_certificate_only_secured_channels_are_served(tmp_path: Path) -> None:
    served, key = certificate(tmp_path, "plc", "urn:heloop:simulated:L")
    own, own_key = certificate(tmp_path, "peer", "urn:peer")
    async with guarded(Access(certificate=served, key=key)) as server:
        plain = Client(server.endpoint)
        with pytest.raises(ua.uaerrors.BadSecurityModeInsufficient):
            await plain.connect()
        await plain.disconnect()
        for mode in (ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt):
            client = Client(server.endpoint)
            client.application_uri = "urn:peer"
            await client.set_security(
                SecurityPolicyBasic256Sha256, own, own_key, server_certificate=served, mode=mode
            )
            async with client:
                assert await client.get_namespace_index("urn:LIQ-PLC") == 3


async def test_a_restart_keeps_what_was_asked_of_clients(tmp_path: Path) -> None:
    served, key = certificate(tmp_path, "plc", "urn:heloop:simulated:L")
    async with guarded(Access(certificate=served, key=key)) as server:
        await server.go_down()
        await server.come_up(moved=1)
        endpoints = await Client(server.endpoint).connect_and_get_server_endpoints()
        assert {endpoint.SecurityMode for endpoint in endpoints} == {
            ua.MessageSecurityMode.Sign,
            ua.MessageSecurityMode.SignAndEncrypt,
        }


async def test_without_restrictions_everybody_gets_in() -> None:
    async with guarded(Access()) as server, connected(server.endpoint, S7) as peer:
        assert await peer.value("WD") == 0
