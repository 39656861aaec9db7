"""The whole gateway as `heloop gateway` runs it, over a core in this process: `whole(tmp_path)`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from controller.opcua.gateway.running import Running, serving
from controller.opcua.gateway.settings import Limits, Settings
from controller.opcua.gateway.space.names import PLANT
from tests.system.gateway_alarms import at_once, living
from tests.system.gateway_rig import CLIENT_URI, Behind, behind, credentials

PATIENCE_S = 20.0


def node(path: str) -> ua.NodeId:
    return ua.NodeId(path, PLANT)


@dataclass(slots=True)
class Whole:
    running: Running
    behind: Behind

    @property
    def url(self) -> str:
        return self.running.listening.url

    @asynccontextmanager
    async def client(
        self,
        user: str | None = None,
        password: str = "",
        mode: ua.MessageSecurityMode = ua.MessageSecurityMode.SignAndEncrypt,
    ) -> AsyncIterator[Client]:
        """asyncua's client with security; the demo's user of that role, or nobody."""
        client = Client(self.url, timeout=PATIENCE_S)
        client.application_uri = CLIENT_URI
        own = credentials(CLIENT_URI)
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            own.certificate,
            own.key,
            mode=mode,
        )
        if user is not None:
            client.set_user(user)
            client.set_password(password or f"demo-{user}")
        async with client:
            yield client

    async def when(self, seen: Callable[[], Any]) -> Any:
        """As soon as it is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := seen()):
                await asyncio.sleep(0.005)
        return found


@asynccontextmanager
async def whole(data: Path, limits: Limits | None = None) -> AsyncIterator[Whole]:
    """The tutorial plant with its values at rest, and the gateway with the demo's users."""
    chosen = Settings(port=0, name="127.0.0.1", plain="read", limits=limits or Limits())
    async with (
        behind(data, at_once()) as core,
        living(core),
        serving(core.plant, data, chosen, demo=True) as running,
    ):
        made = Whole(running, core)
        await made.when(lambda: running.gateway.values.up and running.picture.fresh)
        await made.when(lambda: running.gateway.values.status(core.plant.index["PT-303"]) == 0)
        yield made
