"""Times on the wire to UTC nanoseconds: one by one, and whole columns at once with the same result."""

import re

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadMessage
from domain.time import parse_time_ns

EARLIEST_NS = 31_536_000 * 1_000_000_000  # 1971: a unit too small by a thousand lands in January 1970
LATEST_NS = 2**63 - 1  # April 2262: a unit too large by a thousand lands beyond it
_EXACT = 2.0**53
_PLAIN_ISO = re.compile(r"(?:19[789]\d|20\d\d|21\d\d|22[0-5]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")


def read_time(raw: object, ns_per_unit: int) -> int | None:
    """UTC ns, or None where the message has no time (null, an empty text, 0); BadMessage tells what was found.

    A number needs its unit (`ns_per_unit`, 0 if none is configured); a text must be ISO 8601. A fraction is rounded to
    whole microseconds, the finest that a double holds around the year 2000 in any unit.
    """
    if raw is None or raw == "" or (raw == 0 and not isinstance(raw, bool)):
        return None
    if isinstance(raw, str):
        time_ns = _read_iso(raw)
    elif isinstance(raw, bool) or not isinstance(raw, int | float):
        raise BadMessage(f"its time is {_kind(raw)}, neither ISO 8601 nor a number")
    elif not ns_per_unit:
        raise BadMessage(f"its time is the number {raw}, and the tag names no time_unit")
    elif isinstance(raw, int):
        time_ns = raw * ns_per_unit
    elif not abs(raw) < LATEST_NS:
        raise BadMessage(f"its time {raw} is no time")
    elif ns_per_unit == 1:
        time_ns = round(raw)
    else:
        time_ns = round(raw * (ns_per_unit // 1000)) * 1000
    if not EARLIEST_NS <= time_ns <= LATEST_NS:
        raise BadMessage(f"its time {raw} is not between 1971 and 2262: is the time_unit right?")
    return time_ns


def _read_iso(text: str) -> int:
    if text.strip().lstrip("+-").isdigit():
        raise BadMessage(f"its time {text[:40]!r} is a number written as text")
    try:
        return parse_time_ns(text)
    except (ValueError, OverflowError):
        raise BadMessage(f"its time {text[:40]!r} is not ISO 8601") from None


def _kind(raw: object) -> str:
    return {bool: "a boolean", dict: "an object", list: "an array"}.get(type(raw), type(raw).__name__)


def read_numbers(raw: NDArray[np.int64] | NDArray[np.float64], ns_per_unit: NDArray[np.int64]) -> NDArray[np.int64]:
    """UTC ns of a column of numbers, each with its unit; rows that `read_time` must judge come out as 0."""
    if raw.dtype.kind == "i":
        sure = (raw > 0) & (ns_per_unit > 0) & (raw <= LATEST_NS // np.maximum(ns_per_unit, 1))
        time_ns = np.where(sure, raw * ns_per_unit, 0)
    else:
        micros = np.where(np.isfinite(raw), raw, 0) * (ns_per_unit // 1000)  # infinitely many of nothing is no number
        sure = (ns_per_unit >= 1000) & (micros > 0) & (micros < LATEST_NS // 1000) & (micros < _EXACT)
        time_ns = np.where(sure, np.rint(np.where(sure, micros, 0)).astype(np.int64) * 1000, 0)
    return np.where(time_ns >= EARLIEST_NS, time_ns, 0).astype(np.int64)


def read_texts(raw: list[str]) -> NDArray[np.int64] | None:
    """UTC ns of a column of `YYYY-MM-DDThh:mm:ss[.fff…]Z`, or None if any is written otherwise."""
    # The exact form first: numpy also takes 'now' and 'today', which read a clock.
    matches = _PLAIN_ISO.fullmatch
    if not all(map(matches, raw)):
        return None
    try:
        moments = np.array([text[:-1] for text in raw], dtype="datetime64[ns]")
    except ValueError:
        return None
    time_ns = moments.astype(np.int64)
    return time_ns if (time_ns >= EARLIEST_NS).all() else None
