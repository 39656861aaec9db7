"""MQTT: each message to a topic, at least once (QoS 1), over one connection that comes back by itself."""

from __future__ import annotations

import asyncio
from typing import Final

import aiomqtt

from alarms.delivery import Message
from alarms.routes import Address
from controller.followers.notify.ways import DELIVERED, Form, Outcome, Write, in_thread, reason, ssl_context
from controller.followers.secrets import NoSecret, secret
from controller.plant.notification import Broker

AGAIN_S: Final = 2.0
AGAIN_LONGEST_S: Final = 30.0


class MqttWay:
    """write: the payload. `run` keeps the connection; without it nothing is sent."""

    def __init__(self, settings: Broker, identifier: str, write: Write[bytes]) -> None:
        self._settings, self._identifier, self._write = settings, identifier, write
        self._client: aiomqtt.Client | None = None
        self._up = asyncio.Event()
        self._why = "not connected yet"

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = AGAIN_S
        while True:
            try:
                async with self._made() as client:
                    self._client, pause_s = client, AGAIN_S
                    self._up.set()
                    async for _ in client.messages:  # none is asked for: this ends when the connection does
                        continue
            except (aiomqtt.MqttError, OSError, NoSecret) as error:
                self._why = reason(error)
            finally:
                self._up.clear()
                self._client = None
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_LONGEST_S)

    async def send(self, message: Message, address: Address, form: Form = Form.FULL) -> Outcome:
        """Delivered when the broker has confirmed it."""
        return await self.post(await in_thread(self._write, message, address, form), address.target)

    async def post(self, payload: bytes, target: str) -> Outcome:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._up.wait()
                assert self._client is not None, "it is set while the connection is up"
                await self._client.publish(target, payload, qos=1, timeout=self._settings.timeout_s)
        except (aiomqtt.MqttError, TimeoutError, OSError) as error:
            said = reason(error) if isinstance(error, aiomqtt.MqttError) else self._why
            return Outcome(False, f"MQTT broker {self._where}: {said}")
        except ValueError as error:  # a topic with wildcards
            return Outcome(False, reason(error), final=True)
        return DELIVERED

    async def probe(self) -> Outcome | None:
        if self._up.is_set():
            return DELIVERED
        return Outcome(False, f"MQTT broker {self._where}: {self._why}")

    async def close(self) -> None:
        """The connection goes with `run`."""

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def _made(self) -> aiomqtt.Client:
        """Raises NoSecret, OSError."""
        settings = self._settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=self._identifier,
            username=settings.user or None,
            password=secret(settings.password) if settings.user else None,
            timeout=settings.timeout_s,
            keepalive=30,
            tls_context=ssl_context(settings.ca) if settings.tls else None,
        )
