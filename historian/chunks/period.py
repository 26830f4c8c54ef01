"""Periods: the stretch of UTC time whose rows share a file."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from domain.errors import Refused
from domain.time import SECOND_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_NAME = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?$")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A UTC day, month or year: start ≤ time < end."""

    start_ns: int
    end_ns: int
    name: str  # 2025-10-09, 2025-10 or 2025


def period_at(time_ns: int, length: str) -> Period:
    """The `day`, `month` or `year` that a time lies in."""
    if length not in _FORMATS:
        raise Refused(f"history is kept by day, month or year, not by {length!r}")
    moment = _EPOCH + timedelta(seconds=time_ns // SECOND_NS)
    return named_period(f"{moment.year:04d}{moment.strftime(_FORMATS[length])[4:]}")


def named_period(name: str) -> Period:
    """The period with a name; ValueError if it names none."""
    match = _NAME.match(name)
    if match is None:
        raise ValueError(f"{name!r} names no day, month or year")
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        end = start + timedelta(days=1)
    elif month:
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    else:
        end = datetime(year + 1, 1, 1, tzinfo=UTC)
    return Period(_ns(start), _ns(end), name)


def _ns(moment: datetime) -> int:
    return ((moment - _EPOCH) // timedelta(seconds=1)) * SECOND_NS
