"""The cursor loop: a page of the journal, to the sink, then the cursor forward; for ever.

Order: events before the blocks that were written after them. The cursor moves when the sink has taken
everything of a page (or parked it), is saved at most once a second, and what is saved is confirmed to
the journal, so that retention may drop it. A sink that is away just keeps `take` from returning.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from controller.followers.core_socket import CoreAway, CoreSocket
from controller.followers.place import Cursor, Parked, Place
from controller.record.chain import Entry
from controller.record.errors import Missing
from controller.record.reader import BLOCKS, Reader, StoredBlock, TagName

EVENTS: Final = 1_000
ROWS: Final = 50_000  # of samples in a page, about
LOOK_S: Final = 0.2  # how often the journal is looked at when everything is sent
SAVE_S: Final = 1.0
CONFIRM_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    """What comes next: blocks with the run of the clock they belong to, and events, each in order.

    journal: its id. behind_ns: when its oldest block was received, 0 without any.
    """

    journal: str
    blocks: Sequence[tuple[int, StoredBlock]]
    events: Sequence[Entry]
    names: Mapping[int, TagName]

    def after(self, cursor: Cursor) -> Cursor:
        events = self.events[-1].seq if self.events else cursor.events
        samples = self.blocks[-1][1].id if self.blocks else cursor.samples
        return Cursor(cursor.journal, events, samples)

    @property
    def behind_ns(self) -> int:
        return self.blocks[0][1].first_ns if self.blocks else 0


class Sink(Protocol):
    """Where pages go. What `state` gives belongs to the page taken last; `load` brings it back."""

    async def take(self, page: Page) -> Sequence[Parked]: ...
    def state(self) -> bytes: ...
    def load(self, state: bytes) -> None: ...


class Pages:
    """Reads page after page of one journal."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._blocks = BLOCKS
        self._names: Mapping[int, TagName] = {}

    def next(self, cursor: Cursor) -> Page | None:
        """None: everything is sent. Events are read first: no block written before one of them is missed."""
        events = list(self._reader.events(cursor.events, EVENTS))
        blocks = self._reader.blocks(cursor.samples, self._blocks)
        full = len(blocks) == self._blocks
        if len(events) == EVENTS:
            blocks = [block for block in blocks if block.seq <= events[-1].seq]
        elif full:
            events = [event for event in events if event.seq <= blocks[-1].seq]
        if not events and not blocks:
            return None
        rows = sum(len(block.samples) for block in blocks)
        if blocks:
            self._blocks = max(1, min(BLOCKS, ROWS * len(blocks) // max(rows, 1)))
        runs = self._reader.runs() if blocks else []
        return Page(
            cursor.journal, [(run_of(runs, block.id), block) for block in blocks], events, self._named(blocks)
        )

    def _named(self, blocks: Sequence[StoredBlock]) -> Mapping[int, TagName]:
        numbers = {int(block.samples.tags.max()) for block in blocks if len(block.samples.tags)}
        numbers |= {text.tag for block in blocks for text in block.samples.texts}
        if not numbers <= self._names.keys():
            self._names = self._reader.tags()
        return self._names


def run_of(runs: Sequence[int], block: int) -> int:
    """The number of the clock's run that a block belongs to: 0 until it was set back for the first time."""
    return max(0, sum(first <= block for first in runs) - 1)


async def opened(data: Path) -> Reader:
    """The journal, as soon as there is one: the core makes it."""
    while True:
        try:
            return Reader(data)
        except Missing:
            await asyncio.sleep(LOOK_S)


async def follow(name: str, data: Path, sink: Sink, core: CoreSocket) -> None:
    """Runs until cancelled. Raises InUse when another follower of this name runs, Damaged."""
    with await opened(data) as reader, Place(data, name) as place:
        cursor, state = place.load(str(reader.meta("id")))
        if state:
            sink.load(state)
        keeping = _Keeping(name, place, core, cursor)
        await keeping.confirm()
        pages = Pages(reader)
        while True:
            page = pages.next(cursor)
            if page is None:
                await keeping.keep(cursor, sink, ())
                await asyncio.sleep(LOOK_S)
                continue
            parked = await sink.take(page)
            cursor = page.after(cursor)
            await keeping.keep(cursor, sink, parked)


class _Keeping:
    """Saves and confirms, each at its pace."""

    def __init__(self, name: str, place: Place, core: CoreSocket, cursor: Cursor) -> None:
        self._name, self._place, self._core = name, place, core
        self._saved = cursor
        self._confirmed: Cursor | None = None
        self._saved_s = self._confirmed_s = time.monotonic()
        self._parked: list[Parked] = []
        self._failed = ""

    async def keep(self, cursor: Cursor, sink: Sink, parked: Sequence[Parked]) -> None:
        self._parked += parked
        now_s = time.monotonic()
        if self._parked or (cursor != self._saved and now_s - self._saved_s >= SAVE_S):
            self._save(cursor, sink.state())
        if now_s - self._confirmed_s >= CONFIRM_S:
            await self.confirm()

    async def confirm(self) -> None:
        """Only what is saved: after a kill we go on from there."""
        self._confirmed_s = time.monotonic()
        if self._confirmed == self._saved:
            return
        try:
            await self._core.confirm(self._name, self._saved.events, self._saved.samples)
        except CoreAway:
            return  # retention is the core's as well: what runs neither confirms nor forgets
        self._confirmed = self._saved

    def _save(self, cursor: Cursor, state: bytes) -> None:
        """A full disk costs nothing but sending again after a restart."""
        self._saved_s = time.monotonic()
        try:
            self._place.save(cursor, state, self._parked)
        except sqlite3.Error as error:
            if str(error) != self._failed:
                self._failed = str(error)
                structlog.get_logger("follow").error(f"{self._place.path} cannot be written: {error}")
            return
        self._saved, self._parked, self._failed = cursor, [], ""
