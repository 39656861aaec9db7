"""Whose session it is: nobody gets in by another's certificate, token, login or chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import InvalidSignature
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from controller.opcua.gateway.services import Fault
from tests.system.gateway_rig import CLIENT_URI, Credentials, Rig, bare, credentials, settings
from tests.system.gateway_wire import chunk, opened, text, wire
from tests.system.test_gateway_sessions import READS

CODES = ua.StatusCodes
ENCRYPT = ua.MessageSecurityMode.SignAndEncrypt
NODE = "i=2258"


@asynccontextmanager
async def channel(gateway: Rig, own: Credentials | None, mode: Any = ENCRYPT) -> AsyncIterator[Client]:
    """asyncua's client with an open channel and nothing more; own None: without security."""
    client = Client(gateway.url, timeout=5)
    client.application_uri = CLIENT_URI
    if own is not None:
        policy = SecurityPolicyBasic256Sha256
        await client.set_security(policy, own.certificate, own.key, mode=mode)
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        yield client
    finally:
        await client._cancel_task(client._renew_channel_task)
        client.disconnect_socket()


async def code_of(work: Any) -> int:
    try:
        await work
    except UaStatusCodeError as error:
        return int(error.code)
    return 0


def token_of(client: Client) -> ua.NodeId:
    return client.uaclient.session.authentication_token


def use_token(client: Client, token: ua.NodeId) -> None:
    client.uaclient.session.restore_authentication_token(token)


def use_nonce(client: Client, nonce: bytes | None) -> None:
    client._server_nonce = nonce  # type: ignore[assignment]  # asyncua takes it for always None


def mine() -> Credentials:
    return credentials(CLIENT_URI)


def signed(client: Client, nonce: bytes) -> Any:
    """A server's challenge: its certificate and its nonce."""
    policy = client.security_policy
    assert policy.peer_certificate is not None
    return policy.asymmetric_cryptography.signature(policy.peer_certificate + nonce)  # type: ignore[no-untyped-call]


def thief() -> Credentials:
    """Another application's certificate, which claims the same application URI."""
    return credentials(CLIENT_URI, "thief")


async def read(client: Client) -> Any:
    return await client.get_node(NODE).read_value()


# --- the channel without security -------------------------------------------------------------------------


async def test_where_it_is_not_configured_a_channel_without_security_is_for_discovery_alone() -> None:
    async with bare(settings(plain="discovery"), tables=[READS]) as gateway:
        found = await Client(gateway.url).connect_and_get_server_endpoints()
        assert all(one.SecurityMode != ua.MessageSecurityMode.None_ for one in found)
        async with channel(gateway, None) as client:
            assert await code_of(client.create_session()) == CODES.BadSecurityPolicyRejected
            assert await code_of(read(client)) == CODES.BadSessionIdInvalid
            assert await code_of(client.uaclient.add_nodes([])) == CODES.BadServiceUnsupported


@pytest.mark.parametrize("name", ["admin", "operator"])
async def test_without_security_no_name_is_taken_and_nobody_is_more_than_a_viewer(name: str) -> None:
    async with bare(tables=[READS]) as gateway:
        async with channel(gateway, None) as client:
            await client.create_session()
            assert (
                await code_of(client.activate_session(name, f"demo-{name}")) == CODES.BadIdentityTokenRejected
            )
        async with gateway.client(mode=None):
            (session,) = [one for one in gateway.gateway.sessions.all() if one.active]
            assert session.caller.role == "viewer"


async def test_a_gateway_may_want_a_name_of_everybody() -> None:
    async with bare(settings(anonymous=False), tables=[READS]) as gateway, channel(gateway, mine()) as client:
        await client.create_session()
        assert await code_of(client.activate_session()) == CODES.BadIdentityTokenRejected


async def test_no_name_opens_without_its_password_nor_adds_nodes_with_it() -> None:
    async with bare(tables=[READS]) as gateway:
        async with channel(gateway, mine()) as client:
            await client.create_session()
            assert await code_of(client.activate_session("admin", "anything")) == CODES.BadUserAccessDenied
        async with gateway.client("admin") as client:
            assert await code_of(client.uaclient.add_nodes([])) == CODES.BadServiceUnsupported
            assert (
                await code_of(client.uaclient.delete_nodes(ua.DeleteNodesParameters()))
                == CODES.BadServiceUnsupported
            )


# --- certificates -----------------------------------------------------------------------------------------


async def test_who_is_not_trusted_gets_no_channel_whatever_certificate_is_stated_later() -> None:
    """The channel's certificate is judged, not one that a client names in CreateSession."""

    def trust(shown: bytes) -> None:
        if shown != mine().certificate:
            raise Fault(CODES.BadSecurityChecksFailed, "not on our list: the log says so, the wire does not")

    async with bare(tables=[READS], trust=trust) as gateway:
        async with channel(gateway, mine()) as client:
            await client.create_session()
        with pytest.raises((UaStatusCodeError, ConnectionError, TimeoutError)):
            async with channel(gateway, thief()):
                pass
        assert gateway.counters.channels == 3, "two looked for our certificate first; one got in"


