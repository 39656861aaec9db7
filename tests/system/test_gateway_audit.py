"""Writes as supervisors see them in the audit: once each, with the value that was there before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError

from controller.opcua.gateway.space.names import of_plant, standard
from tests.system.gateway_subscribed import Asking, events_of, select
from tests.system.gateway_whole import whole

CODES = ua.StatusCodes
COMMAND = of_plant("C-301.CMD")
STOP = 2
FIELDS = (
    *(
        "EventType",
        "SourceNode",
        "SourceName",
        "Status",
        "StatusCodeId",
        "ClientUserId",
        "ClientAuditEntryId",
    ),
    *("AttributeId", "OldValue", "NewValue"),
)


async def refusal(client: Any, node: ua.NodeId, value: ua.Variant) -> int:
    """The StatusCode of a write; its request carries an audit entry id."""
    asked = ua.WriteRequest()
    asked.RequestHeader.AuditEntryId = "shift book 7"
    asked.Parameters.NodesToWrite = [ua.WriteValue(node, ua.AttributeIds.Value, None, ua.DataValue(value))]
    try:
        (result,) = (await Asking(client).ask(asked)).Results
    except UaStatusCodeError as error:
        return int(error.code)
    return int(result.value)


@pytest.mark.parametrize("word", [STOP, 99])
async def test_a_write_is_one_audit_event_with_the_value_before(tmp_path: Path, word: int) -> None:
    async with (
        whole(tmp_path) as here,
        here.client("supervisor") as above,
        here.client("operator") as client,
    ):
        here.behind.tell({"C-301.CMD": 1.0})
        tag = here.behind.plant.index["C-301.CMD"]
        await here.when(lambda: here.running.gateway.values.number(tag) == 1.0)
        desk = Asking(above)
        number = (await desk.subscribe(100)).SubscriptionId
        server = standard(ua.ObjectIds.Server)
        await desk.monitor(number, server, filter_=ua.EventFilter(select(*FIELDS)), attribute=12)
        kind = await client.get_node(COMMAND).read_data_type_as_variant_type()
        code = await refusal(client, COMMAND, ua.Variant(word, kind))
        assert code != CODES.BadUserAccessDenied
        heard: list[dict[str, Any]] = []

        async def hears(count: int, within_s: float) -> None:
            async with asyncio.timeout(within_s):
                while len(heard) < count:
                    told = [dict(zip(FIELDS, one, strict=True)) for one in events_of(await desk.publish())]
                    heard.extend(one for one in told if one["ClientUserId"] == "operator")

        await hears(1, 20)
        with pytest.raises(TimeoutError):
            await hears(2, 1.5)
        (one,) = heard
        assert one["EventType"] == standard(ua.ObjectIds.AuditWriteUpdateEventType)
        assert (one["SourceNode"], one["SourceName"]) == (COMMAND, "Attribute/Write")
        assert (one["OldValue"], one["NewValue"], one["AttributeId"]) == (1, word, 13)
        assert one["ClientAuditEntryId"] == "shift book 7"
        assert (one["Status"], one["StatusCodeId"].value) == (code == 0, code)
