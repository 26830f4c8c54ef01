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

_SMALL = 1e-3
_RESOLUTION = 1e-6  # of the largest value: what is left of subtracting numbers
_LEAST = 1e-12


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

    def update(self, value: float) -> None:
        """Take the next value; one that is not finite tells nothing."""
        self.score, self.told = 0.0, False
        if not math.isfinite(value):
            return
        self._last.append(value)
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

    def _distance_of(self, value: float) -> float:
        known = self._sorted
        if not known:
            return 0.0
        place = bisect_left(known, value)
        above = known[place] - value if place < len(known) else math.inf
        below = value - known[place - 1] if place else math.inf
        return min(above, below)

    def _remember(self, value: float) -> None:
        insort(self._sorted, value)
        self._order.append(value)
        if len(self._order) > self._rule.memory:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]


class _Moving:
    """Mean and standard deviation of the last `size` values, around the first for the sake of precision."""

    def __init__(self, size: int) -> None:
        self._values: deque[float] = deque()
        self._size = size
        self._sum = self._squares = self._around = 0.0

    def add(self, value: float) -> None:
        if not self._values:
            self._around = value
        value -= self._around
        self._values.append(value)
        self._sum += value
        self._squares += value * value
        if len(self._values) > self._size:
            gone = self._values.popleft()
            self._sum -= gone
            self._squares -= gone * gone

    def mean_and_deviation(self) -> tuple[float, float]:
        count = len(self._values)
        if not count:
            return 0.0, 0.0
        mean = self._sum / count
        return mean + self._around, math.sqrt(max(self._squares / count - mean * mean, 0.0))
