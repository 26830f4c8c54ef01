"""Quiet hours by a person's own clock, over both changes of it."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from alarms.recipients import QuietHours, Recipient, quiet_until_ns
from domain.rules import Priority
from domain.time import SECOND_NS, parse_time_ns

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(22), time(6))


def until(now: str, quiet: QuietHours = NIGHT, zone: str = "Europe/Berlin") -> str | None:
    """The end as the local clock shows it, with its distance to UTC."""
    end_ns = quiet_until_ns(quiet, ZoneInfo(zone), parse_time_ns(now))
    return None if end_ns is None else datetime.fromtimestamp(end_ns // SECOND_NS, ZoneInfo(zone)).isoformat()


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-01T21:59:59+01:00", None),
        ("2026-03-01T22:00:00+01:00", "2026-03-02T06:00:00+01:00"),
        ("2026-03-02T05:59:59+01:00", "2026-03-02T06:00:00+01:00"),
        ("2026-03-02T06:00:00+01:00", None),
    ],
)
def test_quiet_hours_run_over_midnight(now: str, end: str | None) -> None:
    assert until(now) == end


def test_quiet_hours_may_lie_within_a_day() -> None:
    noon = QuietHours(time(12), time(13, 30))
    assert until("2026-03-01T12:10:00+01:00", noon) == "2026-03-01T13:30:00+01:00"
    assert until("2026-03-01T13:30:00+01:00", noon) is None


def test_the_night_to_summer_time_is_an_hour_shorter() -> None:
    assert until("2026-03-29T01:30:00+01:00") == "2026-03-29T06:00:00+02:00"
    assert until("2026-03-29T04:30:00Z") is None  # 06:30 by then


def test_the_night_from_summer_time_is_an_hour_longer() -> None:
    assert until("2026-10-25T02:30:00+02:00") == "2026-10-25T06:00:00+01:00"
    assert until("2026-10-25T04:59:00Z") == "2026-10-25T06:00:00+01:00"
    assert until("2026-10-25T05:00:00Z") is None


def test_an_end_that_the_clock_skips_is_the_moment_of_the_change() -> None:
    assert until("2026-03-29T00:30:00+01:00", QuietHours(time(22), time(2, 30))) == "2026-03-29T03:00:00+02:00"


def test_an_end_that_the_clock_shows_twice_is_the_first() -> None:
    assert until("2026-10-25T00:30:00+02:00", QuietHours(time(22), time(2, 30))) == "2026-10-25T02:30:00+02:00"


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Australia/Lord_Howe", "America/New_York", "UTC", "Pacific/Apia"])
def test_at_every_hour_of_a_year_quiet_is_what_the_clock_on_the_wall_says(zone: str) -> None:
    """Apart from the hours of a change itself, where an end may be skipped or shown twice."""
    local = ZoneInfo(zone)
    begin_ns = parse_time_ns("2026-01-01T00:10:00Z")
    for hour in range(365 * 24):
        now_ns = begin_ns + hour * 3_600 * SECOND_NS
        shown = datetime.fromtimestamp(now_ns // SECOND_NS, local).time()
        assert (quiet_until_ns(NIGHT, local, now_ns) is not None) == (shown >= time(22) or shown < time(6)), hour


@pytest.mark.parametrize("priority", list(Priority))
def test_quiet_hours_never_hold_back_what_is_high_or_critical(priority: Priority) -> None:
    ada = Recipient("ada", ("ada_mail",), zone=BERLIN, quiet=NIGHT)
    waits = ada.waits_until_ns(priority, parse_time_ns("2026-03-02T03:00:00+01:00")) is not None
    assert waits is (priority > Priority.HIGH)
