"""The page of messages' links over a core in this process: the tutorial plant, its bag about to overflow.

`paged(tmp_path)` starts both. The browser of the tests is aiohttp's, which keeps cookies as a real one does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession, CookieJar

from alarms.routes import Address, Recipient, Routes, Way
from controller.doors.accounts import Accounts
from controller.doors.logins import Logins
from controller.followers.notify.context import Told
from controller.followers.notify.links import Link, Links, link_secret
from controller.followers.notify.page import Rooms, serving
from controller.followers.notify.place import NotifyPlace
from controller.followers.notify.templates import Templates
from controller.plant.notification import Notification
from controller.record.chain import Entry
from controller.record.reader import Reader, Where
from tests.system.gateway_alarms import at_once, living
from tests.system.gateway_rig import Behind, behind

PASSWORD = "vacuum pump on the left"
HOUR_NS = 3_600_000_000_000
ALARM = "LT-201.HH"
INCIDENT = "bag"
_Found = TypeVar("_Found")


def person(name: str, language: str = "en", **more: Any) -> Recipient:
    address = Address(f"{name}.mail", Way.MAIL, f"{name}@helium.example")
    return Recipient(name, (address,), language=language, user=name, **more)


PEOPLE = (
    person("sato", link_acknowledges=True),
    person("suzuki", "ja"),
    Recipient("plant-room", (Address("plant-room.chat", Way.CHAT, "env:CHAT"),), room=True),
)


@dataclass(slots=True)
class Answer:
    status: int
    text: str
    headers: Any

    @property
    def form(self) -> str:
        found = re.search(r'name="form" value="([^"]+)"', self.text)
        return found[1] if found else ""


@dataclass(slots=True)
class Paged:
    """late_ns: by how much the page's clock is ahead. recorded: what the page had to tell the journal."""

    core: Behind
    links: Links
    url: str
    browser: ClientSession
    place: NotifyPlace
    accounts: Accounts
    late_ns: int = 0
    recorded: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def now_ns(self) -> int:
        return time.time_ns() + self.late_ns

    async def bag(self, level: float, kind: str, alarm: str = ALARM) -> Entry:
        """The level in the bag in percent; the event that comes of it, as soon as it is in the journal."""
        last = self.last()
        self.core.tell({"LT-201": level})
        return await self.event(kind, alarm, last)

    def last(self) -> int:
        with Reader(self.core.data) as reader:
            return reader.head().seq

    async def event(self, kind: str, source: str, after: int) -> Entry:
        def look() -> Entry | None:
            with Reader(self.core.data) as reader:
                return next(iter(reader.events(after, where=Where(kinds=(kind,), sources=(source,)))), None)

        return await when(look)

    def link(self, raised: Entry, who: str = "sato", *, personal: bool = False, message: str = "m1") -> str:
        """As a message has it."""
        return self.links.sign(
            Link(
                alarm=raised.source,
                event=raised.data["event"],
                recipient=who,
                way="mail",
                personal=personal,
                incident=INCIDENT,
                raised_ns=raised.utc_ns,
                until_ns=time.time_ns() + 12 * HOUR_NS,
                message=message,
            )
        )

    async def get(self, link: str, method: str = "GET", **headers: str) -> Answer:
        async with self.browser.request(method, link, headers=headers) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    async def post(self, link: str, fields: dict[str, str], **headers: str) -> Answer:
        async with self.browser.post(link, data=fields, headers=headers) as answer:
            return Answer(answer.status, await answer.text(), answer.headers)

    async def acknowledge(
        self, link: str, who: str = "", password: str = PASSWORD, comment: str = ""
    ) -> Answer:
        """Opens the page, fills in its form and presses the button."""
        fields = {"form": (await self.get(link)).form, "comment": comment}
        if who:
            fields |= {"account": who, "password": password}
        return await self.post(link, fields)

    def acknowledgements(self) -> list[Entry]:
        with Reader(self.core.data) as reader:
            return list(reader.events(where=Where(kinds=("alarm.acknowledged",))))


async def when(look: Callable[[], _Found | None]) -> _Found:
    """As soon as it is so; the core and its disk need their turns."""
    async with asyncio.timeout(20):
        while not (found := look()):
            await asyncio.sleep(0.01)
    return found


@asynccontextmanager
async def paged(data: Path, templates: Templates | None = None) -> AsyncIterator[Paged]:
    """A core, people with passwords, and the page on a free port."""
    routes = Routes("Asia/Tokyo", PEOPLE, ())
    plant = replace(at_once(), notification=Notification(routes))
    accounts = Accounts.of(data)
    for name, role in (("sato", "operator"), ("suzuki", "operator"), ("guest", "viewer")):
        accounts.add(name, role, PASSWORD)
    async with (
        behind(data, plant) as core,
        living(core),
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser,
    ):
        core.place.announce(plant.name, data)
        logins = Logins(accounts)
        with NotifyPlace(data) as place:
            rig = Paged(core, Links(b"", "", 12), "", browser, place, accounts)

            async def record(kind: str, source: str, text: str, about: dict[str, Any]) -> None:
                rig.recorded.append((kind, source, text, about))

            rooms = Rooms(
                plant=plant,
                data=data,
                links=(links := Links(link_secret(data), "http://127.0.0.1", 12)),
                used=place,
                logins=logins,
                templates=templates or Templates(),
                told=lambda incident: rig.told if incident == INCIDENT else (),
                record=record,
                now_ns=rig.now_ns,
            )
            try:
                async with serving(rooms, "127.0.0.1", 0) as port:
                    rig.links = Links(link_secret(data), f"http://127.0.0.1:{port}", links.hours)
                    rig.url = f"http://127.0.0.1:{port}"
                    await rig.event("suppression.ended", "link_R", 0)
                    yield rig
            finally:
                logins.close()
                core.place.withdraw()
