"""Calendars as people write them, and as programs do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alarms.rota import Roster
from domain.time import DAY_NS, MINUTE_NS, format_time, parse_time_ns
from service.telling.calendar import BadCalendar, key_of, read_duties

PEOPLE = {key_of(name): name for name in ("Ada", "Grace", "Ida")}
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns"),
    *("Pacific/Chatham", "Africa/Casablanca", "America/Santiago", "Asia/Tehran", "UTC"),
)


def calendar(*events: str, before: str = "") -> str:
    told = "\n".join(f"BEGIN:VEVENT\nDTSTAMP:20260101T000000Z\n{event.strip()}\nEND:VEVENT" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{before}{told}\nEND:VCALENDAR\n".replace("\n", "\r\n")


def duties(text: str, first: str, last: str, zone: ZoneInfo = BERLIN) -> list[str]:
    found = read_duties(text, zone, PEOPLE, parse_time_ns(first), parse_time_ns(last))
    return [f"{each.person} {format_time(each.start_ns)[5:16]} {format_time(each.end_ns)[5:16]}" for each in found]


def faults(text: str) -> list[str]:
    with pytest.raises(BadCalendar) as refused:
        read_duties(text, BERLIN, PEOPLE, 0, DAY_NS)
    return [str(fault) for fault in refused.value.faults]


NIGHTS = """
UID:nights
DTSTART;TZID=Europe/Berlin:20260101T220000
DTEND;TZID=Europe/Berlin:20260102T060000
RRULE:FREQ=DAILY
SUMMARY:Ada
"""


def test_a_night_duty_ends_by_the_clock_on_the_wall_also_when_that_is_set_in_spring() -> None:
    assert duties(calendar(NIGHTS), "2026-03-28T12:00Z", "2026-03-29T12:00Z") == ["Ada 03-28T21:00 03-29T04:00"]


def test_a_night_duty_ends_by_the_clock_on_the_wall_also_when_that_is_set_in_autumn() -> None:
    assert duties(calendar(NIGHTS), "2026-10-24T12:00Z", "2026-10-25T12:00Z") == ["Ada 10-24T20:00 10-25T05:00"]


def test_a_duration_is_of_the_clock_on_the_wall_too() -> None:
    lasting = NIGHTS.replace("DTEND;TZID=Europe/Berlin:20260102T060000", "DURATION:PT8H")

    assert duties(calendar(lasting), "2026-10-24T12:00Z", "2026-10-25T12:00Z") == ["Ada 10-24T20:00 10-25T05:00"]


def test_a_whole_day_is_one_of_the_rotas_zone() -> None:
    week = "UID:week\nDTSTART;VALUE=DATE:20260323\nDTEND;VALUE=DATE:20260330\nRRULE:FREQ=WEEKLY;INTERVAL=2\nSUMMARY:Ada"

    assert duties(calendar(week), "2026-03-20T00:00Z", "2026-04-12T00:00Z") == [
        "Ada 03-22T23:00 03-29T22:00",
        "Ada 04-05T22:00 04-12T22:00",
    ]


def test_a_time_without_a_zone_is_of_the_rotas_zone() -> None:
    floating = "UID:f\nDTSTART:20260701T060000\nDTEND:20260701T140000\nSUMMARY:Grace"

    assert duties(calendar(floating), "2026-07-01T00:00Z", "2026-07-02T00:00Z") == ["Grace 07-01T04:00 07-01T12:00"]


def test_an_exception_takes_one_duty_away_and_another_hands_one_to_somebody_else() -> None:
    series = NIGHTS + "EXDATE;TZID=Europe/Berlin:20260103T220000\n"
    swapped = """
UID:nights
RECURRENCE-ID;TZID=Europe/Berlin:20260104T220000
DTSTART;TZID=Europe/Berlin:20260104T230000
DTEND;TZID=Europe/Berlin:20260105T060000
SUMMARY:Grace
"""

    assert duties(calendar(series, swapped), "2026-01-03T12:00Z", "2026-01-06T12:00Z") == [
        "Grace 01-04T22:00 01-05T05:00",
        "Ada 01-05T21:00 01-06T05:00",
    ]


def test_from_one_duty_on_somebody_else_can_have_the_series() -> None:
    moved = """
UID:nights
RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260104T220000
DTSTART;TZID=Europe/Berlin:20260104T220000
DTEND;TZID=Europe/Berlin:20260105T060000
SUMMARY:Grace
"""

    assert duties(calendar(NIGHTS, moved), "2026-01-03T12:00Z", "2026-01-06T12:00Z") == [
        "Ada 01-03T21:00 01-04T05:00",
        "Grace 01-04T21:00 01-05T05:00",
        "Grace 01-05T21:00 01-06T05:00",
    ]


def test_dates_beside_the_rule_count() -> None:
    extra = "UID:x\nDTSTART;TZID=Europe/Berlin:20260101T080000\nDTEND;TZID=Europe/Berlin:20260101T090000\nRDATE;TZID=Europe/Berlin:20260103T080000\nSUMMARY:Ida"

    assert duties(calendar(extra), "2026-01-01T00:00Z", "2026-01-05T00:00Z") == [
        "Ida 01-01T07:00 01-01T08:00",
        "Ida 01-03T07:00 01-03T08:00",
    ]


@pytest.mark.parametrize("event", [NIGHTS + "STATUS:CANCELLED\n", NIGHTS.replace("SUMMARY:Ada", "SUMMARY:  ADA ")])
def test_what_is_cancelled_does_not_count_and_case_and_blanks_do_not_matter(event: str) -> None:
    found = duties(calendar(event), "2026-01-03T12:00Z", "2026-01-04T12:00Z")

    assert found == ([] if "CANCELLED" in event else ["Ada 01-03T21:00 01-04T05:00"])


def test_a_zone_that_the_calendar_defines_itself_is_known() -> None:
    zone = """BEGIN:VTIMEZONE
