"""A service that is killed at any moment while people and trips keep it busy, and what must be true after.

After each kill the journal is read from outside, the service started again on the same data, and compared
with what was there: nothing acknowledged is lost, no latch or bypass forgotten. At the end the sequence
numbers that the PLCs saw are held against the intents in the journal: nothing was sent twice.
"""

from __future__ import annotations

import random
import select
import socket
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.core.demand import ATTEMPTS_MAX
from controller.core.durable import Durable
from controller.doors import frames
from controller.plant.config import find_plant, load
from controller.plant.plant import By, Plant
from controller.record.chain import Entry
from controller.record.verify import verify
from tests.system.observer import Observer
from tests.system.service import Plcs, Service, plcs

READY_AFTER_S = 60.0
TRIPS_BY_PLANT_S = 1200.0
SESSIONS_ENOUGH = 4  # the smallest of the simulated PLCs has five
INTENTS = ("command.intent", "intent.reconciled")
OPENS_AGAIN = ("command.undone", "bypass.ended", "bypass.expired")  # demand.py: then a word may be sent anew
KINDS = (
    *("command",) * 16,
    *("bypass",) * 4,
    *("unbypass",) * 4,
    *("reset",) * 3,
    *("acknowledge", "confirm_bypass", "check"),
)


@dataclass
class Tally:
    """What a campaign has seen. restart_s: from the start of the process to its first confirmed values."""

    kills: int = 0
    before_ready: int = 0
    events: int = 0
    acknowledged: int = 0
    trips: int = 0
    bypasses: int = 0
    intents: int = 0
    reconciled: int = 0
    sent: int = 0
    restart_s: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class People:
    """Requests of all kinds, each by a person of its own, so that what comes of it can be told apart."""

    def __init__(self, plant: Plant, draw: random.Random) -> None:
        self._plant = plant
        self._draw = draw
        self._count = 0
        self.acknowledged: dict[int, str] = {}  # journal number -> request id
        self._names = [one.name for one in plant.interlocks if one.by is By.SERVICE]
        self._mirrored = [one.name for one in plant.interlocks if one.by is By.PLC]

    def sign(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A request, ready to be sent by the next person."""
        self._count += 1
        number = f"k{self._count}-{self._draw.randrange(10**9)}"
        return {"id": number, "user": f"p{self._count}", "reason": "kept busy", **asked}

    def any(self, *kinds: str) -> dict[str, Any]:
        """What somebody may ask for; of one of these kinds, or of any."""
        draw = self._draw
        kind = draw.choice(kinds or KINDS)
        if kind == "command":
            command = draw.choice(self._plant.commands)
            word = draw.choice(command.words).name
            return {"action": kind, "target": command.name, "args": {"word": word}}
        if kind == "check":
            action = draw.choice(["inhibit_check", "allow_check"])
            return {"action": action, "target": draw.choice(self._mirrored), "args": {"for_s": 600}}
        args = {"for_s": draw.choice([60, 600, 1800])} if kind == "bypass" else {}
        return {"action": kind, "target": draw.choice(self._names), "args": args}

    def took(self, reply: Any) -> None:
        """A reply with a journal number is a promise."""
        if isinstance(reply, dict) and reply.get("journal_seq"):
            self.acknowledged[int(reply["journal_seq"])] = str(reply["id"])


def send(people: People, service: Service, for_s: float, asked: dict[str, Any]) -> None:
    """One request; its reply is waited for so long, and counts if it has come by then."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(service.socket))
            connection.sendall(frames.encode(people.sign(asked)))
            if select.select([connection], [], [], for_s)[0]:
                people.took(frames.read_blocking(connection))
        except OSError:
            return  # not there yet, or not any more


class Campaign:
    """One plant, one data directory, many kills. Raises AssertionError at the first thing that is not so."""

    def __init__(self, plant: Plant, scene: Scene, service: Service, seed: int) -> None:
        self.plant = plant
        self.scene = scene
        self.service = service
        self.draw = random.Random(seed)
        self.people = People(plant, self.draw)
        self.tally = Tally()
        self._hashes: dict[int, bytes] = {}

    def round(self) -> None:
        """Start, live, kill, look, and be sure that the next start finds everything."""
        before = self.folded()
        seen = self.service.story.last()
        started_s = time.monotonic()
        program = self.service.start()
        if self.draw.random() < 0.2:
            self._for(self.draw.uniform(0.0, 1.5))
            self.tally.before_ready += 1
        else:
            program.line("ready ", READY_AFTER_S)
            self.tally.restart_s.append(time.monotonic() - started_s)
            self.remembers(before, seen)
            self.live()
        program.kill()
        self.tally.kills += 1
        self.check()

    def live(self) -> None:
        """Some requests with their replies, some time, and the last request may be cut off anywhere."""
        for _ in range(self.draw.randrange(0, 6)):
            self._ask(5.0, self.people.any())
        how = self.draw.choice(["any time", "asked", "asked", "asked", "again", "again"])
        if how == "any time":
            self._for(self.draw.uniform(0.0, 1.0))
        elif how == "again" and self.scene.command:
            self._trip_again()
        else:
            self._ask(self.draw.uniform(0.0, 0.02), self.people.any("command", "unbypass"))

    def _trip_again(self) -> None:
        """The machine is started under a bypass; the bypass goes, and the trip's word is on its way."""
        interlock, start = self.scene.interlock, {"word": self.scene.word}
        self._ask(5.0, {"action": "bypass", "target": interlock, "args": {"for_s": 600}})
        self._ask(5.0, {"action": "command", "target": self.scene.command, "args": start})
        self._for(self.draw.choice([0.0, 0.3]))
        self._ask(self.draw.choice([0.01, 0.3]), {"action": "unbypass", "target": interlock})
        self._for(self.draw.uniform(0.0, 0.1))

    def _ask(self, for_s: float, asked: dict[str, Any]) -> None:
        send(self.people, self.service, for_s, asked)

    def _for(self, seconds: float) -> None:
        """Time passes, and whoever wants to be asked something is."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            select.select([], [], [], min(left_s, 0.2))
            self._ask(0.0, self.people.any())

    def first_round(self, interlock: str) -> None:
        """Something stands before the first kill: a trip, acknowledged by nobody, and what it has sent."""
        self.service.start_ready()
        within_s = READY_AFTER_S + TRIPS_BY_PLANT_S / self.scene.speed
        tripped = self.service.story.until("interlock.tripped", interlock, within_s=within_s)
        self.service.story.until("command.", after=tripped.seq)
        self.service.program.kill()
        self.tally.kills += 1
        self.check()

    # --- after each kill -------------------------------------------------------------------------

    def folded(self) -> Durable:
        """The durable state as the journal has it."""
        state = Durable()
        for event in self.service.story.events():
            state.apply(event)
        return state

    def check(self) -> None:
        """Everything ever seen or acknowledged is there, unchanged, and the chain holds."""
        events = self.service.story.events()
        hashes = {event.seq: event.hash for event in events}
        assert self._hashes.items() <= hashes.items(), "an event that was on disk is gone or another"
        self._hashes = hashes
        requests = {event.seq: event.data["request"] for event in events if event.kind.startswith("request.")}
        for number, request in self.people.acknowledged.items():
            assert requests.get(number) == request, f"acknowledged as {number}, and not there: {request}"
        found = verify(self.service.data)
        assert found.good, found.problems

    def remembers(self, before: Durable, seen: int) -> None:
        """What stood before the kill stands after the start, or the journal says since what ended it."""
        status = self.service.status()
        since: dict[str, set[str]] = defaultdict(set)
        for event in self.service.story.events(after=seen):
            since[event.source].add(event.kind)
        rows = {row["name"]: row for row in status["interlocks"]}
        bypasses = {(row["interlock"], row["kind"]): row for row in status["bypasses"]}
        for name, record in before.interlocks.items():
            if record.trip is not None and "interlock.reset" not in since[name]:
                row = rows[name]
                assert (row["since_utc_ns"], row["latched"]) == (record.trip.utc_ns, record.trip.latched), row
                assert set(record.trip.causes) <= {cause["id"] for cause in row["causes"]}
            if record.bypass is not None and not since[name] & {"bypass.ended", "bypass.expired"}:
                kept = bypasses[name, "bypass"]
                assert (kept["user"], kept["until_utc_ns"]) == (
                    record.bypass.user,
                    record.bypass.until_utc_ns,
                )
            if record.muted is not None and "check.restored" not in since[name]:
                assert bypasses[name, "check inhibited"]["until_utc_ns"] == record.muted.until_utc_ns
            if record.asked is not None and not since[name] & {"bypass.active", "bypass.lapsed"}:
                assert bypasses[name, "asked"]["user"] == record.asked.user

    # --- at the end ------------------------------------------------------------------------------

    def last_round(self) -> None:
        """One more run, ended properly."""
        before, seen = self.folded(), self.service.story.last()
        self.service.start_ready()
        self.remembers(before, seen)
        self.service.program.terminate()
        self.check()

    def balance(self, seen: dict[str, list[int]]) -> Tally:
        """The books: requests, intents and answers in the journal, and the sequence numbers the PLCs got."""
        events = self.service.story.events()
        intents = [event for event in events if event.kind in INTENTS]
        self._nothing_asked_twice(intents)
        self._nothing_sent_again_against_the_rule(events, seen)
        for command in self.plant.commands:
            tag = self.plant.tags[command.sequence].name
            got = seen.get(tag, [])
            asked = [int(one.data["sequence"]) for one in intents if one.source == command.name]
            assert len(got) == len(set(got)), f"{tag}: {got}"
            assert _in_order(got, asked), f"{tag}: the PLC saw {got}, the journal has {asked}"
            self.tally.sent += len(got)
        kinds = Counter(event.kind for event in events)
        self.tally.events = len(events)
        self.tally.acknowledged = len(self.people.acknowledged)
        self.tally.trips = kinds["interlock.tripped"]
        self.tally.bypasses = kinds["bypass.active"]
        self.tally.intents = len(intents)
        self.tally.reconciled = kinds["intent.reconciled"]
        return self.tally

    def _nothing_asked_twice(self, intents: list[Entry]) -> None:
        """Each intent has its number and sequence once; each person's word was sent at most once."""
        assert max(Counter(event.data["intent"] for event in intents).values(), default=1) == 1
        sequences = Counter((event.source, event.data["sequence"]) for event in intents)
        assert max(sequences.values(), default=1) == 1, sequences.most_common(3)
        users = Counter(event.data["user"] for event in intents if event.data["user"])
        assert max(users.values(), default=1) == 1, users.most_common(3)

    def _nothing_sent_again_against_the_rule(self, events: list[Entry], seen: dict[str, list[int]]) -> None:
        """For one effect of one trip: again only after an answer that allows it, three times in all.

        `unknown` allows it only if the PLC did not get the word (demand.py).
        """
        attempts: Counter[tuple[Any, ...]] = Counter()
        free: set[tuple[Any, ...]] = set()  # whose last answer allows another
        for event in events:
            settles = [tuple(settle) for settle in event.data.get("settles", ())]
            if event.kind in INTENTS:
                for settle in settles:
                    assert not attempts[settle] or settle in free, f"{event.seq}: {event.text}, sent again"
                    attempts[settle] += 1
                    assert attempts[settle] <= ATTEMPTS_MAX, event.text
                free -= set(settles)
            elif event.kind == "command.result":
                if self._allows_another(event, seen):
                    free |= set(settles)
            elif event.kind in OPENS_AGAIN:
                again = settles or [settle for settle in attempts if settle[0] == event.source]
                free |= set(again)
                for settle in again:
                    attempts[settle] = 0

    def _allows_another(self, event: Entry, seen: dict[str, list[int]]) -> bool:
        if event.data["result"] == "refused":
            return event.data["how"] in {"local", "busy"} or event.data["how"].startswith("overtaken")
        command = next(one for one in self.plant.commands if one.name == event.source)
        got = seen.get(self.plant.tags[command.sequence].name, [])
        return event.data["result"] == "unknown" and event.data["unanswered"] not in got


def _in_order(some: list[int], of: list[int]) -> bool:
    """Whether some are of them, in their order."""
    rest = iter(of)
    return all(one in rest for one in some)


class Watchers:
    """Observers of the sequence numbers of all PLCs. They may be left and taken up again."""

    def __init__(self, plant: Plant, endpoints: dict[str, str]) -> None:
        self._plant = plant
        self._endpoints = endpoints
        self._past: dict[str, list[int]] = defaultdict(list)
        self._observers: list[Observer] = []

    def watch(self) -> None:
        for plc in self._plant.plcs:
            tags = [
                self._plant.tags[one.sequence].name for one in self._plant.commands if one.plc == plc.index
            ]
            observer = Observer(self._plant, plc.name, self._endpoints[plc.name], tags)
            self._observers.append(observer.__enter__())

    def leave(self) -> None:
        for observer in self._observers:
            observer.__exit__()
            for one in observer.seen:
                values = self._past[one.tag]
                if one.value and [int(one.value)] != values[-1:]:  # the first is what it was before
                    values.append(int(one.value))
        self._observers = []

    def seen(self) -> dict[str, list[int]]:
        """Sequence numbers by tag, once nobody watches any more."""
        return dict(self._past)


def make_room(sim: Plcs, watchers: Watchers) -> None:
    """A PLC keeps the session of a killed client for half a minute, and has few. Nobody writes meanwhile."""
    if not crowded(sim):
        return
    watchers.leave()
    drop_sessions(sim)
    watchers.watch()


def crowded(sim: Plcs) -> bool:
    return max(sim.sessions()) >= SESSIONS_ENOUGH


def drop_sessions(sim: Plcs) -> None:
    """Of all clients, dead or alive."""
    for plc in sim.endpoints:
        sim.fault(f"drop:{plc}")
    while any(sim.sessions()):
        pass  # the fault comes with the PLC's next update; it is asked, not waited for


@dataclass(frozen=True)
class Scene:
    """A plant, a fault from its start, the interlock of the service that it trips, and how fast it goes.

    command, word: what a person may do under a bypass and the interlock forbids.
    """

    plant: str
    fault: str
    interlock: str
    speed: float
    command: str = ""
    word: str = ""


BAG = Scene("tutorial", "F8@0s", "S-01", 100.0, "C-301.CMD", "start")
PURIFIER = Scene("university", "F4@0s", "S-05", 60.0)


def campaign(place: Path, scene: Scene, *, kills: int, seed: int) -> Tally:
    """So many kills of one service on one simulated plant; the same draws for the same seed."""
    name = scene.plant
    plant = load(find_plant(name)).plant
    assert plant is not None
    with ExitStack() as stack:
        sim = stack.enter_context(plcs(place / "sim", name, scene.fault, speed=scene.speed, seed=seed))
        watchers = Watchers(plant, sim.endpoints)
        stack.callback(watchers.leave)
        watchers.watch()
        service = stack.enter_context(Service(place / "data", name, sim.endpoints, speed=scene.speed))
        run = Campaign(plant, scene, service, seed)
        run.first_round(scene.interlock)
        for _ in range(kills - 1):
            run.round()
            make_room(sim, watchers)
        run.last_round()
        watchers.leave()
        return run.balance(watchers.seen())
