"""How much each tag scatters, from second differences, and whether that is as usual in its phase.

A second difference `x0 - 2 x1 + x2` of three readings at equal distances knows nothing of level and slope; of white
noise it has the deviation `sigma √6`. The mean of the smallest 27 of 30 of them in a row, divided by what it is for a
sigma of 1 (`UNIT`, by simulation), is a window's sigma; a spike spoils no more than three. Its logarithm has the
deviation `DEVIATION` for white noise; where a tag's own windows differ more, theirs is taken.

The first `MOST_WINDOWS` of a phase are learnt, then the scatter is frozen. From `LEAST_WINDOWS` on a window is judged,
and the mean of the last four: changed is what is at least halved or doubled, and beyond what chance does once in a
million windows (its lower tail is longer: `Z_LOW`, `Z_HIGH`, by simulation). Not judged are a tag that did not scatter
in some window (a counter), and one that scatters less than its readings are coarse.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Index, Mask, grown

WINDOW: Final = 30
LEAST_WINDOWS: Final = 2
MOST_WINDOWS: Final = 20
UNIT: Final = 1.6404
BIAS: Final = -0.0209  # mean of the logarithm
DEVIATION: Final = 0.2058
Z_LOW: Final = 5.5
Z_HIGH: Final = 4.5
FACTOR: Final = 2.0

_TOGETHER: Final = 4
_TRIMMED: Final = 3
_OWN_FROM: Final = 8  # windows from which on a tag's own deviation is known

Values = NDArray[np.float64]


class Scatter:
    """Windows of second differences by tag, and the usual scatter by place."""

    by_tag = ("total", "top", "count", "recent")
    by_place = ("windows", "mean", "square", "still", "largest", "step", "grain")

    def __init__(self) -> None:
        self.total: Values = np.empty(0)
        self.top: Values = np.empty((_TRIMMED, 0))
        self.count: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.recent: Values = np.empty((0, _TOGETHER))
        self.windows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.mean: Values = np.empty(0)
        self.square: Values = np.empty(0)
        self.still: Mask = np.empty(0, dtype=np.bool_)
        self.largest: Values = np.empty(0)
        self.step: Values = np.empty(0)
        """By place: the second largest change between two readings that was learnt; the largest may be a mishap."""
        self.grain: Values = np.empty(0)
        """By place: the smallest change between two readings that was learnt, other than none."""
        self._sigma: Values = np.empty(0)
        self.far: Values = np.empty(0)
        """By place: readings whose second difference is below this many sigmas need no closer look; -1: all need it."""

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self.total = grown(self.total, size, 0.0)
        self.count = grown(self.count, size, 0)
        self.top = np.array([grown(each, len(self.total), 0.0) for each in self.top])
        self.recent = _longer(self.recent, len(self.total), np.nan)

    def grow_places(self, size: int) -> None:
        """Make room for places."""
        self.windows = grown(self.windows, size, 0)
        self.mean = grown(self.mean, size, 0.0)
        self.square = grown(self.square, size, 0.0)
        self.still = grown(self.still, size, fill=False)
        self.largest = grown(self.largest, size, 0.0)
        self.step = grown(self.step, size, 0.0)
        self.grain = grown(self.grain, size, np.inf)
        self._sigma = grown(self._sigma, size, np.nan)
        self.far = grown(self.far, size, -1.0)

    def begin(self, tag: int) -> None:
        """Begin a tag's windows anew."""
        self.total[tag] = self.count[tag] = 0
        self.top[:, tag] = 0.0
        self.recent[tag] = np.nan

    def sigma(self, place: Index) -> Values:
        """The usual deviation of white noise at each place; NaN where it is not known."""
        return self._sigma[place]

    def _refresh(self, place: "Index | slice") -> None:
        """Derive the usual deviation of places of which more is known."""
        windows = self.windows[place]
        known = (windows >= LEAST_WINDOWS) & ~self.still[place]
        sigma = np.where(known, np.exp(self.mean[place]), np.nan)
        self._sigma[place] = sigma
        self.far[place] = np.where(windows < MOST_WINDOWS, -1.0, np.where(known, sigma, np.inf))

    def is_learning(self, place: Index) -> Mask:
        """Whether the scatter of each place is still learnt."""
        learning: Mask = self.windows[place] < MOST_WINDOWS
        return learning

    def learn_change(self, place: Index, change: Values) -> None:
        """Take note of changes between two readings of distinct places, while their scatter is learnt."""
        learning = self.is_learning(place)
        if not np.count_nonzero(learning):
            return
        place, change = place[learning], change[learning]
        self.step[place] = np.maximum(self.step[place], np.minimum(self.largest[place], change))
        self.largest[place] = np.maximum(self.largest[place], change)
        moved = change > 0.0
        np.minimum.at(self.grain, place[moved], change[moved])

    def add(self, tag: Index, size: Values) -> Index:
        """Add a second difference to each of these distinct tags; return the places in `tag` of windows now full."""
        self.total[tag] += size
        self.count[tag] += 1
        for top in self.top:
            before = top[tag]
            top[tag] = np.maximum(before, size)
            size = np.minimum(before, size)
        full: Index = (self.count[tag] == WINDOW).nonzero()[0]
        return full

    def add_slice(self, at: slice, size: Values, even: Mask) -> Index:
        """`add` of neighbouring tags; `size` is 0 where it is not `even`, and overwritten."""
        count = self.count[at]
        self.total[at] += size
        count += even
        for top in self.top:
            before = top[at].copy()
            np.maximum(before, size, out=top[at])
            np.minimum(before, size, out=size)
        full: Index = (even & (count == WINDOW)).nonzero()[0]
        return full

    def close(self, tag: Index) -> Values:
        """Take the logarithm of the full windows' sigma, and begin the next; -inf where nothing scattered."""
        top = self.top[:, tag]
        kept = np.maximum(self.total[tag] - (top[0] + top[1] + top[2]), 0.0)
        self.total[tag], self.count[tag] = 0.0, 0
        self.top[:, tag] = 0.0
        with np.errstate(divide="ignore"):
            told: Values = np.log(kept / ((WINDOW - _TRIMMED) * UNIT)) - BIAS
        # A sum less its largest parts leaves some rounding where nothing scattered.
        told[kept < 1e-12] = -np.inf
        self.recent[tag, 1:] = self.recent[tag, :-1]
        self.recent[tag, 0] = told
        return told

    def ratio(self, tag: Index, place: Index, told: Values) -> Values:
        """By how much each scatter has changed, as a factor; 1 where that is not beyond chance, or not known."""
        windows = self.windows[place]
        spread = DEVIATION
        own = np.sqrt(self.square[place] / np.maximum(windows - 1, 1))
        sigma = np.where(windows >= _OWN_FROM, np.maximum(own, spread), spread)
        known = (windows >= LEAST_WINDOWS) & ~self.still[place]
        known &= np.exp(self.mean[place]) > self.grain[place]
        together = self.recent[tag].mean(axis=1)
        factor = np.ones(len(tag))
        for value, number in ((together, _TOGETHER), (told, 1)):
            away = value - self.mean[place]
            error = sigma * np.sqrt(1.0 / number + 1.0 / np.maximum(windows, 1))
            told_so = known & ((away >= Z_HIGH * error) | (away <= -Z_LOW * error)) & (np.abs(away) >= np.log(FACTOR))
            factor = np.where(told_so, np.exp(np.maximum(away, -50.0)), factor)
        return factor

    def learn(self, place: Index, told: Values) -> None:
        """Learn full windows of distinct places, until enough are known."""
        learning = self.windows[place] < MOST_WINDOWS
        place, told = place[learning], told[learning]
        self.still[place] |= told == -np.inf
        told = np.where(told == -np.inf, self.mean[place], told)
        self.windows[place] += 1
        away = told - self.mean[place]
        self.mean[place] += away / self.windows[place]
        self.square[place] += away * (told - self.mean[place])
        self._refresh(place)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of it."""
        return {name: getattr(self, name) for name in (*self.by_tag, *self.by_place)} | {"top": self.top.T}

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told."""
        for name in self.by_tag:
            setattr(self, name, arrays[name].astype(getattr(self, name).dtype))
        self.top = np.ascontiguousarray(self.top.T)
        self.load_places(arrays)

    def load_places(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told of the places."""
        for name in self.by_place:
            setattr(self, name, arrays[name].astype(getattr(self, name).dtype))
        self._sigma = np.full(len(self.mean), np.nan)
        self.far = np.full(len(self.mean), -1.0)
        self._refresh(slice(None))


def _longer(array: Values, size: int, fill: float) -> Values:
    if len(array) >= size:
        return array
    longer = np.full((size, array.shape[1]), fill)
    longer[: len(array)] = array
    return longer
