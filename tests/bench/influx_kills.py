"""An hour of the university plant on its way into InfluxDB; core, follower and influxd are killed with -9.

There is no peer that promises this. What is compared is the journal with the database; anything that is
lost, doubled or not explained ends the run.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from tests.bench import Table
from tests.system.influx_kills import PARTS, SPEED, campaign

HOUR_S = 3600.0
EACH = 8


def run(quick: bool) -> Table:
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # sessions of killed clients are its daily bread
    with tempfile.TemporaryDirectory(prefix="heloop-kills-") as place:
        os.environ["HELOOP_RUNTIME"] = f"{place}/runtime"
        plant_s, each = (600.0, 2) if quick else (HOUR_S, EACH)
        tally = campaign(Path(place), kills=each, plant_s=plant_s, seed=14)
    table = Table(
        "kill -9 on the way into InfluxDB",
        "none; each row says what was found at the end",
        f"{plant_s:,.0f} s of the university plant at {SPEED:g} times its pace, influxd 1.6.7 here",
    )
    for part in PARTS:
        table.add(f"kills of {part}", tally.kills[part], None, "")
    table.add("of the core before it was ready", tally.before_ready, None, "")
    table.add("plant time", tally.plant_s, None, "s")
    table.add("series", tally.series, None, "")
    table.add("rows in the journal and in InfluxDB", tally.rows, None, "")
    table.add("rows lost, doubled or different", 0, None, "", target="0")
    table.add("series whose checksums differ", 0, None, "", target="0")
    table.add("events in the journal and in InfluxDB", tally.events, None, "")
    table.add("heads of the journal found there", tally.heads, None, "")
    table.add("gaps in the ledger, of all PLCs", tally.gaps, None, "")
    table.add("of them invented; times without a core not named", 0, None, "", target="0")
    table.add("longest gap", tally.longest_gap_s, None, "s")
    table.add("completeness of the record", tally.completeness, None, "%")
    table.add("all sent after the core's end", tally.catch_up_s, None, "s")
    table.notes.append("the zeros are assertions: a run that finds anything else ends with what it found")
    return table
