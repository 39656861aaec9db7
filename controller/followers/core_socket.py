"""The core, as a follower speaks to it: one request at a time over the command socket, never for long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from controller.doors import frames

TIMEOUT_S: Final = 5.0


class CoreAway(Exception):
    """The core does not answer: it is not running, or starting. What was to be said is said later."""


class CoreSocket:
    """path: the command socket in the runtime directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def status(self) -> dict[str, Any]:
        """Raises CoreAway."""
        answer = await self._ask({"query": "status"})
        return dict(answer["data"])

    async def record(self, kind: str, source: str, text: str, data: dict[str, Any]) -> None:
        """An event for the journal. Raises CoreAway, also when it is refused: it may be taken later."""
        await self._ask({"record": {"kind": kind, "source": source, "text": text, "data": data}})

    async def confirm(self, follower: str, events: int, samples: int | None) -> None:
        """The journal need not keep what lies before these numbers for us any more. Raises CoreAway.

        samples: None by a follower that does not read them.
        """
        await self._ask({"confirm": {"follower": follower, "events": events, "samples": samples}})

    async def _ask(self, document: dict[str, Any]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self._path)
                try:
                    writer.write(frames.encode(document))
                    await writer.drain()
                    answer = await frames.read(reader)
                finally:
                    writer.close()
        except (OSError, TimeoutError, frames.FrameError) as error:
            raise CoreAway(str(error) or "no answer") from error
        if not isinstance(answer, dict) or not answer.get("accepted"):
            raise CoreAway(str(answer.get("reason")) if isinstance(answer, dict) else "closed")
        return answer
