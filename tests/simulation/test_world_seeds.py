"""Random faults and a busy operator: nothing unsafe is written, nothing is forgotten, nothing is made up."""

from __future__ import annotations

import pytest

from controller.core.effects import Write
from controller.simulator import ScheduledFault
from tests.simulation.seeds import command_line, run_seed
from tests.simulation.unsafe import Judge
from tests.simulation.worlds import world

SHORT_S = 600.0
SEEDS = (6, 7, 17, 30)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_no_write_is_unsafe_and_a_restart_forgets_nothing(seed: int) -> None:
    outcome = run_seed(seed, SHORT_S)
    assert outcome.wrong == (), command_line(seed, SHORT_S)
    assert outcome.trips > 0
    assert outcome.writes > 0


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert run_seed(30, 150.0).document == run_seed(30, 150.0).document


def test_the_judge_sees_an_unsafe_write() -> None:
    """S-05 has shut the feed valves; somebody writes 'open', then the same number again."""
    made = world(ScheduledFault("F4", 0.0))
    judge = Judge(made)
    while made.plant_s < 100.0:
        judge.step()
    assert judge.found == []
    command = next(one for one in made.plant.commands if one.name == "XV-412B.CMD")
    fields = ((command.word, 1.0), (command.epoch, 1.0), (command.sequence, 9.0))
    for _ in range(2):
        judge.pending.append((Write(command.plc, 99, fields, 0.0), False))
    judge.step()
    texts = " ".join(judge.found)
    assert "less safe than 'shut', for which S-05 stands" in texts
    assert "was sent by the service itself" in texts
    assert "not in remote mode" in texts
    assert "sequence number 9 twice" in texts
