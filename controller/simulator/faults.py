"""Faults by name and time: reading them from a command line, checking them, drawing them by seed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from controller.simulator.cryocooler.faults import TABLE as CRYOCOOLER
from controller.simulator.fault_table import TABLE as TURBINE
from controller.simulator.start import DEFAULT, StartState

UNITS_S: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NAME: Final = re.compile(r"[A-Za-z]+[0-9]+[a-z]?")
_ITEM: Final = re.compile(
    r"^(?P<name>[A-Za-z]+[0-9]+[a-z]?)(@(?P<value>[0-9]+(\.[0-9]+)?)(?P<unit>[a-z]*))?$"
)


class FaultError(ValueError):
    """The list of faults does not make sense; the text says why and what would."""


class ScheduledFault(NamedTuple):
    """at_s: plant seconds since the start. At 0 s the plant starts in the fault's own start state."""

    name: str
    at_s: float


@dataclass(frozen=True, slots=True)
class FaultText:
    """For people: what the fault is, and what to watch while it goes on."""

    name: str
    text: str
    watch: str


FAULTS: Final = {fault.name: FaultText(fault.name, fault.text, fault.watch) for fault in TURBINE.values()}
CRYOCOOLER_FAULTS: Final = {
    fault.name: FaultText(fault.name, fault.text, fault.watch) for fault in CRYOCOOLER.values()
}


def parse_faults(text: str) -> tuple[ScheduledFault, ...]:
    """'F1@60s,F4@10m' -> scheduled faults, soonest first. Without '@' a fault comes at 0 s."""
    found = [_parse(item.strip()) for item in text.split(",") if item.strip()]
    if text.strip() and not found:
        raise FaultError(f"no fault in {text!r}; write them as F1@60s,F4@10m")
    faults = tuple(sorted(found, key=lambda fault: fault.at_s))
    start_state(faults)
    return faults


def _parse(item: str) -> ScheduledFault:
    matched = _ITEM.match(item)
    if matched is None:
        name, at, time = item.partition("@")
        if at and time and _NAME.fullmatch(name):
            raise FaultError(
                f"{item!r}: {time!r} is no duration; write NAME@TIME, for example F4@10m or F1@90s"
            )
        raise FaultError(f"{item!r} is not a fault; write NAME@TIME, for example F4@10m or F1@90s")
    name = _known(matched["name"])
    if matched["value"] is None:
        return ScheduledFault(name, 0.0)
    unit = matched["unit"] or "s"
    if unit not in UNITS_S:
        raise FaultError(f"{item!r}: unknown unit {unit!r}; use s, m, h or d")
    return ScheduledFault(name, float(matched["value"]) * UNITS_S[unit])


def _known(name: str) -> str:
    canonical = name[0].upper() + name[1:]
    if canonical not in FAULTS and canonical not in CRYOCOOLER_FAULTS:
        known = ", ".join((*FAULTS, *CRYOCOOLER_FAULTS))
        raise FaultError(f"there is no fault {name!r}; known are {known}")
    return canonical


def start_state(faults: Sequence[tuple[str, float]]) -> StartState:
    """The plant in which the faults at 0 s start; FaultError when two of them name different ones."""
    first: str | None = None
    state = DEFAULT
    for name, at_s in faults:
        if at_s > 0.0 or name not in TURBINE:
            continue
        own = TURBINE[name].start
        if first is None:
            first, state = name, own
        elif own != state:
            clash = "; ".join(state.differences(own))
            raise FaultError(
                f"{first} and {name} at 0 s start in different plants ({clash}); "
                f"let one of them come later, for example {name}@1s"
            )
    return state


def random_faults(seed: int, for_s: float = 3600.0, most: int = 3) -> tuple[ScheduledFault, ...]:
    """One to `most` faults at random times in the first five sixths of a run."""
    rng = Random(seed)  # noqa: S311  a simulation, no secret
    names = rng.sample(sorted(TURBINE), rng.randint(1, most))
    faults = [ScheduledFault(name, round(rng.uniform(1.0, for_s * 5.0 / 6.0), 1)) for name in names]
    return tuple(sorted(faults, key=lambda fault: fault.at_s))
