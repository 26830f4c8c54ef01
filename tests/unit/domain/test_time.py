"""Times are read and written without losing a nanosecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.time import format_duration, format_time, parse_duration_s, parse_time_ns


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01 00:00:00,5", 500_000_000),
        ("1760000400000000000", 1_760_000_400_000_000_000),
    ],
)
def test_iso_8601_and_integer_nanoseconds_are_read(text, time_ns):
    assert parse_time_ns(text) == time_ns


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13-01", "12:30", "1e9"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_time_ns(text)


@given(st.integers(0, 4_102_444_800 * 10**9))
def test_a_time_survives_being_written_and_read(time_ns):
    assert parse_time_ns(format_time(time_ns)) == time_ns


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 s"),
        (8_500_000_000, "8.5 s"),
        (720 * 10**9, "12 min"),
        (14_700 * 10**9, "4 h 05 min"),
        (-60 * 10**9, "-1 min"),
    ],
)
def test_a_duration_reads_as_a_person_says_it(duration_ns, text):
    assert format_duration(duration_ns) == text


@pytest.mark.parametrize(
    ("text", "length_s"),
    [
        ("40s", 40.0),
        ("250 ms", 0.25),
        ("1h30min", 5400.0),
        ("1 h 30 min", 5400.0),
        (" -2 days ", -172_800.0),
        ("+1.5 m", 90.0),
        ("2 hours 5 seconds", 7205.0),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text, length_s):
    assert parse_duration_s(text) == pytest.approx(length_s)


@pytest.mark.parametrize("text", ["", " ", "-", "5", "5 parsecs", "1h 30", "1 hx", "1h - 5min", "\u0665 s"])
def test_what_is_no_duration_is_named(text):
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration_s(text)
