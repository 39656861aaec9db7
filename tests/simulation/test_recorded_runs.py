"""Replay, back-test and report over runs that were really recorded: journal, samples, flight recorder.

What a suggestion says that it would have saved is counted again by running the changed rules: over the
same samples, and live, with the plant of the same seed.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from alarms.metrics import SECOND_NS, activations
from alarms.model import Level as LevelRule
from alarms.suggest import Level, Suggestion, deadbands, off_delays, on_delays, periods
from controller.backtest import Point, compare, rerun
from controller.cli import app
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant
from controller.record.history import History
from controller.record.reader import Reader
from controller.replay import replay
from controller.simulator import ScheduledFault, SimulatedPlant
from controller.simulator.world import World
from tests.recorded import record, texts_of
from tests.simulation.worlds import university

FAULT = ScheduledFault("F4", 0.0)
RUN_S = 240.0
NOISY, TAG, LIMIT = "PT-604.H", "PT-604", 8.0  # the buffer stands at 8 bara, and its transmitter scatters
NOISY_S = 600.0


@pytest.fixture(scope="module")
def breakthrough(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """F4: S-05 by the service, I-14 by the PLC."""
    data = tmp_path_factory.mktemp("f4")
    record(data, university(), texts_of(find_plant("university")), RUN_S, FAULT)
    return data


@cache
def chattering(deadband: float = 0.0, on_delay_s: float = 0.0, off_delay_s: float = 0.0) -> Plant:
    """The university with an alarm in the middle of a signal's noise, and every sample kept."""
    plant = university()
    alarms = tuple(
        replace(
            alarm,
            condition=replace(alarm.condition, limit=LIMIT, deadband=deadband),
            on_delay_s=on_delay_s,
            off_delay_s=off_delay_s,
        )
        if alarm.id == NOISY and isinstance(alarm.condition, LevelRule)
        else alarm
        for alarm in plant.alarms
    )
    tags = tuple(
        replace(tag, archive=replace(tag.archive, deadband=0.0)) if tag.name == TAG else tag
        for tag in plant.tags
    )
    return replace(plant, alarms=alarms, tags=tags)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("noisy")
    record(data, chattering(), texts_of(find_plant("university")), NOISY_S)
    return data


def points(data: Path) -> list[Point]:
    with History(data) as history:
        found = [
            Point(*row)
            for _, series in history.pieces(None, 0, 2**62)
            for row in zip(
                series.rows.time_ns.tolist(),
                [series.name] * len(series.rows),
                series.rows.values.tolist(),
                series.rows.status.tolist(),
                strict=True,
            )
        ]
    return sorted(found, key=lambda point: point.time_ns)


