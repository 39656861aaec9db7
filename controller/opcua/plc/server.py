"""One simulated PLC: an OPC UA server on 127.0.0.1 whose values come from a machine.

It listens on the loopback address and nowhere else: it is a model to work against, and its security is
that of the library it is built on (docs/reference/plc-contract.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from asyncua import Server, ua
from asyncua.crypto.security_policies import SecurityPolicyFactory

from controller.opcua.plc.facts import ServerFacts
from controller.opcua.plc.image import Image, Node
from controller.opcua.plc.listener import PlcListener
from controller.opcua.plc.machine import RUNNING, Machine
from controller.opcua.plc.nodes import PlcNodes
from controller.opcua.plc.sessions import PlcInternalServer, PlcUsers
from controller.opcua.plc.styles import STYLES, Style
from controller.plant.plant import Plant
from controller.plant.tags import NodeSource

HOST: Final = "127.0.0.1"
UPDATE_S: Final = 0.1  # wall seconds between two updates of the nodes, at any speed of the plant

# asyncua reports each refused request as an error of the server; here refusing is the purpose.
_NOISY: Final = ("asyncua.server.uaprocessor", "asyncua.server.address_space", "asyncua.server.server")


_SECURED: Final = [
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may connect, and how. passwords: by user name; None = anybody. certificate, key: files in PEM
    or DER; with them only signed or encrypted channels are served, and any client certificate is taken.
    """

    passwords: Mapping[str, str] | None = None
    certificate: Path | None = None
    key: Path | None = None


OPEN: Final = Access()


class _Endpoints(Server):
    """asyncua's server, of which only the endpoints and their security policies are used."""

    async def offer(self, url: str, access: Access) -> list[SecurityPolicyFactory]:
        self.set_endpoint(url)
        tokens: list[type] = [ua.UserNameIdentityToken]
        if access.passwords is None:
            tokens.append(ua.AnonymousIdentityToken)
        self.set_identity_tokens(tokens)
        secured = access.certificate is not None and access.key is not None
        if secured:
            await self.load_certificate(access.certificate or "")
            await self.load_private_key(access.key or "")
        self.set_security_policy(_SECURED if secured else [ua.SecurityPolicyType.NoSecurity])
        await self._setup_server_nodes()
        return self._policies


