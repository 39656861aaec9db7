"""kill -9 at random moments; two hundred of them are in `make bench ARGS=kills`."""

from __future__ import annotations

from pathlib import Path

from controller.plant.config import find_plant, load
from controller.record.verify import verify
from tests.system.kills import BAG, PURIFIER, campaign
from tests.system.observer import Observer
from tests.system.service import Service, no_file_grows, plcs


def test_killed_at_any_moment_it_forgets_no_trip_and_no_bypass_and_sends_nothing_twice(
    tmp_path: Path,
) -> None:
    tally = campaign(tmp_path, BAG, kills=6, seed=3)
    assert tally.kills == 6
    assert tally.trips >= 1
    assert tally.intents >= tally.sent >= 1


def test_the_same_with_three_plcs_and_twelve_commands(tmp_path: Path) -> None:
    tally = campaign(tmp_path, PURIFIER, kills=4, seed=4)
    assert tally.kills == 4
    assert tally.trips >= 1
    assert tally.acknowledged >= 1


def test_killed_between_a_trip_s_write_and_its_journal_row_it_latches_again_and_sends_nothing(
    tmp_path: Path,
) -> None:
    """The disk takes nothing from before the trip on, so that only the intent ring knows of it."""
    plant = load(find_plant("tutorial")).plant
    assert plant is not None
    with (
        plcs(tmp_path / "sim", "tutorial", "F8@0s", speed=200.0, hold=True) as sim,
        Service(tmp_path / "data", "tutorial", sim.endpoints, speed=200.0) as service,
        Observer(plant, "R", sim.endpoints["R"], ["C-301.SEQ", "C-301.ECHO"]) as plc,
    ):
        service.start_ready()
        service.story.until("link.restored", "R")
        no_file_grows(service, beyond=4096)
        sim.begin()
        plc.until("C-301.ECHO", lambda echo: echo == 1)
        service.program.kill()
        assert service.story.events("interlock.tripped") == []
        assert service.story.events("command.") == []

        service.start_ready()
        latched = service.story.until("interlock.tripped", "S-01")
        assert latched.data["restored"]
        assert latched.data["first_out"] == "LT-201<10"
        reconciled = service.story.until("intent.reconciled", "C-301.CMD")
        assert (reconciled.data["sequence"], reconciled.data["word"]) == (1, "stop")
        result = service.story.until("command.result", "C-301.CMD")
        assert result.data["result"] == "done"
        row = service.interlock("S-01")
        assert (row["state"], row["trips"], row["latched"]) == ("tripped", 1, True)
        service.program.terminate()
        assert service.story.events("command.intent") == []
        assert [value for value in plc.values("C-301.SEQ") if value] == [1]
    assert verify(service.data).good
