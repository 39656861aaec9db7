"""heloop commands as processes of their own: started, listened to, stopped, hung and killed by tests.

They are forked from a server process that has imported heloop already (multiprocessing, forkserver): what
runs is what `python -m controller` runs, without two seconds of imports each time. A process goes with
the one that started it, whatever becomes of that.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

START_S = 60.0  # patience with a machine that is busy; nothing is judged by it
PR_SET_PDEATHSIG = 1

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "controller.app",
        "controller.cli",
        "controller.cli.configure",
        "controller.cli.faults",
        "controller.cli.logs",
        "controller.opcua.plc.simulation",
        "controller.plant.config",
        "controller.simulator",
        "tests.system.programs",
    ]
)


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to be. environment: as it is now (the server's is older); account: user id to run
    under.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    errors: Path = Path(os.devnull)
    account: int | None = None


def _become(order: Order, said: Connection) -> None:
    """In the child: take on the order's standard streams, limits and account, then be the command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    errors = os.open(order.errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(said.fileno(), 1)
    os.dup2(errors, 2)
    said.close()
    os.close(errors)
    os.environ.update(order.environment)
    os.setsid()
    if order.account is not None:
        os.setgroups([])
        os.setgid(order.account)
        os.setuid(order.account)
    sys.argv = ["heloop", *order.arguments]
    from controller.cli import main

    main()


class Program:
    """One heloop command that runs. Leave the `with` block and it is gone."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.lines: list[str] = []
        self._rest = b""
        self._said, theirs = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_become, args=(order, theirs), daemon=True)
        self._process.start()
        theirs.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._process.close()
        self._said.close()

    @property
    def runs(self) -> bool:
        return self._process.is_alive()

    @property
    def errors(self) -> str:
        """What it has written to standard error."""
        return self.order.errors.read_text() if self.order.errors.is_file() else ""

    def line(self, start: str, within_s: float = START_S) -> str:
        """The first line on standard output with this beginning."""
        until_s = time.monotonic() + within_s
        while True:
            for line in self.lines:
                if line.startswith(start):
                    return line
            if not self._listen(until_s):
                self._process.join(1.0)
                raise AssertionError(
                    f"heloop {' '.join(self.order.arguments)} did not say '{start}' within {within_s:g} s "
                    f"(exit code {self._process.exitcode}); it said {self.lines} and {self.errors}"
                )

    def _listen(self, until_s: float) -> bool:
        """Takes in what it says next; False when the time is over or it says no more."""
        here, _, _ = select.select([self._said], [], [], max(0.0, until_s - time.monotonic()))
        text = os.read(self._said.fileno(), 65536) if here else b""
        *whole, self._rest = (self._rest + text).split(b"\n")
        self.lines += [line.decode() for line in whole]
        return bool(text)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ended(self, within_s: float = START_S) -> int:
        """Its exit code, as a negative signal number when it was killed."""
        self._process.join(within_s)
        code = self._process.exitcode
        assert code is not None, f"still running after {within_s:g} s: {self.order.arguments}"
        return code

    def kill(self) -> None:
        """As the kernel does it: no handler, no flush, no good-bye."""
        self.send(signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL, self.errors

    def terminate(self) -> float:
        """A clean stop; the seconds it took."""
        started_s = time.monotonic()
        self.send(signal.SIGTERM)
        assert self.ended() == 0, self.errors
        return time.monotonic() - started_s
