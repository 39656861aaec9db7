"""A gateway in this process, with what stands behind it: a core, its journal, feed and command socket.

`rig(tmp_path)` starts the tutorial plant's core without PLCs (`tell` puts values in as a link would), serves
feed and commands on their Unix sockets, and a gateway on an ephemeral port of 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from asyncua import Client, ua
from asyncua.crypto.cert_gen import generate_private_key, generate_self_signed_app_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from alarms.signal import GOOD
from controller import runtime
from controller.core.core import Core
from controller.core.inputs import Batch, LinkUp
from controller.doors.commands import Commands, Followers
from controller.doors.feed import Feed
from controller.loop import Clock, Inbox, Loop
from controller.opcua.gateway.channel import Trust
from controller.opcua.gateway.listening import Listening, listen
from controller.opcua.gateway.security.limits import Counters
from controller.opcua.gateway.security.policies import Policies
from controller.opcua.gateway.server import Gateway
from controller.opcua.gateway.services import Services
from controller.opcua.gateway.session import Caller, Session
from controller.opcua.gateway.sessions import Authenticates, Sessions
from controller.opcua.gateway.settings import Settings
from controller.plant import config
from controller.plant.plant import Plant
from controller.record.intents import IntentRing
from controller.record.journal import Journal

CLIENT_URI = "urn:heloop:test:client"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An application certificate and its key, both DER."""

    certificate: bytes
    key: bytes


@cache
def credentials(uri: str, who: str = "") -> Credentials:
    """Made once per test process and name: RSA keys take a while."""
    key = generate_private_key()
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    names = [x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]
    certificate = generate_self_signed_app_certificate(key, who or uri, {}, names, usage)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Credentials(certificate.public_bytes(Encoding.DER), private)


@cache
def tutorial() -> Plant:
    loaded = config.load(config.find_plant("tutorial"))
    assert loaded.plant is not None, loaded.errors
    return loaded.plant


def settings(**changes: Any) -> Settings:
    """As the tests use them: every policy, any port, a channel without security may read."""
    own = credentials("urn:heloop:gateway")
    chosen = Settings(port=0, certificate=own.certificate, key=own.key, plain="read")
    return replace(chosen, **changes)


def limited(**changes: Any) -> Settings:
    """The same with other limits."""
    usual = settings()
    return replace(usual, limits=replace(usual.limits, **changes))


class DemoUsers:
    """As in the demo: viewer .. admin with the password demo-NAME; nobody is a viewer."""

    async def authenticate(self, token: Any, *, session: Session, verify: Any, **_: Any) -> Caller:
        from controller.core.roles import LADDER
        from controller.opcua.gateway.services import Fault

        place = f"opcua:{session.id.Identifier!s}"
        if token is None:
            return Caller("", "viewer", place)
        if isinstance(token, ua.X509IdentityToken) and verify(token.CertificateData):
            return Caller("by certificate", "operator", place)
        name = getattr(token, "UserName", "")
        if name not in LADDER or token.Password != f"demo-{name}".encode():
            raise Fault(ua.StatusCodes.BadUserAccessDenied)
        return Caller(name, name, place)


class Behind:
    """What stands behind a gateway: the core in its loop, journal, feed and command socket."""

    def __init__(self, plant: Plant, data: Path, loop: Loop, inbox: Inbox, journal: Journal) -> None:
        self.plant = plant
        self.data = data
        self.loop = loop
        self.inbox = inbox
        self.journal = journal

    @property
    def place(self) -> runtime.Runtime:
        return runtime.of(self.data)

    def tell(self, values: Mapping[str, float], status: int = GOOD, source_ns: int = 0) -> None:
        """Values of tags, as their PLC's link would deliver them."""
        tags = np.array([self.plant.index[name] for name in values], dtype=np.int32)
        size = len(tags)
        self.inbox.put(
            Batch(
                0,
                tags,
                np.array(list(values.values()), dtype=np.float64),
                np.full(size, status, dtype=np.uint32),
                np.full(size, source_ns or time.time_ns(), dtype=np.int64),
            )
        )


class _NoLink:
    """PLCs are not part of this rig; what the core would write goes nowhere."""

    def write(self, _: Any) -> None: ...

    def reconnect(self, _: str) -> None: ...


async def _confirmed(*_: object) -> None:
    """No follower reads this journal."""


