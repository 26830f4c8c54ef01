"""Durations as people write them."""

import pytest

from service.config.quantities import duration_ns


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
