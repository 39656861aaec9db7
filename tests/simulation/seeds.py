"""One seed: random faults and a busy operator for a while, and everything that must hold all the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import inf
from random import Random

import msgspec

from controller.core.core import Core
from controller.core.effects import Event
from controller.core.inputs import Request
from controller.simulator import SimulatedPlant, random_faults
from controller.simulator.world import World
from tests.simulation.unsafe import Judge
from tests.simulation.worlds import reported, university, world

ASKS_EVERY_S = 45.0
BALANCE_REL_MAX = 1e-6


@dataclass(frozen=True)
class Outcome:
    """wrong: what did not hold, in words. document: the report's bytes."""

    seed: int
    wrong: tuple[str, ...]
    document: str
    trips: int
    writes: int
    raised: int


class Operator:
    """Asks for this and that at random: words of commands, resets, bypasses, the button at the machine."""

    def __init__(self, made: World, seed: int) -> None:
        self._world = made
        self._rng = Random(seed)
        self._next_s = self._rng.uniform(0.0, ASKS_EVERY_S)
        self._number = 0

    def act(self) -> None:
        if self._world.plant_s < self._next_s:
            return
        self._next_s = self._world.plant_s + self._rng.uniform(1.0, 2.0 * ASKS_EVERY_S)
        plant, choice = self._world.plant, self._rng.random()
        if choice < 0.4:
            command = self._rng.choice(plant.commands)
            self._ask("command", command.name, {"word": self._rng.choice(command.words).name})
        elif choice < 0.85:
            standing = [name for name, record in self._world.core.durable.interlocks.items() if record.trip]
            if standing:
                self._ask("reset", self._rng.choice(sorted(standing)), {})
        elif choice < 0.95:
            self._ask("bypass", self._rng.choice(plant.interlocks).name, {"for_s": 300.0})
        else:
            machine = self._world.machine
            assert isinstance(machine, SimulatedPlant)
            machine.local_reset()

    def _ask(self, action: str, target: str, args: dict[str, object]) -> None:
        self._number += 1
        who = f"user{self._number}"
        self._world.ask(Request(who, who, "supervisor", action, target, dict(args), "trying things", who))


def run_seed(seed: int, for_s: float, *, step_s: float = 1.0) -> Outcome:
    """Random faults by this seed, which is also the plant's."""
    made = world(*random_faults(seed, for_s), seed=seed, step_s=step_s)
    judge, operator = Judge(made), Operator(made, seed)
    while made.plant_s < for_s:
        operator.act()
        judge.step()
    document = reported(made, seed)
    wrong = [*judge.found, *_plant_wrong(made), *_restart_wrong(made)]
    raised = sum(alarm["event"] == "raised" for alarm in document["alarms"])
    text = json.dumps(document, ensure_ascii=False)
    return Outcome(seed, tuple(wrong), text, len(document["trips"]), len(made.writes), raised)


def _plant_wrong(made: World) -> list[str]:
    machine = made.machine
    assert isinstance(machine, SimulatedPlant)
    found = list(machine.violations())
    balance = machine.balance()
    scale = balance["start_kg"] + balance["supplied_kg"]
    if abs(balance["error_kg"]) > BALANCE_REL_MAX * scale:
        found.append(f"the helium balance is off by {balance['error_kg']:.3g} kg")
    return found


def _restart_wrong(made: World) -> list[str]:
    """What a restarted service folds from the journal is what the living one knows."""
    journal = [msgspec.json.decode(msgspec.json.encode(event), type=Event) for event in made.events]
    again = Core(university(), 2)
    again.restore(journal)
    found = []
    if again.durable.bare() != made.core.durable.bare():
        found.append("interlocks or commands differ after a restart")
    living, folded = _facts(made.core), _facts(again)
    found += [
        f"alarm {name} differs after a restart: {living.get(name)} was {folded.get(name)}"
        for name in sorted(living.keys() | folded.keys())
        if living.get(name) != folded.get(name)
    ]
    return found


def _facts(core: Core) -> dict[str, object]:
    engine = core.alarming.engine
    return {name: (engine.facts(name), engine.shown(name)) for name in engine.points}


def command_line(seed: int, for_s: float) -> str:
    """What shows the same faults again (without the operator)."""
    faults = ",".join(f"{fault.name}@{fault.at_s:g}s" for fault in random_faults(seed, for_s))
    length = f"{for_s:g}s" if for_s < inf else "1h"
    return f"heloop simulate university --for {length} --seed {seed} --fault {faults}"
