"""Events as rows and the hash chain over them.

hash(n) = SHA-256(hash(n-1) + canonical(n)). The canonical form is bytes, not text, so that any
language can check it (docs/reference/journal.md): numbers big-endian, texts with their length.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from controller.core.effects import Event

GENESIS: Final = bytes(32)
KEY_FILE: Final = "journal.key"
_NUMBERS: Final = struct.Struct(">QqdqIIII")
_INT64: Final = 2**63


class EventRow(NamedTuple):
    """An event as the journal stores it, before it has a number. data is JSON text."""

    utc_ns: int
    plant_s: float
    kind: str
    source: str
    severity: int
    text: str
    data: str


class Head(NamedTuple):
    """The newest event of a journal. Who keeps a head elsewhere can show later that no tail was cut."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """From `SEQ:HEX`, as str() writes it."""
        seq, _, digest = text.partition(":")
        return cls(int(seq), bytes.fromhex(digest))


START: Final = Head(0, GENESIS)


class Anchor(NamedTuple):
    """What stands in for the events that retention dropped: the head they ended in, signed."""

    head: Head
    signature: bytes

    def packed(self) -> bytes:
        return struct.pack(">Q", self.head.seq) + self.head.hash + self.signature

    @classmethod
    def unpacked(cls, blob: bytes) -> Anchor:
        return cls(Head(struct.unpack_from(">Q", blob)[0], blob[8:40]), blob[40:])


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as read back: number, hash, and everything `core.effects.Event` has."""

    seq: int
    kind: str
    source: str
    text: str
    utc_ns: int
    plant_s: float
    severity: int = 100
    data: dict[str, Any] = field(default_factory=dict)
    hash: bytes = GENESIS


def row_of(event: Event) -> EventRow:
    """Raises ValueError or TypeError for an event no journal could hold: that is a bug in its maker."""
    if not math.isfinite(event.plant_s) or not -_INT64 <= event.utc_ns < _INT64:
        raise ValueError(f"event {event.kind} has no possible time: {event.utc_ns} ns, {event.plant_s} s")
    data = msgspec.json.encode(event.data, enc_hook=plain).decode()
    return EventRow(
        int(event.utc_ns),
        float(event.plant_s),
        storable(event.kind),
        storable(event.source),
        int(event.severity),
        storable(event.text),
        data,
    )


def entry_of(seq: int, row: EventRow, digest: bytes) -> Entry:
    return Entry(
        seq,
        row.kind,
        row.source,
        row.text,
        row.utc_ns,
        row.plant_s,
        row.severity,
        msgspec.json.decode(row.data),
        digest,
    )


def next_hash(previous: bytes, seq: int, row: EventRow) -> bytes:
    texts = [part.encode() for part in (row.kind, row.source, row.text, row.data)]
    numbers = _NUMBERS.pack(seq, row.utc_ns, row.plant_s, row.severity, *map(len, texts))
    return hashlib.sha256(b"".join((previous, numbers, *texts))).digest()


def chained(head: Head, rows: Sequence[EventRow]) -> list[tuple[int, bytes]]:
    """Numbers and hashes for rows that follow `head`."""
    seq, digest = head
    links: list[tuple[int, bytes]] = []
    for row in rows:
        seq += 1
        digest = next_hash(digest, seq, row)
        links.append((seq, digest))
    return links


def signing_key(directory: Path) -> bytes:
    """The key that signs retention anchors; made at first use, readable by the service's user only."""
    path = directory / KEY_FILE
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(file, "wb") as stream:
        stream.write(secrets.token_bytes(32))
        stream.flush()
        os.fsync(stream.fileno())
    return path.read_bytes()


def signature(key: bytes, head: Head) -> bytes:
    """HMAC-SHA-256 over number and hash of the last event that retention dropped."""
    return hmac.digest(key, struct.pack(">Q", head.seq) + head.hash, "sha256")


def plain(value: object) -> object:
    """numpy's numbers come out of the image; JSON knows only Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"an event's data holds a {type(value).__name__}, which JSON cannot say")


def storable(text: str) -> str:
    """A lone surrogate (a PLC's broken string) has no UTF-8; it is shown as '?'."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
