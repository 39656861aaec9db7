"""Subscriptions of the gateway, judged by another maker's client: node-opcua."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from tests.interop.test_gateway_sessions_node_opcua import APPLICATION, files_in
from tests.services import INTEROP
from tests.system.gateway_subscribed import SYSTEM_TYPE, Served, event, served, until

pytestmark = pytest.mark.needs("node-opcua")
PATIENCE_S = 90.0


async def move(gateway: Served, what: list[Any]) -> None:
    """What the script asks of the plant."""
    match what:
        case ["events"]:
            gateway.subscriptions.deliver(event("level", 700))
            gateway.subscriptions.deliver(event("mild", 300))
            gateway.subscriptions.deliver(event("system", 750, SYSTEM_TYPE, source="core"))
            gateway.subscriptions.deliver(event("pressure", 750, source="PT-1"))
        case ["expired", number]:
            await until(lambda: gateway.subscriptions.find(number) is None)
        case [name, *values]:
            for value in values:
                gateway.change({name: value})


async def judged(gateway: Served, folder: Path) -> dict[str, Any]:
    """Runs the script; what each scene says."""
    process = await asyncio.create_subprocess_exec(
        "node", "subscriptions.js", str(files_in(folder)), gateway.rig.url, APPLICATION,
        cwd=INTEROP, stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    said: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for line in process.stdout:
                if not line.startswith(b"{"):
                    continue
                told = json.loads(line)
                if "do" in told:
                    await move(gateway, told["do"])
                    process.stdin.write(b"\n")
                else:
                    said[told["scene"]] = told["says"]
            errors = await process.stderr.read()
            assert await process.wait() == 0, (said, errors.decode()[-3000:])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said


async def test_node_opcuas_client_subscribes(tmp_path: Path) -> None:
    async with served() as gateway:
        said = await judged(gateway, tmp_path)
        await until(lambda: len(gateway.subscriptions) == 0)
    assert said == {
        "keep-alive": True,
        "changes": [[value, "Good", True] for value in (1, 1.5, 2.5, 2.6, 7, 7.1, 20)],
        "absolute deadband": [1, 2.5, 7, 20],
        "percent deadband": [1, 7, 20],
        "deadband of a text": "BadFilterNotAllowed",
        "overflow": [[4, True], [5, False], [6, False]],
        "alarms": [
            ["level", 700, "ns=2;s=LT-201.HH", True],
            ["mild", 300, "ns=2;s=LT-201.HH", False],
            ["pressure", 750, "ns=2;s=PT-1.HH", True],
        ],
        "where": [["level", 700]],
        "circle": "BadEventFilterInvalid",
        "triggering": [1, [1, 9], [1, 8]],
        "republish": [1, "BadMessageNotAvailable"],
        "transfer": [["Good", [1]], ["BadSubscriptionIdInvalid", []]],
        "transferred": "GoodSubscriptionTransferred",
        "initial": 1,
        "life-time": [True, "BadTimeout"],
    }
