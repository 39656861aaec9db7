"""A gateway connection without a socket, to be fed anything: what must hold whatever comes.

`Fuzzed.run(data)` plays one input. Its first byte says how far the peer got before it went mad; the rest is
what it sends then. After every input: nothing was raised but what the wire is told, no service met a value
that broke it, and the connection is either closed with an ERR message or still answers a good request.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Final

from asyncua import ua
from asyncua.ua import ua_binary

from controller.opcua.gateway import attributes, call, view
from controller.opcua.gateway.conditions.making import make
from controller.opcua.gateway.decoding import bounded, decode
from controller.opcua.gateway.discovery import Endpoints
from controller.opcua.gateway.dispatch import Dispatcher
from controller.opcua.gateway.history import history
from controller.opcua.gateway.history.chronicle import Chronicle
from controller.opcua.gateway.history.history import Histories
from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.security.limits import Counters, QuietLog, Rate
from controller.opcua.gateway.security.policies import Policies
from controller.opcua.gateway.server import Gateway
from controller.opcua.gateway.services import Fault, Services
from controller.opcua.gateway.session import Session
from controller.opcua.gateway.sessions import Sessions
from controller.opcua.gateway.settings import Limits, Settings
from controller.opcua.gateway.space.plant import PlantNodes
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.subscriptions import items, publish, subscribing
from controller.opcua.gateway.subscriptions.subscriptions import Subscriptions
from controller.opcua.gateway.transport import Connection, Shared
from controller.opcua.gateway.values import Values
from tests.system.gateway_rig import DemoUsers, tutorial
from tests.system.gateway_wire import NONE, chunk, hello, text

WORK_S_MAX: Final = 2.0  # of processor time for one input
# That clock costs up to a millisecond in a virtual machine, as much as an input: it is read now and then,
# and when an input took long by the wall; what the inputs since then took is little beside 2 s.
BASELINE_EVERY: Final = 64
SERVED: Final = (
    ua.ReadRequest, ua.WriteRequest, ua.BrowseRequest, ua.BrowseNextRequest, ua.CallRequest,
    ua.TranslateBrowsePathsToNodeIdsRequest, ua.RegisterNodesRequest, ua.UnregisterNodesRequest,
    ua.CreateSubscriptionRequest, ua.ModifySubscriptionRequest, ua.SetPublishingModeRequest,
    ua.DeleteSubscriptionsRequest, ua.TransferSubscriptionsRequest, ua.PublishRequest, ua.RepublishRequest,
    ua.CreateMonitoredItemsRequest, ua.ModifyMonitoredItemsRequest, ua.DeleteMonitoredItemsRequest,
    ua.SetMonitoringModeRequest, ua.SetTriggeringRequest, ua.HistoryReadRequest, ua.HistoryUpdateRequest,
)  # fmt: skip


# Which way an input's first byte chooses: 0 types alone, 1 and 2 raw bytes before and behind the channel,
# 3 a stranger's message, 4 a known one's, 5 several. Raw bytes end connections, which is slow.
_HOW: Final = (0, 4, 3, 5, 0, 4, 3, 1, 0, 4, 3, 2)
DECODE_STEPS: Final = 2_000
_UNSERVED: Final = ua_binary.struct_to_binary(ua.AddNodesRequest())


class Broken(Exception):
    """The gateway did what it must never do."""


class Deaf:
    """Audit that nobody hears."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Inline(Executor):
    """Runs at once, in the caller's thread."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **more))
        except Fault as fault:
            done.set_exception(fault)
        return done


class Memory(asyncio.Transport):
    """A transport to nowhere; keeps what was written last."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Connection | None = None
        self.written: list[bytes] = []
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self.close()


async def _empty(_: Any, __: Any, ___: Any) -> Any:
    return ua.ReadResponse()


REAL: Final[list[Services]] = [
    attributes.SERVICES, view.SERVICES, call.SERVICES, history.SERVICES, publish.SERVICES,
    subscribing.SERVICES, items.SERVICES,
]  # fmt: skip
STUBS: Services = dict.fromkeys(SERVED, _empty)


