"""The same decisions again: what the flight recorder kept goes through the core once more.

With the software that recorded it the events come out byte for byte as the journal has them; with
another version the first difference is told. A hole in the recording (a slow disk, a kill) is
skipped to the next snapshot of the core, and counted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from controller.core.core import Core
from controller.core.durable import Durable
from controller.core.effects import Event
from controller.plant import config
from controller.plant.plant import Plant
from controller.record.chain import row_of
from controller.record.reader import Reader
from controller.record.recording import CoreState, Fed, Header, Hole, read_recording


class NotReplayable(Exception):
    """The recording cannot be replayed; the text says why."""


@dataclass(slots=True)
class Outcome:
    """steps, events: replayed. compared: of these, found in the journal. difference: the first, or ''."""

    steps: int = 0
    events: int = 0
    compared: int = 0
    holes: int = 0
    segments: int = 0
    software: list[str] = field(default_factory=list)
    difference: str = ""


def core_state(core: Core, intents: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What the recorder keeps as a snapshot: enough to make this very core again."""
    waiting = [dict(intent) for intent in intents] if core.last is None else []
    return {"epoch": core.epoch, "intents": waiting, "core": core.snapshot()}


def replay(recording: Path, journal: Path | None = None) -> Outcome:
    """Replays a segment, a recording's folder or a data directory; compares with the journal if given.

    Raises NotReplayable when the recording's plant does not load with this software, and record
    errors when it cannot be read.
    """
    outcome = Outcome()
    events = _replayed(recording, outcome)
    if journal is None:
        for _ in events:
            outcome.events += 1
        return outcome
    with Reader(journal) as reader:
        _compare(events, reader, outcome)
    return outcome


def _replayed(recording: Path, outcome: Outcome) -> Iterator[Event]:
    plant: Plant | None = None
    core: Core | None = None
    for item in read_recording(recording):
        match item:
            case Header():
                outcome.segments += 1
                if item.software not in outcome.software:
                    outcome.software.append(item.software)
                plant = plant_of(item)
                core = core if item.follows else None  # nothing is missing: the core that runs goes on
            case CoreState():
                assert plant is not None, "a segment begins with its header"
                core = core or _core_of(plant, item.state)
            case Hole():
                outcome.holes += 1
                core = None
            case Fed() if core is not None:
                outcome.steps += 1
                protected = core.protect(item.now, item.inputs)
                evaluated = core.evaluate(item.now, item.inputs, item.budget)
                for effect in (*protected.effects, *evaluated.effects):
                    if isinstance(effect, Event):
                        yield effect


def plant_of(header: Header) -> Plant:
    with tempfile.TemporaryDirectory(prefix="heloop-replay-") as folder:
        place = Path(folder) / header.plant
        place.mkdir()
        for name, text in header.texts.items():
            (place / name).write_text(text, encoding="utf-8")
        loaded = config.load(place)
    if loaded.plant is None:
        raise NotReplayable(
            f"the recorded plant '{header.plant}' does not load with this software: {loaded.errors[0]}"
        )
    return loaded.plant


def _core_of(plant: Plant, state: Any) -> Core:
    kept = msgspec.msgpack.decode(state) if isinstance(state, bytes) else state
    core = Core(plant, int(kept["epoch"]))
    if kept["core"]["last"] is not None:
        core.load_snapshot(kept["core"])
        return core
    # from before the first step: only what the journal had told it is in there
    core.adopt(msgspec.convert(kept["core"]["durable"], Durable, str_keys=True))
    core.alarming.load(kept["core"]["alarms"])
    core.reconcile(kept["intents"])
    return core


def _compare(events: Iterator[Event], reader: Reader, outcome: Outcome) -> None:
    """Both run side by side from the first replayed event that the journal has."""
    kept = (entry for entry in reader.events() if entry.source != "journal")
    entry = next(kept, None)
    for event in events:
        outcome.events += 1
        if outcome.difference:
            continue
        row = row_of(event)
        while entry is not None and entry.utc_ns < event.utc_ns:
            entry = next(kept, None)
        if entry is None:
            continue  # decided, recorded, and not yet journalled when the service ended
        there = row_of(Event(*_fields(entry)))
        if there != row:
            outcome.difference = f"journal event {entry.seq}: {there}\nreplayed:        {row}"
            continue
        outcome.compared += 1
        entry = next(kept, None)


def _fields(entry: Any) -> tuple[Any, ...]:
    return (entry.kind, entry.source, entry.text, entry.utc_ns, entry.plant_s, entry.severity, entry.data)
