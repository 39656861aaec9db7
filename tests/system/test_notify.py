"""The process that tells people, against real servers: everybody once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alarms.routes import Address, Way
from controller.followers.notify import attempts, follower, heartbeat, troubles
from controller.followers.notify import place as places
from controller.followers.notify.place import NotifyPlace
from controller.plant import notification as plant_file
from controller.plant.notification import Heartbeat, Page
from controller.record.errors import InUse
from tests.journalled import plant_of
from tests.mail_server import mail_server
from tests.notified import (
    Plants,
    a_core,
    all_told,
    following,
    is_done,
    journalled,
    notification,
    person,
    states,
    until,
)
from tests.rooms import a_room
from tests.system.notify_flood import flood
from tests.system.notify_kills import Tally, run
from tests.system.notify_victim import PLANT, victim

SEEDS = 6


@pytest.fixture
def plants(tmp_path: Path) -> Iterator[Plants]:
    made = Plants(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "retry_s", lambda _: 0.05)
    monkeypatch.setattr(troubles, "LASTS_S", 0.2)
    monkeypatch.setattr(troubles, "AGAIN_S", 0.5)
    monkeypatch.setattr(follower, "PROBE_S", 0.2)
    monkeypatch.setattr(follower, "CONFIRM_S", 0.1)


def kinds(plants: Plants) -> Counter[str]:
    return Counter(event.kind for event in journalled(plants.data))


async def told_of(plants: Plants, kind: str, count: int = 1) -> None:
    await until(lambda: kinds(plants)[kind] >= count, f"no {kind}: {kinds(plants)}")


async def test_an_alarm_reaches_everybody_on_its_route_once_and_the_journal_says_so(plants: Plants) -> None:
    plants.raised("LT-201.HH")
    async with (
        mail_server() as server,
        a_core(plants) as core,
        following(plants, notification(server.settings())),
    ):
        await all_told(plants.data)
        await told_of(plants, "notify.delivered", 2)
        await until(lambda: core.confirmed[0], "retention is not told how far we are")
    assert sorted(got.recipient for got in server.got) == ["abe@plant.example", "sato@plant.example"]
    assert "LT-201" in str(server.got[0].letter["Subject"])
    assert states(plants.data) == {"sato.mail": ["sent"], "abe.mail": ["sent"]}
    receipts = journalled(plants.data, "notify.delivered")
    assert {event.source for event in receipts} == {"sato", "abe"}
    assert {event.data["attempt"] for event in receipts} == {1}
    assert core.confirmed[1] is None


async def test_a_restart_repeats_nothing_and_drops_nothing(plants: Plants) -> None:
    plants.raised("LT-201.HH")
    async with mail_server() as server:
        settings = notification(server.settings())
        async with following(plants, settings):
            await all_told(plants.data)
        plants.raised("LSHH-203.ON")
        for _ in range(2):
            async with following(plants, settings):
                await all_told(plants.data)
    assert Counter(got.recipient for got in server.got) == {"abe@plant.example": 2, "sato@plant.example": 2}
    assert len({(got.recipient, got.id) for got in server.got}) == 4


async def test_what_was_raised_long_before_the_first_start_is_not_told(plants: Plants) -> None:
    plants.writing.utc_ns = time.time_ns() - 3_600_000_000_000
    plants.writing.event("alarm.raised", "LT-201.HH", "is high", announce="raised", event="00", n=1)
    async with mail_server() as server, following(plants, notification(server.settings())):
        plants.raised("LSHH-203.ON")
        await server.until(2)
        await all_told(plants.data)
    assert all("LSHH-203" in str(got.letter["Subject"]) for got in server.got)


async def test_a_dead_mail_server_loses_nothing_and_is_told_by_another_way(plants: Plants) -> None:
    """The alarm heloop.FOLLOWER begins once and ends once, however many attempts fail."""
    async with mail_server() as server, a_room() as room, a_core(plants):
        chat = Address("abe.chat", Way.CHAT, f"json://127.0.0.1:{room.port}/")
        settings = notification(server.settings(timeout_s=0.5), person("sato"), person("abe", chat))
        settings = replace(
            settings, routes=replace(settings.routes, trouble=("abe",), undeliverable_after_s=0.3)
        )
        server.down = True
        async with following(plants, settings):
            plants.raised("LT-201.HH")
            await until(lambda: any("notification fault" in body for _, _, body in room.seen), "no trouble")
            await told_of(plants, "follower.down")
            server.down = False
            await server.until(1)
            await all_told(plants.data)
            await told_of(plants, "follower.restored")
    assert [got.recipient for got in server.got].count("sato@plant.example") >= 1
    down = journalled(plants.data, "follower.down")
    assert {event.source for event in down} == {"notify"}
    assert "mail server 127.0.0.1" in down[0].data["reason"]
    assert len(down) <= 2  # one address, then the other
    assert kinds(plants)["follower.restored"] == 1
    assert kinds(plants)["notify.failed"] <= 6  # a record for each message and reason, not for each attempt


async def test_a_mail_server_that_hangs_does_not_delay_the_chat(plants: Plants) -> None:
    async with mail_server() as server, a_room() as room:
        server.faults.extend(["hang"] * 8)
        chat = replace(
            person("room"), addresses=(Address("room.chat", Way.CHAT, f"json://127.0.0.1:{room.port}/"),)
        )
        settings = notification(server.settings(timeout_s=20.0), person("sato"), person("abe"), chat)
        async with following(plants, settings):
            plants.raised("LT-201.HH")
            plants.raised("LSHH-203.ON")
            await until(lambda: len(room.seen) == 2, "the chat waits for the mail server", 15.0)
            assert not server.got


async def test_a_refused_recipient_is_given_up_and_the_next_address_is_taken(plants: Plants) -> None:
    async with mail_server() as server, a_room() as room, a_core(plants):
        server.refuse["abe@plant.example"] = "550 no such mailbox"
        chat = Address("abe.chat", Way.CHAT, f"json://127.0.0.1:{room.port}/")
        async with following(plants, notification(server.settings(), person("sato"), person("abe", chat))):
            plants.raised("LT-201.HH")
            await all_told(plants.data)
            await told_of(plants, "follower.refused")
    assert states(plants.data)["abe.mail"] == ["given_up"]
    assert states(plants.data)["abe.chat"][0] == "sent"
    assert states(plants.data)["sato.mail"] == ["sent"]
    [given_up] = journalled(plants.data, "notify.given_up")
    assert "550 no such mailbox" in given_up.text


async def test_who_answers_stops_what_has_not_left(plants: Plants) -> None:
    """P2: a first message of a P1 always leaves."""
    async with mail_server() as server, a_core(plants):
        server.down = True
        async with following(plants, notification(server.settings(timeout_s=0.5))):
            event = plants.raised("PT-204.HH")
            await told_of(plants, "notify.failed", 2)
            plants.event("alarm.acknowledged", "PT-204.HH", "acknowledged", user="abe", of=event)
            await all_told(plants.data)
            await told_of(plants, "notify.withdrawn", 2)
    assert server.got == []
    assert states(plants.data) == {"sato.mail": ["withdrawn"], "abe.mail": ["withdrawn"]}


async def test_an_address_that_is_no_longer_there_is_given_up_after_the_restart(plants: Plants) -> None:
    async with mail_server() as server:
        server.down = True
        async with following(plants, notification(server.settings(timeout_s=0.5))):
            plants.raised("LT-201.HH")
            await until(lambda: len(states(plants.data)) == 2, "nobody was to be told")
        server.down = False
        async with following(plants, notification(server.settings(), person("sato"))):
            await all_told(plants.data)
    assert states(plants.data)["abe.mail"] == ["given_up"]
    assert states(plants.data)["sato.mail"] == ["sent"]


async def test_a_new_journal_begins_anew_and_what_waited_still_leaves(tmp_path: Path) -> None:
    first = Plants(tmp_path / "data")
    first.raised("LT-201.HH")
    async with mail_server() as server:
        server.down = True
        settings = notification(server.settings(timeout_s=0.5), person("sato"))
        async with following(first, settings):
            await until(lambda: states(first.data), "nobody was to be told")
        first.close()
        for path in first.data.glob("*.db*"):
            path.unlink()
        server.down = False
        second = Plants(tmp_path / "data")
        second.raised("LSHH-203.ON")
        async with following(second, settings):
            await server.until(2)
            await all_told(second.data)
        second.close()
    assert len({got.id for got in server.got}) == 2


async def test_a_second_process_is_kept_away(plants: Plants) -> None:
    async with mail_server() as server:
        settings = notification(server.settings())
        async with following(plants, settings):
            await until(lambda: is_done(plants.data), "the first does not run")
            with pytest.raises(InUse):
                await follower.follow_notify(plants.plant, settings, plants.data)


async def test_a_full_disk_holds_messages_back_and_loses_none(
    plants: Plants, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing leaves that could not be remembered as having left."""
    monkeypatch.setattr(follower, "FULL_S", 0.05)
    opened: list[NotifyPlace] = []
    init = NotifyPlace.__init__

    def seen(self: NotifyPlace, data: Path) -> None:
        init(self, data)
        opened.append(self)

    monkeypatch.setattr(NotifyPlace, "__init__", seen)
    async with mail_server() as server, following(plants, notification(server.settings())):
        await until(lambda: is_done(plants.data), "it does not run")
        pages = opened[0]._db.execute("PRAGMA page_count").fetchone()[0]
        opened[0]._db.execute(f"PRAGMA max_page_count={pages}")
        for _ in range(40):
            plants.raised("LT-201.HH", "x" * 200)
        await asyncio.sleep(0.5)
        early = len(server.got)
        opened[0]._db.execute("PRAGMA max_page_count=1000000")
        await server.until(2)
        await all_told(plants.data)
    assert early <= 2
    assert {got.recipient for got in server.got} == {"abe@plant.example", "sato@plant.example"}
    assert max(Counter((got.recipient, got.id) for got in server.got).values()) == 1


