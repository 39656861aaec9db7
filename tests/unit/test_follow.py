"""The cursor loop: where it goes on, what it tells the core, what a kill may cost (nothing)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.core.inputs import Note
from controller.doors.commands import Answer, Commands, Followers
from controller.followers.core_socket import CoreAway, CoreSocket
from controller.followers.follow import Page, Pages, follow
from controller.followers.place import Cursor, Parked, Place, read_place
from controller.record.errors import InUse
from controller.record.reader import Reader
from tests.journalled import S, Writing, plant_of

PLANT = plant_of("tutorial")


class Keeps:
    """A sink that remembers; its state is how many rows it has taken."""

    def __init__(self, stop_after: int = 2**60) -> None:
        self.rows = self.events = 0
        self.stop_after = stop_after
        self.enough = asyncio.Event()

    async def take(self, page: Page) -> Sequence[Parked]:
        self.rows += sum(len(block.samples) for _, block in page.blocks)
        self.events += len(page.events)
        if self.rows >= self.stop_after:
            self.enough.set()
        return [Parked(1, "because", f"line {self.rows}")]

    def state(self) -> bytes:
        return str(self.rows).encode()

    def load(self, state: bytes) -> None:
        self.rows = int(state)


def test_pages_bring_every_event_before_the_blocks_that_came_after_it(tmp_path: Path) -> None:
    writing = Writing(tmp_path, PLANT)
    for number in range(200):
        writing.event("note.one", "heloop", n=number)
        if number % 3 == 0:
            writing.scan(1)
            writing.utc_ns += 20 * S
    writing.close()
    order: list[tuple[int, int]] = []
    with Reader(tmp_path) as reader:
        pages, cursor = Pages(reader), Cursor("x")
        while (page := pages.next(cursor)) is not None:
            order += [(event.seq, 0) for event in page.events if not page.blocks]
            for _, block in page.blocks:
                assert all(event.seq > cursor.events for event in page.events)
                assert block.seq <= max((event.seq for event in page.events), default=cursor.events)
            cursor = page.after(cursor)
        assert cursor == Cursor("x", reader.head().seq, reader.last_block())


async def test_it_goes_on_where_it_was_saved_and_confirms_only_that(tmp_path: Path) -> None:
    told: list[tuple[str, int | None, int | None]] = []
    notes: list[Note] = []

    async def confirm(name: str, events: int | None, samples: int | None) -> Answer:
        told.append((name, events, samples))
        return Answer(True, "", 0, {})

    async def submit(request: object) -> Answer:
        raise AssertionError("nobody asks")

    commands = Commands(submit, lambda name, args: {}, followers=Followers(notes.append, confirm))
    path = tmp_path / "s"
    serving = asyncio.create_task(commands.serve(path))
    data = tmp_path / "data"
    writing = Writing(data, PLANT)
    writing.event("service.started", "heloop")
    writing.scan(5)
    core = CoreSocket(path)
    while not path.exists():
        await asyncio.sleep(0)
    sink = Keeps(stop_after=5)
    running = asyncio.create_task(follow("influx", data, sink, core))
    await sink.enough.wait()
    while (known := read_place(data, "influx")) is None:
        await asyncio.sleep(0)
    await _ended(running)
    assert told == [("influx", 0, 0)]
    cursor, dead = known
    with Reader(data) as reader:
        assert (cursor.events, cursor.samples) == (1, reader.last_block())
    assert [one.reason for one in dead] == ["because"]
    again = Keeps()
    running = asyncio.create_task(follow("influx", data, again, core))
    while len(told) < 2:
        await asyncio.sleep(0)
    await _ended(running)
    assert told[-1] == ("influx", cursor.events, cursor.samples)
    assert again.rows == sink.rows  # loaded, nothing taken twice
    await core.record("follower.down", "influx", "away", {"status": 0})
    assert notes == [Note("follower.down", "influx", "away", {"status": 0})]
    with pytest.raises(CoreAway, match="no kind of a follower"):
        await core.record("interlock.tripped", "S-01", "never", {})
    await _ended(serving)
    with pytest.raises(CoreAway):
        await core.confirm("influx", 1, 1)
    writing.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_a_second_follower_of_one_name_is_refused(tmp_path: Path) -> None:
    with Place(tmp_path, "influx"), pytest.raises(InUse):
        Place(tmp_path, "influx")


def test_a_new_journal_is_followed_from_its_beginning(tmp_path: Path) -> None:
    with Place(tmp_path, "influx") as place:
        place.save(Cursor("old", 7, 9), b"state", [])
        assert place.load("old") == (Cursor("old", 7, 9), b"state")
        assert place.load("new") == (Cursor("new", 0, 0), b"")
