"""How soon the gateway serves a plant of 1,000 alarms and 2,000 tags, and what it takes. There is no peer.

The whole program is started as systemd does, from reading the plant's files to the open port. Seconds of the
processor are the figure to compare: a neighbour on the machine stretches the others.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from controller.plant import config
from tests.bench import Table

TAGS, ALARMS = 2_000, 1_000
TARGET_S, TARGET_MB = 5.0, 200.0
TAG = """\
  - name: T-{n}
    text: generated reading {n}
    unit: bara
    range: 0..100
    area: bag
    node: s=Application.GVL.T{n}
    raw: Float
"""
LIMIT = """\
    deadband: 1
    delay: 3 s
    alarms:
      H:
        limit: 90
        priority: 3
        help:
          cause: generated
          consequence: none
          action: none
          time: 1 h
"""


@dataclass(frozen=True, slots=True)
class Start:
    """ready_s: wall seconds from the program's start to its ready line; cpu_s: of its processor time."""

    ready_s: float
    cpu_s: float
    rss_mb: float
    peak_mb: float


def big_plant(folder: Path) -> tuple[int, int]:
    """The tutorial plant with generated tags, half of them with a limit; (tags, alarms) it has then."""
    shutil.copytree(config.find_plant("tutorial"), folder, dirs_exist_ok=True)
    own = config.load(folder).plant
    assert own is not None, "the tutorial plant is good"
    tags, alarms = TAGS - len(own.tags), ALARMS - len(own.alarms)
    path = folder / "plc_r.yaml"
    head, cut, tail = path.read_text(encoding="utf-8").partition("\ntags:\n")
    assert cut, "the file has a list of tags"
    limited = alarms // 2  # a tag with a limit has an alarm for its quality as well
    rows = [TAG.format(n=n) + (LIMIT if n < limited else "") for n in range(tags)]
    path.write_text(head + cut + "".join(rows) + tail, encoding="utf-8")
    loaded = config.load(folder)
    assert loaded.plant is not None, loaded.errors[:3]
    return len(loaded.plant.tags), len(loaded.plant.alarms)


def started(plant: str, data: Path) -> Start:
    """One start of `heloop gateway`, to its ready line and to its end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "controller", "gateway", plant, "--data", str(data)]
    command += ["--host", "127.0.0.1", "--port-base", str(port)]
    environment = {**os.environ, "HELOOP_RUNTIME": str(data / "runtime")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed service has its modules compiled
    environment["PYTHONPYCACHEPREFIX"] = str(data / "compiled")
    began_s = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as program:
        assert program.stdout is not None, "it is a pipe"
        line = next((line for line in program.stdout if line.startswith("ready ")), "")
        ready_s = time.monotonic() - began_s
        assert line, "the gateway has ended"
        times = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(times[11]) + int(times[12])
        memory = Path(f"/proc/{program.pid}/status").read_text().splitlines()
        program.send_signal(signal.SIGTERM)
    sizes = {row.split(":")[0]: int(row.split()[1]) / 1024 for row in memory if row.startswith("Vm")}
    return Start(ready_s, ticks / os.sysconf("SC_CLK_TCK"), sizes["VmRSS"], sizes["VmHWM"])


def run(quick: bool) -> Table:
    """The best of some starts; the first one makes the certificate, compiles modules, and is not counted."""
    with tempfile.TemporaryDirectory(prefix="heloop-bench-") as place:
        folder, data = Path(place) / "big", Path(place) / "data"
        data.mkdir()
        tags, alarms = big_plant(folder)
        started(str(folder), data)
        starts = [started(str(folder), data) for _ in range(1 if quick else 5)]
    best = min(starts, key=lambda one: one.cpu_s)
    table = Table("gateway start", "none", f"{tags} tags, {alarms} alarms; whole program, certificate there")
    table.add("to the open port", best.ready_s, None, "s", better="less", target=f"< {TARGET_S:g} s")
    table.add("processor time", best.cpu_s, None, "s", better="less")
    table.add("memory when ready", best.rss_mb, None, "MB", better="less", target=f"< {TARGET_MB:g} MB")
    table.add("memory at most", best.peak_mb, None, "MB", better="less", target=f"< {TARGET_MB:g} MB")
    return table
