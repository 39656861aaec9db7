"""The monthly page: what it says of bad actors, and which warning more would have cost."""

from __future__ import annotations

import re

import numpy as np

from alarms.metrics import SECOND_NS
from alarms.records import Kind, Record
from controller.alarm_report import alarm_report_html, bars
from tests.simulation.worlds import university

FROM_NS = 1_767_225_600 * SECOND_NS  # 2026-01-01
TO_NS = FROM_NS + 31 * 86_400 * SECOND_NS
NONE = np.empty((0, 2))


def at(second: float) -> int:
    return FROM_NS + round(second * SECOND_NS)


def raised(alarm: str, second: float, for_s: float, priority: int = 3, **data: object) -> list[Record]:
    fields = {"priority": priority, **data}
    return [
        Record(Kind.RAISED, alarm, "", at(second), second, 300, fields),
        Record(Kind.RETURNED, alarm, "", at(second + for_s), second + for_s, 300, {"how": "returned"}),
    ]


def trip(name: str, second: float) -> Record:
    return Record("interlock.tripped", name, "", at(second), second, 800, {})


def page(*records: Record, speed: float = 1.0) -> str:
    ordered = sorted(records, key=lambda record: record.utc_ns)
    return alarm_report_html(university(), ordered, FROM_NS, TO_NS, lambda _: NONE, speed)


def said(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


FLEETING = [one for n in range(20) for one in raised("PT-604.H", n * 1000.0, 8.0)]


def test_a_setting_that_would_have_hidden_the_warning_of_a_trip_is_refused_by_its_name() -> None:
    text = said(page(*FLEETING, trip("S-09", 5006.0)))
    assert "not on-delay longer by 10 s : 20 → 0 alarms, but it would not have warned of S-09 at" in text
    assert "S-09 at 2026-01-01 01:23" in text


def test_without_a_trip_the_same_setting_is_suggested() -> None:
    text = said(page(*FLEETING, trip("S-09", 500.0)))
    assert "on-delay longer by 10 s: 20 → 0 alarms; no trip to miss" in text
    assert "not on-delay" not in text


def test_delays_are_plant_seconds_when_the_plant_ran_faster() -> None:
    assert "on-delay longer by 10 min: 20 → 0 alarms" in said(page(*FLEETING, speed=60.0))


def test_what_was_suppressed_anyway_is_listed_and_saves_nothing() -> None:
    hidden = [
        one for n in range(9) for one in raised("FT-518.L", n * 1000.0, 8.0, withheld="off", hidden=True)
    ]
    text = said(page(*hidden, *FLEETING))
    assert "FT-518.L 9 times" in text
    assert "FT-518.L purified flow" not in text


def test_a_quiet_month_has_a_page_too() -> None:
    text = said(page())
    assert "No alarm was announced." in text
    assert "0 alarms came" in text


def test_bars_stand_within_their_plot_and_the_target_is_a_line() -> None:
    svg = str(bars([0, 3, 12], 10.0, "alarms", "a flood above", ["01-01", "01-02", "01-03"]))
    heights = [float(one) for one in re.findall(r'height="([\d.]+)" class', svg)]
    assert len(heights) == 2
    assert max(heights) <= 130
    assert svg.count('class="over"') == 1
    assert "a flood above 10" in svg
