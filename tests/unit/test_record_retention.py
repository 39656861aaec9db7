"""What the journal forgets: never what a follower still needs, and never without a trace."""

from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.clock import Now
from controller.record import retention
from controller.record.chain import KEY_FILE
from controller.record.journal import Journal
from controller.record.reader import Reader, Where
from controller.record.retention import Keep
from controller.record.tables import FILE
from controller.record.verify import verify
from controller.record.waiting import Limits
from tests.unit.record_rows import DAY, T0, TAGS, Disk, S, event, values

QUICK = Limits(batch_s=0.001)


def at(day: float) -> Now:
    return Now(day * 86_400, day * 86_400, T0 + int(day * DAY))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Ten days: an event and a block of two rows on each."""
    journal = Journal.open(tmp_path, "university", TAGS, archived=False, limits=QUICK)
    for day in range(10):
        rows = values((0, day, 0, day * 86_400_000), (1, day, 0, day * 86_400_000))
        journal.append([replace(event(day), utc_ns=T0 + day * DAY)], [rows], at(day)).result(60)
    return journal


def blocks(directory: Path) -> list[int]:
    with Reader(directory) as reader:
        return [block.id for block in reader.blocks()]


def seqs(directory: Path) -> list[int]:
    with Reader(directory) as reader:
        return [entry.seq for entry in reader.events() if entry.source != "journal"]


def last_told(directory: Path, kind: str) -> dict[str, object]:
    with Reader(directory) as reader:
        return reader.newest_events(where=Where(kinds=(kind,)))[0].data


def test_samples_older_than_wanted_go_and_an_event_says_how_many(journal: Journal, tmp_path: Path) -> None:
    journal.retain(Keep(samples_days=3), at(10)).result(60)
    assert blocks(tmp_path) == [8, 9, 10]
    assert seqs(tmp_path) == list(range(1, 11))
    dropped = last_told(tmp_path, "retention.dropped")
    assert dropped == {"rows": 14, "blocks": 7, "events": 0, "from_ns": T0, "to_ns": T0 + 6 * DAY}
    journal.append([], [values((0, 1, 0, 0))], at(10)).result(60)
    assert blocks(tmp_path)[-1] == 11
    journal.close()


def test_numbers_go_on_when_all_samples_are_gone(journal: Journal, tmp_path: Path) -> None:
    journal.retain(Keep(samples_days=0), at(11)).result(60)
    assert blocks(tmp_path) == []
    journal.close()
    journal = Journal.open(tmp_path, "university", TAGS, archived=False, limits=QUICK)
    with Reader(tmp_path) as reader:
        assert reader.last_block() == 10
    journal.append([], [values((0, 1, 0, 0))], at(11)).result(60)
    journal.close()
    assert blocks(tmp_path) == [11]


def test_what_a_follower_has_not_confirmed_stays(journal: Journal, tmp_path: Path) -> None:
    journal.confirm("influx", events=10, samples=4, now=at(10))
    journal.confirm("notify", events=3, now=at(10))  # reads no samples and holds none
    journal.snapshot(b"state", "0.1.0", at(10))
    journal.retain(Keep(samples_days=0, events_days=0), at(11)).result(60)
    assert blocks(tmp_path) == [5, 6, 7, 8, 9, 10]
    assert seqs(tmp_path) == [4, 5, 6, 7, 8, 9, 10]
    journal.forget("notify").result(60)
    journal.confirm("influx", events=10, samples=10, now=at(11)).result(60)
    journal.retain(Keep(samples_days=0, events_days=0), at(11)).result(60)
    assert blocks(tmp_path) == []
    assert 4 not in seqs(tmp_path)
    journal.close()
    assert verify(tmp_path).good


def test_what_the_history_has_not_folded_in_stays(journal: Journal, tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / retention.HISTORY)
    db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value)")
    db.execute("INSERT INTO meta VALUES ('cursor', 2)")
    db.commit()
    db.close()
    journal.retain(Keep(samples_days=0), at(11)).result(60)
    assert blocks(tmp_path)[0] == 3
    journal.close()


def test_events_that_no_snapshot_covers_stay_or_the_core_could_not_be_restored(
    journal: Journal, tmp_path: Path
) -> None:
    journal.retain(Keep(events_days=0), at(11)).result(60)
    assert seqs(tmp_path) == list(range(1, 11))
    journal.snapshot(b"covers ten", "0.1.0", at(11))
    journal.append([replace(event(11), utc_ns=T0)], [], at(11)).result(60)
    journal.retain(Keep(events_days=0), at(12)).result(60)
    assert seqs(tmp_path) == [11]
    with Reader(tmp_path) as reader:
        snapshot = reader.snapshot()
        assert snapshot is not None
        assert next(reader.events(snapshot.seq)).seq == snapshot.seq + 1 == 11
    journal.close()


def test_the_chain_goes_on_from_a_signed_anchor(journal: Journal, tmp_path: Path) -> None:
    journal.snapshot(b"state", "0.1.0", at(10))
    journal.retain(Keep(events_days=5), at(10)).result(60)
    assert seqs(tmp_path) == [6, 7, 8, 9, 10]
    journal.close()
    assert verify(tmp_path).good
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    Journal.open(tmp_path, "university", limits=QUICK).close()

    key = (tmp_path / KEY_FILE).read_bytes()
    (tmp_path / KEY_FILE).write_bytes(bytes(32))
    assert "was not signed by this service" in str(verify(tmp_path).problems[0])
    (tmp_path / KEY_FILE).unlink()
    assert "the anchor cannot be proven" in str(verify(tmp_path).problems[0])
    (tmp_path / KEY_FILE).write_bytes(key)
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("DELETE FROM events WHERE seq=6")
    db.close()
    assert str(verify(tmp_path).problems[0]) == "event 7: event 6 before it is missing"


def test_above_the_soft_limit_only_confirmed_samples_go(journal: Journal, tmp_path: Path) -> None:
    journal.confirm("influx", samples=4, now=at(10)).result(60)
    journal.retain(Keep(soft_bytes=0), at(10)).result(60)
    assert blocks(tmp_path) == [5, 6, 7, 8, 9, 10]
    journal.close()


def test_above_the_hard_limit_unconfirmed_samples_go_and_it_is_told_whose(
    journal: Journal, tmp_path: Path
) -> None:
    journal.confirm("influx", samples=4, now=at(10))
    journal.confirm("mqtt", samples=10, now=at(10)).result(60)
    journal.retain(Keep(soft_bytes=0, hard_bytes=0), at(10)).result(60)
    assert blocks(tmp_path) == []
    told = last_told(tmp_path, "retention.unconfirmed_dropped")
    assert told["rows"] == 12
    assert told["followers"] == ["influx"]
    assert last_told(tmp_path, "retention.stuck") == {}
    journal.close()


def test_a_disk_that_is_nearly_full_lets_confirmed_samples_go(journal: Journal, tmp_path: Path) -> None:
    journal.confirm("influx", samples=9, now=at(10)).result(60)
    journal.retain(Keep(free_bytes=2**62), at(10)).result(60)
    assert blocks(tmp_path) == [10]
    journal.close()


def test_events_commit_while_retention_is_at_work(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university", TAGS, archived=False, limits=QUICK)
    for n in range(300):
        journal.append([event(n)], [values((0, n, 0, n))], Now(0, 0, T0 + n)).result(60)
    done = journal.retain(Keep(samples_days=0), at(1))
    numbers = [journal.append([event(n)], [], Now(0, 0, T0 + 10 * S)).result(60) for n in range(20)]
    done.result(60)
    assert numbers == sorted(numbers)
    journal.close()
    assert blocks(tmp_path) == []
    assert verify(tmp_path).good


def test_a_file_that_is_mostly_free_gets_smaller(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university", TAGS, archived=False, limits=QUICK)
    rows = values(*[(0, n + 0.1, 0, n * 3.7) for n in range(20_000)])
    for n in range(60):
        journal.append([event(n)], [rows], Now(0, 0, T0 + n)).result(60)
    journal.retain(Keep(samples_days=0), at(1)).result(60)
    journal.close()
    assert (tmp_path / FILE).stat().st_size < 10_000_000  # of 20 MB
    assert verify(tmp_path).good


def test_retention_that_meets_a_failing_disk_is_over_and_the_next_one_does_it(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal.open(tmp_path, "p", TAGS, archived=False, limits=QUICK, connect=disk.connect)
    for n in range(150):
        journal.append([event(n)], [values((0, n, 0, n))], Now(0, 0, T0 + n)).result(60)
    failed = 0
    for skip in range(2, 26, 3):
        disk.at, disk.times = disk.calls + 1 + skip, 1
        try:
            journal.retain(Keep(samples_days=0), at(1)).result(60)
        except sqlite3.OperationalError:
            failed += 1
    disk.at = 0
    assert failed >= 2
    journal.retain(Keep(samples_days=0), at(1)).result(60)
    assert blocks(tmp_path) == []
    journal.append([event(1)], [values((0, 1, 0, 0))], at(1)).result(60)
    journal.close()
    assert verify(tmp_path).problems == []
