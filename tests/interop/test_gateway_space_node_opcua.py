"""The plant's nodes judged by another maker's client: node-opcua walks all of them and reads everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.test_gateway_sessions_node_opcua import scenes
from tests.system.gateway_whole import whole

pytestmark = pytest.mark.needs("node-opcua")


async def test_every_node_can_be_walked_to_and_every_attribute_read(tmp_path: Path) -> None:
    client = tmp_path / "client"
    client.mkdir()
    async with whole(tmp_path / "data") as here:
        said = await scenes("space.js", client, here.url)
    assert "failure" not in said, said["failure"]
    assert said["nodes"] > 500
    assert said["methods"] > 20
    assert said["odd"] == {}
    assert (said["unit"], said["range"]) == (20529, [0, 100]), "P1, percent"
    assert said["path"] == "ns=2;s=Interlock/S-01/Bypass/MaxTime"
    assert said["arguments"] == ["Reason", "Minutes"]
    assert said["write"] == "BadNotWritable"
    assert said["call"] == "BadInvalidState", "nothing stands"
    assert said["call without arguments"] == "BadArgumentsMissing"
