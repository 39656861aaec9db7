"""`heloop notify test`: one real message by every address of somebody, without the service."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

from alarms.delivery import Message, Why
from alarms.routes import Address, Recipient
from controller.followers.notify.follower import ways_of
from controller.followers.notify.mqtt import MqttWay
from controller.followers.notify.templates import Templates
from controller.followers.notify.writing import Writing
from controller.plant.notification import Notification
from controller.plant.plant import Plant


class Tried(NamedTuple):
    """ok: its server has taken it. answer: why not, '' when it has."""

    address: Address
    ok: bool
    answer: str


async def try_all(plant: Plant, settings: Notification, recipient: Recipient) -> list[Tried]:
    """One test message by every address, one after the other. Raises TemplateError."""
    ways = ways_of(settings, Writing(plant, settings, Path(), Templates(settings.templates), None))
    runs = [asyncio.create_task(way.run()) for way in ways.values() if isinstance(way, MqttWay)]
    try:
        tried = []
        for address in recipient.addresses:
            outcome = await ways[address.way].send(_test_of(recipient, address), address)
            tried.append(Tried(address, outcome.delivered, outcome.reason))
        return tried
    finally:
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        for way in ways.values():
            await way.close()


def _test_of(recipient: Recipient, address: Address) -> Message:
    at_ns = time.time_ns()
    return Message(
        id=f"try-{address.id}-{at_ns}",
        recipient=recipient.name,
        address=address.id,
        why=Why.TEST,
        incident="",
        opens=True,
        priority=3,
        at_ns=at_ns,
        because="heloop notify test",
    )
