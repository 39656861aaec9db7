"""ServiceLevel (OPC 10000-4, 6.6.2.4.2): how much of the plant this server can show, told as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

MAINTENANCE: Final = 0
NO_DATA: Final = 1
DEGRADED_MIN: Final = 2
STANDBY: Final = 100
DEGRADED_MAX: Final = 199
HEALTHY: Final = 255


def service_level(
    *,
    feed: bool,
    ready: bool,
    links: Sequence[Mapping[str, Any]],
    standby: bool = False,
    stopping: bool = False,
) -> int:
    """255: everything is seen. 199 down to 2: some links are lost, or the service has only begun.
    1: no values at all, because every link or the way to the core is lost. 0: it stops, clients shall leave.

    standby: a newer owner has one of the PLCs. What is seen is true, but nothing can be commanded here: at
    most 100, so that of two services a client prefers the owner.
    """
    if stopping:
        return MAINTENANCE
    up = sum(bool(link.get("up")) for link in links)
    if not feed or not up:
        return NO_DATA
    if up < len(links):
        level = DEGRADED_MIN + (DEGRADED_MAX - DEGRADED_MIN) * up // len(links)
    else:
        level = HEALTHY if ready else DEGRADED_MAX
    return min(level, STANDBY) if standby else level
