"""The gateway as a process: everything made in order, and what runs beside the wire."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from controller import runtime
from controller.opcua.gateway import attributes, call, view
from controller.opcua.gateway.audit import Audit
from controller.opcua.gateway.conditions.cursor import Cursor
from controller.opcua.gateway.history import history
from controller.opcua.gateway.history import nodes as history_nodes
from controller.opcua.gateway.history.chronicle import Chronicle
from controller.opcua.gateway.history.history import Histories
from controller.opcua.gateway.listening import Listening, listen
from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.parts import Parts, parts_of
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.reload import FindPlant, Reload
from controller.opcua.gateway.security.authentication import Login
from controller.opcua.gateway.security.entrance import Entrance, entrance
from controller.opcua.gateway.security.limits import Counters
from controller.opcua.gateway.security.policies import Policies
from controller.opcua.gateway.security.role_set import bind_roles
from controller.opcua.gateway.server import Gateway
from controller.opcua.gateway.services import Services
from controller.opcua.gateway.sessions import Sessions
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.shown import Shown
from controller.opcua.gateway.space.server_nodes import STATUS_NODES, ServerNodes
from controller.opcua.gateway.space.session_nodes import SessionNodes
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.subscriptions import items, publish, subscribing
from controller.opcua.gateway.subscriptions.subscriptions import Subscriptions
from controller.opcua.gateway.values import Values
from controller.plant.plant import Plant
from controller.record.errors import RecordError

SWITCH_S: Final = 0.0005  # until a thread (codec, history) hands the interpreter back to the loop
JOURNAL_S: Final = 1.0
PEOPLE_S: Final = 2.0
ANNOUNCE_S: Final = 1.0  # of the 5 s that SIGTERM may take: a subscription's cycle, mostly
TABLES: Final[Sequence[Services]] = (
    attributes.SERVICES,
    view.SERVICES,
    call.SERVICES,
    subscribing.SERVICES,
    items.SERVICES,
    publish.SERVICES,
    history.SERVICES,
)
log = structlog.get_logger()


@dataclass(slots=True)
class Running:
    """A gateway that serves. picture: what the core says of itself."""

    gateway: Gateway
    listening: Listening
    picture: Picture
    cursor: Cursor


async def run_gateway(
    plant: Plant,
    data: Path,
    settings: Settings,
    on_ready: Callable[[str], None],
    *,
    find: FindPlant = lambda _: None,
    demo: bool = False,
) -> None:
    """Runs until cancelled. on_ready is told the URL. find: other versions of the plant.

    Raises OSError for a port in use, and what `entrance` does.
    """
    sys.setswitchinterval(SWITCH_S)
    async with serving(plant, data, settings, find=find, demo=demo) as running:
        on_ready(running.listening.url)
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def serving(
    plant: Plant,
    data: Path,
    settings: Settings,
    *,
    find: FindPlant = lambda _: None,
    demo: bool = False,
) -> AsyncIterator[Running]:
    """The gateway over the core with this data directory; the core may come and go, also with new texts."""
    place = runtime.of(data)
    values = Values(plant)
    orders = Orders(place.commands)
    with contextlib.ExitStack() as stack:
        heard: list[Audit] = []  # made after the entrance, which tells it of logins

        def tell(login: Login) -> None:
            heard[0].login(login)

        door = stack.enter_context(entrance(plant.name, data, settings.limits, demo=demo, tell=tell))
        settings = replace(settings, certificate=door.certificate, key=door.key, application_uri=door.uri)
        standard = StandardNodes()
        sessions = SessionNodes(standard)
        parts = parts_of(plant, settings, values, Picture(orders, values), standard, sessions)
        subscriptions = Subscriptions(parts.space, values, settings.limits)
        stack.callback(subscriptions.close)
        heard.append(Audit(orders, subscriptions.deliver, settings.application_uri))
        gateway, policies = _gateway(data, settings, parts, subscriptions, door, heard[0], orders)
        stack.callback(gateway.histories.close)
        sessions.gateway = gateway
        ServerNodes(gateway, parts.picture).bind(parts.standard)
        parts.picture.gateway = partial(_counts, gateway)
        history_nodes.bind(parts.standard, settings.limits)
        bind_roles(parts.standard.bind, door.authentication.accounts, anonymous=settings.anonymous)
        cursor = Cursor(data, parts.made.conditions, parts.made.story, subscriptions.deliver)
        stack.callback(values.watch_journal(cursor.wake))
        orders.shown = Shown(values, cursor, parts.picture)
        reload = Reload(gateway, parts, cursor, find)
        async with (
            _beside(gateway, parts.picture, cursor, place, reload),
            _looking(gateway, door, policies),
            listen(gateway, settings, TABLES, policies, door.trust) as listening,
        ):
            try:
                yield Running(gateway, listening, parts.picture, cursor)
            finally:
                await _announce_end(gateway)


def _gateway(
    data: Path,
    settings: Settings,
    parts: Parts,
    subscriptions: Subscriptions,
    door: Entrance,
    audit: Audit,
    orders: Orders,
) -> tuple[Gateway, Policies]:
    policies = Policies(settings)
    sessions = Sessions(
        settings, policies, door.authentication, Counters(), time.monotonic, tell=audit.access
    )
    conditions = parts.made.conditions
    gateway = Gateway(
        plant=parts.space.plant,
        settings=settings,
        space=parts.space,
        values=subscriptions.values,
        conditions=conditions,
        histories=Histories(data, Chronicle(conditions, parts.made.story)),
        subscriptions=subscriptions,
        sessions=sessions,
        orders=orders,
        audit=audit,
    )
    return gateway, policies


def _counts(gateway: Gateway) -> dict[str, int]:
    """What the Service object shows of the gateway."""
    counters = gateway.sessions.counters
    over = counters.connections_over_share + counters.sessions_over_share + gateway.subscriptions.over_share
    return {
        "Connections": len(gateway.sessions.connections()),
        "ConnectionsRefused": counters.connections_refused,
        "OverShare": over,
        "CutOff": counters.stalled + counters.connections_timed_out,
        "Malformed": counters.malformed,
        "AuditLeftOut": gateway.audit.left_out,
    }


async def _announce_end(gateway: Gateway) -> None:
    """Who looks at the server's state is told before being cut off; without clients it ends at once."""
    gateway.sessions.stopping = True
    if not gateway.sessions.connections():
        return
    gateway.stops_s = time.monotonic() + ANNOUNCE_S
    gateway.subscriptions.sampler.now(lambda item: item.node_id in STATUS_NODES)
    await asyncio.sleep(ANNOUNCE_S)


