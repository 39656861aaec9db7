"""The whole set of files for a plant, by path; writing them is the only I/O of this room."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from controller.dashboards import pages, provisioning
from controller.dashboards.areas import area_page
from controller.dashboards.page import Page
from controller.dashboards.queries import Queries
from controller.dashboards.words import words
from controller.plant.plant import Plant

CONSOLE: Final = "http://127.0.0.1:4841"
Build = Callable[[Page, Plant, Queries], None]
PAGES: Final[dict[str, tuple[str, Build]]] = {
    "overview": ("Overview", pages.overview),
    "alarms": ("Alarms", pages.alarms),
    "interlocks": ("Interlocks", pages.interlocks),
    "helium": ("Helium balance", pages.helium),
    "recording": ("Recording quality", pages.recording),
    "service": ("Service health", pages.service),
}


def dashboards(plant: Plant, language: str = "en", console: str = CONSOLE) -> dict[str, dict[str, Any]]:
    """File name -> dashboard. Raises KeyError for a language that there is not."""
    said, queries = words(language), Queries(plant.name)
    found: dict[str, dict[str, Any]] = {}

    def page(name: str, title: str) -> Page:
        return Page(f"heloop-{plant.name}-{name}"[:40], f"{plant.name}: {title}", queries, said, console)

    for name, (title, build) in PAGES.items():
        one = page(name, said.get(title, title))
        build(one, plant, queries)
        found[f"{name}.json"] = one.document()
    for area, text in plant.areas:
        if any(tag.area == area for tag in plant.tags):
            one = page(f"area-{area}", text)
            area_page(one, plant, queries, area)
            found[f"area-{area}.json"] = one.document()
    return found


def files(plant: Plant, language: str = "en", console: str = CONSOLE) -> dict[str, str]:
    """Path below the folder -> text."""
    found = {
        f"dashboards/{name}": json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        for name, document in dashboards(plant, language, console).items()
    }
    found["provisioning/datasources/heloop.yaml"] = provisioning.DATASOURCES
    found["provisioning/dashboards/heloop.yaml"] = provisioning.PROVIDERS
    # JSON is YAML: a rule made by code is not put together as text.
    rules = json.dumps(provisioning.alert_rules(plant.name), indent=2, ensure_ascii=False)
    found["alerting/heloop.yaml"] = rules + "\n"
    return found


def write(plant: Plant, folder: Path, language: str = "en", console: str = CONSOLE) -> list[Path]:
    """Writes all; dashboards of areas that are gone are removed. Returns what was written."""
    made = files(plant, language, console)
    for stale in sorted(folder.glob("dashboards/*.json")):
        if f"dashboards/{stale.name}" not in made:
            stale.unlink()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [folder / name for name in made]
