"""Two hundred plants with random faults and a busy operator, an hour each; and the two long runs.

Not a speed bench but the long form of tests/simulation: what must hold there in ten minutes holds here in
an hour, six hours without a fault, and the seventeen hours of F10. Every core of the machine takes part.
"""

from __future__ import annotations

import os
import time
from functools import partial
from multiprocessing import get_context

from tests.bench import Table
from tests.simulation.seeds import Outcome, command_line, run_seed
from tests.simulation.worlds import ran, reported, told

HOUR_S = 3600.0
QUICK_S = 600.0
F10 = {"PT-604.L": 16.8 * HOUR_S, "S-09": 16.8 * HOUR_S + 780.0}


def run(quick: bool) -> Table:
    """quick: 20 seeds of ten minutes, no long runs."""
    count, for_s = (20, QUICK_S) if quick else (200, HOUR_S)
    table = Table(
        "random faults",
        "none: each line is a promise, not a comparison",
        f"{count} seeds, {for_s:g} s each, 1 to 3 faults and a request of the operator every 45 s",
    )
    started_s = time.monotonic()
    outcomes = run_seeds(range(1, count + 1), for_s)
    took_s = time.monotonic() - started_s
    held = sum(not outcome.wrong for outcome in outcomes)
    table.add("seeds in which all invariants held", held, None, "seeds", target=f"{count}")
    table.add("trips", sum(outcome.trips for outcome in outcomes), None, "")
    table.add("commands written", sum(outcome.writes for outcome in outcomes), None, "")
    table.add("alarms told", sum(outcome.raised for outcome in outcomes), None, "")
    table.add("simulated per wall second", count * for_s / took_s, None, "s")
    for outcome in outcomes:
        for text in outcome.wrong:
            table.notes.append(f"seed {outcome.seed}: {text}\n      {command_line(outcome.seed, for_s)}")
    if not quick:
        _long_runs(table)
    return table


def run_seeds(seeds: range, for_s: float) -> list[Outcome]:
    """By all cores, in the order of the seeds."""
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        return list(pool.imap(partial(run_seed, for_s=for_s), seeds))


def _long_runs(table: Table) -> None:
    quiet = reported(ran(None, 6.0 * HOUR_S, step_s=2.0))
    table.add("six hours without a fault: trips", len(quiet["trips"]), None, "", target="0")
    table.add("six hours without a fault: alarms told", len(told(quiet)), None, "", target="a handful, P3")
    table.notes.append(f"told in six quiet hours: {told(quiet)}")
    empty = reported(ran("F10", 17.5 * HOUR_S, step_s=5.0))
    seen = {trip["id"]: trip["at_s"] for trip in reversed(empty["trips"])} | dict(reversed(told(empty)))
    for name, expected_s in F10.items():
        table.add(f"F10: {name}", seen.get(name, 0.0), None, "s", target=f"{expected_s:g} s +- 10 %")
    table.notes.append(f"F10, trips: {[(trip['id'], trip['at_s']) for trip in empty['trips']]}")
    table.notes.append(f"F10, told at priority 1 and 2: {told(empty, worst=2)}")
