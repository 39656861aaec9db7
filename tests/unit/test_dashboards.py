"""Dashboards: what a technician sees in Grafana, checked as documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from controller.dashboards.files import dashboards, files, write
from controller.dashboards.panels import PRIORITY, steps, unit
from controller.dashboards.queries import Queries, one_of
from controller.dashboards.words import JAPANESE, words
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant

PLANTS = ("university", "cryocooler", "tutorial")


@cache
def plant_named(name: str) -> Plant:
    plant = load(find_plant(name)).plant
    assert plant is not None
    return plant


def panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["panels"]
    return found


def every_panel() -> Iterator[tuple[Plant, str, dict[str, Any]]]:
    for name in PLANTS:
        plant = plant_named(name)
        for file, document in dashboards(plant).items():
            for panel in panels(document):
                yield plant, file, panel


# --- the documents as a whole --------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANTS)
def test_every_dashboard_has_its_own_uid_and_every_panel_its_own_id(name: str) -> None:
    documents = dashboards(plant_named(name))
    uids = [document["uid"] for document in documents.values()]
    assert len(set(uids)) == len(uids)
    assert all(len(uid) <= 40 for uid in uids), "Grafana refuses a longer uid"
    for document in documents.values():
        ids = [panel["id"] for panel in panels(document)]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", PLANTS)
def test_no_panel_lies_on_another_or_off_the_grid(name: str) -> None:
    for file, document in dashboards(plant_named(name)).items():
        taken: set[tuple[int, int]] = set()
        for panel in panels(document):
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] + place["w"] <= 24, (file, panel["title"])
            assert not taken & cells, (file, panel["title"])
            taken |= cells


@pytest.mark.parametrize("name", PLANTS)
def test_every_variable_that_is_used_is_defined(name: str) -> None:
    built_in = {"timeFilter", "__interval", "__value", "tag_tag", "tag_interlock", "tag_alarm"}
    built_in |= {"tag_priority", "tag_name", "tag_"}
    for file, document in dashboards(plant_named(name)).items():
        defined = {variable["name"] for variable in document["templating"]["list"]}
        without_picture = re.sub(r'"data:image[^"]*"', '""', json.dumps(document))
        used = set(re.findall(r"\$\{?(\w+)", without_picture))
        assert used <= defined | built_in, (file, used - defined - built_in)


def test_every_tag_that_is_asked_for_is_one_of_the_plant() -> None:
    asked = 0
    for plant, file, panel in every_panel():
        for target in panel.get("targets", []):
            one = re.findall(r'"tag" = \'([^\']+)\'', target["query"])
            many = re.findall(r'"tag" =~ /\^\((.+?)\)\$/', target["query"])
            names = [*one, *(part.replace("\\", "") for group in many for part in group.split("|"))]
            for name in names:
                asked += 1
                assert name in plant.index or name == "all", (file, panel["title"], name)
    assert asked > 400


def test_every_title_leads_into_the_console() -> None:
    for _, file, panel in every_panel():
        if panel["type"] in ("row", "text"):
            continue
        assert panel["links"][0]["url"].startswith("${console}/"), (file, panel["title"])


@pytest.mark.parametrize("name", PLANTS)
def test_every_area_with_tags_has_a_dashboard_and_every_measured_tag_is_on_one(name: str) -> None:
    plant = plant_named(name)
    documents = dashboards(plant)
    everything = json.dumps(documents).replace("\\\\", "")
    inner = {tag for one in plant.commands for tag in (one.sequence, one.epoch, one.echo, one.result)}
    for tag in plant.tags:
        assert f"area-{tag.area}.json" in documents
        if tag.kind.value in ("analog", "state", "discrete") and tag.index not in inner:
            assert tag.name in everything, tag.name


# --- limits and colours ------------------------------------------------------------------------------


def test_limits_of_a_tag_are_its_thresholds_with_the_colours_of_their_priorities() -> None:
    document = dashboards(plant_named("university"))["area-bag.json"]
    panel = next(one for one in panels(document) if one["title"].startswith("LT-201"))
    found = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in found] == [None, 5.0, 15.0, 90.0, 95.0]
    assert found[0]["color"] == found[1]["color"] == found[3]["color"] == PRIORITY[3]
    assert found[4]["color"] == PRIORITY[1], "LT-201.HH is priority 1"
    assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] == "dashed"
    assert panel["fieldConfig"]["defaults"]["unit"] == "percent"


def test_without_limits_everything_is_grey() -> None:
    (only,) = steps(())
    assert only["value"] is None
    assert only["color"] not in PRIORITY.values()


@pytest.mark.parametrize(("name", "expected"), [("°C", "celsius"), ("mbarg", "suffix: mbarg"), ("", "none")])
def test_units_are_grafanas_or_stand_behind_the_number_as_they_are(name: str, expected: str) -> None:
    assert unit(name) == expected


# --- queries -----------------------------------------------------------------------------------------


def test_names_are_quoted_and_escaped_in_queries() -> None:
    assert one_of("tag", ["LT-201"]) == "\"tag\" = 'LT-201'"
    assert one_of("tag", ["O'Brien"]) == "\"tag\" = 'O\\'Brien'"
    assert one_of("tag", ["XV-215.CMD", "A/B"]) == r'"tag" =~ /^(XV-215\.CMD|A\/B)$/'


def test_a_query_is_about_one_plant_and_the_time_shown() -> None:
    query = Queries("university").trend(["LT-201"])["query"]
    assert "\"plant\" = 'university'" in query
    assert "$timeFilter" in query


# --- the picture ---------------------------------------------------------------------------------------


def canvas() -> dict[str, Any]:
    document = dashboards(plant_named("university"))["overview.json"]
    return next(panel for panel in panels(document) if panel["type"] == "canvas")


def test_the_picture_travels_in_the_dashboard_and_is_an_svg() -> None:
    address = canvas()["options"]["root"]["background"]["image"]["fixed"]
    assert ":/" in address, "by this Grafana knows that it is no file of its own"
    assert '"' not in address, "it stands in quotes in a style sheet"
    drawn = ElementTree.fromstring(unquote(address.removeprefix("data:image/svg+xml;utf8,")))
    texts = {element.text for element in drawn.iter() if element.tag.endswith("text")}
    assert {"C-301", "purifier", "cold box", "gas bag"} <= texts


def test_every_live_element_of_the_picture_is_fed_by_a_query_and_lies_on_the_sheet() -> None:
    panel = canvas()
    asked = " ".join(target["query"] for target in panel["targets"]).replace("\\", "")
    elements = panel["options"]["root"]["elements"]
    live = [one for one in elements if one["type"] == "metric-value"]
    assert len(live) > 40
    for one in live:
        assert one["config"]["text"]["field"] in asked
    for one in elements:
        place = one["placement"]
        assert 0 <= place["left"] < 100 - place["right"] <= 100, one["name"]
        assert 0 <= place["top"] < 100 - place["bottom"] <= 100.5, one["name"]


# --- language, files -------------------------------------------------------------------------------------


def test_in_japanese_all_fixed_titles_are_japanese() -> None:
    plant = plant_named("tutorial")
    english, japanese = dashboards(plant), dashboards(plant, "ja")
    for file, document in english.items():
        for one, other in zip(panels(document), panels(japanese[file]), strict=True):
            if one["title"] in JAPANESE:
                assert other["title"] == JAPANESE[one["title"]]
    assert any("アラーム" in panel["title"] for panel in panels(japanese["alarms.json"]))


def test_every_word_that_pages_say_is_translated() -> None:
    source = Path(__file__).parents[2] / "controller/dashboards"
    said = {
        word
        for path in source.glob("*.py")
        for word in re.findall(r'page\.say\(\s*"([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert said
    assert said <= set(JAPANESE), said - set(JAPANESE)


def test_a_language_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError):
        words("de")


def test_writing_again_removes_dashboards_of_areas_that_are_gone(tmp_path: Path) -> None:
    write(plant_named("university"), tmp_path)
    write(plant_named("tutorial"), tmp_path)
    made = files(plant_named("tutorial"))
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(made)


def test_the_watchdog_speaks_when_there_is_no_data_and_when_the_query_fails() -> None:
    (group,) = json.loads(files(plant_named("university"))["alerting/heloop.yaml"])["groups"]
    (rule,) = group["rules"]
    assert rule["noDataState"] == rule["execErrState"] == "Alerting"
    assert rule["condition"] in {query["refId"] for query in rule["data"]}
    assert len(rule["uid"]) <= 40
