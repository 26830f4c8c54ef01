"""Reads an iCal file (RFC 5545) as plain duties: recurrence, exceptions, all-day and floating times, time zones.

All or nothing: one event that cannot be meant and the calendar is refused, with the event's name and line.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from alarms.rota import Duty
from domain.errors import Refused
from domain.time import SECOND_NS

if TYPE_CHECKING:
    import icalendar

MOST_BYTES = 1_000_000
MOST_EVENTS = 2_000
MOST_DUTIES = 20_000
_MOST_WORDS = 300
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_LONGEST_S = 20.0
"""How long expanding may take: a rule that never comes true is looked for until the year 9999."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CalendarFault:
    """What is wrong with a calendar, and in which line (from 1)."""

    line: int
    message: str

    def __str__(self) -> str:
        """`line 12: event 'Ada' (3f2c): …`."""
        return f"line {self.line}: {self.message}"


class BadCalendar(Refused):
    """A calendar that cannot be used, with everything that was found wrong."""

    def __init__(self, faults: Sequence[CalendarFault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults[:5]))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class _Event:
    """One VEVENT, and where it begins in the file."""

    component: "icalendar.Event"
    line: int
    number: int

    @property
    def uid(self) -> str:
        """What it shares with its exceptions; an event without one stands for itself."""
        return str(self.component.get("UID", "")) or f"event {self.number}"

    @property
    def name(self) -> str:
        """How a person finds it."""
        return f"event {str(self.component.get('SUMMARY', '')).strip()!r} ({self.uid})"

    @property
    def is_cancelled(self) -> bool:
        """Whether it does not take place."""
        return str(self.component.get("STATUS", "")).upper() == "CANCELLED"


def read_duties(text: str, zone: ZoneInfo, people: Mapping[str, str], first_ns: int, last_ns: int) -> tuple[Duty, ...]:
    """The duties that overlap [first, last). BadCalendar tells every fault.

    `zone` is that of floating times and whole days. `people` has what a SUMMARY may say, by `key_of`, and who is meant.
    """
    calendar, events = _events(text)
    faults: list[CalendarFault] = []
    for event in events:
        faults += _faults_of(event, people)
    if faults:
        raise BadCalendar(faults)
    duties: list[Duty] = []
    begun_s = time.monotonic()
    for series in _series(events):
        if time.monotonic() - begun_s > _LONGEST_S:
            raise BadCalendar([_fault(series[0], f"and those before it took more than {_LONGEST_S:g} s to repeat")])
        duties += _duties_of(calendar, series, zone, people, first_ns, last_ns)
        if len(duties) > MOST_DUTIES:
            raise BadCalendar([_fault(series[0], f"makes more than {MOST_DUTIES} duties")])
    return tuple(sorted(set(duties)))


def key_of(name: str) -> str:
    """A name as a SUMMARY may write it: case and blanks do not matter."""
    return " ".join(name.split()).casefold()


def _events(text: str) -> tuple["icalendar.Calendar", list[_Event]]:
    import icalendar  # noqa: PLC0415  for who has a rota

    if len(text) > MOST_BYTES:
        raise BadCalendar([CalendarFault(1, f"a calendar of more than {MOST_BYTES:,} characters")])
    if "BEGIN:VCALENDAR" not in text.upper():
        raise BadCalendar([CalendarFault(1, "is no calendar: BEGIN:VCALENDAR is missing")])
    try:
        calendar = icalendar.Calendar.from_ical(text)
    except Exception as error:  # the library raises a dozen kinds; each becomes a fault
        raise BadCalendar([_fault_of_parser(text, error)]) from error
    components = [each for each in calendar.walk("VEVENT") if isinstance(each, icalendar.Event)]
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip().upper() == "BEGIN:VEVENT"]
    if len(components) > MOST_EVENTS:
        raise BadCalendar([CalendarFault(1, f"has {len(components)} events, more than {MOST_EVENTS}")])
    if not isinstance(calendar, icalendar.Calendar) or len(lines) != len(components):
        raise BadCalendar([CalendarFault(1, "an event begins that does not end, or ends that did not begin")])
    return calendar, [
        _Event(each, line, number) for number, (each, line) in enumerate(zip(components, lines, strict=True), 1)
    ]


def _fault_of_parser(text: str, error: Exception) -> CalendarFault:
    """Where the parser stopped: it names the line's content, not its number."""
    said = " ".join(str(error).split())
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and line.strip() in said:
            return CalendarFault(number, f"cannot be read: {said}"[:_MOST_WORDS])
    return CalendarFault(1, f"cannot be read: {said}"[:_MOST_WORDS])


