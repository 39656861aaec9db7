"""How the alarm system is doing, and what it would have done with other delays: numbers from records."""

from __future__ import annotations

from math import inf, isnan

import pytest

from alarms import metrics, suggest
from alarms.metrics import DAY_NS, SECOND_NS, TARGETS, Flood, floods, measure
from alarms.model import Side
from alarms.operations import Action
from alarms.records import Kind, Record
from alarms.suggest import Level, Period, delayed, periods, replay
from tests.unit.control_room import HOUR, START_NS, Room, Tags, alarm, bag, high

S = SECOND_NS


def raised(alarm_id: str, at_s: float, priority: int = 3, **data: object) -> Record:
    return Record(Kind.RAISED, alarm_id, "", round(at_s * S), at_s, 300, {"priority": priority, **data})


def returned(alarm_id: str, at_s: float) -> Record:
    return Record(Kind.RETURNED, alarm_id, "", round(at_s * S), at_s, 300, {"how": "returned"})


def acknowledged(alarm_id: str, at_s: float) -> Record:
    return Record(Kind.ACKNOWLEDGED, alarm_id, "", round(at_s * S), at_s, 300, {"user": "ito"})


def pulse(alarm_id: str, at_s: float, length_s: float = 10.0, priority: int = 3) -> list[Record]:
    return [raised(alarm_id, at_s, priority), returned(alarm_id, at_s + length_s)]


def in_order(*records: Record) -> list[Record]:
    return sorted(records, key=lambda record: record.utc_ns)


def test_counts_per_day_and_per_ten_minutes() -> None:
    records = in_order(*pulse("A", 100), *pulse("A", 700), *pulse("B", 86_400 + 5))
    report = measure(records, 0, 2 * DAY_NS)
    assert (report.raised, report.announced) == (3, 3)
    assert report.per_day == [2, 1]
    assert report.per_10_min[:3] == [1, 1, 0]
    assert len(report.per_10_min) == 288
    assert report.top == [("A", 2), ("B", 1)]
    assert report.top_ten_share == 1.0


def test_what_was_hidden_or_grouped_does_not_count_as_announced() -> None:
    records = in_order(
        raised("A", 1),
        raised("B", 2, withheld="shelved by ito", hidden=True),
        raised("C", 3, withheld="flood"),
    )
    report = measure(records, 0, DAY_NS)
    assert (report.raised, report.announced) == (3, 1)
    assert report.suppressed == {"B": 1}


def test_a_flood_begins_above_ten_in_ten_minutes_and_ends_below_five() -> None:
    times = [n * 10 * S for n in range(30)]  # 30 in five minutes, then silence
    found = floods(times)
    assert found == [Flood(0, (250 + 600) * S, 30, 30)]
    assert found[0].length_s == 850
    assert floods(times[:10]) == []
    assert len(floods([*times, *[time + 7200 * S for time in times]])) == 2


def test_the_share_of_time_in_flood() -> None:
    records = [one for n in range(30) for one in pulse(f"A-{n}", n * 10)]
    report = measure(in_order(*records), 0, 86_400 * S)
    assert report.flood_share == pytest.approx(850 / 86_400)


def test_chattering_fleeting_and_stale() -> None:
    records = [one for n in range(5) for one in pulse("CHATTER", 1000 + 15 * n, 5)]
    records += [*pulse("FLEETING", 5000, 20), *pulse("LONG", 6000, 600), raised("STALE", 7000)]
    report = measure(in_order(*records), 0, 2 * DAY_NS)
    assert report.chattering == {"CHATTER": 3}  # the third, fourth and fifth within a minute
    assert report.fleeting == {"CHATTER": 5, "FLEETING": 1}
    assert set(report.stale) == {"STALE"}
    assert report.stale["STALE"] == pytest.approx(48 - 7000 / 3600)


def test_an_alarm_stale_since_before_the_period_is_in_it() -> None:
    report = measure([raised("OLD", 0)], 5 * DAY_NS, 6 * DAY_NS)
    assert set(report.stale) == {"OLD"}
    assert report.raised == 0


def test_priority_mix_and_time_to_acknowledge() -> None:
    records = [raised("P1", 0, 1), acknowledged("P1", 120)]
    for n in range(9):
        records += [raised(f"P3-{n}", 1000 + n), acknowledged(f"P3-{n}", 1000 + n + 60 * (n + 1))]
    records.append(raised("P2", 5000, 2))
    report = measure(in_order(*records), 0, DAY_NS)
    assert report.mix == pytest.approx({1: 1 / 11, 2: 1 / 11, 3: 9 / 11})
    assert report.acknowledge_s[1] == (120.0, 120.0)
    assert report.acknowledge_s[3][0] == 300
    assert report.acknowledge_s[3][1] == pytest.approx(540, abs=60)
    assert isnan(report.acknowledge_s[2][0])
    assert report.never_acknowledged == 1


def test_time_on_the_shelf_is_cut_to_the_period() -> None:
    room = Room(Tags("PT-1"), [alarm("PT-1.H", high(0, 1))], PT_1=0.0)
    room.does(Action.SHELVE, "PT-1.H", for_s=HOUR)
    room.wait(2 * HOUR)
    room.does(Action.SHELVE, "PT-1.H", for_s=HOUR)
    start = START_NS + round(1800 * S)
    report = measure(room.records, start, START_NS + round(2.5 * HOUR * S))
    assert report.shelved_s == {"PT-1.H": pytest.approx(1800 + 1800)}


