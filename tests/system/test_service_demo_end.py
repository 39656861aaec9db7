"""However the demo ends, nothing of it stays: not when it is killed, not when its terminal is closed."""

from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path

import pytest

from tests.system.programs import START_S, Order, Program
from tests.system.service import free_ports


def children_of(pid: int) -> set[int]:
    """Direct children, by proc(5)."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in found}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_no_process_is_left(tmp_path: Path, how: signal.Signals) -> None:
    arguments = ["demo", "--plant", "tutorial", "--headless", "--data", str(tmp_path / "data")]
    arguments += ["--port-base", str(free_ports(4))]
    with Program(Order(arguments, errors=tmp_path / "demo.err")) as demo:
        demo.line("ready ")
        children = children_of(demo.pid)
        assert len(children) == 3, "the PLCs, the core and the gateway"
        handles = [os.pidfd_open(child) for child in children]
        try:
            demo.send(how)
            assert demo.ended() == (-signal.SIGKILL if how is signal.SIGKILL else 0), demo.errors
            over_s = time.monotonic() + START_S
            for handle in handles:  # readable when the process has ended
                ended, _, _ = select.select([handle], [], [], max(0.0, over_s - time.monotonic()))
                assert ended, f"a child outlives the demo: {children}"
        finally:
            for handle in handles:
                os.close(handle)
    assert "Traceback" not in demo.errors
