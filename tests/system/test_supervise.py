"""Children of `heloop run`: restarted when they die, stopped together, given up when they are refused."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from controller.supervise import Child, Refused, Supervisor
from tests.system.test_demo import free_port_base


async def test_a_killed_child_is_started_again_and_the_reason_is_said() -> None:
    said: list[str] = []
    twice = asyncio.Event()

    def hear(_: str, line: str) -> None:
        said.append(line)
        if sum("heloop 0." in one for one in said) == 2:
            twice.set()

    supervisor = Supervisor(hear)
    task = asyncio.create_task(supervisor.keep(Child("version", ["--version"])))
    await asyncio.wait_for(twice.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert any("ended with exit code 0; starting again" in line for line in said)
    assert supervisor.restarts == {"version": 1}


async def test_a_script_of_the_users_beside_it_is_not_taken_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alarms.py", "controller.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('imported by mistake')\n")
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    supervisor = Supervisor(lambda _, line: said.append(line))
    with pytest.raises(Refused):
        await supervisor.keep(Child("check", ["check", "no-such-plant"]))
    assert not any("by mistake" in line for line in said)


async def test_wrong_use_is_not_tried_again() -> None:
    supervisor = Supervisor(lambda *_: None)
    with pytest.raises(Refused, match="'check' ended with exit code 2"):
        await supervisor.keep(Child("check", ["check", "no-such-plant"]))
    assert supervisor.pid("check") is None
    assert supervisor.restarts == {}


async def test_a_front_door_that_is_refused_takes_nobody_along() -> None:
    again = asyncio.Event()

    def hear(_: str, line: str) -> None:
        if "ended with exit code 2; starting again" in line:
            again.set()

    supervisor = Supervisor(hear)
    door = Child("gateway", ["check", "no-such-plant"], required=False)
    task = asyncio.create_task(supervisor.keep(door))
    await asyncio.wait_for(again.wait(), 60)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stopped_supervisor_leaves_no_process() -> None:
    started = asyncio.Event()
    supervisor = Supervisor(lambda *_: started.set())
    child = Child("sim", ["sim", "tutorial", "--port-base", str(free_port_base()), "--hold"])
    task = asyncio.create_task(supervisor.keep(child))
    await asyncio.wait_for(started.wait(), 30)
    pid = supervisor.pid("sim")
    assert pid is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
