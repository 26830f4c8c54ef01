"""Times and durations at the edge: what a caller may write, and the form in which it is answered."""

import enum
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from api.problems import bad
from domain.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, format_time, parse_time_ns

_BACK = re.compile(r"-(\d+(?:\.\d+)?)(ms|s|min|m|h|d)$")
_UNITS_NS = {"ms": 1_000_000, "s": SECOND_NS, "min": MINUTE_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}
_LOST_PLUS = re.compile(r"(T\S+) (\d\d:?\d\d)$")
_LARGEST_NS = 2**63 - 1
_LONGEST = 64  # characters of a time
_EARLIEST_TOLD_NS = 365 * DAY_NS


class TimeForm(enum.StrEnum):
    """How times are answered: integer ns (`…_ns`), integer ms for browsers (`…_ms`), or ISO 8601 (no suffix)."""

    NS = "ns"
    MS = "ms"
    ISO = "iso"

    def key(self, name: str) -> str:
        """The member's name in an answer: `start` becomes `start_ns`, `start_ms` or `start`."""
        return name if self is TimeForm.ISO else f"{name}_{self}"

    def of(self, time_ns: int | None) -> int | str | None:
        """One time in this form."""
        if time_ns is None:
            return None
        if self is TimeForm.NS:
            return int(time_ns)
        return int(time_ns) // 1_000_000 if self is TimeForm.MS else format_time(time_ns)

    def column(self, times_ns: NDArray[np.int64]) -> NDArray[np.int64] | list[str]:
        """A column of times in this form."""
        if self is TimeForm.NS:
            return times_ns
        if self is TimeForm.MS:
            return times_ns // 1_000_000
        return [format_time(time_ns) for time_ns in times_ns.tolist()]

    def put(self, **times_ns: int | None) -> Mapping[str, int | str | None]:
        """Members for an answer: `put(start=…, end=…)`."""
        return {self.key(name): self.of(time_ns) for name, time_ns in times_ns.items()}


def parse_moment(parameter: str, text: str, now_ns: int) -> int:
    """Read ISO 8601, integer ns, `now`, or a time back from now (`-90min`, `-8h`); the problem names the parameter."""
    text = text.strip()
    if text == "now":
        return now_ns
    if len(text) > _LONGEST:
        raise bad(parameter, f"{text[:20]!r}… is too long for a time")
    back = _BACK.match(text)
    try:
        # A '+' that was not encoded arrives as a space.
        time_ns = _back_from(now_ns, back) if back else parse_time_ns(_LOST_PLUS.sub(r"\1+\2", text))
    except ValueError as error:
        raise bad(parameter, f"{error}: write ISO 8601, `now` or a time back from now like `-8h`") from None
    if abs(time_ns) > _LARGEST_NS:
        raise bad(parameter, f"{text!r} is beyond what 64-bit nanoseconds can tell")
    return time_ns


def _back_from(now_ns: int, back: re.Match[str]) -> int:
    return now_ns - round(float(back[1]) * _UNITS_NS[back[2]])


def parse_past(parameter: str, text: str, now_ns: int) -> int:
    """Read when something was that people tell of: not after now, and not where a time without its zeros lands."""
    time_ns = parse_moment(parameter, text, now_ns)
    if time_ns > now_ns:
        raise bad(parameter, f"{text!r} is not in the past")
    if time_ns < _EARLIEST_TOLD_NS:
        raise bad(parameter, f"{text!r} is {format_time(time_ns)}, before 1971: are its last digits missing?")
    return time_ns


def parse_span(start: str, end: str, now_ns: int) -> tuple[int, int]:
    """Read a half-open span of time; its end lies after its start."""
    start_ns = parse_moment("start", start, now_ns)
    end_ns = parse_moment("end", end, now_ns)
    if end_ns <= start_ns:
        raise bad("end", f"{end!r} is not after the start {start!r}")
    return start_ns, end_ns


def parse_open_span(start: str | None, end: str | None, now_ns: int) -> tuple[int | None, int | None]:
    """Read a span of time of which either side may be left out."""
    start_ns = None if start is None else parse_moment("start", start, now_ns)
    end_ns = None if end is None else parse_moment("end", end, now_ns)
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        raise bad("end", f"{end!r} is not after the start {start!r}")
    return start_ns, end_ns