class Fuzzed:
    """One gateway, and connections for the inputs. With `data`, the services are the real ones, over the
    tutorial plant with a data directory that is empty and a core that is away; else they answer nothing.
    """

    def __init__(self, data: Path | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self.settings = Settings(port=0, plain="read")
        self.policies = Policies(self.settings)
        self.counters = Counters()
        self.sessions = Sessions(self.settings, self.policies, DemoUsers(), self.counters, time.monotonic)
        self._alive: dict[int, _Peer] = {}
        self._inputs = 0
        self._cpu_s = 0.0
        limits, log = Limits(decode_steps=DECODE_STEPS), QuietLog("fuzz", time.monotonic, every_s=1e12)
        self.gateway = Gateway(
            tutorial(), self.settings, None, None, None, None, None, self.sessions, None, None
        )
        tables: list[Services] = [STUBS]
        if data is not None:
            tables = REAL
            self.loop.run_until_complete(self._furnish(data))
        self.dispatcher = Dispatcher(
            self.gateway, tables, self.sessions, limits, self.counters, log, Inline()
        )
        self.dispatcher.endpoints = Endpoints(self.settings, self.policies, 4840)
        self.shared = Shared(
            policies=self.policies,
            limits=limits,
            trust=lambda _: None,
            dispatcher=self.dispatcher,
            sessions=self.sessions,
            counters=self.counters,
            openings=Rate(1e9, 10**9, time.monotonic),
            log=log,
            now_s=time.monotonic,
            connections=set(),
            aside=Inline(),
        )
        self.kinds = [*SERVED, ua.CreateSessionRequest, ua.ActivateSessionRequest, ua.GetEndpointsRequest]

    def close(self) -> None:
        for peer in self._alive.values():
            peer.connection.connection_lost(None)
        if self.gateway.subscriptions is not None:
            self.gateway.subscriptions.close()
            self.gateway.histories.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    async def _furnish(self, data: Path) -> None:
        """Everything that services use."""
        made, plant = self.gateway, tutorial()
        made.audit = Deaf()  # type: ignore[assignment]
        made.values, made.orders = Values(plant), Orders(data / "nobody.sock")
        nodes = PlantNodes(plant, made.values, Picture(made.orders, made.values))
        made.space = Space(plant, [StandardNodes(), nodes])
        alarms = make(plant, made.space, lambda _: None, self.settings.application_uri)
        made.space.add(alarms.nodes)
        made.conditions = alarms.conditions
        made.subscriptions = Subscriptions(made.space, made.values, self.settings.limits)
        made.histories = Histories(data, Chronicle(alarms.conditions, alarms.story))
        now_ns = time.time_ns()
        values = [[tag.index, 1.0, 0, now_ns] for tag in plant.tags]
        names = [tag.name for tag in plant.tags]
        made.values.take({"tags": names, "links": [], "values": values, "texts": [], "journal": 0})

    def run(self, data: bytes) -> None:
        """One input. Raises Broken; what else it raises is a finding as well."""
        if len(data) < 2:
            return
        if self._inputs % BASELINE_EVERY == 0:
            self._cpu_s = time.process_time()
        self._inputs += 1
        since_s = time.perf_counter()
        how, rest = _HOW[data[0] % len(_HOW)], data[1:]
        if how == 0:
            self._decode(rest)
        else:
            self.loop.run_until_complete(self._talk(how, rest))
        if (
            time.perf_counter() - since_s > WORK_S_MAX
            and (took_s := time.process_time() - self._cpu_s) > WORK_S_MAX
        ):
            raise Broken(f"{took_s:.1f} s for {len(data)} bytes")

    def _decode(self, data: bytes) -> None:
        kind = self.kinds[data[0] % len(self.kinds)]
        with contextlib.suppress(Fault):
            decode(kind, bounded(data[1:], DECODE_STEPS, 16))

    async def _talk(self, how: int, data: bytes) -> None:
        bugs = self.counters.bugs
        peer = await self._peer(how)
        if how in {1, 2}:
            peer.connection.data_received(data)  # bytes as they are
        elif how == 3:
            peer.put(data)  # a stranger's message
        elif how == 4:
            peer.put(data, handled=True)  # a known one's, type and header right
        else:
            for part in _parts(data):
                peer.put(part)  # several, whole
        await peer.settle()
        if self.counters.bugs != bugs:
            raise Broken("a service met a value that broke it")
        if await peer.judge(fed=how not in {1, 2}):
            self._alive[how] = peer
        else:
            await self._drop(peer)

    async def _peer(self, how: int) -> _Peer:
        """The one that the last such input left alive, or a new one: most inputs cost no connection."""
        if (alive := self._alive.pop(how, None)) is not None:
            return alive
        peer = _Peer(self)
        if how >= 2:
            await peer.open()
        if how >= 4:
            await peer.log_in()
        return peer

    async def _drop(self, peer: _Peer) -> None:
        """Nothing of it may be left."""
        peer.connection.connection_lost(None)
        await peer.settle()
        for session in self.sessions.all():
            if session is peer.session or session.channel is peer.connection:
                self.sessions.end(session, delete_subscriptions=True)
        if len(self.shared.connections) > len(self._alive) or len(self.sessions) > len(self._alive):
            raise Broken("something was left behind")


class _Peer:
    """The other end of one connection."""

    def __init__(self, fuzzed: Fuzzed) -> None:
        self.fuzzed = fuzzed
        self.transport = Memory()
        self.connection = Connection(fuzzed.shared)
        self.connection.connection_made(self.transport)
        self.number = 0
        self.session: Session | None = None

    async def settle(self) -> None:
        """Until nothing is in work; what is promised (Publish) stays promised."""
        while tasks := self.connection.tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

    async def open(self) -> None:
        self.connection.data_received(hello())
        asked = ua.OpenSecureChannelRequest()
        asked.Parameters.SecurityMode = ua.MessageSecurityMode.None_
        asked.Parameters.RequestedLifetime = 600_000
        head = bytes(4) + text(NONE) + text(None) * 2 + self.sequence()
        self.connection.data_received(chunk(b"OPN", head + ua_binary.struct_to_binary(asked)))
        await self.settle()

    async def log_in(self) -> None:
        self.ask(ua.CreateSessionRequest())
        await self.settle()
        (self.session,) = [one for one in self.fuzzed.sessions.all() if one.channel is self.connection]
        self.ask(ua.ActivateSessionRequest())
        await self.settle()
        if not self.session.active:
            raise Broken("nobody can log in")

    def sequence(self) -> bytes:
        self.number += 1
        return struct.pack("<2I", self.number, self.number)

    def ask(self, request: Any) -> None:
        if self.session is not None:
            request.RequestHeader.AuthenticationToken = self.session.token
        self.put(ua_binary.struct_to_binary(request))

    def put(self, body: bytes, *, handled: bool = False) -> None:
        """One message; handled: behind a request's type and a good header, chosen by its first byte."""
        if handled and self.session is not None:
            kind = SERVED[body[0] % len(SERVED)]
            header = ua.RequestHeader(AuthenticationToken=self.session.token)
            head = ua_binary.nodeid_to_binary(kind().TypeId) + ua_binary.struct_to_binary(header)
            body = head + body[1:]
        channel = self.connection.channel
        token = channel._tokens[-1].id if channel._tokens else 0
        head = struct.pack("<2I", channel.id, token) + self.sequence()
        self.connection.data_received(chunk(b"MSG", head + body[:60_000]))

    async def judge(self, *, fed: bool) -> bool:
        """Closed with a reason (False), or alive and answering; bytes as they are may leave it waiting."""
        if self.transport.is_closing():
            last = self.transport.written[-1][:3] if self.transport.written else b"nothing"
            if last != b"ERR" and fed:
                raise Broken(f"closed with {last!r}")
            return False
        if not fed:
            return False
        self.transport.written.clear()
        self.put(_UNSERVED)
        await self.settle()
        if not self.transport.written or not self.transport.written[-1].startswith(b"MSG"):
            raise Broken("alive, and does not answer")
        return self.session is None or self.session.active


def _parts(data: bytes) -> Iterator[bytes]:
    """Cut at a length byte, so that an input can be several messages."""
    while data:
        size = data[0] * 4
        yield data[1 : 1 + size]
        data = data[1 + size :]


def seeds() -> list[bytes]:
    """Good inputs of every kind, to begin with."""
    found = [bytes([7]) + hello(), bytes([11]) + chunk(b"CLO", bytes(16))]
    for at, kind in enumerate(SERVED):
        request = _filled(kind())
        body = ua_binary.struct_to_binary(request)
        bare = ua_binary.struct_to_binary(request.RequestHeader)
        after = body[len(ua_binary.nodeid_to_binary(request.TypeId)) + len(bare) :]
        found += [bytes([0, at]) + body, bytes([2]) + body, bytes([1, at]) + after]
    return found


def _filled(request: Any) -> Any:
    """With one element in each list, so that there is something to change."""
    parameters = getattr(request, "Parameters", request)
    node = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)
    one: dict[str, Any] = {
        "NodesToRead": ua.ReadValueId(node, ua.AttributeIds.Value),
        "NodesToWrite": ua.WriteValue(node, ua.AttributeIds.Value, None, ua.DataValue(ua.Variant(1.5))),
        "NodesToBrowse": ua.BrowseDescription(NodeId=node),
        "BrowsePaths": ua.BrowsePath(StartingNode=node),
        "NodesToRegister": node,
        "NodesToUnregister": node,
        "MethodsToCall": ua.CallMethodRequest(node, node, [ua.Variant(b"id"), ua.Variant([1, 2])]),
        "ItemsToCreate": ua.MonitoredItemCreateRequest(RequestedParameters=_event_filter()),
        "SubscriptionIds": 1,
        "MonitoredItemIds": 1,
    }
    for name, value in one.items():
        if hasattr(parameters, name):
            setattr(parameters, name, [value])
    if isinstance(request, ua.HistoryReadRequest):
        parameters.NodesToRead = [ua.HistoryReadValueId(NodeId=node)]
        parameters.HistoryReadDetails = ua.ReadRawModifiedDetails()
    return request


