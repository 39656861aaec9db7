"""Disks that fill up, fail or were damaged, clocks that go back: what the journal does then."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.clock import Now
from controller.record.aside import set_aside
from controller.record.chain import Head
from controller.record.errors import Damaged, InUse, NotRecorded, WrongPlant
from controller.record.journal import Journal
from controller.record.reader import Reader, Where
from controller.record.tables import FILE, connect
from controller.record.verify import verify
from controller.record.waiting import Limits
from tests.unit.record_rows import T0, TAGS, Disk, S, event, now, tag, values

IMPATIENT = Limits(batch_s=0.005, retry_first_s=0.001, retry_longest_s=0.01)


def story(journal: Journal, count: int = 6) -> list[Future[int]]:
    """Each step is one append, and is waited for, so that each is a commit of its own."""
    futures = []
    for number in range(1, count + 1):
        rows = values((0, number, 0, number), (1, -number, 0, number))
        futures.append(journal.append([event(number), event(number + 100)], [rows], now(number)))
        futures[-1].result(60)
    return futures


def told(directory: Path, kind: str) -> list[dict[str, object]]:
    with Reader(directory) as reader:
        return [entry.data for entry in reader.events(where=Where(kinds=(kind,)))]


def ours(directory: Path) -> list[int]:
    """The numbers of the events a test wrote, without what the journal says of itself."""
    with Reader(directory) as reader:
        return [entry.data["n"] for entry in reader.events() if entry.source != "journal"]


WHOLE_STORY = [number for n in range(1, 7) for number in (n, n + 100)]


def calls_of_a_story(directory: Path) -> tuple[int, int]:
    disk = Disk()
    journal = Journal.open(
        directory,
        "university",
        TAGS,
        limits=IMPATIENT,
        archived=False,
        synchronous="OFF",
        connect=disk.connect,
    )
    opened = disk.calls
    story(journal)
    journal.close()
    return opened, disk.calls


@pytest.mark.parametrize("late", [False, True], ids=["refused", "done but not confirmed"])
@pytest.mark.parametrize("times", [1, 7])
def test_whichever_call_fails_no_row_is_lost_and_none_is_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool, times: int
) -> None:
    monkeypatch.setattr("controller.record.writer.CHECKPOINT_S", 0.0)  # one after each commit, to fail too
    opened, calls = calls_of_a_story(tmp_path / "healthy")
    assert calls - opened > 40
    for at in range(opened + 1, calls + 1):
        directory = tmp_path / str(at)
        disk = Disk(at, times, late)
        journal = Journal.open(
            directory,
            "university",
            TAGS,
            limits=IMPATIENT,
            archived=False,
            synchronous="OFF",
            connect=disk.connect,
        )
        story(journal)
        journal.close()
        verdict = verify(directory)
        assert verdict.good, (at, verdict.problems)
        assert ours(directory) == WHOLE_STORY, at
        assert verdict.rows == 12, at


def test_whichever_call_fails_while_opening_the_next_start_is_clean(tmp_path: Path) -> None:
    opened, _ = calls_of_a_story(tmp_path / "healthy")
    for late in (False, True):
        for at in range(1, opened + 1):
            directory = tmp_path / f"{at}{late}"
            disk = Disk(at, 1, late)
            try:
                journal = Journal.open(directory, "university", TAGS, limits=IMPATIENT, connect=disk.connect)
                journal.close()
            except NotRecorded as error:
                assert "cannot be written: disk I/O error. Make room" in str(error)  # noqa: PT017
            journal = Journal.open(directory, "university", TAGS, limits=IMPATIENT, archived=False)
            story(journal)
            journal.close()
            assert verify(directory).good
            assert ours(directory) == WHOLE_STORY


class SmallDisk:
    """A real SQLITE_FULL: the file may not grow beyond `pages`."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.connections: list[sqlite3.Connection] = []

    def connect(self, path: Path) -> sqlite3.Connection:
        db = connect(path)
        db.execute(f"PRAGMA max_page_count={self.pages}")
        self.connections.append(db)
        return db


