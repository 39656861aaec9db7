"""What a person did is seen by the client before it hears that it was done: it reads next, and compares.

The core's answer comes with the commit. What the gateway shows follows the journal and the core's picture a
moment later; that moment is waited for here, and no longer than SHOWN_S.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from controller.opcua.gateway.conditions.cursor import Cursor
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.values import Values

SHOWN_S: Final = 1.0


class Shown:
    """Called with the journal number of what was done, and to what."""

    def __init__(self, values: Values, cursor: Cursor, picture: Picture) -> None:
        self._values, self._cursor, self._picture = values, cursor, picture

    async def __call__(self, seq: int, target: str) -> None:
        """An alarm is in the conditions alone: who acknowledges a thousand does not wait for pictures."""
        renewed = None if target in self._cursor.alarms else self._picture.renewed()
        self._values.hear(seq)  # the feed says so too, up to its period later
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHOWN_S):
                await self._cursor.reached(seq)
                if renewed is not None:
                    await renewed
