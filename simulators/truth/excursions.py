"""Follows true values over the limits of their phases: onset and end are the interpolated crossings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.truth.limits import KINDS, Array, Limits

SHORTEST_S: Final = 60
"""What lasts less long cannot be told from chance."""

_SIDES: Final = ("low", "high")
_Mask = NDArray[np.bool_]


@dataclass(slots=True)
class Excursion:
    """One stay of a tag's true value beyond a limit; seconds of the campaign, `end_s` None: it is still there."""

    column: int
    kind: str  # nor, validated, par
    side: str
    limit: float
    onset_s: float
    end_s: float | None = None
    furthest: float = 0.0  # beyond the limit, at most

    @property
    def what(self) -> str:
        """`validated.high`."""
        return f"{self.kind}.{self.side}"

    def lasted_s(self, now_s: float) -> float:
        """How long it has lasted up to now."""
        return (now_s if self.end_s is None else self.end_s) - self.onset_s


class Excursions:
    """All excursions that are open. `began` is told of each at its onset; its end is written into it.

    `limits` are those that hold at the second of `advance`; a range that goes, at the end of its phase, ends what was
    outside it at that second.
    """

    def __init__(self, limits: Limits, began: Callable[[Excursion], None]) -> None:
        shape = (len(_SIDES), *limits.low.shape)
        self.outside: _Mask = np.zeros(shape, np.bool_)
        self._limits = limits
        self._began = began
        self._open: dict[tuple[int, int, int], Excursion] = {}  # side, kind, column
        self._second, self._value = 0, np.empty(0)

    def leave(self, columns: Sequence[int], second: int) -> None:
        """The phase that these tags' ranges belong to ended at a second."""
        for place in [each for each in self._open if each[2] in columns]:
            self._close(place, second)
        self.outside[:, :, list(columns)] = False

    def advance(self, second: int, value: Array) -> None:
        """Take the true values at a second."""
        low, high = self._limits.low, self._limits.high
        outside = np.stack((~(value >= low) & np.isfinite(low), ~(value <= high) & np.isfinite(high)))
        for side, kind, column in np.argwhere(outside != self.outside).tolist():
            place = (side, kind, column)
            if outside[place]:
                self._begin(place, second, value)
            else:
                self._close(place, self._crossing(place, second, value))
        for (_, _, column), each in self._open.items():
            each.furthest = max(each.furthest, abs(float(value[column]) - each.limit))
        self.outside, self._second, self._value = outside, second, value.copy()

    def _begin(self, place: tuple[int, int, int], second: int, value: Array) -> None:
        side, kind, column = place
        limit = float((self._limits.low, self._limits.high)[side][kind, column])
        held_since_s = int(self._limits.since_s[column])
        onset_s = max(self._crossing(place, second, value), float(held_since_s)) if len(self._value) else float(second)
        excursion = Excursion(column, KINDS[kind], _SIDES[side], limit, onset_s)
        self._open[place] = excursion
        self._began(excursion)

    def _crossing(self, place: tuple[int, int, int], second: int, value: Array) -> float:
        """Where the straight line from the last value to this one meets the limit; the last second if it was beyond."""
        side, kind, column = place
        excursion = self._open.get(place)
        limit = float((self._limits.low, self._limits.high)[side][kind, column])
        limit = limit if excursion is None else excursion.limit
        before, now = float(self._value[column]), float(value[column])
        if not min(before, now) <= limit <= max(before, now) or now == before:
            return float(self._second)
        return self._second + (limit - before) / (now - before) * (second - self._second)

    def _close(self, place: tuple[int, int, int], end_s: float) -> None:
        excursion = self._open.pop(place)
        excursion.end_s = max(end_s, excursion.onset_s)
