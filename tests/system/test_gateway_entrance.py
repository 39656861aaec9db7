"""Who gets into the gateway, over the wire: applications by certificate, people by either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from controller.core.roles import LADDER
from controller.doors.accounts import AccountError, Accounts, DemoAccounts
from controller.opcua.certificates import Certificate, Store, ensure, install
from controller.opcua.gateway.security.authentication import Login
from controller.opcua.gateway.security.entrance import Entrance, entrance
from controller.opcua.gateway.security.roles import ADDED, ANONYMOUS, WELL_KNOWN, granted, least_role
from controller.opcua.gateway.services import Services
from controller.opcua.gateway.session import Caller
from tests.system.gateway_rig import CLIENT_URI, Credentials, Rig, bare, credentials, settings
from tests.unit.papers import NOW, Paper, paper, revocations

Codes = ua.StatusCodes
GOOD = "liquid at 4.2 K"
NODE = "i=2258"


async def _read(gateway: Any, session: Any, request: ua.ReadRequest) -> ua.ReadResponse:
    """Every node says who asked."""
    value = ua.DataValue(ua.Variant(f"{session.caller.user}/{session.caller.role}"))
    return ua.ReadResponse(Results=[value for _ in request.Parameters.NodesToRead])


READS: Services = {ua.ReadRequest: _read}


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Door:
    """A gateway with a data directory's certificate, trust list and people."""

    data: Path
    rig: Rig
    entrance: Entrance
    clock: Clock
    logins: list[Login] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return Store.of(self.data)

    @asynccontextmanager
    async def client(
        self,
        user: str | None = None,
        password: str = GOOD,
        paper_: Paper | None = None,
        trusted: bool = True,
        own: Credentials | None = None,
    ) -> AsyncIterator[Client]:
        """asyncua's client, logged in. paper_: the user's certificate. trusted: its own is trusted first."""
        own = own or credentials(CLIENT_URI)
        if trusted:
            self.store.trust(Certificate.read(own.certificate))
        client = Client(self.rig.url, timeout=10)
        client.application_uri = CLIENT_URI
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            own.certificate,
            own.key,
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
        if user is not None:
            client.set_user(user)
            client.set_password(password)
        if paper_ is not None:
            certificate, key = paper_.write(self.data, "user")
            await client.load_client_certificate(str(certificate))
            await client.load_private_key(key)
        async with client:
            yield client

    async def answer(self, *args: Any, **how: Any) -> Any:
        """What the node says, or the StatusCode of the refusal."""
        try:
            async with self.client(*args, **how) as client:
                return await client.get_node(NODE).read_value()
        except UaStatusCodeError as error:
            return error.code


@asynccontextmanager
async def door(
    data: Path, people: Mapping[str, str] | None = None, *, demo: bool = False
) -> AsyncIterator[Door]:
    """people: name -> role, all with the same password."""
    for name, role in (people or {}).items():
        Accounts.of(data).add(name, role, GOOD)
    clock, heard = Clock(), list[Login]()
    limits = settings().limits
    with entrance("tutorial", data, limits, demo=demo, tell=heard.append, now_s=clock) as made:
        chosen = settings(certificate=made.certificate, key=made.key, application_uri=made.uri)
        async with bare(chosen, [READS], made.authentication, trust=made.trust) as rig:
            yield Door(data, rig, made, clock, heard)


# --- applications -----------------------------------------------------------------------------------------


async def test_an_application_nobody_trusts_is_refused_and_let_in_once_a_person_has_said_so(
    tmp_path: Path,
) -> None:
    async with door(tmp_path, {"sato": "operator"}) as here:
        assert await here.answer("sato", trusted=False) == Codes.BadSecurityChecksFailed
        (stranger,) = here.store.rejects()
        here.store.trust(stranger)
        assert await here.answer("sato", trusted=False) == "sato/operator"
        here.store.reject(stranger)
        assert await here.answer("sato", trusted=False) == Codes.BadSecurityChecksFailed


