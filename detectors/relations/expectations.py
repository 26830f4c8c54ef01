"""Whether a phase does to a parameter what its recipe expects: above, below, rising, falling, until it has arrived."""

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.cases import Evidence, quantity
from detectors.relations.residuals import slope_per_min
from detectors.relations.windows import Window
from domain.checks import Expectation
from domain.tags import Tag

_DIGITS = 4  # of the mean of a minute


@dataclass(slots=True, eq=False)
class Expected:
    """An expectation in the run that goes on. `over`: the parameter has arrived, nothing more is expected."""

    since_ns: int = 0
    within: int = 0  # windows in a row in which it was so
    over: bool = False
    side: str = ""  # of the finding that is open: the one on which it was not so first


@dataclass(frozen=True, slots=True)
class Unmet:
    """What is not as expected, in words and numbers."""

    sentence: str
    evidence: Evidence
    side: str  # high or low: where the parameter is, or goes, instead


def expected(expectation: Expectation, state: Expected, windows: Sequence[Window], tag: Tag) -> Unmet | None:
    """Judge the newest window; None: as expected, or nobody can tell. `state.since_ns` is since when it is not."""
    newest = windows[-1]
    value = newest.mean.get(expectation.role)
    if value is None or state.over:
        return None
    if _arrived(expectation, value):
        state.over = True
        state.within = max(state.within, 3)
        return None
    told = _unmet(expectation, value, windows, tag)
    if told is None:
        state.within += 1
        return None
    if state.within or not state.since_ns:
        state.since_ns = newest.at_ns
    state.within = 0
    return told


def _arrived(expectation: Expectation, value: float) -> bool:
    until = expectation.until
    if until is None:
        return False
    falls = expectation.falls_per_min is not None or expectation.below is not None
    return value <= until if falls else value >= until


def _unmet(expectation: Expectation, value: float, windows: Sequence[Window], tag: Tag) -> Unmet | None:
    """The side that is not kept. The figure itself is kept."""
    now = quantity(value, tag.unit, digits=_DIGITS)
    for least, sign, word in ((expectation.above, 1, "above"), (expectation.below, -1, "below")):
        if least is not None and not (value - least) * sign >= 0:
            now = quantity(value, tag.unit, digits=_DIGITS, against=least)
            sentence = f"{tag.name} is {now}, and expected {word} {quantity(least, tag.unit)}"
            return Unmet(sentence, {"value": value, "expected": least}, _side(-sign))
    for least, sign, word in ((expectation.rises_per_min, 1, "rise"), (expectation.falls_per_min, -1, "fall")):
        slope = None if least is None else slope_per_min(windows, expectation.role)
        if least is not None and slope is not None and not slope * sign >= least:
            sentence = (
                f"{tag.name}, {now}, is expected to {word} by {quantity(least, tag.unit)} a minute and changes by"
                f" {quantity(slope, tag.unit, digits=3, against=sign * least)}"
            )
            return Unmet(sentence, {"value": value, "slope_per_min": slope, "expected": least}, _side(-sign))
    most = expectation.steady_per_min
    slope = None if most is None else slope_per_min(windows, expectation.role)
    if most is not None and slope is not None and not abs(slope) <= most:
        sentence = (
            f"{tag.name}, {now}, is expected to change by no more than {quantity(most, tag.unit)} a minute and"
            f" changes by {quantity(slope, tag.unit, digits=3, against=most)}"
        )
        return Unmet(sentence, {"value": value, "slope_per_min": slope, "expected": most}, _side(slope))
    return None


def _side(sign: float) -> str:
    return "high" if sign > 0 else "low"
