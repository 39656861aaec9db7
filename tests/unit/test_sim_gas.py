"""The closed forms the simulator computes with, against the reference values of helium."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulator.physics.gas import (
    ATM_BAR,
    KG_PER_L,
    M_HE,
    MOL_PER_NM3,
    R_UNIVERSAL,
    Gas,
    lag,
    mol_s,
    moles_in,
    nm3_h,
    p35_mpag,
    pressure_bara,
    saturation_k,
)

C15 = 288.15


def compressibility(bara: float, kelvin: float) -> float:
    return bara * 1e5 / (moles_in(bara, 1.0, kelvin) * R_UNIVERSAL * kelvin)


@pytest.mark.parametrize(("bara", "z"), [(150.0, 1.073), (200.0, 1.097)])
def test_helium_at_15_degrees_is_harder_to_compress_than_an_ideal_gas(bara: float, z: float) -> None:
    assert compressibility(bara, C15) == pytest.approx(z, abs=0.0015)


def test_a_full_bank_holds_37_5_kg() -> None:
    """p35 = 14.1 MPa(G) is 131.9 barg at 15 °C, 1.8 m³ of water volume."""
    assert p35_mpag(131.9, 15.0) == pytest.approx(14.1, abs=0.02)
    assert moles_in(131.9 + ATM_BAR, 1.8, C15) * M_HE == pytest.approx(37.5, abs=0.1)


@pytest.mark.parametrize(("celsius", "mpag"), [(35.0, 14.7), (15.0, 13.75), (0.0, 13.03)])
def test_the_legal_filling_limit_follows_the_temperature(celsius: float, mpag: float) -> None:
    assert p35_mpag(mpag * 10.0, celsius) == pytest.approx(14.7, abs=0.02)


def test_a_litre_of_liquid_is_0_6985_normal_cubic_metres() -> None:
    assert pytest.approx(0.6985, rel=0.002) == KG_PER_L / M_HE / MOL_PER_NM3
    assert nm3_h(30.0 * KG_PER_L / M_HE / 3600.0) == pytest.approx(21.0, rel=0.01)
    assert nm3_h(mol_s(27.0)) == pytest.approx(27.0)


def test_helium_boils_at_4_22_kelvin_at_one_atmosphere() -> None:
    assert saturation_k(ATM_BAR) == pytest.approx(4.22, abs=0.05)


@given(st.floats(1.0, 250.0), st.floats(263.0, 308.0), st.floats(0.01, 20.0))
def test_pressure_and_amount_are_inverse(bara: float, kelvin: float, volume_m3: float) -> None:
    assert pressure_bara(moles_in(bara, volume_m3, kelvin), volume_m3, kelvin) == pytest.approx(bara)


@given(
    st.floats(0.0, 1e4, allow_subnormal=False),
    st.floats(0.0, 1.0, allow_subnormal=False),
    st.floats(0.0, 2e4, allow_subnormal=False),
)
def test_what_is_taken_from_a_vessel_is_missing_in_it(moles: float, air: float, wanted: float) -> None:
    gas = Gas(moles, air)
    he, taken_air = gas.take(wanted)
    assert gas.he >= 0.0
    assert gas.air >= 0.0
    assert he + gas.he == pytest.approx(moles * (1.0 - air))
    assert taken_air + gas.air == pytest.approx(moles * air)
    assert he + taken_air <= min(wanted, moles) * (1.0 + 1e-9) + 1e-300


def test_a_lag_does_not_care_how_time_is_cut() -> None:
    value = 300.0
    for _ in range(60):
        value = lag(value, 80.0, 10.0, 2400.0)
    assert value == pytest.approx(lag(300.0, 80.0, 600.0, 2400.0))