async def test_receipts_wait_for_a_core_that_is_away_and_what_found_no_room_is_counted(
    plants: Plants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "RECORDS_MAX", 3)
    async with mail_server() as server, following(plants, notification(server.settings())):
        plants.raised("LT-201.HH")
        plants.raised("LSHH-203.ON")
        await server.until(4)
        await all_told(plants.data)
        async with a_core(plants):
            await told_of(plants, "notify.records_lost")
    assert kinds(plants)["notify.delivered"] == 3
    [lost] = journalled(plants.data, "notify.records_lost")
    assert lost.data["records"] == 5  # four messages were also told of when they were decided on


# --- it watches itself ---------------------------------------------------------------------------


async def test_the_heartbeat_comes_while_all_is_well_and_stays_away_when_the_core_does(
    plants: Plants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEAD_MAN", "set below")
    async with mail_server() as server, a_room() as outside:
        monkeypatch.setenv("DEAD_MAN", f"http://127.0.0.1:{outside.port}/t0ken")
        beat = Heartbeat(every_s=0.1, url="env:DEAD_MAN", mail="watch@plant.example")
        async with following(plants, notification(server.settings(), heartbeat=beat)):
            await asyncio.sleep(0.5)
            assert not outside.seen
            async with a_core(plants):
                await until(lambda: len(outside.seen) >= 2, "no heartbeat")
                await server.until(2)
            before = len(outside.seen)
            await asyncio.sleep(0.5)
            assert len(outside.seen) <= before + 1
    assert {got.recipient for got in server.got} == {"watch@plant.example"}
    assert "is well" in str(server.got[0].letter["Subject"])


async def test_a_heartbeat_that_is_not_taken_is_a_trouble_without_its_address(plants: Plants) -> None:
    async with mail_server() as server, a_room() as outside, a_core(plants):
        outside.statuses.extend([500] * 4)
        beat = Heartbeat(every_s=0.1, url=f"http://127.0.0.1:{outside.port}/t0ken")
        async with following(plants, notification(server.settings(), heartbeat=beat)):
            await told_of(plants, "notify.heartbeat_failed")
            await told_of(plants, "follower.refused")
            await told_of(plants, "notify.heartbeat_restored")
            await told_of(plants, "follower.restored")
    texts = " ".join(event.text + str(event.data) for event in journalled(plants.data))
    assert "HTTP 500" in texts
    assert "t0ken" not in texts
    assert heartbeat.FAILURES == 2


async def test_the_test_alarm_goes_the_whole_way_and_its_receipts_are_checked(
    plants: Plants, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon(monkeypatch)
    async with mail_server() as server, a_core(plants):
        test = plant_file.TestAlarm(to=("sato", "abe"), receipt_s=20.0)
        async with following(plants, notification(server.settings(), test=test)):
            await told_of(plants, "notify.test_passed")
    assert {got.recipient for got in server.got} == {"abe@plant.example", "sato@plant.example"}
    [began] = journalled(plants.data, "notify.test")
    [passed] = journalled(plants.data, "notify.test_passed")
    assert began.data["test"] == passed.data["test"]


async def test_a_test_alarm_that_is_not_taken_in_time_is_an_alarm(
    plants: Plants, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon(monkeypatch)
    async with mail_server() as server, a_core(plants):
        server.refuse["abe@plant.example"] = "450 mailbox busy"
        test = plant_file.TestAlarm(to=("sato", "abe"), receipt_s=8.0)
        async with following(plants, notification(server.settings(), test=test)):
            await told_of(plants, "notify.test_failed")
            await told_of(plants, "follower.down")
    [failed] = journalled(plants.data, "notify.test_failed")
    assert "abe.mail" in failed.text
    assert "sato.mail" not in failed.text


async def test_a_test_alarm_that_does_not_come_back_through_the_journal_is_an_alarm(
    plants: Plants, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core takes no record: the failure waits in the database until it does."""
    soon(monkeypatch)
    async with mail_server() as server:
        test = plant_file.TestAlarm(to=("sato",), receipt_s=0.5)
        async with following(plants, notification(server.settings(), test=test)):
            await until(lambda: "notify.test_failed" in waiting(plants), "the test has not failed")
            async with a_core(plants):
                await told_of(plants, "follower.refused")
    assert "has not come back" in journalled(plants.data, "follower.refused")[0].text
    assert server.got == []


def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test alarm is due at once, and then not again."""
    from datetime import datetime, timedelta

    from controller.followers.notify.test_alarm import LocalTimes

    def fire(self: LocalTimes, previous: datetime | None, now: datetime) -> datetime | None:
        return now + timedelta(seconds=0.3) if previous is None else None

    monkeypatch.setattr(LocalTimes, "get_next_fire_time", fire)


def waiting(plants: Plants) -> list[str]:
    """Kinds of the records that the core has not taken."""
    path = plants.data / "followers" / f"{places.NAME}.db"
    if not path.exists():
        return []
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [row[0] for row in db.execute("SELECT kind FROM records ORDER BY number")]
    except sqlite3.OperationalError:
        return []
    finally:
        db.close()


async def test_a_port_that_is_taken_costs_the_page_and_no_message(plants: Plants) -> None:
    plants.raised("LT-201.HH")
    async with mail_server() as server, a_room() as other, a_core(plants):
        settings = notification(server.settings(), page=Page(host="127.0.0.1"))
        async with following(plants, settings, port=other.port):
            await server.until(2)
            await told_of(plants, "follower.refused")
    assert "links in messages lead nowhere" in journalled(plants.data, "follower.refused")[0].text


# --- floods and kills ----------------------------------------------------------------------------


async def test_a_flood_of_raw_alarms_is_a_letter_a_minute_and_all_of_it_is_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes in a few seconds; new P1 incidents come on top. All 28,000 are in the bench."""
    monkeypatch.setattr(follower, "LOOK_S", 0.02)
    found = await flood(tmp_path / "flood", raised=6_000)
    assert found.most_a_minute == 1
    assert found.lost == 0
    assert found.untold == []
    assert 3 * 10 <= found.urgent < found.letters <= found.urgent + 3 * 15  # the eleventh joins the flood


async def test_kills_at_random_points_lose_no_message_and_double_only_what_they_met(tmp_path: Path) -> None:
    """The rest of five hundred seeds is in `make bench ARGS=notify`."""
    plant = plant_of(PLANT)
    total = Tally()
    async with (
        mail_server() as mail,
        a_room() as room,
        victim(tmp_path / "errors") as one,
    ):
        for seed in range(SEEDS):
            total.add(await run(tmp_path, plant, one, mail, room, seed=seed))
    assert total.letters >= 2 * total.incidents > 0
    assert total.interrupted > 0
