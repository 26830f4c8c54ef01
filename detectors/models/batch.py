"""Whether a batch goes as the batches before it went: a tube around their course, and features at the phase's end.

**Tube.** At each time into the phase every tag has a mean and a spread over the batches that the model was fitted on.
The statistic is the largest deviation of any tag, in spreads. Where nothing tells how far a batch has come, its place
is found by dynamic time warping that looks back only: each row stays, goes on by one or by two places of the course, at
the least total cost so far (the asymmetric steps of Sakoe and Chiba, 1978, with an open end).

**Features.** A phase is told by the mean of each tag and by the logarithm of its mean absolute deviation: one spike
says little in either. A batch is compared with the mean of the batches before it in its campaign, never with itself or
with later ones, and not at all until there are enough of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.models.multivariate import LEAST_SHARE, Contribution, Numbers

Known = NDArray[np.bool_]

_FARTHEST = 1e150  # its square is still a number


@dataclass(frozen=True, slots=True)
class References:
    """Which batches before one it is compared with: the newest `most` of its campaign, and none below `least`."""

    least: int = 5
    most: int = 10


@dataclass(frozen=True, eq=False)
class BatchModel:
    """A fitted phase of d tags; T rows of it are known, and there are 2·d features. Everything in it is an array.

    `feature_scale` is the spread of a feature around the mean of the batches before it. `resolution` is the step in
    which a tag's value comes: no spread is told finer than a quarter of it.
    """

    resolution: Numbers  # (d,), in the tags' units
    course: Numbers  # (T, d): the tube's middle
    spread: Numbers  # (T, d)
    feature_mean: Numbers  # (2·d,), of the batches that the course was made of
    feature_scale: Numbers  # (2·d,)
    limits: Numbers  # (2,): of the tube and of the features, in spreads

    @property
    def tags(self) -> int:
        """How many tags there are."""
        return len(self.resolution)


TUBE, FEATURE = 0, 1


def features(rows: Numbers, known: Known, resolution: Numbers) -> Numbers:
    """The features of one phase, (2·d,): means, then logarithms of mean absolute deviations; NaN: nothing is known.

    `rows`, `known`: (n, d).
    """
    count = known.sum(axis=0)
    there = np.where(known, rows, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = there.sum(axis=0) / count
        off = np.where(known, np.abs(rows - mean), 0.0).sum(axis=0) / count
    return np.concatenate([mean, np.log(off + resolution / 4.0)])


def feature_floor(resolution: Numbers) -> Numbers:
    """The least spread of a feature that matters: a tenth of the resolution, and a twentieth of a deviation's size."""
    return np.concatenate([resolution / 10.0, np.full(len(resolution), 0.05)])


def deviation(found: Numbers, before: Numbers) -> Numbers:
    """By how much features differ from the mean of those before, `before` (n, 2·d), as if that mean were certain."""
    with np.errstate(invalid="ignore"):
        off: Numbers = (found - before.mean(axis=0)) / math.sqrt(1.0 + 1.0 / len(before))
    return off


def largest(deviations: Numbers) -> float:
    """The largest deviation, in spreads; NaN where none is known."""
    known = np.abs(deviations[np.isfinite(deviations)])
    return float(known.max()) if len(known) else math.nan


def most_off(deviations: Numbers, spreads: Numbers, most: int = 3) -> list[Contribution]:
    """Which columns make a deviation what it is, the largest first; shares of the sum of squares."""
    # A reading of 1e300 is as far off as can be; its square is no number any more.
    squares = np.square(np.clip(np.nan_to_num(deviations), -_FARTHEST, _FARTHEST))
    total = max(float(squares.sum()), np.finfo(float).tiny)
    order = np.argsort(-squares, kind="stable")[:most]
    named = [
        Contribution(int(each), float(squares[each] / total), float(deviations[each] * spreads[each])) for each in order
    ]
    return [each for number, each in enumerate(named) if each.share >= LEAST_SHARE or (number == 0 and each.share > 0)]


class Aligner:
    """Where in a course the newest row is, by time warping that looks back only."""

    def __init__(self, course: Numbers, spread: Numbers) -> None:
        self._course, self._spread = course, spread
        self.cost = self.begin()

    def begin(self) -> Numbers:
        """The costs of a batch that begins: it begins at the course's first rows."""
        cost = np.full(len(self._course), np.inf)
        cost[:2] = 0.0
        return cost

    def place(self, row: Numbers, known: Known) -> int:
        """Take the next row; return its place in the course."""
        off = np.where(known, (row - self._course) / self._spread, 0.0)
        # A tag that is far out must not drag the batch to another time.
        local = np.minimum(np.square(off), 9.0).sum(axis=1)
        best = self.cost.copy()
        np.minimum(best[1:], self.cost[:-1], out=best[1:])
        np.minimum(best[2:], self.cost[:-2], out=best[2:])
        self.cost = best + local
        return int(self.cost.argmin())


def student_quantile(tail: float, freedom: int) -> float:
    """The value that Student's t exceeds in absolute terms with this probability.

    With t = √n·tan θ the probability beyond t is the integral of cosⁿ⁻¹ beyond θ, over that from 0 to π/2.
    """
    theta = np.linspace(0.0, math.pi / 2, 40_001)
    density = np.cos(theta) ** (freedom - 1)
    beyond = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1])[::-1])])[::-1]
    return math.sqrt(freedom) * math.tan(float(np.interp(-tail * beyond[0], -beyond, theta)))


def feature_limit(alpha: float, columns: int, freedom: int) -> float:
    """The limit that the largest of many deviations exceeds with probability `alpha` at most (Bonferroni)."""
    return student_quantile(alpha / columns, freedom)


def deviations_from_before(campaign: Sequence[Numbers], references: References, least: int) -> list[Numbers]:
    """Each batch's deviation from those before it in its campaign; those with fewer than `least` before have none."""
    return [
        deviation(campaign[number], np.stack(campaign[max(0, number - references.most) : number]))
        for number in range(least, len(campaign))
    ]