def _fault(event: _Event, message: str) -> CalendarFault:
    return CalendarFault(event.line, f"{event.name} {message}"[:_MOST_WORDS])


def _faults_of(event: _Event, people: Mapping[str, str]) -> Iterator[CalendarFault]:
    """What is wrong with one event by itself."""
    component = event.component
    for name, message in component.errors:
        yield _fault(event, f"has a {name or 'line'} that cannot be read: {message}")
    if component.errors or event.is_cancelled:
        return
    summary = str(component.get("SUMMARY", "")).strip()
    if not summary:
        yield _fault(event, "has no SUMMARY: it names who is on duty")
    elif key_of(summary) not in people:
        known = ", ".join(sorted(set(people.values()))) or "none"
        yield _fault(event, f"names nobody of `people` or `notify` ({known})")
    yield from _faults_of_times(event)


def _faults_of_times(event: _Event) -> Iterator[CalendarFault]:
    component = event.component
    if "DTSTART" not in component:
        yield _fault(event, "has no DTSTART")
        return
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        told = component.get(name)
        if told is None or isinstance(told, list):
            if told is not None:
                yield _fault(event, f"has {name} twice")
            continue
        zone = told.params.get("TZID")
        if zone is not None and isinstance(told.dt, datetime) and told.dt.tzinfo is None:
            yield _fault(event, f"has a {name} in the time zone {zone!r}, which nobody knows and no VTIMEZONE defines")
    yield from _faults_of_span(event)
    rules = component.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        often = str(next(iter(rule.get("FREQ", [])), "")).upper()
        if often in _TOO_OFTEN or not often:
            yield _fault(event, f"repeats {often.lower() or 'without FREQ'}; a duty repeats daily or less often")


def _faults_of_span(event: _Event) -> Iterator[CalendarFault]:
    try:
        start, end = event.component.start, event.component.end
        is_backward = _naive(end) < _naive(start)
    except Exception as error:  # noqa: BLE001  the library raises a dozen kinds; each becomes a fault
        yield _fault(event, f"has no time that can be meant: {error}")
        return
    if is_backward:
        yield _fault(event, f"ends at {end}, before it starts at {start}")


def _naive(moment: date) -> datetime:
    """What a clock on the wall shows then."""
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  a clock on the wall has no zone


def _series(events: Sequence[_Event]) -> list[list[_Event]]:
    """Each event with the exceptions of its recurrence."""
    found: dict[str, list[_Event]] = {}
    for event in events:
        found.setdefault(event.uid, []).append(event)
    return list(found.values())


def _duties_of(
    calendar: "icalendar.Calendar",
    series: Sequence[_Event],
    zone: ZoneInfo,
    people: Mapping[str, str],
    first_ns: int,
    last_ns: int,
) -> Iterator[Duty]:
    """The duties of one event and its exceptions within the span."""
    import icalendar  # noqa: PLC0415  as above
    import recurring_ical_events  # noqa: PLC0415

    alone = icalendar.Calendar()
    if "X-WR-TIMEZONE" in calendar:
        alone.add("X-WR-TIMEZONE", calendar["X-WR-TIMEZONE"])
    for timezone in calendar.walk("VTIMEZONE"):
        alone.add_component(timezone)
    for event in series:
        alone.add_component(event.component)
    day = timedelta(days=1)
    span = (_moment(first_ns) - day, _moment(last_ns) + day)  # whole days and floating times have no offset yet
    try:
        occurrences = recurring_ical_events.of(alone).between(*span)
        found = [(each, _ns(each.start, zone), _ns(each.end, zone)) for each in occurrences]
    except Exception as error:  # the library raises a dozen kinds; each becomes a fault
        raise BadCalendar([_fault(series[0], f"cannot be repeated as it says: {error}")]) from error
    for each, start_ns, end_ns in found:
        if str(each.get("STATUS", "")).upper() != "CANCELLED" and start_ns < last_ns and end_ns > first_ns:
            yield Duty(start_ns, end_ns, people[key_of(str(each.get("SUMMARY", "")))])


def _moment(time_ns: int) -> datetime:
    return _EPOCH + timedelta(seconds=time_ns // SECOND_NS)


def _ns(moment: date, zone: ZoneInfo) -> int:
    """UTC ns of a moment; a local time that a day leaves out counts as if the clock had not been set yet."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round((moment - _EPOCH).total_seconds()) * SECOND_NS
