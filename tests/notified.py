"""Notification for tests of its process: routes, people, and a journal in which alarms are raised."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from alarms.model import Alarm
from alarms.records import event_id
from alarms.routes import Address, Match, Recipient, Route, Routes, Step, Way
from controller import runtime
from controller.core.inputs import Note, Request
from controller.doors.commands import Answer, Commands, Followers
from controller.doors.users import NotAllowed
from controller.followers.database import FOLDER
from controller.followers.notify import place as places
from controller.followers.notify.follower import follow_notify
from controller.plant.notification import Mail, Notification
from controller.plant.plant import Plant
from controller.record.chain import Entry
from controller.record.errors import Damaged
from controller.record.reader import Reader, Where
from tests.journalled import Writing, plant_of

PATIENCE_S = 40.0


def person(name: str, *more: Address, every_s: float = 0.0) -> Recipient:
    """By mail to NAME@plant.example, then by what else is given."""
    mail = Address(f"{name}.mail", Way.MAIL, f"{name}@plant.example")
    return Recipient(name, (mail, *more), every_s=every_s)


def notification(mail: Mail | None, *people: Recipient, **others: Any) -> Notification:
    """Everything goes to everybody at once, once; people without any: sato and abe."""
    told = people or (person("sato"), person("abe"))
    routes = Routes(
        timezone="Asia/Tokyo",
        recipients=told,
        routes=(Route("all", Match(), (Step(to=tuple(one.name for one in told)),), tell_answered=False),),
    )
    return Notification(routes, mail=mail, **others)


class Plants:
    """The tutorial plant, and a journal of its alarms in the present."""

    def __init__(self, data: Path, plant: Plant | None = None) -> None:
        self.plant = plant or plant_of("tutorial")
        self.data = data
        self.writing = Writing(data, self.plant)
        self._number = 0

    def close(self) -> None:
        self.writing.close()

    def alarm(self, priority: int, nth: int = 0) -> Alarm:
        return [one for one in self.plant.alarms if one.priority == priority][nth]

    def event(self, kind: str, source: str, text: str = "", **data: Any) -> str:
        """Now; the event id."""
        self._number += 1
        self.writing.utc_ns = time.time_ns()
        event = event_id(self._number, source)
        self.writing.event(kind, source, text, n=self._number, event=event, **data)
        return event

    def raised(self, alarm: str, text: str = "is low") -> str:
        event = event_id(self._number + 1, alarm)
        return self.event("alarm.raised", alarm, text, announce="raised", incident=event)

    def returned(self, alarm: str) -> None:
        self.event("alarm.returned", alarm, how="returned")


class Core:
    """The command socket as the core serves it; what followers say goes into the journal at once.

    confirmed: (events, samples) of the last confirmation.
    """

    def __init__(self, plants: Plants) -> None:
        self._plants = plants
        self.confirmed: tuple[int | None, int | None] = (None, None)
        self.commands = Commands(
            self._submit, lambda name, args: {}, followers=Followers(self._note, self._confirm)
        )

    async def _submit(self, request: Request) -> Answer:
        raise NotAllowed("nobody operates this plant")

    def _note(self, note: Note) -> None:
        self._plants.writing.utc_ns = time.time_ns()
        self._plants.writing.event(note.kind, note.source, note.text, **note.data)

    async def _confirm(self, name: str, events: int | None, samples: int | None) -> Answer:
        assert name == places.NAME
        self.confirmed = (events, samples)
        return Answer(True, "", 0, {})


@asynccontextmanager
async def a_core(plants: Plants) -> AsyncIterator[Core]:
    made = Core(plants)
    task = asyncio.create_task(made.commands.serve(runtime.create(plants.data).commands))
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def journalled(data: Path, kind: str = "") -> list[Entry]:
    """Events of a kind, oldest first."""
    with Reader(data) as reader:
        return list(reader.events(where=Where(kinds=(kind,)) if kind else None))


@asynccontextmanager
async def following(
    plants: Plants,
    settings: Notification,
    port: int = 0,
    now_ns: Callable[[], int] = time.time_ns,
) -> AsyncIterator[None]:
    plant = replace(plants.plant, notification=settings)
    task = asyncio.create_task(follow_notify(plant, settings, plants.data, port=port, now_ns=now_ns))
    try:
        yield
        if task.done():
            await task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> None:
    """Of what another process or thread does there is no event to wait for."""
    until_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until_s, what
        await asyncio.sleep(0.02)


def is_done(data: Path) -> bool:
    """Whether the journal is followed to its end and nothing waits to leave."""
    path = data / FOLDER / f"{places.NAME}.db"
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            at = db.execute("SELECT events FROM cursor").fetchone()
            waiting = db.execute("SELECT count(*) FROM outbox WHERE done_ns = 0").fetchone()[0]
        except sqlite3.OperationalError:  # no tables yet
            return False
    with Reader(data) as reader:
        return at is not None and at[0] >= reader.head().seq and not waiting


async def all_told(data: Path) -> None:
    await until(lambda: is_done(data), "not everybody was told")


def states(data: Path) -> dict[str, Sequence[str]]:
    """Address -> states of its messages, the oldest first."""
    with contextlib.suppress(Damaged):
        found: dict[str, list[str]] = {}
        for one in reversed(places.log(data, 10_000)):
            found.setdefault(one.address, []).append(one.state)
        return dict(found)
    return {}
