"""A changed plant as another maker's client is told of it: node-opcua, connected all the time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.interop.test_gateway_sessions_node_opcua import scenes
from tests.system.test_gateway_reload import Folder, core_of, gateway_of

pytestmark = pytest.mark.needs("node-opcua")


async def test_a_client_that_stays_is_told_what_changed(tmp_path: Path) -> None:
    folder, data, client = Folder.of_tutorial(tmp_path / "plant"), tmp_path / "data", tmp_path / "client"
    client.mkdir()
    async with gateway_of(folder, data) as running:
        async with core_of(folder.plant(), data, running) as core:
            core.tell({"PT-204": 7.0})
            staying = asyncio.create_task(scenes("reload.js", client, running.listening.url))
            async with asyncio.timeout(60):
                while running.gateway.subscriptions.items < 2:
                    await asyncio.sleep(0.05)
        async with core_of(folder.extended(), data, running) as core:
            core.tell({"PT-204": 35.0})
            said = await staying
    assert said["ranges"] == [30, 40]
    assert said["marks"] == 1
    assert said["last"] == [35, "Good"]
    assert sorted(said["model"]) == [["ns=2;s=Area/bag", 4], ["ns=2;s=PLC/R", 4], ["ns=2;s=TT-199", 1]]
    assert [one[0] for one in said["semantic"]] == ["ns=2;s=PT-204"]
    assert said["lost"] == 0
