"""Applications and people at the gateway's entrance, judged by another maker's client: node-opcua."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.core.roles import LADDER
from controller.doors.accounts import Accounts
from controller.opcua.certificates import Store
from tests.interop.test_gateway_sessions_node_opcua import APPLICATION, files_in
from tests.services import INTEROP
from tests.system.test_gateway_entrance import GOOD, door
from tests.unit.papers import DAY, NOW, Paper, paper

pytestmark = pytest.mark.needs("node-opcua")
PATIENCE_S = 60.0


class Judge:
    """The running client."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    async def says(self, **wanted: Any) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            while line := await self._process.stdout.readline():
                if line.startswith(b'{"says"'):
                    return str(json.loads(line)["says"])
        raise AssertionError("the client ended")

    async def password(self, user: str, password: str = GOOD) -> str:
        return await self.says(user=user, password=password)

    async def certificate(self, shown: Paper) -> str:
        certificate, key = shown.write(self._folder, "user")
        return await self.says(certificate=str(certificate), key=str(key))


@asynccontextmanager
async def judge(folder: Path, url: str) -> AsyncIterator[Judge]:
    folder.mkdir()
    process = await asyncio.create_subprocess_exec(
        "node", "people.js", str(files_in(folder)), url, APPLICATION, cwd=INTEROP,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Judge(process, folder)
    finally:
        process.kill()
        await process.communicate()


async def test_from_strangers_to_each_role_and_out_again(tmp_path: Path) -> None:
    people = {f"{role}-1": role for role in LADDER}
    async with (
        door(tmp_path / "data", people) as here,
        judge(tmp_path / "judge", here.rig.url) as client,
    ):
        store = Store.of(tmp_path / "data")
        assert "Certificate" in await client.password("viewer-1"), "it does not trust us yet"
        assert await client.says(trust=str(store.certificate)) == "trusted"
        assert "viewer" not in await client.password("viewer-1"), "nor do we trust it"
        (stranger,) = store.rejects()
        store.trust(stranger)
        for name, role in people.items():
            assert await client.password(name) == f"{name}/{role}"
        assert await client.says() == "/viewer"

        assert await client.password("mori") == "BadUserAccessDenied"
        for number in range(5):
            assert await client.password("operator-1", f"guess {number}") == "BadUserAccessDenied"
        assert await client.password("operator-1") == "BadUserAccessDenied"
        assert "locked out" in here.logins[-1].why
        here.clock.now_s += 301
        assert await client.password("operator-1") == "operator-1/operator"

        mine, other = paper("sato", uri=None, number=5), paper("other", uri=None, number=6)
        old = paper("old", uri=None, number=7, begins=NOW - 9 * DAY, ends=NOW - DAY)
        accounts = Accounts.of(tmp_path / "data")
        accounts.add_certificate("engineer-1", mine.certificate.fingerprint)
        accounts.add_certificate("engineer-1", old.certificate.fingerprint)
        assert await client.certificate(mine) == "engineer-1/engineer"
        assert await client.certificate(other) == "BadIdentityTokenRejected"
        assert await client.certificate(Paper(mine.certificate, other.key)) == "BadUserSignatureInvalid"
        assert await client.certificate(old) == "BadIdentityTokenRejected"
        accounts.lock("engineer-1", locked=True)
        assert await client.certificate(mine) == "BadUserAccessDenied"
