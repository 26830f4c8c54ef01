"""What differs from batch to batch, drawn for each batch by itself.

A batch's draws depend on the seed, the unit's name and the batch's number, and on nothing that happened before: a
fault, or another unit, changes none of them. So a run without faults is the counterfactual of one with.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulators.scenario import CampaignPlan

TICK_S: Final = 5  # delays come in whole steps, so that a run in steps of 1 s and one of 5 s agree
_CLEANING: Final = (0.9, 1.3)  # of its usual duration
_LONGEST_PUMPING_DELAY: Final = 0.5  # of the longest delay, until somebody has started a pump


@dataclass(frozen=True, slots=True)
class ReactorDraw:
    """Of one batch in a reactor; shares are of the usual."""

    charge: float  # volume of A's solution
    charge_strength: float
    feed_strength: float
    cleaning: float  # duration
    delay_s: int  # after the cleaning, until somebody has started the next batch


def _generator(seed: int, unit: str, batch_number: int) -> np.random.Generator:
    return np.random.default_rng([seed, batch_number, *unit.encode()])


def _delay_s(random: np.random.Generator, longest_s: float) -> int:
    return TICK_S * int(random.integers(0, int(longest_s) // TICK_S + 1))


def reactor_draw(seed: int, unit: str, batch_number: int, plan: CampaignPlan) -> ReactorDraw:
    """What one batch of a reactor gets."""
    random = _generator(seed, unit, batch_number)
    charge, charge_strength, feed_strength = random.normal(1.0, plan.strength_spread, 3).tolist()
    cleaning = float(random.uniform(*_CLEANING))
    return ReactorDraw(charge, charge_strength, feed_strength, cleaning, _delay_s(random, plan.longest_delay_s))


def pumping_delay_s(seed: int, unit: str, batch_number: int, plan: CampaignPlan) -> int:
    """How long a batch stands ready in a unit until somebody has started the pump."""
    return _delay_s(_generator(seed, unit, batch_number), plan.longest_delay_s * _LONGEST_PUMPING_DELAY)
