"""Telling people: kill -9 at random points of the delivery, letters a second, a flood through all of it.

The peer of the second row is a loop with aiosmtplib over one connection, which remembers nothing: ours
has each message on disk before it leaves and after it has arrived.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import aiosmtplib

from alarms.delivery import Message, Why
from alarms.routes import Address
from controller.followers.notify import follower
from controller.followers.notify.place import log
from controller.followers.notify.templates import Templates
from controller.followers.notify.ways import Form
from controller.followers.notify.writing import Writing
from controller.plant.notification import Notification
from tests.bench import Table
from tests.journalled import plant_of
from tests.mail_server import MailServer, mail_server
from tests.notified import Plants, all_told, following, notification, person
from tests.rooms import a_room
from tests.system.notify_flood import flood
from tests.system.notify_kills import Tally
from tests.system.notify_kills import run as kill_run
from tests.system.notify_victim import PLANT, victim

RUNS, QUICK_RUNS = 500, 10
LETTERS, QUICK_LETTERS = 400, 60


def run(quick: bool) -> Table:
    table = Table(
        "Notification",
        "aiosmtplib in a plain loop; where there is none, what was asked for",
        f"{PLANT} plant, real SMTP and HTTP servers on this machine, "
        f"{QUICK_RUNS if quick else RUNS} seeded runs with two kills each",
    )
    with tempfile.TemporaryDirectory(prefix="heloop-notify-") as folder:
        os.environ["HELOOP_RUNTIME"] = f"{folder}/runtime"
        _kills(table, Path(folder), QUICK_RUNS if quick else RUNS)
        asyncio.run(_letters(table, Path(folder), QUICK_LETTERS if quick else LETTERS))
        asyncio.run(_flood(table, Path(folder)))
    return table


def _kills(table: Table, place: Path, runs: int) -> None:
    started_s = time.monotonic()
    total = asyncio.run(_killed(place, runs))
    each_s = (time.monotonic() - started_s) / runs
    table.add("runs with kills, servers that die and forget", total.runs, None, "")
    table.add("kills", total.kills, None, "")
    table.add("P1 incidents", total.incidents, None, "")
    table.add("letters that arrived", total.letters, None, "")
    table.add("chats that arrived", total.chats, None, "")
    table.add("deliveries that a kill or a server has cut off", total.interrupted + total.forgotten, None, "")
    table.add("letters that came once more for it", total.doubled, None, "")
    table.add("P1 not told to somebody, or told again without reason", 0, None, "", target="0")
    table.add("a run", each_s, None, "s")
    table.notes.append("the zero is an assertion: a run that finds anything else ends with what it found")


async def _killed(place: Path, runs: int) -> Tally:
    plant = plant_of(PLANT)
    total = Tally()
    async with mail_server() as mail, a_room() as room, victim(place / "errors") as one:
        for seed in range(runs):
            total.add(await kill_run(place, plant, one, mail, room, seed=seed))
    return total


async def _letters(table: Table, place: Path, count: int) -> None:
    """The same letters, one person each, with text, HTML and no picture."""
    plants = Plants(place / "letters", plant_of(PLANT))
    names = [f"p{number:03}" for number in range(count)]
    async with mail_server() as server:
        settings = notification(server.settings(), *(person(name) for name in names))
        alarm = plants.alarm(1).id
        started_s = time.perf_counter()
        async with following(plants, settings):
            plants.raised(alarm)
            await server.until(count, within_s=300.0)
            await all_told(plants.data)
        ours_s = time.perf_counter() - started_s
        peer_s = await _peer(plants, settings, server, log(plants.data)[0].incident)
    plants.close()
    table.add("letters to one person each, journal to server", count / ours_s, count / peer_s, "letters/s")


async def _peer(plants: Plants, settings: Notification, server: MailServer, incident: str) -> float:
    """The same letters: who else was told stands in them too."""
    plant = replace(plants.plant, notification=settings)
    writing = Writing(plant, settings, plants.data, Templates(), None)
    started_s = time.perf_counter()
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=server.port) as connection:
        for recipient in settings.routes.recipients:
            address: Address = recipient.addresses[0]
            message = Message(
                f"peer-{address.id}", recipient.name, address.id, Why.FIRST, incident, True, 1, time.time_ns()
            )
            letter = writing.letter(message, address, Form.SMALL)
            await connection.sendmail("heloop@plant.example", [address.target], letter.as_bytes())
    return time.perf_counter() - started_s


async def _flood(table: Table, place: Path) -> None:
    follower.LOOK_S = 0.02  # type: ignore[misc]  # time runs faster for it
    found = await flood(place / "flood")
    table.add("raw alarms in 10 simulated minutes", found.raised, None, "")
    table.add("letters to three people", found.letters, None, "")
    table.add("of them openings of P1 incidents", found.urgent, None, "")
    table.add(
        "most to one person in a minute, new P1 incidents apart", found.most_a_minute, None, "", target="1"
    )
    table.add("alarms of priority 1 in no message", len(found.untold), None, "", target="0")
    table.add("raw alarms lost from the journal", found.lost, None, "", target="0")
