"""Classes of alarms: which there are, and what an alarm takes from its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from controller.plant.build.values import duration_or_none
from controller.plant.document import Place
from controller.plant.draft import Draft
from controller.plant.problems import did_you_mean
from controller.plant.schema.alarmfile import ClassEntry

PROCESS: Final = "process"
BUILT_IN: Final = {
    PROCESS: "the process",
    "instrument": "a signal, not the process",
    "link": "a lost PLC",
    "interlock": "a trip",
    "certificate": "a certificate that ends",
}


@dataclass(frozen=True, slots=True)
class ClassOptions:
    """What comes from the alarm, else from its tag, else from its class."""

    alarm_class: str
    latching: bool
    confirm: bool
    realarm_s: float | None


def class_options(place: Place, layers: Sequence[tuple[Place, Any]], draft: Draft) -> ClassOptions:
    """layers: the blocks that may say so, each with its place, the alarm's own first."""

    def said(field: str, key: str) -> tuple[Place, Any]:
        return next(
            ((at / key, value) for at, block in layers if (value := getattr(block, field)) is not None),
            (place, None),
        )

    at, name = said("class_", "class")
    alarm_class = name or PROCESS
    known = {item.entry.name: item for item in draft.class_items}
    if alarm_class not in known and alarm_class not in BUILT_IN:
        hint = did_you_mean(alarm_class, {*known, *BUILT_IN}) or "; list it under `classes` in alarms.yaml"
        draft.unknown(at, f"unknown class {alarm_class}{hint}")
    own = known.get(alarm_class)
    base = own.entry if own else ClassEntry(name=PROCESS, text=PROCESS)
    latching, confirm = said("latching", "latching")[1], said("confirm", "confirm")[1]
    at, realarm = said("realarm", "realarm")
    if realarm is None and own is not None:
        at, realarm = own.place / "realarm", base.realarm
    return ClassOptions(
        alarm_class,
        base.latching if latching is None else latching,
        base.confirm if confirm is None else confirm,
        duration_or_none(at, realarm, draft.problems),
    )
