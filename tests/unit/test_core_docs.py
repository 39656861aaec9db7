"""The table of events is complete: every kind the core can say stands in it, and nothing that it cannot."""

from __future__ import annotations

import re
from pathlib import Path

from controller.core.durable import FOLDS

ROOT = Path(__file__).parents[2]
KIND = re.compile(
    r"\"((?:interlock|effect|command|intent|machine|epoch|request|bypass|check|permissive|link|quality)\.[a-z_]+)\""
)


def listed() -> dict[str, bool]:
    """Kinds of docs/reference/events.md, with whether they are marked as state."""
    found: dict[str, bool] = {}
    for line in (ROOT / "docs/reference/events.md").read_text().splitlines():
        if line.startswith("| `"):
            cells = line.strip().strip("|").split("|")
            for kind in re.findall(r"`([a-z]+\.[a-z_]+)`", cells[0]):
                found[kind] = cells[-1].strip() == "state"
    return found


def test_every_event_of_the_core_is_in_the_reference() -> None:
    said = set()
    for path in (ROOT / "controller/core").glob("*.py"):
        if path.name != "run.py":  # which reads kinds, and says none
            said |= set(KIND.findall(path.read_text()))
    assert said - listed().keys() == set()


def test_state_is_marked_as_it_is_folded() -> None:
    marked = {kind for kind, state in listed().items() if state}
    assert marked == set(FOLDS)
