"""Weeks by ISO 8601, and times of the week, by the clock of a zone: a week is 167 or 169 hours where it changes."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import Refused
from domain.time import SECOND_NS

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAME = re.compile(r"(\d{4})-W(\d\d)")
_MOMENT = re.compile(rf"({'|'.join(DAYS)}) ([01]\d|2[0-3]):([0-5]\d)")


def zone_named(name: str) -> ZoneInfo:
    """The zone; Refused if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused(f"no time zone is named {name!r} (such as Europe/Berlin)") from error


@dataclass(frozen=True, slots=True)
class Week:
    """A week of a zone: from Monday's first moment to the next Monday's."""

    monday: date
    zone: ZoneInfo

    @classmethod
    def named(cls, name: str, zone: ZoneInfo) -> "Week":
        """The week `2026-W47`; Refused if there is no such."""
        told = f"{name!r} is no week (such as 2026-W47)"
        match = _NAME.fullmatch(name)
        if match is None:
            raise Refused(told)
        try:
            return cls(date.fromisocalendar(int(match[1]), int(match[2]), 1), zone)
        except ValueError as error:
            raise Refused(told) from error

    @classmethod
    def of(cls, time_ns: int, zone: ZoneInfo) -> "Week":
        """The week that a moment lies in."""
        day = datetime.fromtimestamp(time_ns // SECOND_NS, zone).date()
        return cls(day - timedelta(days=day.weekday()), zone)

    def before(self) -> "Week":
        """The week before it."""
        return Week(self.monday - timedelta(days=7), self.zone)

    @property
    def name(self) -> str:
        """`2026-W47`."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02d}"

    @property
    def start_ns(self) -> int:
        """Its first moment."""
        return self.moment_ns(WeekTime(0, 0, 0))

    @property
    def end_ns(self) -> int:
        """The first moment after it."""
        return Week(self.monday + timedelta(days=7), self.zone).start_ns

    def moment_ns(self, at: "WeekTime") -> int:
        """When the zone's clock shows a time of this week; of two such moments the first (PEP 495, fold 0)."""
        day = self.monday + timedelta(days=at.day)
        local = datetime.combine(day, time(at.hour, at.minute), self.zone)
        return round(local.astimezone(UTC).timestamp()) * SECOND_NS


@dataclass(frozen=True, slots=True)
class WeekTime:
    """A time of the week: the day from Monday 0 on, hour and minute of the zone's clock."""

    day: int
    hour: int
    minute: int

    @classmethod
    def read(cls, text: str) -> "WeekTime":
        """`Mon 07:00`; ValueError if it is something else."""
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no time of the week (such as Mon 07:00)")
        return cls(DAYS.index(match[1]), int(match[2]), int(match[3]))


def newest_due(now_ns: int, at: WeekTime, zone: ZoneInfo) -> tuple[int, Week]:
    """The latest moment, not after now, at which a report falls due, and the week that it tells of: the one before."""
    week = Week.of(now_ns, zone)
    due_ns = week.moment_ns(at)
    if due_ns > now_ns:
        week = week.before()
        due_ns = week.moment_ns(at)
    return due_ns, week.before()
