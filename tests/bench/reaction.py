"""From a change in the PLC to the arrival of our write, on the PLC's clock: idle, and under 2,000 x 5/s."""

from __future__ import annotations

import subprocess

from tests.bench import Table
from tests.bench.ingest import ROOT, Server, client, percentile

FAST_MS = 10.0
LOAD = (2_000, 200.0)
IDLE = (0, 1000.0)
LOST_MS = 1000.0
KINDS = {"ours": "link alone", "service": "whole service"}


def reactions(server: Server, kind: str, load: tuple[int, float], times: int) -> list[float]:
    """ms of each reaction while one client runs. What comes before it is up is not counted."""
    items, normal_ms = load
    word = "trip" if kind == "service" else "echo"
    process = subprocess.Popen(
        client(kind, server.endpoint, items, normal_ms, FAST_MS, 3600),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        while server.ask(f"{word} 1")[0] >= LOST_MS:
            pass
        server.ask(f"{word} 10")
        found: list[float] = server.ask(f"{word} {times}")
        return found
    finally:
        process.kill()
        process.wait()


def run(quick: bool) -> Table:
    times, rounds = (50, 1) if quick else (100, 3)
    table = Table(
        title=f"PLC change -> write landed, publishing {FAST_MS:g} ms",
        peer="bare asyncua: subscribe, write in the handler; same server, same run",
        load=f"idle, and {LOAD[0]:,} Floats x {1000 / LOAD[1]:g}/s beside; {times * rounds} changes each",
    )
    found: dict[tuple[str, str], list[float]] = {}
    with Server() as server:
        for _ in range(rounds):  # in turn, so that a busy minute of the machine hits all of them
            for name, load in (("idle", IDLE), ("under load", LOAD)):
                for kind in ("asyncua", "ours", "service"):
                    found.setdefault((kind, name), []).extend(reactions(server, kind, load, times))
    for name in ("idle", "under load"):
        for share, text in ((0.5, "p50"), (0.99, "p99"), (1.0, "max")):
            theirs = percentile(found["asyncua", name], share)
            for kind, what in KINDS.items():
                ours = percentile(found[kind, name], share)
                table.add(f"{name}, {text}, {what}", ours, theirs, "ms", better="less")
    theirs = percentile(found["asyncua", "idle"], 0.99)
    for kind, what in KINDS.items():
        ours = percentile(found[kind, "under load"], 0.99)
        table.add(f"p99 under load : bare idle, {what}", ours, theirs, "ms", better="less", target=">= 0.67x")
    table.notes.append("the change is in no step with the publishing cycle: half of that is the least p50")
    table.notes.append("link alone: an echo in place of the core's decision")
    table.notes.append(
        "whole service: interlock, intent, command handshake; journal and flight recorder at work"
    )
    return table
