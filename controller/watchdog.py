"""What the service tells systemd: that it is ready, and that it is alive as long as everything in it is.

sd_notify(3) is one datagram to a socket that systemd names; outside systemd nothing is sent. The watchdog is
fed only while the loop steps and the journal's writer is not stuck. A disk that is full is no reason to let
it starve: the journal says so itself, and protection goes on without it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

STUCK_S: Final = 60.0  # events that wait so long, without a reason given, are not being written any more


@dataclass(frozen=True, slots=True)
class Signs:
    """Of life. steps: the loop's, counted. lag_s: age of the oldest event that waits for the disk.

    failing: why the journal cannot be written, or ''.
    """

    steps: int
    lag_s: float
    failing: str


def alive(before: Signs, now: Signs) -> bool:
    """Whether everything went on between two looks."""
    stuck = now.lag_s > STUCK_S and not now.failing
    return now.steps > before.steps and not stuck


def interval_s(environment: Mapping[str, str], pid: int) -> float | None:
    """How often systemd wants to hear of us, halved as it advises; None: it does not watch this process."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return microseconds / 2e6 if microseconds > 0 else None


def tell(message: str) -> bool:
    """Sends `message` ('READY=1', 'WATCHDOG=1', 'STATUS=...'); False when nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket (unix(7))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(address)
            sender.sendall(message.encode())
    except OSError:
        return False
    return True


async def feed(signs: Callable[[], Signs]) -> None:
    """Until cancelled. Looks twice within systemd's time and feeds it when there was life in between."""
    period_s = interval_s(os.environ, os.getpid())
    if period_s is None:
        return
    before = signs()
    while True:
        await asyncio.sleep(period_s)
        now = signs()
        if alive(before, now):
            tell("WATCHDOG=1")
        before = now
