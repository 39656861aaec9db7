"""A link at work in a test, and everything it delivered, to be waited on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TypeVar

from alarms.signal import Sample
from controller.core.effects import Write
from controller.core.inputs import Batch, Input, LinkDown, LinkReport, LinkUp, WriteDone
from controller.opcua.link import Identity, Link, Timing
from controller.plant.plant import Plant

PATIENCE_S = 10.0  # a PLC that is back has fresh values within this
# As in service, but impatient: tests wait for real time-outs.
BRISK = Timing(
    step_s=1.0,
    close_s=0.3,
    backoff_first_s=0.02,
    backoff_cap_s=0.3,
    keepalive_s=0.2,
    retry_first_s=0.1,
    retry_cap_s=0.4,
    report_every_s=0.1,
)


_T = TypeVar("_T")


class Heard:
    """What a link has delivered, in order."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.inputs: list[Input] = []
        self._news = asyncio.Event()

    def deliver(self, item: Input) -> None:
        self.inputs.append(item)
        self._news.set()

    async def until(self, true: Callable[[], object], within_s: float = PATIENCE_S) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not true():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s; heard {self.inputs[-8:]}") from None

    async def reads(self, tag: str, value: float) -> None:
        """As soon as the tag's newest value is this one."""
        await self.until(lambda: self.last(tag).value == value)

    def samples(self, tag: str) -> list[Sample]:
        """All values of a numeric tag, oldest first."""
        index = self.plant.index[tag]
        return [
            Sample(float(batch.values[at]), int(batch.status[at]), int(batch.source_ns[at]))
            for batch in self.of(Batch)
            for at in (batch.tags == index).nonzero()[0].tolist()
        ]

    def last(self, tag: str) -> Sample:
        return self.samples(tag)[-1]

    def values(self, tag: str) -> list[float]:
        return [sample.value for sample in self.samples(tag)]

    def texts(self, tag: str) -> list[tuple[str, int]]:
        index = self.plant.index[tag]
        return [(text, status) for b in self.of(Batch) for tag_, text, status, _ in b.texts if tag_ == index]

    def of(self, kind: type[_T]) -> list[_T]:
        return [item for item in self.inputs if isinstance(item, kind)]

    @property
    def ups(self) -> int:
        return len(self.of(LinkUp))

    @property
    def downs(self) -> list[str]:
        return [down.reason for down in self.of(LinkDown)]

    def reports(self, kind: str) -> list[LinkReport]:
        return [report for report in self.of(LinkReport) if report.kind == kind]

    def done(self, intent: int) -> list[int]:
        """The statuses with which a write ended; it must be one."""
        return [done.status for done in self.of(WriteDone) if done.intent == intent]


@asynccontextmanager
async def linked(
    plant: Plant,
    plc: int,
    endpoint: str,
    *,
    timing: Timing = BRISK,
    identity: Identity | None = None,
    wait: bool = True,
) -> AsyncIterator[tuple[Link, Heard]]:
    """A running link; up when the block begins (unless not to wait), gone when it ends."""
    heard = Heard(plant)
    link = Link(
        plant.plcs[plc], plant, endpoint, heard.deliver, timing=timing, identity=identity, chance=lambda: 1.0
    )
    running = asyncio.create_task(link.run(), name="link under test")
    try:
        if wait:
            await heard.until(lambda: heard.ups or running.done())
        yield link, heard
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def with_fast(plant: Plant, *names: str) -> Plant:
    """The same plant, where interlocks read the named tags."""
    tags = tuple(replace(tag, fast=tag.fast or tag.name in names) for tag in plant.tags)
    return replace(plant, tags=tags)


def with_plc(plant: Plant, plc: int, **changes: object) -> Plant:
    plcs = [replace(p, **changes) if p.index == plc else p for p in plant.plcs]
    return replace(plant, plcs=tuple(plcs))


def write(
    plant: Plant, intent: int, *fields: tuple[str, float], plc: int = 0, within_s: float = 2.0
) -> Write:
    return Write(
        plc, intent, tuple((plant.index[name], value) for name, value in fields), time.monotonic() + within_s
    )
