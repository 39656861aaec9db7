"""The journal, as those see it who write to it and read from it."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.clock import Now
from controller.core.effects import Event
from controller.record.errors import InUse, NotRecorded, Unreadable, WrongPlant
from controller.record.journal import Journal
from controller.record.reader import Reader, Where
from controller.record.waiting import Limits
from tests.unit.record_rows import T0, TAGS, S, event, now, values
from tests.unit.test_record_trouble import change


def test_what_was_appended_can_be_read_after_the_future_is_done(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university", TAGS)
    assert journal.append([event(1), event(2)]).result(60) == 2
    assert (
        journal.append([event(3)], [values((0, 41.5, 0, 7), (1, 0.3, 0x80000000, 8))], now(10)).result(60)
        == 3
    )
    with Reader(tmp_path) as reader:
        found = list(reader.events())
        assert [(entry.seq, entry.text, entry.data, entry.plant_s) for entry in found] == [
            (1, "text 1", {"n": 1}, 0.5),
            (2, "text 2", {"n": 2}, 1.0),
            (3, "text 3", {"n": 3}, 1.5),
        ]
        assert reader.head() == journal.head()
        (block,) = reader.blocks()
        assert (block.id, block.seq, block.last_ns) == (1, 2, T0 + 10_000_000)
        names = reader.tags()
        assert [names[number].name for number in block.samples.tags] == ["LT-201", "PT-303"]
        assert block.samples.values.tolist() == [41.5, 0.3]
        assert block.samples.status.tolist() == [0, 0x80000000]
    journal.close()


def test_after_a_restart_the_numbers_and_the_chain_go_on(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        journal = Journal.open(tmp_path, "university", TAGS)
        assert journal.append([event(number)], [values((0, number, 0, number))]).result(60) == number
        journal.close()
    assert not list(tmp_path.glob("*-wal"))
    with Reader(tmp_path) as reader:
        assert [block.id for block in reader.blocks()] == [1, 2, 3]
        assert {entry.hash for entry in reader.events()} != {bytes(32)}


def rows_of(data: Path) -> list[tuple[str, float, int, float]]:
    """(tag, value, status, ns after T0) of all rows, in the order of the journal."""
    with Reader(data) as reader:
        names = reader.tags()
        return [
            (names[tag].name, value, status, time_ns - T0)
            for block in reader.blocks()
            for tag, value, status, time_ns in zip(
                *(
                    column.tolist()
                    for column in (
                        block.samples.tags,
                        block.samples.values,
                        block.samples.status,
                        block.samples.time_ns,
                    )
                ),
                strict=True,
            )
        ]


def test_what_a_plc_sends_again_after_a_restart_is_recorded_once_and_overwrites_nothing(
    tmp_path: Path,
) -> None:
    for status in (0, 0, 0x80000000):
        journal = Journal.open(tmp_path, "university", TAGS)
        journal.append([], [values((0, 41.5, 0, 7), (1, 0.3, status, 8))], now(10)).result(60)
        journal.close()
    assert rows_of(tmp_path) == [
        ("LT-201", 41.5, 0, 7_000_000),
        ("PT-303", 0.3, 0, 8_000_000),
        ("PT-303", 0.3, 0x80000000, 8_000_001),
    ]


def test_a_block_that_cannot_be_read_keeps_no_service_from_starting(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university", TAGS)
    journal.append([], [values((0, 41.5, 0, 7))], now(10)).result(60)
    journal.close()
    change(tmp_path, "UPDATE samples SET data = x'00'")
    journal = Journal.open(tmp_path, "university", TAGS)
    assert journal.append([event(1)], [values((0, 42.0, 0, 8))], now(11)).result(60) == 1
    journal.close()


def test_closing_writes_what_still_waits(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university", TAGS)
    waiting = journal.append([], [values((0, 1.0, 0, 0))], now(0))
    journal.close()
    assert waiting.result(0) == 0
    with pytest.raises(NotRecorded, match="closed"):
        journal.append([event(1)]).result(0)


def test_a_second_service_on_the_same_directory_is_told_who_holds_it(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university")
    with pytest.raises(InUse, match=r"plant 'university', process \d+.*--data DIR"):
        Journal.open(tmp_path, "university")
    journal.close()
    Journal.open(tmp_path, "university").close()


def test_a_directory_belongs_to_one_plant(tmp_path: Path) -> None:
    Journal.open(tmp_path, "university").close()
    with pytest.raises(WrongPlant, match="plant 'university', not of 'cryocooler'"):
        Journal.open(tmp_path, "cryocooler")
    Journal.open(tmp_path, "university").close()  # the refusal let go of the lock


def test_an_operator_finds_events_by_kind_source_severity_time_and_word(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university")
    kinds = ("alarm.raised", "interlock.tripped")
    journal.append([event(n, kind=kinds[n % 2], source=f"S-{n}") for n in range(1, 9)])
    journal.append([event(9, kind="interlock.reset", severity=100)]).result(60)
    with Reader(tmp_path) as reader:
        wanted = [
            (Where(kinds=("alarm.raised",)), [2, 4, 6, 8]),
            (Where(kinds=("interlock.",)), [1, 3, 5, 7, 9]),
            (Where(sources=("S-3", "S-4")), [3, 4]),
            (Where(severity=500), [1, 2, 3, 4, 5, 6, 7, 8]),
            (Where(from_ns=T0 + 3, to_ns=T0 + 5), [3, 4]),
            (Where(text="TEXT 7"), [7]),
        ]
        for where, seqs in wanted:
            assert [entry.seq for entry in reader.events(where=where)] == seqs
            assert [entry.seq for entry in reader.newest_events(where=where)] == seqs[::-1]
        assert [entry.seq for entry in reader.events(after=2, limit=3)] == [3, 4, 5]
        assert [entry.seq for entry in reader.newest_events(limit=2, before=5)] == [4, 3]
    journal.close()


def test_samples_are_found_by_tag_and_time(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university", TAGS)
    for ms in range(0, 50, 10):
        texts = ((3, f"batch {ms}", 0, T0 + ms * 1_000_000),)
        journal.append([event(ms)], [values((0, ms, 0, ms), (1, -ms, 0, ms), texts=texts)], now(ms)).result(
            10
        )
    with Reader(tmp_path) as reader:
        level, text = reader.numbers_of("LT-201"), reader.numbers_of("DS-1")
        found = list(reader.samples([*level, *text], T0 + 10_000_000, T0 + 30_000_000))
        assert [part.values.tolist() for part in found] == [[10.0], [20.0]]
        assert [part.texts[0].text for part in found] == ["batch 10", "batch 20"]
        assert sum(len(part) for part in reader.samples()) == 15
    journal.close()


def test_a_snapshot_covers_the_events_before_it(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, "university")
    journal.append([event(1), event(2)])
    journal.snapshot(b"after two", "0.1.0", now(5))
    journal.append([event(3)]).result(60)
    with Reader(tmp_path) as reader:
        snapshot = reader.snapshot()
        assert snapshot is not None
        assert (snapshot.seq, snapshot.data, snapshot.version) == (2, b"after two", "0.1.0")
        assert [entry.seq for entry in reader.events(after=snapshot.seq)] == [3]
    journal.close()


story = st.lists(st.tuples(st.sampled_from([1, 4, 30, 7200, -3, -3600]), st.integers(0, 9)), max_size=25)


@settings(max_examples=80)
@given(story, st.integers(0, 30), st.integers(-12, 12), st.sampled_from([1, 9, 40, 9000]))
def test_a_span_of_time_is_found_whatever_the_clock_did(
    tmp_path_factory: pytest.TempPathFactory,
    moves: list[tuple[int, int]],
    near: int,
    before_s: int,
    length_s: int,
) -> None:
    directory = tmp_path_factory.mktemp("span")
    quick = Limits(batch_s=0.0)
    journal = Journal.open(directory, "p", TAGS, archived=False, limits=quick, synchronous="OFF")
    second, written = 0, []
    for number, (step, source_off_s) in enumerate(moves):
        second += step
        utc_ns = T0 + second * S
        told = Event("k.n", "T", "", utc_ns, 0.0, 100, {"n": number})
        rows = values((0, number, 0, (second - source_off_s) * 1000))
        journal.append([told], [rows], Now(0.0, 0.0, utc_ns)).result(60)
        written.append((number, second, second - source_off_s))
    journal.close()
    start_s = (written[near % len(written)][1] if written else 0) - before_s
    end_s = start_s + length_s
    span = {"from_ns": T0 + start_s * S, "to_ns": T0 + end_s * S}
    expected = [number for number, at_s, _ in written if start_s <= at_s < end_s]
    with Reader(directory) as reader:
        found = [entry.data["n"] for entry in reader.events(where=Where(kinds=("k.",), **span))]
        assert found == expected
        newest = reader.newest_events(7, Where(kinds=("k.",), **span))
        assert [entry.data["n"] for entry in newest] == expected[::-1][:7]
        values_found = [int(value) for part in reader.samples(**span) for value in part.values]
        assert values_found == [number for number, _, source_s in written if start_s <= source_s < end_s]


def test_a_clock_that_wavers_hides_nothing(tmp_path: Path) -> None:
    """Back and forth by up to 9 s: not set back, so one run, in which times are only nearly in order."""
    seconds = [number + 9 * (number % 3 == 0) for number in range(40)]
    journal = Journal.open(tmp_path, "p", TAGS, archived=False, limits=Limits(batch_s=0.0), synchronous="OFF")
    for second in seconds:
        told = Event("k.n", "T", "", T0 + second * S, 0.0, 100, {"n": second})
        rows = values((0, second, 0, second * 1000))
        journal.append([told], [rows], Now(0.0, 0.0, T0 + second * S)).result(60)
    journal.close()
    with Reader(tmp_path) as reader:
        for start in range(50):
            span = {"from_ns": T0 + start * S, "to_ns": T0 + (start + 2) * S}
            expected = [second for second in seconds if start <= second < start + 2]
            events = reader.events(where=Where(kinds=("k.",), **span))
            assert [entry.data["n"] for entry in events] == expected
            assert [int(value) for part in reader.samples(**span) for value in part.values] == expected


def test_a_read_that_takes_too_long_is_broken_off_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(tmp_path, "p", synchronous="OFF")
    journal.append([event(n) for n in range(3_000)]).result(60)
    journal.close()
    with Reader(tmp_path) as reader:
        clock = count(0, 2)  # two seconds pass between any two looks at it
        hurried = SimpleNamespace(monotonic=lambda: min(20, next(clock)))
        monkeypatch.setattr("controller.record.reader.time", hurried)
        assert len(list(reader.events())) == 3_000
        assert next(clock) > 20
        clock = count(0, 2)
        monkeypatch.setattr("controller.record.reader.time", SimpleNamespace(monotonic=lambda: next(clock)))
        with pytest.raises(Unreadable, match="interrupted"):
            list(reader.events())
        monkeypatch.undo()
        assert len(list(reader.events())) == 3_000