async def test_the_gateways_own_certificate_names_its_application_uri(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        (endpoint, *_) = await Client(here.rig.url).connect_and_get_server_endpoints()
    shown = Certificate.read(endpoint.ServerCertificate)
    assert shown == Store.of(tmp_path).own()
    assert endpoint.Server.ApplicationUri == shown.application_uri


async def test_a_ca_of_ones_own_for_the_gateway_and_its_clients_until_it_revokes(tmp_path: Path) -> None:
    root = paper("root", authority=True, number=1)
    middle = paper("middle", authority=True, issuer=root, number=2)
    store = Store.of(tmp_path)
    uri = ensure(store, "tutorial").certificate.application_uri
    key = load_pem_private_key(store.key.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signed = paper("heloop", issuer=middle, uri=uri, key=key)
    install(store, signed.der + middle.der + root.der)
    store.trust(root.certificate)
    store.add_issuer(middle.certificate)
    store.add_revocations(revocations(root))
    store.add_revocations(revocations(middle))
    scada = paper("scada", issuer=middle, uri=CLIENT_URI, number=3)
    private = scada.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    how: dict[str, Any] = {"trusted": False, "own": Credentials(scada.der, private)}
    async with door(tmp_path, {"sato": "operator"}) as here:
        (endpoint, *_) = await Client(here.rig.url).connect_and_get_server_endpoints()
        assert endpoint.ServerCertificate == signed.der + middle.der
        assert await here.answer("sato", **how) == "sato/operator"
        store.add_revocations(revocations(middle, scada))
        assert await here.answer("sato", **how) == Codes.BadSecurityChecksFailed


async def test_an_application_that_is_trusted_no_longer_loses_its_sessions(tmp_path: Path) -> None:
    async with door(tmp_path, {"sato": "operator"}) as here, here.client("sato") as client:
        sessions = here.rig.gateway.sessions
        here.entrance.send_away(sessions)
        here.store.trust(paper("another", number=8).certificate)
        assert here.entrance.send_away(sessions) == 0
        here.store.reject(Certificate.read(credentials(CLIENT_URI).certificate))
        assert here.entrance.send_away(sessions) == 1
        with pytest.raises(UaStatusCodeError):
            await client.get_node(NODE).read_value()


# --- people -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", LADDER)
async def test_each_role_comes_in_as_itself(tmp_path: Path, role: str) -> None:
    async with door(tmp_path, {"sato": role}) as here:
        assert await here.answer("sato") == f"sato/{role}"
        (login,) = here.logins
        assert (login.user, login.role, login.how, login.why) == ("sato", role, "password", "")
        assert login.application == CLIENT_URI


async def test_a_wrong_password_and_an_unknown_user_look_the_same_and_the_journal_has_both(
    tmp_path: Path,
) -> None:
    async with door(tmp_path, {"sato": "operator"}) as here:
        assert await here.answer("sato", "liquid at 4.3 K") == Codes.BadUserAccessDenied
        assert await here.answer("mori") == Codes.BadUserAccessDenied
        assert await here.answer("sato", " ") == Codes.BadUserAccessDenied
        assert await here.answer("sato") == "sato/operator"
    assert [(one.user, one.code) for one in here.logins] == [
        ("sato", Codes.BadUserAccessDenied),
        ("mori", Codes.BadUserAccessDenied),
        ("sato", Codes.BadUserAccessDenied),
        ("sato", 0),
    ]
    assert {one.peer for one in here.logins} == {"127.0.0.1"}


async def test_after_five_wrong_passwords_the_right_one_waits_five_minutes(tmp_path: Path) -> None:
    async with door(tmp_path, {"sato": "operator", "mori": "viewer"}) as here:
        for number in range(5):
            assert await here.answer("sato", f"guess {number}") == Codes.BadUserAccessDenied
        assert here.logins[-1].begins
        assert await here.answer("sato") == Codes.BadUserAccessDenied
        assert "locked out" in here.logins[-1].why
        assert await here.answer("mori") == "mori/viewer"
        here.clock.now_s += 301
        assert await here.answer("sato") == "sato/operator"


async def test_a_user_with_a_certificate_of_their_own(tmp_path: Path) -> None:
    mine, other = paper("sato", uri=None, number=5), paper("other", uri=None, number=6)
    old = paper("old", uri=None, number=7, begins=NOW - timedelta(days=9), ends=NOW - timedelta(days=1))
    async with door(tmp_path, {"sato": "engineer"}) as here:
        accounts = Accounts.of(tmp_path)
        assert await here.answer(paper_=mine) == Codes.BadIdentityTokenRejected
        accounts.add_certificate("sato", mine.certificate.fingerprint)
        assert await here.answer(paper_=mine) == "sato/engineer"
        assert await here.answer(paper_=other) == Codes.BadIdentityTokenRejected
        forged = Paper(mine.certificate, other.key)
        assert await here.answer(paper_=forged) == Codes.BadUserSignatureInvalid
        accounts.add_certificate("sato", old.certificate.fingerprint)
        assert await here.answer(paper_=old) == Codes.BadIdentityTokenRejected
        accounts.lock("sato", locked=True)
        assert await here.answer(paper_=mine) == Codes.BadUserAccessDenied
    assert [one.user for one in here.logins] == ["sato", "sato", "other", "sato", "old", "sato"]


async def test_nobody_is_a_viewer_where_that_is_allowed(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        assert await here.answer() == "/viewer"
    assert here.logins == []


async def test_who_is_removed_locked_or_put_lower_is_sent_away_and_others_stay(tmp_path: Path) -> None:
    async with door(
        tmp_path, {"sato": "engineer", "mori": "viewer", "kato": "operator", "abe": "operator"}
    ) as here:
        accounts, sessions = Accounts.of(tmp_path), here.rig.gateway.sessions
        async with (
            here.client("sato") as first,
            here.client("mori") as second,
            here.client("kato") as third,
            here.client("abe") as fourth,
        ):
            assert here.entrance.send_away(sessions) == 0
            accounts.set_role("sato", "operator")
            accounts.lock("kato", locked=True)
            accounts.remove("abe")
            accounts.set_role("mori", "operator")
            assert here.entrance.send_away(sessions) == 3
            for gone in (first, third, fourth):
                with pytest.raises(UaStatusCodeError):
                    await gone.get_node(NODE).read_value()
            assert await second.get_node(NODE).read_value() == "mori/viewer"  # more only at the next login


# --- the demo -------------------------------------------------------------------------------------------


async def test_in_the_demo_any_certificate_and_the_demos_users(tmp_path: Path) -> None:
    async with door(tmp_path, demo=True) as here:
        assert await here.answer("supervisor", "demo-supervisor", trusted=False) == "supervisor/supervisor"
        assert await here.answer("admin", "demo-supervisor", trusted=False) == Codes.BadUserAccessDenied
    assert not Accounts.of(tmp_path).path.exists()


def test_a_service_does_not_start_with_the_demos_passwords(tmp_path: Path) -> None:
    accounts = Accounts.of(tmp_path)
    accounts.add("operator", "operator", GOOD)
    demo = DemoAccounts().all()["operator"].password
    text = accounts.path.read_text()
    start = text.index("$argon2id")
    accounts.path.write_text(text[:start] + demo + text[text.index('"', start) :])
    with (
        pytest.raises(AccountError, match="heloop users passwd operator"),
        entrance("tutorial", tmp_path, settings().limits),
    ):
        pass


# --- the standard's roles ----------------------------------------------------------------------------------


def test_the_ladder_has_the_standards_roles_each_rung_those_below_it_too() -> None:
    assert {least_role(role) for role in WELL_KNOWN} == set(LADDER)
    assert least_role(ua.NodeId(ua.Int32(ua.ObjectIds.WellKnownRole_SecurityAdmin))) == "admin"
    assert least_role(ua.NodeId(ua.Int32(1))) is None
    for rung in LADDER:
        roles = granted(Caller("sato", rung, "s"))
        assert {least_role(role) for role in roles} == set(LADDER[: LADDER.index(rung) + 1])
        assert set(ADDED[rung]) <= set(roles)
    assert granted(Caller("", "viewer", "s")) == (ANONYMOUS, *ADDED["viewer"])
