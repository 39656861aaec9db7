"""History of the gateway, judged by another maker's client: node-opcua."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.test_gateway_sessions_node_opcua import scenes
from tests.system.gateway_historic import historic, record

pytestmark = pytest.mark.needs("node-opcua")
CALCULATED = "Good#InfoTypeDataValue|HistorianCalculated"
INTERPOLATED = "Good#InfoTypeDataValue|HistorianInterpolated"


async def test_node_opcuas_client_reads_the_past(tmp_path: Path) -> None:
    record(tmp_path / "data")
    async with historic(tmp_path / "data") as gateway:
        said = await scenes("history.js", tmp_path, gateway.url)
    hours = [[f"hour {hour}", 100 + hour] for hour in range(6)]
    assert said == {
        "raw": [[10.17, 1, "Good"], [10.33, 1, "Good"]],
        "bounds": [10, 10.17, 10.33, 10.5],
        "no bound": [-9, None, "BadBoundNotFound"],
        "backward": [[10.33], True],
        "pages": {"sizes": [500, 500, 500, 500, 160], "rising": True},
        "states": [False, True] * 3,
        "nothing": "GoodNoData",
        "modified": ["HistoryModifiedData", [[1970, 15]], [["heloop", 150]]],
        "each node its own": ["BadNodeIdUnknown", "BadHistoryOperationUnsupported", "Good"],
        "average": [[99, 9.9, CALCULATED], [100, None, "BadNoData"], [101, 10.1, CALCULATED]],
        "running hours": [[60 * hour, 3_600_000 * (hour % 2), CALCULATED] for hour in range(4)],
        "several": [0, 5.9],
        "aggregates backward": [[120, 354], [60, 360]],
        "no such aggregate": "BadAggregateNotSupported",
        "at time": [[5, 0.5, "Good"], [5.92, 0.55, INTERPOLATED], [-1, None, "BadNoData"]],
        "events": {"status": "Good", "told": hours, "more": False},
        "newest events": {"status": "Good", "told": [hours[5], hours[4]], "more": False},
        "a page of events": {"status": "Good", "told": hours[:2], "more": True},
        "capabilities": ["accessHistoryDataCapability", "accessHistoryEventsCapability"],
        "aggregate functions": True,
        "nothing is changed": ["BadHistoryOperationUnsupported"],
    }
