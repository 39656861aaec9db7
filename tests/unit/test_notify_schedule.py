"""When the test alarm comes: by the plant's clock on the wall, whatever is done to that clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.followers.notify.test_alarm import LocalTimes
from controller.plant import notification


def times(at_min: int, days: set[int], timezone: str, start: datetime, count: int) -> list[str]:
    """The next ones, as APScheduler asks for them."""
    trigger = LocalTimes(notification.TestAlarm(("sato",), frozenset(days), at_min), timezone)
    found: list[datetime] = []
    now = start
    for _ in range(count):
        at = trigger.get_next_fire_time(found[-1] if found else None, now)
        assert at is not None
        found.append(at)
        now = at + timedelta(seconds=0.01)
    return [at.strftime("%a %d %H:%M") for at in found]


def test_monday_at_nine_in_japan_is_midnight_utc() -> None:
    start = datetime(2026, 11, 23, 0, 0, 1, tzinfo=UTC)
    assert times(9 * 60, {0}, "Asia/Tokyo", start, 3) == ["Mon 30 00:00", "Mon 07 00:00", "Mon 14 00:00"]


def test_an_instant_that_is_now_counts() -> None:
    start = datetime(2026, 11, 23, 0, 0, 0, tzinfo=UTC)
    assert times(9 * 60, {0}, "Asia/Tokyo", start, 1) == ["Mon 23 00:00"]


@pytest.mark.parametrize(
    ("start", "wanted"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), ["Sun 29 01:30", "Mon 30 00:30", "Tue 31 00:30"]),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), ["Sun 25 00:30", "Mon 26 01:30", "Tue 27 01:30"]),
    ],
)
def test_half_past_two_comes_once_on_the_days_that_clocks_change(start: datetime, wanted: list[str]) -> None:
    """In March that time is not there and 03:30 is taken for it; in October it is there twice."""
    assert times(150, set(range(7)), "Europe/Berlin", start, 3) == wanted


def test_no_day_is_never() -> None:
    trigger = LocalTimes(notification.TestAlarm(("sato",), frozenset(), 540), "Asia/Tokyo")
    assert trigger.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC)) is None
