"""Quantities as people write them in a scenario."""

import pytest

from domain.time import parse_time_ns
from service.bench import values


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("40s", 40), ("10min", 600), ("1h30min", 5400), ("1.5 h", 5400), ("1d 2h", 93_600), ("2 days", 172_800), ("-2h", -7200)],
)  # fmt: skip
def test_durations_are_sums_of_parts(text, seconds):
    assert values.offset_s(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "1h30", "10 parsecs", "h", "1h-30min", "0.5s", "400d", 600])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|unit|longer|whole"):
        values.offset_s(text)


@pytest.mark.parametrize(
    ("text", "share"), [("0.4 %", 0.004), ("2 %/batch", 0.02), (0.02, 0.02), ("100%", 1.0), (1, 1.0)]
)
def test_shares_may_be_percent(text, share):
    assert values.share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["140 %", "-1 %", "some", True, "3 bar", "nan"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match=r"share|between"):
        values.share(text)


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("-5 delta_degC", "degC", -5.0),
        ("2 K/min", "degC/h", 120.0),
        ("200 mbar", "bar", 0.2),
        ("0.1 /h", "pH/h", 0.1),
        (0.5, "bar", 0.5),
        ("30 s/h", "s/h", 30.0),
    ],
)
def test_amounts_are_differences_in_the_unit_that_is_asked(text, unit, amount):
    assert values.amount(text, unit) == pytest.approx(amount)


def test_a_temperature_is_no_difference():
    with pytest.raises(ValueError, match="write delta_degC"):
        values.amount("5 degC", "degC")


def test_a_point_is_on_a_scale():
    assert values.point("335.15 K", "degC") == pytest.approx(62.0)


@pytest.mark.parametrize("text", ["5 bar", "warm", True, "1e999"])
def test_what_fits_no_temperature_is_refused(text):
    with pytest.raises(ValueError, match=r"quantity|converted|finite"):
        values.point(text, "degC")


def test_times_without_a_zone_are_utc():
    assert values.instant_ns("2026-03-02T05:00:00") == parse_time_ns("2026-03-02T05:00:00Z")


@pytest.mark.parametrize("text", ["2026-13-01", "1900-01-01", "now", "2026"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is no time"):
        values.instant_ns(text)


@pytest.mark.parametrize(("text", "count"), [("any", None), (0, 0), (3, 3)])
def test_a_count_may_be_any(text, count):
    assert values.count_or_any(text) == count


@pytest.mark.parametrize("text", ["few", -1, 1.5, True])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(ValueError, match="is no count"):
        values.count_or_any(text)
