"""The same fault at several speeds of the plant, on real processes: same trips, same results."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.bench import Table
from tests.system.breakthrough import served, simulated

TRIPS = ("S-05", "I-14")


def run(quick: bool) -> Table:
    table = Table(
        "F4 at any speed",
        "`heloop simulate`: one process, no sockets, no wall clock",
        "university plant, three PLCs, the service; plant seconds of each trip",
    )
    with tempfile.TemporaryDirectory(prefix="heloop-speeds-") as place:
        os.environ["HELOOP_RUNTIME"] = f"{place}/runtime"
        steady = simulated(Path(place))
        for speed in (20.0, 60.0) if quick else (1.0, 10.0, 60.0):
            course = served(Path(place) / f"at-{speed:g}", speed)
            for name in TRIPS:
                table.add(
                    f"x{speed:g}: {name}", course.at_s(name), steady.at_s(name), "plant s", better="less"
                )
            same = "the same" if course.outcome == steady.outcome else f"NOT the same: {course.outcome}"
            late = f"{len(course.missing)} effects called missing"
            table.notes.append(f"x{speed:g}: trips, first-outs, effects and results are {same}; {late}")
    return table
