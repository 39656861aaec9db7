"""kill -9 of the service at two hundred random moments, on real processes: nothing lost or done twice.

There is no peer that promises this. What is compared is what was asked of it; anything else ends the run.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from tests.bench import Table
from tests.system.kills import BAG, PURIFIER, Tally, campaign

PER_CAMPAIGN = 25
CAMPAIGNS = 8


def run(quick: bool) -> Table:
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # sessions of killed clients are its daily bread
    each, campaigns = (5, 2) if quick else (PER_CAMPAIGN, CAMPAIGNS)
    total = Tally()
    for number in range(campaigns):
        with tempfile.TemporaryDirectory(prefix="heloop-kills-") as place:
            os.environ["HELOOP_RUNTIME"] = f"{place}/runtime"
            scene = PURIFIER if number % 2 else BAG
            total.add(campaign(Path(place), scene, kills=each, seed=100 + number))
    table = Table(
        "kill -9 at random moments",
        "none; each row says what was found, after every kill and at the end",
        f"{campaigns} plants with a trip, bypasses and commands of people, {each} kills each",
    )
    table.add("kills", total.kills, None, "")
    table.add("of them before it was ready", total.before_ready, None, "")
    table.add("events in the journals", total.events, None, "")
    table.add("acknowledged requests", total.acknowledged, None, "")
    table.add("lost events, broken chains", 0, None, "", target="0")
    table.add("trips", total.trips, None, "")
    table.add("bypasses", total.bypasses, None, "")
    table.add("forgotten latches, bypasses, inhibited checks", 0, None, "", target="0")
    table.add("commands on their way", total.intents, None, "")
    table.add("of them known from the intent ring alone", total.reconciled, None, "")
    table.add("sequence numbers that PLCs got", total.sent, None, "")
    table.add("sent twice, or again against the rule", 0, None, "", target="0")
    ordered = sorted(total.restart_s)
    table.add("start to first confirmed values, p50", ordered[len(ordered) // 2], None, "s")
    table.add("start to first confirmed values, longest", ordered[-1], None, "s")
    table.notes.append("the zeros are assertions: a run that finds anything else ends with what it found")
    return table