@pytest.mark.parametrize("stated", [None, "somebody else's"])
async def test_the_stated_certificate_is_the_channels_own(stated: str | None) -> None:
    async with bare(tables=[READS]) as gateway, channel(gateway, thief()) as client:
        asked = ua.CreateSessionParameters()
        asked.ClientNonce = bytes(range(32))
        asked.ClientDescription.ApplicationUri = CLIENT_URI
        asked.ClientCertificate = None if stated is None else mine().certificate
        assert await code_of(client.uaclient.create_session(asked)) == CODES.BadCertificateInvalid


async def test_a_certificate_is_for_one_application() -> None:
    async with bare(tables=[READS]) as gateway, channel(gateway, mine()) as client:
        client.application_uri = "urn:somebody:else"
        assert await code_of(client.create_session()) == CODES.BadCertificateUriInvalid
        client.application_uri = CLIENT_URI
        asked = ua.CreateSessionParameters()
        asked.ClientNonce = b"short"
        asked.ClientCertificate = mine().certificate
        assert await code_of(client.uaclient.create_session(asked)) == CODES.BadNonceInvalid


async def test_a_certificate_without_its_key_opens_nothing() -> None:
    """Its owner's public certificate is known to everybody; the signature is what counts."""
    own = Credentials(mine().certificate, thief().key)
    async with bare(tables=[READS]) as gateway:
        with pytest.raises((UaStatusCodeError, ConnectionError, TimeoutError, InvalidSignature)):
            async with channel(gateway, own):
                pass
        assert gateway.counters.channels == 1, "that of its look for our certificate"


# --- tokens and sessions ----------------------------------------------------------------------------------


async def test_tokens_are_random_and_good_on_one_connection() -> None:
    async with bare(tables=[READS]) as gateway, gateway.client("operator") as bob:
        tokens = {session.token.Identifier for session in gateway.gateway.sessions.all()}
        assert all(isinstance(token, bytes) and len(token) == 32 for token in tokens)
        for guess in (ua.NodeId(1000), ua.NodeId(bytes(32), 0), ua.NodeId("admin"), ua.NodeId()):
            async with channel(gateway, thief()) as eve:
                use_token(eve, guess)
                assert await code_of(read(eve)) == CODES.BadSessionIdInvalid
        async with channel(gateway, thief()) as eve:
            use_token(eve, token_of(bob))
            assert await code_of(read(eve)) == CODES.BadSecureChannelIdInvalid
            closing = eve.uaclient._send_request(ua.CloseSessionRequest(DeleteSubscriptions=True))
            assert await code_of(closing) == CODES.BadSecureChannelIdInvalid
        assert await read(bob) == "operator", "bob does not notice"


@pytest.mark.parametrize("own", ["another certificate", "no certificate", "another mode"])
async def test_a_stolen_token_activates_nothing_on_another_applications_channel(own: str) -> None:
    async with bare(tables=[READS]) as gateway, gateway.client("operator") as bob:
        who = {"another certificate": thief(), "no certificate": None, "another mode": mine()}[own]
        mode = ua.MessageSecurityMode.Sign if own == "another mode" else ENCRYPT
        async with channel(gateway, who, mode) as eve:
            use_token(eve, token_of(bob))
            use_nonce(eve, next(iter(gateway.gateway.sessions.all())).nonce)
            eve.security_policy.peer_certificate = settings().certificate
            assert await code_of(eve.activate_session("engineer", "demo-engineer")) in {
                CODES.BadSecurityChecksFailed,
                CODES.BadIdentityTokenInvalid,
            }
        assert await read(bob) == "operator"
        assert next(iter(gateway.gateway.sessions.all())).caller.user == "operator"


async def test_a_new_channel_takes_a_session_over_with_the_same_certificate_and_user_only() -> None:
    """As a client does that has lost its connection; the old one, should it live, is out."""
    async with bare(tables=[READS]) as gateway, gateway.client("operator") as bob:
        (session,) = gateway.gateway.sessions.all()
        nonce = session.nonce
        async with channel(gateway, mine()) as again:
            use_token(again, token_of(bob))
            use_nonce(again, nonce)
            again._policy_ids = bob._policy_ids
            code = await code_of(again.activate_session("engineer", "demo-engineer"))
            assert code == CODES.BadIdentityChangeNotSupported
            assert await read(bob) == "operator"
            use_nonce(again, session.nonce)
            await again.activate_session("operator", "demo-operator")
            assert await read(again) == "operator"
            assert await code_of(read(bob)) == CODES.BadSecureChannelIdInvalid


