"""A message that ends the process while it is written still reaches people, and holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from alarms.delivery import Message
from alarms.routes import Address, Way
from controller.followers.database import read
from controller.followers.notify.bare import INSTEAD
from controller.followers.notify.follower import follow_notify
from controller.followers.notify.letter import message_id
from controller.followers.notify.place import NAME
from controller.plant.notification import Notification
from tests.mail_server import Got, mail_server
from tests.notified import Plants, a_core, all_told, following, journalled, notification, person, until
from tests.rooms import a_room

DEADLY, OTHER = "LSHH-203.ON", "LT-201.HH"
# No memory is nothing that templates are forgiven: it ends the process, as a bug of ours would.
TEMPLATE = (
    f"{{% if main and main.alarm == '{DEADLY}' %}}{{{{ 'x' * 10 ** 18 }}}}{{% endif %}}"
    "{% include 'ours/NAME' %}"
)


@pytest.fixture
def plants(tmp_path: Path) -> Iterator[Plants]:
    made = Plants(tmp_path / "data")
    yield made
    made.close()


def templates(folder: Path) -> str:
    """Texts of the plant's own, which one alarm is the end of."""
    folder.mkdir()
    for name in ("letter.txt", "chat.txt"):
        (folder / name).write_text(TEMPLATE.replace("NAME", name))
    return str(folder)


async def ended_by_a_bug(plants: Plants, settings: Notification) -> None:
    """One life of the process."""
    plant = replace(plants.plant, notification=settings)
    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.timeout(30):
            await follow_notify(plant, settings, plants.data)
    assert ended.group_contains(MemoryError)


def on_their_way(plants: Plants) -> dict[str, Message]:
    """Address -> what was just being sent to it."""
    rows = read(plants.data, NAME, "SELECT message FROM outbox WHERE state = 'sending'")
    messages = [msgspec.msgpack.decode(row[0], type=Message) for row in rows]
    return {one.address: one for one in messages}


def interrupted(plants: Plants) -> list[int]:
    return [row[0] for row in read(plants.data, NAME, "SELECT times FROM interrupted")]


def about(alarm: str, letters: list[Got]) -> dict[str, Got]:
    """By recipient."""
    return {got.recipient: got for got in letters if alarm in str(got.letter["Subject"])}


async def test_an_alarm_whose_message_cannot_be_written_reaches_everybody_after_two_restarts(
    plants: Plants, tmp_path: Path
) -> None:
    plants.raised(DEADLY)
    plants.raised(OTHER)
    async with mail_server() as server, a_room() as room, a_core(plants):
        chat = replace(
            person("room"), addresses=(Address("room.chat", Way.CHAT, f"json://127.0.0.1:{room.port}/"),)
        )
        settings = notification(
            server.settings(), person("sato"), person("abe"), chat, templates=templates(tmp_path / "letters")
        )
        for times in ([], [1, 1, 1]):
            await ended_by_a_bug(plants, settings)
            assert interrupted(plants) == times
        cut_short = on_their_way(plants)
        assert not server.got
        async with following(plants, settings):
            await all_told(plants.data)
            await until(lambda: len(journalled(plants.data, "notify.delivered")) == 6, "no receipts")
    assert sorted(cut_short) == ["abe.mail", "room.chat", "sato.mail"]
    plainest, full = about(DEADLY, server.got), about(OTHER, server.got)
    assert sorted(plainest) == sorted(full) == ["abe@plant.example", "sato@plant.example"]
    assert len(server.got) == 4
    for name in ("abe", "sato"):
        got = plainest[f"{name}@plant.example"]
        assert got.letter["Subject"] == f"[P1] {DEADLY} {plants.plant.name}"
        assert all(sentence in got.letter.get_content() for sentence in INSTEAD)
        assert got.id == message_id(cut_short[f"{name}.mail"], "plant.example")
        assert full[f"{name}@plant.example"].letter.get_body(("html",)) is not None
    [alarmed] = [body for _, _, body in room.seen if DEADLY in body]
    assert "heloop alarms list" in alarmed
    assert len(room.seen) == 2
    says_so(plants)


def says_so(plants: Plants) -> None:
    """The journal, of three messages; and nothing is counted any more."""
    bare = journalled(plants.data, "notify.bare")
    assert {(event.source, event.data["times"]) for event in bare} == {("abe", 2), ("sato", 2), ("room", 2)}
    assert all("cut short 2 times" in event.text for event in bare)
    delivered = journalled(plants.data, "notify.delivered")
    said = {event.data["message"]: "bare" in event.data for event in delivered}
    assert {one for one, is_bare in said.items() if is_bare} == {event.data["message"] for event in bare}
    assert all(event.text.endswith("in its plainest form") is ("bare" in event.data) for event in delivered)
    assert interrupted(plants) == []


@pytest.mark.parametrize("times", [1, 2])
async def test_a_letter_that_is_cut_short_once_leaves_in_full_and_an_innocent_one_that_is_twice_does_not(
    plants: Plants, times: int
) -> None:
    plants.raised(OTHER)
    async with mail_server() as server, a_core(plants):
        settings = notification(server.settings(), person("sato"))
        for _ in range(times):
            server.faults.append("hang")
            async with following(plants, settings):
                await until(lambda: not server.faults, "the letter is not on its way")
        cut_short = on_their_way(plants)
        async with following(plants, settings):
            await all_told(plants.data)
            await until(lambda: journalled(plants.data, "notify.delivered"), "no receipt")
    [got] = server.got
    assert got.id == message_id(cut_short["sato.mail"], "plant.example")
    assert got.letter.is_multipart() is (times == 1)
    assert len(journalled(plants.data, "notify.bare")) == times - 1
    assert interrupted(plants) == []
