"""Commands: several trips on one command resolve to its safest word, which is then sent once.

If feedback proves the word before anything is sent, nothing is sent: done, `already`. A toggle is sent
only when Good feedback says that the machine is not there yet. A safer word overtakes a less safe one
that waits for its feedback. When a word may be sent again is in demand.py; the words of people never are.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from alarms.signal import Tri
from controller.core.demand import ATTEMPTS_MAX, Settle, Situation, Want, asks, rank_of
from controller.core.durable import PENDING, Flight
from controller.core.flights import TRANSPORT_S, Flights, Live
from controller.core.handshake import Outcome
from controller.core.interlocks import UNKNOWN, Interlocks
from controller.core.starts import Starts
from controller.plant.plant import Command, CommandEffect, Plant, Word


class Commands:
    """All commands of a plant. `look` decides what has to be sent, and what became of what was sent."""

    def __init__(self, plant: Plant, interlocks: Interlocks, epoch: int) -> None:
        self.plant = plant
        self.interlocks = interlocks
        self.sight = interlocks.sight
        self.decisions = interlocks.decisions
        self.flights = Flights(plant, self.sight, self.decisions, interlocks.liveness, epoch)
        self._users: list[list[tuple[int, int, int]]] = [[] for _ in plant.commands]
        for rule in plant.interlocks:
            for index, effect in enumerate(rule.effects):
                if isinstance(effect, CommandEffect):
                    rank = rank_of(plant.commands[effect.command], effect.word)
                    self._users[effect.command].append((rule.index, index, rank))
        self._dirty: set[int] = set(range(len(plant.commands)))
        self._due_s: float | None = None  # the soonest of all, until one is looked at
        self.starts = Starts(plant, self.sight, self.decisions)

    def inputs(self, index: int) -> set[int]:
        """The tags after which a command has to be looked at."""
        command = self.plant.commands[index]
        remote = self.plant.plcs[command.plc].remote
        tags = {command.echo, command.result}
        tags.update(tag for node in self.flights.lives[index].proofs.values() for tag in node.tags())
        tags.update(self.starts.inputs(index))
        return tags if remote is None else tags | {remote}

    def touch(self, commands: Iterable[int]) -> None:
        self._dirty.update(commands)

    def touch_plc(self, plc: int) -> None:
        self._dirty.update(command.index for command in self.plant.commands if command.plc == plc)

    def touch_late(self, now_s: float) -> None:
        if self.due_s() > now_s:
            return
        self._dirty.update(index for index, live in enumerate(self.flights.lives) if live.due_s <= now_s)

    def quiet(self) -> None:
        """Nothing is to be looked at: between two steps it never is."""
        self._dirty.clear()
        self._due_s = None

    def due_s(self) -> float:
        if self._due_s is None:
            self._due_s = min((live.due_s for live in self.flights.lives), default=inf)
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
        found = self.flights.written(intent, status) if intent else None
        if found is not None:
            self._dirty.add(found)

    def send(self, command: Command, word: Word, settles: list[Settle], user: str, asked_s: float) -> int:
        """Sends a word; the number of its intent. What may be sent is the caller's to know."""
        self._due_s = None
        return self.flights.send(command, word, settles, user, asked_s)

    # --- one command ---------------------------------------------------------------------------

    def _look(self, command: Command) -> None:
        live = self.flights.lives[command.index]
        live.due_s = inf
        self.sight.due_s = inf
        self.starts.look(command)
        record = self.flights.record(command)
        wants = self._wants(command)
        if record.flight is not None:
            self.flights.follow(command, live, record.flight, wants)
        if record.flight is None or self._may_overtake(command, live, record.flight, wants):
            self._serve(command, live, wants)

    def _wants(self, command: Command) -> list[Want]:
        wants = []
        for interlock, index, rank in self._users[command.index]:
            trip = self.interlocks.record(interlock).trip
            if trip is not None and index in trip.effects and self.interlocks.stands(interlock):
                settle = (self.plant.interlocks[interlock].name, trip.number, index)
                effect = trip.effects[index]
                blind = trip.reason == UNKNOWN and effect.how == "unreachable"
                moot = blind and self.interlocks.logics[interlock].live.demand is Tri.FALSE
                wants.append(Want(settle, rank, effect, moot))
        return wants

    def _may_overtake(self, command: Command, live: Live, flight: Flight, wants: list[Want]) -> bool:
        """A safer word does not wait for the feedback of a less safe one, only for its write to land."""
        rank = min((want.rank for want in wants), default=None)
        if rank is None or rank >= rank_of(command, flight.word):
            return False
        if self.flights.is_being_written(command):
            assert live.progress is not None
            live.due_s = min(live.due_s, live.progress.sent_s + TRANSPORT_S)
            return False
        self.flights.overtake(command, command.words[rank])
        return True

    # --- what the standing trips ask for -------------------------------------------------------

    def _serve(self, command: Command, live: Live, wants: list[Want]) -> None:
        if not wants:
            live.asked_s = live.undone_s = None
            return
        word = command.words[min(want.rank for want in wants)]
        proof = self.flights.proof(command, word)
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
            self.flights.say_result(command, word.name, Outcome("done", "read back later"), settles, None)
        unanswered = self.flights.record(command).unanswered
        unknown = [want.settle for want in late if want.effect.result == "unknown"]
        taken = unanswered is not None and self.sight.image.good_value(command.echo) == unanswered
        if proof is Tri.FALSE and taken and unknown:
            failed = Outcome("failed", "taken by the PLC, but the feedback shows no effect")
            self.flights.say_result(command, word.name, failed, unknown, None)

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
            local=self.flights.is_local(command),
            toggle=command.style == "toggle",
            proof=proof,
            echo=self.sight.image.good_value(command.echo),
            unanswered=self.flights.record(command).unanswered,
            pause_until_s=live.pause_until_s,
        )
        asking = []
        for want in wants:
            now, due_s = asks(want.effect, situation, self.decisions.now.mono_s)
            live.due_s = min(live.due_s, due_s)
            if now and not want.moot:
                asking.append(want)
        return asking

    def _attempt(
        self, command: Command, live: Live, word: Word, proof: Tri | None, asking: list[Want]
    ) -> None:
        settles = [want.settle for want in asking]
        if proof is Tri.TRUE:
            if not self._may_still_move(command, live, word):
                self.flights.say_result(command, word.name, Outcome("done", "already"), settles, 0.0)
                return
            if command.style == "toggle":
                return
        obstacle = self.flights.obstacle(command, proof)
        if obstacle is not None:
            if any(want.effect.result == PENDING or want.effect.how != obstacle.how for want in asking):
                self.flights.say_result(command, word.name, obstacle, settles, None)
            return
        assert live.asked_s is not None
        self.send(command, word, settles, "", live.asked_s)

    def _may_still_move(self, command: Command, live: Live, word: Word) -> bool:
        """A less safe word was sent a moment ago: the feedback may show what was before it."""
        record = self.flights.record(command)
        if live.sent_word_s == -inf or rank_of(command, record.word) <= rank_of(command, word.name):
            return False
        over_s = live.sent_word_s + command.named(record.word).within_s
        if self.decisions.now.mono_s < over_s:
            live.due_s = min(live.due_s, over_s)
            return True
        return False
