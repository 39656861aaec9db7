"""A PLC is away, mute, or there without values: what the service makes of it, and how it comes back.

Delays of the link and of liveness are wall time and are judged by the journal's own time stamps.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alarms.signal import BAD_NO_COMMUNICATION, is_bad, is_good
from controller.plant.config import find_plant
from controller.record.chain import Entry
from tests.system.service import Plcs, Service, plcs

SECOND_NS = 10**9
BAD_WITHIN_S = 5.0
BACK_WITHIN_S = 10.0
ROOM_S = 2.5  # PLC and service step late on a busy machine
UPDATE_S = 0.1  # a fault begins with the next update of the PLC
TAGS = {"S": "PT-101", "R": "PT-204", "L": "PT-604"}


@dataclass(frozen=True)
class Away:
    """One fault of one PLC's link: when it was asked for, how long it stays (None: the PLC only forgets)."""

    name: str
    plc: str
    asked_ns: int
    for_s: float | None
    after: int

    @property
    def back_ns(self) -> int:
        return self.asked_ns + round((self.for_s or 0.0) * SECOND_NS)


def begun(service: Service) -> None:
    """It runs, and the journal says that it has all its PLCs."""
    service.start_ready()
    for plc in TAGS:
        service.story.until("link.restored", plc)


def begin(service: Service, sim: Plcs, name: str) -> Away:
    kind, plc, *rest = name.split(":")
    after = service.story.last()
    for_s = float(rest[0].removesuffix("s")) if rest else None
    return Away(kind, plc, sim.fault(name), for_s, after)


def lost(service: Service, away: Away) -> Entry:
    """Lost within five seconds, its values Bad by then."""
    event = service.story.until("link.lost", away.plc, after=away.after)
    assert -UPDATE_S < (event.utc_ns - away.asked_ns) / SECOND_NS < BAD_WITHIN_S + ROOM_S, event.text
    tag = TAGS[away.plc]
    turned = service.story.when(
        lambda: next((one for one in service.story.samples(tag, event.utc_ns) if is_bad(one.status)), None),
        f"{tag} Bad",
    )
    assert turned.status == BAD_NO_COMMUNICATION
    return event


def back(service: Service, away: Away, lost_event: Entry) -> float:
    """Back within ten seconds, by one loss and one return, and values flow. Seconds it took."""
    event = service.story.until("link.restored", away.plc, after=lost_event.seq)
    took_s = (event.utc_ns - max(away.back_ns, lost_event.utc_ns)) / SECOND_NS
    assert took_s < BACK_WITHIN_S + ROOM_S, event.text
    tag = TAGS[away.plc]  # what it had before the loss does not count: it was Bad then
    service.story.when(lambda: is_good(service.story.samples(tag)[-1].status) or None, f"{tag} Good")
    changes = link(service, away.plc)["changes"]
    service.story.when(
        lambda: True if link(service, away.plc)["changes"] > changes + 5 else None, f"values from {away.plc}"
    )
    between = [one.kind for one in service.story.events("link.", away.plc, after=away.after)]
    assert between.count("link.lost") == 1, between
    assert between.count("link.restored") == 1, between
    return took_s


def link(service: Service, plc: str) -> dict[str, Any]:
    return next(row for row in service.status()["links"] if row["plc"] == plc)


def test_connected_but_nothing_flows_is_noticed_within_5_s_and_mends_itself_within_10(tmp_path: Path) -> None:
    with (
        plcs(tmp_path / "sim", "university") as sim,
        Service(tmp_path / "data", "university", sim.endpoints) as service,
    ):
        begun(service)
        pid = service.program.pid
        faults = [begin(service, sim, fault) for fault in ("drop:L", "restart:R:6s", "hang:S:9s")]
        dropped, restarted, hung = [(one, lost(service, one)) for one in faults]
        back(service, *dropped)
        swallowed = begin(service, sim, "blackhole:L:9s")
        back(service, *restarted)
        back(service, *hung)
        killed = begin(service, sim, "kill:S:5s")
        _one_node_of_many(service, sim)
        for one in (swallowed, killed):
            back(service, one, lost(service, one))
        assert service.program.pid == pid
        assert [event.text for event in service.story.events("interlock.tripped")] == []
        status = service.status()
        assert status["values"]["bad"] == 0
        assert all(row["up"] for row in status["links"])
        service.program.terminate()
        assert service.program.errors == ""


def _one_node_of_many(service: Service, sim: Plcs) -> None:
    """It alone of its PLC is Bad, and named; when the PLC has it again it is there."""
    after = service.story.last()
    sim.fault("badnode:PT-303:0s:6s")
    named = service.story.until("link.bad_node", "R", after=after)
    assert "PT-303" in named.text
    assert link(service, "R")["bad_nodes"] == 1
    service.story.when(lambda: is_bad(service.story.samples("PT-303")[-1].status) or None, "PT-303 Bad")
    assert is_good(service.story.samples(TAGS["R"])[-1].status)
    service.story.until("link.node_back", "R", after=named.seq)
    service.story.when(lambda: is_good(service.story.samples("PT-303")[-1].status) or None, "PT-303 Good")
    assert service.story.events("link.lost", "R", after=after) == []


def test_what_acts_and_cannot_see_trips_where_it_can_reach_and_says_where_it_cannot(tmp_path: Path) -> None:
    """The university plant with an `unknown_delay` of 4 s, so that nobody waits for thirty."""
    plant = tmp_path / "plants" / "university"
    shutil.copytree(find_plant("university"), plant)
    rules = plant / "interlocks.yaml"
    rules.write_text(re.sub(r"unknown_delay: \d+ s", "unknown_delay: 4 s", rules.read_text()))
    with (
        plcs(tmp_path / "sim", str(plant)) as sim,
        Service(tmp_path / "data", str(plant), sim.endpoints) as service,
    ):
        begun(service)
        away = begin(service, sim, "kill:L:14s")
        event = lost(service, away)
        story = service.story
        purifier = story.until("interlock.tripped", "S-05", after=event.seq)
        assert (purifier.data["reason"], purifier.data["first_out"]) == ("unknown", "unknown")
        assert 4.0 - UPDATE_S < (purifier.utc_ns - event.utc_ns) / SECOND_NS < 4.0 + ROOM_S
        story.when(lambda: True if _effects(service, "S-05") <= {"done"} else None, "the feed valves shut")
        dewar = story.until("interlock.tripped", "S-11", after=event.seq)
        assert dewar.data["reason"] == "unknown"
        refused = story.until("command.result", "XV-811.CMD", after=event.seq)
        assert (refused.data["result"], refused.data["how"]) in {
            ("unknown", "unreachable"),
            ("done", "already"),
        }
        tripped = {one.source for one in story.events("interlock.tripped", after=event.seq)}
        assert {one for one in tripped if one.startswith("S-")} == {"S-05", "S-06", "S-11"}, "the others see"
        assert not {name for name in tripped if name.startswith("I-")}, "what the PLC enforces is not judged"
        back(service, away, event)
        assert service.interlock("S-05")["state"] == "tripped", "latched: a person resets it"


def _effects(service: Service, name: str) -> set[str]:
    return {effect["result"] for effect in service.interlock(name)["effects"]}
