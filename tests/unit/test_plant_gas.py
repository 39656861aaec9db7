"""Helium in vessels: the figures that limits and inventories stand on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.plant import gas


def test_the_fill_limit_of_14_7_mpa_at_35_degrees_is_137_5_barg_at_15() -> None:
    assert gas.p_at(14.7, 15) == pytest.approx(137.5, abs=0.05)
    assert gas.p_at(14.7, 0) == pytest.approx(130.3, abs=0.05)
    assert gas.p35(137.5, 15) == pytest.approx(14.7, abs=0.005)


def test_a_bank_filled_to_14_1_mpa_holds_37_5_kg() -> None:
    assert gas.p_at(14.1, 15) == pytest.approx(131.9, abs=0.05)
    assert gas.p35(131.9, 15) == pytest.approx(14.1, abs=0.005)
    assert gas.bank_mass_kg(131.9, 15, 100) == pytest.approx(37.5, abs=0.05)


def test_a_bank_at_147_barg_and_15_degrees_holds_about_41_kg_or_331_litres() -> None:
    mass_kg = gas.bank_mass_kg(147, 15, 100)
    assert mass_kg == pytest.approx(41.4, abs=0.2)
    assert gas.liquid_litres(mass_kg) == pytest.approx(332, abs=2)


def test_a_seven_cubic_metre_cylinder_really_holds_5_67_normal_cubic_metres() -> None:
    kg = gas.helium_kg(0.0467, gas.p_at(14.7, 35), 35, 100)
    assert gas.normal_m3(kg) == pytest.approx(5.67, abs=0.02)
    assert gas.liquid_litres(kg) == pytest.approx(8.1, abs=0.03)


def test_the_ideal_gas_would_overstate_the_inventory_by_7_percent_at_150_bar() -> None:
    t_k = 288.15
    ideal = 150e5 / (gas.R_J_PER_KG_K * t_k)
    assert ideal / gas.density_kg_per_m3(150, 15) == pytest.approx(1.073, abs=0.001)
    ideal = 200e5 / (gas.R_J_PER_KG_K * t_k)
    assert ideal / gas.density_kg_per_m3(200, 15) == pytest.approx(1.097, abs=0.002)


def test_gas_at_0_degrees_and_one_atmosphere_has_its_tabulated_density() -> None:
    assert gas.density_kg_per_m3(1.01325, 0) == pytest.approx(0.1785, abs=0.0001)
    assert gas.density_kg_per_m3(1.01325, 20) == pytest.approx(0.1663, abs=0.0001)


def test_air_in_the_gas_is_not_counted_as_helium() -> None:
    assert gas.bank_mass_kg(100, 15, 50) == pytest.approx(gas.bank_mass_kg(100, 15, 100) / 2)


@pytest.mark.parametrize(("p_barg", "t_c"), [(-2, 15), (400, 15), (100, -200), (100, 500)])
def test_outside_its_range_the_closed_form_gives_up(p_barg: float, t_c: float) -> None:
    with pytest.raises(ValueError, match="outside the range"):
        gas.p35(p_barg, t_c)


@settings(deadline=None)
@given(st.floats(0, 250), st.floats(-30, 60))
def test_pressure_and_density_are_each_others_inverse(p_bara: float, t_c: float) -> None:
    assert gas.pressure_bara(gas.density_kg_per_m3(p_bara, t_c), t_c) == pytest.approx(p_bara, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0, 200), st.floats(-10, 35))
def test_a_vessel_warmed_to_35_degrees_never_has_less_pressure(p_barg: float, t_c: float) -> None:
    assert gas.p35(p_barg, t_c) * 10 >= p_barg - 1e-9
    assert gas.p_at(gas.p35(p_barg, t_c), t_c) == pytest.approx(p_barg, abs=1e-6)