TZID:Plant clock
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
"""
    own = calendar(NIGHTS.replace("Europe/Berlin", "Plant clock"), before=zone)

    assert duties(own, "2026-10-24T12:00Z", "2026-10-25T12:00Z", ZoneInfo("UTC")) == ["Ada 10-24T20:00 10-25T05:00"]


def test_a_zone_by_its_name_in_windows_is_known() -> None:
    told = calendar(NIGHTS.replace("Europe/Berlin", "W. Europe Standard Time"))

    assert duties(told, "2026-07-01T12:00Z", "2026-07-02T12:00Z", ZoneInfo("UTC")) == ["Ada 07-01T20:00 07-02T04:00"]


# What cannot be meant


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (NIGHTS.replace("Ada", "Adda"), "line 4: event 'Adda' (nights) names nobody"),
        (NIGHTS.replace("SUMMARY:Ada\n", ""), "has no SUMMARY"),
        (NIGHTS.replace("DTSTART;TZID=Europe/Berlin:20260101T220000\n", ""), "DTSTART"),
        (NIGHTS.replace("Europe/Berlin", "Nowhere/Land"), "time zone 'Nowhere/Land'"),
        (NIGHTS.replace("20260102T060000", "20260101T060000"), "before it starts"),
        (NIGHTS.replace("20260101T220000", "2026-01-01T22:00"), "DTSTART that cannot be read"),
        (NIGHTS.replace("FREQ=DAILY", "FREQ=SECONDLY"), "repeats secondly"),
        (NIGHTS.replace("FREQ=DAILY", "FREQ=SOMETIMES"), "RRULE"),
        (NIGHTS.replace("SUMMARY:Ada", "SUMMARY:Ada\nnonsense"), "nonsense"),
    ],
)
def test_an_event_that_cannot_be_meant_is_named_with_its_line(event: str, told: str) -> None:
    assert told in faults(calendar(event))[0]


def test_every_fault_is_told_at_once_each_with_its_own_line() -> None:
    found = faults(
        calendar(NIGHTS.replace("Ada", "Adda"), NIGHTS, NIGHTS.replace("Ada", "Grce").replace("nights", "x"))
    )

    assert [fault.partition(":")[0] for fault in found] == ["line 4", "line 20"]


@pytest.mark.parametrize(
    "text", ["", "<html>login</html>", calendar(NIGHTS)[:120], calendar(NIGHTS).replace("END:VEVENT", "")]
)
def test_what_is_no_whole_calendar_is_refused(text: str) -> None:
    assert faults(text)


def test_a_calendar_has_limits() -> None:
    assert "more than" in faults(calendar(*[NIGHTS] * 2_001))[0]
    assert "more than" in faults("BEGIN:VCALENDAR" + " " * 1_000_001)[0]


# Against a slow oracle


def minutes_of(zone: ZoneInfo, first: datetime, days: int) -> dict[datetime, datetime]:
    """When the clock on the wall shows each minute for the first time."""
    found: dict[datetime, datetime] = {}
    for minute in range(days * 1440):
        moment = first + timedelta(minutes=minute)
        found.setdefault(moment.astimezone(zone).replace(tzinfo=None), moment)
    return found


def when(shown: dict[datetime, datetime], clock: datetime) -> datetime:
    """When the wall's clock shows that; one that it leaves out as if it had not been set yet."""
    last = clock
    while last not in shown:
        last -= timedelta(minutes=1)
    return shown[last] + (clock - last)


@settings(max_examples=15, deadline=None)
@example("Europe/Berlin", date(2026, 3, 29), 150, 60)
@example("Europe/Berlin", date(2026, 10, 25), 150, 1320)
@example("Australia/Lord_Howe", date(2026, 10, 4), 120, 15)
@given(
    st.sampled_from(ZONES),
    st.sampled_from([date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 9, 6), date(2026, 10, 25)]),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
def test_each_minute_around_the_days_on_which_clocks_are_set_has_whom_the_wall_says(
    name: str, day: date, start_min: int, lasts_min: int
) -> None:
    zone, midnight = ZoneInfo(name), datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the wall's
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    starts = [midnight + timedelta(days=back, minutes=start_min) for back in range(-2, 4)]
    begin = starts[0].strftime("%Y%m%dT%H%M%S")
    end = (starts[0] + timedelta(minutes=lasts_min)).strftime("%Y%m%dT%H%M%S")
    text = calendar(f"UID:a\nDTSTART;TZID={name}:{begin}\nDTEND;TZID={name}:{end}\nRRULE:FREQ=DAILY\nSUMMARY:Ada")
    shown = minutes_of(zone, first - timedelta(days=2), 9)

    begun_ns, over_ns = (round((first + timedelta(days=more)).timestamp()) * 10**9 for more in (0, 3))
    roster = Roster(read_duties(text, BERLIN, PEOPLE, begun_ns, over_ns), begun_ns, over_ns)

    told = [(when(shown, start), when(shown, start + timedelta(minutes=lasts_min))) for start in starts]
    for minute in range(3 * 1440):
        moment = first + timedelta(minutes=minute)
        expected = any(start <= moment < end for start, end in told)
        assert bool(roster.on_duty(begun_ns + minute * MINUTE_NS, "").names) == expected, moment


def test_duties_that_only_touch_the_span_are_left_out() -> None:
    found = read_duties(
        calendar(NIGHTS), BERLIN, PEOPLE, *map(parse_time_ns, ("2026-01-03T05:00Z", "2026-01-03T21:00Z"))
    )

    assert found == ()
