"""Master recipes: procedure, phases and the ranges of their parameters (ISA-88, ICH Q8)."""

import enum
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.checks import Expectation


@dataclass(frozen=True, slots=True)
class Limits:
    """An interval in the tag's unit; None means that side has no limit. An end lies inside unless it is open."""

    low: float | None
    high: float | None
    low_open: bool = False  # the lower end itself is outside: `> 20`
    high_open: bool = False

    def nests_in(self, outer: "Limits") -> bool:
        """Tell whether this interval lies inside the outer one."""
        low_in = outer.low is None or (self.low is not None and not outer.is_below(self.low, is_open=self.low_open))
        high_in = outer.high is None or (
            self.high is not None and not outer.is_above(self.high, is_open=self.high_open)
        )
        return low_in and high_in

    def is_below(self, value: float, *, is_open: bool = False) -> bool:
        """Whether a value is below all that is inside; `is_open`: the values just above it are meant, not itself."""
        at_end = self.low_open and not is_open
        return self.low is not None and (value < self.low or (at_end and value == self.low))

    def is_above(self, value: float, *, is_open: bool = False) -> bool:
        """Whether a value is above all that is inside; `is_open`: the values just below it are meant, not itself."""
        at_end = self.high_open and not is_open
        return self.high is not None and (value > self.high or (at_end and value == self.high))

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies inside."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    @property
    def ends(self) -> str:
        """How mathematicians write which ends are inside: `[]`, or `(]` where the lower one is not."""
        return ("(" if self.low_open else "[") + (")" if self.high_open else "]")

    @property
    def closed(self) -> "Limits":
        """The same interval of binary numbers with both ends inside: below 30 is at most the number before 30."""
        low, high = self.low, self.high
        if low is not None and self.low_open:
            low = math.nextafter(low, math.inf)
        if high is not None and self.high_open:
            high = math.nextafter(high, -math.inf)
        return Limits(low, high)

    @property
    def width(self) -> float | None:
        """From end to end; None where a side has no limit."""
        return None if self.low is None or self.high is None else self.high - self.low


class RangeKind(enum.StrEnum):
    """The ranges of a parameter, from the inside out."""

    NOR = "nor"
    ALERT = "alert"
    ACTION = "action"
    VALIDATED = "validated"
    PAR = "par"


PROVEN = (RangeKind.VALIDATED, RangeKind.PAR)
"""The ranges that a study stands behind: they need its reference."""

Ranges = Mapping[RangeKind, Limits]


@dataclass(frozen=True, slots=True)
class ParameterRanges:
    """The ranges of one parameter in one phase, in the tag's unit; they hold from `after_ns` into the phase.

    `relative` are ranges around the set point that the unit's tag of the role `set_point` gives: differences in the
    tag's unit. Ranges around a fixed set point stand in `ranges`, as the values that they come to.
    """

    parameter: str  # the role: TT, PT, AT
    unit: str
    reference: str  # gauge | absolute | ""
    ranges: Ranges
    after_ns: int = 0
    study: str = ""
    set_point: str = ""  # the role: TSP
    relative: Ranges = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateRanges:
    """How fast a parameter may change: an addition rate. The ranges are in the tag's unit per minute.

    The rate at a sample is the change over the `window_ns` before it, times -1 where the tag tells what is left.
    """

    name: str
    parameter: str
    unit: str
    window_ns: int
    falling: bool
    ranges: Ranges
    after_ns: int = 0
    study: str = ""


