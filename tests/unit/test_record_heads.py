"""Heads that are kept elsewhere: one for each day and start, the same however the journal is read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from controller.record.chain import Entry, Head
from controller.record.heads import DAY_NS, Heads, SentHead, head_before, head_text, lost
from controller.record.reader import Reader
from tests.journalled import T0, S, Writing, plant_of
from tests.unit.test_record_trouble import change

FIRST_DAY = T0 // DAY_NS


def entry(seq: int, utc_ns: int, kind: str = "note.one") -> Entry:
    return Entry(seq, kind, "heloop", "", utc_ns, 0.0, hash=bytes([seq % 256]) * 32)


def fed(entries: list[Entry], heads: Heads | None = None) -> list[SentHead]:
    heads = heads or Heads()
    return [sent for one in entries for sent in heads.event(one)]


def test_the_head_of_a_day_is_its_last_event_and_stands_at_midnight() -> None:
    day = FIRST_DAY * DAY_NS
    entries = [
        entry(1, day + 5),
        entry(2, day + DAY_NS - 1),
        entry(3, day + DAY_NS),
        entry(4, day + 4 * DAY_NS),
    ]
    assert [(sent.at_ns, sent.head.seq, sent.why) for sent in fed(entries)] == [
        (day + DAY_NS, 2, "day"),
        (day + 4 * DAY_NS, 3, "day"),  # nothing ran in between: the midnight before it went on
    ]


def test_a_midnight_without_events_is_told_by_the_rows_that_come_after_it() -> None:
    heads, day = Heads(), FIRST_DAY * DAY_NS
    fed([entry(7, day + 5)], heads)
    assert list(heads.time(day + DAY_NS - 1)) == []
    (sent,) = heads.time(day + DAY_NS + 3)
    assert (sent.at_ns, sent.head.seq) == (day + DAY_NS, 7)
    assert fed([entry(8, day + DAY_NS - 1), entry(9, day + DAY_NS + 9)], heads) == []


def test_each_start_of_the_service_sends_its_own_head() -> None:
    (sent,) = fed([entry(1, T0), entry(2, T0 + S, "service.started")])
    assert sent == SentHead(T0 + S, Head(2, bytes([2]) * 32), "start")


def test_a_clock_that_was_days_ahead_and_is_set_back_sends_heads_again() -> None:
    day = FIRST_DAY * DAY_NS
    entries = [entry(1, day), entry(2, day + 400 * DAY_NS), entry(3, day + 9), entry(4, day + DAY_NS)]
    assert [(sent.at_ns, sent.head.seq) for sent in fed(entries)] == [
        (day + 400 * DAY_NS, 1),
        (day + DAY_NS, 3),
    ]


@given(st.lists(st.integers(0, 3 * 86_400), max_size=30), st.integers(0, 30))
def test_heads_are_those_of_a_plain_look_and_a_stop_anywhere_changes_none(
    seconds: list[int], middle: int
) -> None:
    day = FIRST_DAY * DAY_NS
    entries = [entry(seq, day + at * S) for seq, at in enumerate(sorted(seconds), 1)]
    naive = [
        (now.utc_ns // DAY_NS * DAY_NS, before.seq)
        for before, now in pairwise(entries)
        if before.utc_ns // DAY_NS < now.utc_ns // DAY_NS
    ]
    found = fed(entries)
    assert [(sent.at_ns, sent.head.seq) for sent in found] == naive
    heads = Heads()
    first = fed(entries[:middle], heads)
    again = Heads()
    again.load(heads.dump())
    assert first + fed(entries[middle:], again) == found


def test_a_journal_that_was_cut_or_written_anew_shows_against_its_heads(tmp_path: Path) -> None:
    writing = Writing(tmp_path, plant_of("tutorial"))
    for _ in range(5):
        writing.event("note.one", "heloop")
        writing.utc_ns += DAY_NS
    writing.close()
    with Reader(tmp_path) as reader:
        heads = [Head(one.seq, one.hash) for one in reader.events()]
        assert list(lost(reader, heads)) == []
        assert head_before(reader, T0) is None
        assert head_before(reader, T0 + DAY_NS) == heads[0]
        assert head_before(reader, 2**62) == heads[-1]
    change(tmp_path, "DELETE FROM events WHERE seq = 5")
    change(tmp_path, "UPDATE events SET hash=zeroblob(32) WHERE seq = 2")
    with Reader(tmp_path) as reader:
        assert list(lost(reader, heads)) == [
            f"event 2 is not the one whose head was sent out ({heads[1]})",
            "event 5 was sent out as head but is missing: the tail was cut off after 4",
        ]


def test_a_head_as_text_says_which_day_and_how_to_use_it() -> None:
    head = Head(12, bytes(32))
    text = head_text("university", (FIRST_DAY + 1) * DAY_NS, head)
    assert "ended 2026-01-05 (UTC) with event 12:0000" in text
    assert Head.parse(text.split("--head ")[1].split("`")[0]) == head
