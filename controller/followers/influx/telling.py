"""What the core is told of the database: that it is away, refuses us, is back, or that lines were parked.

Told once when it begins and once when it ends; parked lines at most once a minute. What cannot be told
because the core is away waits here, the newest 100.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import structlog

from controller.followers.core_socket import CoreAway, CoreSocket
from controller.followers.influx.policy import Answer
from controller.followers.place import Parked

PARKED_EVERY_S: Final = 60.0
LOOK_S: Final = 0.5
WAITING_MAX: Final = 100


class Telling:
    """name: the follower's. where: the database's address, for the sentence."""

    def __init__(self, name: str, where: str, core: CoreSocket) -> None:
        self._name, self._where, self._core = name, where, core
        self._trouble = ""
        self._since_s = 0.0
        self._parked = 0
        self._last: Parked | None = None
        self._told_s = -PARKED_EVERY_S
        self._waiting: deque[tuple[str, str, dict[str, Any]]] = deque(maxlen=WAITING_MAX)
        self._log = structlog.get_logger("follow")

    def trouble(self, kind: str, answer: Answer, since_s: float) -> None:
        if self._trouble == kind:
            return
        self._trouble, self._since_s = kind, since_s
        what = "refuses us" if kind == "follower.refused" else "does not answer"
        text = f"{self._where} {what}: {answer}. Nothing is lost: the journal keeps what is not stored"
        self._put(kind, text, {"status": answer.status, "reason": str(answer)})

    def fine(self) -> None:
        if self._trouble:
            lasted_s = round(time.monotonic() - self._since_s, 1)
            self._trouble = ""
            self._put(
                "follower.restored",
                f"{self._where} takes it again after {lasted_s:g} s",
                {"down_s": lasted_s},
            )

    def parked(self, one: Parked) -> None:
        self._parked += 1
        self._last = one

    def standing(self, dead: Sequence[Parked]) -> None:
        """What lies there from before, oldest first: the core may not have been told of it."""
        if dead:
            text = (
                f"{len(dead)} lines that {self._where} refused for good lie in followers/{self._name}.db. "
                f"The last: {dead[-1].reason}"
            )
            self._put_parked(text, len(dead), dead[-1])

    async def run(self) -> None:
        """Sends what is to be told, until cancelled."""
        while True:
            self._look_at_parked()
            while self._waiting:
                kind, text, data = self._waiting[0]
                try:
                    await self._core.record(kind, self._name, text, data)
                except CoreAway:
                    break
                self._waiting.popleft()
            await asyncio.sleep(LOOK_S)

    def _look_at_parked(self) -> None:
        now_s = time.monotonic()
        if self._last is None or now_s - self._told_s < PARKED_EVERY_S:
            return
        text = (
            f"{self._where} refuses {self._parked} lines for good; they are kept in "
            f"followers/{self._name}.db, the rest goes on. The last: {self._last.reason}"
        )
        self._put_parked(text, self._parked, self._last)
        self._told_s, self._parked, self._last = now_s, 0, None

    def _put_parked(self, text: str, lines: int, last: Parked) -> None:
        self._put("follower.parked", text, {"lines": lines, "reason": last.reason, "line": last.line[:500]})

    def _put(self, kind: str, text: str, data: dict[str, Any]) -> None:
        self._log.warning(text)
        self._waiting.append((kind, text, data))