@dataclass(frozen=True, slots=True)
class DwellRanges:
    """How long a parameter may be `within` an interval during a phase: time at temperature. The ranges are in ns."""

    name: str
    parameter: str
    unit: str
    within: Limits
    ranges: Ranges
    study: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a recipe; `duration` are its validated limits in ns, `duration_ranges` those of the other kinds."""

    name: str
    parameters: Mapping[str, ParameterRanges]
    duration: Limits | None = None  # ns
    duration_study: str = ""
    rates: Mapping[str, RateRanges] = field(default_factory=dict)
    dwells: Mapping[str, DwellRanges] = field(default_factory=dict)
    expects: tuple[Expectation, ...] = ()
    duration_ranges: Ranges = field(default_factory=dict)  # ns

    @property
    def durations(self) -> dict[RangeKind, Limits]:
        """All ranges of its duration in ns, from the inside out."""
        known = dict(self.duration_ranges)
        if self.duration is not None:
            known[RangeKind.VALIDATED] = self.duration
        return {kind: known[kind] for kind in RangeKind if kind in known}


@dataclass(frozen=True, slots=True)
class Operation:
    """Phases in their order."""

    name: str
    phases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitProcedure:
    """What is done on one unit; `units` are those it may be done on (none: any that makes the product)."""

    name: str
    operations: tuple[Operation, ...]
    units: tuple[str, ...] = ()

    @property
    def phases(self) -> tuple[str, ...]:
        """Its phases in their order."""
        return tuple(phase for operation in self.operations for phase in operation.phases)


@dataclass(frozen=True, slots=True)
class Parallel:
    """Paths that run beside each other; what follows waits for all of them."""

    paths: tuple[tuple["Step", ...], ...]


Step = UnitProcedure | Parallel


@dataclass(frozen=True, slots=True)
class Charged:
    """So much of a material is charged. Never binary floats."""

    material: str
    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class ExpectedYield:
    """What a step should give: `theoretical` in `unit`, and the expected part of it in percent. Never binary floats.

    The product is what transfers of `material` tell, out of the units that it `leaves`. The theoretical yield is for
    `per` of what is charged, and goes with it; without it, for any batch.
    """

    name: str
    unit: str
    theoretical: Decimal
    low_percent: Decimal | None
    high_percent: Decimal | None
    study: str = ""
    material: str = ""  # empty: its name
    leaves: tuple[str, ...] = ()  # units; empty: the only one that it leaves
    per: Charged | None = None

    @property
    def product(self) -> str:
        """The material that it is of."""
        return self.material or self.name


@dataclass(frozen=True, slots=True)
class Recipe:
    """A master recipe: product, version and change number name it in every verdict.

    `gmp_start` is the phase with which GMP begins: where the starting material comes in (ICH Q7, table 1).
    """

    product: str
    version: int
    change: str
    phases: Mapping[str, Phase]
    gmp_start: str = ""
    procedure: tuple[Step, ...] = ()
    yields: Mapping[str, ExpectedYield] = field(default_factory=dict)


def unit_procedures(steps: tuple[Step, ...]) -> Iterator[UnitProcedure]:
    """Every unit procedure, in the order in which they are written."""
    for step in steps:
        if isinstance(step, UnitProcedure):
            yield step
            continue
        for path in step.paths:
            yield from unit_procedures(path)


def before_gmp(recipe: Recipe) -> frozenset[str]:
    """The phases that lie wholly before the GMP start point; none where no procedure puts them in order.

    What runs beside the path with the start point is not before it.
    """
    before, others, found = _split(recipe.procedure, recipe.gmp_start)
    return frozenset(before) - frozenset(others) if found else frozenset()


def _split(steps: tuple[Step, ...], phase: str) -> tuple[list[str], list[str], bool]:
    """The phases of steps before the first one of a name, the others, and whether it was there."""
    before: list[str] = []
    others: list[str] = []
    found = False
    for step in steps:
        if isinstance(step, UnitProcedure):
            at = step.phases.index(phase) if phase in step.phases else None
            parts = [(list(step.phases[:at]), [] if at is None else list(step.phases[at:]), at is not None)]
        else:
            parts = [_split(path, phase) for path in step.paths]
        is_here = not found and any(has for *_, has in parts)
        for early, late, has in parts:
            is_early = not found and (has or not is_here)
            before += early if is_early else []
            others += late if is_early else [*early, *late]
        found |= is_here
    return before, others, found


def overlaps(steps: tuple[Step, ...]) -> Iterator[tuple[UnitProcedure, UnitProcedure]]:
    """Pairs of unit procedures that run beside each other and cannot have a unit each."""
    for step in steps:
        if not isinstance(step, Parallel):
            continue
        earlier: list[UnitProcedure] = []
        for path in step.paths:
            yield from overlaps(path)
            beside = list(unit_procedures(path))
            yield from ((one, other) for one in earlier for other in beside if _share(one, other))
            earlier += beside


def _share(one: UnitProcedure, other: UnitProcedure) -> bool:
    """Whether there is only one unit for both; where units are not named, another one may do."""
    return bool(one.units) and bool(other.units) and len({*one.units, *other.units}) == 1
