"""Was any write unsafe? Judged from events and bytes alone, by rules written down a second time.

Nothing of controller/core is used but what it told the world: events and writes. The PLCs' remote mode is
taken from the simulated PLCs themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controller.core.effects import Event, Write
from controller.plant.plant import Command, Origin, Plant
from controller.simulator import SimulatedPlant
from controller.simulator.world import World

ATTEMPTS = 3


@dataclass
class Sent:
    """The last word sent to a command: for which trips, and what was said of it since."""

    word: str
    sequence: float
    settles: frozenset[tuple[str, int]]
    again: bool = False  # since then something was told that allows to send it again


@dataclass
class Judge:
    """Follow a world with `watch`; `found` then holds what should not have been written, in words."""

    world: World
    found: list[str] = field(default_factory=list)
    standing: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)  # trip -> number, words
    bypassed: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    asked: set[tuple[str, str, str]] = field(default_factory=set)  # user, command, word
    sent: dict[str, Sent] = field(default_factory=dict)
    count: dict[tuple[str, int, str], int] = field(default_factory=dict)
    read: int = 0

    def __post_init__(self) -> None:
        self.plant: Plant = self.world.plant
        self.words: dict[int, Command] = {command.word: command for command in self.plant.commands}
        self.pending: list[tuple[Write, bool]] = []
        self.world.on_write = self._note

    def _note(self, write: Write) -> None:
        if write.intent:
            self.pending.append((write, self._remote(write.plc)))

    def _remote(self, plc: int) -> bool:
        machine = self.world.machine
        assert isinstance(machine, SimulatedPlant)
        tag = self.plant.plcs[plc].remote
        return tag is None or any(row[0] == tag and row[1] == 1.0 for row in machine.readings(plc))

    def step(self) -> None:
        """One step of the world; what was written in it is judged with what was told in it."""
        before = dict(self.standing)
        self.world.step()
        for event in self.world.events[self.read :]:
            self._hear(event)
        self.read = len(self.world.events)
        for write, remote in self.pending:
            self._judge(write, remote, before)
        self.pending.clear()

    # --- what was told ---------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "interlock.tripped":
                self._tripped(event.source, data)
            case "interlock.reset":
                if self.standing.pop(event.source, None) is None:
                    self._bad(event.plant_s, f"{event.source} was reset without standing")
            case "bypass.active":
                self.bypassed.add(event.source)
            case "bypass.expired" | "bypass.ended":
                self.bypassed.discard(event.source)
            case "permissive.withheld":
                self.withheld.add(event.source)
            case "permissive.granted":
                self.withheld.discard(event.source)
            case "request.accepted" if data["action"] == "command":
                self.asked.add((data["user"], data["target"], data["args"]["word"]))
            case "command.result" if event.source in self.sent:
                how = data["result"] != "done"
                self.sent[event.source].again |= how
            case "command.undone" if event.source in self.sent:
                self.sent[event.source].again = True

    def _tripped(self, name: str, data: dict[str, Any]) -> None:
        if name in self.standing:
            self._bad(data["at_s"], f"{name} tripped while it stood")
        causes = [cause["id"] for cause in data["causes"]]
        if data["first_out"] not in (*causes, "undetermined", "unknown"):
            self._bad(
                data["at_s"], f"{name} has the first-out {data['first_out']!r}, its causes are {causes}"
            )
        words = {one["tag"]: one["value"] for one in data["effects"] if one["kind"] == "command"}
        self.standing[name] = data["number"], words

    # --- what was written ------------------------------------------------------------------------

    def _judge(self, write: Write, remote: bool, before: dict[str, tuple[int, dict[str, str]]]) -> None:
        at_s = self.world.plant_s
        command, word = self._meaning(write)
        names = [one.name for one in command.words]
        what = f"{command.name} '{word}'"
        if not remote:
            self._bad(at_s, f"{what} went to a PLC that is not in remote mode")
        for trip in self.standing.keys() & before.keys() - self.bypassed:
            wanted = self.standing[trip][1].get(command.name)
            if wanted is not None and names.index(word) > names.index(wanted):
                self._bad(at_s, f"{what} is less safe than '{wanted}', for which {trip} stands")
        self._origin(write, command, word, at_s)
        self._again(write, command, word, at_s)

    def _meaning(self, write: Write) -> tuple[Command, str]:
        """Word, epoch, sequence of one command, in this order, all in one request."""
        tags = [tag for tag, _ in write.fields]
        command = self.words[tags[0]]
        if tags != [command.word, command.epoch, command.sequence]:
            self._bad(self.world.plant_s, f"{command.name} was written as {tags}")
        if write.plc != command.plc:
            self._bad(self.world.plant_s, f"{command.name} was written to PLC {write.plc}")
        word = next(one.name for one in command.words if one.value == write.fields[0][1])
        return command, word

    def _origin(self, write: Write, command: Command, word: str, at_s: float) -> None:
        user = str(write.context.get("user", ""))
        if user:
            if (user, command.name, word) not in self.asked:
                self._bad(at_s, f"{command.name} '{word}' for {user}, who did not ask for it")
            self.asked.discard((user, command.name, word))
            guards = [one.name for one in self.plant.permissives if (command.index, word) in one.guards]
            if blocked := self.withheld.intersection(guards):
                self._bad(at_s, f"{command.name} '{word}' though {blocked} is withheld")
            return
        if command.named(word).origin is not Origin.AUTOMATIC:
            self._bad(at_s, f"{command.name} '{word}' was sent by the service itself")
        behind = [trip for trip, (_, words) in self.standing.items() if words.get(command.name)]
        if not set(behind) - self.bypassed:
            self._bad(at_s, f"{command.name} '{word}' was sent, and no trip stands that asks for it")

    def _again(self, write: Write, command: Command, word: str, at_s: float) -> None:
        sequence = write.fields[2][1]
        last = self.sent.get(command.name)
        settles = frozenset(
            (trip, number)
            for trip, (number, words) in self.standing.items()
            if words.get(command.name) == word
        )
        if write.context.get("user"):
            settles = frozenset()
        if last is not None:
            if sequence == last.sequence:
                self._bad(at_s, f"{command.name} has the sequence number {sequence:g} twice")
            if last.word == word and last.settles & settles and not last.again and settles <= last.settles:
                self._bad(at_s, f"{command.name} '{word}' was sent twice for {sorted(settles)}")
        if sequence == 0:
            self._bad(at_s, f"{command.name} has the sequence number 0")
        for trip, number in settles:
            key = (trip, number, f"{command.name} {word}")
            self.count[key] = self.count.get(key, 0) + 1
            if self.count[key] > 2 * ATTEMPTS:
                self._bad(
                    at_s, f"{command.name} '{word}' was sent {self.count[key]} times for {trip} {number}"
                )
        self.sent[command.name] = Sent(word, sequence, settles)

    def _bad(self, at_s: float, text: str) -> None:
        self.found.append(f"{at_s:.1f} s: {text}")
