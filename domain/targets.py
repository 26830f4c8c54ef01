"""The figures of an alarm system beside what the standards hold to be good.

Targets: ANSI/ISA-18.2-2016, clause 16, table of alarm performance metrics (the same in IEC 62682), for one operator
position. 144 annunciated alarms a day or fewer are very likely acceptable, 288 are the most that is manageable; 6 and
12 an hour, 1 and 2 in ten minutes. Less than 1 % of hours with more than 30, and of ten-minute periods with more than
10; at most 10 in ten minutes; less than 1 % of the time in a flood. The ten most frequent make at most 5 %; no
chattering or fleeting alarm; fewer than 5 stale ones on any day; 80 % low, 15 % medium, 5 % high and less than 1 % of
the highest priority. EEMUA 191 has the same rates and shares. Times to acknowledge have no published target.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.performance import PERIOD_NS, Flood, Load, Performance
from domain.rules import Priority
from domain.time import DAY_NS, HOUR_NS, format_duration

_ENOUGH = 200
"""Of fewer annunciations shares say nothing: ten alarms that come once each are 5 % of 200."""


class Verdict(enum.StrEnum):
    """How a figure stands to its target."""

    GOOD = "good"
    MANAGEABLE = "manageable"
    POOR = "poor"
    NONE = ""  # nothing is published, or there is too little to say


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in words, with its target; `position` empty: of all that was measured together."""

    name: str
    value: str
    target: str
    verdict: Verdict
    position: str = ""


def figures_of(told: Performance) -> list[Figure]:
    """Every figure that has a target, and how long people took."""
    length_ns = told.asked.end_ns - told.asked.start_ns
    figures: list[Figure] = []
    for load in told.load:
        floods = [each for each in told.floods if each.position == load.position]
        figures += _of_position(load, floods, told, length_ns)
    return [*figures, *_of_alarms(told), *_of_priorities(told), *_of_people(told)]


def _of_position(load: Load, floods: Sequence[Flood], told: Performance, length_ns: int) -> Iterator[Figure]:
    per_day = load.annunciated * DAY_NS / length_ns
    periods, hours = max(length_ns / PERIOD_NS, 1), max(length_ns / HOUR_NS, 1)
    flooded = flooded_ns(floods, told) / length_ns
    rates = (
        ("annunciated a day", per_day, f"{per_day:.1f}", "≤ 144, manageable ≤ 288", 144, 288),
        ("an hour", per_day / 24, f"{per_day / 24:.2f}", "≤ 6, manageable ≤ 12", 6, 12),
        ("in ten minutes", per_day / 144, f"{per_day / 144:.2f}", "≤ 1, manageable ≤ 2", 1, 2),
        ("most in ten minutes", load.peak, f"{load.peak}", "≤ 10", 10, 10),
        ("ten minutes with more than 10", load.periods_over / periods, "", "< 1 %", 0.01, 0.01),
        ("hours with more than 30", load.busy_hours / hours, "", "< 1 %", 0.01, 0.01),
        ("time in a flood", flooded, "", "< 1 %", 0.01, 0.01),
    )
    for name, amount, words, target, good, most in rates:
        yield Figure(name, words or f"{amount * 100:.1f} %", target, _verdict(amount, good, most), load.position)


def flooded_ns(floods: Sequence[Flood], told: Performance) -> int:
    """How long floods lasted within the window."""
    asked = told.asked
    return sum((each.end_ns or asked.end_ns) - max(each.start_ns, asked.start_ns) for each in floods)


def _of_alarms(told: Performance) -> Iterator[Figure]:
    share = sum(each.times for each in told.frequent) / max(told.annunciated, 1)
    verdict = _verdict(share, 0.01, 0.05) if told.annunciated >= _ENOUGH else Verdict.NONE
    yield Figure("share of the ten most frequent", f"{share * 100:.0f} %", "≤ 1 % to 5 %", verdict)
    for name, count, target, most in (
        ("chattering alarms", len(told.chattering), "0", 0),
        ("fleeting alarms", len(told.fleeting), "0", 0),
        ("stale alarms", len(told.stale), "< 5", 4),
    ):
        yield Figure(name, f"{count}", target, _verdict(count, most, most))


_SHARES = ((Priority.LOW, 0.80), (Priority.MEDIUM, 0.15), (Priority.HIGH, 0.05), (Priority.CRITICAL, 0.01))


def _of_priorities(told: Performance) -> Iterator[Figure]:
    for priority, target in _SHARES:
        count = told.priorities.get(priority, 0)
        share = count / max(told.annunciated, 1)
        is_low = priority is Priority.LOW
        verdict = _verdict(1 - share, 1 - target, 0.4) if is_low else _verdict(share, target, 2 * target)
        verdict = verdict if told.annunciated >= _ENOUGH else Verdict.NONE
        bound = f"{'about' if is_low else '≤'} {target * 100:.0f} %"
        yield Figure(f"{priority.name.lower()} priority", f"{share * 100:.0f} % ({count})", bound, verdict)


def _of_people(told: Performance) -> Iterator[Figure]:
    response = told.response
    for name, value in (("median", response.median_ns), ("95 % within", response.p95_ns)):
        words = _never(response.annunciated) if value is None else format_duration(value)
        yield Figure(f"time to acknowledge, {name}", words, "none is published", Verdict.NONE)
    missing = response.annunciated - response.acknowledged
    yield Figure("not acknowledged by the end", f"{missing} of {response.annunciated}", "", Verdict.NONE)


def _never(annunciated: int) -> str:
    return "not acknowledged" if annunciated else "nothing to acknowledge"


def _verdict(amount: float, good: float, most: float) -> Verdict:
    if amount <= good:
        return Verdict.GOOD
    return Verdict.MANAGEABLE if amount <= most else Verdict.POOR
