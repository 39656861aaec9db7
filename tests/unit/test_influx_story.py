"""What the core and the alarm system tell, as points: states, first-outs, ends that find their beginnings."""

from __future__ import annotations

import re
from collections import Counter

import msgspec
import pytest

from controller.followers.influx.follower import Points
from controller.followers.influx.story import Story, placed_ns
from controller.record.chain import Entry
from tests.simulation.worlds import ran, university


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    """Ten minutes of the plant with fault F1."""
    events = ran("F1", 600.0).events
    return [
        Entry(number, e.kind, e.source, e.text, e.utc_ns, e.plant_s, e.severity, dict(e.data))
        for number, e in enumerate(msgspec.json.decode(msgspec.json.encode(events), type=list[Told]), 1)
    ]


class Told(msgspec.Struct):
    kind: str
    source: str
    text: str
    utc_ns: int
    plant_s: float
    severity: int
    data: dict[str, object]


def told(entries: list[Entry], story: Story | None = None) -> list[str]:
    story = story or Story(university())
    return [line for entry in entries for line in story.take(entry)]


def test_every_event_but_the_bulky_is_one_point_of_its_own(entries: list[Entry]) -> None:
    lines = [line for line in told(entries) if line.startswith("event,")]
    bulky = ("interlock.window", "alarm.memory", "alarms.configured")
    assert len(lines) == sum(entry.kind not in bulky for entry in entries)
    places = Counter((line.split(" ")[0], line.rsplit(" ", 1)[1]) for line in lines)
    assert places.most_common(1)[0][1] == 1


def test_an_alarm_that_has_returned_says_so_at_its_beginning(entries: list[Entry]) -> None:
    raised = {entry.source: placed_ns(entry) for entry in entries if entry.kind == "alarm.raised"}
    ends = [line for line in told(entries) if line.startswith("alarm,") and "end_ms=" in line]
    returned = [entry for entry in entries if entry.kind == "alarm.returned"]
    assert raised
    assert len(ends) == len(returned)
    for line, entry in zip(ends, returned, strict=True):
        assert f"alarm={entry.source}," in line
        assert f"end_ms={entry.utc_ns // 1_000_000}i" in line


def test_states_are_those_of_isa_18_2_and_counts_fit_them(entries: list[Entry]) -> None:
    story = Story(university())
    told(entries, story)
    held = list(story.held(entries[-1].utc_ns))
    states = [re.search(r'state="(\w+)"', line)[1] for line in held if line.startswith("alarm,")]  # type: ignore[index]
    (total,) = [line for line in held if line.startswith("alarm_metric,") and "priority=all" in line]
    unseen = sum(state in {"unacknowledged", "returned", "latched"} for state in states)
    assert f"shelved={states.count('shelved')}i" in total
    assert unseen <= int(re.search(r"unacknowledged=(\d+)i", total)[1])  # type: ignore[index]
    assert sum(line.startswith("interlock,") for line in held) == len(university().interlocks)


def test_a_trip_has_its_first_out_and_what_people_read(entries: list[Entry]) -> None:
    trips = [line for line in told(entries) if line.startswith("interlock,") and 'change="tripped"' in line]
    assert len(trips) == sum(entry.kind == "interlock.tripped" for entry in entries) > 0
    assert all("first_out=" in line and "causes=" in line and "effects=" in line for line in trips)


def test_a_story_that_is_stopped_anywhere_goes_on_as_if_it_had_not(entries: list[Entry]) -> None:
    whole = told(entries)
    for middle in (1, len(entries) // 3, len(entries) - 1):
        first, second = Points(university(), 60.0), Points(university(), 60.0)
        before = told(entries[:middle], first.story)
        second.load(first.dump())
        assert before + told(entries[middle:], second.story) == whole
