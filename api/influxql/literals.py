"""What is written in a query as a value: durations, dates, quoted text, and values bound to `$names`."""

import re
from datetime import UTC, datetime, tzinfo

from api.influxql.faults import Unanswered, Unreadable
from api.influxql.tree import Boolean, Duration, Expr, Moment, Number, Ref, Regex, Text
from domain.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

UNITS_NS = {
    "ns": 1,
    "u": 1_000,
    "µ": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": MINUTE_NS,
    "h": HOUR_NS,
    "d": DAY_NS,
    "w": 7 * DAY_NS,
}
LARGEST_NS = 2**63 - 1

_PART = re.compile(r"(\d+)(ns|ms|[uµmhdws])")
_DURATION = re.compile(r"(\d+(ns|ms|[uµmhdws]))+")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$")
_ESCAPED = {"n": "\n", "\\": "\\", "'": "'", '"': '"'}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration_ns(text: str) -> int:
    """Read `1h30m`; Unreadable if it is longer than 64 bits of ns hold."""
    total = sum(int(number) * UNITS_NS[unit] for number, unit in _PART.findall(text))
    if total > LARGEST_NS:
        raise Unreadable(f"error parsing query: the duration {text[:40]} is too long")
    return total


def unquoted(text: str) -> str:
    """What stands between a pair of quotes, its escapes undone."""
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[0]), text[1:-1])


def looks_like_a_date(text: str) -> bool:
    """Tell whether InfluxQL takes quoted text beside `time` as a date."""
    return re.match(r"\d{4}-\d\d-\d\d", text) is not None


def date_ns(text: str, zone: tzinfo | None) -> int:
    """Read `2026-03-01`, `2026-03-01 08:00:00.5` or RFC 3339; without an offset it is in `zone`, else UTC."""
    found = _DATE.match(text)
    if found is None:
        raise Unanswered(f"invalid timestamp string: {text[:40]!r}")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        where = _offset(found[8]) if found[8] else (zone or UTC)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=where)
    except (ValueError, OverflowError):
        raise Unanswered(f"invalid timestamp string: {text[:40]!r}") from None
    past = moment - _EPOCH
    ns = (past.days * 86_400 + past.seconds) * SECOND_NS + int((found[7] or "0").ljust(9, "0"))
    if abs(ns) >= LARGEST_NS:
        raise Unanswered(f"time {text} is beyond what 64-bit nanoseconds can tell")
    return ns


def _offset(text: str) -> tzinfo:
    return UTC if text == "Z" else datetime.strptime(text, "%z").tzinfo or UTC


def bound_value(name: str, values: "dict[str, object]") -> Expr:
    """The value bound to a `$name`: a scalar, or an object with one member that tells its kind."""
    if name not in values:
        raise Unreadable(f"error parsing query: missing parameter: {name}")
    value = values[name]
    if isinstance(value, dict) and len(value) == 1:
        kind, inner = next(iter(value.items()))
        made = _of_kind(str(kind), inner)
    else:
        made = _scalar(value)
    if made is None:
        raise Unreadable(f"error parsing query: the parameter {name} is of a kind that has no form in InfluxQL")
    return made


def _scalar(value: object) -> Expr | None:
    if isinstance(value, bool):
        return Boolean(value)
    if isinstance(value, int | float):
        return Number(value)
    return Text(value) if isinstance(value, str) else None


def _of_kind(kind: str, value: object) -> Expr | None:
    scalar = _scalar(value)
    match kind, scalar:
        case "regex", Text():
            return Regex(scalar.value)
        case "identifier", Text():
            return Ref(scalar.value)
        case "duration", Text() if _DURATION.fullmatch(scalar.value):
            return Duration(duration_ns(scalar.value))
        case "integer" | "float", Number():
            return Number(int(scalar.value) if kind == "integer" else float(scalar.value))
        case ("string", Text()) | ("boolean", Boolean()) | ("number", Number()):
            return scalar
    return None


def moment_of(value: Expr, zone: tzinfo | None) -> int:
    """The moment that stands beside `time`: a date, `now()` put in, or a count of ns."""
    if isinstance(value, Moment | Duration):
        return value.ns
    if isinstance(value, Number):
        if abs(value.value) > LARGEST_NS:
            raise Unanswered(f"time {value.value} is beyond what 64-bit nanoseconds can tell")
        return int(value.value)
    if isinstance(value, Text) and looks_like_a_date(value.value):
        return date_ns(value.value, zone)
    raise Unanswered(f"invalid operation: time and {type(value).__name__.lower()} are not compatible")
