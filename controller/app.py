"""The composition root of the core process: read it top to bottom to see what exists, in what order.

Everything that can fail on configuration or disk is done before a PLC is spoken to. Tasks of the
core share one TaskGroup and die together: a half-living core must not keep a heartbeat going.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from controller import __version__, runtime
from controller.answers import Answers, link_row
from controller.core.core import Core
from controller.core.inputs import Note
from controller.doors.commands import Commands
from controller.doors.feed import Feed
from controller.loop import Clock, Inbox, Loop
from controller.opcua.link import Link
from controller.plant.plant import Plant
from controller.record.archive import Archive
from controller.record.intents import IntentRing
from controller.record.journal import Journal
from controller.record.reader import Reader, Where
from controller.record.recorder import Recorder
from controller.schedule import housekeeping


@dataclass(frozen=True, slots=True)
class Options:
    """How to run one core. endpoints: PLC name -> address, in place of the plant file's.

    held: plant seconds stand at 0 until all links are up (the demo).
    texts: the plant's files by name, kept with the flight recorder.
    """

    data: Path
    speed: float = 1.0
    held: bool = False
    demo: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


async def run_core(plant: Plant, options: Options, on_ready: Callable[[], None]) -> None:
    """Runs until SIGTERM or SIGINT. Raises RecordError (second instance, corrupt journal) before any link."""
    async with AsyncExitStack() as stack:
        journal = Journal.open(options.data, plant.name, plant.tags)
        stack.callback(journal.close)
        place = runtime.create(options.data)
        intents = stack.enter_context(IntentRing.open(place.intents))
        core = restored_core(plant, options.data)
        core.reconcile([intent.context for intent in intents.all()])
        recorder = stack.enter_context(Recorder.open(options.data, plant, options.texts, core.snapshot))
        inbox = Inbox()
        links = {
            plc.index: Link(plc, plant, options.endpoints.get(plc.name, plc.endpoint), inbox.put)
            for plc in plant.plcs
        }
        feed = Feed(plant, lambda: [link_row(link) for link in links.values()])
        clock = Clock(options.speed, held=options.held)
        loop = Loop(
            core=core,
            clock=clock,
            inbox=inbox,
            links=links,
            journal=journal,
            archive=Archive(plant.tags),
            intents=intents,
            recorder=recorder,
            feed=feed,
        )
        answers = Answers(
            plant=plant, core=core, loop=loop, clock=clock, links=links, journal=journal, data=options.data
        )
        commands = Commands(loop.submit, answers.answer, demo=options.demo)
        place.announce(plant.name, options.data)
        stack.callback(place.withdraw)
        inbox.put(_started(plant, core))
        gc.collect()
        gc.freeze()  # the plant never dies: no collection walks it again
        await _serve(stack, loop, clock, links, feed, commands, place, on_ready, answers, options.data)


def restored_core(plant: Plant, data: Path) -> Core:
    """The core as the journal left it, with the next owner epoch: every start outranks the ones before."""
    with Reader(data) as reader:
        newest = reader.newest_events(1, Where(kinds=("service.started",)))
        epoch = int(newest[0].data["epoch"]) + 1 if newest else 1
        core = Core(plant, epoch)
        core.restore(reader.events())
    return core


async def _serve(
    stack: AsyncExitStack,
    loop: Loop,
    clock: Clock,
    links: Mapping[int, Link],
    feed: Feed,
    commands: Commands,
    place: runtime.Runtime,
    on_ready: Callable[[], None],
    answers: Answers,
    data: Path,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stack.enter_context(housekeeping(data, loop))
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(loop.run(), name="core"),
            tasks.create_task(feed.serve(place.feed), name="feed"),
            tasks.create_task(commands.serve(place.commands), name="commands"),
            *(tasks.create_task(link.run(), name=f"link {link.plc.name}") for link in links.values()),
            tasks.create_task(_when_ready(loop, clock, on_ready), name="ready"),
        ]
        await stop.wait()
        await loop.settle(answers.farewell())
        for task in running:
            task.cancel()


async def _when_ready(loop: Loop, clock: Clock, on_ready: Callable[[], None]) -> None:
    await loop.ready.wait()
    clock.start()
    on_ready()


def _started(plant: Plant, core: Core) -> Note:
    about = {"epoch": core.epoch, "version": __version__, "plant": plant.name, "text_hash": plant.text_hash}
    return Note("service.started", "heloop", f"heloop {__version__} started, owner epoch {core.epoch}", about)
