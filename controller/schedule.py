"""Housekeeping by the calendar, in UTC: compaction and retention every hour, a core snapshot every night,
what expires told every morning.

APScheduler does nothing else here: scan loops, delays and alarms are the core's own deadlines, and
UTC has no hour that comes twice. A job that is missed runs once when it can.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from controller.core.clock import Now
from controller.core.inputs import Input, Note
from controller.record.journal import Journal
from controller.record.retention import Keep

COMPACT_S_MAX: Final = 1800.0
NICE: Final = 10  # what history costs must not be the core's


@contextmanager
def housekeeping(
    *,
    journal: Journal,
    data: Path,
    keep: Keep,
    now: Callable[[], Now],
    snapshot: Callable[[], bytes],
    version: str,
    tell: Callable[[Input], None],
    notices: Callable[[], Sequence[Note]] = tuple,
) -> Iterator[AsyncIOScheduler]:
    """Runs the jobs while the block runs. snapshot: the core's durable state; tell: the core's inbox.

    notices: what must be said each day (certificates that expire); asked in a thread, at the start as well.
    """

    async def tidy() -> None:
        code = await compact(data)
        if code != 0:
            text = f"heloop compact ended with exit code {code}: history.db is not up to date"
            tell(Note("record.compact_failed", "journal", text, {"code": code}))
        await asyncio.wrap_future(journal.retain(keep, now()))

    async def keep_state() -> None:
        await asyncio.wrap_future(journal.snapshot(snapshot(), version, now()))

    async def remind() -> None:
        for notice in await asyncio.to_thread(notices):
            tell(notice)

    scheduler = AsyncIOScheduler(timezone="UTC")
    common = {"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1}
    scheduler.add_job(tidy, "cron", minute=7, id="compact and retain", **common)
    scheduler.add_job(keep_state, "cron", hour=3, minute=33, id="snapshot", **common)
    scheduler.add_job(remind, "cron", hour=6, minute=0, id="notices", **common)
    scheduler.add_job(remind, id="notices at the start", misfire_grace_time=None)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=False)


async def compact(data: Path) -> int:
    """Folds samples into history.db in a process of its own; its exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "controller",
        "compact",
        "--data",
        str(data),
        stdout=asyncio.subprocess.DEVNULL,
        preexec_fn=lambda: os.nice(NICE),
    )
    try:
        return await asyncio.wait_for(process.wait(), COMPACT_S_MAX)
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()
        raise
