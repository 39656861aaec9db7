"""For the engineer at the desk: check a plant, print its cause-and-effect matrix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import DONE, FAILED, PlantArgument, fail
from controller.plant.plant import Plant


def load_plant(name: str) -> Plant:
    """The plant, or the end of the program with all its errors and exit code 2.

    Without asking the chat library: `check` does, and whoever sends messages.
    """
    from controller.plant import config

    try:
        folder = config.find_plant(name)
    except config.PlantNotFound as error:
        fail(str(error), 2)
    loaded = config.load(folder, thorough=False)
    if loaded.plant is None:
        for problem in loaded.errors:
            typer.echo(str(problem), err=True)
        fail(f"{name} has {len(loaded.errors)} errors; nothing was started", 2)
    return loaded.plant


def plant_texts(name: str) -> dict[str, str]:
    """The plant's files by name: kept with the flight recorder, so that a recording explains itself."""
    from controller.plant import config

    folder = config.find_plant(name)
    paths = sorted([*folder.glob("*.yaml"), *folder.glob("*.ics")])
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def check(
    plant: PlantArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Validate a plant: every error as file:line:column: message. Needs no network."""
    from controller.plant import config
    from controller.plant.check_report import check_report, check_text

    try:
        loaded = config.load(config.find_plant(plant))
    except config.PlantNotFound as error:
        fail(str(error), 2)
    typer.echo(json.dumps(check_report(loaded), ensure_ascii=False) if as_json else check_text(loaded))
    raise typer.Exit(FAILED if loaded.errors else DONE)


def matrix(
    plant: PlantArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder for matrix.html and matrix.csv.")] = Path(),
) -> None:
    """Write the cause-and-effect matrix as HTML (phone, print) and CSV."""
    from controller.matrix import matrix_csv, matrix_html

    checked = load_plant(plant)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("html", matrix_html(checked)), ("csv", matrix_csv(checked))):
        target = out / f"{checked.name}-matrix.{name}"
        target.write_text(text, encoding="utf-8")
        typer.echo(str(target))


def dashboards(
    plant: PlantArgument,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for dashboards/, provisioning/ and alerting/.")
    ] = Path("grafana"),
    language: Annotated[str, typer.Option("--language", help="en or ja.")] = "en",
    console: Annotated[
        str, typer.Option("--console", help="Address of the console, where titles lead to.")
    ] = "http://127.0.0.1:4841",
) -> None:
    """Write Grafana's dashboards and what provisions them, made from the plant."""
    from controller.dashboards.files import write
    from controller.dashboards.words import LANGUAGES

    if language not in LANGUAGES:
        fail(f"--language {language}: there are {', '.join(LANGUAGES)}", 2)
    checked = load_plant(plant)
    written = write(checked, out, language, console)
    panels = sum(text.count('"gridPos"') for text in (path.read_text(encoding="utf-8") for path in written))
    typer.echo(f"{len(written)} files with {panels} panels in {out}")


def register(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(matrix)
    app.command()(dashboards)
