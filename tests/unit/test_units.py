"""Units: whatever is compatible may be written, what is not the same thing is refused with the fix."""

from __future__ import annotations

import pytest

from controller.plant.units import UNITS, UnitError, check_unit, compatible, seconds, value_in


@pytest.mark.parametrize(
    ("quantity", "unit", "wanted"),
    [
        (5, "barg", 5.0),
        ("5", "barg", 5.0),
        ("5 mbarg", "barg", 0.005),
        ("0.3 mbarg", "barg", 0.0003),
        ("14.7 MPag", "barg", 147.0),
        ("14.7MPag", "barg", 147.0),
        ("1.2 bara", "mbara", 1200.0),
        ("0.8 bar", "mbar", 800.0),
        ("20 °C", "K", 293.15),
        ("80 K", "°C", -193.15),
        ("1 %", "ppmv", 10_000.0),
        ("200 ppb", "ppmv", 0.2),
        ("3 vpm", "ppmv", 3.0),
        ("9000 ppmv", "%O2", 0.9),
        ("97.5 %", "%He", 97.5),
        ("19.5 %O2", "%", 19.5),
        ("1 Nm3/min", "Nm3/h", 60.0),
        ("1 kg/h", "g/s", 1 / 3.6),
        ("180 rpm", "rps", 3.0),
        ("1 %/day", "%/h", 1 / 24),
        ("-1e-3 mbar", "mbar", -0.001),
    ],
)
def test_a_limit_may_be_written_in_any_compatible_unit(
    quantity: float | str, unit: str, wanted: float
) -> None:
    assert value_in(quantity, unit) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("quantity", "unit", "wanted"),
    [
        ("2 K", "°C", 2.0),
        ("2 °C", "K", 2.0),
        ("1 mbar", "mbarg", 1.0),
        ("1 bar", "bara", 1.0),
        ("1 mbarg", "barg", 0.001),
    ],
)
def test_a_deadband_is_a_difference_so_it_has_no_zero_point(quantity: str, unit: str, wanted: float) -> None:
    assert value_in(quantity, unit, difference=True) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("quantity", "unit", "said"),
    [
        ("1.5 bara", "barg", "absolute pressure, the tag is in barg .* write about 0.48675 barg"),
        ("0 barg", "bara", "gauge pressure, the tag is in bara .* write about 1.01325 bara"),
        ("5 mbar", "mbarg", "a pressure difference, .* say which pressure is meant by writing it in mbarg"),
        ("30 Nm3/h", "m3_15/h", "gas volume at 0 °C, .* write 31.6474 m3_15/h"),
        ("30 m3_20/h", "Nm3/h", "gas volume at 20 °C, .* write 27.9533 Nm3/h"),
        ("20 %O2", "%He", "measures something else; write it in %He"),
        ("5 kg", "L", "measures something else; write it in L"),
        ("5 mbrg", "barg", "unknown unit 'mbrg'; did you mean mbarg?"),
        ("5 s", "", "has a unit, but the value it is compared with has none"),
        ("five", "K", "is no quantity"),
        ("1e999 K", "K", "not a finite number"),
        (float("nan"), "K", "not a finite number"),
        (10**400, "K", "not a finite number"),
    ],
)
def test_what_is_not_the_same_thing_is_refused_and_the_fix_is_told(
    quantity: float | str, unit: str, said: str
) -> None:
    with pytest.raises(UnitError, match=said):
        value_in(quantity, unit)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("10 s", 10),
        ("500 ms", 0.5),
        ("30 min", 1800),
        ("8 h", 28800),
        ("365 d", 31_536_000),
        (5, 5),
        ("5", 5),
        (0, 0),
    ],
)
def test_a_duration_is_seconds_or_says_its_unit(written: float | str, wanted: float) -> None:
    assert seconds(written) == wanted


@pytest.mark.parametrize("written", ["5 mbar", "-1 s", -1, "soon", "1 month", float("inf")])
def test_what_is_no_duration_is_refused(written: float | str) -> None:
    with pytest.raises(UnitError):
        seconds(written)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_every_unit_is_known_and_is_compatible_with_itself_over_time(unit: str) -> None:
    check_unit(unit)
    check_unit(f"{unit}/h")
    assert value_in(f"60 {unit}/h", f"{unit}/min") == pytest.approx(1.0)


def test_pressures_and_gas_volumes_are_kept_apart_in_both_directions() -> None:
    for group in (("barg", "bara", "bar"), ("Nm3", "m3_15", "m3_20"), ("%He", "%O2")):
        for one in group:
            assert [other for other in group if compatible(one, other)] == [one]
