"""The normal phase profile: what each tag really is, and reports, at each moment of each phase of a normal batch.

Normal batches of the same plant, product and plan run with other seeds, several plants side by side. Their values are
aligned by the time in their phase. A profile is the band of the mean ± k standard deviations; where first and later
batches differ (a cold plant, a fouled jacket) each has its own, and the profile is the widest of them. The standard
deviation is that of the batches, but at least the instrument's; k stands for 3 that are known for sure: it is Student's
quantile for as many batches as there are, for one batch more (Cornish and Fisher's series, Abramowitz and Stegun
26.7.5).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GRID_S: Final = 10
"""A profile has a point so often."""

SIGMAS: Final = 3.0
_HOLDS_ON: Final = 6  # rows: the last one, for a phase that ends a moment later


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """The normal values of a unit's tags in one phase: a row per `GRID_S`, a column per tag in the unit's order.

    `longest_s` is how long the phase lasts at most.
    """

    true_low: Array
    true_high: Array
    reported_low: Array
    reported_high: Array
    longest_s: float

    def row(self, since_s: int) -> int | None:
        """The row that holds so long into the phase; None: more than a minute after its end nothing is normal."""
        last = len(self.true_low) - 1
        row = since_s // GRID_S
        return min(row, last) if row <= last + _HOLDS_ON else None


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The bands by (unit, phase); a tag that only counts up, or has no normal, is between infinities."""

    bands: Mapping[tuple[str, str], Band]

    def band(self, unit: str, phase: str) -> Band | None:
        """The band of a phase; None: no normal batch has come there."""
        return self.bands.get((unit, phase))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One phase of one normal batch: a row per `GRID_S`, a column per tag of its unit."""

    true: Array
    reported: Array
    lasted_s: float


def band(generations: Sequence[Sequence[Run]], sigma: Array) -> Band:
    """The band of one phase from its runs in first, second … batches; `sigma` is the least that any tag has.

    A generation with less than 3 runs tells no spread and is left out; ValueError: none is left.
    """
    told = [runs for runs in generations if len(runs) > 2]
    if not told:
        raise ValueError("no phase has run often enough to tell what is normal")
    rows = max(_rows(runs) for runs in told)
    true = [_stripe([run.true for run in runs], rows, sigma) for runs in told]
    reported = [_stripe([run.reported for run in runs], rows, sigma) for runs in told]
    return Band(
        true_low=np.min([low for low, _ in true], axis=0),
        true_high=np.max([high for _, high in true], axis=0),
        reported_low=np.min([low for low, _ in reported], axis=0),
        reported_high=np.max([high for _, high in reported], axis=0),
        longest_s=max(_longest_s(runs) for runs in told),
    )


def student(count: int, sigmas: float = SIGMAS) -> float:
    """How many standard deviations of `count` batches stand for `sigmas` of all batches, for one batch more."""
    freedom = count - 1
    first = (sigmas**3 + sigmas) / (4 * freedom)
    second = (5 * sigmas**5 + 16 * sigmas**3 + 3 * sigmas) / (96 * freedom**2)
    third = (3 * sigmas**7 + 19 * sigmas**5 + 17 * sigmas**3 - 15 * sigmas) / (384 * freedom**3)
    return (sigmas + first + second + third) * math.sqrt(1 + 1 / count)


def _rows(runs: Sequence[Run]) -> int:
    """As long as the middle one of the runs: what only the longest reach says too little."""
    return int(np.median([len(run.true) for run in runs]))


def _longest_s(runs: Sequence[Run]) -> float:
    lasted = np.array([run.lasted_s for run in runs])
    return float(max(lasted.max(), lasted.mean() + student(len(runs)) * lasted.std(ddof=1)))


def _stripe(runs: Sequence[Array], rows: int, sigma: Array) -> tuple[Array, Array]:
    """Low and high of the band; each row is as wide as its neighbours, for steps that come a moment sooner or later."""
    values = np.stack([run[np.minimum(np.arange(rows), len(run) - 1)] for run in runs])
    half = student(len(runs)) * np.maximum(values.std(axis=0, ddof=1), sigma)
    mean = values.mean(axis=0)
    return _neighbours(mean - half, np.minimum), _neighbours(mean + half, np.maximum)


def _neighbours(edge: Array, widest: np.ufunc) -> Array:
    wide = edge.copy()
    wide[1:] = widest(wide[1:], edge[:-1])
    wide[:-1] = widest(wide[:-1], edge[1:])
    return wide
