"""The recipe as the plant's own control system runs it: phases, their step codes, and what each sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulators.layout import Layout

COLD_K: Final = 293.15
HOT_K: Final = 333.15
_MINUTE_S: Final = 60

RESTING: Final[Mapping[str, float]] = {
    "charge_flow": 0.0,
    "feed_opening": 0.0,
    "base_enabled": 0.0,
    "transfer_opening": 0.0,
    "rinse_flow": 0.0,
    "agitator_setpoint": 0.0,
}
"""Parameters of a reactor at rest; each phase says only what differs."""


@dataclass(frozen=True, slots=True)
class RecipePhase:
    """One phase: `settings` are parameters that hold during it; the set point goes to `temperature` in `ramp_s`."""

    name: str
    code: int  # value of the STEP tag
    lasts_s: int
    settings: Mapping[str, float]
    temperature: float = COLD_K
    ramp_s: int = 0
    operation: str = ""  # ISA-88: what the OPERATION tag says; empty between batches


_STIRRED: Final = {"agitator_setpoint": 1.6}
_NEUTRAL: Final = _STIRRED | {"base_enabled": 1.0}
_PREPARE: Final = "PREPARATION"
_REACT: Final = "REACTION"
_WORK_UP: Final = "WORK-UP"

PHASES: Final = (
    RecipePhase("charge", 10, 20 * _MINUTE_S, _STIRRED | {"charge_flow": 1.25e-3}, operation=_PREPARE),
    RecipePhase("heat", 15, 50 * _MINUTE_S, _NEUTRAL, HOT_K, 35 * _MINUTE_S, _PREPARE),
    RecipePhase("dose", 20, 180 * _MINUTE_S, _NEUTRAL | {"feed_opening": 1.0}, HOT_K, operation=_REACT),
    RecipePhase("react", 30, 90 * _MINUTE_S, _NEUTRAL, HOT_K, operation=_REACT),
    RecipePhase("cool", 40, 60 * _MINUTE_S, _NEUTRAL, COLD_K, 45 * _MINUTE_S, _WORK_UP),
    RecipePhase("transfer", 50, 27 * _MINUTE_S, _STIRRED | {"transfer_opening": 1.0}, operation=_WORK_UP),
    RecipePhase("clean", 60, 40 * _MINUTE_S, {"rinse_flow": 5.0e-4}, operation="CLEANING"),
    RecipePhase("idle", 0, 20 * _MINUTE_S, {}),
)
"""One cycle of a reactor; a batch is everything up to the end of `transfer`."""


HOLDING: Final = (
    RecipePhase("fill", 10, 0, {}),
    RecipePhase("wait", 20, 0, {}),
    RecipePhase("empty", 30, 0, {"outlet_opening": 1.0}),
    RecipePhase("idle", 0, 0, {}),
)
"""One cycle of a hold tank; how long it waits is the campaign's plan."""

_WARM_JACKET_K: Final = 338.15
_SEEDING_JACKET_K: Final = 316.65

CRYSTALLISATION: Final = (
    RecipePhase("fill", 10, 0, {}, _WARM_JACKET_K),
    RecipePhase("dissolve", 15, 30 * _MINUTE_S, {}, _WARM_JACKET_K),
    RecipePhase("seed", 20, 35 * _MINUTE_S, {}, _SEEDING_JACKET_K),
    RecipePhase("cool", 30, 95 * _MINUTE_S, {}, 278.15, 80 * _MINUTE_S),
    RecipePhase("isolate", 40, 0, {"discharge_opening": 1.0}, 278.15),
    RecipePhase("idle", 0, 0, {}),
)
"""One cycle of a crystalliser; `temperature` is its jacket's. `fill` and `isolate` last until a vessel is empty."""

SEED_AFTER_S: Final = 22 * _MINUTE_S
"""When in the phase `seed` the crystals are put in: the batch is just below saturation, which is at 49 degC."""

SEED_FOR_S: Final = _MINUTE_S

