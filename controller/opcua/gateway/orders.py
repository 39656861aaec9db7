"""People's requests to the core over its command socket; its answer is a StatusCode with a sentence.

The gateway runs under the service's own account, so the core believes it whom it names. At most
CONNECTIONS requests are on their way at a time and WAITING wait; who comes then is refused at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from asyncua import ua

from controller.doors import frames
from controller.opcua.gateway.session import Caller

DOOR: Final = "opcua"
CONNECTIONS: Final = 4  # of the 16 the core takes
WAITING: Final = 64
ANSWER_S: Final = 18.0  # the core answers within 15 s, if only that it could not

_Codes: Final = ua.StatusCodes
_Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Reply:
    """code: 0 when accepted, else the StatusCode that says why. reason: the core's sentence."""

    accepted: bool
    reason: str
    code: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    journal_seq: int = 0


def status_of(accepted: bool, data: Mapping[str, Any]) -> int:
    """The core names its codes as OPC UA does; a refusal without one is about the state of things."""
    if accepted:
        return 0
    for name in data.get("codes", ()):
        code = getattr(_Codes, str(name), None)
        if isinstance(code, int):
            return code
    return _Codes.BadInvalidState


class Orders:
    """Connections are kept open and used again; one that fails is thrown away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # (journal number, target): waits until clients see what was done
        self.shown: Callable[[int, str], Awaitable[None]] | None = None
        self._idle: list[_Wire] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._waiting = 0

    async def request(
        self,
        caller: Caller,
        action: str,
        target: str,
        args: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> Reply:
        """One request in the caller's name. Never raises: without an answer the reply says so."""
        reply = await self._send(
            {
                "action": action,
                "target": target,
                "args": dict(args or {}),
                "reason": reason,
                "user": caller.user,
                "role": caller.role,
                "door": DOOR,
                "session": caller.session,
            }
        )
        if reply.accepted and self.shown is not None:
            await self.shown(reply.journal_seq, target)
        return reply

    async def record(self, kind: str, source: str, text: str, data: Mapping[str, Any]) -> Reply:
        """Puts what the gateway itself has to tell into the journal."""
        return await self._send(
            {"record": {"kind": kind, "source": source, "text": text, "data": dict(data)}}
        )

    async def query(self, name: str, **args: Any) -> Reply:
        """A question that changes nothing; the answer is in data."""
        return await self._send({"query": name, "args": args})

    async def _send(self, document: dict[str, Any]) -> Reply:
        if self._waiting >= WAITING:
            return Reply(False, "too many requests are waiting for the service", _Codes.BadTooManyOperations)
        self._waiting += 1
        try:
            async with self._free:
                answer = await self._ask(document)
        except (OSError, frames.FrameError) as error:
            return Reply(False, f"the service does not answer: {error}", _Codes.BadNoCommunication)
        except TimeoutError:
            return Reply(False, f"no answer within {ANSWER_S:g} s", _Codes.BadTimeout)
        finally:
            self._waiting -= 1
        accepted, data = bool(answer["accepted"]), answer.get("data") or {}
        code = status_of(accepted, data if isinstance(data, dict) else {})
        return Reply(accepted, str(answer["reason"]), code, data, int(answer.get("journal_seq", 0)))

    async def _ask(self, document: dict[str, Any]) -> dict[str, Any]:
        """A connection that lay idle may be of a service that is gone: then once more over a new one."""
        while self._idle:
            wire = self._idle.pop()
            if not wire[0].at_eof() and not wire[1].is_closing():
                return await self._over(wire, document)
            wire[1].close()
        return await self._over(
            await asyncio.open_unix_connection(self._path, limit=frames.FRAME_BYTES_MAX), document
        )

    async def _over(self, wire: _Wire, document: dict[str, Any]) -> dict[str, Any]:
        reader, writer = wire
        answer = None
        try:
            async with asyncio.timeout(ANSWER_S):
                writer.write(frames.encode(document))
                await writer.drain()
                answer = await frames.read(reader)
        finally:
            if answer is None:  # a late answer must not be taken for that of the next request
                writer.close()
        if not isinstance(answer, dict):
            raise ConnectionError("it closed the connection")
        self._idle.append(wire)
        return answer

    async def close(self) -> None:
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
