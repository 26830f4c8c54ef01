"""How sure a figure is: what else it might have been with other files of the same kind, or other luck."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from service.bench.bounds import rate, share
from tests.bench.detection.section import Figure

DRAWS = 2000
_ENDS = (2.5, 97.5)
_SEED = 5


def drawn(
    counts: NDArray[np.float64], groups: Sequence[str], figure: Callable[[NDArray[np.float64]], float | None]
) -> Figure:
    """A figure of summed counts, with the 95 % interval of drawing the files anew, group by group.

    `counts` has a row per file, columns as `figure` takes their sum. A group keeps its number of files: groups are what the
    set is made of, files what chance has chosen. With one file nothing can be said of others.
    """
    value = figure(counts.sum(axis=0)) if len(counts) else None
    if value is None or len(counts) < 2:
        return Figure(value)
    random = np.random.default_rng(_SEED)
    sums = np.zeros((DRAWS, counts.shape[1]))
    for name in sorted(set(groups)):
        own = counts[np.array([group == name for group in groups])]
        sums += own[random.integers(0, len(own), (DRAWS, len(own)))].sum(axis=1)
    values = [each for each in map(figure, sums) if each is not None]
    low, high = np.percentile(values, _ENDS)
    return Figure(value, float(low), float(high))


def shared(hits: int, trials: int, times: float = 1.0) -> Figure:
    """A share with Clopper and Pearson's bounds, each right 95 times of 100."""
    proven = share(hits, trials)
    if proven.value is None:
        return Figure(None)
    return Figure(times * proven.value, times * proven.at_least, times * proven.at_most)


def rated(count: int, exposure: float) -> Figure:
    """Events per one of exposure with exact Poisson bounds, each right 95 times of 100."""
    proven = rate(count, exposure)
    return Figure(proven.per_one, proven.at_least, proven.at_most)
