"""When shifts end, by the plant's own clock, through both of its changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.shifts import Shifts
from domain.time import SECOND_NS, parse_time_ns
from service.config.shifts import zone_offsets

BERLIN = zone_offsets("Europe/Berlin")
THREE = Shifts("Europe/Berlin", (6 * 3600, 14 * 3600, 22 * 3600), BERLIN)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2025-06-10T03:59:59Z", "2025-06-10T04:00:00Z"),
        ("2025-06-10T04:00:00Z", "2025-06-10T12:00:00Z"),
        ("2025-06-10T20:00:00Z", "2025-06-11T04:00:00Z"),
        ("2025-12-10T21:30:00Z", "2025-12-11T05:00:00Z"),
        # The night in which the clock goes from two to three, and the one in which it has two o'clock twice.
        ("2025-03-29T21:00:00Z", "2025-03-30T04:00:00Z"),
        ("2025-10-25T20:00:00Z", "2025-10-26T05:00:00Z"),
    ],
)
def test_a_shift_ends_when_the_next_begins_by_the_local_clock(now, end):
    assert THREE.end_ns(parse_time_ns(now)) == parse_time_ns(end)


def test_a_shift_that_begins_within_the_repeated_hour_begins_once():
    night = Shifts("Europe/Berlin", (2 * 3600 + 1800,), BERLIN)

    first = night.end_ns(parse_time_ns("2025-10-25T12:00:00Z"))

    assert first == parse_time_ns("2025-10-26T00:30:00Z")
    assert night.end_ns(first) == parse_time_ns("2025-10-27T01:30:00Z")


def test_a_shift_that_begins_within_the_hour_left_out_begins_as_if_the_clock_stood():
    night = Shifts("Europe/Berlin", (2 * 3600 + 1800,), BERLIN)

    assert night.end_ns(parse_time_ns("2025-03-29T12:00:00Z")) == parse_time_ns("2025-03-30T01:30:00Z")


def test_the_clock_of_the_plant_is_told():
    assert THREE.local_clock(parse_time_ns("2025-06-10T12:00:00Z")) == "14:00"


def by_zoneinfo(zone: ZoneInfo, starts_s: tuple[int, ...], now: datetime) -> datetime:
    """The next start of a shift, by the zone's own file."""
    today = now.astimezone(zone).date()
    starts = []
    for days in range(-1, 3):
        day = today + timedelta(days=days)
        for start_s in starts_s:
            clock = datetime(day.year, day.month, day.day, start_s // 3600, start_s // 60 % 60, tzinfo=zone)
            starts.append(clock.astimezone(UTC))
    return min(start for start in starts if start > now)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    starts_min=st.sets(st.integers(0, 1439), min_size=1, max_size=4),
    now_s=st.integers(315_532_800, 4_000_000_000),
)
def test_it_agrees_with_the_zones_own_file(name, starts_min, now_s):
    starts_s = tuple(sorted(60 * minute for minute in starts_min))

    end_ns = Shifts(name, starts_s, offsets_of(name)).end_ns(now_s * SECOND_NS)

    assert end_ns == by_zoneinfo(ZoneInfo(name), starts_s, datetime.fromtimestamp(now_s, UTC)).timestamp() * SECOND_NS


_KNOWN = {"Europe/Berlin": BERLIN}


def offsets_of(name: str) -> tuple[tuple[int, int], ...]:
    if name not in _KNOWN:
        _KNOWN[name] = zone_offsets(name)
    return _KNOWN[name]
