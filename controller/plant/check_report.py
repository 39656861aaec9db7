"""What `heloop check` says of a loaded plant, for people and for programs."""

from __future__ import annotations

from typing import Any

from controller.plant.config import Loaded
from controller.plant.problems import Problem


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
    return "\n".join(lines)


def _entry(problem: Problem) -> dict[str, Any]:
    return {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}
