"""The page that a message's link leads to: GET shows the alarm, POST acknowledges it.

Chats fetch links to show a preview, so looking changes nothing. Acknowledging takes a login by the service's
own users, or a mail's link to one person where routes.yaml allows that; then it goes to the core as that
person's request, for the one event that the link names. Links and passwords are never logged.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakValueDictionary

import structlog
from aiohttp import web

from controller import runtime
from controller.doors.logins import Logins, is_loopback
from controller.followers.notify.acknowledging import Answer, acknowledge
from controller.followers.notify.context import Picture, Told
from controller.followers.notify.incident import Story, story_of
from controller.followers.notify.links import PATH, Link, Links, Unreadable
from controller.followers.notify.page_door import Door, Pace
from controller.followers.notify.page_people import People, Record
from controller.followers.notify.page_view import COMMENT_MAX, PageView, bare_view, page_view
from controller.followers.notify.templates import Templates
from controller.followers.notify.trend import trend
from controller.followers.notify.wording import alarm_of, plain, tag_of
from controller.followers.notify.words import Words
from controller.plant.plant import Plant
from controller.record.errors import RecordError

BODY_MAX: Final = 8_192
BODY_S: Final = 10.0
FORM_S: Final = 3_600
COOKIE: Final = "heloop_form"
PICTURES_AT_ONCE: Final = 1
STATUS: Final = {
    **dict.fromkeys(("wrong", "login", "form", "not_allowed"), 403),
    **dict.fromkeys(("forged", "gone"), 404),
    **dict.fromkeys(("already_somebody", "refused", "used"), 409),
    "expired": 410,
    **dict.fromkeys(("locked_out", "too_many"), 429),
    "fault": 500,
    **dict.fromkeys(("busy", "away"), 503),
}
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
}
log = structlog.get_logger("notify")


class Used(Protocol):
    """Which links have acknowledged; kept for as long as they would be valid."""

    def used(self, token_id: str) -> bool: ...
    def use(self, token_id: str, until_ns: int) -> bool: ...


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the page needs of the process that serves it.

    told: who has been told of an incident. record: puts an event into the journal; may raise nothing.
    behind: a proxy with TLS stands before us on this machine, and says whom it serves.
    """

    plant: Plant
    data: Path
    links: Links
    used: Used
    logins: Logins
    templates: Templates
    told: Callable[[str], Sequence[Told]]
    record: Record
    behind: bool = False
    now_ns: Callable[[], int] = time.time_ns


