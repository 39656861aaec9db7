"""For all tests: a leaked task fails its test, and what is missing on this machine is said at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
async def no_task_is_left_behind() -> AsyncIterator[None]:
    """Every coroutine a test starts has ended when the test ends."""
    before = asyncio.all_tasks()
    yield
    for _ in range(20):  # a cancelled task needs a turn of the loop to end, a server's transport a few
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks left running: {sorted(task.get_name() + str(task.get_coro()) for task in left)}"


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has a runtime directory of its own: tests in parallel never see each other's service."""
    directory = tmp_path / "runtime"
    monkeypatch.setenv("HELOOP_RUNTIME", str(directory))
    return directory
