"""What `heloop check` says of a loaded plant, for people and for programs."""

from __future__ import annotations

from typing import Any

from alarms.routes import Routes
from alarms.routing import route_of
from controller.plant.config import Loaded
from controller.plant.plant import Plant
from controller.plant.problems import Problem
from controller.plant.sinks import SERIES_MANY, series_at_most


def check_report(loaded: Loaded) -> dict[str, Any]:
    """The contract of `heloop check --json`; warnings are told beside, and never fail a check."""
    return {
        **loaded.counts,
        "errors": [_entry(problem) for problem in loaded.errors],
        "warnings": [_entry(problem) for problem in loaded.warnings],
    }


def check_text(loaded: Loaded) -> str:
    """One line for each finding, then what was found."""
    lines = [str(problem) for problem in loaded.errors]
    lines += [
        f"{problem.file}:{problem.line}:{problem.column}: warning: {problem.message}"
        for problem in loaded.warnings
    ]
    counts = loaded.counts
    parts = [f"{counts[key]} {key if counts[key] != 1 else key.removesuffix('s')}" for key in counts]
    verdict = f"{len(loaded.errors)} error{'s' * (len(loaded.errors) != 1)}" if loaded.errors else "no errors"
    if loaded.warnings:
        verdict += f", {len(loaded.warnings)} warning{'s' * (len(loaded.warnings) != 1)}"
    lines.append(f"{', '.join(parts).replace('plc', 'PLC')}: {verdict}")
    if loaded.plant is not None and loaded.plant.influx is not None:
        lines.append(_series(loaded.plant))
    if loaded.plant is not None and loaded.plant.notification is not None:
        lines.append(_told(loaded.plant, loaded.plant.notification.routes))
    return "\n".join(lines)


def _series(plant: Plant) -> str:
    """Cardinality is bounded by the plant, and worth knowing before the database is full of it."""
    sizes = (len(plant.tags), len(plant.alarms), len(plant.interlocks) + len(plant.permissives))
    most = series_at_most(*sizes, len(plant.commands), len(plant.plcs))
    said = f"InfluxDB at {plant.influx.url if plant.influx else ''}: at most {most:,} series"
    return f"{said}; that is many: give influxd memory" if most > SERIES_MANY else said


def _told(plant: Plant, routes: Routes) -> str:
    """How many alarms reach somebody: a route too few is seen here."""
    ways = [route_of(routes, alarm) for alarm in plant.alarms]
    told = sum(route is not None and bool(route.steps) for route in ways)
    return f"routes.yaml: somebody is told of {told} of {len(ways)} alarms, and of all of priority 1"


def _entry(problem: Problem) -> dict[str, Any]:
    return {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}
