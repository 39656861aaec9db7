"""From a change in the PLC to the arrival of our write, on the PLC's clock: idle, and under 2,000 x 5/s."""

from __future__ import annotations

import subprocess

from tests.bench import Table
from tests.bench.ingest import ROOT, WARM_S, Server, client, percentile

FAST_MS = 10.0
LOAD = (2_000, 200.0)
IDLE = (0, 1000.0)


def reactions(server: Server, kind: str, load: tuple[int, float], times: int) -> list[float]:
    """ms of each reaction while one client runs."""
    items, normal_ms = load
    process = subprocess.Popen(
        client(kind, server.endpoint, items, normal_ms, FAST_MS, times * 0.1 + 10),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        warm = server.ask(f"trigger {round(WARM_S / 0.06)}")
        assert warm, "the client is up by now, or its reactions count a second each"
        found: list[float] = server.ask(f"trigger {times}")
        return found
    finally:
        process.kill()
        process.wait()


def run(quick: bool) -> Table:
    times = 100 if quick else 500
    table = Table(
        title=f"PLC change -> write landed, publishing {FAST_MS:g} ms",
        peer="bare asyncua: subscribe, write in the handler; same server, same run",
        load=f"idle, and {LOAD[0]:,} Floats x {1000 / LOAD[1]:g}/s on one connection; {times} changes each",
    )
    with Server() as server:
        found = {
            (kind, name): reactions(server, kind, load, times)
            for name, load in (("idle", IDLE), ("under load", LOAD))
            for kind in ("asyncua", "ours")
        }
    for name in ("idle", "under load"):
        for share, text in ((0.5, "p50"), (0.99, "p99"), (1.0, "max")):
            ours, theirs = (percentile(found[kind, name], share) for kind in ("ours", "asyncua"))
            table.add(f"{name}, {text}", ours, theirs, "ms", better="less")
    ours, theirs = percentile(found["ours", "under load"], 0.99), percentile(found["asyncua", "idle"], 0.99)
    table.add(
        "ours under load against asyncua idle, p99", ours, theirs, "ms", better="less", target="<= 1.5x later"
    )
    table.notes.append("the change is in no step with the publishing cycle: its half is the least p50")
    table.notes.append("ours: link, batch and write queue, with an echo in place of the core's decision")
    return table