def heloop(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


def changed_plant(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """A copy of the university with (file, old, new) changed."""
    copy = folder / "university"
    shutil.copytree(find_plant("university"), copy)
    for file, old, new in changes:
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    assert load(copy).plant is not None
    return copy


# --- replay ----------------------------------------------------------------------------------------


def test_the_recorded_decisions_are_made_again_byte_for_byte(breakthrough: Path) -> None:
    with Reader(breakthrough) as reader:
        events = [event.kind for event in reader.events() if event.source != "journal"]
    outcome = replay(breakthrough, breakthrough)
    assert outcome.difference == ""
    assert (outcome.events, outcome.compared, outcome.holes) == (len(events), len(events), 0)
    assert {"interlock.tripped", "alarm.raised", "command.intent", "effect.confirmed"} <= set(events)
    code, said, _ = heloop("replay", str(breakthrough))
    assert code == 0
    assert f"{len(events)} compared with the journal, 0 holes" in said


def test_a_replay_beside_another_journal_shows_the_first_difference(breakthrough: Path, noisy: Path) -> None:
    outcome = replay(breakthrough, noisy)
    assert "journal event" in outcome.difference
    assert "replayed:" in outcome.difference


# --- back-test -------------------------------------------------------------------------------------


def test_the_present_rules_over_the_record_make_what_was_recorded(breakthrough: Path) -> None:
    with Reader(breakthrough) as reader:
        events = list(reader.events())
    found = compare(university(), university(), points(breakthrough), events)
    announced = [e.source for e in events if e.kind == "alarm.raised" and "withheld" not in e.data]
    assert sorted(found.present.alarms.elements()) == sorted(announced)
    tripped = [(e.source, e.utc_ns) for e in events if e.kind == "interlock.tripped"]
    assert [name for name, _ in found.present.trips] == [name for name, _ in tripped]
    for (_, there_ns), (_, again_ns) in zip(tripped, found.present.trips, strict=True):
        assert abs(again_ns - there_ns) <= SECOND_NS
    assert found.missed == ()
    assert found.present.not_decidable > 0


def test_a_real_trip_that_the_changed_rules_would_have_missed_is_named(
    breakthrough: Path, tmp_path: Path
) -> None:
    lax = changed_plant(tmp_path, ("interlocks.yaml", "above: 8 ppmv", "above: 80 ppmv"))
    code, said, errors = heloop("backtest", str(lax), "--data", str(breakthrough))
    assert code == 0, errors
    assert "recorded trips: 2; missed by the changed rules: 1" in said
    assert re.search(r"^  S-05 at 2026-01-05T01:01:2\d\+00:00$", said, re.MULTILINE)
    assert re.search(r"^trips +2 +1$", said, re.MULTILINE)
    assert re.search(r"^  S-05\.TRIP +1 +0$", said, re.MULTILINE)


def test_an_export_is_as_good_as_the_record(breakthrough: Path, tmp_path: Path) -> None:
    lax = changed_plant(tmp_path, ("interlocks.yaml", "above: 8 ppmv", "above: 80 ppmv"))
    told = {heloop("backtest", str(lax), "--data", str(breakthrough))[1]}
    for form, name in (("line", "samples.lp"), ("csv", "samples.csv")):
        target = tmp_path / name
        where = ("--data", str(breakthrough), "--format", form, "--out", str(target))
        assert heloop("journal", "export", *where)[0] == 0
        code, said, errors = heloop(
            "backtest", str(lax), "--data", str(breakthrough), "--export", str(target)
        )
        assert code == 0, errors
        told.add(said)
    assert len(told) == 1
    elsewhere = heloop(
        "backtest", str(lax), "--present", "university", "--export", str(tmp_path / "samples.csv")
    )
    assert "recorded trips: 0; missed by the changed rules: 0" in elsewhere[1], "no journal tells of any"
    assert re.search(r"^trips +2 +1$", elsewhere[1], re.MULTILINE)


def test_a_span_without_samples_says_so(breakthrough: Path) -> None:
    code, _, errors = heloop("backtest", "university", "--data", str(breakthrough), "--from", "2030-01-01")
    assert (code, errors) == (1, "heloop: nothing was recorded in that span\n")


# --- suggestions, counted again --------------------------------------------------------------------


def offered(data: Path) -> list[Suggestion]:
    """Every candidate, not only the best: each has to be right."""
    plant = chattering()
    with Reader(data) as reader:
        found = activations(list(reader.events()))
    assert len(periods(found, NOISY)) > 20, "the signal scatters about its limit"
    with History(data) as history:
        rows = history.query(TAG, 0, 2**62).rows
    rule = next(alarm for alarm in plant.alarms if alarm.id == NOISY)
    assert isinstance(rule.condition, LevelRule)
    samples = np.column_stack((rows.time_ns / SECOND_NS, rows.values))
    level = Level(samples, rule.condition.side, LIMIT, rule.condition.deadband)
    return [*on_delays(NOISY, level), *off_delays(NOISY, level), *deadbands(NOISY, level)]


def with_setting(one: Suggestion) -> Plant:
    return chattering(**{one.setting: one.value})


def raised_live(plant: Plant) -> int:
    world = World(plant, SimulatedPlant(plant, 1, ()), step_s=1.0)
    world.run(NOISY_S)
    return sum(event.kind == "alarm.raised" and event.source == NOISY for event in world.events)


def test_what_a_setting_would_have_saved_is_what_the_changed_rules_save_over_the_record(noisy: Path) -> None:
    with Reader(noisy) as reader:
        was = len(periods(activations(list(reader.events())), NOISY))
    recorded = [point for point in points(noisy) if point.tag == TAG]
    for one in offered(noisy):
        again = rerun(with_setting(one), recorded, (), 1.0)
        assert one.before == was, one
        assert again.alarms[NOISY] + again.quiet[NOISY] == one.after, one


@pytest.mark.parametrize("setting", ["on_delay_s", "off_delay_s", "deadband"])
def test_and_it_is_what_they_would_have_saved_that_day(noisy: Path, setting: str) -> None:
    candidates = [one for one in offered(noisy) if one.setting == setting]
    chosen = next(one for one in candidates if 0 < one.after < one.before / 2)
    assert raised_live(with_setting(chosen)) == chosen.after


def test_the_report_of_the_month_says_so_too(noisy: Path, tmp_path: Path) -> None:
    text = (find_plant("university") / "plc_l.yaml").read_text(encoding="utf-8")
    start = text.index("  - name: PT-604\n")
    block = text[start : text.index("  - name:", start + 10)]
    sharp = re.sub(r"deadband: 0\.3\n( +)delay: 30 s", r"deadband: 0\n\1delay: 0 s", block)
    plant = changed_plant(tmp_path, ("plc_l.yaml", block, sharp.replace("limit: 9.5", "limit: 8.0")))
    target = tmp_path / "report.html"
    where = ("--data", str(noisy), "--plant", str(plant), "--out", str(target))
    code, _, errors = heloop("report", "alarms", "--month", "2026-01", *where)
    assert code == 0, errors
    page = target.read_text(encoding="utf-8")
    row = page[page.index(f"<b>{NOISY}</b>") :].split("</tr>")[0]
    best_of = [one for one in offered(noisy) if one.setting == "deadband" and one.saved > 0]
    assert f"{best_of[0].before} → " in row
    assert "deadband" in row
    assert "no trip to miss" in row
    assert "<script" not in page
    assert 'src="http' not in page


def test_a_month_that_has_no_name_or_has_not_begun_is_wrong_use(noisy: Path) -> None:
    assert heloop("report", "alarms", "--month", "October", "--data", str(noisy))[0] == 2
    code, _, errors = heloop("report", "alarms", "--month", "2199-01", "--data", str(noisy))
    assert (code, "has not begun" in errors) == (2, True)
