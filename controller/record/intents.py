"""What the service was about to write, in memory that survives a kill -9 and never waits for a disk.

A ring of fixed slots, memory-mapped from the runtime directory (tmpfs). A slot is written in place:
number, intent, length, payload, and a checksum over all of it. A kill in the middle leaves a slot
whose checksum does not fit; it is ignored, and so is everything after a power cut: tmpfs is gone then.
All memory is claimed when the file is made, so that a full tmpfs is an error there and not a SIGBUS here.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from controller.record.chain import plain
from controller.record.errors import Damaged
from controller.record.lock import DirectoryLock

MAGIC: Final = b"HEINTENT"
SLOTS: Final = 1024
SLOT_BYTES: Final = 1024
_HEAD: Final = struct.Struct("<8sII")
_HEAD_BYTES: Final = 64
_SLOT: Final = struct.Struct("<QqII")  # number, intent, length, checksum

_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=plain)


class Intent(NamedTuple):
    """number: order of putting; intent: the command's; context: what it was for."""

    number: int
    intent: int
    context: dict[str, Any]


class IntentRing:
    """Written by one thread of one process. The newest `slots` intents are kept."""

    def __init__(self, path: Path, slots: int, slot_bytes: int) -> None:
        self._lock = DirectoryLock(path.parent, path.name + ".lock", "the service that owns these intents")
        try:
            self._map, self._slots, self._slot_bytes = _mapped(path, slots, slot_bytes)
        except (OSError, Damaged):
            self._lock.release()
            raise
        self._next = max((intent.number for intent in self.all()), default=0) + 1

    @classmethod
    def open(cls, path: Path, *, slots: int = SLOTS, slot_bytes: int = SLOT_BYTES) -> IntentRing:
        """Makes the ring, or takes over the one a former run left (with that one's geometry)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(path, slots, slot_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """The file stays for the next run."""
        self._map.close()
        self._lock.release()

    def put(self, intent: int, context: Mapping[str, Any]) -> int:
        """Before the write is queued. Returns the number. A context too long for its slot is shortened."""
        payload = self._fitting(context)
        number = self._next
        self._next += 1
        start = _HEAD_BYTES + (number % self._slots) * self._slot_bytes
        head = _SLOT.pack(number, intent, len(payload), 0)
        check = zlib.crc32(payload, zlib.crc32(head))
        record = _SLOT.pack(number, intent, len(payload), check) + payload
        self._map[start : start + len(record)] = record
        return number

    def all(self) -> list[Intent]:
        """Every whole intent in the ring, in the order they were put."""
        found = (self._read(slot) for slot in range(self._slots))
        return sorted(intent for intent in found if intent is not None)

    def pending_after(self, intent: int) -> list[Intent]:
        """Intents above the highest one that the journal knows of: to be reconciled with the PLC."""
        return [found for found in self.all() if found.intent > intent]

    def _read(self, slot: int) -> Intent | None:
        start = _HEAD_BYTES + slot * self._slot_bytes
        number, intent, length, check = _SLOT.unpack_from(self._map, start)
        if number == 0 or length > self._slot_bytes - _SLOT.size:
            return None
        payload = self._map[start + _SLOT.size : start + _SLOT.size + length]
        if zlib.crc32(payload, zlib.crc32(_SLOT.pack(number, intent, length, 0))) != check:
            return None
        return Intent(number, intent, msgspec.msgpack.decode(payload))

    def _fitting(self, context: Mapping[str, Any]) -> bytes:
        """All of the context, or its short entries in their order: a trip is not held up by a long text."""
        room = self._slot_bytes - _SLOT.size
        payload = _ENCODER.encode(context)
        if len(payload) <= room:
            return payload
        kept: dict[str, Any] = {"shortened": True}
        for key, value in context.items():
            longer = _ENCODER.encode(kept | {key: value})
            if len(longer) <= room:
                kept[key] = value
        return _ENCODER.encode(kept)


def _mapped(path: Path, slots: int, slot_bytes: int) -> tuple[mmap.mmap, int, int]:
    """Maps the file; its own geometry wins, so that a newer version reads what an older one left."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        head = os.pread(file, _HEAD.size, 0)
        if any(head):  # else new, or its making was interrupted
            magic, slots, slot_bytes = _HEAD.unpack(head.ljust(_HEAD.size))
            if magic != MAGIC or size < _HEAD_BYTES + slots * slot_bytes:
                raise Damaged(
                    f"{path} is not an intent ring, or is cut short. Look at the plant's commands, then "
                    "remove the file: the service then starts without knowing what it was about to write"
                )
        else:
            os.posix_fallocate(file, 0, _HEAD_BYTES + slots * slot_bytes)
            os.pwrite(file, _HEAD.pack(MAGIC, slots, slot_bytes), 0)
        return mmap.mmap(file, _HEAD_BYTES + slots * slot_bytes), slots, slot_bytes
    finally:
        os.close(file)
