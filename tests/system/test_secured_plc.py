"""A PLC with a security policy and a login, by asyncua's server; and the core that is to speak to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from asyncua import Server, ua
from asyncua.server.user_managers import User, UserManager, UserRole
from typer.testing import CliRunner, Result

from alarms.signal import GOOD
from controller.cli import app
from controller.opcua.certificates import Store
from controller.opcua.link import Identity
from controller.plant.config import find_plant
from controller.plant.plant import CERTIFICATES, Plant, Security
from tests.system.linked import linked, with_plc
from tests.system.service import Service
from tests.system.steady_plant import S7, URIS, steady_plant
from tests.unit.papers import NOW, Paper, paper

PASSWORD = "helium 4"


class People(UserManager):
    """One user with one password."""

    def get_user(
        self,
        iserver: object,
        username: str | None = None,
        password: str | None = None,
        certificate: object = None,
    ) -> User | None:
        return User(role=UserRole.User) if (username, password) == ("heloop", PASSWORD) else None


@asynccontextmanager
async def plc(folder: Path, shown: Paper, *policies: ua.SecurityPolicyType) -> AsyncIterator[str]:
    """Serves one value to who logs in on one of the policies; its endpoint."""
    certificate, key = shown.write(folder, "plc")
    server = Server(user_manager=People())
    await server.init()
    await server.set_application_uri("urn:plc:l")
    server.set_endpoint("opc.tcp://127.0.0.1:0")
    await server.load_certificate(certificate)
    await server.load_private_key(key)
    server.set_security_policy(list(policies) or [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    server.set_identity_tokens([ua.UserNameIdentityToken])
    index = await server.register_namespace(URIS[S7])
    node = ua.NodeId(ua.String('"DB"."PT"'), ua.Int16(index))
    await server.nodes.objects.add_variable(node, "PT", 2.5, ua.VariantType.Float)
    await server.start()
    assert server.bserver is not None
    endpoint = f"opc.tcp://127.0.0.1:{server.bserver.port}"
    server.set_endpoint(endpoint)
    try:
        yield endpoint
    finally:
        await server.stop()


def plant_with(security: Security) -> Plant:
    plant = steady_plant()
    tag = replace(plant.tag("L.PRESSURE"), index=0)
    return with_plc(replace(plant, tags=(tag,), index={"L.PRESSURE": 0}), S7, security=security)


async def heloop(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(words))


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLC_PASSWORD", PASSWORD)


POLICIES = ua.SecurityPolicyType


@pytest.mark.parametrize(
    ("policy", "mode", "offered"),
    [
        ("Basic256Sha256", "SignAndEncrypt", POLICIES.Basic256Sha256_SignAndEncrypt),
        ("Basic256Sha256", "Sign", POLICIES.Basic256Sha256_Sign),
        ("Aes128_Sha256_RsaOaep", "SignAndEncrypt", POLICIES.Aes128Sha256RsaOaep_SignAndEncrypt),
        ("Aes256_Sha256_RsaPss", "SignAndEncrypt", POLICIES.Aes256Sha256RsaPss_SignAndEncrypt),
    ],
)
async def test_values_over_each_policy_with_our_own_certificate_and_a_password(
    tmp_path: Path, policy: str, mode: str, offered: ua.SecurityPolicyType
) -> None:
    shown = paper("plc", uri="urn:plc:l", number=4)
    store = Store.of(tmp_path)
    store.trust(shown.certificate)
    plant = plant_with(Security(policy, mode, "heloop", "env:PLC_PASSWORD"))
    async with (
        plc(tmp_path / "plc", shown, offered) as endpoint,
        linked(plant, S7, endpoint, identity=Identity.of(store, "steady")) as (_, heard),
    ):
        assert heard.last("L.PRESSURE")[:2] == (2.5, GOOD)
        assert heard.reports("certificate") == []


async def test_a_plc_whose_certificate_has_expired_is_refused_with_both_ways_out_and_taken_when_let_pass(
    tmp_path: Path,
) -> None:
    old = paper(
        "plc", uri="urn:plc:l", number=4, begins=NOW - timedelta(days=9), ends=NOW - timedelta(days=1)
    )
    store = Store.of(tmp_path)
    store.trust(old.certificate)
    plant = plant_with(Security("Basic256Sha256", "SignAndEncrypt", "heloop", "env:PLC_PASSWORD"))
    async with plc(tmp_path / "plc", old) as endpoint:
        identity = Identity.of(store, "steady")
        async with linked(plant, S7, endpoint, identity=identity, wait=False) as (_, heard):
            await heard.until(lambda: heard.downs)
            assert "expired" in heard.downs[0]
            assert "--expired" in heard.downs[0]
        told = await heloop("certs", "trust", "plc", "--expired", "--data", str(tmp_path))
        assert told.exit_code == 0, told.output
        async with linked(plant, S7, endpoint, identity=identity) as (_, heard):
            (remark,) = heard.reports("certificate")
            assert "is let pass" in remark.text


async def test_browse_and_diff_reach_it_and_say_what_to_do_while_they_do_not(tmp_path: Path) -> None:
    shown = paper("plc", uri="urn:plc:l", number=4)
    data = str(tmp_path / "data")
    async with plc(tmp_path / "plc", shown) as endpoint:
        words = ["browse", endpoint, "--policy", "Basic256Sha256", "--user", "heloop", "--data", data]
        words += ["--password", "env:PLC_PASSWORD"]
        first = await heloop(*words)
        assert first.exit_code == 1
        assert f"`heloop certs trust --data {data} " in first.output
        assert (await heloop("certs", "trust", "plc", "--data", data)).exit_code == 0
        second = await heloop(*words)
        assert second.exit_code == 0, second.output
        assert "policy: Basic256Sha256" in second.output
        other = paper("another", number=5).write(tmp_path, "another")
        third = await heloop(*words, "--certificate", str(other[0]), "--key", str(other[1]))
        assert third.exit_code == 0, third.output
        for wrong in (["--certificate", str(other[0])], ["--password", PASSWORD]):
            assert (await heloop(*words, *wrong)).exit_code == 2
        assert (await heloop("certs", "reject", "plc", "--data", data)).exit_code == 0
        assert (await heloop(*words)).exit_code == 1


def test_a_core_whose_plc_asks_for_a_policy_makes_its_certificate_and_says_what_is_wrong(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "secured"
    shutil.copytree(find_plant("tutorial"), folder)
    (file,) = folder.glob("plc_*.yaml")
    text = file.read_text()
    assert "security:" not in text
    file.write_text(
        text.replace("\ntags:", "\nsecurity:\n  policy: Basic256Sha256\n  mode: SignAndEncrypt\ntags:", 1)
    )
    data = tmp_path / "data"
    store = Store.of(data)
    store.trust(
        paper(
            "old",
            uri="urn:old",
            number=4,
            ends=NOW.replace(year=NOW.year - 1),
            begins=NOW.replace(year=NOW.year - 2),
        ).certificate
    )
    with Service(data, str(folder), {"R": "opc.tcp://127.0.0.1:1"}) as service:
        service.start()
        told = service.story.until("certificate.expired")
        assert "'old' expired" in told.text
        assert (told.severity, told.data["whose"]) == (700, "trusted")
        assert "heloop certs trust" in told.data["fix"]
        own = store.own()
        assert own is not None
        assert own.application_uri.endswith(":heloop:tutorial")
        raised = service.story.until("alarm.raised", CERTIFICATES)
        assert (raised.data["priority"], "'old'" in raised.text) == (3, True)
        service.program.terminate()
        before = service.story.last()
        service.start()  # it stands over a restart, and is not raised again
        service.story.until("certificate.expired", after=before)
        service.program.terminate()
        assert [one.kind for one in service.story.events("alarm.", CERTIFICATES, before)] == []
        store.reject(store.find("old"))
        service.start()
        service.story.until("certificate.settled", after=before)
        service.story.until("alarm.returned", CERTIFICATES, after=before)
        service.program.terminate()
    store.key.unlink()
    with Service(data, str(folder), {"R": "opc.tcp://127.0.0.1:1"}) as service:
        assert service.start().ended() == 2
        assert "heloop certs renew" in service.program.errors


def test_who_is_trusted_and_who_may_come_in_is_told_to_the_journal_of_a_running_service(
    tmp_path: Path,
) -> None:
    data = str(tmp_path / "data")
    scada = paper("scada", number=5)
    shown, _ = scada.write(tmp_path, "scada")
    with Service(tmp_path / "data", "tutorial", {"R": "opc.tcp://127.0.0.1:1"}) as service:
        service.start()
        service.story.until("service.started")
        for words in (
            ["certs", "trust", str(shown)],
            ["users", "add", "sato", "--role", "operator", "--password", "env:PW"],
            ["users", "lock", "sato"],
        ):
            done = CliRunner().invoke(app, [*words, "--data", data], env={"PW": "liquid at 4.2 K"})
            assert done.exit_code == 0, done.output
            assert "not in the journal" not in done.output
        trusted = service.story.until("certificates.changed")
        assert scada.certificate.thumbprint in trusted.text
        assert trusted.data["by"]
        locked = service.story.when(
            lambda: next(
                (one for one in service.story.events("users.changed") if "locked" in one.text), None
            ),
            "lock",
        )
        assert locked.source == "sato"
        service.program.terminate()
