"""The journal's newest events, read by cursor in a thread of its own, folded and told in order.

The feed says that there is more; the cursor then reads page by page until there is not. A journal that is
another one than before, or that has lost what was not read yet, is read anew, and clients are asked to
refresh (RefreshRequiredEvent, Part 9, 5.11.4). The loop gets its turn every few milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import structlog

from alarms.snapshot import FORMAT
from controller.opcua.gateway.conditions.conditions import Conditions
from controller.opcua.gateway.conditions.refresh import required
from controller.opcua.gateway.conditions.story import Story
from controller.opcua.gateway.event import PlantEvent
from controller.record.chain import Entry
from controller.record.errors import RecordError
from controller.record.reader import Reader, Where

PAGE: Final = 500
SLICE_S: Final = 0.004
RETRY_S: Final = 1.0
RECALL_PAGE: Final = 1_000
RECALL_PAGES: Final = 50
ALARM_KINDS: Final = ("alarm.*", "alarms.*", "suppression.*", "incident.*", "flood.*")
Deliver = Callable[[PlantEvent], None]

Found = TypeVar("Found")
log = structlog.get_logger()


class Page(NamedTuple):
    """journal: which journal it is of. gap: what follows the cursor is not there any more."""

    journal: Any
    entries: list[Entry]
    gap: bool


class Cursor:
    """One reader of one journal. `load` first, then `follow` until cancelled."""

    def __init__(self, data: Path, conditions: Conditions, story: Story, deliver: Deliver) -> None:
        self._data = data
        self._conditions = conditions
        self._story = story
        self._deliver = deliver
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal cursor")
        self._reader: Reader | None = None
        self._journal: Any = None
        self._woken = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.reloads = 0

    def wake(self, _: int = 0) -> None:
        """There may be more: the feed says so."""
        self._woken.set()

    @property
    def alarms(self) -> Container[str]:
        """Ids of those that are conditions."""
        return self._conditions.forms

    def turn_to(self, conditions: Conditions, story: Story) -> None:
        """Those of another version of the plant, which have succeeded the present ones."""
        self._conditions, self._story = conditions, story

    async def reached(self, seq: int) -> None:
        """Returns when the conditions have this event in them, and who listens has been told."""
        if self._conditions.seq < seq:
            self._waiting.append((seq, asyncio.get_running_loop().create_future()))
            await self._waiting[-1][1]

    async def load(self) -> None:
        """The conditions as the journal has them now; who listens already is asked to refresh.

        Raises RecordError when there is no journal.
        """
        self._conditions.become(await self._in_thread(self._load))
        self._deliver(required(time.time_ns()))

    async def follow(self) -> None:
        """Tells what comes, as soon as it is on disk."""
        self._woken.set()
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                try:
                    await self._catch_up()
                except RecordError as error:
                    log.warning("the journal cannot be read", error=str(error))
                    await self._in_thread(self._close)
                    await asyncio.sleep(RETRY_S)
                    self._woken.set()
        finally:
            self._thread.submit(self._close)
            self._thread.shutdown(wait=False)

    async def _catch_up(self) -> None:
        while True:
            page = await self._in_thread(self._next)
            if page.gap or page.journal != self._journal:
                self.reloads += 1
                await self.load()
            elif not page.entries:
                return
            else:
                await self._tell(page.entries)
            self._have_reached(self._conditions.seq)

    def _have_reached(self, seq: int) -> None:
        for until, future in self._waiting:
            if until <= seq and not future.done():
                future.set_result(None)
        self._waiting = [(until, future) for until, future in self._waiting if not future.done()]

    async def _tell(self, entries: list[Entry]) -> None:
        until_s = time.monotonic() + SLICE_S
        for entry in entries:
            for event in self._events(entry):
                self._deliver(event)
                if time.monotonic() >= until_s:
                    await asyncio.sleep(0)
                    until_s = time.monotonic() + SLICE_S

    def _events(self, entry: Entry) -> Iterator[PlantEvent]:
        yield from self._conditions.apply(entry)
        other = self._story.tell(entry)
        if other is not None:
            yield other

    # --- in the thread -------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> Reader:
        if self._reader is None:
            self._reader = Reader(self._data)
        return self._reader

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _next(self) -> Page:
        reader, after = self._open(), self._conditions.seq
        journal = reader.meta("id")
        entries = list(reader.events(after, limit=PAGE))
        gap = bool(entries) and entries[0].seq != after + 1
        lost = not entries and reader.head().seq < after
        return Page(journal, entries, gap or lost)

    def _load(self) -> Conditions:
        self._close()
        reader = self._open()
        self._journal = reader.meta("id")
        head = reader.head().seq
        alarms, seq = _kept(reader)
        conditions = self._conditions.fresh(alarms, seq)
        for entry in reader.events(seq, where=Where(kinds=ALARM_KINDS)):
            if entry.seq > head:
                break
            conditions.fold(entry)
        conditions.seq = head
        _recall(conditions, reader, seq)
        return conditions


def _recall(conditions: Conditions, reader: Reader, before: int) -> None:
    """Looks up the last notification of what stands for longer than the snapshot is old."""
    end = before + 1
    for _ in range(RECALL_PAGES):
        wanted = conditions.unrecalled()
        if not wanted:
            return
        since_ns = min(conditions.last(alarm).utc_ns for alarm in wanted)
        where = Where(kinds=("alarm.*",), sources=tuple(sorted(wanted)), from_ns=since_ns)
        page = reader.newest_events(RECALL_PAGE, where, end)
        for entry in page:
            conditions.recall(entry)
        if len(page) < RECALL_PAGE:
            return
        end = page[-1].seq


def _kept(reader: Reader) -> tuple[Any, int]:
    """The alarm system's state in the newest snapshot; (None, 0) folds the whole journal."""
    snapshot = reader.snapshot()
    if snapshot is None:
        return None, 0
    kept = msgspec.msgpack.decode(snapshot.data)
    alarms = kept.get("alarms") if isinstance(kept, dict) else None
    if not isinstance(alarms, dict) or alarms.get("format") != FORMAT:
        return None, 0
    return alarms, snapshot.seq