def fill_up(journal: Journal) -> list[Future[int]]:
    appended: list[Future[int]] = []
    while not journal.health().failing:
        n = len(appended)
        appended.append(journal.append([replace(event(n), text="x" * 2000)], [], now(n)))
        if n < 15:  # then as fast as it goes, until it does not go
            appended[-1].result(60)
    return appended


def test_a_full_disk_keeps_events_in_memory_and_says_so_when_it_is_back(tmp_path: Path) -> None:
    disk = SmallDisk(40)
    journal = Journal.open(tmp_path, "university", TAGS, limits=IMPATIENT, connect=disk.connect)
    waiting = fill_up(journal)
    waiting += [journal.append([event(n)], [], now(n)) for n in range(len(waiting), len(waiting) + 50)]
    health = journal.health()
    assert "full" in health.failing
    assert health.events_waiting >= 50
    assert not waiting[-1].done()
    disk.pages = 10_000  # somebody made room
    assert [future.result(60) for future in waiting] == sorted(future.result() for future in waiting)
    assert journal.health().failing == ""
    journal.close()
    assert verify(tmp_path).good
    assert ours(tmp_path) == list(range(len(waiting)))
    (restored,) = told(tmp_path, "journal.restored")
    assert "full" in str(restored["reason"])


def test_what_is_held_for_a_full_disk_is_bounded_and_what_was_refused_is_told(tmp_path: Path) -> None:
    disk = SmallDisk(40)
    limits = replace(IMPATIENT, events=30, rows=100)
    journal = Journal.open(tmp_path, "university", TAGS, limits=limits, archived=False, connect=disk.connect)
    held = [future for future in fill_up(journal) if not future.done()]
    refused = [journal.append([event(n)], [values((0, n, 0, n))], now(n)) for n in range(500)]
    assert isinstance(refused[-1].exception(0), NotRecorded)
    assert "full" in str(refused[-1].exception(0))
    dropped = [journal.append([], [values((1, n, 0, n))], now(n)) for n in range(2_000)]
    assert isinstance(dropped[0].exception(0), NotRecorded)
    assert len(journal._waiting._queue) < 30 + 100 + 5  # nothing is left of what was dropped
    health = journal.health()
    assert health.events_refused > 400
    assert health.rows_waiting <= 100 + limits.commit_rows
    assert health.rows_dropped > 2_000
    disk.pages = 10_000
    held[-1].result(60)
    dropped[-1].result(60)
    journal.close()
    assert verify(tmp_path).good
    losses = told(tmp_path, "record.overflow")
    assert sum(int(str(loss["events"])) for loss in losses) == health.events_refused
    assert sum(int(str(loss["rows"])) for loss in losses) == health.rows_dropped


def test_large_events_are_bounded_by_their_bytes(tmp_path: Path) -> None:
    disk = Disk()
    limits = replace(IMPATIENT, event_bytes=100_000)
    journal = Journal.open(tmp_path, "university", limits=limits, connect=disk.connect)
    disk.at, disk.times = disk.calls + 1, 10**9
    futures = [journal.append([replace(event(n), text="x" * 30_000)]) for n in range(5)]
    assert [future.done() for future in futures] == [False, False, False, True, True]
    disk.at = 0
    assert [future.result(60) for future in futures[:3]] == [1, 2, 3]
    journal.close()


