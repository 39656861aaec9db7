"""The cause-and-effect page: what a technician reads on a phone and what hangs printed at the plant."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from controller.matrix import matrix_csv, matrix_html
from controller.plant.config import load
from controller.plant.plant import Plant

MAPS = Path(__file__).parents[2] / "plc_maps"


@cache
def plant(name: str = "university") -> Plant:
    found = load(MAPS / name).plant
    assert found is not None
    return found


@cache
def page() -> str:
    return matrix_html(plant())


class Tables(HTMLParser):
    """Every row of the page's tables as the texts of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.open:
            self.rows[-1][-1] += data


@cache
def rows() -> list[list[str]]:
    return [[" ".join(cell.split()) for cell in row] for row in Tables(page()).rows]


def marks(interlock: str, cause: str) -> dict[str, str]:
    """Column -> mark of one row of an overview table."""
    head: list[str] = []
    inside = ""
    for row in rows():
        if row and re.match(r"K-109|XV-112", row[0]):
            head = [cell.split(" ")[0] if re.match(r"[A-Z]", cell) else cell for cell in row]
        elif len(row) == 1:
            inside = row[0].split(" ")[0]
        elif (
            head and inside == interlock and row[0].removesuffix(" ●") == cause and len(row) == len(head) + 2
        ):
            return {name: mark for name, mark in zip(head, row[2:], strict=True) if mark}
    raise AssertionError(f"no row {interlock} {cause}")


def sheet() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(matrix_csv(plant()).removeprefix("\ufeff"))))


def test_it_says_first_that_heloop_is_no_safety_function() -> None:
    assert "heloop is not a safety function" in page()
    assert page().index("heloop is not a safety function") < page().index("<table")


def test_every_cause_of_every_interlock_has_its_row() -> None:
    names = {row[0].removesuffix(" ●") for row in rows() if row}
    for interlock in plant().interlocks:
        assert any(row[0].startswith(f"{interlock.name} ") for row in rows() if len(row) == 1)
        assert {cause.id for cause in interlock.causes} <= names


def test_a_low_suction_stops_both_compressors_and_touches_nothing_else() -> None:
    assert marks("S-01", "PT-303<0.2") == {"C-301": "T", "C-351": "T"}


def test_impure_gas_diverts_shuts_the_good_bank_and_withholds_the_permission() -> None:
    assert marks("S-03", "AT-206<97.5") == {"XV-216": "T", "XV-411A": "T", "fill good bank": "W"}


def test_a_breakthrough_is_the_plcs_and_we_check_both_valves() -> None:
    assert marks("I-14", "AT-512>10") == {"XV-519": "C", "XV-520": "C"}


def test_a_cause_with_effects_of_its_own_marks_only_those() -> None:
    assert marks("S-10", "AT-113<19.0") == {"K-109": "T"}
    assert marks("S-10", "AT-942<19.0") == {"XV-811": "T"}


def test_voting_delay_limit_latch_reset_and_bypass_stand_beside_the_rule() -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page()).split())
    assert "PT-303 &lt; 0.2 mbarg for 2 s and (XS-301 is under load or XS-351 is under load)" in text
    assert "2 of 3 causes; does not latch; reset by itself when AT-206 &gt; 98.5 %He for 10 min" in text
    assert "bypass at most 8 h, supervisor, two persons; unknown: trip after 30 s" in text
    assert "proved by XV-412A.ZSC is shut within 10 s" in text
    assert "latches; reset at the machine when" in text


def test_the_page_needs_no_other_host_and_runs_nothing() -> None:
    assert re.findall(r"(?:https?:)?//[\w.]+|<script|\bsrc=|@import|url\(", page()) == []
    assert set(re.findall(r'href="([^"]*)"', page())) == {f"#{one.name}" for one in plant().interlocks}


def test_a_plant_text_with_markup_in_it_stays_a_text() -> None:
    first, *others = plant().interlocks
    loud = replace(first, text="<img src=x onerror=alert(1)>")
    text = matrix_html(replace(plant(), text="<b>x</b>", interlocks=(loud, *others)))
    assert "<img" not in text
    assert "<b>x</b>" not in text
    assert "&lt;img src=x" in text


def test_the_csv_has_one_line_per_cause_with_numbers_of_their_own() -> None:
    lines = sheet()
    assert len(lines) == sum(len(one.causes) for one in plant().interlocks)
    line = next(one for one in lines if (one["interlock"], one["cause"]) == ("S-05", "AT-512>8"))
    assert (line["limit"], line["unit"], line["delay_s"]) == ("> 8", "ppmv", "15")
    assert (line["R: XV-412A"], line["R: XV-412B"], line["service: feed purified gas"]) == ("T", "T", "W")
    assert (line["latched"], line["bypass"]) == ("yes", "refused")
    assert line["R: C-301"] == ""


def test_a_spreadsheet_runs_no_plant_text_as_a_formula() -> None:
    first, *others = plant().interlocks
    text = matrix_csv(
        replace(plant(), interlocks=(replace(first, text='=HYPERLINK("x")', help="@x"), *others))
    )
    line = next(iter(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))))
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert '\'=HYPERLINK("x")' in cells
    assert "'@x" in cells
    assert line["interlock"] == "S-01"  # acting rules come first


def test_a_plant_without_mirrored_rules_has_no_empty_table() -> None:
    acting = tuple(one for one in plant().interlocks if one.name.startswith("S-"))
    assert "Mirrored" not in matrix_html(replace(plant(), interlocks=acting))


@pytest.mark.parametrize("name", ["cryocooler", "tutorial"])
def test_the_other_plants_have_a_page_too(name: str) -> None:
    text = matrix_html(plant(name))
    assert all(f'id="{one.name}"' in text for one in plant(name).interlocks)


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
