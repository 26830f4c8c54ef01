"""Master recipes: phases, the ranges of their parameters, and holds (ISA-88, ICH Q7, ICH Q8)."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


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


class HoldKind(enum.StrEnum):
    """What waits: material, used equipment, cleaned equipment, or a step."""

    INTERMEDIATE = "intermediate"
    DIRTY = "dirty"
    CLEAN = "clean"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class Hold:
    """A limit on how long something may wait.

    `start` and `stop` name events of the unit. An event is one of `first_transfer_in`, `last_transfer_in`,
    `first_transfer_out`, `last_transfer_out`, `last_use_end`, `cleaning_start`, `cleaning_end`, `first_use_start`,
    or a phase's `NAME.start` / `NAME.end`.
    """

    name: str
    kind: HoldKind
    unit: str
    start: str
    stop: str
    limit_ns: int
    warn_before_ns: tuple[int, ...] = ()  # longest first
    study: str = ""


@dataclass(frozen=True, slots=True)
class UnitModel:
    """A unit, and the tags that tell its batch, its phase and its transfers; tags by their names."""

    name: str
    parameters: Mapping[str, str]  # role -> tag name: {"TT": "R101.TT"}
    batch_tag: str | None = None
    batch_idle: tuple[str, ...] = ("", "0")
    phase_tag: str | None = None
    phase_map: Mapping[str, str] = field(default_factory=dict)  # value as text -> phase name; empty: the value itself
    recipe: str | None = None  # product; None: the only recipe there is
    recipe_tag: str | None = None
    settle_ns: int = 0
    transfer_in_tag: str | None = None  # true while material comes in
    transfer_out_tag: str | None = None
    cleaning_phases: tuple[str, ...] = ("clean", "cleaning", "cip")
