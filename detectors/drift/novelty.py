"""An advisory score of one tag: how new its value is. It goes on learning, so it never raises an alarm by itself.

A value is as new as it is far from the nearest of the values seen before, so that daily swings and peaks that come
again are nothing new. That distance, less its mean, is told in units of its standard deviation and a share of the
tag's own spread; once for the value, once for the mean of the last `smooth` values, and the larger one counts. A score
is told only where it is above all scores of the last `rest` rows: the first of a burst, and then what is newer still.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json
from detectors.snapshots import below

_SMALL = 1e-3
_RESOLUTION = 1e-6  # of the largest value: what is left of subtracting numbers
_LEAST = 1e-12
_FARTHEST = 1e100  # its square is still a number


@dataclass(frozen=True, slots=True)
class NoveltyRule:
    """Lengths in rows; the limit in units of the score."""

    memory: int = 5000
    window: int = 4000
    share: float = 0.1
    smooth: int = 60
    rest: int = 200
    warm: int = 60
    limit: float = 0.73


class Novelty:
    """Follows one tag, value by value; `score` and `told` are of the newest. Advisory.

    Nothing is told of the first `warm` rows, nor of the first `quiet` ones.
    """

    def __init__(self, rule: NoveltyRule, quiet: int = 0) -> None:
        self._rule = rule
        self._value = _Nearest(rule)
        self._smoothed = _Nearest(rule)
        self._last: deque[float] = deque(maxlen=rule.smooth)
        self._highest: deque[tuple[int, float]] = deque()  # falling scores of the last `rest` rows
        self._rows = 0
        self._silent = max(quiet, rule.warm)
        self.score = 0.0
        self.told = False
        self.nearest = math.nan  # to the newest value, of those before it

    def update(self, value: float) -> None:
        """Take the next value; one that is no number, or beyond all sense, tells nothing."""
        self.score, self.told = 0.0, False
        if not abs(value) < _FARTHEST:
            return
        value += 0.0  # of the two zeros one
        self._last.append(value)
        self.nearest = self._value.nearest(value)
        new = max(self._value.update(value), self._smoothed.update(math.fsum(self._last) / len(self._last)))
        self._rows += 1
        self._tell(new if self._rows > self._silent else 0.0)

    def _tell(self, new: float) -> None:
        highest = self._highest
        while highest and highest[0][0] < self._rows - self._rule.rest:
            highest.popleft()
        if not highest or new > highest[0][1]:
            self.score = new
            self.told = new >= self._rule.limit
        while highest and highest[-1][1] <= new:
            highest.pop()
        highest.append((self._rows, new))

    def state(self) -> Json:
        """All but the arrays; `score`, `told` and `nearest` are of one value, and not kept."""
        return [self._rows, self._value.state(), self._smoothed.state()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What is remembered."""
        told: dict[str, NDArray[np.generic]] = {
            "last": np.array(self._last),
            "highest": np.array(self._highest, dtype=np.float64).reshape(-1, 2),
        }
        for name, part in (("value", self._value), ("smoothed", self._smoothed)):
            told |= {f"{name}/{key}": array for key, array in part.arrays().items()}
        return told

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._rows, value, smoothed = state
        self._last = deque(arrays["last"].astype(np.float64).tolist(), maxlen=self._rule.smooth)
        self._highest = deque((int(row), score) for row, score in arrays["highest"].astype(np.float64).tolist())
        self._value.load(value, below(arrays, "value"))
        self._smoothed.load(smoothed, below(arrays, "smoothed"))


class _Nearest:
    """The distance to the nearest remembered value, in units of what it usually is."""

    def __init__(self, rule: NoveltyRule) -> None:
        self._rule = rule
        self._sorted: list[float] = []
        self._order: deque[float] = deque()
        self._distance = _Moving(rule.window)
        self._spread = _Moving(rule.window)
        self._largest = 0.0

    def update(self, value: float) -> float:
        distance = self._distance_of(value)
        usual, deviation = self._distance.mean_and_deviation()
        spread = self._spread.mean_and_deviation()[1]
        self._largest = max(self._largest, abs(value))
        unit = deviation + (self._rule.share + _SMALL) * spread + _RESOLUTION * self._largest + _LEAST
        self._distance.add(distance)
        self._spread.add(value)
        self._remember(value)
        return max(distance - usual, 0.0) / unit

    def nearest(self, value: float) -> float:
        """The remembered value that is nearest; NaN where there is none."""
        known = self._sorted
        place = bisect_left(known, value)
        return min(known[max(place - 1, 0) : place + 1], key=lambda each: abs(each - value), default=math.nan)

    def _distance_of(self, value: float) -> float:
        return abs(value - self.nearest(value)) if self._sorted else 0.0

    def _remember(self, value: float) -> None:
        insort(self._sorted, value)
        self._order.append(value)
        if len(self._order) > self._rule.memory:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]

    def state(self) -> Json:
        """The sums: what they lost in precision is kept too."""
        return [self._largest, self._distance.state(), self._spread.state()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The values in their order, and the distances that they had."""
        return {
            "order": np.array(self._order),
            "distance": np.array(self._distance.values),
            "spread": np.array(self._spread.values),
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._largest, distance, spread = state
        self._order = deque(arrays["order"].astype(np.float64).tolist())
        self._sorted = sorted(self._order)
        self._distance.load(distance, arrays["distance"])
        self._spread.load(spread, arrays["spread"])


class _Moving:
    """Mean and standard deviation of the last `size` values, around the first for the sake of precision."""

    def __init__(self, size: int) -> None:
        self.values: deque[float] = deque()
        self._size = size
        self._sum = self._squares = self._around = 0.0

    def add(self, value: float) -> None:
        if not self.values:
            self._around = value
        value -= self._around
        self.values.append(value)
        self._sum += value
        self._squares += value * value
        if len(self.values) > self._size:
            gone = self.values.popleft()
            self._sum -= gone
            self._squares -= gone * gone

    def mean_and_deviation(self) -> tuple[float, float]:
        count = len(self.values)
        if not count:
            return 0.0, 0.0
        mean = self._sum / count
        return mean + self._around, math.sqrt(max(self._squares / count - mean * mean, 0.0))

    def state(self) -> Json:
        """The sums."""
        return [self._sum, self._squares, self._around]

    def load(self, state: Json, values: NDArray[np.generic]) -> None:
        """Take back the sums, and the values that they are of."""
        self._sum, self._squares, self._around = state
        self.values = deque(values.astype(np.float64).tolist())
