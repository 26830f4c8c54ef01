"""Quantities as people write and read them at night."""

import math

import pytest

from detectors.cases import quantity, unit_in_words


@pytest.mark.parametrize(
    ("unit", "written"),
    [("degC", "°C"), ("delta_degC", "°C"), ("m3/min", "m³/min"), ("kPa", "kPa"), ("", ""), ("cm3", "cm3")],
)
def test_units_are_written_as_people_write_them(unit: str, written: str) -> None:
    assert unit_in_words(unit) == written


@pytest.mark.parametrize(
    ("value", "known", "told"),
    [
        (60.123456, 0.03, "60.12 °C"),
        (60.123456, 0.3, "60.1 °C"),
        (60.123456, 3.0, "60 °C"),
        (-0.001, 0.3, "0 °C"),
        (60.123456, 0.0, "60.1235 °C"),
        (60.123456, math.nan, "60.1235 °C"),
        (math.nan, 0.3, "nan °C"),
    ],
)
def test_a_value_has_no_decimals_beyond_what_is_known_of_it(value: float, known: float, told: str) -> None:
    assert quantity(value, "degC", known=known) == told


def test_a_value_never_looks_like_the_limit_that_it_is_beyond() -> None:
    assert quantity(65.0, "degC", against=65.0) == "65 °C"
    assert quantity(65.0000004, "degC", against=65.0) == "65.0000004 °C"
    assert quantity(math.nextafter(65.0, 66.0), "degC", against=65.0) == "65.00000000000001 °C"
    assert quantity(60.04, "degC", known=0.3, against=60.0) == "60.04 °C"
    assert quantity(math.inf, "degC", against=65.0) == "inf °C"
