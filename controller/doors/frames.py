"""Frames on a Unix socket: four bytes of length, little-endian, then one msgpack document."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, Final

import msgspec

FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
_LENGTH: Final = struct.Struct("<I")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder()


class FrameError(Exception):
    """The peer sent something that is no frame; the connection is closed."""


def encode(document: Any) -> bytes:
    body = _encoder.encode(document)
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Any | None:
    """The next document, or None when the peer has closed between two frames.

    Raises FrameError for a frame over FRAME_BYTES_MAX, a torn frame or bytes that are no msgpack.
    """
    try:
        head = await reader.readexactly(_LENGTH.size)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise FrameError("the connection ended inside a frame") from error
        return None
    (length,) = _LENGTH.unpack(head)
    if length > FRAME_BYTES_MAX:
        raise FrameError(f"a frame of {length} bytes is over the limit of {FRAME_BYTES_MAX}")
    try:
        return _decoder.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, msgspec.DecodeError) as error:
        raise FrameError(f"not a msgpack document of {length} bytes") from error


def read_blocking(connection: socket.socket) -> Any | None:
    """The next document of a blocking socket; None when the peer closed. Raises FrameError, OSError."""
    head = _receive(connection, _LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > FRAME_BYTES_MAX:
        raise FrameError(f"a frame of {length} bytes is over the limit of {FRAME_BYTES_MAX}")
    try:
        return _decoder.decode(_receive(connection, length))
    except msgspec.DecodeError as error:
        raise FrameError(f"not a msgpack document of {length} bytes") from error


def _receive(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length and (part := connection.recv(length - len(parts))):
        parts += part
    return bytes(parts)