async def test_without_a_certificate_a_session_is_taken_over_only_when_its_connection_has_gone() -> None:
    async with bare(tables=[READS]) as gateway:
        async with channel(gateway, None) as bob:
            await bob.create_session()
            await bob.activate_session()
            token = token_of(bob)
            async with channel(gateway, None) as eve:
                use_token(eve, token)
                assert await code_of(eve.activate_session()) == CODES.BadSecureChannelIdInvalid
            assert await read(bob) == ""
        while next(iter(gateway.gateway.sessions.all())).channel is not None:
            await asyncio.sleep(0.01)
        async with channel(gateway, None) as bob:
            use_token(bob, token)
            await bob.activate_session()
            assert await read(bob) == ""


async def test_a_session_that_was_not_activated_serves_nothing_and_ends() -> None:
    async with bare(tables=[READS]) as gateway, channel(gateway, mine()) as client:
        await client.create_session()
        assert await code_of(read(client)) == CODES.BadSessionNotActivated
        assert len(gateway.gateway.sessions) == 0


# --- what was recorded on the way -------------------------------------------------------------------------


async def test_a_recorded_login_is_good_once() -> None:
    """The nonce changes with every activation, for the signature and for the encrypted password."""
    async with bare(tables=[READS]) as gateway, channel(gateway, mine()) as client:
        await client.create_session()
        first = client._server_nonce
        await client.activate_session("operator", "demo-operator")
        use_nonce(client, first)
        code = await code_of(client.activate_session("operator", "demo-operator"))
        assert code == CODES.BadApplicationSignatureInvalid
        (session,) = gateway.gateway.sessions.all()
        asked = ua.ActivateSessionParameters()
        asked.ClientSignature.Signature = signed(client, session.nonce)
        asked.UserIdentityToken = ua.UserNameIdentityToken(PolicyId="username", UserName="operator")
        secret, algorithm = client._encrypt_password("demo-operator", client.security_policy.URI)
        asked.UserIdentityToken.Password = secret
        asked.UserIdentityToken.EncryptionAlgorithm = algorithm
        assert await code_of(client.uaclient.activate_session(asked)) == CODES.BadIdentityTokenInvalid


async def test_a_password_in_clear_is_not_taken_even_inside_an_encrypted_channel() -> None:
    async with bare(tables=[READS]) as gateway, channel(gateway, mine()) as client:
        await client.create_session()
        asked = ua.ActivateSessionParameters()
        (session,) = gateway.gateway.sessions.all()
        asked.ClientSignature.Signature = signed(client, session.nonce)
        asked.UserIdentityToken = ua.UserNameIdentityToken(PolicyId="username", UserName="operator")
        asked.UserIdentityToken.Password = b"demo-operator"
        assert await code_of(client.uaclient.activate_session(asked)) == CODES.BadIdentityTokenInvalid


async def test_a_user_certificate_counts_with_a_signature_of_its_own_key() -> None:
    async with bare(tables=[READS]) as gateway:
        for key, code in [(mine().key, 0), (thief().key, CODES.BadUserAccessDenied)]:
            async with channel(gateway, mine()) as client:
                await client.create_session()
                client.user_private_key = load_der_private_key(key, password=None)
                certificate = x509.load_der_x509_certificate(mine().certificate)
                assert await code_of(client.activate_session(certificate=certificate)) == code


def recorded(sent: list[bytes], write: Callable[[bytes], None], data: bytes) -> None:
    sent.append(data)
    write(data)


async def test_a_chunk_sent_twice_or_changed_ends_its_connection_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bare(tables=[READS]) as gateway, gateway.client("operator") as bob:
        for change in (False, True):
            async with channel(gateway, mine()) as client:
                sent: list[bytes] = []
                transport = client.uaclient.protocol.transport
                write = transport.write
                monkeypatch.setattr(transport, "write", partial(recorded, sent, write))
                await client.get_endpoints()
                again = bytearray(sent[-1])
                if change:
                    again[-1] ^= 1
                write(bytes(again))
                while len(gateway.listening.connections) > 1:
                    await asyncio.sleep(0.01)
        assert await read(bob) == "operator"


async def test_an_opening_for_another_server_or_by_an_unfit_key_is_refused() -> None:
    async with bare(tables=[READS]) as gateway:
        uri = SecurityPolicyBasic256Sha256.URI
        head = bytes(4) + text(uri) + text(mine().certificate)
        async with wire(gateway.listening.port) as one:
            await one.hello()
            one.send(chunk(b"OPN", head + text(bytes(20)) + bytes(256)))
            assert await one.error() == CODES.BadCertificateInvalid
        async with opened(gateway.listening.port) as one:
            one.send(chunk(b"OPN", head + text(bytes(20)) + bytes(256)))
            assert await one.error() == CODES.BadSecurityChecksFailed, "a renewal under another policy"
