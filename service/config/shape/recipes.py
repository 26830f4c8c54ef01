"""Master recipes: their procedure, and the ranges of what is measured in it."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.config.shape.plant import ExpectationText
from service.config.shape.values import Bounds, Duration, Section, UnitName


class RangesText(Section):
    """Ranges from the inside out; what is given must nest."""

    nor: Bounds | None = None
    alert: Bounds | None = None
    action: Bounds | None = None
    validated: Bounds | None = None
    par: Bounds | None = None


class DurationLimits(RangesText):
    """How long a phase may last."""

    unit: UnitName
    study: str = ""


class RelativeText(RangesText):
    """Ranges around the set point: differences, so that a temperature's are in delta_degC."""

    unit: UnitName = ""


class ParameterText(RangesText):
    """The ranges of one parameter in one phase."""

    unit: UnitName = ""
    reference: Literal["", "gauge", "absolute"] = ""
    after: Duration = 0
    set_point: float | str | None = None  # in `unit`, or the role of the unit's tag that gives it
    relative: RelativeText | None = None
    study: str = ""


class AdditionRate(RangesText):
    """How fast a parameter may change, as the change over the time before."""

    of: str
    unit: UnitName
    over: Duration = 300_000_000_000
    falling: bool = False  # the tag tells what is left
    after: Duration = 0
    study: str = ""


class TimeAt(RangesText):
    """How long a parameter may be within an interval during a phase."""

    of: str
    within: Bounds
    within_unit: UnitName = ""
    unit: UnitName  # of time
    study: str = ""


class PhaseText(BaseModel):
    """A phase: its `duration`, its derived parameters, and under every other key a parameter's ranges."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, ParameterText] = Field(init=False)

    duration: DurationLimits | None = None
    addition_rate: dict[str, AdditionRate] = {}
    time_at: dict[str, TimeAt] = {}
    expects: dict[str, ExpectationText] = {}

    @property
    def parameters(self) -> dict[str, ParameterText]:
        """The ranges by role."""
        return self.__pydantic_extra__


class ParallelPhases(Section):
    """Phases of one unit beside each other: understood, so that it can be refused in words."""

    parallel: list[list[str]]


class OperationText(Section):
    """Phases in their order."""

    operation: str
    phases: list[str | ParallelPhases] = Field(min_length=1)


class UnitProcedureText(Section):
    """What is done on one unit."""

    unit_procedure: str
    units: tuple[str, ...] = ()
    operations: list[OperationText] = Field(min_length=1)


class ParallelText(Section):
    """Paths that run beside each other."""

    parallel: "list[list[UnitProcedureText | ParallelText]]" = Field(min_length=2)


class ChargedText(Section):
    """For how much of a charged material a theoretical yield is."""

    material: str
    amount: Decimal = Field(gt=0)
    unit: UnitName


class YieldText(Section):
    """What a step should give, and which part of it is expected, in percent."""

    unit: UnitName
    theoretical: Decimal = Field(gt=0)
    expected: tuple[Decimal | None, Decimal | None]
    study: str = ""
    material: str = ""
    leaves: tuple[str, ...] = ()
    per: ChargedText | None = None


class RecipeText(Section):
    """A master recipe."""

    version: int = Field(ge=1)
    change: str = ""
    gmp_start: str = ""
    procedure: list[UnitProcedureText | ParallelText] = []
    phases: dict[str, PhaseText]
    yields: dict[str, YieldText] = {}
