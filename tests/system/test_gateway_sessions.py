"""Channels and sessions of the gateway over the wire, with asyncua's client: every policy, every login."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)

from controller.opcua.gateway.services import Services
from tests.system.gateway_rig import bare, rig

SIGN, ENCRYPT = ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt


async def _read(gateway: Any, session: Any, request: ua.ReadRequest) -> ua.ReadResponse:
    """Every node says who asked."""
    value = ua.DataValue(ua.Variant(session.caller.user))
    return ua.ReadResponse(Results=[value for _ in request.Parameters.NodesToRead])


READS: Services = {ua.ReadRequest: _read}


@pytest.mark.parametrize("mode", [SIGN, ENCRYPT])
@pytest.mark.parametrize(
    "policy",
    [SecurityPolicyBasic256Sha256, SecurityPolicyAes128Sha256RsaOaep, SecurityPolicyAes256Sha256RsaPss],
)
async def test_a_named_user_on_every_policy_and_mode(policy: Any, mode: ua.MessageSecurityMode) -> None:
    async with bare(tables=[READS]) as gateway:
        async with gateway.client("operator", mode, policy) as client:
            assert await client.get_node("i=2258").read_value() == "operator"
        assert len(gateway.gateway.sessions) == 0, "closed with its client"


async def test_without_security_whoever_comes_is_a_viewer() -> None:
    async with bare(tables=[READS]) as gateway, gateway.client(mode=None):
        (session,) = gateway.gateway.sessions.all()
        assert (session.caller.user, session.caller.role, session.caller.encrypted) == ("", "viewer", False)


async def test_the_strongest_endpoint_is_told_first_and_asks_nobody_for_a_password_in_clear() -> None:
    async with bare() as gateway:
        found = await Client(gateway.url).connect_and_get_server_endpoints()
    assert [(one.SecurityPolicyUri.rpartition("#")[2], one.SecurityMode) for one in found] == [
        ("Aes256_Sha256_RsaPss", ENCRYPT),
        ("Aes256_Sha256_RsaPss", SIGN),
        ("Basic256Sha256", ENCRYPT),
        ("Basic256Sha256", SIGN),
        ("Aes128_Sha256_RsaOaep", ENCRYPT),
        ("Aes128_Sha256_RsaOaep", SIGN),
        ("None", ua.MessageSecurityMode.None_),
    ]
    assert [token.TokenType for token in found[-1].UserIdentityTokens] == [ua.UserTokenType.Anonymous]


async def test_a_core_stands_behind_the_gateway(tmp_path: Path) -> None:
    async with rig(tmp_path, tables=[READS]) as gateway, gateway.client("operator") as client:
        assert await client.get_node("i=2258").read_value() == "operator"
