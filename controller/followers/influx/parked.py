"""Lines that were put aside: sent once more or given up, and the core told when none is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from controller import runtime
from controller.followers.core_socket import CoreAway, CoreSocket
from controller.followers.influx.sending import Sending
from controller.followers.place import Parked, forget_dead, read_dead


async def send_parked(data: Path, name: str, sending: Sending) -> tuple[int, list[Parked]]:
    """(how many were stored, what is refused still). Raises Damaged, sqlite3.Error."""
    lines = [one.line for one in read_dead(data, name)]
    refused = await sending.send((lines,))
    left = {one.line for one in refused}
    forget_dead(data, name, (line for line in lines if line not in left))
    return len(lines) - len(refused), refused


def drop_parked(data: Path, name: str, dead: Sequence[Parked]) -> int:
    """How many lie there still: what came meanwhile. Raises sqlite3.Error."""
    return forget_dead(data, name, (one.line for one in dead))


async def tell_unparked(data: Path, name: str, lines: int, how: str, user: str) -> bool:
    """Ends the alarm. False: the core does not run, tell it later."""
    text = f"{user} {how} {lines} parked lines; none lies there any more"
    try:
        core = CoreSocket(runtime.of(data).commands)
        await core.record("follower.unparked", name, text, {"lines": lines, "how": how, "user": user})
    except CoreAway:
        return False
    return True
