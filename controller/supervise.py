"""Keeps child processes running: started in order, restarted after a pause, stopped together.

A child that dies is started again after 1, 2, 4 .. 30 s (a good minute resets the pause), so a crash
of one never takes another along. On a server systemd does the same with a unit each.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

PAUSE_S_MAX: Final = 30.0
GOOD_RUN_S: Final = 60.0
PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)
STOP_S: Final = 4.0  # SIGTERM must end the whole within 5 s


@dataclass(frozen=True, slots=True)
class Child:
    """A heloop command to keep running. required: when it ends with 2 (wrong use), all end.

    What is not required is started again even then: the core goes on without its front doors.
    """

    name: str
    arguments: Sequence[str]
    required: bool = True


class Refused(Exception):
    """A child said its configuration or use is wrong (exit code 2): starting it again cannot help."""


class Supervisor:
    """`lines(child name, line)` gets what children print on standard output."""

    def __init__(
        self, lines: Callable[[str, str], None], *, environment: dict[str, str] | None = None
    ) -> None:
        self._lines = lines
        self._environment = {**os.environ, **(environment or {})}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self.restarts: dict[str, int] = {}

    def pid(self, name: str) -> int | None:
        process = self._processes.get(name)
        return process.pid if process is not None and process.returncode is None else None

    async def keep(self, child: Child) -> None:
        """Runs until cancelled, which stops the child. Raises Refused."""
        pause_s = 1.0
        while True:
            started_s = time.monotonic()
            code = await self._once(child)
            if code == 2 and child.required:
                raise Refused(f"'{child.name}' ended with exit code 2; its message is above")
            pause_s = 1.0 if time.monotonic() - started_s > GOOD_RUN_S else min(2 * pause_s, PAUSE_S_MAX)
            self.restarts[child.name] = self.restarts.get(child.name, 0) + 1
            self._lines(child.name, f"ended with {_ending(code)}; starting again in {pause_s:g} s")
            await asyncio.sleep(pause_s)

    async def _once(self, child: Child) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a file of the folder it was started in is no module of ours
            "-m",
            "controller",
            *child.arguments,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which stops children in order
            preexec_fn=_end_with_parent,
        )
        self._processes[child.name] = process
        try:
            assert process.stdout is not None, "its standard output is a pipe"
            async for line in process.stdout:
                self._lines(child.name, line.decode(errors="replace").rstrip())
            return await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise


def _end_with_parent() -> None:
    """A killed supervisor must not leave a core behind that nobody watches (prctl(2), Linux)."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_S)
        if process.returncode is None:
            process.kill()
            await process.wait()


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
