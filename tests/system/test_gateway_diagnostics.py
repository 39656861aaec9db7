"""What the server says of itself: sessions, subscriptions, counts, namespaces, and that it stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from controller import __version__
from controller.opcua.gateway.space.names import of_plant, standard
from tests.interop.test_gateway_sessions_node_opcua import scenes
from tests.system.gateway_subscribed import Asking, values_of
from tests.system.gateway_whole import Whole, whole

ID = ua.ObjectIds
CODES = ua.StatusCodes
BASE = "Server_ServerDiagnostics"
SESSIONS = f"{BASE}_SessionsDiagnosticsSummary_SessionDiagnosticsArray"
SECURITY = f"{BASE}_SessionsDiagnosticsSummary_SessionSecurityDiagnosticsArray"
SUBSCRIPTIONS = f"{BASE}_SubscriptionDiagnosticsArray"
SUMMARY = f"{BASE}_ServerDiagnosticsSummary"


async def says(client: Client, name: str) -> Any:
    return await client.get_node(standard(getattr(ID, name))).read_value()


async def test_an_engineer_sees_all_sessions_and_what_they_asked_for_others_their_own(tmp_path: Path) -> None:
    async with (
        whole(tmp_path) as here,
        here.client("operator") as operator,
        here.client("engineer") as engineer,
    ):
        for _ in range(3):
            await operator.get_node("i=2258").read_value()
        with pytest.raises(UaStatusCodeError):
            await operator.delete_subscriptions([])
        (own,) = await says(operator, SESSIONS)
        both = await says(engineer, SESSIONS)
        assert len(both) == 2
        (same,) = [one for one in both if one.SessionId == own.SessionId]
        assert same.ClientDescription.ApplicationUri == "urn:heloop:test:client"
        assert same.EndpointUrl.startswith("opc.tcp://")
        assert same.ReadCount.TotalCount >= 4
        assert (same.DeleteSubscriptionsCount.TotalCount, same.DeleteSubscriptionsCount.ErrorCount) == (1, 1)
        assert same.TotalRequestCount.TotalCount > same.ReadCount.TotalCount
        assert same.TotalRequestCount.ErrorCount == 1
        assert same.ClientConnectionTime <= same.ClientLastContactTime
        async with here.client() as nobody:
            assert len(await says(nobody, SESSIONS)) == 1
        assert len(await says(engineer, SESSIONS)) == 2


async def test_what_concerns_security_is_for_administrators(tmp_path: Path) -> None:
    async with whole(tmp_path) as here, here.client("engineer") as engineer:
        with pytest.raises(UaStatusCodeError) as refused:
            await says(engineer, SECURITY)
        assert refused.value.code == CODES.BadUserAccessDenied


@pytest.mark.needs("node-opcua")
async def test_another_makers_client_reads_the_diagnostics_and_namespaces(tmp_path: Path) -> None:
    """asyncua's own class of the security row is one field short, so this is the judge."""
    client = tmp_path / "client"
    client.mkdir()
    async with whole(tmp_path / "data") as here, here.client("operator"):
        said = await scenes("diagnostics.js", client, here.url)
    assert said["security"] == [
        [
            "operator",
            ["operator"],
            "UserName",
            "UA Binary",
            "opc.tcp",
            "SignAndEncrypt",
            "Basic256Sha256",
            True,
        ],
        ["admin", ["admin"], "UserName", "UA Binary", "opc.tcp", "SignAndEncrypt", "Basic256Sha256", True],
    ]
    assert said["sessions"] == 2
    assert said["subscriptions"] == [[100, 2]]
    assert said["sampling"] == [[300, 2]], "250 ms in steps of 100"
    assert said["session object"] == {
        "name": True,
        "index": 1,
        "type": "ns=0;i=2029",
        "parts": [
            ["SessionDiagnostics", "ns=0;i=2197"],
            ["SessionSecurityDiagnostics", "ns=0;i=2244"],
            ["SubscriptionDiagnosticsArray", "ns=0;i=2171"],
        ],
        "fields": 43,
        "typed": True,
        "same": True,
        "differ": [],
        "user": "admin",
        "security": "UA Binary",
        "subscriptions": [2],
    }
    assert said["summary"][:2] == [2, 1], "sessions and subscriptions there are"
    uris = ["http://opcfoundation.org/UA/", "urn:heloop:plant:tutorial", "urn:heloop:types"]
    assert [one[0] for one in said["namespaces"]] == uris
    assert said["namespaces"][2][1:] == [__version__, False, [1]]


