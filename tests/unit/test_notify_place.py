"""followers/notify.db: a turn is whole or not at all, and nothing in it grows without a bound."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from alarms.delivery import Item, Message, Why
from controller.followers.database import read
from controller.followers.notify import place as places
from controller.followers.notify.place import DAY_NS, KEEP_DAYS, NotifyPlace, Receipt
from controller.followers.place import Cursor
from controller.record.errors import Damaged

NOW = 1_767_600_000_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[NotifyPlace]:
    with NotifyPlace(tmp_path) as made:
        yield made


def message(one: str, priority: int = 1, who: str = "sato") -> Message:
    item = Item("LT-201.HH", "00ff", priority, NOW, text="液面", data={"value": 97.5})
    return Message(one, who, f"{who}.mail", Why.FIRST, "i1", True, priority, NOW, (item,), 1)


def test_a_turn_that_fails_has_not_happened(place: NotifyPlace) -> None:
    with place.turn():
        place.put(message("a"), "mail", NOW)
        place.save(Cursor("j", 5), b"before")

    def turn() -> None:
        with place.turn():
            place.begin(["a"])
            place.put(message("b"), "mail", NOW)
            place.save(Cursor("j", 9), b"after")
            raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(sqlite3.OperationalError):
        turn()
    assert place.load("j") == (Cursor("j", 5), b"before")
    assert [(row.id, row.state, row.attempts) for row in place.open_rows()] == [("a", "waiting", 0)]


def test_a_message_comes_back_as_it_was_put_and_only_once(place: NotifyPlace) -> None:
    with place.turn():
        place.put(message("a"), "mail", NOW)
        place.put(message("a", priority=3), "mail", NOW + 1)
    assert place.message("a") == message("a")
    assert len(place.open_rows()) == 1


def test_the_worst_leaves_first_then_the_oldest(place: NotifyPlace) -> None:
    with place.turn():
        for one, priority in (("a", 3), ("b", 1), ("c", 2), ("d", 1)):
            place.put(message(one, priority), "mail", NOW)
    assert [row.id for row in place.open_rows()] == ["b", "d", "c", "a"]


def test_what_is_done_is_known_by_its_state_and_its_text_is_gone(place: NotifyPlace, tmp_path: Path) -> None:
    with place.turn():
        place.put(message("a"), "mail", NOW)
        place.begin(["a"])
    with place.turn():
        place.done("a", "sent", "", NOW + 1)
    assert place.open_rows() == []
    assert place.row("a") is None
    assert place.states(["a", "b"]) == {"a": "sent"}
    with pytest.raises(KeyError):
        place.message("a")
    [logged] = places.log(tmp_path)
    assert (logged.recipient, logged.state, logged.attempts, logged.at_ns) == ("sato", "sent", 1, NOW + 1)
    assert places.told(tmp_path, "i1") == [("sato", "mail", NOW + 1, "sent")]
    assert places.told(tmp_path, "") == []


def test_a_message_on_its_way_is_told_as_waiting(place: NotifyPlace, tmp_path: Path) -> None:
    with place.turn():
        place.put(message("a"), "mail", NOW)
        place.begin(["a"])
    assert places.told(tmp_path, "i1") == [("sato", "mail", NOW, "waiting")]


def test_a_new_journal_has_no_state_and_its_ids_are_new(place: NotifyPlace) -> None:
    with place.turn():
        place.put(message("a"), "mail", NOW)
        place.save(Cursor("first", 7), b"state")
    assert place.load("second") == (Cursor("second"), b"")
    with place.turn():
        place.put(message("a"), "mail", NOW)
        place.save(Cursor("second", 1), b"new")
    assert [row.id for row in place.open_rows()] == ["first/a", "a"]
    assert place.message("first/a") == message("a")


def test_interruptions_are_counted_until_the_message_is_done(tmp_path: Path) -> None:
    for times in (1, 2, 3):
        with NotifyPlace(tmp_path) as place:
            with place.turn():
                place.put(message("a"), "mail", NOW)
                place.put(message("b"), "mail", NOW)
                place.begin(["a"])
            with place.turn():
                place.interrupted("a")
            found = [(row.id, row.state, row.interrupted, row.is_bare) for row in place.open_rows()]
            assert found == [("a", "waiting", times, times > 1), ("b", "waiting", 0, False)]
            assert place.row("a") == place.open_rows()[0]
    with NotifyPlace(tmp_path) as place, place.turn():
        place.done("a", "withdrawn", "acknowledged by abe", NOW)
        place.done("b", "sent", "", NOW)
    assert read(tmp_path, "notify", "SELECT * FROM interrupted") == []


def test_interruptions_go_with_what_waits_from_an_older_journal(place: NotifyPlace) -> None:
    with place.turn():
        place.put(message("a"), "mail", NOW)
        place.save(Cursor("first", 7), b"state")
        place.interrupted("a")
    place.load("second")
    with place.turn():
        place.put(message("a"), "mail", NOW)
    assert [(row.id, row.interrupted) for row in place.open_rows()] == [("first/a", 1), ("a", 0)]


def test_a_file_from_before_interruptions_were_counted_is_opened(tmp_path: Path) -> None:
    with NotifyPlace(tmp_path) as place, place.turn():
        place.put(message("a"), "mail", NOW)
        place.begin(["a"])
    with contextlib.closing(sqlite3.connect(tmp_path / "followers" / "notify.db")) as db:
        db.execute("DROP TABLE interrupted")
    with NotifyPlace(tmp_path) as place:
        with place.turn():
            place.interrupted("a")
        assert [(row.attempts, row.interrupted) for row in place.open_rows()] == [(1, 1)]


def test_a_link_is_used_once_also_after_a_restart(tmp_path: Path) -> None:
    with NotifyPlace(tmp_path) as place:
        assert not place.used("token")
        assert place.use("token", NOW)
        assert not place.use("token", NOW)
    with NotifyPlace(tmp_path) as place:
        assert place.used("token")
        with place.turn():
            place.forget(NOW + 1)
        assert not place.used("token")


def test_records_that_wait_for_the_core_have_a_bound_and_what_goes_is_counted(
    place: NotifyPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "RECORDS_MAX", 3)
    with place.turn():
        for number in range(5):
            place.record("notify.failed", "sato", f"attempt {number}", {"attempt": number})
    assert [one.text for one in place.records(10)] == ["attempt 2", "attempt 3", "attempt 4"]
    assert place.note("records_lost") == "2"
    with place.turn():
        place.told(place.records(1)[0].number)
    assert [one.data["attempt"] for one in place.records(10)] == [3, 4]


def test_what_is_old_is_forgotten_and_what_waits_is_not(place: NotifyPlace) -> None:
    with place.turn():
        place.put(message("old"), "mail", NOW)
        place.done("old", "sent", "", NOW)
        place.put(message("waits"), "mail", NOW)
        place.receipt(Receipt(NOW, "old", "sato", "sato.mail", 1, "delivered", ""))
        place.receipt(Receipt(NOW + DAY_NS, "waits", "sato", "sato.mail", 1, "failed", "451"))
    with place.turn():
        place.forget(NOW + KEEP_DAYS * DAY_NS + 1)
    assert place.states(["old", "waits"]) == {"waits": "waiting"}
    assert [one.id for one in place.receipts()] == ["waits"]


def test_receipts_have_a_bound(place: NotifyPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "RECEIPTS_MAX", 10)
    with place.turn():
        for number in range(25):
            place.receipt(Receipt(NOW, f"m{number}", "sato", "sato.mail", number, "failed", "451"))
        place.forget(NOW)
    assert [one.attempt for one in place.receipts()] == list(range(24, 14, -1))


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "followers"
    folder.mkdir()
    (folder / "notify.db").write_bytes(b"no database " * 100)
    with pytest.raises(Damaged, match="Move it away"):
        NotifyPlace(tmp_path)


def test_before_the_first_start_nothing_is_logged(tmp_path: Path) -> None:
    assert places.log(tmp_path) == []
    assert places.told(tmp_path, "i1") == []
