"""The flight recorder: everything that went into the core, so that it can be made to decide again.

`record` only packs bytes into memory; a thread of its own compresses and writes them. What is not
yet on disk when the process dies is at most `FLUSH_S` of it. Nothing here is synced: a kill loses
no written byte, a power cut may lose the last seconds. A disk that fails or falls behind costs
recording, never control: the hole is marked and the next snapshot starts a new segment.
"""

from __future__ import annotations

import platform
import threading
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec

from controller.core.clock import Now
from controller.core.inputs import Input
from controller.plant.plant import Plant
from controller.record.recording import (
    FOLDER,
    Header,
    framed,
    packed_header,
    packed_hole,
    packed_state,
    packed_step,
    segments,
    texts_file,
)

FLUSH_S: Final = 1.0
FLUSH_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class Ring:
    """How much is kept. snapshot_s: from one segment to the next. waiting_bytes: held for a slow disk."""

    age_s: float = 24 * 3600.0
    bytes: int = 2_000_000_000
    segment_bytes: int = 64_000_000
    snapshot_s: float = 600.0
    retry_s: float = 10.0
    waiting_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True)
class Tape:
    """How the recorder is doing. failing: why nothing is recorded now, or ''."""

    segment: int
    steps: int
    steps_lost: int
    bytes: int
    failing: str


@dataclass(frozen=True, slots=True)
class _Start:
    """Begin a new segment with these bytes."""

    number: int
    utc_ns: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class _Chunk:
    steps: int
    payload: bytes


