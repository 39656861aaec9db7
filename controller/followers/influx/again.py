"""`heloop influx backfill`: a span of the journal sent once more, as the same points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from controller.followers.follow import Page, Pages
from controller.followers.influx.follower import Points
from controller.followers.influx.sending import Sending
from controller.followers.place import Cursor, Parked
from controller.plant.plant import Plant
from controller.record.reader import Reader

Progress = Callable[[int, float], None]


def lines_of(
    plant: Plant, reader: Reader, heartbeat_s: float, from_ns: int, to_ns: int
) -> Iterator[tuple[float, list[str]]]:
    """(share done, lines with times in [from, to)), in the journal's order.

    Events are folded from the journal's beginning, so that states are what they were.
    """
    spans = reader.block_spans(from_ns, to_ns)
    first, last = (spans[0][0], spans[-1][1]) if spans else (1, 0)
    points, pages = Points(plant, heartbeat_s), Pages(reader)
    cursor = Cursor(str(reader.meta("id")), 0, first - 1)
    while (page := pages.next(cursor)) is not None and not _is_over(page, last, to_ns):
        cursor = page.after(cursor)
        made = chain.from_iterable(points.of(page))
        chosen = [line for line in made if from_ns <= int(line.rsplit(" ", 1)[1]) < to_ns]
        yield (cursor.samples - first + 1) / max(1, last - first + 1), chosen


def _is_over(page: Page, last: int, to_ns: int) -> bool:
    """Behind the last block; events may come late by as much as a clock is set back."""
    return not any(block.id <= last for _, block in page.blocks) and not any(
        event.utc_ns < to_ns for event in page.events
    )


async def send_again(
    plant: Plant,
    data: Path,
    sending: Sending,
    heartbeat_s: float,
    span_ns: tuple[int, int],
    progress: Progress | None = None,
) -> list[Parked]:
    """Returns what the database refused. Raises RecordError."""
    parked: list[Parked] = []
    with Reader(data) as reader:
        for share, lines in lines_of(plant, reader, heartbeat_s, *span_ns):
            parked += await sending.send((lines,))
            if progress is not None:
                progress(sending.meters.points, min(1.0, share))
    return parked
