"""The feed: a snapshot of all values, then what changes, to every reader at its own pace.

Values are coalesced per tag: each reader has one dirty set, bounded by the number of tags, so a
slow reader sees the newest value of everything and costs nobody else anything. The newest journal
number travels along; events themselves are read from the journal by cursor, so none can be lost.

Frames: {"snapshot": {...}} once, then {"values": [[index, value, status, source_ns], ...],
"texts": [[index, text, status, source_ns], ...], "journal": n, "links": {...}} at most every
`period_s` wall seconds, and an empty one as a heartbeat each second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from controller.core.inputs import Batch
from controller.doors import frames
from controller.plant.plant import Plant

READERS_MAX: Final = 32
WRITE_TIMEOUT_S: Final = 10.0
HEARTBEAT_S: Final = 1.0


class Feed:
    """Serves one Unix socket. `publish` and `journal_at` are synchronous and never block."""

    def __init__(
        self, plant: Plant, links: Callable[[], list[dict[str, Any]]], period_s: float = 0.1
    ) -> None:
        size = len(plant.tags)
        self._plant = plant
        self._links = links
        self._period_s = period_s
        self._values = np.zeros(size)
        self._status = np.full(size, 0x80320000, dtype=np.uint32)
        self._source_ns = np.zeros(size, dtype=np.int64)
        self._texts: dict[int, tuple[str, int, int]] = {}
        self._journal = 0
        self._readers: set[_Reader] = set()
        self.refused = 0
        self.dropped = 0

    def publish(self, batch: Batch) -> None:
        """Later entries of one tag win, as numpy assigns in order."""
        self._values[batch.tags] = batch.values
        self._status[batch.tags] = batch.status
        self._source_ns[batch.tags] = batch.source_ns
        for tag, text, status, source_ns in batch.texts:
            self._texts[tag] = (text, status, source_ns)
        for reader in self._readers:
            reader.dirty[batch.tags] = True
            reader.dirty_texts.update(entry[0] for entry in batch.texts)
            reader.wake.set()

    def journal_at(self, number: int) -> None:
        self._journal = number
        for reader in self._readers:
            reader.wake.set()

    @property
    def readers(self) -> int:
        return len(self._readers)

    async def serve(self, path: Path) -> None:
        """Runs until cancelled; readers that are connected then are closed."""
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._accept, path)
        path.chmod(0o660)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for reader in list(self._readers):
                reader.writer.close()
            tasks = [reader.task for reader in self._readers if reader.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            path.unlink(missing_ok=True)

    async def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._readers) >= READERS_MAX:
            self.refused += 1
            writer.close()
            return
        reader = _Reader(writer, len(self._plant.tags))
        reader.task = asyncio.current_task()
        self._readers.add(reader)
        try:
            await self._stream(reader)
        except (ConnectionError, TimeoutError):
            self.dropped += 1
        except asyncio.CancelledError:
            pass  # we stop; left to asyncio 3.11 it would be told as an error of the connection
        finally:
            self._readers.discard(reader)
            writer.transport.abort()

    async def _stream(self, reader: _Reader) -> None:
        reader.writer.write(frames.encode({"snapshot": self._snapshot()}))
        while True:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await reader.writer.drain()
            await asyncio.sleep(self._period_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    await reader.wake.wait()
            reader.wake.clear()
            reader.writer.write(frames.encode(self._delta(reader)))

    def _snapshot(self) -> dict[str, Any]:
        plant = self._plant
        return {
            "plant": plant.name,
            "version": plant.text_hash,
            "tags": [tag.name for tag in plant.tags],
            "values": self._rows(np.arange(len(plant.tags))),
            "texts": [[tag, *entry] for tag, entry in self._texts.items()],
            "journal": self._journal,
            "links": self._links(),
        }

    def _delta(self, reader: _Reader) -> dict[str, Any]:
        changed = np.flatnonzero(reader.dirty)
        reader.dirty[changed] = False
        texts = [[tag, *self._texts[tag]] for tag in reader.dirty_texts]
        reader.dirty_texts.clear()
        return {
            "values": self._rows(changed),
            "texts": texts,
            "journal": self._journal,
            "links": self._links(),
        }

    def _rows(self, tags: np.ndarray[Any, np.dtype[np.int64]]) -> list[list[float | int]]:
        columns = (tags, self._values[tags], self._status[tags], self._source_ns[tags])
        return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


class _Reader:
    def __init__(self, writer: asyncio.StreamWriter, size: int) -> None:
        self.writer = writer
        self.dirty = np.zeros(size, dtype=bool)
        self.dirty_texts: set[int] = set()
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


async def follow(path: Path) -> asyncio.StreamReader:
    """Connects to a feed; read its documents with `frames.read`. The caller keeps the connection."""
    reader, _ = await asyncio.open_unix_connection(path, limit=frames.FRAME_BYTES_MAX)
    return reader
