"""Clients of the gateway: 50 with 2,000 tags each, a storm of alarms, saturation; peer: asyncua's server."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from math import isnan
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.bench import Table
from tests.bench.ingest import percentile
from tests.bench.served import with_and_without

ROOT = Path(__file__).parents[2]
TAGS = 2_000
RATE_HZ = 0.2
STORM = 600
SETTLE_S = 2.0
DELIVERED = 0.99
STEP_S = 3.0
ANSWER_S = 120.0  # a stock server with 100,000 items may take longer than anybody waits
NONE = float("nan")


class TooLateError(Exception):
    """The server, or its clients, did not come to an answer."""


class Talking:
    """A process that answers one line for each. Raises TooLateError."""

    def __init__(self, module: str, *words: object) -> None:
        self._command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, words)]
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        there, _, _ = select.select([self.process.stdout], [], [], ANSWER_S)
        if not there:
            self.process.kill()
            raise TooLateError(" ".join(self._command))
        line = self.process.stdout.readline().strip()
        assert line, f"{self._command} has ended"
        return line

    def ask(self, command: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def __enter__(self) -> Talking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()


def steady(kind: str, clients: int, for_s: float) -> dict[str, float]:
    """All tags of all clients at 0.2 Hz; publishing every second."""
    with (
        Talking("northbound", kind, TAGS) as server,
        Talking("subscribers", server.first, clients, TAGS, 1000, 10, 0) as subscribers,
    ):
        server.ask("freeze")
        server.ask(f"rate {TAGS * RATE_HZ}")
        time.sleep(SETTLE_S)
        server.ask("mark")
        subscribers.ask("mark")
        time.sleep(for_s)
        told = server.ask("mark")
        done = server.ask("stop")
        time.sleep(2 * SETTLE_S)
        got = subscribers.ask("mark")
    return {
        **told,
        "lost": got["lost"] + got["overflowed"] + clients * max(0.0, done["sum"] - got["sum"]),
        "changes": got["changes"],
        "cpu": 100 * told["cpu_s"] / told["wall_s"],
        "client_cpu": 100 * got["cpu_s"] / (told["wall_s"] + 2 * SETTLE_S),
        "age_p50_ms": got["age_p50_ms"],
        "age_p99_ms": got["age_p99_ms"],
    }


def storm(kind: str, clients: int) -> dict[str, float]:
    """Until the last client has the last event, publishing every 100 ms."""
    with (
        Talking("northbound", kind, 10) as server,
        Talking("subscribers", server.first, clients, 0, 100, 1, 1) as subscribers,
    ):
        server.ask("freeze")
        time.sleep(1)
        server.ask("mark")
        begun = server.ask(f"storm {STORM}")
        ended = subscribers.ask(f"events {STORM}")
        told = server.ask("mark")
    return {**told, "ended_s": ended["at"] - begun["begun"], "handed_over_s": begun["handed_over_s"]}


def saturation(kind: str, clients: int, first: float, longest: int) -> tuple[float, dict[str, float]]:
    """The highest rate of changes a second, by doubling, that every client still gets in full and in time."""
    best, figures = 0.0, {"cpu": 0.0, "client_cpu": 0.0}
    with (
        Talking("northbound", kind, TAGS) as server,
        Talking("subscribers", server.first, clients, TAGS, 200, 1000, 0) as subscribers,
    ):
        server.ask("freeze")
        for step in range(longest):
            rate = first * 2**step
            server.ask(f"rate {rate}")
            time.sleep(1)
            server.ask("mark")
            subscribers.ask("mark")
            begun = time.perf_counter()
            time.sleep(STEP_S)
            got = subscribers.ask("mark")
            wall_s = time.perf_counter() - begun
            told = server.ask("mark")
            if (
                got["changes"] < DELIVERED * rate * clients * wall_s - rate * clients * 0.1
                or got["overflowed"]
            ):
                break
            best = rate
            figures = {
                "cpu": 100 * told["cpu_s"] / told["wall_s"],
                "client_cpu": 100 * got["cpu_s"] / wall_s,
            }
    return best, figures


def run(quick: bool) -> Table:
    for_s, many = (5.0, 3) if quick else (300.0, 50)
    table = Table(
        title="Clients of the gateway",
        peer="a stock asyncua server with the same nodes, one after the other, in this run",
        load=f"{TAGS:,} Doubles with both times; no encryption on either side",
    )
    _steady(table, many, for_s)
    _storm(table)
    steps = ((1, 10_000.0, 4_000.0), (5, 5_000.0, 1_000.0), (50, 500.0, 100.0))
    for clients, first, stock_first in steps[: 1 if quick else 3]:
        _saturation(table, clients, first, stock_first, 2 if quick else 7)
    table.notes.append("saturation doubles the rate each step: the next step was not delivered to 99 %")
    if quick:
        table.notes.append("quick: fewer clients, seconds for minutes; a rate may be the last that was tried")
    _reaction(table, many, quick=quick)
    return table


def _saturation(table: Table, clients: int, first: float, stock_first: float, longest: int) -> None:
    best, figures = saturation("ours", clients, first, longest)
    try:
        theirs, at = saturation("asyncua", clients, stock_first, longest)
    except TooLateError:
        theirs, at = NONE, {"cpu": NONE, "client_cpu": NONE}
        table.notes.append(f"the stock server with {clients} clients gave no answer for {ANSWER_S:.0f} s")
    for rate, lowest, whose in ((best, first, "ours"), (theirs, stock_first, "the stock server")):
        if not rate:
            table.notes.append(f"{whose} with {clients} clients: not even {lowest:,.0f} changes a second")
    name = f"changes a second in full to {clients} clients"
    table.add(name, best, None if isnan(theirs) else theirs, "changes/s", better="more")
    for key, what in (("cpu", "  server CPU"), ("client_cpu", "  clients' CPU")):
        table.add(what, figures[key], None if isnan(at[key]) else at[key], "%", better="less")


def _reaction(table: Table, clients: int, *, quick: bool) -> None:
    """The same service, PLC and tags, in turn with and without clients at its gateway."""
    found = with_and_without(clients, *((20, 1) if quick else (200, 5)))
    for share, text in ((0.5, "p50"), (0.99, "p99")):
        alone, beside = (percentile(found[many], share) for many in (0, clients))
        target = "<= 1.25x" if text == "p99" else ""
        name = f"interlock's reaction, {text}: {clients} clients | none"
        table.add(name, beside, alone, "ms", better="less", target=target)
    table.notes.append("reaction: the peer column is the same service without clients at its gateway")


def _peer(measure: Callable[..., dict[str, float]], *what: Any) -> dict[str, float]:
    """The stock server's figures; NaN where it did not come to an end."""
    try:
        return measure("asyncua", *what)
    except TooLateError:
        return defaultdict(lambda: NONE)


