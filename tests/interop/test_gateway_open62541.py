"""The gateway judged by a third stack: open62541's client, in a process of its own (open62541.py)."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.interop.test_gateway_sessions_node_opcua import APPLICATION
from tests.services import INTEROP
from tests.system.gateway_rig import credentials
from tests.system.gateway_whole import Whole, whole

pytestmark = pytest.mark.needs("o6")
PATIENCE_S = 120.0


async def scenes(name: str, folder: Path, here: Whole) -> dict[str, Any]:
    """Plays scenes; what each says, with lists of those that were told more than once."""
    own = credentials(APPLICATION)
    (folder / "certificate.der").write_bytes(own.certificate)
    (folder / "key.der").write_bytes(own.key)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "open62541.py", name, str(folder), here.url, APPLICATION),
        cwd=INTEROP, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    told: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stdout:
            one = json.loads(line) if line.startswith(b"{") else {}
            if "want" in one:
                here.behind.tell(one["want"])
            elif one:
                known = told.get(one["scene"])
                told[one["scene"]] = one["says"] if known is None else [known, one["says"]]
        code = await process.wait()
    assert code == 0, (await errors).decode()[-3000:]
    await errors
    return told


async def test_open62541s_client_opens_logs_in_and_comes_back(tmp_path: Path) -> None:
    async with whole(tmp_path) as here:
        said = await scenes("sessions", tmp_path, here)
    assert len(said.pop("remarks")) == 1, "of the wrong password"
    policies = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
    assert said == {
        "endpoints": 7,
        **{f"{policy} {mode}": True for policy in policies for mode in ("Sign", "SignAndEncrypt")},
        "nobody without security": False,
        "nobody": False,
        "wrong password": "BadUserAccessDenied",
        "connections cut": 1,
        "the same session goes on": True,
    }


async def test_open62541s_client_finds_its_way(tmp_path: Path) -> None:
    async with whole(tmp_path) as here:
        said = await scenes("space", tmp_path, here)
    assert set(said.pop("nothing").values()) == {"BadNothingToDo"}
    assert said.pop("nodes") > 8_000
    assert said == {
        "value": [3.0, "Good", True, True],
        "unit": ["urn:heloop:units", -1, "mbarg", -50.0, 100.0],
        "parts": [
            ["init", "start-inhibit"],
            ["stopped", "drain"],
            "BadIndexRangeNoData",
            "BadIndexRangeInvalid",
        ],
        "server": [0, "heloop"],
        "path": ["s=Command/C-301.CMD"],
        "no path": "BadNoMatch",
        "write": "BadNotWritable",
        "command without reason": "BadArgumentsMissing",
        "command refused": "BadInvalidState",
        "command": ["Good"],
        "oddities": {},
        "the same in pages": True,
        "remarks": [],
    }


async def test_open62541s_client_does_an_operators_work(tmp_path: Path) -> None:
    async with whole(tmp_path) as here:
        said = await scenes("work", tmp_path, here)
    assert said == {
        "alarm": ["bag level (lidar)", True],
        "acknowledge": ["Good", "BadConditionBranchAlreadyAcked"],
        "acknowledged": "Acknowledged",
        "shelve": "Good",
        "refresh": "Good",
        "history": [True, 96.0],
        "maxima": ["Good", 96.0],
        "remarks": [],
    }
