"""`heloop certs renew` while the gateway serves: who is connected stays, who comes gets the new pair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.uaerrors import UaError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controller.doors.accounts import Accounts
from controller.opcua.certificates import Certificate, Store, ensure, install, renew
from controller.opcua.gateway.running import Running, serving
from controller.opcua.gateway.security.limits import QuietLog
from controller.opcua.gateway.security.own import OwnCertificate
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.space.names import of_plant
from controller.plant.plant import CERTIFICATES
from tests.system.gateway_rig import CLIENT_URI, behind, credentials
from tests.unit.papers import paper

GOOD = "liquid at 4.2 K"
TIME = "i=2258"


@asynccontextmanager
async def served(data: Path) -> AsyncIterator[Running]:
    async with behind(data) as core, serving(core.plant, data, replace(Settings(), port=0)) as running:
        yield running


async def prepared(running: Running, knows: bytes | None = None) -> Client:
    """A client that is not connected yet. knows: the server's certificate, when it does not ask for it."""
    client = Client(running.listening.url.replace("localhost", "127.0.0.1"), timeout=20)
    client.application_uri = CLIENT_URI
    own = credentials(CLIENT_URI)
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        own.certificate,
        own.key,
        server_certificate=knows,
        mode=ua.MessageSecurityMode.SignAndEncrypt,
    )
    client.set_user("sato")
    client.set_password(GOOD)
    return client


async def taken(running: Running, own: Certificate) -> None:
    """The gateway has seen the new certificate."""
    async with asyncio.timeout(20):
        while running.gateway.settings.certificate[: len(own.der)] != own.der:
            await asyncio.sleep(0.05)


async def test_who_is_connected_stays_and_who_comes_gets_the_new_certificate(tmp_path: Path) -> None:
    Accounts.of(tmp_path).add("sato", "operator", GOOD)
    Accounts.of(tmp_path).add("mori", "engineer", GOOD)
    Store.of(tmp_path).trust(Certificate.read(credentials(CLIENT_URI).certificate))
    async with served(tmp_path) as running:
        old = Store.of(tmp_path).own()
        assert old is not None
        async with await prepared(running) as stays:
            new = renew(Store.of(tmp_path), "tutorial").certificate
            await taken(running, new)
            assert await stays.get_node(TIME).read_value()
            await stays.open_secure_channel(renew=True)
            assert await stays.get_node(TIME).read_value(), "its channel was renewed with the pair it knows"
            await stays.activate_session("mori", GOOD)
            callers = {one.caller.user for one in running.gateway.sessions.all()}
            assert callers == {"mori"}, "a password for the old certificate, on the channel that has it"
            async with await prepared(running) as comes:
                assert comes.security_policy.peer_certificate == new.der
                assert await comes.get_node(TIME).read_value()
                shown = comes.get_node(of_plant(f"{CERTIFICATES}/Certificate"))
                assert await shown.read_value() == new.der
                ends = comes.get_node(of_plant(f"{CERTIFICATES}/ExpirationDate"))
                assert await ends.read_value() == new.not_after
            assert await stays.get_node(TIME).read_value()
        late = await prepared(running, knows=old.der)
        with pytest.raises((UaError, OSError)):
            await late.connect()


async def test_a_chain_of_ones_own_ca_is_taken_while_the_gateway_serves(tmp_path: Path) -> None:
    store = Store.of(tmp_path)
    uri = ensure(store, "tutorial").certificate.application_uri
    root = paper("root", authority=True, number=1)
    middle = paper("middle", authority=True, issuer=root, number=2)
    key = load_pem_private_key(store.key.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signed = paper("heloop", issuer=middle, uri=uri, key=key)
    async with served(tmp_path) as running:
        install(store, signed.der + middle.der + root.der)
        await taken(running, signed.certificate)
        (endpoint, *_) = await Client(running.listening.url).connect_and_get_server_endpoints()
        assert endpoint.ServerCertificate == signed.der + middle.der
    async with served(tmp_path) as running:
        shown = running.gateway.conditions.fields(CERTIFICATES)["Certificate"]
        assert shown.Value == signed.der, "without those above it"


def test_a_pair_that_is_being_written_and_another_applications_are_not_taken(tmp_path: Path) -> None:
    store = Store.of(tmp_path)
    first = ensure(store, "tutorial").certificate
    own = OwnCertificate(store, first.application_uri, QuietLog("test", lambda: 0.0))
    assert own.renewed() is None
    old_key = store.key.read_bytes()
    second = renew(store, "tutorial").certificate
    new_key = store.key.read_bytes()
    store.key.write_bytes(old_key)
    assert own.renewed() is None, "the key is still the old one's"
    store.key.unlink()
    assert own.renewed() is None
    store.key.write_bytes(new_key)
    taken_ = own.renewed()
    assert taken_ is not None
    assert taken_.der == second.der
    assert own.renewed() is None, "once"
    store.certificate.write_bytes(b"no certificate")
    assert own.renewed() is None
    key = load_pem_private_key(new_key, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    store.certificate.write_bytes(paper("heloop", uri="urn:another", key=key).der)
    assert own.renewed() is None