def test_figures_of_a_real_engine_run() -> None:
    room = bag()
    for _ in range(3):
        room.reads("LT-201", 96)
        room.wait(30)
        room.acknowledges("LT-201.HH")
        room.reads("LT-201", 50)
        room.wait(600)
    report = measure(room.records, START_NS, START_NS + DAY_NS)
    assert report.announced == 3
    assert report.acknowledge_s[1][0] == 25
    assert report.acknowledge_s[1][1] == pytest.approx(25)
    assert report.fleeting == {"LT-201.HH": 3}


def test_an_empty_period_has_figures_too() -> None:
    report = measure([], 0, DAY_NS)
    assert (report.announced, report.top_ten_share, report.flood_share) == (0, 0.0, 0.0)
    assert report.mix == {1: 0.0, 2: 0.0, 3: 0.0}


def test_every_target_says_where_it_comes_from() -> None:
    for target in TARGETS.values():
        assert target.source
        assert target.what
    assert sum(TARGETS[f"priority_{n}"].value for n in (1, 2, 3)) == pytest.approx(1.0)


# --- suggestions -----------------------------------------------------------------------------------


def test_fleeting_alarms_suggest_an_on_delay_that_keeps_the_real_one() -> None:
    short = [Period(n * 1000.0, n * 1000.0 + 4) for n in range(20)]
    real = Period(50_000.0, 51_000.0)
    found = suggest.best(suggest.on_delays("LT-201.H", [*short, real], trips_s=[50_600.0]))
    assert found is not None
    assert (found.setting, found.value) == ("on_delay_s", 5.0)
    assert (found.before, found.after, found.saved) == (21, 1, 20)
    assert (found.warned, found.missed, found.later_s) == (1, (), 5.0)


def test_no_delay_is_suggested_that_would_have_missed_a_trip() -> None:
    fleeting = [Period(n * 1000.0, n * 1000.0 + 8) for n in range(20)]
    candidates = suggest.on_delays("ST-721.H", fleeting, trips_s=[5008.0])
    assert suggest.best(candidates) is None
    refused = suggest.refused(candidates)
    assert refused is not None
    assert (refused.value, refused.saved, refused.missed) == (10.0, 20, (5008.0,))


def test_nothing_to_save_nothing_to_suggest() -> None:
    assert suggest.best(suggest.on_delays("A", [Period(0, inf)])) is None
    assert suggest.best(suggest.off_delays("A", [])) is None


def test_chattering_suggests_an_off_delay() -> None:
    chatter = [Period(n * 20.0, n * 20.0 + 6) for n in range(50)]
    found = suggest.best(suggest.off_delays("PT-204.H", chatter))
    assert found is not None
    assert (found.value, found.after) == (15.0, 1)


def test_delays_applied_to_recorded_activations() -> None:
    found = [Period(0, 10), Period(12, 20), Period(100, 103), Period(200, inf)]
    assert delayed(found, 5, 0) == [Period(5, 10), Period(17, 20), Period(205, inf)]
    assert delayed(found, 0, 5) == [Period(0, 25), Period(100, 108), Period(200, inf)]


def test_a_period_of_exactly_the_delay_is_judged_as_the_engine_judges_it() -> None:
    """A value that is back when the deadline comes is no alarm; one that is out again keeps it."""
    found = [Period(0, 5), Period(10, 20)]
    assert delayed(found, 5, 0) == [Period(15, 20)]
    assert delayed(found, 0, 5) == [Period(0, 25)]


def test_what_came_while_it_was_hidden_anyway_saves_nothing() -> None:
    short = [Period(n * 1000.0, n * 1000.0 + 4) for n in range(20)]
    found = suggest.best(suggest.on_delays("LT-201.H", short, hidden=[Period(0.0, 9_500.0)]))
    assert found is not None
    assert (found.before, found.after) == (10, 0)


def test_periods_come_from_the_journal() -> None:
    room = bag()
    room.reads("LT-201", 96)
    room.wait(30)
    room.reads("LT-201", 50)
    found = periods(metrics.activations(room.records), "LT-201.HH")
    assert found == [Period(START_NS / S + 5, START_NS / S + 30)]


def test_replaying_samples_makes_the_alarms_the_engine_made() -> None:
    samples = [(float(t), 90 + (3 if t % 40 < 20 else -3) + (t % 3) / 2) for t in range(400)]
    room = Room(
        Tags("LT-201"), [alarm("LT-201.H", high(0, 91, 1), on_delay_s=4, off_delay_s=3)], LT_201=samples[0][1]
    )
    for now_s, value in samples[1:]:
        room.wait(now_s - room.plant_s)
        room.reads("LT-201", value)
    made = periods(metrics.activations(room.records), "LT-201.H")
    start_s = START_NS / S
    engine = [(round(one.raised_s - start_s, 3), round(one.returned_s - start_s, 3)) for one in made]
    assert engine == [tuple(one) for one in replay(samples, Side.HIGH, 91, 1, 4, 3)]
    assert len(engine) == 10


def test_a_noisy_signal_at_its_limit_suggests_a_deadband() -> None:
    noisy = [(float(t), 90 + (0.4 if t % 2 else -0.4)) for t in range(200)]
    found = suggest.best(suggest.deadbands("LT-201.H", Level(noisy, Side.HIGH, 90.2)))
    assert found is not None
    assert found.value == pytest.approx(0.8)  # once the noise from sample to sample
    assert (found.before, found.after) == (100, 1)


def test_a_low_limit_and_a_signal_that_does_not_scatter() -> None:
    assert suggest.deadbands("A", Level([(0.0, 5.0), (1.0, 5.0)], Side.LOW, 4, 0.1)) == []
    dips = [(float(t), 15 + (0.3 if t % 2 else -0.3)) for t in range(50)]
    found = suggest.best(suggest.deadbands("LT-201.L", Level(dips, Side.LOW, 15), trips_s=[40.0]))
    assert found is not None
    assert found.after == 1
