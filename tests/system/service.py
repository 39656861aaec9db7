"""A simulated plant and the service that runs it, each in its own process, as systemd would start them.

Nothing here sleeps: a process is heard on its standard output, the journal is read when the kernel says
that it was written (inotify(7)), people's requests are answered on the command socket.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from alarms.signal import Sample
from controller import runtime
from controller.doors import commands
from controller.record.chain import Entry
from controller.record.errors import Missing
from controller.record.reader import Reader, Where
from tests.system.programs import START_S, Order, Program

PATIENCE_S = 60.0  # for what must come; how soon it came is judged by its own time stamps
LOOK_AGAIN_S = 0.1
IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x2, 0x80, 0x100
PORTS = range(10_240, 32_000)  # below those that the system gives to clients

_Found = TypeVar("_Found")
_LIBC = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Wakes up when a file in a directory is made or written.

    SQLite makes a commit visible in mapped memory, a moment after the last write that the kernel tells
    of; so it wakes up by itself too, LOOK_AGAIN_S later.
    """

    def __init__(self, directory: Path) -> None:
        self._file = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if (
            _LIBC.inotify_add_watch(self._file, os.fsencode(directory), IN_MODIFY | IN_MOVED_TO | IN_CREATE)
            < 0
        ):
            raise OSError(ctypes.get_errno(), f"inotify_add_watch {directory}")

    def wait(self, until_s: float) -> bool:
        """False when this second of the monotonic clock has come."""
        left_s = until_s - time.monotonic()
        here, _, _ = select.select([self._file], [], [], min(max(0.0, left_s), LOOK_AGAIN_S))
        if here:
            os.read(self._file, 65536)
        return left_s > 0

    def close(self) -> None:
        os.close(self._file)


class Story:
    """The journal of a data directory, read from outside while it is written.

    ended: says in words that nobody writes it any more, so that nobody need wait.
    """

    def __init__(self, data: Path, ended: Callable[[], str] = str) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self._ended = ended

    def events(self, kind: str = "", source: str = "", after: int = 0) -> list[Entry]:
        """What is on disk, oldest first. kind ends in '.' to mean all below."""
        where = Where(kinds=(kind,) if kind else (), sources=(source,) if source else ())
        try:
            with Reader(self.data) as reader:
                return list(reader.events(after, where=where))
        except Missing:
            return []

    def last(self) -> int:
        """The number of the newest event; 0 before the first."""
        try:
            with Reader(self.data) as reader:
                return reader.head().seq
        except Missing:
            return 0

    def samples(self, tag: str, from_ns: int = 0) -> list[Sample]:
        """What of a tag was archived, from a time on."""
        try:
            with Reader(self.data) as reader:
                numbers = reader.numbers_of(tag)
                return [
                    Sample(value, status, time_ns)
                    for block in reader.samples(numbers, from_ns)
                    for value, status, time_ns in zip(
                        block.values.tolist(), block.status.tolist(), block.time_ns.tolist(), strict=True
                    )
                ]
        except Missing:
            return []

    def until(self, kind: str, source: str = "", *, after: int = 0, within_s: float = PATIENCE_S) -> Entry:
        """The first such event after a number, as soon as it is on disk."""
        return self.when(
            lambda: next(iter(self.events(kind, source, after)), None), f"{kind} {source}", within_s
        )

    def when(self, look: Callable[[], _Found | None], what: str, within_s: float = PATIENCE_S) -> _Found:
        """Looks each time the journal was written, until there is something to be seen."""
        until_s = time.monotonic() + within_s
        watch = Watch(self.data)
        try:
            while True:
                ended = self._ended()  # asked first: what it wrote last is there then
                if (found := look()) is not None:
                    return found
                if ended or not watch.wait(until_s):
                    last = [f"{event.seq} {event.kind} {event.text}" for event in self.events()[-12:]]
                    raise AssertionError(f"no {what} within {within_s:g} s; the newest: {last}; {ended}")
        finally:
            watch.close()


