"""What the core tells of itself: rows for pages and programs, sentences for people."""

from __future__ import annotations

import json

import pytest

from alarms.signal import BAD_SENSOR_FAILURE
from controller.plant.plant import CommandEffect
from tests.unit.plants import Bypass, Cause, Compare, Draft, Stage, State, all_of, valve


def stage() -> Stage:
    draft = Draft()
    draft.plc("L")
    draft.plc("R")
    n2 = draft.tag("AT-512", 0, unit="ppm")
    state = draft.tag("XS-301", 1, states=((3, "ready"), (9, "under load")))
    command = valve(draft, "XV-412A", 1)
    draft.interlock(
        "S-05",
        [
            Cause("AT-512>8", "nitrogen behind the purifier", Compare(n2, ">", 8.0, for_s=15.0)),
            Cause("both", "both", all_of(Compare(n2, ">", 4.0), State(state, (9,)))),
        ],
        [CommandEffect(command, "shut")],
        bypass=Bypass(3600.0, "operator"),
    )
    found = Stage(draft.build())
    found.connect(values={"AT-512": 1.0, "XS-301": 3.0})
    return found


def explain(plant: Stage, name: str) -> str:
    return plant.core.explain(name, plant.now)


def test_before_anything_has_come_everything_is_unknown_and_says_why() -> None:
    draft = Draft()
    draft.plc("R")
    tag = draft.tag("PT-303", unit="mbarg")
    draft.interlock("S-01", Compare(tag, "<", 0.2), [CommandEffect(valve(draft, "X", 0), "shut")])
    plant = Stage(draft.build())
    assert plant.core.status(plant.now)["interlocks"][0]["state"] == "unknown"
    plant.step()
    assert explain(plant, "S-01") == (
        "S-01 cannot see: PT-303 bad: no value yet [PT-303 < 0.2 mbarg]; after 30 s of that it will trip."
    )
    assert explain(plant, "PT-303").startswith(
        "PT-303 (PT-303) is bad: no value yet, its PLC R: not connected yet.\nS-01 (unknown) watches"
    )


def test_a_calm_interlock_says_what_it_watches() -> None:
    assert explain(stage(), "S-05") == (
        "S-05 is not tripped: AT-512 1 ppm [AT-512 > 8 ppm for 15 s]; "
        "AT-512 1 ppm, XS-301 3 (ready) [AT-512 > 4 ppm and XS-301 is 9 (under load)]."
    )


def test_a_tripped_interlock_says_since_when_why_what_of_it_and_what_the_reset_waits_for() -> None:
    plant = stage()
    plant.show({"AT-512": 9.0})
    plant.advance(15.0)
    plant.obey(plant.writes()[0], {"XV-412A.ZSC": 1.0})
    plant.advance(45.0)
    assert explain(plant, "S-05") == (
        "S-05 tripped 45 s ago, first out AT-512>8 (nitrogen behind the purifier). "
        "Effects: XV-412A.CMD shut done (proved). "
        "Reset: S-05: the cause stands: AT-512 9 ppm [AT-512 > 8 ppm for 15 s]."
    )
    assert explain(plant, "XV-412A.CMD") == (
        "XV-412A.CMD: last word 'shut', done (proved). "
        "'open' is not permitted: S-05 stands and asks for 'shut'."
    )
    plant.show({"AT-512": 1.0})
    assert explain(plant, "S-05").endswith("Reset: it can be reset.")


def test_a_row_carries_what_a_page_needs() -> None:
    plant = stage()
    plant.show({"AT-512": 9.0})
    plant.advance(15.0)
    row = plant.core.status(plant.now)["interlocks"][0]
    assert row["state"] == "tripped"
    assert row["first_out"] == "AT-512>8"
    assert row["effects"] == [
        {"tag": "XV-412A.CMD", "value": "shut", "by": "service", "result": "pending", "how": "", "ms": None}
    ]
    assert [(cause["id"], cause["state"], cause["values"]) for cause in row["causes"]] == [
        ("AT-512>8", "true", {"AT-512": 9.0}),
        ("both", "false", {"AT-512": 9.0, "XS-301": 3.0}),
    ]
    assert (row["trips"], row["trips_24h"]) == (1, 1)


def test_the_state_is_plain_json() -> None:
    plant = stage()
    plant.show({"AT-512": 9.0}, status=BAD_SENSOR_FAILURE)
    plant.ask("bypass", "S-05", for_s=60)
    plant.lose(1)
    text = json.dumps(plant.core.status(plant.now), allow_nan=False)
    state = json.loads(text)
    assert [(row["plc"], row["life"], row["reason"]) for row in state["plcs"]] == [
        ("L", "alive", ""),
        ("R", "down", "cable pulled"),
    ]
    assert state["interlocks"][0]["state"] == "bypassed"
    assert state["values"]["bad"] > 0


def test_asking_changes_nothing() -> None:
    plant = stage()
    plant.show({"AT-512": 9.0})
    before = plant.core.snapshot()
    plant.core.status(plant.now)
    for name in ("S-05", "AT-512", "XV-412A.CMD"):
        explain(plant, name)
    assert plant.core.snapshot() == before


def test_a_name_that_the_plant_does_not_have() -> None:
    with pytest.raises(KeyError):
        explain(stage(), "PT-999")
