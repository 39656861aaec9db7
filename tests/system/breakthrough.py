"""F4, the purifier breaks through, on the university plant at any speed: what trips, what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from controller.core.report import trips
from tests.system.programs import Order, Program
from tests.system.service import Service, plcs

FAULT = "F4@5s"
LAST = "I-14"  # the later of the two trips
AFTER_S = 20.0  # plant seconds after it, for effects that do not follow


class Course(NamedTuple):
    """Trips as in the report, and the events that say that an effect did not follow."""

    trips: list[dict[str, Any]]
    missing: list[str]

    @property
    def outcome(self) -> set[tuple[Any, ...]]:
        """What must not hang on the speed: which trips, by what, with what effects and results."""
        return {
            (
                trip["id"],
                trip["first_out"],
                tuple((one["tag"], one["value"], one["by"], one["result"]) for one in trip["effects"]),
            )
            for trip in self.trips
        }

    def at_s(self, name: str) -> float:
        """Plant second of a trip."""
        return float(next(trip["at_s"] for trip in self.trips if trip["id"] == name))


def served(place: Path, speed: float) -> Course:
    """With real processes and OPC UA between them; the plant starts when the service is ready."""
    with plcs(place / "sim", "university", FAULT, speed=speed, hold=True) as sim:
        with Service(place / "data", "university", sim.endpoints, speed=speed) as service:
            service.start_ready()
            sim.begin()
            patience_s = 60.0 + 300.0 / speed
            last = service.story.until("interlock.tripped", LAST, within_s=patience_s)
            service.story.when(
                lambda: service.status()["service"]["plant_s"] > last.plant_s + AFTER_S or None,
                "what follows",
                patience_s,
            )
            service.program.terminate()
        events = service.story.events()
        missing = [one.text for one in events if one.kind in {"effect.missing", "effect.unverified"}]
        return Course(trips(events), missing)


def simulated(place: Path, seed: int = 1) -> Course:
    """The same in one process without sockets and without a wall clock."""
    report = place / "simulated.json"
    arguments = ["simulate", "university", "--for", "140s", "--fault", FAULT, "--seed", str(seed)]
    with Program(Order([*arguments, "--report", str(report)], errors=place / "simulate.err")) as program:
        assert program.ended(300.0) == 0, program.errors
    document = json.loads(report.read_text())
    missing = [one["text"] for one in document["events"] if one["kind"].startswith(("effect.m", "effect.u"))]
    return Course(document["trips"], missing)