def _event_filter() -> ua.MonitoringParameters:
    element = ua.ContentFilterElement(
        ua.FilterOperator.OfType,
        [ua.LiteralOperand(ua.Variant(ua.NodeId(2041)))],
    )
    chosen = ua.SimpleAttributeOperand(BrowsePath=[ua.QualifiedName("EventId")])
    wanted = ua.EventFilter([chosen], ua.ContentFilter([element]))
    return ua.MonitoringParameters(Filter=wanted, QueueSize=10)


def changed(seed: bytes, by: random.Random) -> bytes:
    """A seed with some of its bytes turned, cut out, doubled or set to what hurts."""
    data = bytearray(seed)
    for _ in range(by.randrange(1, 6)):
        at = by.randrange(len(data))
        match by.randrange(6):
            case 0:
                data[at] = by.randrange(256)
            case 1:
                data[at] ^= 1 << by.randrange(8)
            case 2:
                del data[at : at + by.randrange(1, 9)]
            case 3:
                data[at:at] = data[at : at + by.randrange(1, 40)]
            case 4:
                data[at : at + 4] = by.choice(
                    (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xfc\xff\xff\xff", bytes(4))
                )
            case _:
                data[at : at + 1] = by.choice((b"\x16", b"\x80", b"\x98", b"\xc6", b"\x97", b"\x18"))
        if len(data) < 2:
            return seed
    return bytes(data)