def test_a_journal_closed_while_the_disk_refuses_says_what_was_not_written(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal.open(tmp_path, "university", limits=IMPATIENT, connect=disk.connect)
    journal.append([event(1)]).result(60)
    disk.at, disk.times = disk.calls + 1, 10**9
    lost = journal.append([event(2)])
    journal.close()
    with pytest.raises(NotRecorded, match=r"not written before the journal was closed: disk I/O error"):
        lost.result(0)
    assert ours(tmp_path) == [1]
    Journal.open(tmp_path, "university").close()


def test_events_commit_in_the_order_they_were_appended_also_through_trouble(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal.open(tmp_path, "university", limits=IMPATIENT, connect=disk.connect)
    disk.at, disk.times = disk.calls + 5, 40
    futures = [journal.append([event(n)]) for n in range(300)]
    numbers = [future.result(60) for future in futures]
    assert numbers == sorted(numbers)
    journal.close()
    assert ours(tmp_path) == list(range(300))


def test_a_disk_that_takes_nothing_at_the_start_is_an_error_and_not_a_service_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.record.journal.START_S", 0.05)
    Journal.open(tmp_path, "university").close()
    disk = Disk()
    journal = Journal.open(tmp_path, "university", connect=disk.connect)
    disk = Disk(at=disk.calls + 1, times=10**9)
    journal.close()
    with pytest.raises(NotRecorded, match=r"cannot be written: disk I/O error\. Make room"):
        Journal.open(tmp_path, "university", TAGS, limits=IMPATIENT, connect=disk.connect)
    with pytest.raises(NotRecorded, match="let this user write there"):
        Journal.open(tmp_path / FILE / "below a file", "university")
    for _ in range(200):  # the thread that was given up lets go of the directory by itself
        try:
            Journal.open(tmp_path, "university", TAGS).close()
            break
        except InUse:
            threading.Event().wait(0.05)
    else:
        raise AssertionError("the directory is still locked")


# --- clocks ----------------------------------------------------------------------------------------


def test_a_clock_set_back_is_an_event_and_numbers_keep_the_order(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university")
    hour = Now(3600.0, 3600.0, T0 + 3600 * S)
    journal.append([event(1)], [], hour)
    journal.append([event(2)], [], Now(3601.0, 3601.0, T0 + S)).result(60)
    journal.close()
    with Reader(tmp_path) as reader:
        assert [entry.kind for entry in reader.events()] == [
            "interlock.tripped",
            "clock.stepped_back",
            "interlock.tripped",
        ]
        assert next(reader.events(after=1)).data == {"from_ns": hour.utc_ns, "to_ns": T0 + S}


def test_a_clock_that_was_set_back_while_the_service_was_down_is_noticed_too(tmp_path: Path) -> None:
    for utc_ns in (T0 + 3600 * S, T0):
        journal = Journal.open(tmp_path, "university")
        journal.append([replace(event(1), utc_ns=utc_ns)]).result(60)
        journal.close()
    assert told(tmp_path, "clock.stepped_back") == [{"from_ns": T0 + 3600 * S, "to_ns": T0}]


def test_a_clock_that_is_being_disciplined_is_no_event(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university")
    journal.append([event(1)], [], now(900))
    journal.append([event(2)], [], now(0)).result(60)
    journal.close()
    assert told(tmp_path, "clock.stepped_back") == []


# --- damage ----------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Path:
    journal = Journal.open(tmp_path, "university", TAGS, archived=False)
    story(journal, 60)
    journal.snapshot(b"state", "0.1.0", now(60)).result(60)
    journal.close()
    return tmp_path


def change(directory: Path, statement: str, *arguments: object) -> None:
    db = sqlite3.connect(directory / FILE)
    db.execute(statement, arguments)
    db.commit()
    db.close()


def test_an_untouched_journal_verifies(written: Path) -> None:
    seen: list[tuple[int, int]] = []
    verdict = verify(written, progress=lambda done, of: seen.append((done, of)))
    assert verdict.good
    assert (verdict.events, verdict.blocks, verdict.rows) == (120, 60, 120)
    with Reader(written) as reader:
        assert verify(written, [reader.head()]).good


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE events SET text='nothing happened' WHERE seq=17",
            "event 17: was changed after it was written",
        ),
        ("UPDATE events SET utc_ns=utc_ns+1 WHERE seq=17", "event 17: was changed"),
        ("UPDATE events SET plant_s=0.25 WHERE seq=17", "event 17: was changed"),
        ("UPDATE events SET severity=1 WHERE seq=17", "event 17: was changed"),
        ("UPDATE events SET data='{}' WHERE seq=17", "event 17: was changed"),
        ("UPDATE events SET kind='interlock.', source='trippedS-01' WHERE seq=17", "event 17: was changed"),
        ("DELETE FROM events WHERE seq=17", "event 18: event 17 before it is missing"),
        ("DELETE FROM events WHERE seq BETWEEN 1 AND 16", "event 17: event 1..16 before it is missing"),
        ("DELETE FROM events WHERE seq > 117", "event 120: is covered by a snapshot but is missing"),
        ("UPDATE samples SET data=zeroblob(80) WHERE id=9", "sample block 9: a sample blob of version 0"),
        ("UPDATE samples SET rows=3 WHERE id=9", "sample block 9: holds 2 rows, not the 3"),
        ("DELETE FROM samples WHERE id=9", "sample block 10: block 9 before it is missing"),
        ("DELETE FROM tags WHERE id=2", "sample block 1: speaks of tags that are not known: [2]"),
        (
            "INSERT INTO followers VALUES ('influx', 121, 60, 0)",
            "event 121: was confirmed by follower influx",
        ),
    ],
)
def test_the_first_bad_row_is_named(written: Path, statement: str, message: str) -> None:
    change(written, statement)
    verdict = verify(written)
    assert not verdict.good
    assert str(verdict.problems[0]).startswith(message)


def test_a_cut_tail_shows_against_a_head_that_was_sent_out(written: Path) -> None:
    with Reader(written) as reader:
        head = reader.head()
    change(written, "DELETE FROM events WHERE seq > 100")
    change(written, "DELETE FROM state")
    assert verify(written).good  # nothing inside can show it
    (problem,) = verify(written, [Head.parse(str(head))]).problems
    assert "the tail was cut off" in str(problem)


def test_a_rewritten_history_shows_against_a_head_that_was_sent_out(written: Path) -> None:
    with Reader(written) as reader:
        head = reader.head()
    forged = Head(head.seq, bytes(32))
    (problem,) = verify(written, [forged]).problems
    assert "is not the one whose head was sent out" in str(problem)


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(content)


def test_a_file_that_is_no_journal_is_refused_untouched_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all" * 500)
    with pytest.raises(Damaged, match="heloop journal set-aside"):
        Journal.open(tmp_path, "university")
    assert (tmp_path / FILE).read_bytes().startswith(b"not a database")
    with pytest.raises(Damaged, match="Nothing was changed"):
        Reader(tmp_path)
    assert not verify(tmp_path).good


def test_a_database_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("CREATE TABLE notes (text)")
    db.commit()
    db.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(Damaged, match="not a journal"):
        Journal.open(tmp_path, "university")
    assert (tmp_path / FILE).read_bytes() == before


def test_a_page_of_rubbish_is_found_by_verify_and_named(written: Path) -> None:
    size = (written / FILE).stat().st_size
    overwrite(written / FILE, size // 2 // 4096 * 4096, b"\xa5" * 4096)
    verdict = verify(written)
    assert not verdict.good


def test_rubbish_in_the_newest_events_is_refused_at_the_start(written: Path) -> None:
    change(written, "UPDATE events SET text='changed' WHERE seq=120")
    with pytest.raises(Damaged, match="event 120 is not what was written"):
        Journal.open(written, "university")


def test_set_aside_keeps_everything_and_the_next_start_is_new(written: Path) -> None:
    with Reader(written) as reader:
        identity = reader.meta("id")
    moved = set_aside(written)[0]
    assert moved.name == "journal.db.aside-1"
    journal = Journal.open(written, "university", [tag(0, "LT-201")])
    assert journal.append([event(1)]).result(60) == 1
    with pytest.raises(InUse):
        set_aside(written)
    journal.close()
    assert set_aside(written)[0].name == "journal.db.aside-2"
    assert Reader(moved).meta("id") == identity


def test_a_journal_of_a_newer_version_is_refused(written: Path) -> None:
    change(written, "UPDATE meta SET value=99 WHERE key='format'")
    with pytest.raises(WrongPlant, match="format 99"):
        Journal.open(written, "university")
