"""The gap ledger: gaps made on purpose are found, named and explained; none is invented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alarms.signal import BAD
from controller.followers.influx.recording import Recording
from controller.record.compaction import compact
from controller.record.completeness import DAY_NS, Day, days
from controller.record.ledger import Coverage, Gap, coverage, gaps
from controller.record.reader import Reader
from tests.journalled import T0, S, Writing, plant_of
from tests.unit.test_record_trouble import change

PLANT = plant_of("university")
NUMERIC = sum(tag.kind.value != "text" for tag in PLANT.tags)
S_, R, L = (plc.index for plc in PLANT.plcs)


@dataclass(frozen=True)
class Told:
    kind: str
    source: str
    utc_ns: int
    data: dict[str, Any] = field(default_factory=dict)
    plant_s: float = 0.0
    text: str = "in words"


def at(second: float) -> int:
    return T0 + int(second * S)


def told(second: float, kind: str, source: str = "heloop", **data: Any) -> Told:
    return Told(kind, source, at(second), data)


def started(second: float = 0.0) -> list[Told]:
    """A start after which all links are up within a second."""
    return [
        told(second, "service.started"),
        *(told(second + 1, "link.restored", plc.name) for plc in PLANT.plcs),
    ]


def found(
    events: Sequence[Told], now_s: float, seen_s: float | None = None
) -> list[tuple[int, float, float, str]]:
    """(PLC, from second, to second, reason) of the gaps after the start's second."""
    seen = (lambda plc, before: before) if seen_s is None else (lambda plc, before: at(seen_s))
    _, listed = gaps(PLANT, events, at(now_s), seen)
    return [
        (gap.plc, (gap.from_ns - T0) / S, (gap.to_ns - T0) / S, gap.reason)
        for gap in listed
        if gap.to_ns > at(1)
    ]


def test_a_day_without_trouble_has_no_gap() -> None:
    assert found(started(), 3600) == []


def test_a_lost_link_is_a_gap_of_its_plc_from_the_last_row_that_came() -> None:
    events = [
        *started(),
        told(100, "link.lost", "R", reason="no answer to a request within 4 s"),
        told(160, "link.restored", "R", gap=True),
    ]
    assert found(events, 3600, seen_s=97) == [(R, 97, 160, "link down")]


def test_a_plc_that_stands_still_is_named_as_such() -> None:
    events = [*started(), told(100, "link.lost", "L", reason="its counter has stood still for 5 s")]
    assert found(events, 200, seen_s=95) == [(L, 95, 200, "PLC stopped")]


def test_a_quiet_plant_is_not_taken_for_a_long_gap() -> None:
    """Rows are kept when values change: an old last row does not mean that the link was lost then."""
    events = [*started(), told(100, "link.lost", "R", reason="closed"), told(101, "link.restored", "R")]
    ((_, begin, _, _),) = found(events, 200, seen_s=10)
    assert begin == 90.0  # alive_after 5 s, and 5 s for noticing


def test_a_stop_of_the_service_is_a_gap_of_all_until_the_values_are_there() -> None:
    events = [*started(), told(100, "service.stopped"), *started(150)]
    assert found(events, 3600) == [
        *((plc, 100, 150 + 1, "service stopped") for plc in (S_, R, L)),
    ]


def test_a_killed_service_is_a_gap_from_its_last_row() -> None:
    events = [*started(), *started(150)]
    assert found(events, 3600, seen_s=99.5) == [(plc, 99.5, 151, "service stopped") for plc in (S_, R, L)]


