"""How a running simulation is spoken to: one JSON object a line, one answer a line, over a Unix socket.

Requests: {"do": "start"} lets plant time run; {"do": "fault", "name": "F4"} or "hang:R:10s", with "at_s"
for later; {"do": "status"}; {"do": "stop"}. Answers carry "ok", and "error" when it is false.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final, Protocol

LINE_BYTES_MAX: Final = 4096
REPLY_S: Final = 5.0


class Steered(Protocol):
    """What can be steered from outside."""

    def begin(self) -> None: ...

    def inject(self, fault: str, at_s: float | None = None) -> None: ...

    def status(self) -> dict[str, Any]: ...

    def end(self) -> None: ...


class Control:
    """The control socket of one simulation; only who may open the file may steer."""

    def __init__(self, path: Path, steered: Steered) -> None:
        self._path = path
        self._steered = steered
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LINE_BYTES_MAX)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line beyond the limit
            pass
        except asyncio.CancelledError:
            pass  # we stop; left to asyncio 3.11 it would be told as an error of the connection
        finally:
            self._tasks.discard(task)
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            match request:
                case {"do": "start"}:
                    self._steered.begin()
                case {"do": "fault", "name": str(name), "at_s": float() | int() as at_s}:
                    self._steered.inject(name, float(at_s))
                case {"do": "fault", "name": str(name)}:
                    self._steered.inject(name)
                case {"do": "stop"}:
                    self._steered.end()
                case {"do": "status"}:
                    pass
                case _:
                    raise ValueError(f"unknown request: {line.decode(errors='replace').strip()}")
        except ValueError as error:  # JSONDecodeError is one
            return {"ok": False, "error": str(error)}
        return {"ok": True, **self._steered.status()}


async def ask(path: Path, request: dict[str, Any], *, timeout_s: float = REPLY_S) -> dict[str, Any]:
    """Sends one request to the simulation at `path` and returns its answer."""
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
        finally:
            writer.close()
            await writer.wait_closed()
    if not line:
        raise ConnectionError("the simulation closed the connection without an answer")
    answer: dict[str, Any] = json.loads(line)
    return answer
