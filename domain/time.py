"""Time as UTC nanoseconds since 1970 (`int`); `datetime` only at the edges. Nothing here reads a clock."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?)?(Z|z|[+-]\d\d:?\d\d)?$",
)

_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(d|day|days|h|hour|hours|min|m|s|sec|second|seconds|ms)(?![A-Za-z])\s*", re.ASCII
)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}  # by the first letter, but for ms


def parse_duration_s(text: str) -> float:
    """Seconds of `1h30min`, `-2 days` or `250 ms`. ValueError names the text."""
    text = text.strip()
    unsigned = text.removeprefix("-").removeprefix("+").lstrip()
    position, total_s = 0, 0.0
    while match := _PART.match(unsigned, position):
        total_s += float(match[1]) * (0.001 if match[2] == "ms" else _SECONDS[match[2][0]])
        position = match.end()
    if not position or position < len(unsigned):
        message = f"{text!r} is no duration (such as 40s, 10min, 1h30min)"
        raise ValueError(message)
    return -total_s if text.startswith("-") else total_s


def parse_time_ns(text: str) -> int:
    """Read ISO 8601 or integer nanoseconds as UTC ns; without a zone it is UTC. ValueError names the text."""
    text = text.strip()
    if re.fullmatch(r"-?\d+", text) and not re.fullmatch(r"\d{4}", text):
        return int(text)
    match = _ISO.match(text)
    if match is None:
        message = f"{text!r} is neither ISO 8601 nor integer nanoseconds"
        raise ValueError(message)
    day, clock, fraction, zone = match.groups()
    if clock is not None and len(clock) == len("hh:mm"):
        clock += ":00"
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{zone}")
    whole_s = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return whole_s * SECOND_NS + int((fraction or "0").ljust(9, "0"))


def format_time(time_ns: int) -> str:
    """UTC ns as ISO 8601 with as many decimals as it needs (0, 3, 6 or 9) and `Z`."""
    whole_s, rest_ns = divmod(int(time_ns), SECOND_NS)
    head = datetime.fromtimestamp(whole_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f"{rest_ns:09d}"
    while decimals.endswith("000"):
        decimals = decimals[:-3]
    return f"{head}.{decimals}Z" if decimals else f"{head}Z"


def format_duration(duration_ns: int) -> str:
    """A duration as a person says it: `4 h 05 min`, `12 min`, `8.5 s`."""
    sign, duration_ns = ("-" if duration_ns < 0 else ""), abs(int(duration_ns))
    if duration_ns < MINUTE_NS:
        return f"{sign}{duration_ns / SECOND_NS:.3g} s"
    minutes = round(duration_ns / MINUTE_NS)
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return f"{sign}{days} d {hours} h"
    return f"{sign}{hours} h {minutes:02d} min" if hours else f"{sign}{minutes} min"


@dataclass(frozen=True, slots=True)
class ScaledTime:
    """The time of a plant that runs `speed` times faster than the wall: pure arithmetic on the wall's ns."""

    wall_origin_ns: int
    plant_origin_ns: int
    speed: float

    def plant_ns(self, wall_ns: int) -> int:
        """The plant's time at a wall time."""
        return self.plant_origin_ns + round((wall_ns - self.wall_origin_ns) * self.speed)

    def wall_ns(self, plant_ns: int) -> int:
        """The wall time at which the plant's clock shows `plant_ns`."""
        return self.wall_origin_ns + round((plant_ns - self.plant_origin_ns) / self.speed)