class Recorder:
    """`record` belongs to the core's thread; it never waits and never raises for a disk's sake."""

    def __init__(
        self, folder: Path, plant: Plant, snapshot: Callable[[], object], ring: Ring, number: int
    ) -> None:
        self._folder = folder
        self._plant = plant
        self._snapshot = snapshot
        self._ring = ring
        self._number = number
        self._number_of_run = 0
        self._before = snapshot()
        self._software = version("heloop")
        self._parts: list[bytes] = []
        self._part_bytes = self._part_steps = 0
        self._flushed_s = self._started_s = float("-inf")
        self._segment_bytes = self._steps = self._lost = 0
        self._whole = False  # nothing was lost since the last snapshot
        self._hole = 0  # steps lost that the segment does not tell of yet
        self._changed = threading.Condition()
        self._queue: deque[_Start | _Chunk] = deque()
        self._waiting_bytes = self._written_bytes = 0
        self._closing = False
        self._failing = ""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @classmethod
    def open(
        cls,
        directory: Path,
        plant: Plant,
        texts: Mapping[str, str],
        snapshot: Callable[[], object],
        *,
        ring: Ring | None = None,
    ) -> Recorder:
        """Records into `DIRECTORY/recording`. texts: the plant's files; snapshot: the core's, plain data."""
        folder = directory / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        file = texts_file(folder, plant.text_hash)
        if not file.exists():
            partial = file.with_suffix(".partial")
            partial.write_bytes(zlib.compress(msgspec.json.encode(dict(texts))))
            partial.rename(file)
        number = max((int(path.name.split("-")[0]) for path in segments(folder)), default=0)
        recorder = cls(folder, plant, snapshot, ring or Ring(), number)
        recorder._thread.start()
        return recorder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record(self, now: Now, inputs: Sequence[Input], budget: int) -> None:
        """One step of the core, after it: a snapshot taken now holds the state after this step."""
        if self._number_of_run == 0:
            self._start(now, self._before)
        record = packed_step(now, inputs, budget)
        self._parts.append(record)
        self._part_bytes += len(record)
        self._part_steps += 1
        self._steps += 1
        self._segment_bytes += len(record)
        since_s = now.mono_s - self._started_s
        rotate = since_s >= self._ring.snapshot_s or self._segment_bytes >= self._ring.segment_bytes
        if rotate or (not self._whole and since_s >= self._ring.retry_s):
            self._flush(now)
            self._start(now, self._snapshot())
        elif self._part_bytes >= FLUSH_BYTES or now.mono_s - self._flushed_s >= FLUSH_S:
            self._flush(now)

    def state(self) -> Tape:
        with self._changed:
            return Tape(self._number, self._steps, self._lost, self._written_bytes, self._failing)

    def close(self, timeout_s: float = 3.0) -> None:
        with self._changed:
            if self._parts:
                self._put(_Chunk(self._part_steps, b"".join(self._parts)))
                self._parts = []
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)

    def _flush(self, now: Now) -> None:
        chunk = _Chunk(self._part_steps, b"".join(self._parts))
        self._parts, self._part_bytes, self._part_steps = [], 0, 0
        self._flushed_s = now.mono_s
        with self._changed:
            self._put(chunk)

    def _start(self, now: Now, state: object) -> None:
        self._number += 1
        self._number_of_run += 1
        header = Header(
            self._number,
            self._software,
            platform.python_version(),
            self._plant.name,
            self._plant.text_hash,
            now.utc_ns,
            follows=self._whole,
        )
        payload = packed_header(header) + packed_state(now, state)
        self._started_s, self._segment_bytes = now.mono_s, len(payload)
        with self._changed:
            self._whole = True
            self._put(_Start(self._number, now.utc_ns, payload))

    def _put(self, item: _Start | _Chunk) -> None:
        if self._waiting_bytes + len(item.payload) > self._ring.waiting_bytes:
            self._lose(item, "the disk is too slow for the flight recorder")
            return
        if isinstance(item, _Chunk) and self._hole:
            item = _Chunk(item.steps, packed_hole(self._hole, self._failing) + item.payload)
        self._hole = 0
        self._queue.append(item)
        self._waiting_bytes += len(item.payload)
        self._changed.notify_all()

    def _lose(self, item: _Start | _Chunk, reason: str) -> None:
        steps = item.steps if isinstance(item, _Chunk) else 0
        self._lost += steps
        self._hole += steps
        self._whole = False
        self._failing = reason

    # --- the recorder's thread -------------------------------------------------------------------

    def _run(self) -> None:
        stream: BinaryIO | None = None
        while (item := self._next()) is not None:
            stream = self._write(stream, item)
            with self._changed:
                self._waiting_bytes -= len(item.payload)
                self._changed.notify_all()
        if stream is not None:
            stream.close()

    def _next(self) -> _Start | _Chunk | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return self._queue.popleft() if self._queue else None

    def _write(self, stream: BinaryIO | None, item: _Start | _Chunk) -> BinaryIO | None:
        try:
            if isinstance(item, _Start):
                if stream is not None:
                    stream.close()
                stream = None
                self._make_room(item.utc_ns)
                name = f"{item.number:08}-{item.utc_ns // 1_000_000_000}.hrec"
                stream = (self._folder / name).open("wb", buffering=0)
            if stream is None:
                raise OSError(self._failing or "no segment is open")
            frame = framed(item.payload)
            if stream.write(frame) != len(frame):
                raise OSError(f"{stream.name}: only part of a frame was written")
        except OSError as error:
            with self._changed:
                self._lose(item, str(error))
            if stream is not None:
                stream.close()
            return None
        with self._changed:
            self._written_bytes += len(frame)
            self._failing = ""
        return stream

    def _make_room(self, utc_ns: int) -> None:
        files = segments(self._folder)
        sizes = [file.stat().st_size for file in files]
        total = sum(sizes) + self._ring.segment_bytes
        oldest_s = utc_ns / 1e9 - self._ring.age_s - self._ring.snapshot_s
        for file, size in zip(files, sizes, strict=True):
            started_s = int(file.stem.split("-")[1])
            if total <= self._ring.bytes and started_s >= oldest_s:
                break
            file.unlink()
            total -= size
