"""Two services and one PLC: the newer owner has it, the older one sees that and lets go."""

from __future__ import annotations

from pathlib import Path

from controller.cli.tables import status_text
from controller.plant.config import find_plant, load
from tests.system.observer import Observer
from tests.system.service import Service, plcs

WRITTEN = ("WD-994.R", "OWNER-EPOCH.R", "C-301.CMD", "C-301.SEQ", "C-301.EPOCH", "C-301.ECHO", "C-301.RESULT")


def test_a_newer_owner_takes_over_and_the_older_writes_nothing_any_more(tmp_path: Path) -> None:
    plant = load(find_plant("tutorial")).plant
    assert plant is not None
    with (
        plcs(tmp_path / "sim", "tutorial") as sim,
        Service(tmp_path / "older", "tutorial", sim.endpoints) as older,
        Service(tmp_path / "newer", "tutorial", sim.endpoints) as newer,
        Observer(plant, "R", sim.endpoints["R"], [*WRITTEN, "XS-301", "HS-390.R"]) as plc,
    ):
        older.start_ready()
        first = older.story.until("service.started").data["epoch"]
        newer.start_ready()
        second = newer.story.until("service.started").data["epoch"]
        assert second > first

        fenced = older.story.until("epoch.refused", "R")
        assert fenced.severity >= 800
        assert f"epoch {first} is refused" in fenced.text
        assert older.plc("R")["fenced"]
        assert "a newer service owns it" in status_text(older.status())
        plc.until("OWNER-EPOCH.R", lambda epoch: epoch == second)
        mark = plc.mark()
        refused = older.request("command", "C-301.CMD", word="stop", reason="does not know better")
        assert (refused["accepted"], refused["reason"]) == (False, "C-301.CMD: epoch")
        assert older.story.events("command.intent") == []
        stop = newer.request("command", "C-301.CMD", word="stop", reason="end of the day")
        assert stop["accepted"], stop
        result = newer.story.until("command.result", "C-301.CMD")
        assert (result.data["result"], result.data["how"]) == ("done", "proved")

        beats = [one.value for one in plc.seen[mark:] if one.tag == "WD-994.R"]
        plc.until("WD-994.R", lambda beat: beat == beats[-1] + 3, after=mark)
        since = plc.seen[mark:]
        counted = [one.value for one in since if one.tag == "WD-994.R"]
        assert counted == list(range(counted[0], counted[0] + len(counted))), "one counter, the newer one's"
        assert {one.value for one in since if one.tag == "OWNER-EPOCH.R"} <= {second}
        assert [one.value for one in since if one.tag == "C-301.SEQ"] == [1]
        assert plc.values("HS-390.R") == [True], "remote mode was never lost"

        older.program.terminate()
        assert [event.source for event in older.story.events("epoch.refused")] == ["R"]


def test_a_service_that_comes_back_is_the_newer_owner_again(tmp_path: Path) -> None:
    with (
        plcs(tmp_path / "sim", "tutorial") as sim,
        Service(tmp_path / "one", "tutorial", sim.endpoints) as one,
        Service(tmp_path / "other", "tutorial", sim.endpoints) as other,
    ):
        one.start_ready()
        other.start_ready()
        one.story.until("epoch.refused", "R")
        one.program.kill()
        one.start_ready()
        other.story.until("epoch.refused", "R")
        assert not one.plc("R")["fenced"]
        assert one.request("command", "C-301.CMD", word="stop")["accepted"]
        assert one.story.until("command.result").data["result"] == "done"