class SimulatedPlcServer:
    """The server of one PLC of a plant: start, then update every UPDATE_S; stop leaves nothing behind.

    The fault methods (go_down, hold, ...) are what faults.py and the tests use.
    """

    def __init__(
        self,
        plant: Plant,
        plc: int,
        machine: Machine,
        port: int = 0,
        *,
        style: str | None = None,
        access: Access = OPEN,
    ) -> None:
        self.plc = plant.plcs[plc]
        self.style: Style = STYLES[style or self.plc.style]
        self.image = Image(plant, plc)
        self._plant = plant
        self._machine = machine
        self._port = port
        self._access = access
        self._server = PlcInternalServer(self.style, self, PlcUsers(access.passwords))
        self._nodes = PlcNodes(self._server.aspace, self.image, self.style, self.plc.name)
        self._facts = ServerFacts(self._server.aspace, self.style, self.plc.name)
        self._policies: list[SecurityPolicyFactory] = []
        self._listener: PlcListener | None = None
        self._limits = Server(iserver=self._server).limits
        self._index: dict[str, int] = {}
        self._moved = 0
        self._skew_s = 0.0
        self._hung = False
        self._computer = RUNNING

    # --- life -----------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """Its URL; the port is known after the first start when 0 was asked for."""
        return f"opc.tcp://{HOST}:{self._port}"

    @property
    def running(self) -> bool:
        return self._listener is not None

    @property
    def sessions(self) -> int:
        """Sessions that clients hold, whether their connection lives or not."""
        return len(self._server.sessions)

    async def start(self) -> None:
        """Makes the address space and opens the port."""
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        await self._server.init()
        self._facts.declare()
        await self.come_up()

    async def stop(self) -> None:
        """Closes everything; no task of it is left."""
        await self.go_down()
        await self._server.stop()

    async def come_up(self, moved: int = 0) -> None:
        """Opens the port; the namespaces of the PLC stand `moved` places further on than before."""
        if self._listener is not None:
            return
        self._moved += moved
        self._computer = self._machine.computer(self.plc.index)
        now = self.clock()
        self._index = self._facts.came_up(self.plc.namespaces, self._moved, now)
        self.image.update(self._machine.readings(self.plc.index))
        self._nodes.build(self._index, now)
        listener = PlcListener(self._server, HOST, self._port, self._limits)
        await listener.start()
        if not self._policies:
            self._port = listener.port
            endpoints = _Endpoints(iserver=self._server)
            endpoints.name = self.style.product
            self._server.plain = self._access.certificate is None
            self._policies = await endpoints.offer(self.endpoint, self._access)
        listener.set_policies(self._policies)
        self._listener = listener

    async def go_down(self) -> None:
        """As a controller that loses power: connections cut, port closed, sessions gone, memory kept."""
        listener, self._listener = self._listener, None
        self._hung = False
        if listener is not None:
            await listener.stop()
            self._nodes.clear()

    # --- values ---------------------------------------------------------------------------------

    def clock(self) -> datetime:
        """The PLC's own clock, which may be wrong."""
        return datetime.now(UTC) + timedelta(seconds=self._skew_s + self._computer.clock_offset_s)

    def update(self) -> None:
        """Takes the machine's readings over and tells who monitors them; to be called every UPDATE_S."""
        self._computer = self._machine.computer(self.plc.index)
        if self._listener is None or self._hung or self._computer.frozen:
            return
        now = self.clock()
        self._nodes.publish(self.image.update(self._machine.readings(self.plc.index)), now)
        self._facts.tell_time(now)

    # --- faults of the link and of the server -----------------------------------------------------

    def hold(self, *, hung: bool) -> None:
        """Nothing is answered while TCP stays open; hung: the server itself stands still as well."""
        if self._listener is not None:
            self._hung = hung
            self._listener.gate.hold()

    def release(self) -> None:
        self._hung = False
        if self._listener is not None:
            self._listener.gate.release()

    def delay(self, latency_s: float) -> None:
        """Every byte comes later by latency_s, in both directions."""
        if self._listener is not None:
            self._listener.gate.delay_s = latency_s

    def skew(self, offset_s: float) -> None:
        """Sets its clock wrong by offset_s."""
        self._skew_s = offset_s

    async def drop_sessions(self) -> None:
        """Forgets all sessions and subscriptions; connections stay open and nobody is told."""
        if self._listener is not None:
            await asyncio.gather(*await self._listener.drop_sessions(), return_exceptions=True)

    async def forget_subscriptions(self) -> None:
        """Deletes all subscriptions, telling nobody; sessions stay."""
        await self._server.subscriptions.delete_subscriptions(list(self._server.subscriptions.subscriptions))

    def take_out(self, tag: str) -> None:
        """The node of a tag vanishes: BadNodeIdUnknown from now on."""
        node = self._node_of(tag)
        if self._nodes.has(node):
            self._nodes.take_out(node, self.clock())

    def put_back(self, tag: str) -> None:
        """The node of a tag is there again; items that monitored it before are not."""
        node = self._node_of(tag)
        if self.running and not self._nodes.has(node):
            self._nodes.add(node, self._index[node.namespace], self.clock())

    def lose_notifications(self, count: int) -> None:
        """The next `count` notifications get their number but are never sent (Republish has them)."""
        self._server.subscriptions.lose = count

    @property
    def notifications_to_lose(self) -> int:
        return self._server.subscriptions.lose

    def _node_of(self, tag: str) -> Node:
        source = self._plant.tag(tag).source
        assert isinstance(source, NodeSource)
        return self.image.nodes[source.namespace, source.identifier]

    # --- what sessions ask (sessions.Desk) --------------------------------------------------------

    def node(self, node_id: ua.NodeId) -> Node | None:
        return self._nodes.find(node_id)

    def exists(self, node_id: ua.NodeId) -> bool:
        return node_id in self._server.aspace

    def written(self, fields: Sequence[tuple[Node, ua.Variant]]) -> None:
        """One WriteRequest: into the PLC's memory, then to its logic, in the order it was written."""
        values = [self.image.accept(node, variant.Value) for node, variant in fields]
        self._nodes.publish([node for node, _ in fields], self.clock())
        self._machine.write(self.plc.index, values)
