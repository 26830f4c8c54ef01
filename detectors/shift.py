"""A unit that is no longer as it was: a frozen reference, one score over all tags, an alarm that knows when it is over.

What each tag's short average strays from its level in the reference is measured by how much it strayed there
(`detectors.tails`). The unit's score is the root mean square over its tags. The alarm begins where the score passes
`on`. It ends when what is left stays under `off` for `hold` rows: a tag that has come back from most of its excursion
no longer counts, for the unit may settle at another level than before. That level is the baseline from then on;
spreads and degrees of freedom are never learnt again.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from detectors.tails import Column, correlation_time, normal_equivalent

_WARM = 50  # rows of a reference whose short average still comes from its start
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class ShiftRule:
    """The limits, in normal deviates; times in rows."""

    average: float = 0.2  # share of the newest row in the short average
    on: float = 2.5
    off: float = 1.9
    hold: int = 15
    back: float = 0.4  # a tag this near to its baseline, of its peak, has come back
    gone: float = 3.0  # and it must have been this far
    peak: float = 0.1  # share of the newest row in the average whose most is the peak
    settle: int = 30  # rows after an alarm in which the baseline still moves
    relearn: float = 0.1
    caution: float = 2.0  # times `on`, while the baseline moves


@dataclass(frozen=True, slots=True, eq=False)
class ShiftReference:
    """What normal is, by tag: frozen."""

    level: Column
    stray: Column
    freedom: Column
    newest: Column  # the short average at the end

    @classmethod
    def learn(cls, rows: Column, rule: ShiftRule) -> Self:
        """From normal rows (rows, tags), at least two, all of them finite."""
        level = rows.mean(axis=0)
        newest = rows[:_WARM].mean(axis=0)
        strayed = np.empty_like(rows)
        for at, row in enumerate(rows):
            newest = newest + rule.average * (row - newest)
            strayed[at] = newest - level
        known = strayed[min(_WARM, len(rows) // 2) :]
        stray = np.maximum(np.sqrt((known**2).mean(axis=0)), _LEAST)
        freedom = np.maximum(len(rows) / correlation_time(rows) - 1.0, 1.0)
        return cls(level, stray, freedom, newest)


class Shift:
    """Follows one unit, row by row; `score` and `alarm` are of the newest row."""

    def __init__(self, reference: ShiftReference, rule: ShiftRule) -> None:
        self._reference, self._rule = reference, rule
        self._level = reference.level
        self._average = reference.newest
        self._slow = np.zeros_like(self._level)
        self._peak = np.zeros_like(self._level)
        self._quiet = 0
        self._settling = 0
        self.score = 0.0
        self.alarm = False

    def update(self, row: Column) -> None:
        """Take the next row; a cell that is not finite leaves its tag where it was."""
        rule = self._rule
        row = np.where(np.isfinite(row), row, self._average)
        self._average = self._average + rule.average * (row - self._average)
        strayed = np.abs(self._average - self._level) / self._reference.stray
        deviate = normal_equivalent(strayed, self._reference.freedom)
        self.score = _rms(deviate)
        limit = rule.on * (rule.caution if self._settling else 1.0)
        if self.alarm or self.score > limit:
            self.alarm = True
            self._quiet = self._quiet + 1 if self._left(strayed, deviate) < rule.off else 0
        self._settling = max(self._settling - 1, 0)
        if self._quiet >= rule.hold:
            self._end()
        if self._settling:
            self._level = self._level + rule.relearn * (row - self._level)

    def _left(self, strayed: Column, deviate: Column) -> float:
        """What the score is without the tags that have come back."""
        rule = self._rule
        self._slow = self._slow + rule.peak * (strayed - self._slow)  # short peaks are none
        self._peak = np.maximum(self._peak, self._slow)
        gone = normal_equivalent(self._peak, self._reference.freedom) > rule.gone
        back = gone & (strayed < rule.back * self._peak)
        return _rms(np.where(back, 0.0, deviate))

    def _end(self) -> None:
        self.alarm = False
        self._quiet = 0
        self._slow = np.zeros_like(self._slow)
        self._peak = np.zeros_like(self._peak)
        self._level = self._average
        self._settling = self._rule.settle


def _rms(deviate: Column) -> float:
    return float(np.sqrt((deviate * deviate).mean()))
