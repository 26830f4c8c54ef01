"""Weeks by the clock of the plant, also in those in which it is changed."""

import pytest

from domain.errors import Refused
from domain.time import HOUR_NS, format_time, parse_time_ns
from service.weeks import Week, WeekTime, newest_due, zone_named

BERLIN = zone_named("Europe/Berlin")


def test_a_week_begins_on_monday_by_the_clock_of_the_zone() -> None:
    week = Week.named("2026-W47", BERLIN)

    assert (format_time(week.start_ns), format_time(week.end_ns)) == ("2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z")
    assert Week.of(week.end_ns, BERLIN).before() == week == Week.of(week.start_ns, BERLIN)


@pytest.mark.parametrize(("name", "hours"), [("2026-W12", 168), ("2026-W13", 167), ("2026-W43", 169)])
def test_the_week_in_which_clocks_change_is_an_hour_shorter_or_longer(name: str, hours: int) -> None:
    week = Week.named(name, BERLIN)

    assert week.end_ns - week.start_ns == hours * HOUR_NS
    assert week.name == name


def test_the_year_of_a_week_is_that_of_its_thursday() -> None:
    assert Week.of(parse_time_ns("2027-01-01T12:00:00Z"), BERLIN).name == "2026-W53"


@pytest.mark.parametrize("name", ["2026-W54", "2026-47", "2026-W00", "next", "0000-W01"])
def test_what_is_no_week_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="is no week"):
        Week.named(name, BERLIN)


@pytest.mark.parametrize(
    ("now", "due", "told"),
    [
        ("2026-11-23T05:59:59Z", "2026-11-16T06:00:00Z", "2026-W46"),
        ("2026-11-23T06:00:00Z", "2026-11-23T06:00:00Z", "2026-W47"),
        ("2026-03-30T05:00:00Z", "2026-03-30T05:00:00Z", "2026-W13"),  # the clock was set forward the day before
        ("2026-10-26T05:59:59Z", "2026-10-19T05:00:00Z", "2026-W42"),  # and back
    ],
)
def test_a_report_of_monday_at_seven_tells_of_the_week_before_by_the_local_clock(now: str, due: str, told: str) -> None:
    due_ns, week = newest_due(parse_time_ns(now), WeekTime.read("Mon 07:00"), BERLIN)

    assert (format_time(due_ns), week.name) == (due, told)


@pytest.mark.parametrize("text", ["Monday 07:00", "Mon 7:00", "Mon 24:00", "07:00", ""])
def test_what_is_no_time_of_the_week_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time of the week"):
        WeekTime.read(text)
