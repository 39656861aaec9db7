"""Runs the bench modules and prints their tables, with the machine they ran on."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys
from pathlib import Path

from tests import bench
from tests.bench import Table


def machine() -> str:
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    load = os.getloadavg()[0]
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, load {load:.2f}, "
        f"CPython {platform.python_version()}, {platform.system()} {platform.release()}"
    )


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def show(table: Table) -> str:
    lines = [f"\n## {table.title}", f"peer: {table.peer}; load: {table.load}"]
    width = max((len(row.what) for row in table.rows), default=10)
    lines.append(f"{'':{width}}  {'ours':>12}  {'peer':>12}  {'unit':<10}  ratio  target")
    for row in table.rows:
        peer = f"{row.peer:>12,.3g}" if row.peer is not None else f"{'-':>12}"
        ratio = f"{row.ratio:5.1f}x" if row.ratio is not None else "     -"
        lines.append(f"{row.what:{width}}  {row.ours:>12,.3g}  {peer}  {row.unit:<10} {ratio}  {row.target}")
    return "\n".join([*lines, *(f"note: {note}" for note in table.notes)])


def main(arguments: list[str]) -> int:
    quick = "--quick" in arguments
    wanted = [name for name in arguments if not name.startswith("-")]
    there = sorted(
        module.name for module in pkgutil.iter_modules(bench.__path__) if module.name != "__main__"
    )
    modules = [name for name in there if hasattr(importlib.import_module(f"tests.bench.{name}"), "run")]
    if unknown := set(wanted) - set(modules):
        print(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(modules)}", file=sys.stderr)
        return 2
    print(f"machine: {machine()}")
    for name in wanted or modules:
        print(show(importlib.import_module(f"tests.bench.{name}").run(quick)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
