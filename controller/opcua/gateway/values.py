"""The newest value of every tag, from the core's feed: encoded once per change, however many want it.

When the feed is lost every value turns Bad (BadNoCommunication) with the last value kept, so that no
client takes an old value for a present one; the next snapshot puts all right.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from asyncua import ua

from controller.doors import frames
from controller.opcua.gateway.space.tag_types import RANGES, tag_type
from controller.plant.plant import Plant

log = structlog.get_logger()

NO_COMMUNICATION: Final = ua.StatusCodes.BadNoCommunication
WAITING: Final = ua.StatusCodes.BadWaitingForInitialData
# A PLC's value that does not fit the type it is shown as: sent as the nearest that does.
TOO_LARGE: Final = ua.StatusCodes.UncertainEngineeringUnitsExceeded
SILENCE_S: Final = 5.0  # the feed has a heartbeat each second
CLOSED: Final = "the service has closed its feed"
RETRY_S: Final = 0.5
OTHER_RETRY_S: Final = 5.0  # until the files of the version that the core runs are looked for again
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FILETIME_OF_EPOCH: Final = 116_444_736_000_000_000  # 100 ns since 1601 (OPC 10000-6, 5.2.2.5)

_V: Final = ua.VariantType
_STRUCTS: Final = {
    _V.Boolean: struct.Struct("<B?"),
    _V.SByte: struct.Struct("<Bb"),
    _V.Byte: struct.Struct("<BB"),
    _V.Int16: struct.Struct("<Bh"),
    _V.UInt16: struct.Struct("<BH"),
    _V.Int32: struct.Struct("<Bi"),
    _V.UInt32: struct.Struct("<BI"),
    _V.Int64: struct.Struct("<Bq"),
    _V.UInt64: struct.Struct("<BQ"),
    _V.Double: struct.Struct("<Bd"),
}
# DataValue's encoding mask (OPC 10000-6, 5.2.2.17).
_VALUE, _STATUS, _SOURCE, _SERVER = 0x01, 0x02, 0x04, 0x08
_TIMES: Final = {
    ua.TimestampsToReturn.Source: _SOURCE,
    ua.TimestampsToReturn.Server: _SERVER,
    ua.TimestampsToReturn.Both: _SOURCE | _SERVER,
    ua.TimestampsToReturn.Neither: 0,
}

Indices = np.ndarray[Any, np.dtype[np.int64]]
Watcher = Callable[[Indices], None]
TurnTo = Callable[[str], Awaitable[bool]]


async def _only_this(_: str) -> bool:
    """There is one version of the plant."""
    return False


class OtherVersion(Exception):
    """The core runs other texts of the plant than these values are of."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class Values:
    """`follow` runs for as long as the gateway does; everything else is synchronous and never blocks."""

    def __init__(self, plant: Plant) -> None:
        self._begin(plant)
        self._watchers: list[Watcher] = []
        self._journal_watchers: list[Callable[[int], None]] = []
        self.up = False
        self.why_down = "not yet connected to the service's feed"
        self.journal = 0
        self.links: list[dict[str, Any]] = []

    def _begin(self, plant: Plant) -> None:
        size = len(plant.tags)
        self._plant = plant
        self._kinds = [tag_type(tag).kind for tag in plant.tags]
        self._values = np.full(size, np.nan)
        self._status = np.full(size, WAITING, dtype=np.uint32)
        self._source_ns = np.zeros(size, dtype=np.int64)
        self._server_ns = np.zeros(size, dtype=np.int64)
        self._texts: dict[int, str] = {}
        self._encoded: dict[ua.TimestampsToReturn, list[bytes | None]] = {
            wanted: [None] * size for wanted in _TIMES
        }

    def turn_to(self, plant: Plant) -> None:
        """Another version of the plant: numbers of tags are its own; what is known stays known, as it is.

        Watchers are not told: a snapshot of the feed follows.
        """
        was, old, kinds, texts = self._plant, self._columns(), self._kinds, self._texts
        self._begin(plant)
        both = [
            (tag.index, was.index[tag.name])
            for tag in plant.tags
            if tag.name in was.index and kinds[was.index[tag.name]] == self._kinds[tag.index]
        ]
        now_at = np.array([now for now, _ in both], dtype=np.int64)
        was_at = np.array([before for _, before in both], dtype=np.int64)
        for fresh, before in zip(self._columns(), old, strict=True):
            fresh[now_at] = before[was_at]
        self._texts = {now: texts[before] for now, before in both if before in texts}

    def _columns(self) -> tuple[np.ndarray[Any, Any], ...]:
        return self._values, self._status, self._source_ns, self._server_ns

    # --- what services ask ---------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """`watcher(tags)` is called with what changed, status and time included. Returns how to stop."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def watch_journal(self, watcher: Callable[[int], None]) -> Callable[[], None]:
        """Called with the newest journal number whenever the feed brings a higher one."""
        self._journal_watchers.append(watcher)
        return lambda: self._journal_watchers.remove(watcher)

    def number(self, tag: int) -> float:
        """As the feed sent it; NaN before the first."""
        return float(self._values[tag])

    def status(self, tag: int) -> int:
        return int(self._status[tag])

    def source_ns(self, tag: int) -> int:
        return int(self._source_ns[tag])

    def data_value(self, tag: int) -> ua.DataValue:
        """With both times; a value that never came is null."""
        value, status = self._typed(tag)
        return ua.DataValue(
            ua.Variant() if value is None else ua.Variant(value, self._kinds[tag]),
            ua.StatusCode(ua.UInt32(status)),
            SourceTimestamp=_datetime(int(self._source_ns[tag])),
            ServerTimestamp=_datetime(int(self._server_ns[tag])),
        )

    def encoded(self, tag: int, times: ua.TimestampsToReturn = ua.TimestampsToReturn.Both) -> bytes:
        """The same in binary (OPC 10000-6, 5.2.2.17), made once per change."""
        known = self._encoded[times][tag]
        if known is None:
            known = self._encoded[times][tag] = self._encode(tag, _TIMES[times])
        return known

    def _typed(self, tag: int) -> tuple[bool | int | float | str | None, int]:
        """The value as its type wants it, and the status."""
        status, kind = int(self._status[tag]), self._kinds[tag]
        if kind is _V.String:
            return self._texts.get(tag), status
        value = float(self._values[tag])
        if not isfinite(value):
            return (value if kind is _V.Double and status < 0x80000000 else None), status
        if kind is _V.Double:
            return value, status
        if kind is _V.Boolean:
            return value != 0.0, status
        low, high = RANGES[kind]
        whole = round(value)
        return min(max(whole, low), high), status if low <= whole <= high else max(status, TOO_LARGE)

    def _encode(self, tag: int, times: int) -> bytes:
        value, status = self._typed(tag)
        kind, mask, parts = self._kinds[tag], times, []
        if value is not None:
            mask |= _VALUE
            if isinstance(value, str):
                text = value.encode()
                parts.append(struct.pack("<Bi", _V.String, len(text)) + text)
            else:
                parts.append(_STRUCTS[kind].pack(kind, value))
        if status:
            mask |= _STATUS
            parts.append(struct.pack("<I", status))
        if times & _SOURCE:
            parts.append(struct.pack("<q", _filetime(int(self._source_ns[tag]))))
        if times & _SERVER:
            parts.append(struct.pack("<q", _filetime(int(self._server_ns[tag]))))
        return bytes([mask]) + b"".join(parts)

    # --- the feed ------------------------------------------------------------------------------

    async def follow(self, path: Path, turn_to: TurnTo = _only_this) -> None:
        """Reads the feed at `path` until cancelled; connects again when it is lost.

        turn_to: makes this the values of another version of the plant; False when it cannot.
        """
        while True:
            try:
                await self._read(path)
            except OtherVersion as other:
                self.lose("the service runs another version of this plant")
                if await turn_to(other.version):
                    continue
                self.lose(f"the texts of the plant that the service runs ({other.version[:12]}) are not here")
                await asyncio.sleep(OTHER_RETRY_S)
                continue
            except (OSError, frames.FrameError, TimeoutError) as error:
                why = f"the service's feed is lost: {error or 'silent'}"
            else:
                why = CLOSED
            self.lose(why)
            await asyncio.sleep(RETRY_S)

    async def _read(self, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path, limit=frames.FRAME_BYTES_MAX)
        try:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    document = await frames.read(reader)
                if document is None:
                    return
                self.take(document)
        finally:
            writer.close()

    def take(self, document: dict[str, Any]) -> None:
        """One document of the feed: a snapshot or a change. Raises OtherVersion."""
        snapshot = document.get("snapshot")
        if snapshot is not None:
            if snapshot["version"] != self._plant.text_hash:
                raise OtherVersion(snapshot["version"])
            log.info("feed connected", tags=len(self._plant.tags))
            self.up, self.why_down = True, ""
            document = snapshot
        self.links = document["links"]
        self._apply(document["values"], document["texts"])
        self.hear(document["journal"])

    def hear(self, journal: int) -> None:
        """So far the journal goes; its watchers are told when that is news."""
        if journal > self.journal:
            self.journal = journal
            for watcher in list(self._journal_watchers):
                watcher(journal)

    def _apply(self, rows: Sequence[Sequence[Any]], texts: Sequence[Sequence[Any]]) -> None:
        changed = np.zeros(0, dtype=np.int64)
        if rows:
            tags, values, status, source_ns = zip(*rows, strict=True)
            changed = np.array(tags, dtype=np.int64)
            self._values[changed] = values
            self._status[changed] = status
            self._source_ns[changed] = source_ns
        for tag, text, code, source_ns in texts:
            self._texts[tag] = text
            self._status[tag] = code
            self._source_ns[tag] = source_ns
        if texts:
            changed = np.union1d(changed, np.array([row[0] for row in texts], dtype=np.int64))
        self._changed(changed)

    def lose(self, why: str) -> None:
        """All values become Bad; nothing is done when they are already."""
        if self.up and why != CLOSED:
            log.warning("feed lost", why=why)
        elif self.why_down != why:  # a core that starts after us, or that was stopped, is no trouble of ours
            log.info("no feed", why=why)
        self.why_down = why
        if not self.up:
            return
        self.up = False
        self._status[:] = NO_COMMUNICATION
        self._changed(np.arange(len(self._status)))

    def _changed(self, tags: Indices) -> None:
        if not len(tags):
            return
        self._server_ns[tags] = time.time_ns()
        for encoded in self._encoded.values():
            for tag in tags.tolist():
                encoded[tag] = None
        for watcher in list(self._watchers):
            watcher(tags)


def _datetime(ns: int) -> Any:
    return _EPOCH + timedelta(microseconds=ns // 1000) if ns else None


def _filetime(ns: int) -> int:
    return ns // 100 + _FILETIME_OF_EPOCH if ns else 0