def test_missed_notifications_and_overflows_are_short_gaps_of_what_they_concern() -> None:
    events = [
        *started(),
        told(100, "link.gap", "R", count=2, tag=None),
        told(200, "link.overflow", "R", count=1, tag="LT-201"),
    ]
    _, listed = gaps(PLANT, events, at(300), lambda plc, before: before)
    gap, overflow = [one for one in listed if one.from_ns > at(2)]
    assert (gap.reason, gap.tag, gap.to_ns) == ("sequence gap", None, at(100))
    assert (overflow.reason, overflow.tag) == ("queue overflow", PLANT.index["LT-201"])
    covered = coverage(PLANT, [gap, overflow], at(0), at(300))
    assert covered[PLANT.index["LT-201"]].gaps == 2
    assert covered[PLANT.index["PT-204"]].gaps == 1
    assert covered[PLANT.index["LT-801"]] == Coverage(300.0, 0.0, 0, 0.0)


def test_rows_that_the_disk_did_not_take_are_a_gap_with_their_number() -> None:
    events = [
        *started(),
        told(100, "record.overflow", "journal", rows=500, events=0, from_ns=at(80), to_ns=at(99)),
    ]
    assert found(events, 200) == [(plc, 80, 100, "disk limit") for plc in (S_, R, L)]
    refused = [
        *started(),
        told(100, "record.overflow", "journal", rows=0, events=3, from_ns=at(80), to_ns=at(99)),
    ]
    assert found(refused, 200) == []


def test_a_computed_tag_is_covered_while_all_of_its_inputs_are() -> None:
    whole = PLANT.tag("WQ-998")  # of the bag, the banks and the dewar: PLCs R and L
    covered = coverage(PLANT, [Gap(L, at(0), at(100), "link down", "")], at(0), at(1000))
    assert covered[whole.index].completeness == pytest.approx(90.0)
    assert covered[PLANT.index["WQ-201"]].completeness == 100.0


def test_gaps_that_overlap_count_once() -> None:
    both = [Gap(R, at(0), at(60), "link down", ""), Gap(R, at(30), at(90), "disk limit", "")]
    one = coverage(PLANT, both, at(0), at(900))[PLANT.index["LT-201"]]
    assert (one.gap_s, one.gaps, one.longest_s, one.completeness) == (90.0, 1, 90.0, 90.0)


def test_the_ledger_of_a_journal_counts_rows_per_day_and_knows_when_it_was_killed(tmp_path: Path) -> None:
    writing = Writing(tmp_path, PLANT)
    try:
        writing.event("service.started", "heloop")
        for plc in PLANT.plcs:
            writing.event("link.restored", plc.name)
        writing.scan(60)
        last_ns = writing.utc_ns
        writing.utc_ns += 300 * S
        writing.event("service.started", "heloop")
        for plc in PLANT.plcs:
            writing.event("link.restored", plc.name)
        writing.scan(40)
        now_ns = writing.utc_ns
    finally:
        writing.close()
    (day,) = days(tmp_path, PLANT, T0, T0 + DAY_NS, now_ns, stored_upto=0)
    reasons = {(gap.from_ns, gap.to_ns - gap.from_ns, gap.reason) for gap in day.gaps}
    assert reasons == {(last_ns, 300 * S, "service stopped")}
    one = day.tags[PLANT.index["LT-201"]]
    assert (one.archived, one.stored) == (100, 0)
    assert one.coverage.completeness == pytest.approx(100 * 100 / 400)
    assert sum(tag.archived for tag in day.tags) == 100 * sum(tag.kind.value != "text" for tag in PLANT.tags)


@pytest.fixture
def three_days(tmp_path: Path) -> Iterator[Writing]:
    """With a lost link and a killed service on each."""
    writing = Writing(tmp_path, PLANT)
    for _ in range(3):
        writing.event("service.started", "heloop")
        for plc in PLANT.plcs:
            writing.event("link.restored", plc.name)
        writing.scan(600, every_s=20)
        writing.utc_ns += 20 * S
        writing.event("link.lost", "R", reason="closed")
        writing.utc_ns += 60 * S
        writing.event("link.restored", "R")
        writing.scan(600, every_s=20)
        writing.rows([PLANT.index["LT-201"]], [float("nan")], BAD).result(30)
        writing.utc_ns += DAY_NS - 1280 * S
    yield writing
    writing.close()


