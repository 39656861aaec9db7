"""The first story: breakthrough on one PLC shuts valves on another, proved, latched, reset by a person."""

from __future__ import annotations

from controller.plant.plant import CommandEffect, WithholdEffect
from tests.unit.plants import Cause, Compare, Draft, Reset, ResetBy, Stage, all_of, valve


def breakthrough_plant() -> Draft:
    draft = Draft()
    liquefier, recovery = draft.plc("L"), draft.plc("R")
    n2 = draft.tag("AT-512", liquefier, unit="ppm")
    o2 = draft.tag("AT-513", liquefier, unit="ppm")
    a, b = valve(draft, "XV-412A", recovery), valve(draft, "XV-412B", recovery)
    feed = draft.permissive("feed_purified_gas", (a, "open"), (b, "open"))
    draft.interlock(
        "S-05",
        [
            Cause("AT-512>8", "nitrogen behind the purifier", Compare(n2, ">", 8.0, 15.0, 1.0)),
            Cause("AT-513>4", "oxygen behind the purifier", Compare(o2, ">", 4.0, 15.0, 0.5)),
        ],
        [CommandEffect(a, "shut"), CommandEffect(b, "shut"), WithholdEffect(feed)],
        reset=Reset(ResetBy.OPERATOR, all_of(Compare(n2, "<", 2.0), Compare(o2, "<", 2.0)), for_s=600.0),
    )
    return draft


def test_breakthrough_on_one_plc_shuts_the_feed_valves_on_the_other_and_proves_it() -> None:
    stage = Stage(breakthrough_plant().build())
    stage.connect(values={"AT-512": 1.0, "AT-513": 0.5})
    stage.show({"AT-512": 9.0})
    stage.advance(14.5)
    assert stage.writes() == []
    stage.advance(0.5)

    tripped = stage.last("interlock.tripped", "S-05")
    assert tripped.data["first_out"] == "AT-512>8"
    assert tripped.data["at_s"] == 15.0
    assert [cause["values"] for cause in tripped.data["causes"]] == [{"AT-512": 9.0}]
    assert stage.words() == ["shut", "shut"]
    tags = stage.plant.index
    write = stage.writes("XV-412A.CMD")[0]
    assert write.fields == (
        (tags["XV-412A.CMD"], 1.0),
        (tags["XV-412A.CMD.EPOCH"], 7.0),
        (tags["XV-412A.CMD.SEQ"], 1.0),
    )

    stage.advance(0.2)
    for command in ("XV-412A", "XV-412B"):
        stage.obey(stage.writes(f"{command}.CMD")[0], {f"{command}.ZSC": 1})
    results = stage.of("command.result")
    assert [event.data["result"] for event in results] == ["done", "done"]
    assert [event.data["ms"] for event in results] == [200.0, 200.0]
    assert stage.folded() == stage.core.durable.bare()


def test_the_trip_stands_until_a_person_resets_it_and_nobody_may_open_the_valve_meanwhile() -> None:
    stage = Stage(breakthrough_plant().build())
    stage.connect(values={"AT-512": 9.0})
    stage.advance(15.0)
    for write in stage.writes():
        stage.obey(write, {write.context["command"].replace(".CMD", ".ZSC"): 1})
    refused = stage.ask("command", "XV-412A.CMD", word="open")
    assert not refused.accepted
    assert refused.reason == "S-05 stands and asks for 'shut'"
    assert "the cause stands: AT-512 9 ppm" in stage.ask("reset", "S-05").reason

    stage.show({"AT-512": 1.0})
    stage.advance(300.0)
    assert stage.ask("reset", "S-05").reason.endswith("for 10 min: 5 min to go")
    stage.advance(300.0)
    assert stage.ask("reset", "S-05", role="viewer").reason == "the role 'viewer' may look, not act"
    assert stage.ask("reset", "S-05").accepted
    assert stage.last("interlock.reset").data["by"] == "anna"
    assert stage.last("permissive.granted").source == "feed_purified_gas"
    assert stage.ask("command", "XV-412A.CMD", word="open").accepted
    assert stage.words("XV-412A.CMD") == ["shut", "open"]
    assert stage.folded() == stage.core.durable.bare()


def test_a_lost_plc_is_one_event_and_trips_what_cannot_see_after_30_s() -> None:
    stage = Stage(breakthrough_plant().build())
    stage.connect()
    stage.advance(3.0)
    stage.lose(0)
    assert [event.text for event in stage.of("link.lost")] == ["L is lost: cable pulled"]
    stage.advance(29.5)
    assert not stage.of("interlock.tripped")
    stage.advance(0.5)
    assert stage.last("interlock.tripped").data["reason"] == "unknown"
    assert stage.words() == ["shut", "shut"]