class Page:
    """GET and POST of one address."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._core = runtime.of(rooms.data)
        self._pace = Pace()
        self._drawing = asyncio.Semaphore(PICTURES_AT_ONCE)
        self._asked: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._people = People(rooms.plant, rooms.logins, rooms.record)

    def routes(self) -> list[web.RouteDef]:
        path = f"{PATH}{{token}}"
        return [web.get(path, self.show, allow_head=True), web.post(path, self.act)]

    async def show(self, request: web.Request) -> web.Response:
        """The alarm as it is now. Whatever fetches it, nothing happens."""
        link, refusal = self._read(request)
        if link is None:
            return self._bare(request, refusal)
        story = await asyncio.to_thread(story_of, self._rooms.data, link)
        answer = Answer("used") if self._rooms.used.used(link.id) else None
        return await self._page(request, link, story, answer)

    async def act(self, request: web.Request) -> web.Response:
        """Acknowledges, if everything is right; says what was not."""
        link, refusal = self._read(request)
        if link is None:
            return self._bare(request, refusal)
        async with asyncio.timeout(BODY_S):
            said = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        # Two presses of the button, or two people, wait for each other: the second is told of the first.
        async with self._asked.setdefault(link.id, asyncio.Lock()):
            answer = await self._acknowledged(request, link, said)
        story = await asyncio.to_thread(story_of, self._rooms.data, link)
        return await self._page(request, link, story, answer)

    async def _acknowledged(self, request: web.Request, link: Link, said: dict[str, str]) -> Answer:
        rooms, now_ns = self._rooms, self._rooms.now_ns()
        nonce = request.cookies.get(COOKIE, "")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            return Answer("form")
        if not rooms.links.form_holds(said.get("form", ""), link, nonce, now_ns):
            return Answer("form")
        if rooms.used.used(link.id):
            return Answer("used")
        account = await self._people.account(link, said, self._peer(request))
        if isinstance(account, Answer):
            return account
        comment = plain(said.get("comment", ""), COMMENT_MAX)
        way = "link of the mail" if self._people.owner(link) else "link of a message"
        answer = await acknowledge(
            self._core.commands, account, link, comment or f"by the {way} to {link.recipient}"
        )
        log.info("asked by a link", alarm=link.alarm, user=account.name, link=link.id, answer=answer.what)
        if answer.done or answer.what == "already_somebody":
            self._use(link)
        return answer

    def _use(self, link: Link) -> None:
        """A full disk does not undo the acknowledgement; the core takes none a second time."""
        try:
            self._rooms.used.use(link.id, link.until_ns)
        except sqlite3.Error as error:
            log.error("a link's use is not kept", link=link.id, why=str(error))

    # --- what is shown -----------------------------------------------------------------------------

    def _peer(self, request: web.Request) -> str:
        """Behind a proxy of this machine: the address that it took the request from, the last it names."""
        peer = request.remote or ""
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        return forwarded if self._rooms.behind and forwarded and is_loopback(peer) else peer

    def _read(self, request: web.Request) -> tuple[Link | None, str]:
        """(link, '') or (None, why not)."""
        if not self._pace.allows(self._peer(request)):
            return None, "too_many"
        link = self._rooms.links.read(request.match_info["token"], self._rooms.now_ns())
        if isinstance(link, Unreadable):
            return None, link.value
        return (link, "") if alarm_of(self._rooms.plant, link.alarm) is not None else (None, "gone")

    def _words(self, request: web.Request, link: Link | None) -> Words:
        person = self._people.named(link.recipient) if link is not None else None
        asked = request.headers.get("Accept-Language", "")[:2].lower()
        return self._rooms.templates.words(person.language if person is not None else asked)

    def _bare(self, request: web.Request, what: str) -> web.Response:
        nonce = secrets.token_urlsafe(12)
        view = bare_view(self._rooms.plant, self._words(request, None), Answer(what), nonce)
        return self._answered(view, STATUS[what])

    async def _page(
        self, request: web.Request, link: Link, story: Story, answer: Answer | None
    ) -> web.Response:
        rooms, now_ns = self._rooms, self._rooms.now_ns()
        over = answer is not None and (answer.done or answer.what == "used")
        waits = not story.acknowledged_by and not over
        cookie = request.cookies.get(COOKIE, "")
        fresh = cookie if len(cookie) == 22 else secrets.token_urlsafe(16)
        person = self._people.owner(link)
        view = page_view(
            rooms.plant,
            self._words(request, link),
            link,
            story,
            now_ns=now_ns,
            nonce=secrets.token_urlsafe(12),
            picture=await self._picture(link, now_ns),
            told=self._told(link.incident),
            answer=answer,
            away=self._core.about() is None,
            form=rooms.links.form(link, fresh, now_ns + FORM_S * 1_000_000_000) if waits else "",
            user=person.user if person is not None else "",
        )
        response = self._answered(view, 200 if answer is None or view.good else STATUS.get(answer.what, 200))
        if answer is not None and answer.what == "used" and request.method != "POST":
            response.set_status(200)
        response.set_cookie(
            COOKIE, fresh, max_age=FORM_S, path=PATH, httponly=True, samesite="Strict", secure=rooms.behind
        )
        return response

    async def _picture(self, link: Link, now_ns: int) -> Picture | None:
        """One at a time, in a thread: a picture is worth waiting for, the machine's other work is not."""
        tag = tag_of(self._rooms.plant, alarm_of(self._rooms.plant, link.alarm))
        if tag is None:
            return None
        async with self._drawing:
            return await asyncio.to_thread(
                trend, self._rooms.data, self._rooms.plant, tag.name, now_ns, link.raised_ns
            )

    def _told(self, incident: str) -> Sequence[Told]:
        """Nobody when the list cannot be read: the alarm itself matters more."""
        try:
            return self._rooms.told(incident)
        except RecordError as error:
            log.error("who has been told is not known", why=str(error))
            return ()

    def _answered(self, view: PageView, status: int) -> web.Response:
        values = {name: getattr(view, name) for name in PageView.__slots__}
        text = self._rooms.templates.render("page.html", values)
        policy = (
            f"default-src 'none'; style-src 'nonce-{view.nonce}'; img-src data:; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        headers = {**HEADERS, "Content-Security-Policy": policy, "Content-Language": view.w.language}
        if status == 429:
            headers["Retry-After"] = "60"
        return web.Response(text=text, content_type="text/html", status=status, headers=headers)


@asynccontextmanager
async def serving(rooms: Rooms, host: str, port: int) -> AsyncIterator[int]:
    """The page on its port; gives the port, which is another one when 0 was asked for. Raises OSError."""
    app = web.Application(client_max_size=BODY_MAX, middlewares=[_guarded])
    app.add_routes(Page(rooms).routes())
    # A log of requests would have links in it.
    runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=15)
    await runner.setup()
    assert runner.server is not None, "it is set up"
    listener = await asyncio.get_running_loop().create_server(Door(runner.server), host, port, backlog=32)
    try:
        yield int(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        await listener.wait_closed()
        await runner.cleanup()


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is no page of ours, and who does not go on talking."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    except TimeoutError:
        return web.Response(status=408, headers=HEADERS)
