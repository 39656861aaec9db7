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
from typing import Any, Final

import structlog

from controller import __version__, runtime
from controller.core.core import Core
from controller.core.inputs import Note
from controller.doors.commands import Commands, UnknownQuery
from controller.doors.feed import Feed
from controller.loop import Clock, Inbox, Loop
from controller.opcua.link import Link
from controller.plant.plant import Plant
from controller.record.intents import IntentRing
from controller.record.journal import Journal
from controller.record.recorder import Recorder

STOP_FLUSH_S: Final = 3.0
_log = structlog.get_logger("core")


@dataclass(frozen=True, slots=True)
class Options:
    """How to run one core. endpoints: PLC name -> address, in place of the plant file's."""

    data: Path
    speed: float = 1.0
    held: bool = False  # plant seconds stand at 0 until all links are up (the demo)
    demo: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)  # plant files, for the flight recorder


async def run_core(plant: Plant, options: Options, on_ready: Callable[[runtime.Runtime], None]) -> None:
    """Runs until SIGTERM or SIGINT. Raises record errors (second instance, corrupt journal) before any link."""
    async with AsyncExitStack() as stack:
        place = runtime.create(options.data)
        journal = Journal.open(options.data, plant.name)
        stack.callback(journal.close)
        epoch = journal.next_epoch()
        core = Core(plant, epoch)
        core.restore(journal.reader().events())
        intents = stack.enter_context(IntentRing.open(place.intents))
        core.reconcile(intents.all())
        recorder = stack.enter_context(Recorder.open(options.data, plant, options.texts, core.snapshot))
        inbox = Inbox()
        links = {
            plc.index: Link(plc, plant, options.endpoints.get(plc.name, plc.endpoint), inbox.put)
            for plc in plant.plcs
        }
        clock = Clock(options.speed, held=options.held)
        feed = Feed(plant, lambda: [link.counters() for link in links.values()])
        loop = Loop(
            core=core,
            clock=clock,
            inbox=inbox,
            links=links,
            journal=journal,
            intents=intents,
            recorder=recorder,
            feed=feed,
        )
        queries = Queries(core, loop, links, journal)
        commands = Commands(loop.submit, queries.answer, demo=options.demo)
        place.announce(plant.name, options.data)
        stack.callback(place.withdraw)
        inbox.put(
            Note(
                "service.started",
                "heloop",
                f"heloop {__version__} started",
                {"epoch": epoch, "plant": plant.text_hash},
            )
        )
        gc.freeze()  # the plant never dies: no collection walks it again
        await _serve(loop, links, feed, commands, place, on_ready)
