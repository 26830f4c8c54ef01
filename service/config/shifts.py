"""The shift calendar: local times in a named zone become plain numbers, so that judging reads no zone's file."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import Complaint
from domain.shifts import Shifts
from service.config.document import Document
from service.config.shape.alarms import ShiftsText

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_FIRST_S = int(datetime(1970, 1, 1, tzinfo=UTC).timestamp())
_LAST_S = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
_STEP_S = 7 * 86_400  # no zone's clock was ever changed forth and back within a week


def shifts(document: Document, text: ShiftsText | None, complaints: list[Complaint]) -> Shifts | None:
    """The calendar; None if there is none, or after a complaint."""
    if text is None:
        return None
    before = len(complaints)
    starts_s = [_start_s(document, index, start, complaints) for index, start in enumerate(text.starts)]
    if len(set(starts_s)) < len(starts_s):
        complaints.append(document.complain(("shifts", "starts"), "two shifts begin at the same time"))
    try:
        offsets = zone_offsets(text.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"no time zone is named {text.zone!r} (such as Europe/Berlin)"
        complaints.append(document.complain(("shifts", "zone"), message))
        return None
    return None if len(complaints) > before else Shifts(text.zone, tuple(sorted(starts_s)), offsets)


def _start_s(document: Document, index: int, text: str, complaints: list[Complaint]) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        message = f"{text!r} is no time of the day (such as 06:00)"
        complaints.append(document.complain(("shifts", "starts", str(index)), message))
        return -1 - index
    return int(match[1]) * 3600 + int(match[2]) * 60


def zone_offsets(name: str) -> tuple[tuple[int, int], ...]:
    """From which second on (UTC) a zone's clock is how many seconds ahead, from 1970 to 2100.

    ZoneInfoNotFoundError, ValueError or OSError if there is no such zone.
    """
    zone = ZoneInfo(name)
    found = [(_FIRST_S, _offset_s(zone, _FIRST_S))]
    for early_s in range(_FIRST_S, _LAST_S, _STEP_S):
        late_s = early_s + _STEP_S
        while _offset_s(zone, late_s) != found[-1][1]:
            changed_s = _change_s(zone, early_s, late_s)
            found.append((changed_s, _offset_s(zone, changed_s)))
            early_s = changed_s  # noqa: PLW2901  the rest of this week
    return tuple(found)


def _change_s(zone: ZoneInfo, early_s: int, late_s: int) -> int:
    """The first second of another offset than at `early_s`."""
    before_s = _offset_s(zone, early_s)
    while late_s - early_s > 1:
        middle_s = (early_s + late_s) // 2
        if _offset_s(zone, middle_s) == before_s:
            early_s = middle_s
        else:
            late_s = middle_s
    return late_s


def _offset_s(zone: ZoneInfo, utc_s: int) -> int:
    offset = datetime.fromtimestamp(utc_s, zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())