DISTILLATION: Final = (
    RecipePhase("charge", 10, 0, {}),
    RecipePhase("distil", 20, 240 * _MINUTE_S, {"still_duty": 300e3}),
    RecipePhase("empty", 30, 30 * _MINUTE_S, {"receiver_opening": 1.0, "residue_opening": 1.0}),
    RecipePhase("idle", 0, 0, {}),
)
"""One cycle of a still. `charge` lasts until the crystalliser is empty, `distil` to its end point, but not longer."""

DISTILLED_K: Final = 364.15
"""The end point: by the pot's temperature little methanol is left."""


@dataclass(frozen=True, slots=True)
class TrueRanges:
    """The ranges of one tag role in one phase, plant units; None: no such side. They nest: NOR in validated in PAR."""

    nor: tuple[float | None, float | None] = (None, None)
    validated: tuple[float | None, float | None] = (None, None)
    par: tuple[float | None, float | None] = (None, None)
    after_s: int = 0  # the range holds from so long after the phase's start


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a product asks for: the phases of each unit, the reactor's ranges by (phase, tag role), the hold's limit."""

    product: str
    phases: tuple[RecipePhase, ...]
    ranges: Mapping[tuple[str, str], TrueRanges]
    hold_limit_s: int  # of an intermediate in its hold tank, wall time
    crystallisation: tuple[RecipePhase, ...] = CRYSTALLISATION
    distillation: tuple[RecipePhase, ...] = DISTILLATION
    seed_after_s: int = SEED_AFTER_S  # of the phase `seed`
    distilled_k: float = DISTILLED_K
    warm_above_c: float = 15.0  # in its hold tank an intermediate keeps well below
    warm_limit_s: int = 3600  # above that
    slurry_limit_s: int = 2 * 3600  # what tank and crystalliser may take together, beyond the hold's limit

    @property
    def waiting_limit_s(self) -> int:
        """How long a batch may wait altogether: in its hold tank, and from its seeding until it is isolated."""
        return self.hold_limit_s + self.slurry_limit_s


USUAL: Final = Recipe(
    "API-1",
    PHASES,
    {
        ("heat", "TT"): TrueRanges(validated=(None, 65.0)),
        ("heat", "PT"): TrueRanges(validated=(0.1, 0.5), after_s=5 * _MINUTE_S),
        ("dose", "TT"): TrueRanges((58.5, 63.0), (57.0, 65.0), (50.0, 70.0)),
        ("dose", "PT"): TrueRanges((0.2, 0.4), (0.1, 0.5)),
        ("dose", "AT"): TrueRanges((7.3, 7.7), (7.2, 7.8), (7.0, 8.2)),
        ("react", "TT"): TrueRanges((58.0, 62.0), (57.0, 65.0), (50.0, 70.0)),
        ("react", "PT"): TrueRanges((0.2, 0.4), (0.1, 0.5)),
        ("react", "AT"): TrueRanges((7.3, 7.7), (7.2, 7.8), (7.0, 8.2), after_s=10 * _MINUTE_S),
        ("cool", "TT"): TrueRanges(validated=(None, 65.0)),
        ("cool", "PT"): TrueRanges(validated=(0.1, 0.5), after_s=5 * _MINUTE_S),
    },
    hold_limit_s=4 * 3600,
)
"""The product that the plant makes unless a scenario says otherwise; figures as in the demo's configuration."""


def seconds_until(name: str, phases: tuple[RecipePhase, ...] = PHASES) -> int:
    """Seconds from the start of a batch to the start of one of its phases."""
    names = [phase.name for phase in phases]
    return sum(phase.lasts_s for phase in phases[: names.index(name)])


def phases_of(layout: Layout, recipe: Recipe, unit: str) -> tuple[RecipePhase, ...]:
    """The phases that a unit goes through, in order, rest last; KeyError."""
    if unit in layout.reactors:
        return recipe.phases
    line = layout.lines[layout.line_of(unit)]
    return {line.tank: HOLDING, line.crystalliser: recipe.crystallisation, line.still: recipe.distillation}[unit]
