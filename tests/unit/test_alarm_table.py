"""The alarm master table: every alarm with its reasons, on paper, on a phone and in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from functools import cache
from html import escape, unescape
from pathlib import Path

import pytest

from controller.alarm_table import COLUMNS, alarm_table_csv, alarm_table_html, mix
from controller.plant.config import load
from controller.plant.plant import Plant

MAPS = Path(__file__).parents[2] / "plc_maps"


@cache
def plant() -> Plant:
    found = load(MAPS / "university").plant
    assert found is not None
    return found


@cache
def page() -> str:
    return alarm_table_html(plant())


@cache
def rows() -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in csv.DictReader(io.StringIO(alarm_table_csv(plant())))}


def test_the_spreadsheet_has_one_line_for_each_alarm() -> None:
    assert set(rows()) == {alarm.id for alarm in plant().alarms}
    assert tuple(next(iter(rows().values()))) == COLUMNS


def test_a_full_bag_reads_as_a_person_would_say_it() -> None:
    row = rows()["LT-201.HH"]
    assert row["text"] == "bag level (lidar): very high"
    assert (row["condition"], row["deadband"], row["on delay"]) == ("LT-201 >= 95 %", "1 %", "5 s")
    assert (row["priority"], row["time"], row["suppressed when"]) == ("1", "5 min", "link to R lost")
    assert row["first action"].startswith("stop fills")


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        (
            "PT-316.LEAK",
            "PT-316 falls by 2 bar per h over 30 min and XS-301 is neither start-unload nor starting",
        ),
        ("TT-741.SLOW", "TT-741 10 K above its curve since XS-701 is cool-down, 60 min late"),
        ("XS-726.LOCK", "3 times within 24 h: XS-726 is trip"),
        ("FQ-211.FLAT", "FQ-211 not moved for 24 h"),
        ("TS-995.R.HH", "TS-995.R off by 10 s to either side"),
        ("LSLL-202.ON", "LSLL-202 is empty"),
        ("R.LINK", "WD-992 is Bad"),
        ("AT-206.STALE", "AT-206 not reported for 30 min"),
    ],
)
def test_conditions_stand_in_words_and_units(name: str, condition: str) -> None:
    assert rows()[name]["condition"].startswith(condition)


def test_what_silences_an_alarm_stands_beside_it() -> None:
    assert rows()["PT-317.LL"]["suppressed when"].split("; ") == [
        "C-301 off: no oil pressure, no power",
        "first 20 s of a start of C-301",
        "link to R lost",
    ]
    assert rows()["XS-601.ON"]["first-out group"] == "liquefier"


def test_the_page_shows_every_alarm_and_every_silent_state() -> None:
    text = unescape(page())
    for alarm in plant().alarms:
        assert (alarm.id[:-4] if alarm.id.endswith(".BAD") else f'id="{alarm.id}"') in text, alarm.id
    for rule in plant().suppressions:
        assert rule.text in text


def test_the_page_needs_no_network_and_no_script() -> None:
    assert "<script" not in page()
    assert not re.search(r'(src|href)="(?!#)', page())


def test_the_mix_of_priorities_stands_beside_its_target() -> None:
    shares = mix(plant().alarms)
    assert [(share.priority, share.target) for share in shares] == [(1, 5), (2, 15), (3, 80)]
    assert sum(share.count for share in shares) == len(plant().alarms)
    assert sum(share.percent for share in shares) == pytest.approx(100)
    assert page().count("target 15 %") == 2


@pytest.mark.needs("chromium")
def test_on_a_phone_the_page_is_no_wider_than_the_screen(tmp_path: Path) -> None:
    """In a frame of 360 px, because headless Chromium opens no window narrower than 500."""
    frame = f'<iframe style="width: 360px; border: 0" srcdoc="{escape(page())}"></iframe>'
    probe = "document.title = 'wide ' + frames[0].document.documentElement.scrollWidth"
    file = tmp_path / "phone.html"
    file.write_text(f'<!doctype html><body onload="{probe}">{frame}</body>')
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [browser, *flags, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    width = re.search(r"<title>wide (\d+)</title>", done.stdout)
    assert width is not None
    assert 300 < int(width[1]) <= 360


def test_trips_stand_below_the_tags_of_their_area_and_say_what_to_do_by_hand() -> None:
    area = [row for row in rows().values() if row["area"] == "purifier"]
    names = [row["id"] for row in area]
    assert names.index("S-05.TRIP") > max(names.index("AT-512.HH"), names.index("XV-519.OPEN"))
    trip, effect = (next(row for row in area if row["id"] == f"S-05.{what}") for what in ("TRIP", "EFFECT"))
    assert trip["condition"] == "S-05 stands tripped"
    assert trip["first action"].endswith("Then reset S-05.")
    assert effect["condition"] == "an effect of S-05 is missing"
    assert "XV-412A shut; XV-412B shut" in effect["first action"]
