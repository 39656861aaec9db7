"""Lines to a target until every one of them is stored, expired or parked; it never gives up.

The order is kept: what was refused as a whole is sent again in halves, the older half first.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from controller.followers.influx.lines import body
from controller.followers.influx.policy import HOLD_S, Answer, Verdict, halves, pause_s, verdict
from controller.followers.influx.targets import Target
from controller.followers.place import DEAD_MAX, Parked

BODY_BYTES_MAX: Final = 1_000_000  # what is larger is sent in pieces: servers and proxies have limits
DOWN_AFTER_S: Final = 10.0  # a restart of the database is no trouble worth telling

LEAVE_S: Final = 0.001  # for a request to get out before the lines of the next one keep the loop busy

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Meters:
    """Counted from the start of the process. held: 1 while the sink refuses everything."""

    points: int = 0
    requests: int = 0
    retries: int = 0
    parked: int = 0
    expired: int = 0
    held: int = 0


class Tells(Protocol):
    """Who is told of trouble; each call is cheap and returns at once."""

    def trouble(self, kind: str, answer: Answer, since_s: float) -> None: ...
    def fine(self) -> None: ...
    def parked(self, one: Parked) -> None: ...


class Sending:
    """batch: most lines in a request. dead: counts the dead letters that there are."""

    def __init__(
        self,
        target: Target,
        tells: Tells,
        *,
        batch: int,
        dead: Callable[[], int] = int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.meters = Meters()
        self._target, self._tells, self._batch, self._sleep = target, tells, batch, sleep
        self._count_dead = dead
        self._dead = dead()

    async def send(self, chunks: Iterable[Sequence[str]]) -> list[Parked]:
        """Returns when every line is stored, or parked and returned.

        The lines of the next request are made while one is under way; there is never more than one.
        """
        parked: list[Parked] = []
        under_way: asyncio.Task[list[Parked]] | None = None
        try:
            for part in batches(chunks, self._batch):
                whole = body(part)
                if under_way is not None:
                    parked += await under_way
                under_way = asyncio.create_task(self._deliver(part, whole), name="write")
                await asyncio.wait((under_way,), timeout=LEAVE_S)
            if under_way is not None:
                parked += await under_way
        finally:
            if under_way is not None and not under_way.done():
                under_way.cancel()
                await asyncio.wait((under_way,))
        return parked

    async def _deliver(self, lines: Sequence[str], whole: bytes) -> list[Parked]:
        """One request, or as many as it takes; whole: the body that the lines make."""
        parked: list[Parked] = []
        waiting: list[tuple[Sequence[str], bytes]] = [(lines, whole)]
        while waiting:
            part, whole = waiting.pop()
            if len(whole) > BODY_BYTES_MAX and len(part) > 1:
                waiting += _in_halves(part)
                continue
            answer = await self._settled(len(part), whole)
            if verdict(answer) is not Verdict.SPLIT:
                self.meters.points += len(part)
            elif len(part) > 1:
                waiting += _in_halves(part)
            else:
                parked.append(await self._park(part[0], answer))
        return parked

    async def _settled(self, lines: int, whole: bytes) -> Answer:
        """The first answer that says something about these lines; until then it is tried again."""
        since_s = time.monotonic()
        attempt = 0
        while True:
            self.meters.requests += 1
            answer = await self._target.write(whole)
            match verdict(answer):
                case Verdict.STORED | Verdict.SPLIT:
                    self._fine()
                    return answer
                case Verdict.EXPIRED:
                    self.meters.expired += lines
                    self._fine()
                    return answer
                case Verdict.HOLD:
                    self.meters.held = 1
                    self._tells.trouble("follower.refused", answer, since_s)
                    await self._sleep(HOLD_S)
                case Verdict.AGAIN:
                    attempt += 1
                    self.meters.retries += 1
                    if time.monotonic() - since_s >= DOWN_AFTER_S:
                        self._tells.trouble("follower.down", answer, since_s)
                    await self._sleep(pause_s(attempt, answer.retry_after_s, random.random()))  # noqa: S311

    def _fine(self) -> None:
        self.meters.held = 0
        self._tells.fine()

    async def _park(self, line: str, answer: Answer) -> Parked:
        """When there are too many dead letters, no more are made: that is for a person to look at."""
        since_s = time.monotonic()
        while self._dead >= DEAD_MAX:
            self.meters.held = 1
            full = Answer(0, f"{self._dead} lines are parked already; the last reason: {answer}")
            self._tells.trouble("follower.refused", full, since_s)
            await self._sleep(HOLD_S)
            self._dead = self._count_dead()
        self.meters.held = 0
        one = Parked(time.time_ns(), str(answer), line)
        self._dead += 1
        self.meters.parked += 1
        self._tells.parked(one)
        return one


def batches(chunks: Iterable[Sequence[str]], size: int) -> Iterator[Sequence[str]]:
    """The same lines, `size` at a time; what is left over comes last."""
    rest: Sequence[str] = ()
    for chunk in chunks:
        rest = [*rest, *chunk] if rest else chunk
        whole = len(rest) // size * size
        for at in range(0, whole, size):
            yield rest[at : at + size]
        if whole:
            rest = rest[whole:]
    if rest:
        yield rest


def _in_halves(lines: Sequence[str]) -> list[tuple[Sequence[str], bytes]]:
    """With their bodies, to be taken from the end: the older half first."""
    return [(half, body(half)) for half in reversed(halves(lines))]
