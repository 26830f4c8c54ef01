"""Durations as people write them."""

from fractions import Fraction

import pytest

from service.config.quantities import (
    USUAL_TEMPERATURES,
    USUAL_TIMES_S,
    USUAL_UNITS,
    check_unit,
    convert_difference,
    difference,
    duration_ns,
    time_by_pint,
)


@pytest.mark.parametrize(
    ("text", "length_ns"),
    [
        ("7ns", 7),
        ("3us", 3_000),
        ("0.1s", 100_000_000),
        ("1.5h", 5_400 * 10**9),
        ("180d", 180 * 86_400 * 10**9),
        ("5 year", 5 * 31_557_600 * 10**9),
    ],
)
def test_a_duration_is_exact_to_the_nanosecond(text, length_ns):
    assert duration_ns(text) == length_ns


@pytest.mark.parametrize("text", ["", "3", "h", "3 m", "-1s", "nan s", "1e30 s", "300 year"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        duration_ns(text)


def test_usual_times_are_as_long_as_pint_says():
    by_pint = {name: Fraction(time_by_pint(name)).limit_denominator(10**12) for name in USUAL_TIMES_S}

    assert by_pint == USUAL_TIMES_S


@pytest.mark.parametrize("unit", sorted(USUAL_UNITS | set(USUAL_TEMPERATURES)))
def test_usual_units_mean_what_pint_computes(unit):
    written = USUAL_TEMPERATURES.get(unit, unit) or "dimensionless"

    for per in ("", "min"):
        of = f"{written}/{per}" if per else written
        assert difference(f"0.3 {of}", unit, per) == convert_difference(0.3, of, unit, per) == 0.3


@pytest.mark.parametrize("text", ["0.5 degC", "0.5 bar", "0.5 K/min"])
def test_a_difference_of_another_kind_is_refused_for_a_temperature(text):
    with pytest.raises(ValueError, match=r"delta_degC"):
        difference(text, "degC")


@pytest.mark.parametrize("unit", ["deg C", "kg kg", "furlongs_", "bar bar"])
def test_what_is_no_unit_is_refused(unit):
    with pytest.raises(ValueError, match="unit"):
        check_unit(unit)
