"""Faults as they are written on the command line: F4@10m of the plant, hang:R:10s@1m of a link."""

from __future__ import annotations

from collections.abc import Sequence

from controller.cli.options import duration_s, fail
from controller.opcua.plc.faults import is_link_fault


def split_faults(written: Sequence[str] | None) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """(faults of the plant, faults of links), each (name, plant second); without @ it is at 0 s."""
    of_plant: list[tuple[str, float]] = []
    of_links: list[tuple[str, float]] = []
    for part in (piece for text in written or () for piece in text.split(",") if piece):
        name, _, at = part.partition("@")
        fault = (name, duration_s(at) if at else 0.0)
        (of_links if is_link_fault(name) else of_plant).append(fault)
    return of_plant, of_links


def refuse(error: Exception) -> None:
    """A fault that does not exist or does not fit is wrong use: exit code 2."""
    fail(str(error), 2)
