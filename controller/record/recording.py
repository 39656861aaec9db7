"""The form of a recording, written by the recorder and read by `heloop replay`.

A recording is a folder of segments. A segment is a row of frames; a frame is length, checksum and
zlib-packed payload; a payload is a row of records, each with its length before it. A segment begins
with a header and a snapshot of the core, so that a replay can start at any of them. Arrays are kept
as the bytes they are (little-endian), so that a replayed batch is the batch that came.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, get_args

import msgspec
import numpy as np

from controller.core.clock import Now
from controller.core.inputs import Batch, Input
from controller.record.chain import plain
from controller.record.errors import Damaged, Missing

FOLDER: Final = "recording"
FORMAT: Final = 1
LENGTH: Final = struct.Struct("<I")
_FRAME: Final = struct.Struct("<4sII")
_MAGIC: Final = b"HREC"
_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=plain)
_TYPES: Final[dict[str, Any]] = {kind.__name__: kind for kind in get_args(Input)}


@dataclass(frozen=True, slots=True)
class Header:
    """How a segment came about. follows: it goes on where the one before it ended, nothing is missing."""

    number: int
    software: str
    python: str
    plant: str
    text_hash: str
    utc_ns: int
    follows: bool
    format: int = FORMAT
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CoreState:
    """The core before the next step. state: what `Core.snapshot()` gave, as plain data or bytes."""

    now: Now
    state: Any


@dataclass(frozen=True, slots=True)
class Fed:
    """One step: what `protect(now, inputs)` and `evaluate(now, inputs, budget)` were called with."""

    now: Now
    inputs: tuple[Input, ...]
    budget: int


@dataclass(frozen=True, slots=True)
class Hole:
    """Something is missing here; a replay goes on at the next CoreState. steps: 0 when not known."""

    steps: int
    reason: str


Recorded = Header | CoreState | Fed | Hole


def packed_header(header: Header) -> bytes:
    plain_header = {name: getattr(header, name) for name in Header.__slots__ if name != "texts"}
    return _record(("H", plain_header))


def packed_state(now: Now, state: object) -> bytes:
    return _record(("S", now, state))


def packed_hole(steps: int, reason: str) -> bytes:
    return _record(("X", steps, reason))


def packed_step(now: Now, inputs: Sequence[Input], budget: int) -> bytes:
    return _record(("I", now, [_packed_input(given) for given in inputs], budget))


def framed(payload: bytes) -> bytes:
    """One frame, ready to be written."""
    body = zlib.compress(payload, 1)
    return _FRAME.pack(_MAGIC, len(body), zlib.crc32(body)) + body


def texts_file(folder: Path, text_hash: str) -> Path:
    return folder / f"plant-{text_hash[:16] or 'none'}.texts"


def segments(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(folder.glob("*.hrec"))


def read_recording(path: Path) -> Iterator[Recorded]:
    """Everything in a segment file, a recording's folder or a data directory, in order.

    A torn end (the service was killed) ends a segment; anything else that cannot be read is a Hole.
    """
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    files = [folder] if folder.is_file() else segments(folder)
    if not files:
        raise Missing(f"there is no recording in {path}")
    for file in files:
        with file.open("rb") as stream:
            for payload in _frames(stream):
                if isinstance(payload, Hole):
                    yield payload
                    break
                yield from _records(payload, file.parent)


def _frames(stream: BinaryIO) -> Iterator[bytes | Hole]:
    while head := stream.read(_FRAME.size):
        if len(head) < _FRAME.size:
            return
        magic, length, check = _FRAME.unpack(head)
        body = stream.read(length)
        if magic == _MAGIC and len(body) < length:
            return
        if magic != _MAGIC or zlib.crc32(body) != check:
            yield Hole(0, f"{stream.name} is damaged before byte {stream.tell()}")
            return
        yield zlib.decompress(body)


def _records(payload: bytes, folder: Path) -> Iterator[Recorded]:
    at = 0
    while at < len(payload):
        (length,) = LENGTH.unpack_from(payload, at)
        at += LENGTH.size
        yield _recorded(msgspec.msgpack.decode(payload[at : at + length]), folder)
        at += length


def _recorded(fields: list[Any], folder: Path) -> Recorded:
    match fields:
        case ["I", now, inputs, budget]:
            return Fed(Now(*now), tuple(_unpacked_input(given) for given in inputs), budget)
        case ["S", now, state]:
            return CoreState(Now(*now), state)
        case ["X", steps, reason]:
            return Hole(steps, reason)
        case ["H", header]:
            if header["format"] != FORMAT:
                raise Damaged(
                    f"a recording of format {header['format']}: this software reads format {FORMAT}"
                )
            file = texts_file(folder, header["text_hash"])
            texts = msgspec.json.decode(zlib.decompress(file.read_bytes())) if file.exists() else {}
            return Header(**header, texts=texts)
    raise Damaged(f"a recording holds a record of unknown kind {fields[0]!r}")


def _record(fields: tuple[Any, ...]) -> bytes:
    body = _ENCODER.encode(fields)
    return LENGTH.pack(len(body)) + body


def _packed_input(given: Input) -> tuple[Any, ...]:
    if isinstance(given, Batch):
        return (
            "Batch",
            given.plc,
            given.tags.astype("<i4", copy=False).tobytes(),
            given.values.astype("<f8", copy=False).tobytes(),
            given.status.astype("<u4", copy=False).tobytes(),
            given.source_ns.astype("<i8", copy=False).tobytes(),
            [(tag, text.encode("utf-8", "surrogatepass"), *when) for tag, text, *when in given.texts],
        )
    try:
        return (type(given).__name__, _ENCODER.encode(given))
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8, but JSON's escapes can say it
        return (type(given).__name__, json.dumps(msgspec.to_builtins(given)))


def _unpacked_input(fields: list[Any]) -> Input:
    name, *rest = fields
    if name == "Batch":
        plc, tags, values, status, source_ns, texts = rest
        return Batch(
            plc,
            np.frombuffer(tags, "<i4").astype(np.int32),
            np.frombuffer(values, "<f8").astype(np.float64),
            np.frombuffer(status, "<u4").astype(np.uint32),
            np.frombuffer(source_ns, "<i8").astype(np.int64),
            tuple((tag, text.decode("utf-8", "surrogatepass"), *when) for tag, text, *when in texts),
        )
    if name not in _TYPES:
        raise Damaged(f"a recording holds an input of unknown kind {name!r}: it is from other software")
    packed = rest[0]
    fields_of = msgspec.msgpack.decode(packed) if isinstance(packed, bytes) else json.loads(packed)
    given: Input = msgspec.convert(fields_of, _TYPES[name])
    return given
