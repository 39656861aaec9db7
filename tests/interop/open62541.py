"""open62541's client (PyPI: o6) at work: `python open62541.py SCENES FOLDER URL APPLICATION-URI`.

FOLDER holds its certificates. A scene's outcome is one JSON line, {"scene": .., "says": ..}; what it wants
of the plant is {"want": {tag: value}}. A process of its own: the library ends its process after ten minutes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import o6
from o6.ns import ns0

UA = ns0.datatypes
POLICY = "http://opcfoundation.org/UA/SecurityPolicy#"
POLICIES = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
PATIENCE_S = 20.0
SERVICES = (
    "Read", "Write", "Browse", "BrowseNext", "TranslateBrowsePathsToNodeIds", "RegisterNodes",
    "UnregisterNodes", "Call", "HistoryRead", "HistoryUpdate",
)  # fmt: skip
# Said of itself: policies that want another key, and its own Publish requests when a channel ends.
ITS_OWN = ("Could not add SecurityPolicy", "Received response for an unknown Subscription")


class Remarks(logging.Handler):
    """What the library has to say of the server's answers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not any(own in record.getMessage() for own in ITS_OWN):
            self.said.append(record.getMessage())


class Peer:
    """Where the gateway is and what this client shows it."""

    def __init__(self, folder: Path, url: str, application: str) -> None:
        self.url = url
        self.remarks = Remarks()
        self.log = logging.Logger("open62541")
        self.log.addHandler(self.remarks)
        self._certificate = (folder / "certificate.der").read_bytes()
        self._key = (folder / "key.der").read_bytes()
        self._application = application
        self._server = b""

    async def discover(self) -> list[Any]:
        """The endpoints, without a session; from now on the server's certificate is trusted."""
        client = o6.Client(self.url, logger=self.log)
        await client.connect(noSession=True)
        found = list(await client.getEndpoints(self.url))
        await client.disconnect()
        self._server = found[0].serverCertificate
        return found

    def client(
        self, user: str = "", password: str = "", policy: str = POLICIES[0], mode: int = 3
    ) -> o6.Client:
        name = {"username": user, "password": password or f"demo-{user}"} if user else {}
        return o6.Client(
            self.url, logger=self.log, certificate=self._certificate, privateKey=self._key,
            trustList=[self._server], securityMode=mode, securityPolicy=POLICY + policy,
            applicationUri=self._application, **name,
        )  # fmt: skip

    def certified(self) -> o6.Client:
        """Its user shows a certificate."""
        client = self.client()
        client.config.setAuthenticationCert(self._certificate, self._key)
        return client

    def plain(self) -> o6.Client:
        return o6.Client(self.url, logger=self.log)


def tell(scene: str, says: Any) -> None:
    print(json.dumps({"scene": scene, "says": says}), flush=True)


def want(**values: float) -> None:
    print(json.dumps({"want": {name.replace("_", "-"): value for name, value in values.items()}}), flush=True)


def code(status: Any) -> str:
    """BAD_NOT_WRITABLE -> BadNotWritable."""
    name = o6.StatusCode(int(status)).name or hex(int(status))
    return "".join(word.capitalize() for word in name.split("_"))


