"""The whole report of a run (docs/reference/report.md), from its events and a few counts.

The demo makes it from its journal, `simulate` from the events of its world. No wall time, path or
random id goes in, so that the same seed gives the same bytes in `simulate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from controller.core.durable import Recorded
from controller.core.report import trips
from controller.plant.plant import Plant

NOT_TOLD: Final = ("service.", "request.", "link.connect")  # who asked and what ran stands in the journal

TOLD_AS: Final = {
    "alarm.raised": "raised",
    "alarm.announced": "raised",  # came while it was withheld, and people were told later
    "alarm.returned": "returned",
    "alarm.acknowledged": "acked",
}


class Told(Recorded, Protocol):
    """An event with its text and plant time."""

    @property
    def text(self) -> str: ...
    @property
    def plant_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What was run, and what was counted. samples: rows kept; lost: changes that neither the archive
    rule dropped nor the journal holds, with sequence gaps that could not be republished.
    links: one row per PLC, as `heloop status` shows them.
    """

    seed: int
    speed: float
    for_s: float
    samples: int = 0
    lost: int = 0
    links: Sequence[dict[str, Any]] = field(default_factory=tuple)


def report(run: Run, plant: Plant, events: Iterable[Told]) -> dict[str, Any]:
    """As in the contract of the command line; times are plant seconds since `ready`."""
    listed = list(events)
    return {
        "plant": plant.name,
        "seed": run.seed,
        "speed": run.speed,
        "for_s": run.for_s,
        "samples": run.samples,
        "lost": run.lost,
        "trips": trips(listed),
        "alarms": alarms(plant, listed),
        "events": [
            {"kind": event.kind, "source": event.source, "at_s": round(event.plant_s, 3), "text": event.text}
            for event in listed
            if not event.kind.startswith(NOT_TOLD) and event.kind not in TOLD_AS
        ],
        "links": list(run.links),
        "gaps": gaps(plant, listed),
    }


def alarms(plant: Plant, events: Iterable[Told]) -> list[dict[str, Any]]:
    """What the alarm system said, in order. `raised` is an alarm that people were told of; one that came
    while it was suppressed, shelved or spoken for by a worse one is `suppressed`."""
    rules = {alarm.id: alarm for alarm in plant.alarms}
    found: list[dict[str, Any]] = []
    for event in events:
        rule, what = rules.get(event.source), TOLD_AS.get(event.kind)
        if rule is None or what is None:
            continue
        if what == "raised" and "withheld" in event.data:
            what = "suppressed"
        found.append(
            {
                "id": rule.id,
                "tag": rule.source,
                "level": rule.level,
                "priority": rule.priority,
                "event": what,
                "at_s": round(event.plant_s, 3),
            }
        )
    return found


def gaps(plant: Plant, events: Iterable[Told]) -> list[dict[str, Any]]:
    """When which tag was not recorded: every tag of a PLC between link.lost and link.restored."""
    found: list[dict[str, Any]] = []
    lost: dict[str, tuple[float, str]] = {}
    last_s = 0.0
    for event in events:
        last_s = max(last_s, event.plant_s)
        if event.kind == "link.lost":
            lost.setdefault(event.source, (event.plant_s, event.data["reason"]))
        elif event.kind == "link.restored" and event.source in lost:
            found += _gap(plant, event.source, *lost.pop(event.source), event.plant_s)
    for name, (from_s, reason) in lost.items():
        found += _gap(plant, name, from_s, reason, last_s)
    return found


def _gap(plant: Plant, plc: str, from_s: float, reason: str, to_s: float) -> list[dict[str, Any]]:
    index = next(one.index for one in plant.plcs if one.name == plc)
    return [
        {"tag": tag.name, "from_s": round(from_s, 3), "to_s": round(to_s, 3), "reason": reason}
        for tag in plant.tags
        if tag.plc == index
    ]
