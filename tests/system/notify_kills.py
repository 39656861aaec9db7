"""kill -9 at random points of the delivery, and what must be true of what the servers got.

The books are kept from outside: what the mail server has by Message-ID, what the chat has by room, and,
after each kill, which messages were just on their way, as the database of the dead process says.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from alarms.delivery import Message
from controller.followers.database import FOLDER, read
from controller.followers.notify.letter import message_id
from controller.followers.notify.place import NAME
from controller.plant.plant import Plant
from tests.mail_server import MailServer
from tests.notified import Plants, all_told
from tests.rooms import Room
from tests.system.notify_victim import Victim

DOMAIN = "plant.example"
PEOPLE = ("abe@plant.example", "sato@plant.example")
FAULTS = ("die", "forget", "forget", "451 later", "", "")


@dataclass
class Tally:
    """What the runs have seen. interrupted: deliveries that a kill met; doubled: letters that came again."""

    runs: int = 0
    kills: int = 0
    incidents: int = 0
    letters: int = 0
    chats: int = 0
    interrupted: int = 0
    forgotten: int = 0
    doubled: int = 0

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class _Run:
    """One journal, some kills, the books."""

    plants: Plants
    mail: MailServer
    room: Room
    victim: Victim
    draw: random.Random
    interrupted: Counter[str] = field(default_factory=Counter)  # Message-ID, or 'chat'
    first: int = 0

    async def kill(self) -> None:
        """At a random moment, often just when a server has something of it, or before it can say so."""
        if self.draw.random() < 0.3:
            self.mail.on_take = self.victim.strike
        seen = len(self.mail.got) + len(self.room.seen)
        await self.victim.start(self.plants.data, self.mail.port, self.room.port)
        wanted = seen + self.draw.choice((0, 1, 1, 2, 3))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.draw.uniform(0.05, 0.3)):
                while wanted == seen or len(self.mail.got) + len(self.room.seen) < wanted:
                    await asyncio.sleep(0.002)
        await asyncio.sleep(self.draw.choice((0.0, 0.0, 0.001, 0.003, 0.01)))
        await self.victim.end()
        self.mail.on_take = None
        for message in _on_their_way(self.plants.data):
            self.interrupted[_named(message)] += 1

    def check(self, raised: int, tally: Tally) -> None:
        """Every P1 has reached everybody; nothing came more often than its deliveries were interrupted.

        Only what was interrupted twice came in its plainest form.
        """
        came = Counter((got.recipient, got.id) for got in self.mail.got)
        for (who, letter), count in came.items():
            allowed = 1 + self.interrupted[letter] + self.mail.forgotten[letter]
            assert count <= allowed, f"{letter} came {count} times to {who}, allowed {allowed}"
        plainest = [got.id for got in self.mail.got if not got.letter.is_multipart()]
        assert all(self.interrupted[letter] > 1 for letter in plainest), "in fixed words without need"
        assert not read(self.plants.data, NAME, "SELECT * FROM interrupted")
        for who in PEOPLE:
            opened = {letter for one, letter in came if one == who and ".incident@" in letter}
            assert len(opened) == raised, f"{who} was told of {len(opened)} of {raised} incidents"
        rooms = _states(self.plants.data, "room.chat")
        assert rooms == Counter({"sent": rooms["sent"]})
        assert rooms["sent"] <= len(self.room.seen) <= rooms["sent"] + self.interrupted["chat"]
        assert not _states(self.plants.data)["given_up"]
        tally.letters += sum(came.values())
        tally.chats += len(self.room.seen)
        tally.doubled += sum(count - 1 for count in came.values())
        tally.interrupted += sum(self.interrupted.values())
        tally.forgotten += sum(self.mail.forgotten.values())


async def run(
    place: Path, plant: Plant, victim: Victim, mail: MailServer, room: Room, *, seed: int, kills: int = 2
) -> Tally:
    """Alarms, kills and faults of the servers by one seed; raises AssertionError at what must not be."""
    draw = random.Random(seed)
    mail.got.clear()
    mail.forgotten.clear()
    mail.faults.clear()
    room.seen.clear()
    plants = Plants(place / f"run-{seed}", plant)
    tally = Tally(runs=1, kills=kills)
    try:
        urgent = _urgent(plant)
        draw.shuffle(urgent)
        raised = urgent[: draw.randint(1, 3)]
        mail.faults.extend(draw.choice(FAULTS) for _ in range(draw.randint(0, 4)))
        one = _Run(plants, mail, room, victim, draw)
        later = [alarm for alarm in raised if draw.random() < 0.3]
        for alarm in raised:
            if alarm not in later:
                plants.raised(alarm)
        for _ in range(kills):
            await one.kill()
        for alarm in later:
            plants.raised(alarm)
        await victim.start(plants.data, mail.port, room.port)
        await all_told(plants.data)
        await victim.end(signal.SIGTERM)
        one.check(len(raised), tally)
        tally.incidents = len(raised)
    finally:
        plants.close()
    shutil.rmtree(plants.data)
    return tally


def _urgent(plant: Plant) -> list[str]:
    """One alarm of priority 1 of each tag that has any: alarms of one tag are one incident."""
    of_tags = {alarm.id.partition(".")[0]: alarm.id for alarm in plant.alarms if alarm.priority == 1}
    return sorted(of_tags.values())


def _on_their_way(data: Path) -> list[Message]:
    """What the dead process was just sending."""
    path = data / FOLDER / f"{NAME}.db"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as db:
        try:
            rows = db.execute("SELECT message FROM outbox WHERE state = 'sending'").fetchall()
        except sqlite3.OperationalError:  # killed before there were tables
            return []
    return [msgspec.msgpack.decode(row[0], type=Message) for row in rows]


def _named(message: Message) -> str:
    return "chat" if message.address.endswith(".chat") else message_id(message, DOMAIN)


def _states(data: Path, address: str = "%") -> Counter[str]:
    with contextlib.closing(sqlite3.connect(data / FOLDER / f"{NAME}.db")) as db:
        found = db.execute("SELECT state FROM outbox WHERE address LIKE ?", (address,))
        return Counter(row[0] for row in found)
