"""Changes per second and core, and how late they come: our link, bare asyncua, node-opcua on one server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.bench import Table
from tests.services import services

ROOT = Path(__file__).parents[2]
WARM_S = 3.0


class Server:
    """The load server in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.endpoint = self.process.stdout.readline().strip()

    def ask(self, command: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()


def client(kind: str, endpoint: str, items: int, normal_ms: float, fast_ms: float, for_s: float) -> list[str]:
    """The command line of one client process."""
    times = [str(WARM_S), str(for_s)]
    if kind == "node-opcua":
        return ["node", str(ROOT / "tests/bench/client.js"), endpoint, str(items), str(normal_ms), *times]
    module = [sys.executable, "-m", "tests.bench.client", kind, endpoint]
    return [*module, str(items), str(normal_ms), str(fast_ms), *times]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("inf")


def measure(server: Server, kind: str, items: int, normal_ms: float, for_s: float) -> dict[str, float]:
    server_s = server.ask("cpu")
    done = subprocess.run(
        client(kind, server.endpoint, items, normal_ms, 1000, for_s),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    offered = items * 1000 / normal_ms * result["wall_s"]
    return {
        "per_core": result["changes"] / result["cpu_s"],
        "delivered": 100 * result["changes"] / offered,
        "cpu": 100 * result["cpu_s"] / result["wall_s"],
        "lag_p50_ms": percentile(result["lags_ms"], 0.5),
        "lag_p99_ms": percentile(result["lags_ms"], 0.99),
        "server_cpu": 100 * (server.ask("cpu") - server_s) / (WARM_S + for_s),
    }


def run(quick: bool) -> Table:
    peers = ["asyncua"]
    if services()["node-opcua"].present and shutil.which("node"):
        peers.append("node-opcua")
    for_s = 5.0 if quick else 20.0
    table = Table(
        title="OPC UA client: changes per second and core",
        peer=" and ".join(peers) + " on the same server, one after the other, in this run",
        load="Floats with source and server time (26 B), all items in each cycle: 10,000 x 10/s, 2,000 x 5/s",
    )
    with Server() as server:
        for items, normal_ms in ((10_000, 100.0), (2_000, 200.0)):
            load = f"{items:,} x {1000 / normal_ms:g}/s"
            ours = measure(server, "ours", items, normal_ms, for_s)
            for peer in peers:
                theirs = measure(server, peer, items, normal_ms, for_s)
                target = {"asyncua": ">= 15x", "node-opcua": ">= 3x"}[peer] if items == 10_000 else ""
                table.add(
                    f"{load}, against {peer}",
                    ours["per_core"],
                    theirs["per_core"],
                    "changes/s",
                    target=target,
                )
                for which in ("lag_p50_ms", "lag_p99_ms"):
                    name = which.removesuffix("_ms").replace("_", " ")
                    table.add(f"  {name}", ours[which], theirs[which], "ms", better="less")
                table.add("  delivered", ours["delivered"], theirs["delivered"], "%")
                table.add("  client CPU", ours["cpu"], theirs["cpu"], "%", better="less")
                table.add("  server CPU", ours["server_cpu"], theirs["server_cpu"], "%")
    table.notes.append("per core = changes / CPU seconds of the client process; lag = source time to arrival")
    table.notes.append("ours includes scaling, quality, bits and the batch; the peers only count")
    if "node-opcua" not in peers:
        table.notes.append(f"node-opcua is not here: {services()['node-opcua'].install}")
    return table
