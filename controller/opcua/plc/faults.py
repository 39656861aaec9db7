"""Faults of links and of servers, by name: what happens between the PLC's program and the service.

Written `KIND:TARGET[:AMOUNT[:FOR]]`, e.g. `hang:R:10s`, `skew:L:-1h`, `slow:S:300ms:30s`. Their amounts
are wall time; when they begin is plant time, as for every fault.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from controller.opcua.plc.server import SimulatedPlcServer
from controller.plant.plant import Plant
from controller.plant.tags import NodeSource

_UNITS: Final = {"": 1.0, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(ms|s|min|m|h|)")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of link fault: what it does, its usual amount, and for how long it stays (None = ever)."""

    text: str
    amount: float
    for_s: float | None = None


KINDS: Final = {
    "kill": Kind("the PLC is off for AMOUNT: connections cut, port closed", 10.0),
    "restart": Kind("as kill, and its namespace index has moved by one when it is back", 20.0),
    "hang": Kind("the server stands still for AMOUNT; TCP stays open", 10.0),
    "blackhole": Kind("the network swallows everything for AMOUNT; TCP stays open", 10.0),
    "slow": Kind("every byte comes AMOUNT later, in both directions", 0.5, 30.0),
    "skew": Kind("the PLC's clock is wrong by AMOUNT", -3600.0),
    "drop": Kind("the PLC forgets all sessions; connections stay", 0.0),
    "forget": Kind("the PLC forgets all subscriptions; sessions stay", 0.0),
    "lose": Kind("the next AMOUNT notifications are never sent (Republish has them)", 1.0),
    "badnode": Kind("the node of the tag is gone: BadNodeIdUnknown", 0.0, 30.0),
}


@dataclass(frozen=True, slots=True)
class LinkFault:
    """kind on PLC number plc (or on one of its tags); amount in seconds, or a count for `lose`."""

    kind: str
    plc: int
    tag: str
    amount: float
    for_s: float | None


def is_link_fault(text: str) -> bool:
    """Whether a fault's text names a kind of link fault (and not one of the plant's own, such as F4)."""
    return text.partition(":")[0] in KINDS


def parse_link_fault(text: str, plant: Plant) -> LinkFault:
    """`hang:R:10s` -> LinkFault; ValueError says what was expected."""
    name, *parts = text.split(":")
    if name not in KINDS or not 1 <= len(parts) <= 3:
        raise ValueError(f"'{text}': expected KIND:TARGET[:AMOUNT[:FOR]] with KIND one of {', '.join(KINDS)}")
    kind, target = KINDS[name], parts[0]
    if name == "badnode":
        source = plant.tag(target).source if target in plant.index else None
        if not isinstance(source, NodeSource):
            raise ValueError(f"'{text}': no tag '{target}' on a PLC of plant '{plant.name}'")
        plc, tag, parts = source.plc, target, [target, "0", *parts[1:]]
    else:
        names = [plc.name for plc in plant.plcs]
        if target not in names:
            raise ValueError(f"'{text}': no PLC '{target}'; this plant has {', '.join(names)}")
        plc, tag = names.index(target), ""
    amount = duration_s(parts[1]) if len(parts) > 1 else kind.amount
    for_s = duration_s(parts[2]) if len(parts) > 2 else kind.for_s
    if (amount < 0.0 and name != "skew") or (for_s or 0.0) < 0.0:
        raise ValueError(f"'{text}': only a clock can be wrong by less than nothing")
    return LinkFault(name, plc, tag, amount, for_s)


def duration_s(text: str) -> float:
    """'10s', '300ms', '2min', '-1h' or bare seconds, in seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no duration; write 10s, 300ms, 2min or 1h")
    return float(match[1]) * _UNITS[match[2]]


class LinkFaults:
    """Carries link faults out on the servers of a plant, and ends them when their time is over."""

    def __init__(self, servers: Sequence[SimulatedPlcServer]) -> None:
        self._servers = servers
        self._ends: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []
        self._order = count()
        self.down: set[int] = set()  # PLCs that a fault here keeps down

    async def begin(self, fault: LinkFault, now_s: float) -> None:
        """Starts a fault now; now_s and what follows from it in monotonic seconds."""
        server = self._servers[fault.plc]
        match fault.kind:
            case "kill" | "restart":
                self.down.add(fault.plc)
                await server.go_down()
                self._at(now_s + fault.amount, lambda: self._back(fault))
            case "hang" | "blackhole":
                server.hold(hung=fault.kind == "hang")
                self._at(now_s + fault.amount, _later(server.release))
            case "slow":
                server.delay(fault.amount)
                self._until(fault, now_s, lambda: server.delay(0.0))
            case "skew":
                server.skew(fault.amount)
                self._until(fault, now_s, lambda: server.skew(0.0))
            case "drop":
                await server.drop_sessions()
            case "forget":
                await server.forget_subscriptions()
            case "lose":
                server.lose_notifications(round(fault.amount))
            case "badnode":
                server.take_out(fault.tag)
                self._until(fault, now_s, lambda: server.put_back(fault.tag))
            case _:
                raise AssertionError(f"unknown kind of link fault: {fault.kind}")

    async def end_due(self, now_s: float) -> None:
        """Ends what is over by now_s."""
        while self._ends and self._ends[0][0] <= now_s:
            _, _, end = heapq.heappop(self._ends)
            await end()

    async def _back(self, fault: LinkFault) -> None:
        self.down.discard(fault.plc)
        await self._servers[fault.plc].come_up(moved=1 if fault.kind == "restart" else 0)

    def _until(self, fault: LinkFault, now_s: float, end: Callable[[], None]) -> None:
        if fault.for_s is not None:
            self._at(now_s + fault.for_s, _later(end))

    def _at(self, at_s: float, end: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._ends, (at_s, next(self._order), end))


def _later(call: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        call()

    return run
