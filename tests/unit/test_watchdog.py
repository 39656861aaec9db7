"""The watchdog starves when the loop or the journal's writer stands still, and not when a disk is full."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from controller.watchdog import STUCK_S, Signs, alive, feed, interval_s, tell


@pytest.mark.parametrize(
    ("steps", "lag_s", "failing", "expected"),
    [
        (1, 0.0, "", True),
        (0, 0.0, "", False),  # the loop has not stepped
        (1, STUCK_S + 1, "", False),  # events wait, and the writer does not say why
        (1, STUCK_S + 1, "no space left on device", True),
        (0, STUCK_S + 1, "no space left on device", False),
        (1, STUCK_S, "", True),
    ],
)
def test_alive_means_that_everything_went_on(steps: int, lag_s: float, failing: str, expected: bool) -> None:
    assert alive(Signs(10, 0.0, ""), Signs(10 + steps, lag_s, failing)) is expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_systemd_says_how_often_it_wants_to_hear(environment: dict[str, str], expected: float | None) -> None:
    assert interval_s(environment, 7) == expected


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd listens on."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield receiver


def test_what_is_told_arrives(systemd: socket.socket) -> None:
    assert tell("READY=1")
    assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not tell("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not tell("READY=1")


async def test_the_watchdog_is_fed_while_there_is_life_and_starves_when_there_is_none(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "4000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    looks, starved = count(), asyncio.Event()

    def signs() -> Signs:
        look = next(looks)
        if look > 12:
            starved.set()
        return Signs(min(look, 4), 0.0, "")

    feeding = asyncio.create_task(feed(signs))
    await starved.wait()
    feeding.cancel()
    await asyncio.wait([feeding])
    fed = 0
    while True:
        try:
            assert systemd.recv(100) == b"WATCHDOG=1"
        except BlockingIOError:
            break
        fed += 1
    assert fed == 4, "once for each step that was made"


async def test_a_service_that_systemd_does_not_watch_has_nothing_to_feed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    await feed(lambda: Signs(0, 0.0, ""))
