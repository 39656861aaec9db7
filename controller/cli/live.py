"""The demo's terminal view: links, values with quality, interlocks, trips as they happen, what to try next.

ISA-101 habits: grey at rest, colour only for what is abnormal. It reads the feed and the command
socket like any other front door, and knows nothing that they do not say.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alarms.signal import is_bad, is_good
from controller.doors import commands, frames
from controller.plant.plant import Plant
from controller.plant.tags import Kind, Tag
from controller.runtime import Runtime

EVENTS_SHOWN: Final = 14
CALM: Final = "grey62"
ABNORMAL: Final = "bold yellow"
TRIPPED: Final = "bold red"


@dataclass(slots=True)
class Picture:
    """What the view knows, newest first where it is a list."""

    plant: Plant
    values: dict[int, tuple[float, int, int]] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    links: list[dict[str, Any]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    events: deque[tuple[float, str, str, str]] = field(default_factory=lambda: deque(maxlen=EVENTS_SHOWN))
    changes: int = 0
    rates: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=50))

    def take(self, document: dict[str, Any]) -> None:
        part = document.get("snapshot", document)
        for tag, value, status, source_ns in part["values"]:
            self.values[tag] = (value, status, source_ns)
        for tag, text, *_ in part["texts"]:
            self.texts[tag] = text
        self.links = part["links"]
        self.changes += 0 if "snapshot" in document else len(part["values"])
        self.rates.append((time.monotonic(), self.changes))

    @property
    def changes_per_s(self) -> float:
        if len(self.rates) < 2:
            return 0.0
        (then_s, then), (now_s, now) = self.rates[0], self.rates[-1]
        return (now - then) / max(now_s - then_s, 1e-3)


def shown_value(tag: Tag, picture: Picture) -> Text:
    """A value as an operator reads it; what is not Good is never shown as if it were."""
    entry = picture.values.get(tag.index)
    if tag.kind is Kind.TEXT:
        return Text(picture.texts.get(tag.index, "-"), CALM)
    if entry is None or is_bad(entry[1]):
        return Text("  bad", TRIPPED)
    value, status, _ = entry
    states = dict(tag.states)
    body = states.get(int(value), f"{value:.4g} {tag.unit}")
    if not is_good(status):
        return Text(f"{body} ?", ABNORMAL)
    return Text(body, ABNORMAL if _beyond_limit(tag, value) else CALM)


def _beyond_limit(tag: Tag, value: float) -> bool:
    for alarm in tag.alarms:
        high = alarm.level in {"H", "HH"} and value >= alarm.limit
        low = alarm.level in {"L", "LL"} and value <= alarm.limit
        if high or low or (alarm.level == "ON" and value == alarm.limit):
            return True
    return False


def values_table(picture: Picture, names: list[str]) -> Table:
    table = Table.grid(padding=(0, 1))
    for width in (11, 12, None):  # name and value are never cut, the text is
        table.add_column(no_wrap=True, overflow="ellipsis", min_width=width)
    for name in names:
        index = picture.plant.index.get(name)
        if index is not None:
            tag = picture.plant.tags[index]
            table.add_row(Text(tag.name, CALM), shown_value(tag, picture), Text(tag.text, "grey42"))
    return table


def links_table(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 1))
    for link in picture.links:
        up = link.get("up", False)
        age = link.get("fresh_s")
        table.add_row(
            Text(str(link.get("plc", "?")), CALM),
            Text("up" if up else "LOST", CALM if up else TRIPPED),
            Text(f"{link.get('changes', 0)} changes", CALM),
            Text("" if age is None else f"fresh {age:.1f} s ago", CALM if up else ABNORMAL),
            Text(f"{link.get('reconnects', 0)} reconnects", CALM),
        )
    return table


def interlocks_table(picture: Picture) -> RenderableType:
    standing = [row for row in picture.status.get("interlocks", []) if row.get("state") != "clear"]
    if not standing:
        return Text("none tripped, none bypassed", CALM)
    table = Table.grid(padding=(0, 1))
    for row in standing[:16]:
        style = TRIPPED if row.get("state") == "tripped" else ABNORMAL
        table.add_row(
            Text(row["name"], style),
            Text(str(row.get("state")), style),
            Text(f"first out {row['first_out']}" if row.get("first_out") else "", style),
            Text(str(row.get("text", ""))[:46], CALM),
        )
    return table


def alarms_table(picture: Picture) -> RenderableType:
    """What stands and speaks, worst first; the rest is counted."""
    rows = [row for row in picture.status.get("alarms", []) if row["active"]]
    spoken = [row for row in rows if not row["suppressed_by"]]
    if not spoken:
        return Text(f"none ({len(rows)} suppressed)" if rows else "none", CALM)
    table = Table.grid(padding=(0, 1))
    for row in spoken[:10]:
        style = {1: TRIPPED, 2: ABNORMAL}.get(row["priority"], CALM)
        table.add_row(
            Text(f"P{row['priority']}", style), Text(row["id"], style), Text(row["text"][:40], CALM)
        )
    if len(spoken) > 10 or len(rows) > len(spoken):
        table.add_row("", Text(f"{len(spoken)} in all, {len(rows) - len(spoken)} suppressed", CALM))
    return table


def events_table(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 1))
    for plant_s, kind, source, text in picture.events:
        loud = kind.startswith(("interlock.tripped", "effect.missing", "link.lost"))
        table.add_row(
            Text(clock(plant_s), "grey42"),
            Text(source, TRIPPED if loud else CALM),
            Text(text[:92], TRIPPED if loud else CALM),
        )
    return table


def clock(plant_s: float) -> str:
    whole = int(plant_s)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def screen(picture: Picture, head: str, hint: str, names: list[str]) -> Layout:
    layout = Layout()
    layout.split_column(
        Layout(Panel(Text(head, "bold"), style=CALM, padding=(0, 1)), size=3),
        Layout(name="middle"),
        Layout(Panel(events_table(picture), title="what happened", style=CALM), size=EVENTS_SHOWN + 2),
        Layout(Panel(Text(hint), style=CALM, padding=(0, 1)), size=4),
    )
    half = (len(names) + 1) // 2
    right = Group(
        Text("links", "grey42"),
        links_table(picture),
        Text("\ninterlocks", "grey42"),
        interlocks_table(picture),
        Text("\nalarms", "grey42"),
        alarms_table(picture),
    )
    layout["middle"].split_row(
        Layout(Panel(values_table(picture, names[:half]), title="values", style=CALM)),
        Layout(Panel(values_table(picture, names[half:]), title="values", style=CALM)),
        Layout(Panel(right, title="state", style=CALM)),
    )
    return layout


async def follow_feed(runtime: Runtime, picture: Picture) -> None:
    """Keeps the picture current; connects again whenever the core has been away."""
    while True:
        with contextlib.suppress(OSError, frames.FrameError):
            reader, writer = await asyncio.open_unix_connection(runtime.feed, limit=frames.FRAME_BYTES_MAX)
            try:
                while (document := await frames.read(reader)) is not None:
                    picture.take(document)
            finally:
                writer.close()
        await asyncio.sleep(0.2)


async def follow_status(runtime: Runtime, picture: Picture) -> None:
    while True:
        with contextlib.suppress(commands.NoService, frames.FrameError):
            reply = await asyncio.to_thread(commands.ask, runtime.commands, {"query": "status"}, 5.0)
            picture.status = reply.get("data") or picture.status
        await asyncio.sleep(0.5)


async def follow_events(
    read: Callable[[int], list[tuple[int, float, str, str, str]]], picture: Picture
) -> None:
    """read(after number) -> (number, plant_s, kind, source, text) of newer events, from the journal."""
    number = 0
    while True:
        rows = await asyncio.to_thread(read, number)
        for row in rows:
            number = row[0]
            picture.events.appendleft(row[1:])
        await asyncio.sleep(0.25)


async def show(picture: Picture, head: Callable[[], str], hint: Callable[[], str], names: list[str]) -> None:
    """Draws four times a second until cancelled."""
    with Live(screen(picture, head(), hint(), names), screen=True, auto_refresh=False) as live:
        while True:
            live.update(screen(picture, head(), hint(), names), refresh=True)
            await asyncio.sleep(0.25)
