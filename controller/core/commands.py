"""Commands: several trips on one command resolve to its safest word, which is then sent once.

If feedback proves the word before anything is sent, nothing is sent: done, `already`. A toggle is sent
only when Good feedback says that the machine is not there yet. A safer word overtakes a less safe one
that waits for its feedback. When a word may be sent again is in demand.py; the words of people never are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from alarms.signal import Tri
from controller.core.conditions import Node, Sight, compiled
from controller.core.demand import (
    ATTEMPTS_MAX,
    PAUSE_S,
    Settle,
    Situation,
    Want,
    asks,
    rank_of,
    trips_behind,
)
from controller.core.durable import PENDING, CommandRecord, Flight
from controller.core.effects import Write
from controller.core.handshake import ECHO_S, Outcome, Progress, Seen, judge, next_sequence
from controller.core.interlocks import Interlocks
from controller.core.starts import Starts
from controller.core.step import Decisions
from controller.plant.plant import Command, CommandEffect, Plant, Word

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


class Commands:
    """All commands of a plant. `look` decides what has to be sent, and what became of what was sent."""

    def __init__(self, plant: Plant, interlocks: Interlocks, epoch: int) -> None:
        self.plant = plant
        self.interlocks = interlocks
        self.sight: Sight = interlocks.sight
        self.decisions: Decisions = interlocks.decisions
        self.epoch = epoch
        self.fenced: set[int] = set()
        self.lives = [Live(proofs=_proofs(command)) for command in plant.commands]
        self._users: list[list[tuple[int, int, int]]] = [[] for _ in plant.commands]
        for rule in plant.interlocks:
            for index, effect in enumerate(rule.effects):
                if isinstance(effect, CommandEffect):
                    rank = rank_of(plant.commands[effect.command], effect.word)
                    self._users[effect.command].append((rule.index, index, rank))
        self._dirty: set[int] = set(range(len(plant.commands)))
        self._due_s: float | None = None  # the soonest of all, until one is looked at
        self.starts = Starts(plant, self.sight, self.decisions)

    def record(self, command: Command) -> CommandRecord:
        return self.decisions.durable.command(command.name)

    def inputs(self, index: int) -> set[int]:
        """The tags after which a command has to be looked at."""
        command = self.plant.commands[index]
        remote = self.plant.plcs[command.plc].remote
        tags = {command.echo, command.result}
        tags.update(tag for node in self.lives[index].proofs.values() for tag in node.tags())
        tags.update(self.starts.inputs(index))
        return tags if remote is None else tags | {remote}

    def touch(self, commands: Iterable[int]) -> None:
        self._dirty.update(commands)

    def touch_plc(self, plc: int) -> None:
        self._dirty.update(command.index for command in self.plant.commands if command.plc == plc)

    def touch_late(self, now_s: float) -> None:
        if self.due_s() > now_s:
            return
        self._dirty.update(index for index, live in enumerate(self.lives) if live.due_s <= now_s)

    def quiet(self) -> None:
        """Nothing is to be looked at: between two steps it never is."""
        self._dirty.clear()
        self._due_s = None

    def due_s(self) -> float:
        if self._due_s is None:
            self._due_s = min((live.due_s for live in self.lives), default=inf)
        return self._due_s

    def settle(self) -> None:
        if not self._dirty:
            return
        self._due_s = None
        dirty, self._dirty = sorted(self._dirty), set()
        for index in dirty:
            self._look(self.plant.commands[index])

    def written(self, intent: int, status: int) -> None:
        """The transport's answer to a write. Heartbeats have no intent: their loss shows in the PLC."""
        if not intent:
            return
        for command in self.plant.commands:
            flight = self.record(command).flight
            progress = self.lives[command.index].progress
            if flight is not None and flight.intent == intent and progress is not None:
                progress.status = status
                self._dirty.add(command.index)

    # --- one command ---------------------------------------------------------------------------

    def _look(self, command: Command) -> None:
        live = self.lives[command.index]
        live.due_s = inf
        self.sight.due_s = inf
        self.starts.look(command)
        record = self.record(command)
        wants = self._wants(command)
        if record.flight is not None:
            self._follow(command, live, record.flight, wants)
        if record.flight is None or self._may_overtake(command, live, record.flight, wants):
            self._serve(command, live, wants)

    def _wants(self, command: Command) -> list[Want]:
        wants = []
        for interlock, index, rank in self._users[command.index]:
            trip = self.interlocks.record(interlock).trip
            if trip is not None and index in trip.effects and self.interlocks.stands(interlock):
                settle = (self.plant.interlocks[interlock].name, trip.number, index)
                wants.append(Want(settle, rank, trip.effects[index]))
        return wants

    def proof(self, command: Command, word: Word) -> Tri | None:
        node = self.lives[command.index].proofs.get(word.name)
        return None if node is None else node.evaluate(self.sight)

    def _follow(self, command: Command, live: Live, flight: Flight, wants: list[Want]) -> None:
        """The command in flight: is it decided?"""
        if live.progress is None:  # from before a restart
            now_s = self.decisions.now.mono_s
            live.progress = Progress(now_s, now_s, again=True)
        word = next((one for one in command.words if one.name == flight.word), None)
        if word is None:
            gone = Outcome("unknown", "the plant files have the word no longer")
            self._finish(command, live, flight, gone, wants)
            return
        image = self.sight.image
        seen = Seen(
            image.good_value(command.echo),
            image.good_value(command.result),
            self.proof(command, word),
            self.interlocks.liveness.is_alive(command.plc),
        )
        found = judge(flight.sequence, word.within_s, live.progress, seen, self.decisions.now.mono_s)
        if isinstance(found, Outcome):
            self._finish(command, live, flight, found, wants)
            return
        live.due_s = min(live.due_s, found.due_s)
        if found.no_echo and not live.progress.no_echo_told:
            live.progress.no_echo_told = True
            text = f"{command.name}: no echo of '{word.name}' within {ECHO_S:g} s; waiting for the feedback"
            data = {"intent": flight.intent, "sequence": flight.sequence, "word": word.name}
            self.decisions.say("command.no_echo", command.name, text, data)

    def _finish(
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
        self._say_result(command, flight.word, outcome, settles, ms, unanswered, flight)
        if outcome.result == "done":
            live.sent_word_s = -inf  # nothing of it is still to come
        if outcome.how in PAUSE_S:
            live.pause_until_s = self.decisions.now.mono_s + PAUSE_S[outcome.how]
        if outcome.how == "epoch":
            self.fence(command.plc)
        live.progress = None

    def fence(self, plc_index: int) -> None:
        """A newer owner has this PLC: nothing is written to it any more, no command and no heartbeat."""
        if plc_index in self.fenced:
            return
        self.fenced.add(plc_index)
        plc = self.plant.plcs[plc_index]
        text = f"{plc.name} obeys a newer owner: this service's epoch {self.epoch} is refused"
        self.decisions.say("epoch.refused", plc.name, text, {"epoch": self.epoch})

    def _say_result(
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

    def _may_overtake(self, command: Command, live: Live, flight: Flight, wants: list[Want]) -> bool:
        """A safer word does not wait for the feedback of a less safe one, only for its write to land."""
        rank = min((want.rank for want in wants), default=None)
        if rank is None or rank >= rank_of(command, flight.word):
            return False
        if self.is_being_written(command):
            assert live.progress is not None
            live.due_s = min(live.due_s, live.progress.sent_s + TRANSPORT_S)
            return False
        self.overtake(command, command.words[rank])
        return True

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
            self._finish(command, live, flight, Outcome("refused", how), [])

    # --- what the standing trips ask for -------------------------------------------------------

    def _serve(self, command: Command, live: Live, wants: list[Want]) -> None:
        if not wants:
            live.asked_s = live.undone_s = None
            return
        word = command.words[min(want.rank for want in wants)]
        proof = self.proof(command, word)
        self._note_undone(command, live, word, proof, wants)
        self._read_back(command, word, proof, wants)
        asking = self._asking(command, live, proof, wants)
        if asking:
            if live.asked_s is None:
                live.asked_s = self.decisions.now.mono_s
            self._attempt(command, live, word, proof, asking)

    def _read_back(self, command: Command, word: Word, proof: Tri | None, wants: list[Want]) -> None:
        """Feedback decides late what could not be decided in time."""
        late = [want for want in wants if want.effect.result not in (PENDING, "done")]
        if proof is Tri.TRUE and late:
            settles = [want.settle for want in late]
            self._say_result(command, word.name, Outcome("done", "read back later"), settles, None)
        unanswered = self.record(command).unanswered
        unknown = [want.settle for want in late if want.effect.result == "unknown"]
        taken = unanswered is not None and self.sight.image.good_value(command.echo) == unanswered
        if proof is Tri.FALSE and taken and unknown:
            failed = Outcome("failed", "taken by the PLC, but the feedback shows no effect")
            self._say_result(command, word.name, failed, unknown, None)

    def _note_undone(
        self, command: Command, live: Live, word: Word, proof: Tri | None, wants: list[Want]
    ) -> None:
        done = [
            want
            for want in wants
            if want.effect.result == "done"
            and want.effect.undone < ATTEMPTS_MAX
            and command.words[want.rank] is word
        ]
        if proof is not Tri.FALSE or not done:
            live.undone_s = None
            return
        now_s = self.decisions.now.mono_s
        if live.undone_s is None:
            live.undone_s = now_s
        never_sent = all(want.effect.attempts == 0 for want in done)  # it was so already; now it is not
        due_s = live.undone_s + (0.0 if never_sent else word.within_s)
        if now_s < due_s:
            live.due_s = min(live.due_s, due_s)
            return
        live.undone_s = None
        live.asked_s = now_s
        names = ", ".join(sorted({want.settle[0] for want in done}))
        text = f"{command.name}: '{word.name}' was done and has been undone while {names} stands"
        settles = [list(want.settle) for want in done]
        self.decisions.say("command.undone", command.name, text, {"word": word.name, "settles": settles})

    def _asking(self, command: Command, live: Live, proof: Tri | None, wants: list[Want]) -> list[Want]:
        situation = Situation(
            alive=self.interlocks.liveness.is_alive(command.plc),
            local=self.is_local(command),
            toggle=command.style == "toggle",
            proof=proof,
            echo=self.sight.image.good_value(command.echo),
            unanswered=self.record(command).unanswered,
            pause_until_s=live.pause_until_s,
        )
        asking = []
        for want in wants:
            now, due_s = asks(want.effect, situation, self.decisions.now.mono_s)
            live.due_s = min(live.due_s, due_s)
            if now:
                asking.append(want)
        return asking

    def is_local(self, command: Command) -> bool:
        """The PLC says, with a Good value, that it takes no commands from us."""
        remote = self.plant.plcs[command.plc].remote
        return remote is not None and self.sight.image.good_value(remote) == 0

    def _attempt(
        self, command: Command, live: Live, word: Word, proof: Tri | None, asking: list[Want]
    ) -> None:
        settles = [want.settle for want in asking]
        if proof is Tri.TRUE:
            if not self._may_still_move(command, live, word):
                self._say_result(command, word.name, Outcome("done", "already"), settles, 0.0)
                return
            if command.style == "toggle":
                return
        obstacle = self.obstacle(command, proof)
        if obstacle is not None:
            if any(want.effect.result == PENDING or want.effect.how != obstacle.how for want in asking):
                self._say_result(command, word.name, obstacle, settles, None)
            return
        assert live.asked_s is not None
        self.send(command, word, settles, "", live.asked_s)

    def obstacle(self, command: Command, proof: Tri | None) -> Outcome | None:
        """Why nothing can be sent now, as a result; None when something can."""
        if not self.interlocks.liveness.is_alive(command.plc):
            return Outcome("unknown", "unreachable")
        if command.plc in self.fenced:
            return Outcome("refused", "epoch")
        if self.is_local(command):
            return Outcome("refused", "local")
        if command.style == "toggle" and proof is Tri.UNKNOWN:
            return Outcome("unknown", "no feedback")
        return None

    def _may_still_move(self, command: Command, live: Live, word: Word) -> bool:
        """A less safe word was sent a moment ago: the feedback may show what was before it."""
        record = self.record(command)
        if not record.word or rank_of(command, record.word) <= rank_of(command, word.name):
            return False
        over_s = live.sent_word_s + command.named(record.word).within_s
        if self.decisions.now.mono_s < over_s:
            live.due_s = min(live.due_s, over_s)
            return True
        return False

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
        self._due_s = None
        live.progress = Progress(asked_s, now.mono_s)
        live.sent_word_s = now.mono_s
        live.asked_s = None
        live.due_s = min(live.due_s, now.mono_s + ECHO_S)
        return intent


def _proofs(command: Command) -> dict[str, Node]:
    return {word.name: compiled(word.proof, strict=True) for word in command.words if word.proof is not None}
