"""For whoever wants to know beforehand: the plant and the core in one process, as fast as it goes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import FaultOption, PlantArgument, ReportOption, SeedOption, duration_s, fail


def simulate(
    plant: PlantArgument,
    for_: Annotated[str, typer.Option("--for", help="Simulated time (2h, 30m).")] = "1h",
    seed: SeedOption = 1,
    fault: FaultOption = None,
    report: ReportOption = None,
) -> None:
    """Simulate without sockets: same seed, same bytes. Prints what tripped and when."""
    from controller.cli.configure import load_plant
    from controller.cli.faults import split_faults
    from controller.core.run import Run
    from controller.core.run import report as report_of
    from controller.simulator import SimulatedPlant
    from controller.simulator.world import World

    checked = load_plant(plant)
    of_plant, of_links = split_faults(checked, fault)
    if of_links:
        fail(f"{of_links[0][0]} is a fault of a link: `heloop demo` and `heloop sim` have links", 2)
    for_s = duration_s(for_)
    try:
        world = World(checked, SimulatedPlant(checked, seed, of_plant), archive=report is not None)
    except ValueError as error:
        fail(str(error), 2)
    started_s = time.monotonic()
    world.run(for_s, _progress(for_s) if sys.stderr.isatty() else None)
    took_s = time.monotonic() - started_s
    for event in world.events:
        if event.kind in {"interlock.tripped", "effect.missing", "link.lost", "link.restored"}:
            typer.echo(f"{event.plant_s:9.1f} s  {event.source:8} {event.text}")
    typer.echo(
        f"{for_s:g} s simulated in {took_s:.1f} s ({for_s / max(took_s, 1e-3):.0f} times real time), "
        f"{world.changes} changes, {len(world.events)} events",
        err=True,
    )
    if report is not None:
        run = Run(seed, 1.0, for_s, samples=world.samples, links=world.links())
        _write(report, report_of(run, checked, world.events))


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"report: {path}", err=True)


def _progress(for_s: float) -> Callable[[float], None]:
    def show(plant_s: float) -> None:
        sys.stderr.write(f"\r{plant_s / for_s:4.0%} of {for_s:g} s ")
        sys.stderr.flush()

    return show


def register(app: typer.Typer) -> None:
    app.command()(simulate)
