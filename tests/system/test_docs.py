"""What the documentation tells people to type works, and says what the documentation says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.test_demo import free_port_base

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
WITH_COMMANDS = [page for page in PAGES if "```console" in page.read_text(encoding="utf-8")]


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """(command, lines expected in this order) of all console blocks; '...' in a line is anything."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() and line.strip() != "...":
                found[-1][1].append(line)
    return found


def files_of(text: str) -> dict[str, str]:
    """Python blocks that begin with their file's name, `# NAME.py`."""
    found = re.findall(r"```python\n(# (\w+\.py)\n.*?)```", text, re.DOTALL)
    return {name: block for block, name in found}


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_the_commands_on_the_page_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    place = tmp_path / "repository" / "playground"
    place.mkdir(parents=True)
    (place.parent / "plc_maps").symlink_to(ROOT / "plc_maps")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HELOOP_PORT_BASE": str(free_port_base())}
    text = page.read_text(encoding="utf-8")
    for name, source in files_of(text).items():
        (place / name).write_text(source, encoding="utf-8")
    for command, expected in commands_of(text):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        at = 0
        for line in expected:
            pattern = ".*".join(re.escape(part) for part in line.split("..."))
            match = re.compile(pattern).search(said, at)
            assert match, f"$ {command}\nexpected: {line}\nsaid:\n{said}"
            at = match.end()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