def ledger_of(writing: Writing, stored_upto: int | None = None) -> list[Day]:
    return days(writing.data, PLANT, T0, T0 + 3 * DAY_NS, writing.utc_ns, stored_upto=stored_upto)


def plainly(ledger: list[Day]) -> list[object]:
    """Counts, and gaps to the millisecond: a block was received some us before its last row's own time."""
    return [
        (
            [tag.archived for tag in day.tags],
            [
                (gap.plc, gap.reason, *(round(ns / 1e6) for ns in (gap.from_ns, gap.to_ns)))
                for gap in day.gaps
            ],
        )
        for day in ledger
    ]


def test_the_ledger_is_the_same_when_only_the_history_holds_the_rows(three_days: Writing) -> None:
    """Before and after each step: folded in as a whole, in part, and forgotten by the journal."""
    whole = ledger_of(three_days)
    said = plainly(whole)
    assert [sum(tag.archived for tag in day.tags) for day in whole[:3]] == [60 * NUMERIC + 1] * 3
    assert {gap.reason for day in whole for gap in day.gaps} == {"link down", "service stopped"}
    compact(three_days.data)
    assert plainly(ledger_of(three_days)) == said
    with Reader(three_days.data) as reader:
        last = reader.last_block()
    three_days.scan(60, every_s=20)
    fresh = ledger_of(three_days)
    assert sum(tag.archived for day in fresh for tag in day.tags) == 3 * (60 * NUMERIC + 1) + 3 * NUMERIC
    change(three_days.data, f"DELETE FROM samples WHERE id <= {last}")
    assert plainly(ledger_of(three_days)) == plainly(fresh)


def test_stored_is_what_a_follower_has_reached_also_of_rows_that_are_folded_in(three_days: Writing) -> None:
    with Reader(three_days.data) as reader:
        blocks = reader.blocks(0, 10_000)
    seen: list[float] = []
    middle = blocks[len(blocks) // 2].id
    after = sum(len(block.samples) for block in blocks if block.id > middle)
    for step in (lambda: None, lambda: compact(three_days.data)):
        step()
        for upto, waiting in ((blocks[-1].id, 0), (middle, after)):
            found = ledger_of(three_days, upto)
            archived = sum(tag.archived for day in found for tag in day.tags)
            assert archived - sum(tag.stored or 0 for day in found for tag in day.tags) == waiting
    days(three_days.data, PLANT, T0, T0 + 3 * DAY_NS, three_days.utc_ns, stored_upto=0, progress=seen.append)
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_the_ledger_as_points_of_the_day(tmp_path: Path) -> None:
    writing = Writing(tmp_path, PLANT)
    try:
        writing.event("service.started", "heloop")
        for plc in PLANT.plcs:
            writing.event("link.restored", plc.name)
        writing.scan(30)
        writing.utc_ns += S
        writing.event("link.lost", "R", reason="closed")
        writing.utc_ns += 29 * S
        writing.event("clock", "heloop")
        lines = Recording(PLANT, tmp_path, "influx", lambda _: None).lines(writing.utc_ns)
    finally:
        writing.close()
    day_ns = T0 // DAY_NS * DAY_NS
    (bag,) = [one for one in lines if one.startswith("recording,") and "tag=LT-201 " in one]
    assert bag.startswith("recording,area=bag,plant=university,plc=R,tag=LT-201 completeness=50.0")
    assert "gaps=1i" in bag
    assert "archived=30i" in bag
    assert bag.endswith(f" {day_ns}")
    assert sum("tag=all" in one for one in lines) == 1
    (gap,) = [one for one in lines if one.startswith("gap,")]
    assert gap.startswith("gap,plant=university,plc=R,reason=link\\ down gap_s=29.99")
    assert 'text="closed"' in gap
    assert "end_ms" not in gap  # it lasts
