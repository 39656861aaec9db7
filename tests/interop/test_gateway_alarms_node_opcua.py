"""Alarms & Conditions of the gateway, judged by another maker's client: node-opcua."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.interop.test_gateway_sessions_node_opcua import APPLICATION, PATIENCE_S, files_in
from tests.services import INTEROP
from tests.system.gateway_alarms import Alarmed, alarmed

pytestmark = pytest.mark.needs("node-opcua")


async def judged(script: str, folder: Path, plant: Alarmed) -> dict[str, Any]:
    """Runs a script of this folder, does to the plant what it wants; what each of its scenes says."""
    process = await asyncio.create_subprocess_exec(
        "node", script, str(files_in(folder)), plant.rig.url, APPLICATION,
        cwd=INTEROP, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    said: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stdout:
            if not line.startswith(b"{"):
                continue
            told = json.loads(line)
            if "want" in told:
                plant.behind.tell(told["want"])
            else:
                said[told["scene"]] = told["says"]
        await process.wait()
    assert process.returncode == 0, f"{said} {(await errors).decode()[-3000:]}"
    return said


METHODS = [
    *("Acknowledge", "AddComment", "Confirm", "Disable", "Enable", "GetGroupMemberships"),
    *("PlaceInService", "PlaceInService2", "RemoveFromService", "RemoveFromService2", "Reset", "Reset2"),
    *("Silence", "Suppress", "Suppress2", "Unsuppress", "Unsuppress2"),
]
CAME = {
    "type": "ns=0;i=10060",
    "acked": False,
    "confirmed": True,
    "retain": True,
    "name": "LT-201.HH",
    "severity": 900,
    "source": "LT-201",
    "enabled": True,
    "input": "ns=2;s=LT-201",
    "suppressed": False,
    "shelf": "Unshelved",
}
ITS_ALARM_LIST = {
    "list: an alarm that came": CAME,
    "acknowledgeCondition": "Good",
    "list: acknowledged": [False, "valve shut", "operator"],
    "acknowledge twice": "BadConditionBranchAlreadyAcked",
    "addCommentCondition": "Good",
    "confirmCondition": "Good",
    "confirm twice": "BadConditionBranchAlreadyConfirmed",
    "an event id of nobody": "BadEventIdUnknown",
    "list: latched": [True, True],
    "Reset": "Good",
    "Reset twice": "BadInvalidState",
    "list: gone, not acknowledged": [False, False, True],
}
FILTERS_AND_REFRESH = {
    "filters": [False, False],
    "refresh through a filter that lets nothing through": ["i=2787", "i=2788"],
    "refresh goes to one subscription": True,
    "refresh repeats the last event": True,
    "ConditionRefresh2": "Good",
    "ConditionRefresh2 of an item that is not there": "BadMonitoredItemIdInvalid",
    "ConditionRefresh of no subscription": "BadSubscriptionIdInvalid",
    "ConditionRefresh on a condition": "BadMethodInvalid",
    "a branch": [True, False, False],
    "acknowledge the branch": "Good",
    "the branch is over": [True, True],
}
NODES = {
    "HasCondition": ["LT-201.BAD", "LT-201.H", "LT-201.HH", "LT-201.L", "LT-201.LL"],
    "methods of the instance": METHODS,
    "every variable of the condition reads Good": [],
    "active by node": [True, 95, "Active"],
    "an operator may suppress": False,
}
SHELVES = {
    "TimedShelve": "Good",
    "timed": "Timed Shelved",
    "UnshelveTime": True,
    "OneShotShelve": "Good",
    "once": "One Shot Shelved",
    "OneShotShelve twice": "BadConditionAlreadyShelved",
    "Unshelve": "Good",
    "unshelved": "Unshelved",
    "Unshelve twice": "BadConditionNotShelved",
    "longer than allowed": "BadShelvingTimeOutOfRange",
    "priority 1": "BadShelvingTimeOutOfRange",
    "of the type": "BadNodeIdInvalid",
}
MISUSE = {
    "Enable": "BadConditionAlreadyEnabled",
    "Disable": "BadUserAccessDenied",
    "Acknowledge on the type": "BadNodeIdInvalid",
    "no such condition": "BadNodeIdUnknown",
    "a method of another": "BadMethodInvalid",
    "too few arguments": "BadArgumentsMissing",
    "a wrong type": "BadInvalidArgument",
    "Suppress2 as an operator": "BadUserAccessDenied",
    "GetGroupMemberships": ["AlarmGroups/link_R"],
    "Acknowledge as a viewer": "BadUserAccessDenied",
    "Silence as a viewer": "BadUserAccessDenied",
}
SUPERVISOR = {
    "Suppress2": "Good",
    "Suppress2 twice": "BadInvalidState",
    "Unsuppress": "Good",
    "Unsuppress twice": "BadInvalidState",
    "RemoveFromService2": "Good",
    "RemoveFromService2 twice": "BadInvalidState",
    "PlaceInService2": "Good",
    "PlaceInService2 twice": "BadInvalidState",
    "Silence": "Good",
}


async def test_node_opcuas_client_works_with_the_alarms(tmp_path: Path) -> None:
    async with alarmed(tmp_path / "data") as plant:
        said = await judged("alarms.js", tmp_path, plant)
    assert said == ITS_ALARM_LIST | FILTERS_AND_REFRESH | NODES | SHELVES | MISUSE | SUPERVISOR
