"""What each role may do at the whole gateway: look, write a command, call a method, see who else may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.uaerrors import UaStatusCodeError

from controller.core.inputs import Note
from controller.core.roles import LADDER
from controller.doors.accounts import Accounts
from controller.opcua.certificates import Certificate, Store
from controller.opcua.gateway.running import Running, serving
from controller.opcua.gateway.security.roles import ADDED, WELL_KNOWN, granted
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.space.names import of_plant
from controller.plant.plant import CERTIFICATES
from tests.system.gateway_rig import CLIENT_URI, Behind, behind, credentials
from tests.system.service import Story

Codes = ua.StatusCodes
GOOD = "liquid at 4.2 K"
COMMAND = of_plant("C-301.CMD")
STOP = 2


@dataclass
class Whole:
    """The gateway over a core without PLCs; story: the journal, read from outside."""

    running: Running
    behind: Behind
    data: Path

    @property
    def story(self) -> Story:
        return Story(self.data)

    @asynccontextmanager
    async def client(self, user: str | None = None, password: str = GOOD) -> AsyncIterator[Client]:
        own = credentials(CLIENT_URI)
        Store.of(self.data).trust(Certificate.read(own.certificate))
        client = Client(self.running.listening.url.replace("localhost", "127.0.0.1"), timeout=10)
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
        async with client:
            yield client


@asynccontextmanager
async def whole(data: Path, people: Mapping[str, str]) -> AsyncIterator[Whole]:
    for name, role in people.items():
        Accounts.of(data).add(name, role, GOOD)
    async with behind(data) as core, serving(core.plant, data, replace(Settings(), port=0)) as running:
        yield Whole(running, core, data)


async def written(client: Client, value: int = STOP) -> int:
    """The StatusCode of writing the command's word."""
    node = client.get_node(COMMAND)
    one = ua.DataValue(ua.Variant(value, await node.read_data_type_as_variant_type()))
    try:
        await node.write_attribute(ua.AttributeIds.Value, one)
    except UaStatusCodeError as error:
        return int(error.code)
    return int(Codes.Good)


async def attribute(client: Client, node: ua.NodeId, which: ua.AttributeIds) -> object:
    found = await client.get_node(node).read_attribute(which, raise_on_bad_status=False)
    assert found.StatusCode is not None
    return (
        found.Value.Value
        if found.Value is not None and not found.StatusCode.value
        else found.StatusCode.value
    )


@pytest.mark.parametrize("role", [None, *LADDER])
async def test_who_may_write_a_command_and_is_shown_that_they_may(tmp_path: Path, role: str | None) -> None:
    people = {"sato": role} if role else {}
    async with whole(tmp_path, people) as gateway:
        async with gateway.client("sato" if role else None) as client:
            code = await written(client)
            level = await attribute(client, COMMAND, ua.AttributeIds.UserAccessLevel)
            own = await attribute(client, COMMAND, ua.AttributeIds.UserRolePermissions)
            listed = await attribute(client, COMMAND, ua.AttributeIds.RolePermissions)
        may = role is not None and role != "viewer"
        assert (code == Codes.BadUserAccessDenied) is not may
        assert isinstance(level, int)
        assert bool(level & 2) is may
        assert isinstance(own, list)
        assert {one.RoleId for one in own} == set(granted(Caller("sato", role or "viewer", ""))) & {
            one for roles in ADDED.values() for one in roles
        }
        assert any(one.Permissions & ua.PermissionType.Write for one in own) is may
        if role == "admin":
            assert isinstance(listed, list)
            assert len(listed) == sum(len(roles) for roles in ADDED.values())
        else:
            assert listed == Codes.BadUserAccessDenied
        if may:
            (told,) = gateway.story.events("request.")
            assert (told.data["user"], told.data["role"], told.data["door"]) == ("sato", role, "opcua")
        else:
            assert gateway.story.events("request.") == []


async def test_logins_are_in_the_journal_with_what_was_wrong(tmp_path: Path) -> None:
    async with whole(tmp_path, {"sato": "operator"}) as gateway:
        async with gateway.client("sato"):
            pass
        for user, password in (("sato", "wrong"), ("mori", GOOD)):
            with pytest.raises(UaStatusCodeError):
                async with gateway.client(user, password):
                    pass
        let_in = await asyncio.to_thread(gateway.story.until, "gateway.login")
        assert (let_in.data["user"], let_in.data["role"], let_in.data["how"]) == (
            "sato",
            "operator",
            "password",
        )
        refused = await asyncio.to_thread(
            gateway.story.when,
            lambda: found if len(found := gateway.story.events("gateway.login_refused")) == 2 else None,
            "two refused logins",
        )
        assert [one.data["user"] for one in refused] == ["sato", "mori"]
        assert all("unknown user or wrong password" in one.text for one in refused)
        assert all(GOOD not in one.text + str(one.data) for one in refused)


