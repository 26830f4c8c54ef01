"""The recipe as the plant's own control system runs it: phases, their step codes, and what each sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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


_STIRRED: Final = {"agitator_setpoint": 1.6}
_NEUTRAL: Final = _STIRRED | {"base_enabled": 1.0}

PHASES: Final = (
    RecipePhase("charge", 10, 20 * _MINUTE_S, _STIRRED | {"charge_flow": 1.25e-3}),
    RecipePhase("heat", 15, 50 * _MINUTE_S, _NEUTRAL, HOT_K, 35 * _MINUTE_S),
    RecipePhase("dose", 20, 180 * _MINUTE_S, _NEUTRAL | {"feed_opening": 1.0}, HOT_K),
    RecipePhase("react", 30, 90 * _MINUTE_S, _NEUTRAL, HOT_K),
    RecipePhase("cool", 40, 60 * _MINUTE_S, _NEUTRAL, COLD_K, 45 * _MINUTE_S),
    RecipePhase("transfer", 50, 27 * _MINUTE_S, _STIRRED | {"transfer_opening": 1.0}),
    RecipePhase("clean", 60, 40 * _MINUTE_S, {"rinse_flow": 5.0e-4}),
    RecipePhase("idle", 0, 20 * _MINUTE_S, {}),
)
"""One cycle of a reactor; a batch is everything up to the end of `transfer`."""

IDLE: Final = len(PHASES) - 1
FIRST_OF_CLEANING: Final = next(index for index, phase in enumerate(PHASES) if phase.name == "clean")


def seconds_until(name: str) -> int:
    """Seconds from the start of a batch to the start of one of its phases."""
    names = [phase.name for phase in PHASES]
    return sum(phase.lasts_s for phase in PHASES[: names.index(name)])