@asynccontextmanager
async def _beside(
    gateway: Gateway,
    picture: Picture,
    cursor: Cursor,
    place: runtime.Runtime,
    reload: Reload,
) -> AsyncIterator[None]:
    """What follows the core for as long as clients are served; one of these failing ends the process."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(gateway.values.follow(place.feed, reload.turn_to), name="feed"),
            group.create_task(picture.follow(), name="picture"),
            group.create_task(_journal(cursor), name="journal"),
            group.create_task(gateway.audit.follow(), name="audit"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await gateway.orders.close()


async def _journal(cursor: Cursor) -> None:
    """Conditions as the journal has them; a core that starts for the first time makes it yet."""
    while True:
        try:
            await cursor.load()
            break
        except RecordError as error:
            log.info("waiting for the journal", why=str(error))
            await asyncio.sleep(JOURNAL_S)
    await cursor.follow()


@asynccontextmanager
async def _looking(gateway: Gateway, door: Entrance, policies: Policies) -> AsyncIterator[None]:
    """After what people change on disk: users, the trust list, our own certificate."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_look(gateway, door, policies), name="people")
        try:
            yield
        finally:
            task.cancel()


async def _look(gateway: Gateway, door: Entrance, policies: Policies) -> None:
    while True:
        await asyncio.sleep(PEOPLE_S)
        gone = door.send_away(gateway.sessions)
        if gone:
            log.info("sessions ended because the users or the trust list changed", sessions=gone)
        renewed = door.own.renewed()
        if renewed is not None:
            policies.turn_to(renewed)
            gateway.settings = replace(gateway.settings, certificate=renewed.chain)
            gateway.conditions.renew(renewed.der)
            log.warning("new channels get the renewed certificate", thumbprint=renewed.thumbprint.hex())