class Plcs:
    """`heloop sim`: the PLCs of a plant. endpoints by PLC name."""

    def __init__(self, program: Program, control: Path) -> None:
        self.program = program
        self._control = control
        said = [line.split() for line in program.lines if line.startswith("plc ")]
        self.endpoints = {words[1]: words[2] for words in said}

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request on the control socket, and its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(START_S)
            connection.connect(str(self._control))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer

    def fault(self, name: str) -> int:
        """Lets it happen now; the UTC nanosecond at which it was asked for."""
        asked_ns = time.time_ns()
        self.ask(do="fault", name=name)
        return asked_ns

    def sessions(self) -> list[int]:
        """How many each PLC keeps, whether their clients live or not."""
        return [plc["sessions"] for plc in self.ask(do="status")["plcs"]]

    def begin(self) -> None:
        """Plant time runs from now on."""
        self.ask(do="start")


@contextmanager
def plcs(
    place: Path, plant: str, *faults: str, speed: float = 1.0, seed: int = 1, hold: bool = False
) -> Iterator[Plcs]:
    """Simulated PLCs on ports that were free."""
    place.mkdir(parents=True, exist_ok=True)
    control = place / "control.sock"
    arguments = ["sim", plant, "--speed", str(speed), "--seed", str(seed), "--control", str(control)]
    arguments += [word for fault in faults for word in ("--fault", fault)]
    arguments += ["--hold"] if hold else []
    for _ in range(5):  # a port may be taken between the look and the use
        base = free_ports(8)
        errors = place / f"sim-{base}.err"
        with Program(Order([*arguments, "--port-base", str(base - 2)], errors=errors)) as program:
            try:
                program.line("serving")
            except AssertionError:
                if "could not start" not in program.errors:
                    raise
                continue
            yield Plcs(program, control)
            return
    raise AssertionError("no free ports")


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody has now."""
    for _ in range(100):
        base = random.SystemRandom().randrange(PORTS.start, PORTS.stop - count)
        held = [socket.socket() for _ in range(count)]
        try:
            for port, one in enumerate(held, start=base):
                one.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    raise AssertionError("no free ports")


class Service:
    """`heloop core` with a data directory of its own; it may be started again and again.

    endpoints: PLC name -> address. extra: further options of the command.
    """

    def __init__(
        self, data: Path, plant: str, endpoints: dict[str, str], *extra: str, speed: float = 1.0
    ) -> None:
        self.data = data
        self.story = Story(data, self._ended)
        self._arguments = ["core", plant, "--data", str(data), "--demo-users"]
        if speed != 1.0:
            self._arguments += ["--held", "--speed", str(speed)]
        for name, address in endpoints.items():
            self._arguments += ["--endpoint", f"{name}={address}"]
        self._arguments += extra
        self._errors = data.parent / f"{data.name}.err"
        self._program: Program | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()

    def _ended(self) -> str:
        return (
            ""
            if self._program is None or self._program.runs
            else f"the service ended: {self._program.errors}"
        )

    @property
    def program(self) -> Program:
        assert self._program is not None, "started"
        return self._program

    def start(self, **limits: Any) -> Program:
        """A new process; the one before it has ended."""
        self.forget()
        self._program = Program(Order(self._arguments, errors=self._errors, **limits))
        return self._program

    def start_ready(self) -> Program:
        """The same, and every link has its first confirmed values."""
        program = self.start()
        program.line("ready ")
        return program

    def forget(self) -> None:
        if self._program is not None:
            self._program.__exit__()
            self._program = None

    @property
    def socket(self) -> Path:
        return runtime.of(self.data).commands

    def ask(self, **document: Any) -> dict[str, Any]:
        return commands.ask(self.socket, document, timeout_s=START_S)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(query="status")["data"]
        return found

    def request(self, action: str, target: str, user: str = "supervisor", **more: Any) -> dict[str, Any]:
        """What a person asks for; `reason` and what belongs into args by keyword."""
        reason = str(more.pop("reason", ""))
        return self.ask(action=action, target=target, user=user, reason=reason, args=more)

    def interlock(self, name: str) -> dict[str, Any]:
        """Its row in the status."""
        return next(row for row in self.status()["interlocks"] if row["name"] == name)

    def plc(self, name: str) -> dict[str, Any]:
        return next(row for row in self.status()["plcs"] if row["plc"] == name)


def no_file_grows(service: Service, beyond: int) -> None:
    """What the service sees of a full disk; with RLIM_INFINITY there is room again."""
    resource.prlimit(service.program.pid, resource.RLIMIT_FSIZE, (beyond, resource.RLIM_INFINITY))