@asynccontextmanager
async def behind(data: Path, plant: Plant | None = None) -> AsyncIterator[Behind]:
    """A core without PLCs; its links are up as far as it knows."""
    plant = plant or tutorial()
    with contextlib.ExitStack() as stack:
        journal = Journal.open(data, plant.name, plant.tags)
        stack.callback(journal.close)
        place = runtime.create(data)
        intents = stack.enter_context(IntentRing.open(place.intents))
        inbox = Inbox()
        feed = Feed(plant, lambda: [{"plc": plc.name, "up": True} for plc in plant.plcs], period_s=0.01)
        core, clock = Core(plant, journal.next_epoch()), Clock()
        loop = Loop(
            core=core,
            clock=clock,
            inbox=inbox,
            links={plc.index: _NoLink() for plc in plant.plcs},
            plcs=[plc.name for plc in plant.plcs],
            journal=journal,
            intents=intents,
            recorder=None,
            feed=feed,
        )
        followers = Followers(inbox.put, _confirmed)

        def answer(*_: Any) -> dict[str, Any]:
            return {"service": {"ready": True}, **core.status(clock.now())}

        commands = Commands(loop.submit, answer, demo=True, followers=followers)
        tasks = [
            asyncio.create_task(loop.run(lambda wait_s, mono_s: None)),
            asyncio.create_task(feed.serve(place.feed)),
            asyncio.create_task(commands.serve(place.commands)),
        ]
        try:
            while not (place.feed.exists() and place.commands.exists()):
                await asyncio.sleep(0)
            for plc in plant.plcs:
                inbox.put(LinkUp(plc.index))
            yield Behind(plant, data, loop, inbox, journal)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(slots=True)
class Rig:
    """A gateway that serves. gateway: its parts, for looking inside."""

    gateway: Gateway
    listening: Listening
    behind: Behind | None = None

    @property
    def url(self) -> str:
        return self.listening.url.replace("localhost", "127.0.0.1")

    @property
    def counters(self) -> Counters:
        return self.gateway.sessions.counters

    def client(
        self,
        user: str | None = None,
        mode: ua.MessageSecurityMode | None = ua.MessageSecurityMode.SignAndEncrypt,
        policy: Any = SecurityPolicyBasic256Sha256,
        own: Credentials | None = None,
    ) -> _ClientOf:
        """asyncua's client, to be used with `async with`; mode None: without security."""
        return _ClientOf(self.url, user, mode, policy, own)


class _ClientOf:
    def __init__(self, url: str, user: str | None, mode: Any, policy: Any, own: Credentials | None) -> None:
        self._client = Client(url, timeout=10)
        self._client.application_uri = CLIENT_URI
        self._user, self._mode, self._policy, self._own = user, mode, policy, own

    async def __aenter__(self) -> Client:
        client, own = self._client, self._own or credentials(CLIENT_URI)
        if self._mode is not None:
            await client.set_security(self._policy, own.certificate, own.key, mode=self._mode)
        if self._user is not None:
            client.set_user(self._user)
            client.set_password(f"demo-{self._user}")
        await client.connect()
        return client

    async def __aexit__(self, *_: object) -> None:
        await self._client.disconnect()


@asynccontextmanager
async def bare(
    chosen: Settings | None = None,
    tables: Sequence[Services] = (),
    authentication: Authenticates | None = None,
    trust: Trust = lambda _: None,
    now_s: Callable[[], float] = time.monotonic,
    **parts: Any,
) -> AsyncIterator[Rig]:
    """Wire, channel and sessions alone, with the service tables and gateway parts that a test needs."""
    chosen = chosen or settings()
    policies = Policies(chosen)
    sessions = Sessions(chosen, policies, authentication or DemoUsers(), Counters(), now_s)
    names = ("space", "values", "conditions", "histories", "subscriptions", "orders", "audit")
    given: dict[str, Any] = {name: parts.get(name) for name in names}
    gateway = Gateway(plant=parts.get("plant") or tutorial(), settings=chosen, sessions=sessions, **given)
    async with listen(gateway, chosen, tables, policies, trust, now_s) as listening:
        yield Rig(gateway, listening)


@asynccontextmanager
async def rig(data: Path, chosen: Settings | None = None, **parts: Any) -> AsyncIterator[Rig]:
    """A core and its gateway."""
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(behind(data))
        made = await stack.enter_async_context(bare(chosen, plant=core.plant, **parts))
        made.behind = core
        yield made
