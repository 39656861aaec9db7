"""A process that keeps a journal, an intent ring and a recording, to be killed; and who holds its leash.

`python -m tests.system.journal_victim DIR` reads orders from standard input and forks a child for
each. The child says what it has done, a line at a time, as soon as it is done:
`I n` intent n is in the ring; `A n seq` event n is on disk as number seq; `C block` folded in up to block.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Self

from controller.plant.plant import Plant
from controller.record.compaction import compact
from controller.record.intents import IntentRing
from controller.record.journal import Journal
from controller.record.recorder import Recorder, Ring
from controller.record.waiting import Limits
from tests.unit.record_rows import TAGS, event, now, values

ROOT = Path(__file__).parents[2]
PLANT = Plant("university", "", "UTC", "turbine", 30.0, (), (), (), (), (), (), "cd" * 32, {})
LIMITS = Limits(batch_s=0.002, retry_first_s=0.01)
SLOTS = 64


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def write(directory: Path, first: int) -> None:
    """Appends for ever, eight at a time on their way."""
    journal = Journal.open(directory, PLANT.name, TAGS, archived=False, limits=LIMITS)
    ring = IntentRing.open(directory / "intents", slots=SLOTS)
    recorder = Recorder.open(directory, PLANT, {}, lambda: {"first": first}, ring=Ring(snapshot_s=0.05))
    on_their_way: list[Future[int]] = []
    for n in count(first):
        ring.put(n, {"n": n})
        say(f"I {n}")
        rows = values((0, n, 0, n), (1, n / 7, 0, n))
        future = journal.append([event(n)], [rows], now(n))
        future.add_done_callback(lambda done, n=n: say(f"A {n} {done.result()}"))  # type: ignore[misc]
        recorder.record(now(n), [rows.batch], n)
        on_their_way.append(future)
        if len(on_their_way) >= 8:
            on_their_way.pop(0).result()


def fold(directory: Path) -> None:
    compact(directory, step_rows=20, progress=lambda done: say(f"C {done.upto}"))
    say("whole")


def fill(directory: Path, limit_bytes: int) -> None:
    """Writes until no file may grow any more, then lets them grow again and waits for everything."""
    journal = Journal.open(directory, PLANT.name, TAGS, archived=False, limits=LIMITS)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
    futures: list[Future[int]] = []
    while not journal.health().failing:
        n = len(futures)
        futures.append(journal.append([event(n)], [values((0, n, 0, n), (1, n / 7, 0, n))], now(n)))
        if n % 20 == 0 and not journal.health().failing:
            futures[-1].exception(0.2) if not _waits(futures[-1]) else None
    futures += [journal.append([event(n)], [], now(n)) for n in range(len(futures), len(futures) + 100)]
    say(f"full {len(futures)} {journal.health().failing}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    numbers = [future.result(20) for future in futures]
    assert numbers == sorted(numbers)
    journal.close()
    say("whole")


def _waits(future: Future[int]) -> bool:
    try:
        future.result(0.5)
    except TimeoutError:
        return True
    return False


def serve(directory: Path) -> None:
    """One child per order; `dead` when it is."""
    for order in sys.stdin:
        word, *argument = order.split()
        child = os.fork()
        if child == 0:
            {"write": write, "fold": lambda d, _: fold(d), "fill": fill}[word](
                directory, int(*argument or [0])
            )
            os._exit(0)
        say(f"pid {child}")
        os.waitpid(child, 0)
        say("dead")


class Victim:
    """The leash: gives an order, listens, kills."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.journal_victim", str(directory)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def run(self, order: str, lines_to_live: int | None) -> list[list[str]]:
        """What it said before it died: by SIGKILL after so many lines, or of itself."""
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        said: list[list[str]] = []
        pid = 0
        for words in self._lines():
            if words[0] == "dead":
                return said
            if words[0] == "pid":
                pid = int(words[1])
            else:
                said.append(words)
            if pid and lines_to_live is not None and len(said) == lines_to_live:
                os.kill(pid, signal.SIGKILL)
                lines_to_live = None
        raise AssertionError("the victim's parent is gone")

    def _lines(self) -> Iterator[list[str]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield line.split()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