async def test_a_subscription_counts_what_it_did(tmp_path: Path) -> None:
    async with whole(tmp_path) as here, here.client("engineer") as client:
        desk = Asking(client)
        number = (await desk.subscribe(100, MaxNotificationsPerPublish=7)).SubscriptionId
        await desk.monitor(number, of_plant("PT-303"), QueueSize=2)
        await desk.monitor(number, of_plant("PT-204"), mode=ua.MonitoringMode.Disabled)
        await desk.publish()
        mode = ua.SetPublishingModeRequest()
        mode.Parameters.PublishingEnabled = False
        mode.Parameters.SubscriptionIds = [number]
        await desk.ask(mode)
        number_of = partial(here.running.gateway.values.number, here.behind.plant.index["PT-303"])

        def shows(value: float) -> bool:
            return number_of() == value

        for value in (1.0, 2.0, 4.0, 5.0):
            here.behind.tell({"PT-303": value})
            await here.when(partial(shows, value))
        missing = ua.RepublishRequest()
        missing.Parameters.SubscriptionId, missing.Parameters.RetransmitSequenceNumber = number, 99
        with pytest.raises(UaStatusCodeError):
            await desk.ask(missing)
        (row,) = await says(client, SUBSCRIPTIONS)
        (session,) = await says(client, SESSIONS)
        assert (row.SubscriptionId, row.SessionId) == (number, session.SessionId)
        assert (row.PublishingInterval, row.MaxNotificationsPerPublish) == (100, 7)
        assert (row.MonitoredItemCount, row.DisabledMonitoredItemCount) == (2, 1)
        assert (row.PublishingEnabled, row.DisableCount, row.EnableCount) == (False, 1, 0)
        assert (row.DataChangeNotificationsCount, row.NotificationsCount) == (1, 1)
        assert row.MonitoringQueueOverflowCount == 2
        assert (row.RepublishRequestCount, row.RepublishMessageCount) == (1, 0)
        assert (row.PublishRequestCount, row.UnacknowledgedMessageCount, row.NextSequenceNumber) == (1, 1, 2)
        assert (session.CurrentSubscriptionsCount, session.CurrentMonitoredItemsCount) == (1, 2)


async def test_the_summary_tells_refusals_for_security_from_the_others(tmp_path: Path) -> None:
    async with whole(tmp_path) as here, here.client("engineer") as client:
        with pytest.raises((UaError, OSError)):
            async with here.client("engineer", "wrong"):
                pass
        summary = await says(client, SUMMARY)
        assert (summary.CurrentSessionCount, summary.CumulatedSessionCount) == (1, 2)
        assert (summary.RejectedSessionCount, summary.SecurityRejectedSessionCount) == (1, 1)
        assert summary.SecurityRejectedRequestsCount == 1
        assert summary.RejectedRequestsCount >= 1
        assert await says(client, f"{BASE}_EnabledFlag") is True


async def test_the_service_object_counts_what_the_gateway_refused(tmp_path: Path) -> None:
    async with whole(tmp_path) as here, here.client() as client:
        here.running.gateway.sessions.counters.connections_over_share = 3
        here.running.gateway.subscriptions.over_share = 2
        assert await client.get_node(of_plant("Service/OverShare")).read_value() == 5
        assert await client.get_node(of_plant("Service/Connections")).read_value() == 1


async def until(desk: Asking, holds: Callable[[list[tuple[int, Any]]], bool]) -> list[tuple[int, Any]]:
    seen: list[tuple[int, Any]] = []
    while not holds(seen):
        seen += values_of(await desk.publish())
    return seen


async def test_clients_are_told_that_it_stops_and_it_stops_within_two_seconds(tmp_path: Path) -> None:
    stop = asyncio.Event()
    ready: asyncio.Future[Whole] = asyncio.get_running_loop().create_future()

    async def serve() -> float:
        async with whole(tmp_path) as here:
            ready.set_result(here)
            await stop.wait()
            since_s = time.monotonic()
        return time.monotonic() - since_s

    serving = asyncio.create_task(serve())
    here = await ready
    client_of = here.client("operator")
    client = await client_of.__aenter__()
    desk = Asking(client)
    number = (await desk.subscribe(100)).SubscriptionId
    nodes = [
        standard(getattr(ID, f"Server_{name}"))
        for name in ("ServerStatus_State", "ServerStatus_SecondsTillShutdown", "ServiceLevel")
    ]
    await desk.monitor(number, *nodes, SamplingInterval=60_000.0)
    assert dict(await until(desk, lambda seen: len(seen) >= 3)) == {1: 0, 2: 0, 3: 255}
    stop.set()
    told = await until(desk, lambda seen: len(seen) >= 3)
    assert dict(told) == {1: int(ua.ServerState.Shutdown), 2: 1, 3: 0}
    with pytest.raises((UaError, OSError)):
        async with here.client("engineer"):
            pass
    assert await serving < 4.0
    with pytest.raises((UaError, OSError, asyncio.TimeoutError)):
        await client.get_node("i=2258").read_value()
    client.disconnect_socket()
