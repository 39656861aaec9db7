"""The process that tells people: the journal's events in, messages out, for ever; desk.py has one turn.

It shares nothing with the core but the journal, which it reads, and the command socket: a mail server that
hangs delays a message, never an interlock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alarms import routes
from alarms.delivery import Delivery
from controller import runtime, watchdog
from controller.doors.accounts import AccountError, DemoAccounts, real_accounts
from controller.doors.logins import Logins
from controller.followers.core_socket import CoreAway, CoreSocket
from controller.followers.follow import opened
from controller.followers.notify import place as places
from controller.followers.notify.apprise_chat import ChatWay
from controller.followers.notify.attempts import Attempts
from controller.followers.notify.context import Told
from controller.followers.notify.desk import Desk
from controller.followers.notify.heartbeat import Beating
from controller.followers.notify.links import Links, link_secret
from controller.followers.notify.mail import MailWay
from controller.followers.notify.mqtt import MqttWay
from controller.followers.notify.page import Rooms, serving
from controller.followers.notify.place import NAME, NotifyPlace
from controller.followers.notify.samples import check_templates
from controller.followers.notify.telling import Telling
from controller.followers.notify.templates import Templates
from controller.followers.notify.test_alarm import scheduled
from controller.followers.notify.ways import HEARTBEAT, PAGE, Way
from controller.followers.notify.writing import Writing
from controller.followers.place import Cursor
from controller.plant.notification import Notification, TestAlarm
from controller.plant.plant import Plant
from controller.record.reader import Reader

EVENTS: Final = 1_000
LOOK_S: Final = 0.2
CONFIRM_S: Final = 5.0
PROBE_S: Final = 60.0
FULL_S: Final = 1.0
PAGE_AGAIN_S: Final = 30.0
LATE_S: Final = 60.0  # a journal not followed to its end for so long is no sign of life


@dataclass(frozen=True, slots=True)
class Parts:
    """What the tasks beside the loop share."""

    plant: Plant
    settings: Notification
    data: Path
    core: CoreSocket
    place: NotifyPlace
    ways: Mapping[routes.Way, Way]
    following: Following


async def follow_notify(
    plant: Plant,
    settings: Notification,
    data: Path,
    *,
    port: int = 0,
    demo: bool = False,
    now_ns: Callable[[], int] = time.time_ns,
) -> None:
    """Runs until cancelled. port: of the page that links lead to; 0: no page. demo: its users may log in.

    now_ns: UTC, by which everything is due; another clock when time is to run faster.
    Raises RecordError, TemplateError and SecretError.
    """
    core = CoreSocket(runtime.of(data).commands)
    templates = Templates(settings.templates)
    check_templates(templates, plant)
    url = settings.page.url or f"http://{settings.page.host}:{port}"
    links = Links(link_secret(data), url, settings.page.link_hours) if port else None
    ways = ways_of(settings, Writing(plant, settings, data, templates, links))
    async with AsyncExitStack() as stack:
        reader = stack.enter_context(await opened(data))
        place = stack.enter_context(NotifyPlace(data))
        attempts = Attempts(ways, {one.id: one for to in settings.routes.recipients for one in to.addresses})
        stack.push_async_callback(attempts.close)
        known = {one.id: one for one in plant.alarms}
        desk = Desk(
            place,
            attempts,
            lambda: Delivery(settings.routes, known, plant.suppressions),
            {one.name for one in settings.routes.recipients},
            *place.load(str(reader.meta("id"))),
            now_ns,
        )
        following = Following(reader, desk, attempts, core)
        parts = Parts(plant, settings, data, core, place, ways, following)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        for work in _beside(parts):
            tasks.create_task(work)
        if links is not None:
            tasks.create_task(_page(parts, links, templates, port, demo))
        await following.run()


def ways_of(settings: Notification, writing: Writing) -> dict[routes.Way, Way]:
    """A way for each that routes.yaml sets up; chat needs no server of its own."""
    ways: dict[routes.Way, Way] = {routes.Way.CHAT: ChatWay(writing.chat)}
    if settings.mail is not None:
        ways[routes.Way.MAIL] = MailWay(settings.mail, writing.letter)
    if settings.broker is not None:
        ways[routes.Way.MQTT] = MqttWay(settings.broker, f"heloop-notify-{os.getpid()}", writing.payload)
    return ways


class Following:
    """Turn after turn, as soon as there is something for one."""

    def __init__(self, reader: Reader, desk: Desk, attempts: Attempts, core: CoreSocket) -> None:
        self._reader, self.desk, self.attempts, self._core = reader, desk, attempts, core
        self.looks = 0
        self._ended_s = time.monotonic()  # when the journal was last followed to its end
        self._confirmed = Cursor("")
        self._confirmed_s = 0.0

    async def run(self) -> None:
        """Until cancelled. Raises RecordError."""
        while True:
            events = list(self._reader.events(self.desk.cursor.events, EVENTS))
            done = not (events or self.desk.is_due()) or self.desk.turn(events)
            self.looks += 1
            if len(events) < EVENTS and done:
                self._ended_s = time.monotonic()
            await self._confirm()
            if not done:
                await asyncio.sleep(FULL_S)
            elif len(events) < EVENTS:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.attempts.wake.wait(), LOOK_S)

    async def _confirm(self) -> None:
        """Everything that a turn has taken is on disk."""
        now_s = time.monotonic()
        if self._confirmed == self.desk.cursor or now_s - self._confirmed_s < CONFIRM_S:
            return
        self._confirmed_s = now_s
        cursor = self.desk.cursor
        with contextlib.suppress(CoreAway):  # retention is the core's as well
            await self._core.confirm(NAME, cursor.events, None)
            self._confirmed = cursor

    async def well(self) -> str:
        """'' or what is amiss: for the heartbeat."""
        if self.desk.troubles.standing(besides=HEARTBEAT):
            return "not everybody can be told"
        if time.monotonic() - self._ended_s > LATE_S:
            return f"the journal has not been followed to its end for {LATE_S:g} s"
        try:
            await self._core.status()
        except CoreAway as error:
            return f"the core does not answer: {error}"
        return ""


def _beside(parts: Parts) -> Iterator[Coroutine[Any, Any, None]]:
    """What runs beside the loop."""
    desk, settings = parts.following.desk, parts.settings
    yield Telling(parts.place, parts.core).run()
    yield _probe(parts)
    yield watchdog.feed(lambda: watchdog.Signs(parts.following.looks, 0.0, ""))
    mqtt = parts.ways.get(routes.Way.MQTT)
    if isinstance(mqtt, MqttWay):
        yield mqtt.run()
    if settings.heartbeat is not None:
        mail = parts.ways.get(routes.Way.MAIL)
        by_mail = (mail, settings.mail.sender) if isinstance(mail, MailWay) and settings.mail else None
        beating = Beating(
            settings.heartbeat, parts.plant.name, by_mail, parts.following.well, _tell_of_heartbeat(desk)
        )
        yield beating.run()
    if settings.test is not None:
        yield _test(settings.test, parts.plant.timezone, desk)


def _tell_of_heartbeat(desk: Desk) -> Callable[[str], None]:
    def tell(wrong: str) -> None:
        if wrong:
            desk.troubles.failing(HEARTBEAT, wrong, refused=True)
            desk.note("notify.heartbeat_failed", HEARTBEAT, f"no sign of life: {wrong}", {"reason": wrong})
        else:
            desk.troubles.fine(HEARTBEAT)
            desk.note("notify.heartbeat_restored", HEARTBEAT, "the sign of life is taken again", {})

    return tell


async def _test(settings: TestAlarm, timezone: str, desk: Desk) -> None:
    scheduler = scheduled(settings, timezone, lambda: desk.begin_test(settings.to, settings.receipt_s))
    scheduler.start()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        scheduler.shutdown(wait=False)


async def _probe(parts: Parts) -> None:
    """A way in trouble to which nothing waits to go is asked whether its server answers again."""
    desk, attempts = parts.following.desk, parts.following.attempts
    while True:
        await asyncio.sleep(PROBE_S)
        waiting = {row.address for row in parts.place.open_rows()}
        asked: dict[routes.Way, bool] = {}
        for name in desk.troubles.passing:
            if name in waiting or name not in attempts.addresses:
                continue
            way = attempts.addresses[name].way
            if way not in asked:
                outcome = await parts.ways[way].probe()
                asked[way] = outcome is None or outcome.delivered
            if asked[way]:
                desk.troubles.fine(name)


async def _page(parts: Parts, links: Links, templates: Templates, port: int, demo: bool) -> None:
    """The page that links lead to. Without it people are told all the same: it is tried again."""
    desk = parts.following.desk

    async def record(kind: str, source: str, text: str, data: dict[str, Any]) -> None:
        desk.note(kind, source, text, data)

    def told(incident: str) -> list[Told]:
        return [Told(*one) for one in places.told(parts.data, incident)]

    while True:
        try:
            logins = Logins(DemoAccounts() if demo else real_accounts(parts.data), here_only=demo)
            behind = parts.settings.page.url.startswith("https:")
            rooms = Rooms(
                parts.plant, parts.data, links, parts.place, logins, templates, told, record, behind=behind
            )
            try:
                async with serving(rooms, parts.settings.page.host, port):
                    desk.troubles.fine(PAGE)
                    await asyncio.get_running_loop().create_future()
            finally:
                logins.close()
        except (OSError, AccountError) as error:
            desk.troubles.failing(PAGE, f"links in messages lead nowhere: {error}", refused=True)
        await asyncio.sleep(PAGE_AGAIN_S)
