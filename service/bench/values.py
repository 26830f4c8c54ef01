"""Quantities of a scenario as people write them: `1h30min`, `-2h`, `0.4 %`, `2026-03-02T05:00:00Z`."""

import math
import re
from typing import Final

from domain.time import parse_duration_s, parse_time_ns
from service.config.quantities import convert, difference

_EARLIEST_NS: Final = parse_time_ns("1971-01-01")
LATEST_NS: Final = parse_time_ns("2200-01-01")
_MOST_BATCHES = 9999
_LONGEST_S = 366 * 86_400
_QUANTITY = re.compile(r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(.*)")


def offset_s(text: object) -> int:
    """Whole seconds of a duration that may be negative (`-1h30min`); ValueError says what is wrong."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} needs a unit (such as 40s, 10min, 1h30min)")  # noqa: TRY004  pydantic wants ValueError
    length = parse_duration_s(text)
    if abs(length) > _LONGEST_S:
        raise ValueError(f"{text!r} is longer than a year")
    if length != int(length):
        raise ValueError(f"{text!r} is no whole number of seconds")
    return int(length)


def seconds(text: object) -> int:
    """Whole seconds of a duration (`10min`, `1h30min`); ValueError says what is wrong."""
    length = offset_s(text)
    if length < 0:
        raise ValueError(f"{text!r} is negative")
    return length


def milliseconds(text: object) -> int:
    """Whole milliseconds of a duration (`250ms`, `5s`); ValueError says what is wrong."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} needs a unit (such as 250ms, 5s)")  # noqa: TRY004  pydantic wants ValueError
    length = parse_duration_s(text)
    if not 0.001 <= length <= _LONGEST_S:
        raise ValueError(f"{text!r} is shorter than 1 ms, or longer than a year")
    return round(length * 1000)


def share(text: object) -> float:
    """A share between 0 and 1 (`0.4 %`, `2 %/batch`, 0.02); ValueError says what is wrong."""
    match = None if isinstance(text, bool) else _QUANTITY.fullmatch(str(text).strip().removesuffix("/batch"))
    if match is None or match[2].strip() not in ("", "%"):
        raise ValueError(f"{text!r} is no share (such as 0.4 %)")
    value = float(match[1]) / (100.0 if match[2] else 1.0)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{text!r} is not between 0 and 100 %")
    return value


def share_or_word(text: object) -> float | None:
    """A share, `all` (1), or `any` (None: not asked); ValueError says what is wrong."""
    if text in ("all", "any"):
        return 1.0 if text == "all" else None
    try:
        return share(text)
    except ValueError as error:
        raise ValueError(f"{error}; or write `all` or `any`") from error


def count_or_any(text: object) -> int | None:
    """A count, or `any` (None: not asked); ValueError says what is wrong."""
    if text == "any":
        return None
    if not isinstance(text, int) or isinstance(text, bool) or text < 0:
        raise ValueError(f"{text!r} is no count from 0 on, nor `any`")
    return text


def batch_or_every(text: object) -> object:
    """A batch by its number from 1 on, or `every`; ValueError says what is wrong."""
    if text != "every" and (not isinstance(text, int) or isinstance(text, bool) or not 1 <= text <= _MOST_BATCHES):
        raise ValueError(f"{text!r} is no batch from 1 to {_MOST_BATCHES}, nor `every`")
    return text


def a_quantity(text: object) -> object:
    """A number or a text as it is; ValueError where it can be no quantity."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"{text!r} is no quantity")  # noqa: TRY004  pydantic wants ValueError
    try:
        return text if isinstance(text, str) else _finite(float(text), text)
    except OverflowError as error:
        raise ValueError("a number of so many digits is no quantity") from error


def is_number(text: str) -> bool:
    """Tell whether a text is a bare number."""
    match = _QUANTITY.fullmatch(text.strip())
    return match is not None and not match[2].strip()


def looks_like_an_instant(text: str) -> bool:
    """Tell whether a text is meant as a date and time."""
    return re.match(r"\d{4}-", text.strip()) is not None


def instant_ns(text: object) -> int:
    """UTC ns of an ISO 8601 time; one without a zone is UTC. ValueError says what is wrong."""
    try:
        time_ns = parse_time_ns(str(text)) if looks_like_an_instant(str(text)) else 0
    except ValueError:
        time_ns = 0
    if not _EARLIEST_NS <= time_ns <= LATEST_NS:
        raise ValueError(f"{text!r} is no time between 1971 and 2200 (such as 2026-03-02T05:00:00Z)")
    return time_ns


def point(text: object, unit: str) -> float:
    """A point on a scale in `unit` (`62 degC`, or a bare number); ValueError where it is none or does not fit."""
    number, written = _number_and_unit(text, unit)
    return number if not written else _finite(convert(number, written, unit), text)


def amount(text: object, unit: str) -> float:
    """A size or a difference in `unit` (`0.2 bar`, `-5 delta_degC`, `0.1 /h`, a bare number); ValueError as `point`."""
    number, written = _number_and_unit(text, unit)
    return number if not written else _finite(difference(_per(str(text)), unit), text)


def _number_and_unit(text: object, unit: str) -> tuple[float, str]:
    match = None if isinstance(text, bool) else _QUANTITY.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is no quantity{f' (such as 1 {unit})' if unit else ''}")
    return _finite(float(match[1]), text), match[2].strip()


def _per(text: str) -> str:
    """`0.1 /h` as pint reads it."""
    return re.sub(r"(?<=[\d.])\s*/", " 1/", text, count=1)


def _finite(value: float, text: object) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no finite number")
    return value
