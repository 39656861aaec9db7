"""Commands on their way: written, followed to their result, overtaken, fenced.

One write of a command is under way at a time. What is asked for, and whether it may be sent, is decided
by whoever calls `send`: the standing trips (commands.py) or a person's request (requests.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from alarms.signal import Tri
from controller.core.conditions import Node, Sight, compiled
from controller.core.demand import PAUSE_S, Settle, Want, rank_of, trips_behind
from controller.core.durable import CommandRecord, Flight
from controller.core.effects import Write
from controller.core.handshake import ECHO_S, Outcome, Progress, Seen, judge, next_sequence
from controller.core.liveness import Liveness
from controller.core.step import Decisions
from controller.plant.plant import Command, Plant, Word

TRANSPORT_S: Final = 2.0


@dataclass(slots=True)
class Live:
    """progress: of the flight, if any. Wall seconds: undone_s since which feedback denies what was done,
    pause_until_s after a refusal, asked_s of the oldest unanswered trip; due_s: when to look again."""

    progress: Progress | None = None
    pause_until_s: float = -inf
    undone_s: float | None = None
    asked_s: float | None = None
    sent_word_s: float = -inf
    due_s: float = inf
    proofs: dict[str, Node] = field(default_factory=dict)


class Flights:
    """The handshakes of all commands. `lives` is what is remembered of each between two looks."""

    def __init__(
        self, plant: Plant, sight: Sight, decisions: Decisions, liveness: Liveness, epoch: int
    ) -> None:
        self.plant = plant
        self.sight = sight
        self.decisions = decisions
        self.liveness = liveness
        self.epoch = epoch
        self.fenced: set[int] = set()
        self.lives = [Live(proofs=_proofs(command)) for command in plant.commands]

    def record(self, command: Command) -> CommandRecord:
        return self.decisions.durable.command(command.name)

    def proof(self, command: Command, word: Word) -> Tri | None:
        node = self.lives[command.index].proofs.get(word.name)
        return None if node is None else node.evaluate(self.sight)

    def is_local(self, command: Command) -> bool:
        """The PLC says, with a Good value, that it takes no commands from us."""
        remote = self.plant.plcs[command.plc].remote
        return remote is not None and self.sight.image.good_value(remote) == 0

    def obstacle(self, command: Command, proof: Tri | None) -> Outcome | None:
        """Why nothing can be sent now, as a result; None when something can."""
        if not self.liveness.is_alive(command.plc):
            return Outcome("unknown", "unreachable")
        if command.plc in self.fenced:
            return Outcome("refused", "epoch")
        if self.is_local(command):
            return Outcome("refused", "local")
        if command.style == "toggle" and proof is Tri.UNKNOWN:
            return Outcome("unknown", "no feedback")
        return None

    def written(self, intent: int, status: int) -> int | None:
        """Notes the transport's answer to a write; the command it was for, None when it is over."""
        for command in self.plant.commands:
            flight = self.record(command).flight
            progress = self.lives[command.index].progress
            if flight is not None and flight.intent == intent and progress is not None:
                progress.status = status
                return command.index
        return None

    def follow(self, command: Command, live: Live, flight: Flight, wants: list[Want]) -> None:
        """The command in flight: is it decided?"""
        if live.progress is None:  # from before a restart
            now_s = self.decisions.now.mono_s
            live.progress = Progress(now_s, now_s, again=True)
        word = next((one for one in command.words if one.name == flight.word), None)
        if word is None:
            gone = Outcome("unknown", "the plant files have the word no longer")
            self.finish(command, live, flight, gone, wants)
            return
        image = self.sight.image
        seen = Seen(
            image.good_value(command.echo),
            image.good_value(command.result),
            self.proof(command, word),
            self.liveness.is_alive(command.plc),
        )
        found = judge(flight.sequence, word.within_s, live.progress, seen, self.decisions.now.mono_s)
        if isinstance(found, Outcome):
            self.finish(command, live, flight, found, wants)
            return
        live.due_s = min(live.due_s, found.due_s)
        if found.no_echo and not live.progress.no_echo_told:
            live.progress.no_echo_told = True
            text = f"{command.name}: no echo of '{word.name}' within {ECHO_S:g} s; waiting for the feedback"
            data = {"intent": flight.intent, "sequence": flight.sequence, "word": word.name}
            self.decisions.say("command.no_echo", command.name, text, data)

    def finish(
        self, command: Command, live: Live, flight: Flight, outcome: Outcome, wants: list[Want]
    ) -> None:
        settles = list(flight.settles)
        rank = rank_of(command, flight.word)
        for want in wants:  # a less demanding word is served by a safer one
            if want.rank >= rank and want.settle not in settles and want.effect.result != "done":
                settles.append(want.settle)
        progress = live.progress
        assert progress is not None
        unanswered = flight.sequence if outcome.result == "unknown" else None
        ms = round((self.decisions.now.mono_s - progress.asked_s) * 1e3, 3)
        self.say_result(command, flight.word, outcome, settles, ms, unanswered, flight)
        if outcome.result == "done":
            live.sent_word_s = -inf  # nothing of it is still to come
        if outcome.how in PAUSE_S:
            live.pause_until_s = self.decisions.now.mono_s + PAUSE_S[outcome.how]
        if outcome.how == "epoch":
            self.fence(command.plc)
        live.progress = None

    def say_result(
        self,
        command: Command,
        word: str,
        outcome: Outcome,
        settles: list[Settle],
        ms: float | None,
        unanswered: int | None = None,
        flight: Flight | None = None,
    ) -> None:
        names = sorted({name for name, _, _ in settles})
        asked = ", ".join(names) or (flight.user if flight is not None else "")
        text = f"{command.name} '{word}' for {asked}: {outcome.result}, {outcome.how}"
        data: dict[str, Any] = {
            "intent": flight.intent if flight is not None else None,
            "sequence": flight.sequence if flight is not None else None,
            "word": word,
            "result": outcome.result,
            "how": outcome.how,
            "code": outcome.code,
            "ms": ms,
            "settles": [list(settle) for settle in settles],
            "user": flight.user if flight is not None else "",
            "unanswered": unanswered,
        }
        severity = 200 if outcome.result == "done" else 700
        if outcome.result != "done" and flight is None:  # nothing was sent: what was, is as open as before
            data["unanswered"] = self.record(command).unanswered
        self.decisions.say("command.result", command.name, text, data, severity)

    def fence(self, plc_index: int) -> None:
        """A newer owner has this PLC: nothing is written to it any more, no command and no heartbeat."""
        if plc_index in self.fenced:
            return
        self.fenced.add(plc_index)
        plc = self.plant.plcs[plc_index]
        text = f"{plc.name} obeys a newer owner: this service's epoch {self.epoch} is refused"
        self.decisions.say("epoch.refused", plc.name, text, {"epoch": self.epoch})

    def is_being_written(self, command: Command) -> bool:
        """Its write has not landed yet; after TRANSPORT_S nobody waits for that any more."""
        progress = self.lives[command.index].progress
        if progress is None or progress.again or progress.status is not None:
            return False
        return self.decisions.now.mono_s < progress.sent_s + TRANSPORT_S

    def overtake(self, command: Command, word: Word) -> None:
        """Ends the command in flight, if any, in favour of a safer word."""
        live, flight = self.lives[command.index], self.record(command).flight
        if flight is not None:
            now_s = self.decisions.now.mono_s
            live.progress = live.progress or Progress(now_s, now_s, again=True)
            how = f"overtaken by '{word.name}'"
            self.finish(command, live, flight, Outcome("refused", how), [])

    def send(self, command: Command, word: Word, settles: list[Settle], user: str, asked_s: float) -> int:
        """Writes word, epoch and sequence; the intent goes along so that a killed service can tell."""
        now, live, image = self.decisions.now, self.lives[command.index], self.sight.image
        record = self.record(command)
        taken = (image.good_value(command.echo), image.good_value(command.sequence))
        sequence = next_sequence(record.sequence, taken)
        intent = self.decisions.durable.intent + 1
        data: dict[str, Any] = {
            "intent": intent,
            "word": word.name,
            "value": word.value,
            "sequence": sequence,
            "epoch": self.epoch,
            "settles": [list(settle) for settle in settles],
            "user": user,
        }
        asked = ", ".join(sorted({name for name, _, _ in settles})) or user
        text = f"{command.name} '{word.name}' (sequence {sequence}) for {asked}"
        context = {
            "command": command.name,
            "utc_ns": now.utc_ns,
            **data,
            "trips": trips_behind(self.decisions.durable, settles),
        }
        self.decisions.say("command.intent", command.name, text, data, 300)
        fields = (
            (command.word, float(word.value)),
            (command.epoch, float(self.epoch)),
            (command.sequence, float(sequence)),
        )
        self.decisions.write(Write(command.plc, intent, fields, now.mono_s + TRANSPORT_S, context))
        live.progress = Progress(asked_s, now.mono_s)
        live.sent_word_s = now.mono_s
        live.asked_s = None
        live.due_s = min(live.due_s, now.mono_s + ECHO_S)
        return intent


def _proofs(command: Command) -> dict[str, Node]:
    return {word.name: compiled(word.proof, strict=True) for word in command.words if word.proof is not None}