async def test_administrators_see_who_has_which_role_and_nobody_else_does(tmp_path: Path) -> None:
    people = {"abe": "viewer", "sato": "operator", "root": "admin"}
    async with whole(tmp_path, people) as gateway:
        identities = ua.NodeId(ua.Int32(ua.ObjectIds.WellKnownRole_Operator_Identities))
        anonymous = ua.NodeId(ua.Int32(ua.ObjectIds.WellKnownRole_Anonymous_Identities))
        async with gateway.client("sato") as client:
            assert await attribute(client, identities, ua.AttributeIds.Value) == Codes.BadUserAccessDenied
        async with gateway.client("root") as client:
            role_set = client.get_node(ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerCapabilities_RoleSet)))
            assert set(WELL_KNOWN) <= {child.nodeid for child in await role_set.get_children()}
            found = await attribute(client, identities, ua.AttributeIds.Value)
            assert isinstance(found, list)
            assert [(one.CriteriaType.name, one.Criteria) for one in found] == [
                ("UserName", "sato"),
                ("UserName", "root"),
            ]
            found = await attribute(client, anonymous, ua.AttributeIds.Value)
            assert isinstance(found, list)
            assert [one.CriteriaType.name for one in found] == ["Anonymous"]


async def test_who_is_locked_loses_the_session_while_others_go_on(tmp_path: Path) -> None:
    async with (
        whole(tmp_path, {"sato": "operator", "abe": "viewer"}) as gateway,
        gateway.client("sato") as first,
        gateway.client("abe") as second,
    ):
        Accounts.of(tmp_path).lock("sato", locked=True)
        async with asyncio.timeout(20):
            while len(gateway.running.gateway.sessions) > 1:
                await asyncio.sleep(0.1)
        with pytest.raises(UaStatusCodeError):
            await first.get_node("i=2258").read_value()
        assert await second.get_node("i=2258").read_value()


class Heard:
    """Events of one subscription."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def event_notification(self, event: Any) -> None:
        self.events.append(event)


async def test_a_refused_login_is_an_audit_event_for_supervisors_and_for_nobody_below(tmp_path: Path) -> None:
    people = {"abe": "engineer", "sato": "supervisor"}
    async with (
        whole(tmp_path, people) as gateway,
        gateway.client("sato") as above,
        gateway.client("abe") as below,
    ):
        heard: dict[str, Heard] = {}
        for name, client in (("sato", above), ("abe", below)):
            heard[name] = Heard()
            subscription = await client.create_subscription(100, heard[name])
            kind = ua.NodeId(ua.Int32(ua.ObjectIds.AuditActivateSessionEventType))
            await subscription.subscribe_events(client.nodes.server, client.get_node(kind))
        with pytest.raises(UaStatusCodeError):
            async with gateway.client("mori"):
                pass
        async with asyncio.timeout(20):
            while not any(not one.Status for one in heard["sato"].events):
                await asyncio.sleep(0.05)
        (refused,) = [one for one in heard["sato"].events if one.ClientUserId == "mori"]
        assert (refused.Status, refused.ClientUserId) == (False, "mori")
        assert GOOD not in str(vars(refused))
        await above.get_node("i=2258").read_value()
        assert heard["abe"].events == []


async def test_a_certificate_that_ends_soon_is_a_condition_of_its_own_kind(tmp_path: Path) -> None:
    async with whole(tmp_path, {}) as gateway, gateway.client() as client:
        own = Store.of(tmp_path).own()
        assert own is not None

        async def says(path: str) -> object:
            return await attribute(client, of_plant(f"{CERTIFICATES}/{path}"), ua.AttributeIds.Value)

        kind = await says("EventType")
        assert kind == ua.NodeId(ua.Int32(ua.ObjectIds.CertificateExpirationAlarmType))
        assert await says("Certificate") == own.der
        assert await says("ExpirationDate") == own.not_after
        assert await says("ExpirationLimit") == 60 * 86_400_000.0
        assert await says("ActiveState/Id") is False
        data = {"whose": "trusted", "name": "plc", "thumbprint": "AB", "not_after": "2027-01-01T00:00:00"}
        gateway.behind.inbox.put(Note("certificate.expiring", "certificates", "it expires", data))
        async with asyncio.timeout(20):
            while not await says("ActiveState/Id"):
                await asyncio.sleep(0.05)
        settled = {"thumbprint": "AB"}
        gateway.behind.inbox.put(Note("certificate.settled", "certificates", "renewed", settled))
        async with asyncio.timeout(20):
            while await says("ActiveState/Id"):
                await asyncio.sleep(0.05)
