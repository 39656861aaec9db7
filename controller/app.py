"""The composition root of the core process: read it top to bottom to see what exists, in what order.

Everything that can fail on configuration or disk is done before a PLC is spoken to. Tasks of the
core share one TaskGroup and die together: a half-living core must not keep a heartbeat going.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from controller import __version__, runtime, watchdog
from controller.answers import Answers, link_row
from controller.core.core import Core
from controller.core.durable import Durable
from controller.core.inputs import Note
from controller.doors.commands import Answer, Commands, Followers
from controller.doors.feed import Feed
from controller.loop import Clock, Inbox, Loop
from controller.opcua.certificates import Store, expiring
from controller.opcua.link import Identity, Link
from controller.plant.duty import first_holes
from controller.plant.plant import Plant
from controller.record.errors import RecordError
from controller.record.intents import IntentRing
from controller.record.journal import Journal
from controller.record.recorder import Recorder
from controller.record.retention import Keep
from controller.replay import core_state
from controller.schedule import housekeeping
from controller.sweep import Sweep

# Threads beside the loop (the journal's writer) hand the interpreter back after at most this long; at
# Python's 5 ms an interlock would wait as long as an alarm storm is being hashed.
SWITCH_S: Final = 0.0005
SETTLE_S: Final = 2.0  # of the 5 s that a stop may take; the rest is for links and journal to close
DISK_LOOK_S: Final = 1.0
DURABLE_VERSION: Final = "2"  # of the durable state's shape; a snapshot of another is left, events fold alone


@dataclass(frozen=True, slots=True)
class Options:
    """How to run one core. endpoints: PLC name -> address, in place of the plant file's.

    held: plant seconds stand at 0 until all links are up (the demo).
    texts: the plant's files by name, kept with the flight recorder. folder: where they are.
    """

    data: Path
    speed: float = 1.0
    held: bool = False
    demo: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""


async def run_core(plant: Plant, options: Options, on_ready: Callable[[], None]) -> None:
    """Runs until SIGTERM or SIGINT.

    Raises before any link: RecordError (second instance, corrupt journal), StoreError and Unreadable
    (a certificate that a PLC's policy needs cannot be had).
    """
    sys.setswitchinterval(SWITCH_S)
    async with AsyncExitStack() as stack:
        journal = Journal.open(options.data, plant.name, plant.tags)
        stack.callback(journal.close)
        place = runtime.create(options.data)
        intents = stack.enter_context(IntentRing.open(place.intents))
        core = restored_core(plant, journal)
        unfinished: list[Mapping[str, Any]] = [intent.context for intent in intents.all()]
        core.reconcile(unfinished)
        recorder = stack.enter_context(
            Recorder.open(options.data, plant, options.texts, lambda: core_state(core, unfinished))
        )
        inbox = Inbox()
        links = links_of(plant, options, inbox)
        feed = Feed(plant, lambda: [link_row(link) for link in links.values()])
        clock = Clock(options.speed, held=options.held)
        loop = Loop(
            core=core,
            clock=clock,
            inbox=inbox,
            links=links,
            plcs=[plc.name for plc in plant.plcs],
            journal=journal,
            intents=intents,
            recorder=recorder,
            feed=feed,
        )
        answers = Answers(
            plant=plant, core=core, loop=loop, clock=clock, links=links, journal=journal, data=options.data
        )
        followers = Followers(inbox.put, lambda *at: confirmed(journal, clock, *at))
        commands = Commands(loop.submit, answers.answer, demo=options.demo, followers=followers)
        place.announce(plant.name, options.data, options.folder)
        stack.callback(place.withdraw)
        inbox.put(_started(plant, core, options.speed))
        sweep = stack.enter_context(Sweep())
        stack.enter_context(
            housekeeping(
                journal=journal,
                data=options.data,
                keep=Keep(),
                now=clock.now,
                snapshot=lambda: durable_state(core),
                version=DURABLE_VERSION,
                tell=inbox.put,
                notices=lambda: notices(plant, options.data, core),
            )
        )
        await _serve(loop, clock, links, feed, commands, place, on_ready, answers, journal, sweep)


def links_of(plant: Plant, options: Options, inbox: Inbox) -> dict[int, Link]:
    """One per PLC. If a policy asks for it they share a certificate, which is made at the first start."""
    secured = any(plc.security.policy != "None" for plc in plant.plcs)
    identity = Identity.of(Store.of(options.data), plant.name) if secured else None
    endpoints = {plc.index: options.endpoints.get(plc.name, plc.endpoint) for plc in plant.plcs}
    return {
        plc.index: Link(plc, plant, endpoints[plc.index], inbox.put, identity=identity) for plc in plant.plcs
    }


def notices(plant: Plant, data: Path, core: Core) -> list[Note]:
    """What must be said at the start and each day: certificates that end, rotas with a hole."""
    certificates = certificates_that_expire(data, core.durable.expiring)
    return [*certificates, *rotas_with_a_hole(plant, time.time_ns(), core.durable.unfilled)]


def rotas_with_a_hole(plant: Plant, now_ns: int, told: Mapping[str, str]) -> list[Note]:
    """One for each that leaves a time without anybody soon, and for each that no longer does.

    told: what was said before, by rota.
    """
    routes = plant.notification.routes if plant.notification is not None else None
    holes = first_holes(routes, now_ns) if routes is not None else {}
    notes = []
    for name, hole in holes.items():
        about = {"hole": hole.text, "from_utc_ns": hole.from_ns, "to_utc_ns": hole.to_ns}
        notes.append(Note("rota.hole", name, f"rota {name}: {hole.text}", about))
    filled = sorted(set(told) - set(holes))
    return notes + [Note("rota.filled", name, f"rota {name} has no hole any more", {}) for name in filled]


def certificates_that_expire(data: Path, told: Mapping[str, str]) -> list[Note]:
    """One for each certificate that has run out or will within 60 days, and for each that no longer does.

    told: what was said before, by thumbprint.
    """
    found = expiring(Store.of(data), datetime.now(UTC))
    notes = [
        Note(f"certificate.{'expired' if one.is_over else 'expiring'}", "certificates", one.text, one.data)
        for one in found
    ]
    for thumbprint in sorted(set(told) - {one.thumbprint for one in found}):
        text = f"no longer: {told[thumbprint]}"
        notes.append(Note("certificate.settled", "certificates", text, {"thumbprint": thumbprint}))
    return notes


def restored_core(plant: Plant, journal: Journal) -> Core:
    """The core as the journal left it: the newest snapshot with every later event folded in."""
    core = Core(plant, journal.next_epoch())
    with journal.reader() as reader:
        snapshot = reader.snapshot()
        after = 0
        if snapshot is not None and snapshot.version == DURABLE_VERSION:
            kept = msgspec.msgpack.decode(snapshot.data)
            core.adopt(msgspec.convert(kept["durable"], Durable, str_keys=True))
            core.alarming.load(kept["alarms"])
            after = snapshot.seq
        core.restore(reader.events(after))
    return core


async def confirmed(
    journal: Journal, clock: Clock, name: str, events: int | None, samples: int | None
) -> Answer:
    """A follower is so far; retention may drop what lies before, once this is on disk."""
    try:
        told = journal.confirm(name, events=events, samples=samples, now=clock.now())
        await asyncio.wrap_future(told)
    except RecordError as error:
        return Answer(False, str(error), 0, {})
    return Answer(True, "", 0, {})


def durable_state(core: Core) -> bytes:
    """What outlives the process, for the journal's snapshot."""
    durable = msgspec.to_builtins(core.durable, str_keys=True)
    return msgspec.msgpack.encode({"durable": durable, "alarms": core.alarming.snapshot()})


async def _serve(
    loop: Loop,
    clock: Clock,
    links: Mapping[int, Link],
    feed: Feed,
    commands: Commands,
    place: runtime.Runtime,
    on_ready: Callable[[], None],
    answers: Answers,
    journal: Journal,
    sweep: Sweep,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(loop.run(sweep.look), name="core"),
            tasks.create_task(feed.serve(place.feed), name="feed"),
            tasks.create_task(commands.serve(place.commands), name="commands"),
            *(tasks.create_task(link.run(), name=f"link {link.plc.name}") for link in links.values()),
            tasks.create_task(_when_ready(loop, clock, on_ready), name="ready"),
            tasks.create_task(_tell_of_the_disk(journal), name="disk"),
            tasks.create_task(watchdog.feed(lambda: _signs(loop, journal)), name="watchdog"),
        ]
        # Not when all PLCs are there: systemd would give up a service whose PLC stays away.
        watchdog.tell("READY=1\nSTATUS=waiting for the first confirmed values of every PLC")
        await stop.wait()
        if await loop.settle(answers.farewell(), SETTLE_S):
            health = journal.health()
            text = f"stopped with {health.events_waiting} events that the disk did not take: {health.failing}"
            structlog.get_logger("journal").error(text)
        watchdog.tell("STOPPING=1")
        for task in running:
            task.cancel()


def _signs(loop: Loop, journal: Journal) -> watchdog.Signs:
    health = journal.health()
    return watchdog.Signs(loop.meters.steps, health.lag_s, health.failing)


async def _when_ready(loop: Loop, clock: Clock, on_ready: Callable[[], None]) -> None:
    await loop.ready.wait()
    clock.start()
    on_ready()
    watchdog.tell("STATUS=every PLC has given its first confirmed values")


async def _tell_of_the_disk(journal: Journal) -> None:
    """In the log, since the journal cannot tell it: that it cannot be written, and that it can again."""
    log = structlog.get_logger("journal")
    before = ""
    while True:
        health = journal.health()
        if health.failing and not before:
            log.error(
                f"the journal cannot be written: {health.failing}; protection goes on, events wait in memory"
            )
        elif before and not health.failing:
            log.warning("the journal can be written again")
        before = health.failing
        await asyncio.sleep(DISK_LOOK_S)


def _started(plant: Plant, core: Core, speed: float) -> Note:
    about = {
        "epoch": core.epoch,
        "version": __version__,
        "plant": plant.name,
        "text_hash": plant.text_hash,
        "speed": speed,
    }
    return Note("service.started", "heloop", f"heloop {__version__} started, owner epoch {core.epoch}", about)
