"""Faults as they are written on the command line: F4@10m of the plant, hang:R:10s@1m of a link."""

from __future__ import annotations

from collections.abc import Sequence

from controller.cli.options import duration_s, fail
from controller.opcua.plc.faults import is_link_fault, parse_link_fault
from controller.plant.plant import Plant
from controller.simulator import FaultError, ScheduledFault, parse_faults


def split_faults(
    plant: Plant, written: Sequence[str] | None
) -> tuple[tuple[ScheduledFault, ...], list[tuple[str, float]]]:
    """(faults of the plant, faults of links with their plant second); without @ it is 0 s.

    A fault that does not exist or does not fit is wrong use: exit code 2.
    """
    parts = [piece for text in written or () for piece in text.split(",") if piece]
    of_links: list[tuple[str, float]] = []
    try:
        for part in filter(is_link_fault, parts):
            name, _, at = part.partition("@")
            parse_link_fault(name, plant)
            of_links.append((name, duration_s(at) if at else 0.0))
        return parse_faults(",".join(part for part in parts if not is_link_fault(part))), of_links
    except (FaultError, ValueError) as error:
        fail(str(error), 2)
