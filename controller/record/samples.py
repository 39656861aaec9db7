"""Samples as arrays, and as the blob they are stored in.

One blob holds one commit: a header, then one column after the other, each in the narrowest form
that gives back every bit (docs/reference/journal.md has the table). Tags are the journal's own
numbers, which outlive a change of the plant's configuration.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.record.errors import Damaged

VERSION: Final = 1
REPLACED: Final = 1  # flag: the source time was replaced by the receive time; the original is kept
MISPLACED: Final = 2  # flag: moved by nanoseconds so that times rise strictly per tag; original kept
_HEAD: Final = struct.Struct("<BBBBIqIIIII")
_CRC: Final = struct.Struct("<I")
_UNITS: Final = (1, 100, 1_000_000)  # ns: nothing known, OPC UA's tick, milliseconds
_NOTHING: Final = np.empty(0, np.uint8)
_WIDTHS: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype("<u1"),
    2: np.dtype("<u2"),
    4: np.dtype("<u4"),
    8: np.dtype("<u8"),
}

Ints = NDArray[Any]


class TextSample(NamedTuple):
    """One value of a string tag."""

    tag: int
    text: str
    status: int
    time_ns: int
    flags: int = 0
    original_ns: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Rows as struct-of-arrays, oldest first within a tag.

    tags: uint32 numbers of the journal (Reader.tags names them); values: float64; status: uint32;
    time_ns: int64 UTC; flags: uint8 (REPLACED, MISPLACED); original_ns: int64, the time as it came.
    """

    tags: NDArray[np.uint32]
    values: NDArray[np.float64]
    status: NDArray[np.uint32]
    time_ns: NDArray[np.int64]
    flags: NDArray[np.uint8]
    original_ns: NDArray[np.int64]
    texts: tuple[TextSample, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.tags) + len(self.texts)

    def where(self, chosen: NDArray[Any], texts: tuple[TextSample, ...] = ()) -> Samples:
        """The rows that `chosen` (a mask or indices) picks, with other texts."""
        return Samples(
            self.tags[chosen],
            self.values[chosen],
            self.status[chosen],
            self.time_ns[chosen],
            self.flags[chosen],
            self.original_ns[chosen],
            texts,
        )


def joined(parts: Sequence[Samples]) -> Samples:
    """One block out of several, in their order."""
    if len(parts) == 1:
        return parts[0]
    return Samples(
        _column(parts, "tags", np.uint32),
        _column(parts, "values", np.float64),
        _column(parts, "status", np.uint32),
        _column(parts, "time_ns", np.int64),
        _column(parts, "flags", np.uint8),
        _column(parts, "original_ns", np.int64),
        tuple(text for part in parts for text in part.texts),
    )


def encode(rows: Samples) -> bytes:
    """The numeric rows as a blob; `decode` gives them back bit for bit."""
    n = len(rows.tags)
    tag_width = 2 if n == 0 or int(rows.tags.max()) < 0x10000 else 4
    unit, time_width, base_ns, deltas = _pack_times(rows.time_ns)
    values, wide = _pack_values(rows.values)
    columns = [rows.tags.astype(_WIDTHS[tag_width]), deltas, *values]
    bad = flagged = 0
    if rows.status.any():
        places = np.flatnonzero(rows.status).astype("<u4")
        bad = len(places)
        columns += [rows.status.astype("<u4")] if 2 * bad > n else [places, rows.status[places].astype("<u4")]
    if rows.flags.any():
        places = np.flatnonzero(rows.flags).astype("<u4")
        flagged = len(places)
        columns += [places, rows.flags[places], rows.original_ns[places].astype("<i8")]
    body = b"".join([column.tobytes() for column in columns])
    head = _HEAD.pack(VERSION, tag_width, unit, time_width, n, base_ns, wide, bad, flagged, len(body), 0)
    return head[:-4] + _CRC.pack(zlib.crc32(body, zlib.crc32(head))) + body


