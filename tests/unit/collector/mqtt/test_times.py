import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.mqtt.times import EARLIEST_NS, read_numbers, read_texts, read_time
from domain.errors import BadMessage
from domain.time import format_time

NOON_S = 1_750_000_000


@pytest.mark.parametrize(
    ("raw", "ns_per_unit", "expected"),
    [
        (NOON_S, 10**9, NOON_S * 10**9),
        (NOON_S * 1000, 10**6, NOON_S * 10**9),
        (NOON_S * 10**9 + 1, 1, NOON_S * 10**9 + 1),
        (NOON_S + 0.123456, 10**9, NOON_S * 10**9 + 123_456_000),
        (float(NOON_S * 1000) + 0.5, 10**6, NOON_S * 10**9 + 500_000),
        ("2025-06-15T15:06:40Z", 0, NOON_S * 10**9),
        ("2025-06-15T17:06:40+02:00", 0, NOON_S * 10**9),
        ("2025-06-15 15:06:40.123456789", 0, NOON_S * 10**9 + 123_456_789),
        ("2025-06-15T15:06:40Z", 10**6, NOON_S * 10**9),  # a unit does not make a text wrong
    ],
)
def test_a_time_is_read(raw, ns_per_unit, expected):
    assert read_time(raw, ns_per_unit) == expected


@pytest.mark.parametrize("raw", [None, "", 0, 0.0])
def test_no_time_is_no_time(raw):
    assert read_time(raw, 10**9) is None


@pytest.mark.parametrize(
    ("raw", "ns_per_unit", "says"),
    [
        (NOON_S, 0, "names no time_unit"),
        (NOON_S + 0.5, 0, "names no time_unit"),
        (str(NOON_S), 10**9, "number written as text"),
        ("yesterday", 10**9, "not ISO 8601"),
        ("2025-06-15T25:00:00Z", 0, "not ISO 8601"),
        ("9999-12-31T00:00:00Z", 0, "between 1971 and 2262"),
        (NOON_S, 10**6, "is the time_unit right"),  # seconds taken for milliseconds
        (NOON_S * 1000, 10**9, "is the time_unit right"),  # milliseconds taken for seconds
        (-NOON_S, 10**9, "between 1971 and 2262"),
        (10**40, 1, "between 1971 and 2262"),
        (float("nan"), 10**9, "no time"),
        (float("inf"), 10**9, "no time"),
        (True, 10**9, "a boolean"),
        ({}, 10**9, "an object"),
        ([1], 10**9, "an array"),
    ],
)
def test_what_is_no_time_is_refused_with_what_was_found(raw, ns_per_unit, says):
    with pytest.raises(BadMessage, match=says):
        read_time(raw, ns_per_unit)


UNITS = st.sampled_from([0, 1, 10**3, 10**6, 10**9])


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.integers(NOON_S, NOON_S * 10**9), UNITS), min_size=1))
def test_a_column_of_integers_reads_as_one_by_one(rows):
    raw, units = zip(*rows, strict=True)
    times = read_numbers(np.array(raw, dtype=np.int64), np.array(units, dtype=np.int64))

    assert all(time in (0, judged(value, unit)) for time, (value, unit) in zip(times.tolist(), rows, strict=True))


@given(st.lists(st.tuples(st.floats() | st.floats(NOON_S, NOON_S * 1e9), UNITS), min_size=1))
def test_a_column_of_fractions_reads_as_one_by_one(rows):
    raw, units = zip(*rows, strict=True)
    with np.errstate(all="ignore"):
        times = read_numbers(np.array(raw), np.array(units, dtype=np.int64))

    assert all(time in (0, judged(value, unit)) for time, (value, unit) in zip(times.tolist(), rows, strict=True))


def test_a_column_of_plain_times_needs_no_second_look():
    raw = np.arange(NOON_S * 1000, NOON_S * 1000 + 500)

    assert (read_numbers(raw, np.full(500, 10**6)) == raw * 10**6).all()


@given(st.lists(st.integers(EARLIEST_NS * 10, 2**62), min_size=1))
def test_a_column_of_texts_reads_as_one_by_one(times_ns):
    texts = [format_time(time_ns) for time_ns in times_ns]
    times = read_texts(texts)

    assert times is not None
    assert times.tolist() == times_ns == [read_time(text, 0) for text in texts]


@pytest.mark.parametrize(
    "text", ["now", "today", "NaT", "2025-06-15T15:06:40+00:00", "9999-01-01T00:00:00Z", "2025-02-30T00:00:00Z"]
)
def test_texts_that_numpy_would_misread_are_left_to_be_judged(text):
    assert read_texts(["2025-06-15T15:06:40Z", text]) is None


def judged(raw: float, ns_per_unit: int) -> int | None:
    try:
        return read_time(raw, ns_per_unit)
    except BadMessage:
        return None
