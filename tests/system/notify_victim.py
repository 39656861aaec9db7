"""The process that tells people, to be killed; and who holds its leash.

`python -m tests.system.notify_victim` has everything imported and reads orders, a line of JSON each; it
forks a child for each, which follows one journal, and says `pid N`, then `dead N` when it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from alarms.routes import Address, Way
from controller.followers.notify import attempts
from controller.followers.notify.apprise_chat import service_of
from controller.followers.notify.follower import follow_notify
from controller.followers.notify.trend import trend
from controller.plant.notification import Mail, Notification
from controller.plant.plant import Plant
from tests.journalled import plant_of
from tests.notified import notification, person

ROOT = Path(__file__).parents[2]
PLANT = "university"
PAUSE_S = 0.05  # before the next attempt, so that a run takes a second


def settings_of(mail_port: int, chat_port: int) -> Notification:
    """Two people by mail, one of them in a chat as well."""
    room = Address("room.chat", Way.CHAT, f"json://127.0.0.1:{chat_port}/")
    people = [person("sato"), person("abe")]
    if chat_port:
        people.append(replace(person("room"), addresses=(room,), room=True))
    mail = Mail("127.0.0.1", mail_port, tls="none", sender="heloop@plant.example", timeout_s=2.0)
    return notification(mail, *people)


def follow(plant: Plant, order: dict[str, Any]) -> None:
    """Until killed, or asked to end."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    settings = settings_of(order["mail"], order["chat"])
    asyncio.run(follow_notify(replace(plant, notification=settings), settings, Path(order["data"])))


def _soon(attempt: int) -> float:
    del attempt
    return PAUSE_S


def serve() -> None:
    plant = plant_of(PLANT)
    service_of("json://127.0.0.1/")
    trend.__module__  # noqa: B018 - what it imports late is wanted now
    import matplotlib.figure  # noqa: F401

    attempts.retry_s = _soon  # type: ignore[attr-defined]
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            follow(plant, json.loads(line))
            os._exit(0)
        print(f"pid {child}", flush=True)
        os.waitpid(child, 0)
        print(f"dead {child}", flush=True)


class Victim:
    """The leash. One child at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._pid = 0

    async def start(self, data: Path, mail_port: int, chat_port: int) -> None:
        order = {"data": str(data), "mail": mail_port, "chat": chat_port}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._pid = int((await self.line("pid")).split()[1])

    async def end(self, number: int = signal.SIGKILL) -> None:
        """Returns when it is gone."""
        self.strike(number)
        await self.line("dead")

    def strike(self, number: int = signal.SIGKILL) -> None:
        """At this very moment; what is dead already stays so."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    async def line(self, start: str) -> str:
        assert self._process.stdout is not None
        text = (await self._process.stdout.readline()).decode()
        assert text.startswith(start), f"wanted '{start}', heard '{text}'"
        return text


@asynccontextmanager
async def victim(errors: Path) -> AsyncIterator[Victim]:
    with errors.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.system.notify_victim",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
        )
    made = Victim(process)
    try:
        await made.line("ready")
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    serve()
