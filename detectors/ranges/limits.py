"""Limits in force: one side of a range or of a fixed limit, and from when it holds."""

import math
from dataclasses import dataclass

from detectors.arrivals import NEVER_NS
from detectors.cases import IN_WORDS, Run
from domain.recipes import ParameterRanges, RangeKind, Ranges
from domain.rules import TagRules
from domain.tags import Tag

ROUNDING = 2.0**-50
"""Of the sum of two readings' magnitudes: by so much may their difference be off, as floats are no decimals."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One side of a range: `sign` is 1 for a high limit and -1 for a low one.

    `value` is the last number inside: the limit itself, or where that is outside (`is_open`) the number next to it.
    """

    rule: str
    kind: str  # a RangeKind, or "fixed"
    sign: int
    value: float
    band: float | None  # width of its range; None: the other side is open
    valid_from_ns: int
    deadband: float
    study: str = ""
    is_open: bool = False

    @property
    def stated(self) -> float:
        """The limit as it is written and said."""
        return math.nextafter(self.value, self.sign * math.inf) + 0.0 if self.is_open else self.value

    def excess(self, value: float) -> float:
        """How far a value is outside; not positive means proven inside."""
        return (value - self.value) * self.sign

    @property
    def words(self) -> str:
        """`above the validated`, to be followed by the limit."""
        side = side_in_words(self.sign, is_open=self.is_open)
        return f"{side} the {IN_WORDS[RangeKind(self.kind)]}" if self.kind != "fixed" else f"{side} its fixed limit of"


def side_in_words(sign: int, *, is_open: bool) -> str:
    """On which side of a limit something is outside; at one that is outside itself it is `not below` it."""
    if is_open:
        return "not below" if sign > 0 else "not above"
    return "above" if sign > 0 else "below"


_KINDS = tuple((kind, kind.value) for kind in RangeKind)


def _deadband(rules: TagRules | None, rule: str) -> float:
    alarms = () if rules is None else rules.alarms
    return max((alarm.deadband for alarm in alarms if alarm.rule == rule), default=0.0)


def fixed_limits(rules: TagRules | None) -> tuple[Limit, ...]:
    """The limits of a tag that always hold."""
    if rules is None:
        return ()
    low, high = rules.fixed_low, rules.fixed_high
    band = None if low is None or high is None else high - low
    limits = []
    if high is not None:
        limits.append(Limit("fixed.high", "fixed", 1, high, band, NEVER_NS, _deadband(rules, "fixed.high")))
    if low is not None:
        limits.append(Limit("fixed.low", "fixed", -1, low, band, NEVER_NS, _deadband(rules, "fixed.low")))
    return tuple(limits)


def ranges_of(run: Run, role: str) -> ParameterRanges | None:
    """The ranges of a parameter in the phase that runs, by the recipe that the batch pinned."""
    phase = None if run.recipe is None else run.recipe.phases.get(run.phase)
    return None if phase is None else phase.parameters.get(role)


def agrees(ranges: ParameterRanges, tag: Tag) -> bool:
    """Whether ranges are in the unit and the reference in which the tag measures: approved ones outlive its definition.

    A reference that only one of them names is no disagreement.
    """
    return ranges.unit == tag.unit and (not ranges.reference or not tag.reference or ranges.reference == tag.reference)


def phase_limits(run: Run, ranges: ParameterRanges | None, rules: TagRules | None) -> tuple[Limit, ...]:
    """The limits of a parameter in its phase, from the inside out, high before low."""
    if ranges is None:
        return ()
    return limits_of(ranges.ranges, run.start_ns + ranges.after_ns, ranges.study, rules)


def limits_of(ranges: Ranges, from_ns: int, study: str, rules: TagRules | None) -> tuple[Limit, ...]:
    """The limits of ranges that hold from a time on, from the inside out, high before low."""
    limits: list[Limit] = []
    deadbands = rules is not None and bool(rules.alarms)
    for kind, name in _KINDS:
        interval = ranges.get(kind)
        if interval is None:
            continue
        closed, width = interval.closed, interval.width
        sides = ((1, "high", closed.high, interval.high_open), (-1, "low", closed.low, interval.low_open))
        for sign, side, value, is_open in sides:
            if value is not None:
                rule = f"excursion.{name}.{side}"
                deadband = _deadband(rules, rule) if deadbands else 0.0
                limits.append(Limit(rule, name, sign, value, width, from_ns, deadband, study, is_open))
    return tuple(limits)
