"""Every fault from 0 s through the whole core: what trips, when, what comes of it, and who is told.

One row of STORIES is one fault: its trips in their order and nothing else, its alarms with their times,
and no alarm of priority 1 or 2 but those named. F10 takes 17 simulated hours: tests/bench/seeds.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from controller.plant.plant import By
from controller.simulator import SimulatedPlant
from controller.simulator.world import World
from tests.simulation.worlds import ran, reported, told

REL = 0.10
STEPS = 2  # a time is known to the step, and a trip to one more
MINUTE_S = 60.0


@dataclass(frozen=True)
class Trip:
    """effects: 'TAG by result' for those that matter here; first_out: one of these."""

    id: str
    first_out: str
    at_s: float
    effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """trips: all of them, in order. alarms: these, in any order. urgent: the only ones of priority 1 and 2.

    failed: effects that the fault itself prevents; every other is done.
    """

    fault: str
    for_s: float
    trips: tuple[Trip, ...]
    alarms: tuple[tuple[str, float], ...]
    urgent: frozenset[str]
    failed: frozenset[str] = frozenset()
    step_s: float = 1.0


def story(
    fault: str,
    for_s: float,
    trips: list[Trip],
    alarms: dict[str, float],
    urgent: str = "",
    failed: str = "",
    step_s: float = 1.0,
) -> Story:
    return Story(
        fault,
        for_s,
        tuple(trips),
        tuple(alarms.items()),
        frozenset(urgent.split()),
        frozenset(failed.split()),
        step_s,
    )


BLIND = "unknown"
STORIES = [
    story(
        "F1",
        38 * MINUTE_S,
        [
            Trip("I-11", "PT-317<1.2", 12, ("XS-301 plc done",)),
            Trip("S-07", "LT-201>92", 2018, ("K-109.CMD service done",)),
            Trip("I-05", "LT-201>95", 36 * MINUTE_S, ("XS-351 plc done",)),
        ],
        {
            "PT-317.L": 11,
            "PT-317.LL": 12,
            "XA-344.ON": 13,
            "LT-201.H": 31 * MINUTE_S,
            "LT-201.HH": 36 * MINUTE_S,
        },
        urgent="XA-344.ON LT-201.HH",
        step_s=2.0,
    ),
    story(
        "F1b",
        42 * MINUTE_S,
        [
            Trip("I-11", "PT-317<1.2", 12, ("XS-301 plc done",)),
            Trip("S-07", "LT-201>92", 2018, ("K-109.CMD service done",)),
            Trip("I-05", "LT-201>95", 36 * MINUTE_S, ("XV-215.ZSO plc done",)),
        ],
        {
            "LT-201.H": 31 * MINUTE_S,
            "LT-201.HH": 36 * MINUTE_S,
            "I-05.EFFECT": 37 * MINUTE_S,
            "XV-215.ZSO.ON": 38 * MINUTE_S,
        },
        urgent="XA-344.ON XA-394.ON LT-201.HH LSHH-203.ON XV-215.ZSO.ON",
        failed="XS-351",  # the standby stands in error, that is the fault
        step_s=2.0,
    ),
    story(
        "F2",
        14 * MINUTE_S,
        [
            Trip("S-07", "LT-201>92", 660, ("K-109.CMD service done",)),
            Trip("I-05", "LT-201>95", 12 * MINUTE_S, ("XS-351 plc done", "XV-215.ZSO plc done")),
        ],
        {
            "FT-209.H": MINUTE_S,
            "LT-201.H": 10 * MINUTE_S,
            "LT-201.HH": 12 * MINUTE_S,
            "XV-215.ZSO.ON": 13 * MINUTE_S,
        },
        urgent="LT-201.HH LSHH-203.ON XV-215.ZSO.ON",
    ),
    story(
        "F3",
        5 * MINUTE_S,
        [
            Trip("I-08", "AT-222>1", 70, ("XV-216.ZSO plc done", "XV-411A.ZSC plc done", "XA-217 plc done")),
            Trip("S-03", "AT-206<97.5", 145, ("XV-216.CMD service done", "XV-411A.CMD service done")),
        ],
        {"AT-222.H": 70, "AT-222.HH": 71, "AT-206.L": 92, "AT-206.LL": 102},
        urgent="AT-206.LL",
        step_s=0.5,
    ),
    story(
        "F4",
        4 * MINUTE_S,
        [
            Trip("S-05", "AT-512>8", 86, ("XV-412A.CMD service done", "XV-412B.CMD service done")),
            Trip("I-14", "AT-512>10", 107, ("XV-519.ZSC plc done", "XV-520.ZSO plc done")),
        ],
        {"AT-512.H": 83, "AT-512.HH": 107, "XS-501.ON": 107},
        urgent="AT-512.HH XS-501.ON",
        step_s=0.5,
    ),
    story(
        "F5",
        13 * MINUTE_S,
        [Trip("I-21", "AT-619>200", 715, ("UY-720 plc done", "XS-701 plc done"))],
        {"LSH-614.ON": 60, "AT-619.H": 535, "AT-619.HH": 710},
        urgent="AT-619.HH XS-701.ON",
        step_s=2.0,
    ),
    story(
        "F6",
        2 * MINUTE_S,
        [Trip("I-24", "ST-721>3600", 3, ("UY-720 plc done", "XS-701 plc done"))],
        {"ST-721.H": 2.5, "ST-721.HH": 3},
        urgent="ST-721.HH XS-726.ON",  # the cascade is one incident: cold mode and turbine 2 beneath it
        step_s=0.5,
    ),
    story(
        "F7",
        42 * MINUTE_S,
        [Trip("I-26", "LT-901<20", 1900, ("FV-905 plc done",))],
        {"LT-901.L": 640, "LT-901.LL": 2475},
        urgent="LT-901.LL",
        step_s=4.0,
    ),
    story(
        "F8",
        12 * MINUTE_S,
        [Trip("S-01", "LT-201<10", 665, ("C-301.CMD service done", "C-351.CMD service done"))],
        {"LT-201.L": 531},
        step_s=2.0,
    ),
    story(
        "F8b",
        14 * MINUTE_S,
        [
            Trip("S-01", "PT-303<0.2", 735, ("C-301.CMD service done",)),  # by I-06: it was refused thrice
            Trip("I-06", "LSLL-202", 824, ("XS-301 plc done", "XS-351 plc done")),
        ],
        {"PT-303.L": 640, "PT-204.LL": 716, "S-01.TRIP": 735, "S-01.EFFECT": 752, "LSLL-202.ON": 824},
        urgent="PT-204.LL S-01.EFFECT",  # C-301 refuses remote stops, that is the fault
        step_s=2.0,
    ),
    story(
        "F8c",
        15 * MINUTE_S,
        [
            Trip("S-01", "PT-303<0.2", 735, ("C-301.CMD service done",)),
            Trip("I-07", "PT-303<-1|undetermined", 850, ("XS-301 plc done", "XS-351 plc done")),
        ],
        {"PT-204.LL": 716, "S-01.EFFECT": 752, "PT-303.LL": 850, "XA-344.ON": 851},
        urgent="PT-204.LL PT-303.LL XA-344.ON S-01.EFFECT",
        step_s=2.0,
    ),
    story(
        "F9",
        15 * MINUTE_S,
        [
            Trip("S-10", "AT-941 2oo3<19.5", 741, ("XV-811.CMD service done",)),
            Trip("I-25", "AT-941B<19.5", 13 * MINUTE_S, ("XS-944 plc done", "XS-946 plc done")),
        ],
        {"AT-941A.L": 13 * MINUTE_S, "AT-941B.L": 13 * MINUTE_S, "AT-941C.L": 13 * MINUTE_S},
        urgent="AT-941A.L AT-941B.L AT-941C.L",
        step_s=2.0,
    ),
    story(
        "F9b",
        30 * MINUTE_S,
        [
            Trip("S-10", "AT-941 2oo3<19.5", 741, ("XV-811.CMD service done",)),
            Trip("I-25", "AT-941B<19.5", 13 * MINUTE_S, ("XS-944 plc done", "XV-811.ZSC plc done")),
        ],
        {"AT-941A.L": 13 * MINUTE_S, "FSL-945.ON": 803, "AT-941A.LL": 1592},
        urgent="AT-941A.L AT-941B.L AT-941C.L AT-941A.LL AT-941B.LL AT-941C.LL FSL-945.ON",
        step_s=2.0,
    ),
    story(
        "F11",
        3 * MINUTE_S,
        [
            Trip("S-01", BLIND, 35),
            Trip("S-02", BLIND, 35),
            Trip("S-04", BLIND, 35),
            Trip("S-06", BLIND, 35),
            Trip("S-07", BLIND, 35, ("K-109.CMD service done",)),
            Trip("S-10", BLIND, 35, ("XV-811.CMD service done",)),
        ],
        {"R.LINK": 10},
        urgent="R.LINK",
        failed="C-301.CMD C-351.CMD XV-411A.CMD XV-411B.CMD XV-412A.CMD XV-412B.CMD",  # R is not reached
    ),
    story(
        "F11b",
        3 * MINUTE_S,
        [Trip("S-02", BLIND, 85, ("C-301.CMD service done", "XV-411A.CMD service done"))],
        {"PT-401A.FROZEN": 55},
    ),
    story(
        "F12",
        4 * MINUTE_S,
        [
            Trip("S-05", BLIND, 30.5, ("XV-412A.CMD service done", "XV-412B.CMD service done")),
            Trip("S-06", BLIND, 30.5, ("XV-412A.CMD service done", "XV-412B.CMD service done")),
            Trip("S-11", BLIND, 30.5),
            Trip("I-28", "XA-994.L", 91.5, ("HS-390.L plc done",)),
        ],
        {"L.LINK": 5.5, "TS-995.L.HH": 151},
        urgent="L.LINK",
        failed="EH-804.CMD",  # L was away as S-11 could not see it, and back in order
        step_s=0.5,
    ),
    story(
        "F13",
        12 * MINUTE_S,
        [
            Trip("S-04", "AT-335>1", 403, ("XV-411A.CMD service done", "C-301.CMD service done")),
            Trip("I-12", "AT-335>1", 704, ("XV-411A.ZSC plc done", "XV-216.ZSO plc done", "XS-301 plc done")),
        ],
        {"AT-335.H": 363, "AT-335.HH": 403},
        urgent="AT-335.HH",
        step_s=2.0,
    ),
]


def close(seen_s: float, expected_s: float, step_s: float) -> bool:
    return abs(seen_s - expected_s) <= max(REL * expected_s, STEPS * step_s)


def effects(trip: dict[str, Any]) -> set[str]:
    return {f"{effect['tag']} {effect['by']} {effect['result']}" for effect in trip["effects"]}


@pytest.mark.parametrize("row", STORIES, ids=lambda row: row.fault)
def test_a_fault_goes_as_its_row_says(row: Story) -> None:
    made = ran(row.fault, row.for_s, step_s=row.step_s)
    document = reported(made)
    the_trips_are(row, document)
    the_alarms_are(row, document)
    trips_by_the_service_are_told(made, document)
    nothing_else_is_amiss(row, made)


def the_trips_are(row: Story, document: dict[str, Any]) -> None:
    assert [trip["id"] for trip in document["trips"]] == [trip.id for trip in row.trips]
    for seen, expected in zip(document["trips"], row.trips, strict=True):
        assert seen["first_out"] in expected.first_out.split("|"), seen
        assert close(seen["at_s"], expected.at_s, row.step_s), seen
        assert set(expected.effects) <= effects(seen), seen
        short = {one["tag"] for one in seen["effects"] if one["result"] not in ("done", "unknown")}
        assert short <= row.failed, seen
        asked = {one["tag"] for one in seen["effects"] if one["by"] == "service" and one["result"] != "done"}
        assert asked <= row.failed, seen


def the_alarms_are(row: Story, document: dict[str, Any]) -> None:
    first: dict[str, float] = {}
    for alarm, at_s in told(document):
        first.setdefault(alarm, at_s)
    for alarm, expected_s in row.alarms:
        assert alarm in first, f"{alarm} was not told; told were {sorted(first)}"
        assert close(first[alarm], expected_s, row.step_s), f"{alarm} at {first[alarm]} s"
    assert {alarm for alarm, _ in told(document, worst=2)} == row.urgent


def trips_by_the_service_are_told(made: World, document: dict[str, Any]) -> None:
    """As alarms of their own, at once. Of those that cannot see, the link or the instrument speaks first."""
    acting = {rule.name for rule in made.plant.interlocks if rule.by is By.SERVICE and rule.kind == "trip"}
    for trip in document["trips"]:
        listed = [
            (alarm["event"], alarm["priority"])
            for alarm in document["alarms"]
            if alarm["id"] == f"{trip['id']}.TRIP" and abs(alarm["at_s"] - trip["at_s"]) < 1.0
        ]
        blind = trip["first_out"] == BLIND
        if trip["id"] not in acting:
            assert listed == []
        elif not blind:
            assert listed == [("raised", 3)], trip
        else:
            assert listed in ([("raised", 3)], [("suppressed", 3)]), trip


def nothing_else_is_amiss(row: Story, made: World) -> None:
    missing = [event.text for event in made.events if event.kind in ("effect.missing", "command.undone")]
    assert len(missing) == len(row.failed & {"XS-351"}), missing
    assert not [event.text for event in made.events if event.kind == "interlock.unknown"]
    assert isinstance(made.machine, SimulatedPlant)
    assert made.machine.violations() == []


def test_f11_nothing_is_written_to_a_plc_whose_data_stand_still() -> None:
    made = ran("F11", 3 * MINUTE_S)
    recovery = made.plant.index["LT-201"]
    plc = made.plant.tags[recovery].plc
    assert [write for at_s, write in made.writes if write.plc == plc] == []
    assert len([event for event in made.events if event.kind == "link.lost"]) == 1


def test_f12_is_one_alarm_and_nothing_is_sent_twice() -> None:
    made = ran("F12", 4 * MINUTE_S, step_s=0.5)
    assert len([event for event in made.events if event.kind == "link.lost"]) == 1
    words = [(write.context["command"], write.context["word"]) for _, write in made.writes]
    assert len(words) == len(set(words)), words
    sent = {made.plant.plcs[write.plc].name for _, write in made.writes}
    assert sent == {"R"}, "L was away, and is in order now that it is back"
    assert not [event for event in made.events if event.kind == "flood.began"]


def test_f6_the_cascade_is_one_incident() -> None:
    made = ran("F6", MINUTE_S, step_s=0.5)
    raised = {event.source: event.data for event in made.events if event.kind == "alarm.raised"}
    incident = raised["XS-726.ON"]["incident"]
    assert raised["XS-726.ON"]["first_out"]
    for consequence in ("XS-736.ON", "XZ-727.ON", "XS-701.ON"):
        assert raised[consequence]["incident"] == incident
        assert "withheld" in raised[consequence]


def test_f12_what_tripped_blind_speaks_when_the_link_is_back_and_not_before() -> None:
    made = ran("F12", 4 * MINUTE_S, step_s=0.5)
    back_s = next(
        event.plant_s for event in made.events if event.kind == "link.restored" and event.source == "L"
    )
    spoken = {alarm: at_s for alarm, at_s in told(reported(made)) if alarm.endswith(".TRIP")}
    assert "S-05.TRIP" in spoken  # latched: somebody has to look and to reset it
    assert min(spoken.values()) > back_s


def test_f8b_a_stop_that_was_refused_is_urgent_until_the_machine_stands() -> None:
    made = ran("F8b", 14 * MINUTE_S, step_s=2.0)
    of_effect = [event for event in made.events if event.source == "S-01.EFFECT"]
    assert [event.kind for event in of_effect] == ["alarm.raised", "alarm.returned"]
    raised, returned = of_effect
    assert raised.data["interlock"] == "S-01"
    assert raised.data["first_out_cause"] == "PT-303<0.2"
    assert [one["tag"] for one in raised.data["effects"]] == ["C-301.CMD"]
    assert "C-301.CMD stop: refused" in raised.text
    assert returned.plant_s > 800  # I-06 in the PLC has stopped it
