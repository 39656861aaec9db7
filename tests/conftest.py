"""For all tests: a leaked task fails its test, and what is missing on this machine is said at the end."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.services import services

# A busy machine is no finding: nothing here fails for being slow. In CI the examples are the same each time.
settings.register_profile(
    "heloop",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("heloop")

MISSING = pytest.StashKey[dict[str, int]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(name): runs only where that service is installed (tests/services.py)"
    )
    config.stash[MISSING] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Locally a missing service leaves its tests out, and says so at the end; in CI it is a failure."""
    here = services()
    kept: list[pytest.Item] = []
    for item in items:
        names = [str(mark.args[0]) for mark in item.iter_markers("needs")]
        missing = [name for name in names if not here[name].present]
        for name in missing:
            config.stash[MISSING][name] = config.stash[MISSING].get(name, 0) + 1
        if not missing:
            kept.append(item)
    if config.stash[MISSING] and os.environ.get("CI"):
        lines = [f"{name}: {here[name].install}" for name in config.stash[MISSING]]
        pytest.exit("missing on this machine, and CI is set:\n  " + "\n  ".join(lines), returncode=1)
    items[:] = kept


@pytest.fixture(autouse=True)
def logs_of_their_own() -> Iterator[None]:
    """A command that a test runs in this process writes its log where that test reads, and no longer."""
    yield
    structlog.reset_defaults()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Named on the machine itself, since with xdist the workers collect."""
    missing = {name: service for name, service in services().items() if not service.present}
    if missing:
        terminalreporter.section("not everything ran: missing on this machine")
        for name, service in missing.items():
            terminalreporter.write_line(f"{name}: {service.install}")


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
def runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each test has a runtime directory of its own: tests in parallel never see each other's service.

    Its path is short, because a socket's name has 107 bytes and a test's own directory can be longer.
    """
    with tempfile.TemporaryDirectory(prefix="heloop-") as directory:
        monkeypatch.setenv("HELOOP_RUNTIME", directory)
        yield Path(directory)
