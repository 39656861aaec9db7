"""A gateway over six hours of the tutorial plant's past, four of them folded into the history.

LT-201 is minute / 10 every 10 s, Bad in minute 100 and Uncertain in minute 200; HS-390.R is on in every odd
hour; one value in the third hour came with a source time of 1970 and has the time of its receipt. Each hour
begins with an event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from controller.core.clock import Now
from controller.core.effects import Event
from controller.core.effects import Values as Rows
from controller.core.inputs import Batch
from controller.opcua.gateway import attributes, view
from controller.opcua.gateway.conditions.making import make
from controller.opcua.gateway.history import history, nodes
from controller.opcua.gateway.history.chronicle import Chronicle
from controller.opcua.gateway.history.history import Histories
from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.space.plant import PlantNodes
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.values import Values
from controller.record.compaction import compact
from controller.record.journal import Journal
from controller.record.samples import REPLACED
from controller.record.waiting import Limits
from tests.system.gateway_rig import Rig, bare, settings, tutorial
from tests.unit.record_rows import T0, S

MINUTES, FOLDED = 360, 240
BAD_MINUTE, UNCERTAIN_MINUTE, REPLACED_MINUTE = 100, 200, 150
BAD, UNCERTAIN = 0x808C0000, 0x40900000


def record(data: Path) -> None:
    """Writes it all down."""
    plant = tutorial()
    journal = Journal.open(data, plant.name, plant.tags, archived=False, limits=Limits(batch_s=0.001))
    for minute in range(MINUTES):
        if minute == FOLDED:
            compact(data)
        at_ns = T0 + minute * 60 * S
        events = [] if minute % 60 else [_event(minute // 60, at_ns)]
        journal.append(events, [_minute(minute)], Now(0, 0, at_ns + 59 * S)).result(60)
    journal.close()


def _event(hour: int, at_ns: int) -> Event:
    return Event("service.hour", "heloop", f"hour {hour}", at_ns, 0.0, 100 + hour, {})


def _minute(minute: int) -> Rows:
    plant = tutorial()
    level, switch = plant.index["LT-201"], plant.index["HS-390.R"]
    at_ns = T0 + minute * 60 * S
    status = {BAD_MINUTE: BAD, UNCERTAIN_MINUTE: UNCERTAIN}.get(minute, 0)
    rows = [(level, minute / 10, status, at_ns + tenth * 10 * S) for tenth in range(6)]
    if minute % 60 == 0:
        rows.append((switch, float(minute // 60 % 2), 0, at_ns))
    tags, values, statuses, times = zip(*rows, strict=True)
    flags, original = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.int64)
    if minute == REPLACED_MINUTE:
        flags[0], original[0] = REPLACED, 5 * S
    batch = Batch(
        0,
        np.array(tags, np.int32),
        np.array(values, np.float64),
        np.array(statuses, np.uint32),
        np.array(times, np.int64),
    )
    return Rows(batch, flags, original)


@asynccontextmanager
async def historic(data: Path, chosen: Settings | None = None, **limits: Any) -> AsyncIterator[Rig]:
    """A gateway that serves browsing, reading and history; without a core, so nothing of it changes."""
    chosen = chosen or settings()
    chosen = replace(chosen, limits=replace(chosen.limits, **limits))
    plant = tutorial()
    values, orders = Values(plant), Orders(data / "no.sock")
    standard = StandardNodes()
    nodes.bind(standard, chosen.limits)
    space = Space(plant, [standard, PlantNodes(plant, values, Picture(orders, values))])
    made = make(plant, space, lambda _: None, chosen.application_uri)
    space.add(made.nodes)
    space.add(nodes.HistoryNodes(plant))
    histories = Histories(data, Chronicle(made.conditions, made.story))
    parts = {"plant": plant, "space": space, "values": values, "histories": histories, "orders": orders}
    tables = [attributes.SERVICES, view.SERVICES, history.SERVICES]
    try:
        async with bare(chosen, tables, **parts) as rig:
            yield rig
    finally:
        histories.close()
        await orders.close()
