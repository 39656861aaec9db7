"""The gap ledger as points of `recording` and `gap`: every hour, also of the day that has just ended."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from controller.followers.influx.lines import Field, key, line, plc_of
from controller.followers.place import read_place
from controller.plant.plant import Plant
from controller.record.completeness import DAY_NS, Day, days
from controller.record.errors import RecordError
from controller.record.ledger import Gap

EVERY_S: Final = 3_600.0
FIRST_S: Final = 15.0


def stored_of(data: Path, name: str) -> tuple[int | None, dict[tuple[str, int], int]]:
    """(block up to which the follower has stored everything, parked rows by (tag, day)).

    (None, {}) when there is no such follower. Raises Damaged.
    """
    found = read_place(data, name)
    if found is None:
        return None, {}
    cursor, dead = found
    parked: Counter[tuple[str, int]] = Counter()
    for one in dead:
        series, _, time_text = one.line.split(" ", 1)[0], "", one.line.rsplit(" ", 1)[1]
        tag = next((part[4:] for part in series.split(",") if part.startswith("tag=")), "")
        if series.startswith("sample,"):
            parked[tag, int(time_text) // DAY_NS * DAY_NS] += 1
    return cursor.samples, dict(parked)


def ledger_lines(plant: Plant, day: Day) -> Iterator[str]:
    """One point a tag and one of all, at the day's beginning; one a gap and PLC, at its own."""
    for one in day.tags:
        tag, cover = plant.tags[one.tag], one.coverage
        tags = {"plant": plant.name, "area": tag.area, "plc": plc_of(plant, tag), "tag": tag.name}
        fields: dict[str, Field] = {
            "completeness": cover.completeness,
            "covered_s": cover.covered_s,
            "gap_s": cover.gap_s,
            "gaps": cover.gaps,
            "longest_gap_s": cover.longest_s,
            "archived": one.archived,
        }
        if one.stored is not None:
            fields["stored"] = one.stored
        yield line(key("recording", tags), fields, day.start_ns)
    yield line(key("recording", {"plant": plant.name, "plc": "all", "tag": "all"}), _whole(day), day.start_ns)
    for gap in day.gaps:
        yield _gap_line(plant, gap)


def _whole(day: Day) -> dict[str, Field]:
    covers = [one.coverage for one in day.tags]
    return {
        "completeness": day.completeness,
        "covered_s": sum(cover.covered_s for cover in covers) / len(covers),
        "gap_s": sum(cover.gap_s for cover in covers) / len(covers),
        "gaps": sum(cover.gaps for cover in covers),
        "longest_gap_s": max(cover.longest_s for cover in covers),
        "archived": sum(one.archived for one in day.tags),
        "stored": sum(one.stored or 0 for one in day.tags),
    }


def _gap_line(plant: Plant, gap: Gap) -> str:
    of_plc = sum(tag.plc == gap.plc for tag in plant.tags)
    tags = {"plant": plant.name, "plc": plant.plcs[gap.plc].name, "reason": gap.reason}
    fields: dict[str, Field] = {
        "gap_s": (gap.to_ns - gap.from_ns) / 1e9,
        "text": gap.text,
        "tags": 1 if gap.tag is not None else of_plc,
    }
    if not gap.open:
        fields["end_ms"] = gap.to_ns // 1_000_000
    return line(key("gap", tags), fields, gap.from_ns)


class Recording:
    """Makes the lines in a thread, since a day's rows are counted for them."""

    def __init__(self, plant: Plant, data: Path, name: str, put: Callable[[list[str]], None]) -> None:
        self._plant, self._data, self._name, self._put = plant, data, name, put

    async def run(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            self._put(await asyncio.to_thread(self.lines, time.time_ns()))
            await asyncio.sleep(EVERY_S)

    def lines(self, now_ns: int) -> list[str]:
        """Of today, and of yesterday while today is young. Empty while there is nothing to read."""
        from_ns = (now_ns - int(EVERY_S * 2e9)) // DAY_NS * DAY_NS
        try:
            upto, parked = stored_of(self._data, self._name)
            found = days(self._data, self._plant, from_ns, now_ns, now_ns, stored_upto=upto, parked=parked)
        except RecordError:
            return []
        return [text for day in found for text in ledger_lines(self._plant, day)]
