"""Helium as a gas and as a liquid: closed forms and the mixture that every vessel holds.

Amounts are moles, because air is 7.24 times heavier than helium and mass fractions would mix wrongly.
Gas law: Z = 1 + b p with b = 4.78e-4 - 1.88e-6 (T - 293) per bar, good to 0.0012 for -10..35 °C and
up to 250 bar; saturation between 0.95 and 1.6 bar(a). Both are fits to the reference equation of state.
"""

from __future__ import annotations

from math import exp
from typing import Final

R_UNIVERSAL: Final = 8.314463  # J/(mol K)
M_HE: Final = 0.0040026  # kg/mol
M_AIR: Final = 0.0289652  # kg/mol
ATM_BAR: Final = 1.01325
MOL_PER_NM3: Final = 101325.0 / (R_UNIVERSAL * 273.15)  # 0 °C, 101.325 kPa
KG_PER_L: Final = 0.1247  # liquid at 1 atm
ZERO_C: Final = 273.15


def lag(value: float, target: float, dt_s: float, tau_s: float) -> float:
    """First-order lag, exact for a target that stands still during the step."""
    return value + (target - value) * (1.0 - exp(-dt_s / tau_s))


def clip(value: float, low: float, high: float) -> float:
    return low if value < low else min(value, high)


def mol_s(nm3_h: float) -> float:
    """Nm³/h as mol/s."""
    return nm3_h * (MOL_PER_NM3 / 3600.0)


def nm3_h(mol_per_s: float) -> float:
    """mol/s as Nm³/h."""
    return mol_per_s * (3600.0 / MOL_PER_NM3)


def virial_per_bar(kelvin: float) -> float:
    return 4.78e-4 - 1.88e-6 * (kelvin - 293.0)


def pressure_bara(moles: float, volume_m3: float, kelvin: float) -> float:
    """Absolute pressure of a vessel, real gas: p = i / (1 - b i) with the ideal pressure i."""
    ideal = moles * R_UNIVERSAL * kelvin / volume_m3 * 1e-5
    return ideal / (1.0 - virial_per_bar(kelvin) * ideal)


def moles_in(bara: float, volume_m3: float, kelvin: float) -> float:
    """The inverse of pressure_bara."""
    ideal = bara / (1.0 + virial_per_bar(kelvin) * bara)
    return ideal * 1e5 * volume_m3 / (R_UNIVERSAL * kelvin)


def p35_mpag(barg: float, celsius: float) -> float:
    """The gauge pressure in MPa that the same filling would show at 35 °C (cylinder fill limits)."""
    moles = moles_in(barg + ATM_BAR, 1.0, celsius + ZERO_C)
    return (pressure_bara(moles, 1.0, 35.0 + ZERO_C) - ATM_BAR) / 10.0


def saturation_k(bara: float) -> float:
    """Boiling temperature of helium, 0.95..1.6 bar(a), error below 0.05 K."""
    p = clip(bara, 0.9, 1.7)
    return 2.916 + 1.546 * p - 0.252 * p * p


class Gas:
    """The contents of a vessel: moles of helium and of air."""

    __slots__ = ("air", "he")

    def __init__(self, moles: float, air_fraction: float) -> None:
        self.he = moles * (1.0 - air_fraction)
        self.air = moles * air_fraction

    @property
    def moles(self) -> float:
        return self.he + self.air

    @property
    def air_fraction(self) -> float:
        moles = self.he + self.air
        return self.air / moles if moles > 1e-12 else 0.0

    def add(self, parcel: tuple[float, float]) -> None:
        """Take in a parcel (helium, air) in moles."""
        self.he += parcel[0]
        self.air += parcel[1]

    def take(self, moles: float) -> tuple[float, float]:
        """Give out a well-mixed parcel (helium, air); never more than there is."""
        there = self.he + self.air
        if moles <= 0.0 or there <= 0.0:
            return 0.0, 0.0
        share = moles / there
        if share >= 1.0:
            parcel = self.he, self.air
            self.he = self.air = 0.0
            return parcel
        he, air = self.he * share, self.air * share
        self.he -= he
        self.air -= air
        return he, air
