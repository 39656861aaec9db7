"""kill -9 at random moments: what was acknowledged is there, and everything left behind can be read."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from controller.record.errors import Missing
from controller.record.history import History
from controller.record.intents import IntentRing
from controller.record.reader import Reader, Where
from controller.record.recording import Fed, Header, Hole, read_recording
from controller.record.verify import verify
from tests.system.journal_victim import SLOTS, Victim
from tests.unit.record_rows import T0

KILLS = 20


def kill_again_and_again(directory: Path, kills: int, seed: int) -> int:
    """Returns how many events were acknowledged; each of them is looked for after each kill."""
    draw = random.Random(seed)
    acknowledged = 0
    first = 1
    with Victim(directory) as victim:
        for _ in range(kills):
            said = victim.run(
                f"write {first}", draw.choice([0, 1, draw.randrange(2, 40), draw.randrange(40, 400)])
            )
            put = [int(words[1]) for words in said if words[0] == "I"]
            acked = {int(words[1]): int(words[2]) for words in said if words[0] == "A"}
            on_disk = check_journal(directory, first, acked)
            check_ring(directory, put, on_disk)
            acknowledged += len(acked)
            first = max([first - 1, *put, *on_disk]) + 1
    assert verify(directory).problems == []
    check_recording(directory)
    return acknowledged


def check_journal(directory: Path, first: int, acked: dict[int, int]) -> list[int]:
    """The acknowledged are there under their numbers; what else is there follows without a gap."""
    try:
        reader = Reader(directory)
    except Missing:  # killed while the file was being made
        assert not acked
        return []
    with reader:
        found = [entry for entry in reader.newest_events(5000) if entry.data.get("n", 0) >= first][::-1]
        on_disk = [entry.data["n"] for entry in found]
        assert on_disk == list(range(first, first + len(on_disk)))
        numbers = {entry.data["n"]: entry.seq for entry in found}
        assert acked.items() <= numbers.items()
        level = reader.numbers_of("LT-201")
        kept = {int(value) for part in reader.samples(level) for value in part.values.tolist()}
        assert set(acked) <= kept
    return on_disk


def check_ring(directory: Path, put: list[int], on_disk: list[int]) -> None:
    """What was put and is not in the journal is in the ring: it can be reconciled."""
    if not put:
        return
    with IntentRing.open(directory / "intents") as ring:
        there = [intent.intent for intent in ring.pending_after(max(on_disk, default=0))]
        assert there == sorted(there)
        assert set(put[-SLOTS // 2 :]) - set(on_disk) <= set(there)
        assert all(intent.context == {"n": intent.intent} for intent in ring.all())


def check_recording(directory: Path) -> None:
    """Within a segment and into those that follow it no step is missing."""
    last = None
    for record in read_recording(directory):
        assert not isinstance(record, Hole)
        if isinstance(record, Header) and not record.follows:
            last = None
        if isinstance(record, Fed):
            assert last is None or record.budget == last + 1
            last = record.budget


def test_no_acknowledged_event_is_lost_whenever_the_service_is_killed(tmp_path: Path) -> None:
    assert kill_again_and_again(tmp_path, KILLS, seed=1) > 100


def test_a_killed_compaction_is_done_again_without_harm(tmp_path: Path) -> None:
    draw = random.Random(2)
    with Victim(tmp_path) as victim:
        victim.run("write 1", 600)
        with Reader(tmp_path) as reader:
            level = reader.numbers_of("LT-201")
            rows = np.concatenate([part.values for part in reader.samples(level)]).tolist()
        assert len(rows) > 100
        for _ in range(6):
            victim.run("fold", draw.randrange(0, 5))
            assert level_of(tmp_path) == rows
        assert victim.run("fold", None)[-1] == ["whole"]
        assert level_of(tmp_path) == rows
    assert verify(tmp_path).problems == []


def level_of(directory: Path) -> list[float]:
    with History(directory) as history:
        rows = history.query("LT-201", T0, T0 + 10**15).rows
    values: list[float] = rows.values.tolist()
    return values


@pytest.mark.parametrize("kilobytes", [90, 150, 333])
def test_when_no_file_may_grow_events_wait_in_memory_until_they_may(tmp_path: Path, kilobytes: int) -> None:
    with Victim(tmp_path) as victim:
        full, whole = victim.run(f"fill {kilobytes * 1024}", None)
    assert full[0] == "full"
    assert whole == ["whole"]
    with Reader(tmp_path) as reader:
        found = [entry.data["n"] for entry in reader.events(where=Where(kinds=("interlock.tripped",)))]
        restored = list(reader.events(where=Where(kinds=("journal.restored",))))
    assert found == list(range(int(full[1])))
    assert restored
    assert verify(tmp_path).problems == []