def _row(
    table: Table,
    what: str,
    key: str,
    unit: str,
    ours: dict[str, float],
    theirs: dict[str, float],
    **more: str,
) -> None:
    peer = theirs[key]
    table.add(what, ours[key], None if isnan(peer) else peer, unit, **{"better": "less", **more})


def _steady(table: Table, clients: int, for_s: float) -> None:
    ours, theirs = steady("ours", clients, for_s), _peer(steady, clients, for_s)
    name = f"{clients} clients x {TAGS:,} at {RATE_HZ} Hz, {for_s:.0f} s: came"
    _row(table, name, "changes", "changes", ours, theirs, better="more")
    _row(table, "  lost", "lost", "changes", ours, theirs, target="0")
    _row(table, "  server CPU", "cpu", "%", ours, theirs)
    _row(table, "  longest turn of its loop", "lag_max_ms", "ms", ours, theirs)
    _row(table, "  age when it came, 50 %", "age_p50_ms", "ms", ours, theirs)
    _row(table, "  age when it came, 99 %", "age_p99_ms", "ms", ours, theirs)
    _row(table, "  memory, at most", "memory_mb", "MB", ours, theirs)
    _row(table, "  clients' CPU", "client_cpu", "%", ours, theirs)
    if isnan(theirs["changes"]):
        table.notes.append(f"the stock server with {clients} clients gave no answer for {ANSWER_S:.0f} s")
    table.notes.append("ages hold the wait for the publishing cycle of 1 s: 500 ms at 50 % is none beside it")


def _storm(table: Table) -> None:
    ours, theirs = storm("ours", 5), _peer(storm, 5)
    name = f"{STORM} alarms at once to 5 clients: all there"
    _row(table, name, "ended_s", "s", ours, theirs, target="< 0.5 s")
    _row(table, "  longest turn of the loop", "lag_max_ms", "ms", ours, theirs, target="< 20 ms")


if __name__ == "__main__":
    from tests.bench.__main__ import show

    print(show(run("--quick" in sys.argv)))