async def refusal(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except o6.StatusCodeError as error:
        return code(error.code)


async def until(seen: Callable[[], Any]) -> Any:
    end_s = time.monotonic() + PATIENCE_S
    while not (found := seen()):
        assert time.monotonic() < end_s, "waited in vain"
        await asyncio.sleep(0.02)
    return found


def read_id(node: str, attribute: int = o6.AttributeId.VALUE, part: str = "") -> Any:
    wanted = UA.ReadValueId()
    wanted.nodeId, wanted.attributeId, wanted.indexRange = o6.NodeId(node), attribute, part
    return wanted


async def reads(client: o6.Client, *wanted: Any) -> list[Any]:
    request = UA.ReadRequest()
    request.nodesToRead, request.timestampsToReturn = list(wanted), UA.TimestampsToReturn.BOTH
    response = await client.serviceRead(request)
    assert response.responseHeader.serviceResult == 0, response.responseHeader
    return list(response.results)


async def may_start(client: o6.Client) -> bool:
    """Whether this user may start the compressor."""
    start = read_id("ns=2;s=Command/C-301.CMD/start", o6.AttributeId.USER_EXECUTABLE)
    return bool((await reads(client, start))[0].value)


async def entered(client: o6.Client) -> Any:
    async def visit() -> bool:
        async with client:
            return await may_start(client)

    return await refusal(visit())


# --- sessions ---------------------------------------------------------------------------------------


async def sessions(peer: Peer) -> None:
    tell("endpoints", len(await peer.discover()))

    for policy in POLICIES:
        for mode, name in ((2, "Sign"), (3, "SignAndEncrypt")):
            tell(f"{policy} {name}", await entered(peer.client("operator", policy=policy, mode=mode)))
    tell("nobody without security", await entered(peer.plain()))
    tell("nobody", await entered(peer.client()))
    tell("wrong password", await entered(peer.client("operator", "guessed")))
    async with peer.client("operator") as client:
        session, _ = client._get_session_auth_token()
        heard: list[Any] = []
        await client.monitor("ns=2;s=WD-992", heard.append, samplingInterval=100.0)
        await until(lambda: heard)
        tell("connections cut", cut(peer.url))
        heard.clear()
        await until(lambda: len(heard) > 1)
        again, _ = client._get_session_auth_token()
        tell("the same session goes on", again == session)


def cut(url: str) -> int:
    """Ends this process's connections to the gateway, as a broken switch would."""
    ended = 0
    for descriptor in [int(one.name) for one in Path("/proc/self/fd").iterdir()]:
        try:
            copy = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
        with copy:
            if copy.family == socket.AF_INET and url.endswith(f":{_port(copy)}"):
                copy.shutdown(socket.SHUT_RDWR)
                ended += 1
    return ended


def _port(connection: socket.socket) -> int:
    try:
        return int(connection.getpeername()[1])
    except OSError:
        return 0


# --- nodes ------------------------------------------------------------------------------------------


async def walk(client: o6.Client) -> set[str]:
    """Every node from Root, level by level."""
    level, seen = ["i=84"], {"i=84"}
    while level:
        parts = [level[start : start + 50] for start in range(0, len(level), 50)]
        below = [node for part in parts for node in await children(client, part)]
        level = sorted(set(below) - seen)
        seen.update(level)
    return seen


async def children(client: o6.Client, nodes: list[str], page: int = 0) -> list[str]:
    request = UA.BrowseRequest()
    request.requestedMaxReferencesPerNode = page
    request.nodesToBrowse = [described(node) for node in nodes]
    pages, found = (await client.serviceBrowse(request)).results, []
    while pages:
        assert all(one.statusCode == 0 for one in pages)
        found += [str(reference.nodeId) for one in pages for reference in one.references]
        more = UA.BrowseNextRequest()
        more.continuationPoints = [one.continuationPoint for one in pages if one.continuationPoint]
        pages = (await client.serviceBrowseNext(more)).results if more.continuationPoints else []
    return found


def described(node: str) -> Any:
    wanted = UA.BrowseDescription()
    wanted.nodeId, wanted.referenceTypeId, wanted.includeSubtypes = o6.NodeId(node), o6.NodeId("i=33"), True
    return wanted


async def oddities(client: o6.Client, nodes: list[str]) -> dict[str, list[str]]:
    """Attributes that are neither read nor absent by right, and values without a value."""
    odd: dict[str, list[str]] = {}
    every = [(node, 13) for node in nodes] + [(node, one) for node in nodes[::20] for one in range(1, 28)]
    for start in range(0, len(every), 900):
        part = every[start : start + 900]
        for (node, attribute), read in zip(
            part, await reads(client, *(read_id(*one) for one in part)), strict=True
        ):
            said = code(read.status)
            if said not in {"Good", "BadAttributeIdInvalid", "BadUserAccessDenied"}:
                odd.setdefault(f"{attribute} {said}", []).append(node)
    return {what: sorted(those)[:5] for what, those in odd.items()}


async def values(client: o6.Client) -> None:
    tag, states = "ns=2;s=PT-303", "ns=2;s=XS-301/EnumStrings"
    (value,) = await reads(client, read_id(tag))
    times = [value.sourceTimestamp is not None, value.serverTimestamp is not None]
    tell("value", [float(value.value), code(value.status), *times])
    unit = await client.read(f"{tag}/EngineeringUnits")
    scale = await client.read(f"{tag}/EURange")
    tell(
        "unit",
        [unit.namespaceUri, int(unit.unitId), unit.displayName.text, float(scale.low), float(scale.high)],
    )
    parts = await reads(client, *(read_id(states, part=part) for part in ("1:2", "12:99", "99", "x")))
    tell(
        "parts",
        [code(one.status) if one.value is None else [text.text for text in one.value] for one in parts],
    )
    status = await client.read("i=2256")
    tell("server", [int(status.state), status.buildInfo.productName])
    found = await client.browseSimplifiedBrowsePaths("i=85", ["2:tutorial", "2:Commands", "2:C-301.CMD"])
    tell(
        "path",
        [str(one.targetId).partition(";")[2] for one in found.targets],
    )
    tell("no path", code((await client.browseSimplifiedBrowsePaths("i=2253", ["0:Nobody"])).statusCode))


async def orders(client: o6.Client) -> None:
    command = "ns=2;s=Command/C-301.CMD"
    tell("write", code(await client.write("ns=2;s=PT-303", 3.0)))
    tell("command without reason", code((await client.call(command, f"{command}/start", []))[0]))
    tell("command refused", code((await client.call(command, f"{command}/start", ["try"]))[0]))
    tell(
        "command",
        [
            code(said) if count == 0 else said
            for count, said in enumerate(await client.call(command, f"{command}/stop", ["try"]))
        ],
    )


async def nothing(client: o6.Client) -> None:
    """Every service with empty lists, which this stack sends as null."""
    said = {}
    for service in SERVICES:
        response = await getattr(client, f"service{service}")(getattr(UA, f"{service}Request")())
        said[service] = code(response.responseHeader.serviceResult)
    tell("nothing", said)


async def space(peer: Peer) -> None:
    await peer.discover()
    async with peer.client("operator") as client:
        await values(client)
        await orders(client)
        await nothing(client)
        nodes = sorted(await walk(client))
        tell("nodes", len(nodes))
        tell("oddities", await oddities(client, nodes))
        one_by_one, at_once = (
            await children(client, ["ns=2;s=Plant"], 1),
            await children(client, ["ns=2;s=Plant"]),
        )
        tell("the same in pages", one_by_one == at_once)


# --- alarms, history --------------------------------------------------------------------------------


def alarms_of(*fields: str) -> Any:
    """A filter: these fields of conditions, ConditionId first; AlarmConditionType and below."""
    wanted = UA.EventFilter()
    wanted.selectClauses = [
        operand("i=2782", "", o6.AttributeId.NODE_ID),
        *(operand("i=2915", one) for one in fields),
    ]
    of_type = UA.ContentFilterElement()
    of_type.filterOperator = UA.FilterOperator.OF_TYPE
    kind = UA.LiteralOperand()
    kind.value = o6.NodeId("i=2915")
    of_type.filterOperands = [o6.ExtensionObject(kind)]
    wanted.whereClause.elements = [of_type]
    return wanted


def operand(kind: str, path: str, attribute: int = o6.AttributeId.VALUE) -> Any:
    one = UA.SimpleAttributeOperand()
    one.typeDefinitionId, one.attributeId = o6.NodeId(kind), attribute
    one.browsePath = [o6.QualifiedName(f"0:{name}") for name in path.split("/") if name]
    return one


async def work(peer: Peer) -> None:
    await peer.discover()
    async with peer.client("operator") as client:
        heard: list[dict[str, Any]] = []
        fields = ("EventId", "ConditionName", "Message", "ActiveState/Id", "AckedState/Id", "Retain")
        await client.monitorEvent("i=2253", heard.append, filter=alarms_of(*fields))
        want(LT_201=96.0)
        alarm = "ns=2;s=LT-201.HH"

        def newest() -> dict[str, Any]:
            return next((one for one in reversed(heard) if one["i=2915/ConditionName"] == "LT-201.HH"), {})

        await until(lambda: newest().get("i=2915/ActiveState/Id"))
        tell("alarm", [newest()["i=2915/Message"].text.split(":")[0], bool(newest()["i=2915/Retain"])])
        event = newest()["i=2915/EventId"]
        seen = o6.LocalizedText("en", "seen")
        for method in ("i=9111", "i=9111"):
            tell("acknowledge", code((await client.call(alarm, method, [event, seen]))[0]))
        await until(lambda: newest().get("i=2915/AckedState/Id"))
        tell("acknowledged", (await client.read(f"{alarm}/AckedState")).text)
        shelf = "ns=2;s=LT-201.H/ShelvingState"
        tell("shelve", code((await client.call(shelf, f"{shelf}/TimedShelve", [60_000.0]))[0]))
        heard.clear()
        refresh = [o6.UInt32(client.defaultSubscription.id)]
        tell("refresh", code((await client.call("i=2782", "i=3875", refresh))[0]))
        await until(newest)
        await history(client)


async def history(client: o6.Client) -> None:
    now = datetime.now(UTC)
    found = (await client.historyRead("ns=2;s=LT-201", now - timedelta(minutes=5), now)).dataValues
    tell("history", [len(found) > 0, float(found[-1].value)])
    details = UA.ReadProcessedDetails()
    details.startTime, details.endTime = o6.DateTime(now - timedelta(minutes=1)), o6.DateTime(now)
    details.processingInterval, details.aggregateType = 30_000.0, [o6.NodeId("i=2347")]
    details.aggregateConfiguration.useServerCapabilitiesDefaults = True
    request = UA.HistoryReadRequest()
    request.historyReadDetails, request.timestampsToReturn = details, UA.TimestampsToReturn.SOURCE
    one = UA.HistoryReadValueId()
    one.nodeId = o6.NodeId("ns=2;s=LT-201")
    request.nodesToRead = [one]
    (result,) = (await client.serviceHistoryRead(request)).results
    tell("maxima", [code(result.statusCode), float(result.historyData.body.dataValues[-1].value)])


SCENES = {"sessions": sessions, "space": space, "work": work}


async def main(scenes: str, folder: str, url: str, application: str) -> None:
    peer = Peer(Path(folder), url, application)
    await SCENES[scenes](peer)
    tell("remarks", peer.remarks.said)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
