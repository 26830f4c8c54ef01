"""What is said of a hold: sentences for people, and the evidence under them."""

from detectors.cases import Evidence, quantity
from detectors.holds.clocks import Span
from detectors.holds.stays import Stay
from domain.holds import Condition, Hold, HoldMode
from domain.time import format_duration


def place(stay: Stay) -> str:
    """`, batch B-17`."""
    return f", batch {stay.batch}" if stay.batch else ""


def in_words(condition: Condition, unit: str) -> str:
    """`between 2 degC and 8 degC`, `at most 8 degC`, `at least 2 degC`."""
    low = None if condition.low is None else quantity(condition.low, unit)
    high = None if condition.high is None else quantity(condition.high, unit)
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at most {high}" if low is None else f"at least {low}"


def waited(hold: Hold, used: Span, unit: str) -> str:
    """What counted so far: `has waited 3 h 05 min`, and its bounds where there are two."""
    low, high = format_duration(used.low_ns), None if used.high_ns is None else format_duration(used.high_ns)
    if high is None:
        long = f"at least {low}"
    elif high == low:
        long = low
    else:
        long = f"{low} to {high}"
    condition = hold.condition
    if hold.mode is HoldMode.OVER_TEMPERATURE and condition is not None:
        return f"has been above {quantity(condition.high or 0.0, unit)} for {long}"
    if hold.counts_in_condition and condition is not None:
        return f"has waited {long} with {condition.tag} {in_words(condition, unit)}"
    return f"has waited {long}"


def between(low_ns: int, high_ns: int) -> str:
    """`3 h 05 min`, or `3 h 05 min to 4 h 00 min` where nobody can say which."""
    low, high = format_duration(low_ns), format_duration(high_ns)
    return low if low == high else f"{low} to {high}"


def is_proven(hold: Hold, used: Span) -> bool:
    """Whether even the least is over the limit."""
    return hold.limit_ns is not None and used.low_ns > hold.limit_ns


def breached(hold: Hold, stay: Stay, used: Span, unit: str) -> str:
    """`crude has waited 73 h, over its limit of 72 h, batch B-17.`."""
    limit = format_duration(hold.limit_ns or 0)
    if is_proven(hold, used):
        return f"{hold.name} {waited(hold, used, unit)}, over its limit of {limit}{place(stay)}."
    return f"{hold.name} {waited(hold, used, unit)}, perhaps over its limit of {limit}{place(stay)}."


def ended(hold: Hold, stay: Stay, used: Span, unit: str) -> str:
    """How a stay ended, and whether its limit was kept."""
    what = f"{hold.name} has ended: it {waited(hold, used, unit)}"
    if hold.limit_ns is None:
        return f"{what}{place(stay)}."
    limit = format_duration(hold.limit_ns)
    if used.low_ns > hold.limit_ns:
        return f"{what}, over its limit of {limit}{place(stay)}."
    if used.high_ns is None or used.high_ns > hold.limit_ns:
        return f"{what}; nobody can prove that its limit of {limit} was kept{place(stay)}."
    return f"{what}, within its limit of {limit}{place(stay)}."


def warned(hold: Hold, stay: Stay, used: Span, unit: str) -> str:
    """How much is left."""
    if hold.limit_ns is None or used.high_ns is None:
        return f"{hold.name} {waited(hold, used, unit)}{place(stay)}."
    left = between(max(0, hold.limit_ns - used.high_ns), max(0, hold.limit_ns - used.low_ns))
    return f"{hold.name} {waited(hold, used, unit)}: {left} are left of {format_duration(hold.limit_ns)}{place(stay)}."


def evidence(hold: Hold, stay: Stay, used: Span, elapsed: Span) -> Evidence:
    """What a person needs to check a statement about a stay."""
    stop = stay.stop
    told: dict[str, float | int | str | None] = {
        "started_ns": stay.start.time_ns if stay.knows_start else None,
        "stopped_ns": None if stop is None else stop.time_ns,
        "elapsed_min_ns": elapsed.low_ns,
        "elapsed_max_ns": elapsed.high_ns,
        "limit_ns": hold.limit_ns,
        "kind": str(hold.kind),
        "mode": str(hold.mode),
        "study": hold.study or None,
    }
    if used != elapsed:
        told |= {"counted_min_ns": used.low_ns, "counted_max_ns": used.high_ns}
    if not stay.knows_start:
        told["first_seen_ns"] = stay.start.time_ns
    if hold.condition is not None:
        told |= {"tag": hold.condition.tag, "low": hold.condition.low, "high": hold.condition.high}
    return told
