"""Helium in vessels, for derived tags: pure functions of pressure, temperature and purity.

Closed form of the real gas between -30 and 60 °C, up to 250 bar: with the ideal pressure
i = rho R T, p = i / (1 - b i), b = 4.78e-4 - 1.88e-6 (T - 293) per bar; its density is within
0.2 % of the reference equation of state. Outside that the functions raise ValueError, which an
expression turns into Bad quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alarms.expression import Function

R_J_PER_KG_K: Final = 2077.1
ATMOSPHERE_BAR: Final = 1.01325
ZERO_CELSIUS_K: Final = 273.15
NORMAL_KG_PER_M3: Final = 0.17848  # 0 °C, 101.325 kPa
LIQUID_KG_PER_L: Final = 0.1247  # boiling at 1 atm
BANK_M3: Final = 1.8  # water volume of a bank of three bundles
FILL_REFERENCE_C: Final = 35.0  # cylinder fill limits are stated at this temperature
P_MAX_BARA: Final = 320.0
T_MIN_C: Final = -60.0
T_MAX_C: Final = 100.0


def density_kg_per_m3(p_bara: float, t_c: float) -> float:
    """Density of helium gas at an absolute pressure in bar and a temperature in °C."""
    _check(p_bara, t_c)
    t_k = t_c + ZERO_CELSIUS_K
    return p_bara * 1e5 / (R_J_PER_KG_K * t_k * (1.0 + _second_virial(t_k) * p_bara))


def pressure_bara(density: float, t_c: float) -> float:
    """Pressure of helium gas of a density in kg/m3 at a temperature in °C; the inverse of the above."""
    t_k = t_c + ZERO_CELSIUS_K
    ideal = density * R_J_PER_KG_K * t_k * 1e-5
    return ideal / (1.0 - _second_virial(t_k) * ideal)


def p35(p_barg: float, t_c: float) -> float:
    """The pressure in MPa(G) that a closed vessel at p_barg and t_c has when warmed to 35 °C."""
    density = density_kg_per_m3(p_barg + ATMOSPHERE_BAR, t_c)
    return (pressure_bara(density, FILL_REFERENCE_C) - ATMOSPHERE_BAR) / 10.0


def p_at(p35_mpag: float, t_c: float) -> float:
    """The pressure in barg at t_c of a vessel that has p35_mpag at 35 °C; the inverse of p35."""
    density = density_kg_per_m3(p35_mpag * 10.0 + ATMOSPHERE_BAR, FILL_REFERENCE_C)
    return pressure_bara(density, t_c) - ATMOSPHERE_BAR


def helium_kg(volume_m3: float, p_barg: float, t_c: float, purity_pct: float) -> float:
    """Helium in a vessel; purity in mole %, so air in the gas is not counted as helium."""
    if not 0.0 <= purity_pct <= 100.0:
        raise ValueError("purity is between 0 and 100 %")
    return volume_m3 * density_kg_per_m3(p_barg + ATMOSPHERE_BAR, t_c) * purity_pct / 100.0


def bank_mass_kg(p_barg: float, t_c: float, purity_pct: float) -> float:
    """Helium in one bank of 1.8 m3."""
    return helium_kg(BANK_M3, p_barg, t_c, purity_pct)


def liquid_litres(mass_kg: float) -> float:
    """The volume of a mass of helium as liquid boiling at 1 atm, in L."""
    return mass_kg / LIQUID_KG_PER_L


def normal_m3(mass_kg: float) -> float:
    """The volume of a mass of helium at 0 °C and 101.325 kPa, in Nm3."""
    return mass_kg / NORMAL_KG_PER_M3


def _second_virial(t_k: float) -> float:
    return 4.78e-4 - 1.88e-6 * (t_k - 293.0)


def _check(p_bara: float, t_c: float) -> None:
    if not 0.0 <= p_bara <= P_MAX_BARA or not T_MIN_C <= t_c <= T_MAX_C:
        raise ValueError("outside the range of the closed form")


FUNCTIONS: Final[Mapping[str, Function]] = {
    "p35": Function(p35, 2, 2, ("barg", "°C"), "MPag"),
    "p_at": Function(p_at, 2, 2, ("MPag", "°C"), "barg"),
    "bank_mass_kg": Function(bank_mass_kg, 3, 3, ("barg", "°C", "%He"), "kg"),
    "helium_kg": Function(helium_kg, 4, 4, ("", "barg", "°C", "%He"), "kg"),
    "liquid_litres": Function(liquid_litres, 1, 1, ("kg",), "L"),
    "normal_m3": Function(normal_m3, 1, 1, ("kg",), "Nm3"),
}
