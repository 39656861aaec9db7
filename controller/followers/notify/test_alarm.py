"""The test of the whole way, on a schedule: a record in the journal, back through the cursor, to people.

It has passed when every message of it was taken by its server within the time allowed, else it is a
trouble, and with it the alarm heloop.FOLLOWER, until a test passes. Scheduled by instants of UTC, each
worked out from the plant's local time when the one before has come, so that no change of clocks lets one
out or makes two of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from controller.followers.notify.place import NotifyPlace
from controller.plant.notification import TestAlarm
from controller.record.chain import Entry

TEST: Final = "test"
KIND: Final = "notify.test"
GRACE_S: Final = 3600


class LocalTimes(BaseTrigger):  # type: ignore[misc]  # the package is not typed
    """Minute `at_min` of the local day on these days of the week (0 is Monday)."""

    def __init__(self, settings: TestAlarm, timezone: str) -> None:
        self._settings, self._zone = settings, ZoneInfo(timezone)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The first such instant after the last one that came, not before now; None without any day."""
        after = now if previous is None else max(now, previous + timedelta(seconds=1))
        day = after.astimezone(self._zone).date() - timedelta(days=1)
        for _ in range(9):
            midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
            wall = midnight + timedelta(minutes=self._settings.at_min)  # of the clock on the wall
            at = wall.astimezone(UTC)
            if day.weekday() in self._settings.days and at >= after:
                return at
            day += timedelta(days=1)
        return None


def scheduled(settings: TestAlarm, timezone: str, begin: Callable[[], Any]) -> AsyncIOScheduler:
    """A scheduler that is not started yet. begin: called in the loop at each time."""

    async def run() -> None:
        begin()

    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_job(
        run, LocalTimes(settings, timezone), coalesce=True, misfire_grace_time=GRACE_S, max_instances=1
    )
    return scheduler


class TestRun:
    """The test that is on its way, if any; kept in the database. All that changes it stands inside a turn."""

    __test__ = False  # what pytest collects by this name is something else

    def __init__(self, place: NotifyPlace) -> None:
        self._place = place
        kept = place.note(TEST)
        self._run: dict[str, Any] = msgspec.json.decode(kept) if kept else {}

    @property
    def until_ns(self) -> int | None:
        """When it must have come through; None: none is on its way."""
        return int(self._run["until_ns"]) if self._run else None

    def begin(self, to: Sequence[str], receipt_s: float, now_ns: int) -> None:
        self._keep({"id": str(now_ns), "until_ns": now_ns + round(receipt_s * 1e9), "messages": None})
        text = f"test of the way to {', '.join(to)}"
        self._place.record(KIND, TEST, text, {"test": str(now_ns), "to": list(to), "receipt_s": receipt_s})

    def is_meant(self, event: Entry, now_ns: int) -> bool:
        """Whether this event is our test, come back through the journal for the first time."""
        return (
            event.kind == KIND
            and bool(self._run)
            and event.data.get("test") == self._run["id"]
            and self._run["messages"] is None
            and now_ns < self._run["until_ns"]
        )

    def came_back(self, messages: Sequence[str]) -> None:
        self._keep({**self._run, "messages": list(messages)})

    def look(self, now_ns: int) -> str | None:
        """None: nothing to say yet; '' it has passed; else why it has not. Said once."""
        if not self._run:
            return None
        messages = self._run["messages"]
        states = self._place.states(messages or ())
        left = [one for one in messages or () if states.get(one) != "sent"]
        over = now_ns >= self._run["until_ns"]
        failed = any(states.get(one) in {"given_up", "withdrawn"} for one in left)
        if messages and not left:
            self._say("notify.test_passed", f"the test has reached {len(messages)} addresses", messages)
            return ""
        if not over and not failed:
            return None
        if messages is None:
            why = "the record of the test alarm has not come back through the journal in time"
        elif not messages:
            why = "the test alarm has nobody to go to"
        else:
            why = f"the test alarm has not reached {', '.join(self._place.addresses_of(left))}"
        self._say("notify.test_failed", why, left)
        return why

    def _say(self, kind: str, text: str, messages: Sequence[str]) -> None:
        self._place.record(kind, TEST, text, {"test": self._run["id"], "messages": list(messages)})
        self._keep({})

    def _keep(self, run: dict[str, Any]) -> None:
        self._run = run
        self._place.keep_note(TEST, msgspec.json.encode(run).decode() if run else "")
