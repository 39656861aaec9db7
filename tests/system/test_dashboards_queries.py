"""Every query of every panel is asked of a real influxd that holds an hour of the plant, and has rows."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from controller.core.inputs import Request
from controller.dashboards.files import dashboards
from controller.followers.follow import Pages
from controller.followers.influx.follower import Points
from controller.followers.influx.lines import body
from controller.followers.influx.recording import Recording
from controller.followers.influx.service import core_lines, follower_line
from controller.followers.influx.story import Story
from controller.followers.place import Cursor
from controller.loop import Meters
from controller.plant.sinks import series_at_most
from controller.record.chain import Entry
from controller.record.journal import Journal
from controller.record.reader import Reader
from controller.simulator import ScheduledFault
from tests.influxd import Influxd
from tests.simulation.worlds import university
from tests.system.recorded_plant import RecordedWorld, record

pytestmark = pytest.mark.needs("influxd")
HOUR_S = 3600.0
FAULTS = (ScheduledFault("F4", 1200.0), ScheduledFault("F13", 1500.0), ScheduledFault("F12", 2900.0))


def asked(at_s: float, action: str, target: str, **args: Any) -> tuple[float, Request]:
    return at_s, Request(f"{action} {target} {at_s}", "sato", "supervisor", action, target, args, "seen")


# People in that hour: something for each list that shows what people did.
PEOPLE = (
    asked(300.0, "bypass", "S-01", for_s=1200),
    asked(400.0, "inhibit_check", "I-06", for_s=900),
    asked(2500.0, "acknowledge", "AT-512.HH"),
    asked(2600.0, "shelve", "AT-335.H", for_s=3000),
)


def people(world: RecordedWorld) -> None:
    for at_s, request in PEOPLE:
        if at_s <= world.mono_s < at_s + world.step_s:
            world.ask(request)


@contextmanager
def filled(folder: Path) -> Iterator[Influxd]:
    """A server that holds the hour, as the follower would have written it."""
    record(folder / "data", university(), HOUR_S, FAULTS, step_s=2.0, each_step=people)
    with Influxd(folder / "influxd") as server:
        server.query('CREATE DATABASE "test"')
        points = Points(university(), 60.0)
        with Reader(folder / "data") as reader:
            pages, cursor = Pages(reader), Cursor(str(reader.meta("id")), 0, 0)
            while (page := pages.next(cursor)) is not None:
                write(server, list(chain.from_iterable(points.of(page))))
                cursor = page.after(cursor)
        write(server, told_to_people())
        write(server, of_the_service(folder / "data"))
        write(server, Recording(university(), folder / "data", "influx", list).lines(time.time_ns()))
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with filled(tmp_path_factory.mktemp("hour")) as server:
        yield server


def told_to_people() -> list[str]:
    """What the notifier says; nobody is told in the simulated hour."""
    data = {"message": 1, "address": "sato", "way": "mail", "reason": "refused"}
    entries = [
        Entry(10**6 + number, f"notify.{word}", "sato", f"message 1 {word}", time.time_ns(), 0.0, data=data)
        for number, word in enumerate(("failed", "given_up"))
    ]
    story = Story(university())
    return [line for entry in entries for line in story.take(entry)]


def of_the_service(data: Path) -> list[str]:
    """What the follower says of the core, with the core's own figures."""
    journal = Journal.open(data, "university")
    health = journal.health()
    journal.close()
    found: list[str] = []
    now_ns = time.time_ns()
    for number in range(30):
        link = {
            "plc": "R",
            "up": True,
            "fresh_s": 0.1,
            "changes": 100 * number,
            **dict.fromkeys(("overflows", "gaps", "reconnects", "bad_nodes", "writes", "writes_failed"), 0),
        }
        status = {
            "service": {"ready": True, "up_s": 10.0 * number, "plant_s": 10.0 * number, "speed": 1.0},
            "loop": Meters().shown(),
            "journal": {**asdict(health), "seq": health.head.seq},
            "links": [{**link, "plc": plc.name} for plc in university().plcs],
        }
        at_ns = now_ns - (29 - number) * 10_000_000_000
        found += core_lines("university", status, at_ns)
        found.append(follower_line("university", "influx", {"points": 1_000 * number, "dead": 0}, 0.5, at_ns))
    return found


def write(server: Influxd, lines: list[str]) -> None:
    for start in range(0, len(lines), 5_000):
        request = urllib.request.Request(
            f"{server.url}/write?db=test&precision=ns", data=body(lines[start : start + 5_000]), method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 204


def put_in(query: str) -> str:
    """What Grafana does to a query for the last hour."""
    found = query.replace("$timeFilter", "time >= now() - 65m AND time <= now()")
    found = found.replace("$__interval", "30s")
    assert not re.search(r"\$(?!/)", found), found
    return found


def queries() -> list[tuple[str, str, str]]:
    found = []
    for file, document in dashboards(university()).items():
        for panel in document["panels"]:
            found += [(file, panel["title"], target["query"]) for target in panel.get("targets", [])]
        if file == "alarms.json":
            listed = document["annotations"]["list"]
            found += [(file, one["name"], one["target"]["query"]) for one in listed]
    return found


def test_every_query_of_every_panel_answers_rows(database: Influxd) -> None:
    empty, asked_count = [], 0
    for file, title, query in queries():
        asked_count += 1
        series = database.query(put_in(query))
        rows = sum(1 for one in series for row in one["values"] if any(v is not None for v in row[1:]))
        if not rows:
            empty.append(f"{file}: {title}: {query}")
    assert asked_count > 150
    assert not empty, "\n".join(empty)


def test_the_plant_makes_no_more_series_than_check_says(database: Influxd) -> None:
    plant = university()
    sizes = (len(plant.tags), len(plant.alarms), len(plant.interlocks) + len(plant.permissives))
    made = len(database.values("SHOW SERIES"))
    assert len(plant.tags) < made <= series_at_most(*sizes, len(plant.commands), len(plant.plcs))


def test_an_alarm_that_stood_is_an_annotation_with_its_end(database: Influxd) -> None:
    (annotation, _) = dashboards(university())["alarms.json"]["annotations"]["list"]
    query = put_in(annotation["target"]["query"])
    (series,) = database.query(query)
    assert {"text", "end_ms", "alarm", "priority"} < set(series["columns"])
    place = series["columns"].index("priority")
    assert {row[place] for row in series["values"]} <= {"1", "2"}
    everything = query.replace(' AND "priority" =~ /^[12]$/', "")
    (series,) = database.query(everything)
    rows = [dict(zip(series["columns"], row, strict=True)) for row in series["values"]]
    ended = [row for row in rows if row["end_ms"] is not None]
    assert ended, "an alarm that returned within the hour has an end"
    assert all(row["end_ms"] * 1_000_000 > row["time"] for row in ended)
