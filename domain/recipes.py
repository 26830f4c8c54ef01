"""Master recipes: phases and the ranges of their parameters (ISA-88, ICH Q8)."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """A closed interval in the tag's unit; None means that side has no limit."""

    low: float | None
    high: float | None

    def nests_in(self, outer: "Limits") -> bool:
        """Tell whether this interval lies inside the outer one."""
        low_in = outer.low is None or (self.low is not None and self.low >= outer.low)
        return low_in and (outer.high is None or (self.high is not None and self.high <= outer.high))


class RangeKind(enum.StrEnum):
    """The ranges of a parameter, from the inside out."""

    NOR = "nor"
    ALERT = "alert"
    ACTION = "action"
    VALIDATED = "validated"
    PAR = "par"


@dataclass(frozen=True, slots=True)
class ParameterRanges:
    """The ranges of one parameter in one phase, in the tag's unit; they hold from `after_ns` into the phase."""

    parameter: str  # the role: TT, PT, AT
    unit: str
    reference: str  # gauge | absolute | ""
    ranges: Mapping[RangeKind, Limits]
    after_ns: int = 0
    study: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a recipe; `duration` in ns against its validated limits."""

    name: str
    parameters: Mapping[str, ParameterRanges]
    duration: Limits | None = None  # ns
    duration_study: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A master recipe: product, version and change number name it in every verdict."""

    product: str
    version: int
    change: str
    phases: Mapping[str, Phase]
