"""Start inhibit: how often a machine has started lately, whoever started it.

A word with `at_most` (times, plant seconds) counts each time its proof turns from false to true. Above
the count people are refused the word; the PLC's own starts are the PLC's affair. The counts survive a
restart as events (`machine.started`), their ages then by UTC.
"""

from __future__ import annotations

from collections.abc import Iterator

from alarms.signal import Tri
from controller.core.clock import Now
from controller.core.conditions import LeafState, Node, Sight, compiled
from controller.core.step import Decisions
from controller.core.wording import span
from controller.plant.plant import Command, Plant, Word


class Starts:
    """Per command: the last verdict of the counted word's proof, and when it came true, in plant seconds."""

    def __init__(self, plant: Plant, sight: Sight, decisions: Decisions) -> None:
        self.plant = plant
        self.sight = sight
        self.decisions = decisions
        self.words: dict[int, Word] = {}
        self.nodes: dict[int, Node] = {}
        for command in plant.commands:
            for word in command.words:
                if word.at_most is not None and word.proof is not None:
                    self.words[command.index] = word
                    self.nodes[command.index] = compiled(word.proof, strict=True)
        self.seen: dict[int, Tri] = dict.fromkeys(self.nodes, Tri.UNKNOWN)
        self.started_s: dict[int, list[float]] = {index: [] for index in self.nodes}

    def begin(self, now: Now) -> None:
        for index in self.nodes:
            record = self.decisions.durable.command(self.plant.commands[index].name)
            self.started_s[index] = [
                now.plant_s - (now.utc_ns - started) / 1e9 for started in record.started_utc_ns
            ]

    def inputs(self, command: int) -> Iterator[int]:
        if command in self.nodes:
            yield from self.nodes[command].tags()

    def look(self, command: Command) -> None:
        """Counts a start. What was not seen as off before is none: after a lost link it may run for long."""
        node = self.nodes.get(command.index)
        if node is None:
            return
        before, answer = self.seen[command.index], node.evaluate(self.sight)
        if answer is not Tri.UNKNOWN:
            self.seen[command.index] = answer
        if before is Tri.FALSE and answer is Tri.TRUE:
            now = self.decisions.now
            times, per_s = self._limit(command)
            recent = [at for at in self.started_s[command.index] if now.plant_s - at < per_s]
            self.started_s[command.index] = [*recent, now.plant_s]
            text = f"{command.name}: start {len(recent) + 1} of {times} in {span(per_s)}"
            self.decisions.say("machine.started", command.name, text, {"at_s": now.plant_s})

    def _limit(self, command: Command) -> tuple[int, float]:
        limit = self.words[command.index].at_most
        assert limit is not None  # only such words are kept
        return limit

    def refusal(self, command: Command, word: Word) -> str:
        """Why this word has to wait; '' when it has not."""
        if self.words.get(command.index) is not word:
            return ""
        times, per_s = self._limit(command)
        now_s = self.decisions.now.plant_s
        recent = sorted(at for at in self.started_s[command.index] if now_s - at < per_s)
        if len(recent) < times:
            return ""
        wait_s = recent[-times] + per_s - now_s
        return f"{command.name} has started {len(recent)} times in {span(per_s)}: {span(wait_s)} to wait"

    def states(self) -> Iterator[LeafState]:
        for node in self.nodes.values():
            yield from node.states()
