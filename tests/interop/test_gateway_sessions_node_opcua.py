"""Channels and sessions of the gateway, judged by another maker's client: node-opcua."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from tests.services import INTEROP
from tests.system.gateway_rig import bare, credentials, limited
from tests.system.test_gateway_sessions import READS

pytestmark = pytest.mark.needs("node-opcua")
APPLICATION = "urn:heloop:test:node-opcua"
PATIENCE_S = 120.0


def files_in(folder: Path) -> Path:
    """certificate.pem and key.pem of a client application."""
    own = credentials(APPLICATION)
    key = load_der_private_key(own.key, password=None)
    (folder / "certificate.pem").write_bytes(
        x509.load_der_x509_certificate(own.certificate).public_bytes(Encoding.PEM)
    )
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


async def scenes(script: str, folder: Path, url: str) -> dict[str, Any]:
    """Runs a script of this folder; what each of its scenes says."""
    process = await asyncio.create_subprocess_exec(
        "node", script, str(files_in(folder)), url, APPLICATION,
        cwd=INTEROP, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-3000:]
    told = [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]
    return {one["scene"]: one["says"] for one in told}


async def test_node_opcuas_client_opens_logs_in_renews_and_comes_back(tmp_path: Path) -> None:
    async with bare(limited(token_s_min=0.5), tables=[READS]) as gateway:
        said = await scenes("sessions.js", tmp_path, gateway.url)
    policies = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
    assert said == {
        "plain": "",
        **{f"{policy} {mode}": "operator" for policy in policies for mode in ("Sign", "SignAndEncrypt")},
        "wrong password": "BadUserAccessDenied",
        "no such user": "BadUserAccessDenied",
        "password without security": said["password without security"],
        "user certificate": "by certificate",
        "another user on the session": "Good engineer",
        "several tokens": "3 operator",
        "a message of many chunks": 4000,
        "the session survives its connection": "true operator",
    }
    assert "operator" not in said["password without security"]
