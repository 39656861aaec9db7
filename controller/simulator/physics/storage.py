"""High-pressure storage: banks A and B of 1.8 m³, the line that fills them and the one that empties them.

The machines deliver into the discharge line (0.02 m³). What is there above the pressure of a bank whose
fill valve is open passes its check valve in the same step; with both shut the pressure climbs within
minutes to the relief valve (165 barg). Bank temperature follows the weather with a lag of 3 h, 4 K
higher while being filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sin
from typing import Final

from controller.simulator.physics.gas import ATM_BAR, ZERO_C, Gas, lag, moles_in, pressure_bara
from controller.simulator.physics.ledger import Ledger
from controller.simulator.physics.valve import Valve

BANK_M3: Final = 1.8
LINE_M3: Final = 0.02
LINE_K: Final = 300.0
RELIEF_BARG: Final = 165.0
REGULATED_BARG: Final = 14.0


def outdoor_c(hour: float) -> float:
    """15 +/- 8 °C, warmest at 15:00."""
    return 15.0 + 8.0 * sin(2.0 * pi * (hour - 9.0) / 24.0)


def settled_bank_c(hour: float) -> float:
    """Where a bank that has followed outdoor_c for days with a lag of 3 h stands."""
    turn = 2.0 * pi * 3.0 / 24.0
    return 15.0 + 8.0 / (1.0 + turn * turn) * (
        sin(2.0 * pi * (hour - 9.0) / 24.0) - turn * sin(2.0 * pi * (hour - 3.0) / 24.0)
    )


class Bank:
    def __init__(
        self, name: str, barg: float, hour: float, air_fraction: float = 0.004, *,
        filling: bool = False, feeding: bool = False, volume_m3: float = BANK_M3,
    ) -> None:  # fmt: skip
        self.volume_m3 = volume_m3
        self.celsius = settled_bank_c(hour)
        self.gas = Gas(moles_in(barg + ATM_BAR, volume_m3, self.celsius + ZERO_C), air_fraction)
        self.fill = Valve(f"XV-411{name}", is_open=filling)
        self.feed = Valve(f"XV-412{name}", is_open=feeding)

    @property
    def bara(self) -> float:
        return pressure_bara(self.gas.moles, self.volume_m3, self.celsius + ZERO_C)


class Storage:
    """The first bank is the one that is being filled at the start."""

    def __init__(self, banks: Sequence[Bank]) -> None:
        self.banks = tuple(banks)
        air_fraction = banks[0].gas.air_fraction
        self.line = Gas(moles_in(banks[0].bara, LINE_M3, LINE_K), air_fraction)
        self.offload = Valve("XV-415")
        self.offload_barg = 0.0
        self.feed_barg = REGULATED_BARG
        self.fed_air_fraction = air_fraction
        self.filling = False

    @property
    def line_bara(self) -> float:
        return pressure_bara(self.line.moles, LINE_M3, LINE_K)

    def deliver(self, parcel: tuple[float, float]) -> None:
        """What the machines pressed into the discharge line."""
        self.line.add(parcel)
        self.filling = parcel[0] > 0.0

    def step(self, dt_s: float, hour: float, drawing: bool, ledger: Ledger) -> None:
        outside = outdoor_c(hour)
        for bank in self.banks:
            filling = self.filling and bank.fill.position > 0.5
            bank.celsius = lag(bank.celsius, outside + (4.0 if filling else 0.0), dt_s, 10800.0)
        self._pass_on()
        over = self.line.moles - moles_in(RELIEF_BARG + ATM_BAR, LINE_M3, LINE_K)
        if over > 0.0:
            ledger.vented += self.line.take(over)[0]
        supply = max((bank.bara - ATM_BAR for bank in self.banks if bank.feed.position > 0.5), default=0.0)
        target = min(REGULATED_BARG, supply)
        if target < self.feed_barg and not drawing:
            target = self.feed_barg  # a shut-in line keeps its pressure
        self.feed_barg = lag(self.feed_barg, target, dt_s, 5.0 if target > self.feed_barg else 40.0)

    def _pass_on(self) -> None:
        for bank in self.banks:
            if bank.fill.position <= 0.05:
                continue
            surplus = self.line.moles - moles_in(bank.bara, LINE_M3, LINE_K)
            if surplus > 0.0:
                bank.gas.add(self.line.take(surplus))

    def draw(self, moles: float) -> tuple[float, float]:
        """Feed gas for the purifier out of the bank whose feed valve is open (the fuller of two)."""
        open_banks = [bank for bank in self.banks if bank.feed.position > 0.5]
        if not open_banks:
            return 0.0, 0.0
        bank = max(open_banks, key=lambda b: b.bara)
        self.fed_air_fraction = bank.gas.air_fraction
        return bank.gas.take(moles)