def decode(blob: bytes, texts: bytes | None = None) -> Samples:
    """Raises Damaged when the blob is not one, or is not as it was written."""
    if len(blob) < _HEAD.size:
        raise Damaged(f"a sample blob of {len(blob)} bytes is too short")
    version, tag_width, unit, time_width, n, base_ns, wide, bad, flagged, length, crc = _HEAD.unpack_from(
        blob
    )
    if version != VERSION:
        raise Damaged(f"a sample blob of version {version}: this software reads version {VERSION}")
    head = blob[: _HEAD.size - 4] + bytes(4)
    body = memoryview(blob)[_HEAD.size :]
    if len(body) != length or zlib.crc32(body, zlib.crc32(head)) != crc:
        raise Damaged("a sample blob has changed since it was written (its checksum does not fit)")
    take = _Columns(body)
    tags = take.next(_WIDTHS[tag_width], n).astype(np.uint32)
    time_ns = np.full(n, base_ns, np.int64)
    if time_width:
        time_ns += take.next(_WIDTHS[time_width], n).astype(np.int64) * _UNITS[unit]
    values = _unpack_values(take, n, wide)
    status = np.zeros(n, np.uint32)
    if 2 * bad > n:
        status[:] = take.next("<u4", n)
    elif bad:
        places = take.next("<u4", bad)
        status[places] = take.next("<u4", bad)
    flags, original_ns = np.zeros(n, np.uint8), np.zeros(n, np.int64)
    if flagged:
        places = take.next("<u4", flagged)
        flags[places] = take.next("<u1", flagged)
        original_ns[places] = take.next("<i8", flagged)
    return Samples(tags, values, status, time_ns, flags, original_ns, decode_texts(texts))


def encode_texts(texts: Sequence[TextSample]) -> bytes | None:
    return msgspec.msgpack.encode(texts) if texts else None


def decode_texts(blob: bytes | None) -> tuple[TextSample, ...]:
    if blob is None:
        return ()
    try:
        return msgspec.msgpack.decode(blob, type=tuple[TextSample, ...])
    except msgspec.DecodeError as error:
        raise Damaged(f"a text blob does not decode: {error}") from error


def _pack_times(time_ns: NDArray[np.int64]) -> tuple[int, int, int, Ints]:
    """(unit code, width, base, deltas): from the earliest, in the largest unit that is exact for all."""
    if not len(time_ns):
        return 0, 0, 0, _NOTHING
    base = int(time_ns.min())
    deltas = time_ns.view(np.uint64) - np.uint64(base % 2**64)  # modulo 2^64: no distance is too far
    code = 0
    for coarse in (2, 1):
        unit = np.uint64(_UNITS[coarse])
        if deltas[-1] % unit == 0 and bool((deltas // unit * unit == deltas).all()):
            deltas //= unit
            code = coarse
            break
    top = int(deltas.max())
    width = 0 if top == 0 else 1 if top < 0x100 else 2 if top < 0x10000 else 4 if top < 2**32 else 8
    return code, width, base, deltas.astype(_WIDTHS[width]) if width else _NOTHING


def _pack_values(values: NDArray[np.float64]) -> tuple[list[Ints], int]:
    """A value that a Float gives back bit for bit takes 4 bytes, any other 8; a bit a row says which."""
    with np.errstate(over="ignore", invalid="ignore"):
        short = values.astype("<f4")
        wide = short.astype(np.float64).view(np.uint64) != values.view(np.uint64)
    count = int(np.count_nonzero(wide))
    if count == 0:
        return [short], 0
    if count == len(values):
        return [values.astype("<f8")], count
    return [np.packbits(wide), short[~wide], values[wide].astype("<f8")], count


def _unpack_values(take: _Columns, n: int, wide: int) -> NDArray[np.float64]:
    if wide == 0:
        return take.next("<f4", n).astype(np.float64)
    if wide == n:
        return take.next("<f8", n).astype(np.float64)
    mask = np.unpackbits(take.next("<u1", (n + 7) // 8), count=n).astype(bool)
    values = np.empty(n, np.float64)
    values[~mask] = take.next("<f4", n - wide)
    values[mask] = take.next("<f8", wide)
    return values


def _column(parts: Sequence[Samples], name: str, kind: Any) -> Ints:
    return np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0, kind)


class _Columns:
    """Walks through a blob's body."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._at = 0

    def next(self, kind: Any, count: int) -> Ints:
        column = np.frombuffer(self._body, kind, count, self._at)
        self._at += column.nbytes
        return column
