"""What can go wrong at the small plant: C1 to C6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from controller.simulator.cryocooler.model import CryocoolerPlant


@dataclass(frozen=True, slots=True)
class SmallFault:
    """As Fault of the turbine plant; the small plant has one start state only."""

    name: str
    text: str
    watch: str
    act: Callable[[CryocoolerPlant, float], None]
    mend: Callable[[CryocoolerPlant], None]
    freezes: str | None = None
    restarts: str | None = None


def _water(plant: CryocoolerPlant, age_s: float) -> None:
    del age_s
    plant.head.water_ok = False


def _water_mend(plant: CryocoolerPlant) -> None:
    plant.head.water_ok = True


def _plug(plant: CryocoolerPlant, age_s: float) -> None:
    plant.plug_bar = 0.05 + 0.75 * min(1.0, age_s / 1800.0)


def _plug_mend(plant: CryocoolerPlant) -> None:
    plant.plug_bar = 0.05


def _oil(plant: CryocoolerPlant, age_s: float) -> None:
    """The pump fails the next time the machine runs: it is made to run."""
    plant.c301.oil_ok = False
    if age_s == 0.0 and not plant.R.c301.running:
        plant.R.c301.command("start", blocked=False)


def _oil_mend(plant: CryocoolerPlant) -> None:
    plant.c301.oil_ok = True


def _empty(plant: CryocoolerPlant, age_s: float) -> None:
    plant.R.level_ignored = True
    if age_s == 0.0 and not plant.R.c301.running:
        plant.R.c301.command("start", blocked=False)


def _empty_mend(plant: CryocoolerPlant) -> None:
    plant.R.level_ignored = False


def _air(plant: CryocoolerPlant, age_s: float) -> None:
    del age_s
    plant.air_fraction = 0.05


def _air_mend(plant: CryocoolerPlant) -> None:
    plant.air_fraction = 0.004


def _leak(plant: CryocoolerPlant, age_s: float) -> None:
    del age_s
    plant.dewar.leak_kg_s = 60.0 * 0.1663 / 3600.0


def _leak_mend(plant: CryocoolerPlant) -> None:
    plant.dewar.leak_kg_s = 0.0


_LISTED: Final = (
    SmallFault("C1", "The cooling water of the cold-head compressor stops", "TT-764, TT-763, XS-760",
               _water, _water_mend),
    SmallFault("C2", "The purifier plugs within half an hour", "PDT-522, XV-412", _plug, _plug_mend),
    SmallFault("C3", "The recovery compressor loses its oil pressure", "PT-317, XA-344", _oil, _oil_mend),
    SmallFault("C4", "C-301 does not stop by level and empties the bag", "LT-201, XS-301",
               _empty, _empty_mend),
    SmallFault("C5", "Air leaks into the return: 5 %", "AT-206, XV-216", _air, _air_mend),
    SmallFault("C6", "60 m3/h of helium leak into the liquefier room", "AT-941, XV-811", _leak, _leak_mend),
)  # fmt: skip
TABLE: Final = {fault.name: fault for fault in _LISTED}
