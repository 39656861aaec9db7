"""A plant of three small PLCs, and a machine behind them that does exactly what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from asyncua import Client, ua

from alarms.signal import GOOD
from controller.opcua.plc import RUNNING, Computer, SimulatedPlcServer
from controller.plant.plant import Plant, Plc
from controller.plant.tags import Kind, NodeSource, Raw, Tag

S7, CODESYS, TWINCAT = 0, 1, 2
URIS = ("urn:LIQ-PLC", "urn:RCV-PLC", "urn:SKID-PLC")
STYLES = ("s7-1500", "codesys", "twincat")
NAMES = ("L", "R", "S")


def _identifier(plc: int, name: str) -> str:
    return (f's="DB"."{name}"', f"s=|var|RCV-PLC.Application.GVL.{name}", f"s=MAIN.skid.{name}")[plc]


# name, raw, and where in the node it lies. The same on every PLC, so that the styles can be compared.
_ROWS: tuple[tuple[str, str, Raw, dict[str, Any]], ...] = (
    ("PRESSURE", "PT", Raw.FLOAT, {}),
    ("LEVEL", "LT", Raw.INT16, {"scale": 0.1, "sentinels": (32767.0,)}),
    ("COUNT", "WD", Raw.UINT16, {}),
    ("SWITCH", "LSH", Raw.BOOLEAN, {}),
    ("HIGH_BIT", "W", Raw.UINT16, {"element": 1, "bit": 3}),
    ("LOW_BIT", "W", Raw.UINT16, {"element": 1, "bit": 15, "active_when": 0}),
    ("METER", "FQ", Raw.UINT16, {"words": 2, "low_word_first": True}),
    ("METER_HIGH_FIRST", "FQH", Raw.UINT16, {"words": 2}),
    ("LABEL", "XS", Raw.STRING, {}),
    ("WORD", "CMD", Raw.UINT16, {}),
    ("EPOCH", "EPO", Raw.UINT32, {}),
    ("SEQUENCE", "SEQ", Raw.UINT16, {}),
)
_WRITABLE = {"WORD", "EPOCH", "SEQUENCE"}
TAGS_A_PLC = len(_ROWS)


def steady_plant(extra_per_plc: int = 0) -> Plant:
    """The plant; extra_per_plc adds that many more Float tags X0, X1, ... to each PLC."""
    tags: list[Tag] = []
    for plc in (S7, CODESYS, TWINCAT):
        rows = [*_ROWS, *((f"X{n}", f"X{n}", Raw.FLOAT, {}) for n in range(extra_per_plc))]
        for name, node, raw, where in rows:
            source = NodeSource(plc, URIS[plc], _identifier(plc, node), raw, **where)
            access = "command" if name in _WRITABLE else "read"
            kind = Kind.TEXT if raw is Raw.STRING else Kind.ANALOG
            full = f"{NAMES[plc]}.{name}"
            tags.append(Tag(len(tags), full, full, kind, "", "", 0.0, 100.0, source, access=access))
    index = {tag.name: tag.index for tag in tags}
    plcs = tuple(
        Plc(
            index=n,
            name=NAMES[n],
            text=NAMES[n],
            endpoint="",
            namespaces=(URIS[n],),
            alive=index[f"{NAMES[n]}.COUNT"],
            alive_after_s=5.0,
            heartbeat=None,
            epoch=None,
            remote=None,
            fast_ms=50.0,
            normal_ms=500.0,
            budget_ms=1000.0,
            style=STYLES[n],
        )
        for n in range(3)
    )
    return Plant(
        name="steady",
        text="",
        timezone="UTC",
        simulator="turbine",
        link_grace_s=30.0,
        areas=(),
        plcs=plcs,
        tags=tuple(tags),
        commands=(),
        permissives=(),
        interlocks=(),
        text_hash="",
        index=index,
    )


class SteadyMachine:
    """Every tag stands at 0 until a test sets it; writes and steps are noted."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.values: dict[int, float | str] = {}
        self.status: dict[int, int] = {}
        for tag in plant.tags:
            if tag.access == "read":
                self.values[tag.index] = "" if tag.kind is Kind.TEXT else 0.0
        self.writes: list[tuple[int, list[tuple[str, float]]]] = []
        self.faults: list[tuple[str, float]] = []
        self.computers = [RUNNING] * len(plant.plcs)
        self.plant_s = 0.0
        self.wall_s = 0.0

    def set(self, name: str, value: float | str, status: int = GOOD) -> None:
        index = self.plant.index[name]
        self.values[index] = value
        self.status[index] = status

    def advance(self, plant_s: float, wall_s: float) -> None:
        self.plant_s += plant_s
        self.wall_s += wall_s

    def readings(self, plc: int) -> Iterable[tuple[int, float | str, int]]:
        for index, value in self.values.items():
            if self.plant.tags[index].plc == plc:
                yield index, value, self.status.get(index, GOOD)

    def write(self, plc: int, fields: Sequence[tuple[int, float]]) -> None:
        self.writes.append((plc, [(self.plant.tags[index].name, value) for index, value in fields]))

    def inject(self, fault: str, at_s: float) -> None:
        self.faults.append((fault, at_s))

    def computer(self, plc: int) -> Computer:
        return self.computers[plc]


class Peer:
    """A client of one simulated PLC that knows tags by the names of the steady plant."""

    def __init__(self, endpoint: str, plc: int, timeout_s: float = 4.0) -> None:
        self.client = Client(endpoint, timeout=timeout_s)
        self.plc = plc
        self.index = 0

    async def connect(self) -> None:
        await self.client.connect()
        self.index = await self.client.get_namespace_index(URIS[self.plc])

    def node_id(self, node: str) -> ua.NodeId:
        return ua.NodeId(_identifier(self.plc, node).removeprefix("s="), self.index)

    async def read(self, node: str) -> ua.DataValue:
        values = await self.client.uaclient.read_attributes([self.node_id(node)], ua.AttributeIds.Value)
        return values[0]

    async def value(self, node: str) -> Any:
        return (await self.read(node)).Value.Value

    async def write(self, *fields: tuple[str, ua.DataValue]) -> list[str]:
        """One WriteRequest; the names of the status codes of its fields."""
        params = ua.WriteParameters(
            [ua.WriteValue(self.node_id(node), ua.AttributeIds.Value, Value=value) for node, value in fields]
        )
        return [status.name for status in await self.client.uaclient.write(params)]


@asynccontextmanager
async def serving(machine: SteadyMachine, plc: int) -> AsyncIterator[SimulatedPlcServer]:
    server = SimulatedPlcServer(machine.plant, plc, machine)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def connected(endpoint: str, plc: int, timeout_s: float = 4.0) -> AsyncIterator[Peer]:
    peer = Peer(endpoint, plc, timeout_s)
    await peer.connect()
    try:
        yield peer
    finally:
        with suppress(ConnectionError, ua.UaError, TimeoutError):
            await peer.client.disconnect()


def only(value: Any, kind: ua.VariantType) -> ua.DataValue:
    """A value with neither status nor time."""
    return ua.DataValue(ua.Variant(value, kind), StatusCode=None)


class Notes:
    """A subscription handler that keeps what arrives, in order, for a test to wait on."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[str, ua.DataValue]] = asyncio.Queue()

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        self.arrived.put_nowait((str(node.nodeid.Identifier), data.monitored_item.Value))

    async def next(self, timeout_s: float = 5.0) -> tuple[str, ua.DataValue]:
        return await asyncio.wait_for(self.arrived.get(), timeout_s)
