"""Units: what tells what they are doing, and what holds between their measurements."""

from typing import Literal, Self

from pydantic import Field, model_validator

from domain.equipment import IDLE_STATES
from service.config.shape.tags import SteadyText
from service.config.shape.values import Duration, Section


class BatchTag(Section):
    """The tag that names the batch."""

    tag: str
    idle: tuple[str, ...] = ("", "0")
    settle: Duration = 0


class PhaseTag(Section):
    """The tag that tells the phase."""

    tag: str
    map: dict[str, str] = {}
    state: str | None = None  # the tag that tells the state (ISA-88) of that phase
    idle_states: tuple[str, ...] = IDLE_STATES


class RecipeTag(Section):
    """The tag that names the recipe."""

    tag: str


class FlowText(Section):
    """A transfer that tags tell together: a valve is open and a level moves."""

    level: str
    step: str
    duration: Duration = Field(alias="for")
    valve: str | None = None
    other: str | None = None  # the unit that the material goes to or comes from


class PairText(Section):
    """Two instruments that measure the same."""

    roles: tuple[str, str]
    limit: str = "auto"


class VapourText(Section):
    """Pressure and temperature where vapour alone fills the head space."""

    pressure: str = "PT"
    temperature: str = "TT"
    solvent: Literal["water", "methanol", "ethanol", "acetone", "toluene"] | None = None
    antoine: tuple[float, float, float] | None = None
    phases: tuple[str, ...] = Field(min_length=1)
    limit: str = "2 delta_degC"

    @model_validator(mode="after")
    def _one_solvent(self) -> Self:
        if (self.solvent is None) == (self.antoine is None):
            raise ValueError("needs exactly one of `solvent` and `antoine`")
        return self


class JacketText(Section):
    """The jacket's heat against the heating or cooling rate of the contents."""

    temperature: str = "JT"
    contents: str = "TT"
    volume: str | None = None
    phases: tuple[str, ...] = Field(min_length=1)
    transfer: float | None = Field(default=None, gt=0)
    limit: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.transfer is None) != (self.limit is None):
            raise ValueError("needs both of `transfer` and `limit`, or none of them")
        return self


class TermText(Section):
    """What comes into a level or, negative, leaves it."""

    factor: float
    flow: bool = False
    rollover: float = Field(default=0.0, ge=0)


class BalanceText(Section):
    """A level against totalisers and flows."""

    level: str
    terms: dict[str, TermText] = Field(min_length=1)
    phases: tuple[str, ...] = Field(min_length=1)
    over: Duration = 600_000_000_000
    limit: float | None = Field(default=None, gt=0)


class ChecksText(Section):
    """What a unit's instruments tell of each other."""

    pairs: tuple[PairText, ...] = ()
    vapour: VapourText | None = None
    jacket: JacketText | None = None
    balances: dict[str, BalanceText] = {}
    witnesses: dict[str, tuple[str, ...]] = {}


class ExpectationText(Section):
    """What a phase does to a parameter."""

    above: float | None = None
    below: float | None = None
    rises: str | None = None
    falls: str | None = None
    steady: str | None = None
    until: float | None = None
    after: Duration = 0
    for_: Duration = Field(default=120_000_000_000, alias="for")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if all(each is None for each in (self.above, self.below, self.rises, self.falls, self.steady)):
            raise ValueError("needs one of `above`, `below`, `rises`, `falls` and `steady`")
        return self


class EquipmentText(Section):
    """The tag that tells the state of a unit's equipment."""

    tag: str
    states: dict[str, str] = {}


class UnitText(Section):
    """A piece of equipment that makes batches."""

    template: str | None = None
    source: str | None = None
    batch: BatchTag | None = None
    phase: PhaseTag | None = None
    recipe: str | RecipeTag | None = None
    transfer_in: str | FlowText | None = None
    transfer_out: str | FlowText | None = None
    events: bool = False  # events tell what no tag does
    settle: Duration = 0  # where no `batch` tag says it
    parameters: dict[str, str] = {}
    checks: ChecksText = ChecksText()
    steady: SteadyText | None = None
    equipment: EquipmentText | None = None
