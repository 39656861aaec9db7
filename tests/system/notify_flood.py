"""28,000 raw alarms in ten minutes, in a journal, through the whole process to a mail server.

Time runs faster: the process is given a clock of its own, and the journal is written by that clock.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alarms.records import event_id
from controller.core.effects import Event
from controller.followers.database import FOLDER
from controller.followers.notify import place as places
from tests.journalled import plant_of
from tests.mail_server import mail_server
from tests.notified import Plants, all_told, following, journalled, notification, person

RAISED = 28_000
MINUTES = 10
S = 1_000_000_000
PAGES = 200
P1_PAGES = 10  # a new P1 incident in so many pages


@dataclass
class Flood:
    """most_a_minute: letters to one person in any 60 s, the openings of P1 incidents left out.

    urgent: those openings. lost: alarms that were raised and are not in the journal. untold: those of
    priority 1 that stand in no message.
    """

    raised: int = 0
    letters: int = 0
    most_a_minute: int = 0
    urgent: int = 0
    lost: int = 0
    untold: list[str] = field(default_factory=list)
    lasted_s: float = 0.0


class FastClock:
    """UTC that the test moves."""

    def __init__(self) -> None:
        self.ns = time.time_ns()

    def now_ns(self) -> int:
        return self.ns


async def flood(data: Path, raised: int = RAISED) -> Flood:
    """Three people, a message a minute each at most; raises and returns of every alarm of the plant."""
    plant = plant_of("university")
    plants = Plants(data, plant)
    clock = FastClock()
    people = [person(name, every_s=60.0) for name in ("sato", "abe", "mori")]
    started_s = time.monotonic()
    try:
        async with mail_server() as server:
            settings = notification(server.settings(), *people)
            async with following(plants, settings, now_ns=clock.now_ns):
                for page in range(PAGES):
                    clock.ns += MINUTES * 60 * S // PAGES
                    _write(plants, clock.ns, raised // PAGES, page)
                    await all_told(data)
                for _ in range(10):  # what the rate limit holds back comes when its minute is over
                    clock.ns += 30 * S
                    plants.writing.utc_ns = clock.ns
                    plants.writing.event("service.ticked", "test")
                    await all_told(data)
        untold = _urgent_raised(data, plants) - _told(data)
        lost = raised - sum(event.kind == "alarm.raised" for event in journalled(data))
        lasted_s = time.monotonic() - started_s
        return Flood(raised, len(server.got), *_most(data), lost, sorted(untold), lasted_s)
    finally:
        plants.close()


def _write(plants: Plants, utc_ns: int, count: int, page: int) -> None:
    """A page of alarms: those of the page before go, the next come, and each half minute a P1 with them."""
    events = []
    names = [alarm.id for alarm in plants.plant.alarms if alarm.priority != 1]
    urgent = [alarm.id for alarm in plants.plant.alarms if alarm.priority == 1]

    def name(place: int) -> str:
        if place % count == 0 and place // count % P1_PAGES == 0:
            return urgent[place // count // P1_PAGES % len(urgent)]
        return names[place % len(names)]

    for place in range(max(0, page - 1) * count, page * count):
        data: dict[str, Any] = {"event": event_id(place + 1, name(place)), "how": "returned"}
        events.append(Event("alarm.returned", name(place), "raw", utc_ns, 0.0, 500, data))
    for place in range(page * count, (page + 1) * count):
        data = {"n": place + 1, "event": event_id(place + 1, name(place)), "announce": "raised"}
        events.append(Event("alarm.raised", name(place), "raw", utc_ns, 0.0, 500, data))
    plants.writing.utc_ns = utc_ns
    plants.writing.journal.append(events, [], plants.writing.now()).result(30)


def _urgent_raised(data: Path, plants: Plants) -> set[str]:
    urgent = {alarm.id for alarm in plants.plant.alarms if alarm.priority == 1}
    return {event.source for event in journalled(data, "alarm.raised")} & urgent


def _told(data: Path) -> set[str]:
    """Alarms that stand in a message, by the records that wait for the core."""
    with contextlib.closing(sqlite3.connect(data / FOLDER / f"{places.NAME}.db")) as db:
        rows = db.execute("SELECT data FROM records WHERE kind = 'notify.told'").fetchall()
    return {alarm for row in rows for alarm in json.loads(row[0])["alarms"]}


def _most(data: Path) -> tuple[int, int]:
    """Of the messages as they were put, by the process's clock; and how many openings of P1 there were."""
    query = "SELECT recipient, put_ns, why = 'first' AND priority = 1 FROM outbox ORDER BY put_ns"
    times: defaultdict[str, list[int]] = defaultdict(list)
    urgent = 0
    with contextlib.closing(sqlite3.connect(data / FOLDER / f"{places.NAME}.db")) as db:
        for who, put_ns, opens in db.execute(query):
            if opens:
                urgent += 1
            else:
                times[who].append(put_ns)
    most = [sum(first <= at < first + 60 * S for at in found) for found in times.values() for first in found]
    return max(most, default=0), urgent
